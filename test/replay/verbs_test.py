#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verbs explain, why and replay say: `verbs_test.py COTURN_GUARD`. Needs no root.

The real binary over real logs of test/data, and over lines written here for rules written here, so that points and
windows are known. Prints TAP.
"""
import json, os, pathlib, pty, random, re, select, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import replayed
from replayed import TREE, check

GUARD = sys.argv[1]
LOG = TREE / "test/data/coturn/4.6.1-default.log"
scratch = pathlib.Path(tempfile.mkdtemp(prefix="verbs-"))

RULES = r"""
rules:
  - name: reset
    description: A reset.
    points: 1
    caused_by: client
    session: true
    begins: ['TCP socket error: Connection reset by peer ']
    pattern: 'TCP socket error: Connection reset by peer {client}'
    credit: spares
    examples: ['1: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer 203.0.113.5:40551']
    counterexamples: ['1: : ERROR: session 000000000000000001: TCP socket closed remotely 203.0.113.5:40551']
  - name: guess
    description: A failed login.
    points: 0.6
    caused_by: client
    points_from: 3
    from: 3
    distinct: user
    window: 10m
    session: true
    begins: ['realm <example.org> user <']
    pattern: 'realm <example\.org> user <{user}>: incoming packet message processed, error 401: Unauthorized'
    examples: ['1: : session 000000000000000001: realm <example.org> user <alice>: incoming packet message processed, error 401: Unauthorized']
    counterexamples: ['1: : session 000000000000000001: realm <example.org> user <alice>: incoming packet message processed, error 438: Stale nonce']
  - name: probe
    description: A probe of a forbidden peer.
    points: 1
    caused_by: client
    free: 2
    distinct: peer
    begins: ['A peer IP ']
    pattern: 'A peer IP {peer} denied for {client}'
    examples: ['1: : A peer IP 10.0.0.1 denied for 203.0.113.5:40551']
    counterexamples: ['1: : A peer IP 10.0.0.1 allowed for 203.0.113.5:40551']
  - name: flood
    description: A flood that anybody can forge.
    points: 1
    caused_by: [client, forger]
    evidence: spoofable
    begins: ['Flood from ']
    pattern: 'Flood from {client}'
    report: limit it
    examples: ['1: : Flood from 203.0.113.5:40551']
    counterexamples: ['1: : Flood of 203.0.113.5:40551']
  - name: nameless
    description: A login failed, nobody knows whose.
    points: 1
    caused_by: client
    begins: ['user ']
    pattern: 'user {user} failed'
    examples: ['1: : user alice failed']
    counterexamples: ['1: : user alice succeeded']
  - name: ending
    description: A session ends.
    points: 0
    caused_by: client
    session: true
    closes: true
    begins: ['closed (']
    pattern: 'closed \((?:1st|2nd) stage\), user <{user}> realm <example\.org> origin <>, local {local}, remote {client}, reason: .*'
    examples: ['1: : session 000000000000000001: closed (2nd stage), user <alice> realm <example.org> origin <>, local 198.51.100.10:3478, remote 203.0.113.5:40551, reason: x']
    counterexamples: ['1: : session 000000000000000001: closed (2nd stage), user <alice>']
forgeable:
  - {begins: 'text of an attacker: ', text_bytes: 100}
