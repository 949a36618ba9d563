#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real logs in, verdicts out: `replay_test.py COTURN_GUARD`. Needs no root.

Every log of test/data/coturn goes through `coturn-guard replay --json`. What must come out is worked out here by other
means: who sent more resets than a forgery could hide, who is honest, and whom the forged lines name. Prints TAP.
"""
import collections, ipaddress, json, os, pathlib, re, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import replayed
from replayed import TREE, check

GUARD = sys.argv[1]
LOGS = sorted((TREE / "test/data/coturn").glob("*.log"))
ATTACKERS = [ipaddress.ip_network(n) for n in ("203.0.113.0/24", "2001:db8:bad::/64")]
KEYS = {
    "ban": {"event", "time", "address", "prefix", "rule", "evidence", "seconds", "points", "earlier_bans"},
    "report": {"event", "time", "address", "rule", "remedy"},
    "summary": {"event", "lines", "recognised", "offences", "tainted", "unattributed", "ambiguous", "refuted", "spared", "credited",
                "gateway", "switched_off", "withheld", "bans"},
}
# The one whole form of a line that a reset has in every version, from the start of a record to its end.
RESET = re.compile(rb"ERROR:? session \d{18}: (?:TLS/)?TCP socket error: Connection reset by peer (\S+):\d+$")


def replay(*arguments, **more):
    return replayed.replay(GUARD, *arguments, **more)


def inside(prefix, networks):
    return any(prefix.version == n.version and prefix.subnet_of(n) for n in networks)


for log in LOGS:
    text = log.read_bytes()
    config = 'log_timestamp_format: "%d/%b/%Y %H:%M:%S "' if "newtsfmt" in log.name else ""
    done = replay("--json", log, config=config)
    check(done.returncode == 0, f"{log.name}: is replayed", done.stderr.decode())
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    bans, summary = [line for line in lines[:-1] if line["event"] != "report"], lines[-1]
    check(all(set(line) == KEYS[line["event"]] for line in lines) and summary["event"] == "summary"
          and all(ban["event"] == "ban" for ban in bans), f"{log.name}: every line has the documented keys", str(lines[:2]))
    check(summary["lines"] == text.count(b"\n") and summary["bans"] == len(bans), f"{log.name}: the summary counts right", str(summary))
    banned = [ipaddress.ip_network(ban["prefix"]) for ban in bans]
    check(all(inside(prefix, ATTACKERS) for prefix in banned), f"{log.name}: nobody is banned but attackers", str(banned))
    resets = collections.Counter()
    for line in text.splitlines():
        if match := RESET.search(line):
            resets[match[1].decode().strip("[]")] += 1
    # One of an address's lines may stand within a forgery's reach; more than that no scenario put there.
    owed = [a for a, n in resets.items() if n >= 4 and inside(ipaddress.ip_network(a), ATTACKERS)]
    missing = [a for a in owed if not any(ipaddress.ip_address(a) in prefix for prefix in banned)]
    check(not missing, f"{log.name}: all {len(owed)} who reset four times and more are banned", str(missing))

log = TREE / "test/data/coturn/4.6.1-default.log"
whole = replay("--json", log).stdout
check(replay("--json", "-", stdin=log.read_bytes()).stdout == whole, "standard input is read as a file is")
check(b"ban 203.0.113.18/32 for 1m" in replay(log).stdout, "without --json it speaks to people")
twice = [json.loads(line) for line in replay("--json", log, log).stdout.splitlines()]
seconds = [line["seconds"] for line in twice if line["event"] == "ban" and line["address"] == "203.0.113.18"]
check(len(seconds) >= 2 and seconds[:2] == [60, 120], "a second file goes on where the first ended: the next ban is twice as long", str(seconds))
spared = [json.loads(line) for line in replay("--json", log, config="ignoreip: [203.0.113.0/24]").stdout.splitlines()]
check(all(line.get("prefix", "").startswith("2001:") for line in spared[:-1]) and spared[-1]["spared"] > 0, "ignoreip holds in a replay, too")
check(replay("/nonexistent/coturn.log").returncode == 65, "a log that is not there is bad input (65)")
broken = replay(log, config="findtimes: 1h")
check(broken.returncode == 78 and b"findtime" in broken.stderr, "a mistake in the configuration ends with 78 and the nearest word")
# Customers who log in, and whose passwords then are wrong: honest, and all of them guess. A ban takes a customer 100 guesses;
# of the log's very first pair nobody can say yet that both lines belong together.
TRIES = 102
story = []
for one in range(1, 9):
    story += [f"7: : session {one:018}: realm <example.org> user <c{one}>: incoming packet ALLOCATE processed, success",
              f"8: : session {one:018}: TCP socket closed remotely 192.0.2.{one}:1001"]
for one in range(1, 9):
    at, session = 20 + 2 * one, f"session {100 + one:018}"
    story += [f"{at}: : ERROR: check_stun_auth: user c{one} credentials are incorrect",
              f"{at}: : {session}: realm <example.org> user <c{one}>: incoming packet message processed, error 401: Unauthorized"] * TRIES
    story.append(f"{at}: : {session}: closed (2nd stage), user <c{one}> realm <example.org> origin <>, local 198.51.100.10:3478, "
                 f"remote 192.0.2.{one}:1001, reason: allocation watchdog determined stale session state")
hour_later = 20 + 3700
story += [f"{hour_later}: : ERROR: session {900 + n:018}: TCP socket error: Connection reset by peer 203.0.113.5:{n}" for n in range(1, 4)]
text = "\n".join(story).encode() + b"\n"
told = [json.loads(line) for line in replay("--json", "-", stdin=text).stdout.splitlines()]
breaker = [line for line in told if line["event"] == "breaker"]
check([line["open"] for line in breaker] == [True, False] and breaker[0]["customers"][0]["rule"] == "password-guess",
      "in a replay the breaker opens and closes, too", str(breaker))
check(set(breaker[0]) == {"event", "time", "open", "reason", "customers", "withheld"}, "and says so with the documented keys", str(breaker))
banned = [line["address"] for line in told if line["event"] == "ban"]
# The fifth opens it and is withheld; so are the next three. A session's guesses are charged when its close line names the client,
# and are one offence then, of the close line's own time.
check([a for a in banned if a.startswith("192.0.2.")] == [f"192.0.2.{one}" for one in (1, 2, 3, 4)] and told[-1]["withheld"] == 4,
      "half of the eight customers are banned, the others are not", str(told[-1]))
check("203.0.113.5" in banned, "after an hour bans pass again", str(banned))
check(b": 5 users of 8 that had logged in were due for a ban within 10m for failing as themselves" in replay("-", stdin=text).stdout, "people are told in words")
# ---- Honest people stay in: cases that banned them once, each with a twin that is banned as ever --------------------------
HONEST = TREE / "test/data/honest"


def bans_of(text, config=""):
    done = replay("--json", "-", stdin=text if isinstance(text, bytes) else text.encode(), config=config)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return [line["prefix"] for line in told if line["event"] == "ban"], told[-1]


def case(name, twin, whom, sentence):
    text = (HONEST / name).read_text()
    banned, summary = bans_of(text)
    check(not banned and summary["recognised"] == summary["lines"], f"{name}: nobody is banned", f"{banned} {summary}")
    banned, summary = bans_of(twin(text))
    check(whom in banned, f"{name}: {sentence}", f"{banned} {summary}")


def without(word):
    return lambda text: "".join(line for line in text.splitlines(keepends=True) if word not in line)


case("rfc6062-4.6.1.log", without("session 000000000000000001"), "203.0.113.87/32", "who binds no data connection is banned for the same closes")
case("rfc6062-4.6.1.log", lambda text: text.replace("CONNECTION_BIND processed, success", "CONNECTION_BIND processed, error 400: Wrong connection id", 4),
     "203.0.113.87/32", "who guesses at connection ids is banned")
case("rfc6062-4.6.1.log", lambda text: text + "".join(
    f"1: : session {5000 + n:018}: closed (2nd stage), user <> realm <example.org> origin <>, local 198.51.100.10:3478, remote 203.0.113.99:{n}, reason: general\n"
    for n in range(1, 11)), "203.0.113.99/32", "a scanner of HTTP beside it is banned")
case("no-auth.log", without("ALLOCATE"), "203.0.113.95/32", "who has no allocation is banned for the same resets")
case("own-cli-monitor.log", lambda text: text.replace("authentication success", "authentication error"), "10.0.0.5/32", "who fails is banned")
case("own-cli-monitor.log", without("authentication"), "10.0.0.5/32", "who only connects is banned")
case("nat64.log", lambda text: text.replace("7102", "7101").replace("7103", "7101"), "64:ff9b::cb00:7101/128", "one host that does all three is banned, alone")
own_nat64 = (HONEST / "nat64.log").read_text().replace("64:ff9b::", "2001:db8:64::")
check(bans_of(own_nat64)[0] == ["2001:db8:64::/64"] and bans_of(own_nat64, "nat64: ['2001:db8:64::/96']")[0] == [],
      "an operator's own NAT64 prefix is named in the configuration", str(bans_of(own_nat64)[0]))
check(bans_of((HONEST / "docker-json.log").read_bytes())[0] == ["203.0.113.61/32"], "Docker's JSON is read")

RESETS = [f"session 00000000000000000{n}: TCP socket error: Connection reset by peer 203.0.113.61:{45880 + n}" for n in (1, 2, 3)]
TAGS = "log_tags: [8f2b1d4c5e6a, matrix-synapse-voip]"
unread = []
prefixes = (HONEST / "prefixes.txt").read_text().splitlines()
for prefix in prefixes:
    lines = [re.sub(r"(?<=: )M|(?<=INFO )M", lambda _: reset, prefix) for reset in RESETS]
    banned, summary = bans_of("\n".join(lines) + "\n", TAGS)
    if banned != ["203.0.113.61/32"] or summary["recognised"] != 3:
        unread.append(prefix)
check(len(prefixes) == 54 and not unread, "lines behind all 54 prefixes that people have are read", str(unread))
named = "".join(f"Oct 11 22:14:15 host 8f2b1d4c5e6a[830]: 31: : ERROR: {reset}\n" for reset in RESETS)
check(bans_of(named)[1]["recognised"] == 0 and bans_of(named, TAGS)[0], "a tag that does not name coturn is believed once the operator names it")
times = "".join(f"22/Nov/2026 12:15:0{n} : ERROR: {reset}\n" for n, reset in enumerate(RESETS))
check(bans_of(times)[0] == ["203.0.113.61/32"], "a format of times that nobody names is learned from the lines")
# Time is the log's own.
TIME = TREE / "test/data/time"
for name in ("backlog", "clock-jump", "two-times-iso", "two-times-syslog"):
    told = [json.loads(line) for line in replay("--json", TIME / f"{name}.log").stdout.splitlines()]
    check(told[-1]["bans"] == 0 and told[-1]["offences"], f"time/{name}.log: nobody is banned", str(told))
told = [json.loads(line) for line in replay("--json", "--offences", TIME / "two-times-iso.log").stdout.splitlines()]
check([line["time"] for line in told[:-1]] == ["2026-11-30T09:00:00+0000", "2026-11-30T09:00:01+0000", "2026-11-30T15:00:01+0000",
                                              "2026-11-30T15:00:02+0000"], "and told is the wall clock that others put before the line", str(told))


def resets(*stamps):
    return "".join(f"{stamp}ERROR: session {n:018}: TCP socket error: Connection reset by peer 203.0.113.5:{1000 + n}\n"
                   for n, stamp in enumerate(stamps)).encode()


def bans(text, *arguments, config=""):
    return json.loads(replay("--json", *arguments, "-", stdin=text, config=config).stdout.splitlines()[-1])["bans"]


ISO = "2026-01-01T{}+0000: ".format
check(bans(resets(*map(ISO, ("00:00:00", "00:10:00", "00:20:00")))) == 1, "three resets within the hour are a ban")
check(bans(resets(*map(ISO, ("00:00:00", "00:10:00", "02:20:00")))) == 0, "a pause is a pause")
check(bans(resets(ISO("00:00:00"), "1970-01-01T00:00:05+0000: ", ISO("01:30:00"), ISO("03:00:00"))) == 0, "a line of 1970 does not stop the clock")
check(bans(resets(ISO("00:00:00"), "2199-01-01T00:00:05+0000: ", ISO("00:00:10"), ISO("01:30:00"), ISO("03:00:00"))) == 1,
      "a line of the future counts when it stands, and no clock stops")
check(bans(resets(ISO("00:00:00"), ISO("06:00:00"), ISO("00:00:10"), ISO("00:00:20"))) == 1, "an offender with one wrong stamp is banned as without")
check(bans(resets(*(f"{n}-06-01T00:00:00+0000: " for n in range(2003, 2023)))) == 0, "twenty years are no hour")
for odd in ("1969-12-31T23:59:59", "1900-01-01T00:00:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59", "2026-02-30T00:00:00"):
    check(bans(resets(ISO("00:00:00"), f"{odd}+0000: ", ISO("00:00:10"), ISO("00:00:20"))) == 1, f"a line of {odd} hides nobody")
    check(bans(resets(ISO("00:00:00"), f"{odd}+0000: ", ISO("01:30:00"), f"{odd}+0000: ", ISO("03:00:00"))) == 0,
          f"nor do such lines, {odd}, make hours a moment")
check(bans(resets("Dec 31 23:59:50 vm turnserver[65]: 5: : ", "Jan  1 00:00:10 vm turnserver[65]: 25: : ",
                  "Jan  1 00:00:20 vm turnserver[65]: 35: : ")) == 1, "a year's end is no pause")
check(bans(resets("590556: : ", "590566: : ", "0: : ", "1: : ", "2: : ")) >= 1, "an uptime goes on over a restart")
check(bans(resets("5: : ", "100000: : ", "200000: : ", "300000: : ")) == 0, "uptimes a day apart are no hour")
interleaved = [f"{at}: : " for n in range(600) for at in (100_000 + n, 7 + n)]
check(bans(resets(*interleaved)) == bans(resets(*(f"{n}: : " for n in range(600)))), "two coturns' lines in one file do not run the clock away")

shipped = [ISO(f"{hour:02}:00:{n:02}") for n in range(50) for hour in (3, 17)]
check(bans(resets(*shipped)) == bans(resets(*shipped[::2])), "nor do lines of two files that a shipper interleaved")


# In files of coturn up to 4.16 the line behind such a one may be an attacker's, until so much stands behind it.
def closings(*stamps):
    return "".join(f"{stamp}session {n:018}: closed (2nd stage), user <> realm <example.org> origin <>, local 198.51.100.10:3478, "
                   f"remote 203.0.113.5:{40000 + n}, reason: general\n" for n, stamp in enumerate(stamps)).encode()


for form, told in (("wall clocks", lambda n: ISO(f"{n:02}:30:00")), ("uptimes", lambda n: f"{n * 3600}: : ")):
    check(bans(closings(*map(told, range(9)))) == 0, f"lines that wait for what stands behind them have their own time, by {form}")
check(bans(closings(*(ISO(f"01:{n:02}:00") for n in (0, 1, 3, 4, 7, 8, 13, 14, 20)))) >= 1, "within an hour they are a ban")


def bans_of_several(*texts):
    """Each text is the log of a coturn of its own."""
    with tempfile.TemporaryDirectory() as directory:
        logs = [pathlib.Path(directory, f"coturn{n}", "coturn.log") for n in range(len(texts))]
        for log, text in zip(logs, texts):
            log.parent.mkdir()
            log.write_bytes(text)
        return json.loads(replay("--json", *logs).stdout.splitlines()[-1])["bans"]


# Each log has a clock of its own.
check(bans_of_several(*(resets(ISO(f"{n}:00:00")) for n in (10, 12, 14))) == 0, "what three coturns tell of three hours is three hours")
check(bans_of_several(*(resets(ISO(f"0{n}:00:00"), ISO("09:10:00")) for n in (1, 2, 3))) == 1,
      "what they tell of one hour is one hour, though their logs are read one after the other")
check(bans_of_several(resets(ISO("12:00:00"), ISO("12:00:01")), resets(ISO("02:00:00"), ISO("02:00:01"))) == 0,
      "a log that ends before another began makes no hour with it")
check(bans_of_several(resets("590556: : ", "590566: : "), resets("5: : ", "7205: : ", "14405: : ")) == 1,
      "an uptime goes on where the log before ended, and no other coturn's is mixed with it")
replayed.finish()
