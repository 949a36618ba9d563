#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What attackers write into coturn's log, and what goes wrong around us, against the real daemon and real coturn.

  bad_input_test.py PATH/TO/coturn-guard [NAME...]     all cases, or those whose function name contains a NAME

The world is coturn_test.py's, and so is the output (TAP). A forgery is a text that coturn logs as it came: the cases send it
in real packets, and first show that the same lines would ban the victim if they were believed.
"""
import json, os, re, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from coturn_world import (ATTACKER4, ATTACKER6, CANARIES, CLIENT, CLUMSY, SERVER4, SERVER6, TREE, VICTIM, VICTIM6, Guard, banned,
                          eventually, members, ok, run_cases, sh, words_dropped)

CASES = {}


def case(function):
    function.no_coturn = True  # each starts it as it wants it
    CASES[function.__name__] = function
    return function


SESSION = "session %018d: "
CLOSED = "closed (2nd stage), user <%s> realm <example.org> origin <>, local %s, remote %s, reason: %s"
TOLD = "realm <example.org> user <%s>: incoming packet %s processed, %s"
WATCHDOG = "allocation watchdog determined stale session state"
EXPIRED, TO_COME = "1000000001:bert", "4000000001:bert"


def forgeries(victim, session=777):
    """{rule: lines of coturn's, without what stands before the message, that would ban the victim if they were believed}"""
    remote = ("[%s]:%d" if ":" in victim else "%s:%d")
    bare = "IPv%d. %%s: %s:4444" % (6 if ":" in victim else 4, victim)
    at = lambda port: remote % (victim, port)
    ours = lambda port: ("[%s]:%d" % (SERVER6, port)) if ":" in victim else "%s:%d" % (SERVER4, port)
    own = lambda text, count=1: [SESSION % session + text] * count
    end = own(CLOSED % ("", ours(3478), at(4444), WATCHDOG))
    ends = lambda reason, count, port: [SESSION % (session + i) + CLOSED % ("", ours(port), at(4444 + i), reason) for i in range(count)]
    error = "ERROR: "
    refused = lambda name: [error + "check_stun_auth: Cannot find credentials of user <%s>" % name, *own(TOLD % (name, "message", "error 401: Unauthorized"))]
    forbidden = own(TOLD % ("alice", "CREATE_PERMISSION", "error 403: Forbidden IP"))
    unbound = own(TOLD % ("alice", "CHANNEL_BIND", "error 403: Forbidden IP"))
    denied = lambda i: error + "A peer IP 10.0.0.%d denied in the range: 10.0.0.0-10.255.255.255" % i
    return {
        "connection-reset": [error + SESSION % i + "TCP socket error: Connection reset by peer " + at(1000 + i) for i in range(1, 6)],
        "connection-error": [error + SESSION % i + "TCP socket error: Broken pipe " + at(1000 + i) for i in range(1, 15)],
        "proxy-protocol": [error + SESSION % i + "proxy protocol violated (local %s, remote %s)" % (ours(3555), at(1000 + i)) for i in range(1, 6)],
        "socket-failure": [error + SESSION % i + "socket read failed, to be closed (local %s, remote %s)" % (ours(3478), at(1000 + i)) for i in range(1, 15)],
        "handshake-failed": [SESSION % i + "TLS/TCP socket disconnected: " + at(1000 + i) for i in range(1, 40)],
        "http-probe": ends("general", 5, 3478),
        "tls-plain": ends("TCP connection closed by client (callback)", 5, 5349),
        "connection-flood": [bare % "tcp or tls connected to"] * 150,
        "password-guess": [line for name in ("root", "admin", "guest", "a", "b") for line in refused(name)] + end,
        "credentials-incorrect": [line for name in ("root", "admin", "guest", "a", "b") for line in own("check_stun_auth: user %s credentials are incorrect" % name)] + end,
        "credentials-unknown": [line for name in ("root", "admin", "guest", "a", "b") for line in own("check_stun_auth: Cannot find credentials of user <%s>" % name)] + end,
        "stale-credential": refused(EXPIRED) * 110 + end,
        "stale-credential-error": own("check_stun_auth: Cannot find credentials of user <%s>" % EXPIRED, 110) + end,
        "secret-mismatch": refused(TO_COME) * 110 + end,
        "secret-mismatch-error": own("check_stun_auth: Cannot find credentials of user <%s>" % TO_COME, 110) + end,
        "quota": own(TOLD % ("alice", "ALLOCATE", "error 486: Allocation Quota Reached"), 30) + end,
        "allocation-flood": own("new, realm=<example.org>, username=<alice>, lifetime=600", 70) + end,
        "forbidden-peer": [line for i in range(1, 110) for line in (denied(i), *forbidden)] + end,
        "silent-denial": forbidden * 105 + end,
        "forbidden-channel": [line for i in range(1, 70) for line in (denied(i), *unbound)] + end,
        "loopback-channel": unbound * 5 + end,
        "own-channel": [error + "A peer IP %s denied in the range: %s" % (SERVER4, SERVER4), *unbound] * 9 + end,
        "mapped-channel": own("peer ::ffff:127.0.0.1 lifetime updated: 600") + end,
        "mapped-peer": own("peer ::ffff:127.0.0.1 lifetime updated: 300") + end,
        "connection-id-guess": own(TOLD % ("", "CONNECTION_BIND", "error 400: Wrong connection id"), 5) + end,
        "admin-password": [bare % "CLI authentication error"] * 3,
        "admin-connect": [bare % "CLI connected to"] * 16,
        "web-admin-guess": ["eventcb_bev https server socket closed: 0x7f2bd0027d90, st=56, sat=3, remote addr=" + at(1000 + i) for i in range(25)],
    }


NAME_NOBODY = {"credentials-unnamed", "credentials-unnamed-unknown", "peer-denied-unnamed", "relay-port-scan", "web-admin-throttled", "web-admin-logon",
               "web-admin-logon-input", "web-admin-request"}


def rules_that_ban():
    """Names of all shipped rules about lines that cost points and are believed."""
    names = set()
    for text in open(TREE + "/rules/coturn.yaml").read().split("\n  - name: ")[1:]:
        points = re.search(r"^    points: ([0-9.]+)$", text, re.M)
        of_kernel_alone = re.search("\n    (kernel|packet): ", text) and "\n    begins:" not in text
        if float(points[1]) > 0 and "\n    evidence: spoofable" not in text and not of_kernel_alone:
            names.add(text.split("\n", 1)[0])
    return names


PREFIX = "7: : "


def packed(lines, room, newline_last=True):
    """Texts of at most `room` bytes, each a beginning and whole lines."""
    texts, text = [], "x"
    for line in lines:
        line = "\n" + PREFIX + line
        if len(line) + 2 > room:
            continue
        if len(text) + len(line) + 1 > room:
            texts.append(text + ("\n" if newline_last else ""))
            text = "x"
        text += line
    return texts + ([text + ("\n" if newline_last else "")] if text != "x" else [])


def believed(world, lines, victim):
    """The rules for which `replay` bans the victim of a log of these lines alone."""
    path = world.place + "/believed.log"
    with open(path, "w") as file:
        # coturn's own beginning, so that the file has a format
        file.write("".join("0: : Relay address to use: %s\n" % SERVER4 for _ in range(20)))
        file.write("".join(PREFIX + line + "\n" for line in lines))
    said = subprocess.run([Guard.program, "replay", "--json", "--config", world.place + "/coturn-guard.yaml", path], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout
    return {event["rule"] for event in map(json.loads, said.splitlines()) if event["event"] == "ban" and event["address"] == victim}


def counters(guard):
    """What the daemon counted, told as it stops."""
    guard.stop()
    told = re.search(r"agent\.stopped(.*)", guard.text)
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", told[1])} if told else {}


def warnings(guard, event):
    return len(re.findall(re.escape(event) + r"\b", guard.text))


def write_in(world, place, texts, server=SERVER4, who="attacker", *options):
    if not world.hosts[who].play(*options, "inscribe", place, server=server, told=json.dumps(texts)):
        raise AssertionError("the texts did not reach coturn")


def nobody_but(*expected):
    """No prefix in the kernel's sets but these."""
    found = set()
    for family in (4, 6):
        found |= set(members(family))
    return found - CANARIES - set(expected)


def forge_everything(world):
    """All forgeries, in every text that coturn takes, over both families, while the victim is a living customer."""
    for victim, server in ((VICTIM, SERVER4), (VICTIM6, SERVER6)):
        attempts = forgeries(victim, session=777)
        # The victim's own sessions, whose numbers are easily guessed.
        for number in (thread * 10**15 + counter for thread in (0, 1) for counter in range(1, 9)):
            for rule in ("password-guess", "mapped-peer", "loopback-channel", "connection-id-guess"):
                attempts["%s of %d" % (rule, number)] = forgeries(victim, session=number)[rule][:-1]
        lines = [line for of_rule in attempts.values() for line in of_rule]
        for newline in (True, False):
            write_in(world, "username", packed(lines, 510, newline), server)
        write_in(world, "realm", packed(lines, 127), server)
        write_in(world, "origin", packed(lines, 900), server)
        write_in(world, "origin", packed(lines, 127), server)  # as long as it is kept in a session
        # What the victim's name could be glued to: records that are cut at coturn's limit.
        write_in(world, "origin", [("y" * 940 + "\n" + PREFIX + line)[:1100] for line in forgeries(victim)["connection-reset"]] +
                 ["z" * 1200] * 5 + packed(lines[:40], 900), server)
        # Without a newline: the end of a line that looks like coturn's.
        inline = ">, local %s:3478, remote %s, reason: general" % (SERVER4, ("[%s]:1" if ":" in victim else "%s:1") % victim)
        write_in(world, "origin", ["http://x" + inline] * 8, server)


@case
def every_forgery_would_ban_if_it_were_believed(world):
    known = rules_that_ban()
    attempts = forgeries(VICTIM)
    os.makedirs("/run/coturn-guard", exist_ok=True)
    with open("/run/coturn-guard/detected.yaml", "w") as file:  # as the daemon knows it of its interfaces
        file.write("external_ip: [%s]\n" % SERVER4)
    ok(set(attempts) | NAME_NOBODY == known, "there is a forgery for each rule that bans", sorted(known ^ (set(attempts) | NAME_NOBODY)))
    for victim in (VICTIM, VICTIM6):
        missing = [rule for rule, lines in forgeries(victim).items() if rule not in believed(world, lines, victim)]
        ok(not missing, "as coturn's own lines each would ban %s" % victim, missing)


def forged_in(world, *options):
    world.start_coturn(*options)
    # The victim is a customer the whole time, over TCP too, and the kernel sees it live.
    held = [subprocess.Popen(["ip", "netns", "exec", "victim", sys.executable, CLIENT, "--server", server, "bindings", "--count", "3", "--hold", "60"])
            for server in (SERVER4, SERVER6)]
    guard = world.guard()
    time.sleep(3)
    forge_everything(world)
    for process in held:
        process.kill()  # now coturn names the victim at the end of lines about his sessions
    time.sleep(5)  # as long as lines can wait
    log = open(world.log, errors="replace").read()
    for victim in (VICTIM, VICTIM6):
        ok(log.count(victim) > 1000, "coturn wrote the forged lines, %s" % victim, log.count(victim))
        ok(not banned(victim, 6 if ":" in victim else 4), "%s is not banned" % victim, guard.text)
    ok(not nobody_but() and not re.search(r" ban\b.* address=", guard.text), "and nobody else is", guard.text)
    ok(world.victim.served() and world.victim.served(SERVER6), "the victim is served, over IPv4 and IPv6")
    ok(warnings(guard, "detect.tainted") == 1, "one warning tells of it", guard.text)
    ok(len(guard.text.splitlines()) < 15, "and there is no chatter", guard.text)
    world.offend(3)
    ok(eventually(lambda: banned(ATTACKER4)), "who really offends is banned all the same", guard.text)
    seen = counters(guard)
    ok(seen.get("tainted", 0) > 500 and seen.get("hostile_texts", 0) > 100, "and it was counted", seen)


@case
def forgeries_in_default_mode(world):
    forged_in(world)


@case
def forgeries_in_verbose_mode(world):
    forged_in(world, "verbose", "max-allocate-timeout=4")


@case
def forgeries_for_each_port_of_a_living_customer(world):
    """A forged line that names a customer's living connection: with a line for each port one of them is right."""
    world.start_coturn()
    held = subprocess.Popen(["ip", "netns", "exec", "victim", sys.executable, CLIENT, "--server", SERVER4, "bindings", "--count", "3", "--hold", "60"])
    guard = world.guard()
    time.sleep(3.5)  # sampled twice
    told = sh("ip netns exec victim ss -Htn state established dst %s" % SERVER4)
    port = int(re.search(re.escape(VICTIM) + r":(\d+)", told)[1])
    lines = [line for around in range(port - 20, port + 20) for line in
             ["ERROR: " + SESSION % around + "proxy protocol violated (local %s:3478, remote %s:%d)" % (SERVER4, VICTIM, around)] * 4]
    write_in(world, "username", packed(lines, 510))
    time.sleep(3)
    ok(open(world.log, errors="replace").read().count("%s:%d)" % (VICTIM, port)) >= 4, "coturn wrote lines about that very connection")
    ok(not banned(VICTIM), "they are not believed because it lives", guard.text)
    held.kill()
    time.sleep(1)
    # And one that was reset: a customer's phone.
    world.victim.play("bindings", "--count", "40")
    ports = set(re.findall(r"Connection reset by peer %s:(\d+)" % re.escape(VICTIM), open(world.log, errors="replace").read()))
    lines = [line for port in ports for at in ["%s:%s" % (VICTIM, port)] for line in
             ["ERROR: " + SESSION % 9 + "proxy protocol violated (local %s:3478, remote %s)" % (SERVER4, at)] * 3 +
             ["ERROR: " + SESSION % 9 + "TCP socket error: Broken pipe " + at] * 3 + ["ERROR: " + SESSION % 9 + "TCP socket error: Connection reset by peer " + at] * 3 +
             [SESSION % 11 + CLOSED % ("", SERVER4 + ":3478", at, "general"), SESSION % 12 + CLOSED % ("", SERVER4 + ":5349", at, "TCP connection closed by client (callback)")] * 3]
    ok(ports, "coturn told of the customer's reset", ports)
    write_in(world, "username", packed(lines, 510))
    time.sleep(3)
    ok(not banned(VICTIM), "nor is one reset made a ban by what others write about it", guard.text)


@case
def forgeries_by_web_admin_requests(world):
    world.start_coturn("web-admin", "web-admin-ip=" + SERVER4, "web-admin-port=8443")
    guard = world.guard()
    time.sleep(2.5)
    lines = [line for rule in forgeries(VICTIM).values() for line in rule]
    texts = packed(lines, 700)
    world.hosts["attacker"].play("--port", "8443", "inscribe", "web-admin", told=json.dumps(texts[:9]))
    time.sleep(4)
    ok(open(world.log, errors="replace").read().count(VICTIM) > 20, "coturn wrote the forged lines")
    ok(not nobody_but() and world.victim.served(), "nobody is banned", guard.text)
    ok(warnings(guard, "detect.tainted") == 1, "one warning tells of it", guard.text)
    seen = counters(guard)
    ok(seen.get("tainted", 0) > 5, "and it was counted", seen)


@case
def forgeries_by_the_cli(world):
    world.start_coturn("cli-password=clisecret", "cli-ip=" + SERVER4, "verbose", cli=True)
    guard = world.guard()
    time.sleep(2.5)
    lines = forgeries(VICTIM)
    text = ("\n".join(PREFIX + line for line in lines["admin-password"] + lines["connection-reset"]) + "\r\n").encode()
    program = """
import socket, sys, time
for _ in range(2):
    cli = socket.create_connection((%r, 5766), 3); time.sleep(.2); cli.recv(2000)
    cli.sendall(b"\\xff\\xfa\\x18\\x01" + %r + b"\\xff\\xf0\\xff\\xf0\\xff\\xfa\\x56"); time.sleep(.2); cli.close()
""" % (SERVER4, text)
    sh(["ip", "netns", "exec", "attacker", sys.executable, "-c", program])
    # Coturn 4.6.1 has no way to put a client's bytes behind "TELNET error: "; the record itself lacks nothing of the others'.
    with open(world.log, "a") as log:
        log.write(PREFIX + "TELNET error: " + "x\n" + PREFIX + lines["admin-password"][0] + "\n")
        log.write(PREFIX + "TELNET error: " + "x\n" + PREFIX + lines["admin-password"][0] + "\n")
    time.sleep(4)
    ok(not nobody_but() and world.victim.served(), "nobody is banned for the bytes that he sent to the CLI", guard.text)
    ok(warnings(guard, "detect.tainted") == 1, "one warning tells of the text", guard.text)


@case
def forgeries_while_the_daemon_does_not_run(world):
    world.start_coturn()
    guard = world.guard()
    lines = [line for rule in forgeries(VICTIM).values() for line in rule]
    guard.stop()
    write_in(world, "username", packed(lines, 510))
    guard = world.guard()
    time.sleep(4)
    ok(not nobody_but(), "what was forged while it was stopped bans nobody", guard.text)
    guard.send(signal.SIGSTOP)
    write_in(world, "username", packed(lines, 510))
    write_in(world, "origin", packed(lines, 900))
    world.offend(12, who="clumsy")  # the first lines stand where the last forged text may still reach
    time.sleep(4)
    guard.send(signal.SIGCONT)
    ok(eventually(lambda: banned(CLUMSY)), "catching up, who offended meanwhile is banned", guard.text)
    time.sleep(4)
    ok(nobody_but(CLUMSY) == set() and world.victim.served(), "and no victim of what was forged meanwhile", guard.text)
    guard.stop()
    sh([Guard.program, "flush"])
    # A log that it finds later, and reads from its beginning: everything in it is old.
    os.rename(world.log, world.log + ".away")
    guard = world.guard(ready=False)
    guard.says(re.escape(world.log))
    os.rename(world.log + ".away", world.log)
    ok(eventually(lambda: guard.says(re.escape("203.0.114.7"), 8)), "a log that is found later is read from its first line", guard.text)
    time.sleep(4)
    ok(not banned(VICTIM) and nobody_but(CLUMSY) == set(), "and its forgeries still ban nobody", guard.text)


@case
def forgeries_while_the_witness_overflows(world):
    world.start_coturn()
    guard = world.guard()
    time.sleep(3)
    lines = [line for rule in forgeries(VICTIM).values() for line in rule]
    guard.send(signal.SIGSTOP)
    # Some ten thousand ends fit into its socket.
    for _ in range(8):
        crowd = [subprocess.Popen(["ip", "netns", "exec", "attacker", sys.executable, CLIENT, "--server", SERVER4, "--port", "3478", "flood", "12000"],
                                  stdout=subprocess.DEVNULL) for _ in range(2)]
        for process in crowd:
            process.wait(120)
        if words_dropped():
            break
    write_in(world, "username", packed(lines, 510))
    # Of whose ends the kernel has no room to tell. The first lines stand where the last forged text may still reach.
    world.offend(8, who="clumsy")
    guard.send(signal.SIGCONT)
    ok(guard.says(r"witness\.behind", 10), "that the kernel dropped words is told", guard.text)
    ok(eventually(lambda: banned(CLUMSY)), "who offended meanwhile is banned: what the kernel did not tell refutes nothing", guard.text)
    ok(re.search(r"ban\b.*address=%s .*evidence=claimed" % re.escape(CLUMSY), guard.text), "as claimed", guard.text)
    time.sleep(4)
    ok(not banned(VICTIM) and world.victim.served(), "and nobody for what was forged meanwhile", guard.text)
    ok(warnings(guard, "witness.behind") == 1 and warnings(guard, "witness.available") == 1, "each is said once", guard.text)
    # In step again: what never was is refuted, once a line has shown that it is coturn, here a process of root's, that is heard.
    world.offend(1, who="customer")
    with open(world.log, "a") as log:
        log.write("".join(PREFIX + line + "\n" for line in forgeries("192.0.3.77")["connection-reset"]))
    ok(guard.says(r"detect\.refuted", 6), "afterwards lines are refuted again", guard.text)
    ok(not banned("192.0.3.77"), "and ban nobody", guard.text)
    seen = counters(guard)
    ok(seen.get("witness_overflows", 0) >= 1 and seen.get("refuted", 0) >= 5, "all that is counted", seen)


@case
def coturn_restarts(world):
    world.start_coturn("verbose")
    guard = world.guard()
    time.sleep(2)
    world.offend(2, ("--port", "3478", "garbage"))
    # Guesses that wait for the line that names whose session it was; it never comes.
    for name in ("root", "admin", "guest"):
        world.clumsy.play("allocate", "--user", name, "--password", "x")
    world.coturn.kill()
    world.coturn.wait()
    time.sleep(1.5)
    world.start_coturn("verbose", "max-allocate-timeout=3")  # the customers get the numbers of those sessions
    for _ in range(6):
        world.customer.play("allocate")
    time.sleep(6)
    ok(not banned("192.0.2.11") and not nobody_but(), "session numbers begin again: no customer is charged with what was guessed before", guard.text)
    world.offend(1, ("--port", "3478", "garbage"))
    ok(eventually(lambda: banned(ATTACKER4)), "what an address did before the restart still counts", guard.text)
    ok(re.search(r"ban\b.*address=%s .*evidence=proven" % re.escape(ATTACKER4), guard.text), "and the witness is there again", guard.text)


@case
def coturn_is_upgraded_in_the_same_file(world):
    data = TREE + "/test/data/coturn/"
    world.configure("mode: observe\n")
    for old, new in (("4.5.2-default", "4.6.1-verbose"), ("4.6.1-default", "4.17.1-verbose"), ("4.17.1-default", "4.6.1-default")):
        open(world.log, "w").close()
        guard = world.guard()
        with open(data + old + ".log", "rb") as log:
            before = b"".join(line for line in log.readlines()[:60] if b"socket error" not in line)
        with open(data + new + ".log", "rb") as log:
            after = log.read()
        with open(world.log, "ab") as log:
            log.write(before)
        time.sleep(1)
        ok(not re.search(r"ban\.simulated", guard.text), "%s: nobody offends yet" % old, guard.text)
        with open(world.log, "ab") as log:
            log.write(after)
        ok(all(guard.says(r"ban\.simulated address=203\.0\.113\.%d " % last) for last in (18, 19, 24)),
           "then %s writes into the same file: its abusers are found in its format" % new, guard.text)
        time.sleep(2)
        accused = set(re.findall(r"ban\.simulated.*?address=(\S+)", guard.text))
        ok(not [address for address in accused if address.startswith(("192.0.2.", "2001:db8:600d", "198.51.100."))],
           "and nobody honest, nor the forgeries' victim, is accused", sorted(accused))
        guard.stop()
        os.remove(world.log)


@case
def coturn_in_another_network_namespace(world):
    world.start_coturn()
    guard = world.guard(before=["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"])
    for _ in range(12):
        world.customer.play("allocate", "--transport", "tcp")
        world.offend(1, who="clumsy")
        time.sleep(0.5)
    ok(guard.says_ban_of(CLUMSY), "lines are judged by the log alone", guard.text)
    ok(re.search(r"ban\b.*address=%s .*evidence=claimed" % re.escape(CLUMSY), guard.text), "as claimed", guard.text)
    ok(guard.says(r"witness\.missing.*container", 8), "that there is no witness is said, and why", guard.text)
    world.offend(1)
    time.sleep(3)
    ok(warnings(guard, "witness.missing") == 1 and warnings(guard, "detect.refuted") == 0, "once; and nothing is refuted", guard.text)
    lines = [line for rule in forgeries(VICTIM).values() for line in rule]
    write_in(world, "username", packed(lines, 510))
    time.sleep(3)
    ok(not re.search(r"\bban\b.*" + re.escape(VICTIM), guard.text), "forged lines ban nobody without a witness, either", guard.text)


@case
def the_clock_steps(world):
    """CLOCK_REALTIME as the daemon reads it, an hour to and fro; the machine's own is left alone."""
    library = "/usr/lib/%s/faketime/libfaketime.so.1" % sh("gcc -print-multiarch || uname -m", check=False).split("\n")[0]
    if not os.path.exists(library):
        library = sh("find / -xdev -name 'libfaketime.so.1' 2>/dev/null | head -n 1").strip()
    if not ok(library, "libfaketime is installed (apt-get install libfaketime)"):
        return
    world.configure("bantime: 20s\n")
    world.start_coturn()
    step = world.place + "/step"

    def set_clock(seconds):
        with open(step + ".new", "w") as file:
            file.write("%+ds\n" % seconds)
        os.rename(step + ".new", step)
    set_clock(0)
    guard = world.guard(environment={"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": step, "FAKETIME_NO_CACHE": "1",
                                     "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"})
    time.sleep(2)
    world.offend(1)
    set_clock(3600)
    world.offend(1)
    ok(not banned(ATTACKER4), "two offences with an hour's step between them are no ban", guard.text)
    set_clock(-3600)
    world.offend(1)
    ok(eventually(lambda: banned(ATTACKER4)), "the third is, two hours back: none was lost", guard.text)
    world.offend(2, who="clumsy")
    set_clock(7200)
    time.sleep(3)
    ok(banned(ATTACKER4) and not banned(CLUMSY), "a step forward ends no ban and makes none", guard.text)
    set_clock(-7200)
    ok(eventually(lambda: not banned(ATTACKER4), 30), "and it ends when its time is over, not hours later", guard.text)
    ok(world.customer.served(), "the customer was served the whole time")
    ok(guard.alive(), "it still runs", guard.text)


@case
def a_lone_attacker(world):
    world.start_coturn("verbose")
    guard = world.guard()
    world.offend(3)
    ok(eventually(lambda: banned(ATTACKER4)), "who is all the traffic there is, is banned for resets", guard.text)
    for name in ("root", "admin", "guest"):
        world.clumsy.play("allocate", "--transport", "tcp", "--user", name, "--password", "x")
    ok(eventually(lambda: banned(CLUMSY)), "and for passwords", guard.text)


@case
def passwords_are_guessed(world):
    world.start_coturn("verbose", "max-allocate-timeout=3")  # a guess over UDP is charged when its session ends
    guard = world.guard()
    world.customer.play("allocate", "--password", "typo")
    hosts = (("attacker", ATTACKER4), ("clumsy", CLUMSY), ("victim", VICTIM))  # three attackers, here
    for (name, address), transport in zip(hosts, ("udp", "tcp", "tls")):
        for _ in range(4):
            world.hosts[name].play("allocate", "--transport", transport, "--password", "wrong")
        time.sleep(6 if transport == "udp" else 2)
        ok(not banned(address), "four failed logins over %s are no ban" % transport.upper(), guard.text)
        world.hosts[name].play("allocate", "--transport", transport, "--password", "wrong")
        ok(eventually(lambda: banned(address), 12), "the fifth is", guard.text)
        ok(re.search(r"ban\b.*address=%s .*rule=password-guess" % re.escape(address), guard.text), "as password-guess", guard.text)
    ok(not banned("192.0.2.11") and world.customer.served(), "who mistyped once is served", guard.text)


@case
def what_coturn_never_logs(world):
    world.start_coturn()
    guard = world.guard()
    time.sleep(3)

    def tries(name, most, *words):
        address = dict(attacker=ATTACKER4, clumsy=CLUMSY, victim=VICTIM)[name]
        before = os.path.getsize(world.log)
        for number in range(most):
            world.hosts[name].play(*words, timeout=1)
            time.sleep(0.1)
            if banned(address):
                break
        silent = os.path.getsize(world.log) == before
        return eventually(lambda: banned(address), 8) and silent
    ok(tries("attacker", 12, "--port", "3478", "reset"), "connections that are reset at once: banned, with no line in the log", guard.text)
    ok(tries("clumsy", 40, "--port", "3478", "connect"), "connections that are closed at once: banned, with no line", guard.text)
    program = "import socket; held = [socket.create_connection(('%s', 3478)) for _ in range(12)]; import time; time.sleep(60)" % SERVER4
    idle = subprocess.Popen(["ip", "netns", "exec", "victim", sys.executable, "-c", program])
    ok(eventually(lambda: banned(VICTIM), 50), "connections that say nothing: banned, with no line", guard.text)
    idle.kill()
    ok(world.customer.served() and not banned("192.0.2.11"), "the customer is served", guard.text)


@case
def what_coturn_never_logs_of_other_protocols(world):
    world.start_coturn()
    guard = world.guard()
    time.sleep(3)
    speak = {
        "HTTP": "s = socket.create_connection((%r, 3478), 2); s.sendall(b'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'); s.settimeout(1); s.recv(100); s.close()",
        "a TLS handshake that coturn refuses": "s = socket.create_connection((%r, 5349), 2); s.sendall(bytes.fromhex('160301002f0100002b0300') + bytes(32) + bytes.fromhex('00000400050004010000')); s.settimeout(1); s.recv(100); s.close()",
    }
    for (name, address), (what, program) in zip((("attacker", ATTACKER4), ("clumsy", CLUMSY)), speak.items()):
        for _ in range(45):
            subprocess.run(["ip", "netns", "exec", name, sys.executable, "-c", "import socket; " + program % SERVER4], stderr=subprocess.DEVNULL)
            if banned(address):
                break
        ok(eventually(lambda: banned(address), 8), "%s again and again: banned" % what, guard.text)
    ok(not open(world.log).read().count(ATTACKER4), "of the first there is no line in the log")
    ok(world.customer.served(), "the customer is served", guard.text)


@case
def phones_lose_their_network(world):
    world.start_coturn("verbose")
    guard = world.guard()
    time.sleep(2.5)
    for transport in ("tcp", "tls"):
        ok(all(world.customer.play("allocate", "--transport", transport, "--vanish") for _ in range(8)),
           "eight connections over %s of one who logged in break off" % transport.upper())
    time.sleep(3)
    ok(not nobody_but() and world.customer.served(), "and he is not banned", guard.text)


@case
def credit_is_not_bought_with_bindings(world):
    world.start_coturn()
    guard = world.guard()
    time.sleep(2.5)
    for _ in range(7):
        world.attacker.play("bindings", "--count", "100")
    ok(eventually(lambda: banned(ATTACKER4)), "a hundred Binding requests before each reset, in a row: banned", guard.text)
    slowly = [subprocess.Popen(["ip", "netns", "exec", "clumsy", sys.executable, CLIENT, "--server", SERVER4, "bindings", "--hold", "14"])
              for _ in range(7)]
    for process in slowly:
        process.wait(40)
    ok(eventually(lambda: banned(CLUMSY)), "and slowly, each connection alive for a quarter of a minute: banned", guard.text)


if __name__ == "__main__":
    run_cases(CASES, __file__, __doc__, seconds=300)