"""
RESET = "{time}: : ERROR: session 000000000000000{session:03}: TCP socket error: Connection reset by peer {client}"
GUESS = "{time}: : session 000000000000000{session:03}: realm <example.org> user <{user}>: incoming packet message processed, error 401: Unauthorized"
CLOSED = "{time}: : session 000000000000000{session:03}: closed (2nd stage), user <alice> realm <example.org> origin <>, local 198.51.100.10:3478, remote {client}, reason: x"
PROBE = "{time}: : A peer IP {peer} denied for {client}"


def configured(rules=None, more=""):
    rules_file = TREE / "rules/coturn.yaml"
    if rules:
        rules_file = scratch / "rules.yaml"
        rules_file.write_text(rules)
    config = scratch / "coturn-guard.yaml"
    config.write_text(f"rules_file: {rules_file}\n{more}\n")
    return config


def guard(verb, *arguments, rules=RULES, more="", stdin=None):
    return subprocess.run([GUARD, verb, "--config", str(configured(rules, more)), *map(str, arguments)],
                          input=stdin, capture_output=True, timeout=120)


def objects(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def explain(line, **more):
    done = guard("explain", "--json", line, **more)
    return (objects(done) or [{}])[0] | {"exit": done.returncode, "stderr": done.stderr.decode()}


def log_of(name, *lines):
    file = scratch / name
    file.write_text("".join(line + "\n" for line in lines))
    return file


# --- explain ---------------------------------------------------------------------------------------------------------
said = explain(RESET.format(time=5, session=1, client="203.0.113.5:40551"))
check(said["exit"] == 0 and said["rule"] == "reset" and said["client"] == {"address": "203.0.113.5", "port": 40551}
      and said["client_from"] == "line" and said["evidence"] == "claimed", "explain tells the rule, the address and the evidence", said)
check(said["ban_after"] == {"offences": 3, "seconds": 60} and said["points"] == 1 and said["window_seconds"] == 3600
      and said["credit"] == "spares", "explain tells how many of it are a ban, and of how long", said)
said = explain(RESET.format(time=5, session=1, client="203.0.113.5:40551"), more="findtime: 5m\nmaxretry: 7\nbantime: 2h\nrules: {reset: {points: 3.5}}")
check(said["ban_after"] == {"offences": 2, "seconds": 7200} and said["window_seconds"] == 300, "explain obeys the configuration", said)
said = explain(GUESS.format(time=5, session=7, user="alice"))
check(said["client"] is None and said["client_from"] == "session" and said["user"] == "alice" and said["window_seconds"] == 600,
      "explain tells what waits for the line that names the session's client", said)
check(said["ban_after"]["offences"] == 5 and said["ban_after_different"]["offences"] == 3,
      "explain tells of the same user and of different ones", said)
said = explain(PROBE.format(time=5, peer="10.0.0.1", client="203.0.113.5:1"))
check(said["peer"] == "10.0.0.1" and said["ban_after"] is None and said["ban_after_different"]["offences"] == 5,
      "explain counts what is free", said)
said = explain("5: : Flood from 203.0.113.5:1")
check(said["evidence"] == "spoofable" and said["ban_after"] is None and said["report"] == "limit it"
      and "never a ban" in said["outcome"], "explain: what anybody can forge is never a ban, and reported", said)
said = explain(RESET.format(time=5, session=1, client="203.0.113.5:40551"), more="ignoreip: [203.0.113.0/24]")
check(said["never_judged"] == "ignoreip" and said["ban_after"] is None, "explain says who is never judged, and why", said)
said = explain("5: : user alice failed")
check(said["client_from"] == "nobody" and said["ban_after"] is None and "unattributed" in said["outcome"], "explain: nobody is named, nobody is banned", said)
said = explain(CLOSED.format(time=5, session=1, client="203.0.113.5:1"))
check(said["offence"] is False and said["rule"] == "ending", "explain tells what only tells", said)
said = explain("Nov 22 12:15:38 turn turnserver[811]: " + RESET.format(time=5, session=1, client="[2001:db8::5]:40551"))
check(said["wrapper"] == "syslog" and said["version"] == "coturn 4.5.2 to 4.6.1" and said["session"] == "000000000000000001"
      and said["client"]["address"] == "2001:db8::5", "explain reads wrapper, version and session", said)

said = explain("5: : ERROR: TCP socket error: Connection reset by peer 203.0.113.5:1")
check(said["exit"] == 1 and said["rule"] is None and said["nearest_rule"] == "reset" and "session" in said["why_not"],
      "explain names the nearest rule and what it missed", said)
said = explain("5: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer nobody")
check(said["exit"] == 1 and said["nearest_rule"] == "reset" and "pattern" in said["why_not"], "explain: begins alike, does not match", said)
said = explain("5: : something else")
check(said["exit"] == 1 and said["nearest_rule"] == "", "explain: no rule is near", said)
said = explain("GET / HTTP/1.1")
check(said["exit"] == 1 and said["coturn"] is False and "time" in said["why_not"], "explain: no record of coturn's", said)

hostile = GUESS.format(time=5, session=7, user="x\x1b[31m\x7f\"\\")
done = guard("explain", hostile)
check(done.returncode == 0 and b"\x1b" not in done.stdout and b"\\x1b[31m" in done.stdout, "explain shows hostile text escaped", done.stdout)
done = guard("explain", "--json", "-", stdin=hostile.encode() + b"\xff\xfe\n")
check(b"\x1b" not in done.stdout and b"\xff" not in done.stdout and len(objects(done)) == 1, "explain --json, too", done.stdout)

# Lines made to be slow or to be misread: what could take a pattern long, and never an address banned that nobody accuses.
chance = random.Random(7)
pieces = ["session 000000000000000001: ", "closed (2nd stage), user <", "> realm <", "> origin <", ">, local 198.51.100.10:3478, remote ", "192.0.2.99:1",
          ", reason: ", "general", "TCP socket error: ", "Connection reset by peer ", "<" * 300, ">" * 300, "," * 400, ": " * 200, "9" * 400, "\xff\0\x1b",
          "incoming packet message processed, error 401: Unauthorized", "check_stun_auth: wrong username: ", "A" * 1200, "[2001:db8::1]:", "ERROR: "]
hostile_log = scratch / "pathological.log"
with open(hostile_log, "w", encoding="latin-1", newline="") as file:
    file.write("0: : Relay address to use: 198.51.100.10\n" * 20)
    for _ in range(40000):
        text = "x".join(chance.choice(pieces) for _ in range(chance.randrange(1, 30)))
        file.write(chance.choice(("5: : check_stun_auth: wrong realm: ", "5: : ", "5: ", "")) + text[:chance.choice((90, 1000, 4000, 9000))] + chance.choice(("\n", "\n", "\r\n", "")))
began = time.monotonic()
done = guard("replay", "--json", str(hostile_log), rules=None)
seconds = time.monotonic() - began
check(done.returncode == 0 and seconds < 120, "40 000 pathological lines are read in time (%.0f s)" % seconds, done)
check(not [event for event in objects(done) if event["event"] == "ban"], "and ban nobody", done.stdout[-600:])
done = guard("explain", RESET.format(time=5, session=1, client="203.0.113.5:40551"))
check(b"judged alone" in done.stdout and b"203.0.113.5 port 40551, from the line" in done.stdout and b"with 2 more a ban of 1m" in done.stdout,
      "explain speaks to people, and says that the line is judged alone", done.stdout)
words = RESET.format(time=5, session=1, client="203.0.113.5:40551").split(" ")
check(objects(guard("explain", "--json", *words))[0]["rule"] == "reset", "a line that the shell parted is put together again")
done = guard("explain", "--json", "-", stdin=LOG.read_bytes(), rules=None)
known = [line["rule"] for line in objects(done) if line["rule"]] if done.stdout else []
check(done.returncode == 0 and len(known) >= 30 and all("line" in line for line in objects(done)), "explain - reads a whole log", len(known))
done = guard("explain", "-", stdin=b"5: : no newline")
check(done.returncode == 1 and b"no newline" in done.stdout, "explain - takes a last line without its newline", done)
done = guard("explain", "-", stdin=b"")
check(done.returncode == 65 and b"no line" in done.stderr, "explain without a line is bad input (65)", done)
check(guard("explain").returncode == 2, "explain without an argument is a mistake in usage (2)")

# --- why -------------------------------------------------------------------------------------------------------------
story = log_of("story.log",
               RESET.format(time=10, session=1, client="203.0.113.5:1"),
               RESET.format(time=20, session=2, client="203.0.113.6:1"),
               RESET.format(time=30, session=3, client="203.0.113.5:2"),
               RESET.format(time=40, session=4, client="203.0.113.5:3"),
               RESET.format(time=41, session=5, client="203.0.113.5:4"),
               GUESS.format(time=42, session=6, user="alice"),
               GUESS.format(time=43, session=6, user="alice"),
               CLOSED.format(time=44, session=6, client="[2001:db8::6]:9"),
               PROBE.format(time=50, peer="10.0.0.1", client="203.0.113.9:4"),
               "55: : Flood from 192.0.2.7:1",
               RESET.format(time=70, session=8, client="198.51.100.77:1"))
done = guard("why", "--json", "203.0.113.5", story)
told = objects(done)
check(done.returncode == 0 and [t["event"] for t in told] == ["offence"] * 3 + ["ban", "offence", "standing"], "why tells offences, the ban and the standing, in order", told)
check([t["in_window"] for t in told[:3]] == [1, 2, 0] and [t["effect"] for t in told[:3]] == ["counted", "counted", "banned"]
      and told[4]["effect"] == "while-banned", "why tells what became of each offence", told)
check(told[-1]["bans"] == 1 and told[-1]["offences"] == 4 and told[-1]["banned_for_seconds"] == 30 and told[-1]["prefix"] == "203.0.113.5/32",
      "why tells where the address stands at the log's end", told[-1])
told = objects(guard("why", "--json", "2001:db8::1234", story))
check([t["event"] for t in told] == ["offence", "standing"] and told[0]["address"] == "2001:db8::6" and told[0]["count"] == 2
      and abs(told[-1]["in_window"] - 1.2) < 1e-9, "why knows the whole /64, and what waited for its client", told)
told = objects(guard("why", "--json", "203.0.113.9", story))
check(told[0]["effect"] == "free" and told[0]["points"] == 0, "why tells what was free", told)
told = objects(guard("why", "--json", "192.0.2.7", story))
check(told[0]["effect"] == "not-bannable" and told[0]["evidence"] == "spoofable", "why tells what is never banned for", told)
told = objects(guard("why", "--json", "203.0.113.5", story, more="ignoreip: [203.0.113.5]"))
check({t["effect"] for t in told[:-1]} == {"spared"} and told[-1]["bans"] == 0, "why tells who is spared", told)
told = objects(guard("why", "--json", "203.0.113.0/24", story))
check({t["prefix"] for t in told if t["event"] == "standing"} == {"203.0.113.5/32", "203.0.113.6/32", "203.0.113.9/32"}, "why takes a network", told)
done = guard("why", "203.0.113.5", story)
check(b"ban 203.0.113.5/32 for 1m" in done.stdout and b"banned for another 30s" in done.stdout, "why speaks to people", done.stdout)
done = guard("why", "203.0.113.200", story)
check(done.returncode == 1 and b"nothing is known of it in 11 lines" in done.stdout, "why about a stranger ends with 1", done)
done = guard("why", "203.0.113.5", more=f"log_file: {scratch}/sto*.log")
check(done.returncode == 0 and b"for 1m" in done.stdout, "why without a log takes the configured one", done)
done = guard("why", "203.0.113.5", more=f"log_file: {scratch}/none.log")
check(done.returncode == 65 and b"journalctl" in done.stderr, "why without any log says what to do (65)", done)
check(guard("why", "203.0.113", story).returncode == 2, "why about no address is a mistake in usage (2)")
check(guard("why", "0.0.0.0/0", story).returncode == 2, "why about everybody is one, too")
done = guard("why", "--json", "203.0.113.33", LOG, rules=None)
check(done.returncode == 0 and any(t["event"] == "ban" for t in objects(done)), "why knows the attacker of a real log", done.stdout)

# --- replay ----------------------------------------------------------------------------------------------------------
told = objects(guard("replay", "--json", "--offences", story))
check([t["event"] for t in told[-1:]] == ["summary"] and sum(t["event"] == "offence" for t in told) == 9, "replay --offences tells each", told)
check(all({"time", "address", "prefix", "rule", "evidence", "count", "effect", "points", "in_window", "credit"} <= set(t)
          for t in told if t["event"] == "offence"), "every offence has the documented keys", told[:1])
check(told[-1]["offences"] == {"flood": {"spoofable": 1}, "guess": {"claimed": 2}, "probe": {"claimed": 1}, "reset": {"claimed": 6}}
      and told[-1]["unattributed"] == 0 and told[-1]["bans"] == 1, "the summary counts by rule and evidence", told[-1])
lost = log_of("lost.log", GUESS.format(time=1, session=1, user="a"), RESET.format(time=900, session=2, client="203.0.113.5:1"))
told = objects(guard("replay", "--json", lost))
check(told[-1]["unattributed"] == 1, "what nobody can be charged with is counted", told[-1])
docker = log_of("docker.log", *(json.dumps({"log": line + "\n", "stream": "stdout", "time": "2026-11-22T12:00:00Z"}, separators=(",", ":"))
                                for line in story.read_text().splitlines()))
plain, wrapped = ([{k: v for k, v in t.items() if k != "time"} for t in objects(guard("replay", "--json", "--offences", log))] for log in (story, docker))
check(plain == wrapped, "a json-file log of Docker's reads as the log in it", wrapped)
told = objects(guard("replay", "--json", "--offences", docker))
check(all(t["time"].startswith("2026-11-22T1") for t in told[:-1]), "and has Docker's wall clock", told)
check(guard("replay", scratch).returncode == 65, "a directory is bad input (65)")
done = guard("replay", story, stdin=b"")
check(done.stderr == b"", "no progress where standard error is no terminal", done.stderr)


def on_a_terminal(stdin_pause):
    """What replay writes to standard error, a terminal, while its input takes so long."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([GUARD, "replay", "--json", "--config", str(configured(RULES)), "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=follower)
    os.close(follower)
    block = (RESET.format(time=5, session=1, client="203.0.113.5:1") + "\n").encode() * 4000
    until = time.monotonic() + stdin_pause
    process.stdin.write(block)
    while time.monotonic() < until:
        time.sleep(0.1)
        process.stdin.write(block[: 88 * 40])
    process.stdin.write(block)
    process.stdin.close()
    process.wait(60)
    shown = b""
    while select.select([leader], [], [], 0.2)[0]:
        try:
            shown += os.read(leader, 65536)
        except OSError:  # EIO: nobody holds the other side any more
            break
    os.close(leader)
    return process.returncode, shown


code, shown = on_a_terminal(0)
check(code == 0 and shown == b"", "no progress where it is done within two seconds", shown)
code, shown = on_a_terminal(2.5)
check(code == 0 and re.search(rb"\d+ MiB read, \d+ MiB/s", shown) and shown.endswith(b"\r\x1b[K"), "progress on a terminal, gone at the end", shown)

for file in scratch.iterdir():
    file.unlink()
scratch.rmdir()
replayed.finish()
