#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket and its verbs: the real daemon, the real kernel, real users and groups, and clients who mean harm.

  control_test.py PATH/TO/coturn-guard [NAME...]     all cases, or those whose function name contains a NAME

Each case runs in namespaces of its own (root needed). Nobody writes the log but the test, by rules of its own, so that one
line is a ban. Prints TAP; what is measured stands in lines that begin with #.
"""
import json, os, pty, re, select, signal, socket, statistics, struct, subprocess, sys, termios, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from coturn_world import CANARIES, Guard, banned, eventually, members, nothing_in_the_kernel, ok, rule_is_there, run_cases, sh

SOCKET = "/run/coturn-guard/control.sock"
CASES = {}
RULES = r"""
rules:
  - name: reset
    description: A reset.
    points: 3
    caused_by: client
    begins: ['TCP socket error: Connection reset by peer ']
    pattern: 'TCP socket error: Connection reset by peer {client}'
    session: true
    examples: ['1: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer 203.0.113.5:40551']
    counterexamples: ['1: : ERROR: session 000000000000000001: TCP socket closed remotely 203.0.113.5:40551']
  - name: slip
    description: A slip.
    points: 1
    caused_by: client
    begins: ['TCP socket error: Broken pipe ']
    pattern: 'TCP socket error: Broken pipe {client}'
    session: true
    examples: ['1: : ERROR: session 000000000000000001: TCP socket error: Broken pipe 203.0.113.5:40551']
    counterexamples: ['1: : ERROR: session 000000000000000001: TCP socket closed remotely 203.0.113.5:40551']
forgeable:
  - {begins: 'text of an attacker: ', text_bytes: 100}
"""
RESET = "22: : ERROR: session %018d: TCP socket error: Connection reset by peer %s:4000\n"
SLIP = "22: : ERROR: session %018d: TCP socket error: Broken pipe %s:4000\n"
HARMLESS = "22: : session %018d: realm <example.org> user <alice>: incoming packet REFRESH processed, success\n"
CHANGERS_GID = 4711
STRANGER = ["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups", "--bounding-set", "-all"]
READER = ["setpriv", "--reuid", "1234", "--regid", "1234", "--groups", "4", "--bounding-set", "-all"]  # group adm
CHANGER = ["setpriv", "--reuid", "1234", "--regid", "1234", "--groups", str(CHANGERS_GID), "--bounding-set", "-all"]
CHANGER_BY_PRIMARY = ["setpriv", "--reuid", "1234", "--regid", str(CHANGERS_GID), "--clear-groups", "--bounding-set", "-all"]


def case(function):
    function.no_coturn = True
    CASES[function.__name__] = function
    return function


def start(world, more="", **how):
    """A daemon that follows a log of ours, by rules of ours, and knows the group of who may change something."""
    with open("/etc/group") as file:
        groups = "".join(line for line in file if not line.startswith("coturn-guard:"))
    with open(world.place + "/group", "w") as file:
        file.write(groups + "coturn-guard:x:%d:\n" % CHANGERS_GID)
    os.chmod(world.place + "/group", 0o644)
    sh(["mount", "--bind", world.place + "/group", "/etc/group"])
    with open(world.place + "/rules.yaml", "w") as file:
        file.write(RULES)
    os.chmod(world.place + "/rules.yaml", 0o644)
    open(world.log, "a").close()
    world.configure("rules_file: %s/rules.yaml\n" % world.place + more)
    guard = world.guard(**how)
    write(world, HARMLESS % 1 * 20)  # so that the file has a format
    if not eventually(lambda: os.path.exists(SOCKET)):
        raise AssertionError("no control socket: " + guard.text)
    return guard


def write(world, text):
    with open(world.log, "a") as log:
        log.write(text)


def verb(*words, who=(), told=None, timeout=60, environment=None):
    return subprocess.run([*who, Guard.program, *words], input=told, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, env={**os.environ, **(environment or {})})


def answers(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def status():
    return answers(verb("status", "--json"))[0]


class Raw:
    """A client that says what it likes."""

    def __init__(self, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(SOCKET)
        self.rest = b""

    def say(self, what):
        self.socket.sendall(what if isinstance(what, bytes) else json.dumps(what).encode() + b"\n")
        return self

    def line(self):
        """The next object of the answer; None: the daemon hung up."""
        while b"\n" not in self.rest:
            try:
                got = self.socket.recv(1 << 16)
            except ConnectionResetError:
                got = b""
            if not got:
                return None
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def answer(self):
        lines = []
        while True:
            lines.append(self.line())
            if lines[-1] is None or lines[-1]["event"] in ("end", "error"):
                return lines

    def close(self):
        self.socket.close()


class Sets:
    """Asks the kernel's set by netlink, as fast as it answers: linux/netfilter/ipset/ip_set.h."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
        self.socket.bind((0, 0))

    def hold(self, address, name=b"coturn-guard-4"):
        def attribute(kind, value):
            return struct.pack("HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)
        ip = attribute(1 | 0x8000, attribute(1 | 0x4000, socket.inet_aton(address)))
        body = struct.pack(">BBH", 2, 0, 0) + attribute(1, b"\x06") + attribute(2, name + b"\0") + attribute(7 | 0x8000, ip)
        self.socket.send(struct.pack("IHHII", len(body) + 16, 6 << 8 | 11, 1 | 4, 1, 0) + body)
        return struct.unpack_from("i", self.socket.recv(4096), 16)[0] == 0


def address(network, n):
    return "%d.%d.%d.%d" % (network, n >> 16, n >> 8 & 255, n & 255)


def line_to_kernel(world, network, count, pause=0.01):
    """Milliseconds from writing a line until the kernel's set holds its address, for each of `count`."""
    sets, taken = Sets(), []
    for n in range(count):
        offender = address(network, n)
        began = time.perf_counter()
        write(world, RESET % (n, offender))
        while not sets.hold(offender):
            if time.perf_counter() - began > 10:
                return taken + [10000.0]
        taken.append(1000 * (time.perf_counter() - began))
        time.sleep(pause)
    return taken


def before_others():
    """The daemon and who measures it go before the machine's other work, which is not what is measured."""
    os.nice(-10)


def words(milliseconds):
    milliseconds = sorted(milliseconds)
    return "median %.2f ms, p99 %.2f ms, longest %.2f ms of %d" % (
        statistics.median(milliseconds), milliseconds[int(len(milliseconds) * 0.99)], milliseconds[-1], len(milliseconds))


# ---- who may what ------------------------------------------------------------------------------------------------------
@case
def roles(world):
    guard = start(world)
    mode = os.stat(SOCKET).st_mode & 0o777, os.stat(os.path.dirname(SOCKET)).st_mode & 0o777
    ok(mode == (0o666, 0o755), "the way to the socket is open to everybody: the kernel's word is the lock", mode)
    done = verb("status", who=STRANGER)
    ok(done.returncode == 4 and "group coturn-guard" in done.stderr and not done.stdout, "a stranger is refused, with a sentence and exit 4", done)
    done = verb("status", who=READER)
    ok(done.returncode == 0 and "enforce" in done.stdout, "a member of adm may look", done)
    done = verb("ban", "203.0.113.9", who=READER)
    ok(done.returncode == 4 and not banned("203.0.113.9"), "but not ban: exit 4", done)
    ok(guard.says(r"control\.forbidden.*verb=\"?ban.*uid=\"?1234"), "the journal tells of the attempt, and whose it was", guard.text)
    ok(verb("ban", "203.0.113.9", who=CHANGER).returncode == 0 and banned("203.0.113.9"), "a member of coturn-guard may ban")
    ok(verb("unban", "203.0.113.9", who=CHANGER_BY_PRIMARY).returncode == 0 and not banned("203.0.113.9"),
       "and so may one whose primary group it is")
    ok(verb("ban", "203.0.113.9", "--reason", "seen \x1b[31m\n").returncode == 0 and banned("203.0.113.9"), "and root")
    ok(guard.says(r"control\.request.*verb=\"?ban.*uid=\"?0\b.*203\.0\.113\.9"), "every change is in the journal, with who asked", guard.text)
    ok("\x1b" not in guard.text, "nobody writes escape sequences into it")


@case
def without_a_daemon(world):
    for words_ in (["status"], ["list"], ["ban", "203.0.113.9"], ["unban", "203.0.113.9"], ["check", "203.0.113.9"], ["reload"], ["tail"], ["top"]):
        done = verb(*words_)
        ok(done.returncode == 3 and "systemctl start coturn-guard" in done.stderr, "%s: exit 3, and how to start it" % words_[0], done)
    ok(verb("flush").returncode == 0, "flush has something to do without one")
    guard = start(world)
    verb("ban", "203.0.113.9")
    guard.send(signal.SIGKILL)
    guard.process.wait()
    ok(os.path.exists(SOCKET) and verb("status").returncode == 3, "the socket of a daemon that was killed is nobody's: exit 3")
    second = world.guard()
    ok(eventually(lambda: verb("status").returncode == 0), "and the next daemon takes its place", second.text)
    ok(verb("check", "203.0.113.9").returncode == 0, "with the bans")
    beside = world.guard(ready=False)
    ok(beside.wait() == 1 and beside.says("another coturn-guard runs"), "one beside it says so and exits", beside.text)
    third = world.guard("--dry-run")
    ok(third.says("another coturn-guard listens"), "one that bans nobody leaves the socket to whom it belongs", third.text)
    third.stop()
    ok(verb("status").returncode == 0, "who still answers")
    second.stop()
    ok(not os.path.exists(SOCKET), "a daemon that ends takes its socket along")


# ---- the verbs ---------------------------------------------------------------------------------------------------------
@case
def ban_check_unban(world):
    guard = start(world, "ignoreip: [198.18.0.0/15]\n")
    done = verb("ban", "203.0.113.9", "2001:db8:7::/64", "192.0.2.128/25", "--for", "1h30m", "--reason", "port scan")
    ok(done.returncode == 0 and "203.0.113.9/32: banned, 1h30m left" in done.stdout, "ban takes addresses and networks", done)
    ok(banned("203.0.113.9") and banned("192.0.2.200") and banned("2001:db8:7::1", 6), "and when it ends the kernel holds them")
    done = verb("ban", "203.0.113.9", "--for", "1m")
    ok(done.returncode == 0 and "earlier ban lasts longer" in done.stdout, "a shorter ban leaves the longer one", done)
    done = verb("check", "192.0.2.130")
    ok(done.returncode == 0 and "by 192.0.2.128/25" in done.stdout, "check: 0, and by which network", done)
    done = verb("check", "192.0.2.1")
    ok(done.returncode == 1 and "not banned" in done.stdout, "check: 1 who is not", done)
    done = verb("unban", "192.0.2.130")
    ok(done.returncode == 1 and "unban that" in done.stderr and banned("192.0.2.130"), "unban of an address in a banned network names the network", done)
    done = verb("unban", "192.0.2.130/25", "203.0.113.0/24", "2001:db8:7::5")
    ok(done.returncode == 0 and not (banned("203.0.113.9") or banned("192.0.2.200") or banned("2001:db8:7::1", 6)),
       "unban frees networks, all inside a network, and the /64 of an address", done)
    for spared, why in (("127.0.0.1", "loopback"), ("198.51.100.10", "own"), ("198.18.7.7", "ignoreip"), ("198.0.0.0/6", "wider"), ("2000::/16", "wider")):
        done = verb("ban", spared)
        ok(done.returncode == 1 and "refused" in done.stderr and "--force" in done.stderr and not banned(spared.split("/")[0], 6 if ":" in spared else 4),
           "%s is refused: %s" % (spared, why), done)
    ok(verb("ban", "198.18.7.7", "--force").returncode == 0 and banned("198.18.7.7"), "with --force it is not")
    guard.send(signal.SIGHUP)
    ok(guard.says("config.reloaded") and banned("198.18.7.7"), "and a reload, which frees who is ignored, leaves it")
    done = verb("ban", "203.0.113.1", "-", told="203.0.113.2 # a comment\n  203.0.113.3, 1.2.3\n\n203.0.113.4 203.0.113.400\n")
    ok(done.returncode == 65 and "standard input:2:16" in done.stderr and "standard input:4:13" in done.stderr and "nothing was done" in done.stderr,
       "what does not parse is told with line and column, all of it", done)
    ok(not banned("203.0.113.1") and not banned("203.0.113.2"), "and nothing was done")
    ok(verb("ban", "198.51.100.77x").returncode == 65, "an argument that is no address: exit 65")
    done = verb("ban", "203.0.113.9", "--for", "1.5h")
    ok(done.returncode == 2 and "character 2" in done.stderr, "a span that is none: exit 2, and where", done)
    ok(verb("ban", "-", told="").returncode == 0, "an empty list is done at once")


@case
def translated_hosts(world):
    state = 'state_file: "%s/state.db"\n' % world.place
    guard = start(world, state)
    ways = (("64:ff9b::cb00:7105", 6), ("2002:cb00:7105:1::5", 6), ("2001:0:4136:e378:8000:63bf:34ff:8efa", 6), ("203.0.113.5", 4))

    def shut():
        return [way for way, family in ways if banned(way, family)]

    def told(address):
        return "[%s]" % address if ":" in address else address

    def comes_by(which):
        for number, (way, _) in enumerate(which, 1):
            write(world, RESET % (number, told(way)))

    comes_by(ways)
    ok(eventually(lambda: len(shut()) == 4) and not banned("64:ff9b::cb00:7104", 6), "a host is banned by each way that it comes by, and nobody beside it", guard.text)
    write(world, RESET % (9, "[64:ff9b::cb00:7104]"))
    ok(eventually(lambda: banned("64:ff9b::cb00:7104", 6)), "its neighbour behind the NAT64 is banned, too", guard.text)
    done = verb("unban", "203.0.113.5")
    ok(done.returncode == 0 and not shut(), "unban of its IPv4 address frees it of all its ways", [done, shut()])
    done = verb("unban", "203.0.113.5")
    ok(banned("64:ff9b::cb00:7104", 6) and "not banned" in done.stdout + done.stderr, "and not its neighbour; a second time there is nothing to free", done)
    comes_by(ways)
    ok(eventually(lambda: len(shut()) == 4), "it is banned again", guard.text)
    done = verb("unban", "2002:cb00:7105:7::1")
    ok(done.returncode == 0 and not shut() and banned("64:ff9b::cb00:7104", 6), "an address of its 6to4 site frees it the same way", [done, shut()])
    comes_by(ways[:2])
    ok(eventually(lambda: len(shut()) == 2), "it is banned by NAT64 and 6to4", guard.text)
    guard.stop()
    guard = start(world, state)
    comes_by(ways[3:])
    ok(eventually(lambda: len(shut()) == 3), "after a restart it comes by IPv4, and is shut out there", [shut(), guard.text])
    done = verb("unban", "64:ff9b::/96")
    ok(done.returncode == 0 and not shut() and not banned("64:ff9b::cb00:7104", 6), "a NAT64's prefix frees all that come by it", [done, shut()])
    comes_by(ways)
    ok(eventually(lambda: len(shut()) == 4), "it is banned once more", guard.text)
    ok(verb("flush").returncode == 0 and not (members().keys() | members(6).keys()) - CANARIES, "flush ends them all", [members(), members(6)])
    comes_by(ways[2:])
    ok(eventually(lambda: len(shut()) == 2), "and what it ended is banned anew", guard.text)


@case
def list_and_why(world):
    start(world, "maxretry: 3\n")
    write(world, SLIP % (1, "203.0.113.7") + SLIP % (2, "203.0.113.7") + SLIP % (3, "203.0.113.7") + RESET % (4, "203.0.113.8"))
    ok(eventually(lambda: banned("203.0.113.7") and banned("203.0.113.8")), "two are banned by what they did")
    verb("ban", "198.19.0.0/24", "2001:db8:7::/64", "--for", "2h", "--reason", 'by "hand"')
    bans = {ban["prefix"]: ban for ban in answers(verb("list", "--json"))}
    ok(set(bans) == {"203.0.113.7/32", "203.0.113.8/32", "198.19.0.0/24", "2001:db8:7::/64"}, "list tells all bans, and no canary", bans)
    one, hand = bans["203.0.113.7/32"], bans["198.19.0.0/24"]
    ok(one["schema"] == 1 and one["rule"] == "slip" and one["cause"] == "rule" and one["points"] == 3 and one["evidence"] == "claimed"
       and 50 < one["left_seconds"] <= 60 and one["earlier_bans"] == 0, "rule, points, evidence, time left", one)
    ok(hand["cause"] == "manual" and hand["reason"] == 'by "hand"' and hand["rule"] is None and 7190 < hand["left_seconds"] <= 7200,
       "an operator's ban has his words", hand)
    ok(abs(one["since_epoch"] - time.time()) < 10 and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["since"]), "times in both forms", one)
    subset = lambda *filters: {ban["prefix"] for ban in answers(verb("list", "--json", *filters))}
    ok(subset("--rule", "reset") == {"203.0.113.8/32"} and subset("--family", "6") == {"2001:db8:7::/64"}
       and subset("--network", "203.0.113.0/24") == {"203.0.113.7/32", "203.0.113.8/32"} and subset("--network", "198.19.0.7") == {"198.19.0.0/24"}
       and subset("--reason", "manual") == {"198.19.0.0/24", "2001:db8:7::/64"} == subset("--reason", "hand")
       and subset("--evidence", "proven") == set(), "filters by rule, family, network, reason, evidence")
    order = [ban["prefix"] for ban in answers(verb("list", "--json", "--sort", "address"))]
    ok(order == ["198.19.0.0/24", "203.0.113.7/32", "203.0.113.8/32", "2001:db8:7::/64"], "sorted by address", order)
    left = [ban["left_seconds"] for ban in answers(verb("list", "--json", "--sort", "time-left", "--reverse"))]
    ok(left == sorted(left, reverse=True), "and by the time left", left)
    text = verb("list").stdout
    ok(text.splitlines()[0].startswith("NETWORK") and "slip" in text and "(manual)" in text and "\x1b" not in text, "as a table, without colours in a pipe", text)
    ok("NETWORK" not in verb("list", "--no-headers").stdout, "without headers for scripts")
    # Two of them send something.
    sh("ip netns exec attacker python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); [s.sendto(b\"x\", (\"198.51.100.10\", 3478)) for _ in range(7)]'")
    verb("ban", "203.0.113.66")
    sh("ip netns exec attacker python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); [s.sendto(b\"x\", (\"198.51.100.10\", 3478)) for _ in range(7)]'")
    time.sleep(1.1)  # the counters are read once a second at most
    dropped = {ban["prefix"]: ban["dropped_packets"] for ban in answers(verb("list", "--json"))}
    ok(dropped["203.0.113.66/32"] == 7 == members()["203.0.113.66"] and dropped["203.0.113.7/32"] == 0, "the kernel's count of dropped packets", dropped)
    ok(status()["dropped_packets"] == 7, "which status sums up", status()["dropped_packets"])
    done = verb("why", "203.0.113.7")
    ok(done.returncode == 0 and done.stdout.count("offence") >= 3 and "slip" in done.stdout and "1 earlier ban" in done.stdout, "why: the offences behind it", done)
    known = answers(verb("why", "--json", "203.0.113.7"))
    ok([line["event"] for line in known] == ["ban", "offence", "offence", "offence", "standing"] and known[-1]["earlier_bans"] == 1
       and [line["in_window"] for line in known[1:3]] == [1, 2], "as JSON: ban, offences, where it stands", known)
    done = verb("why", "203.0.113.99", "--config", world.place + "/coturn-guard.yaml")
    ok(done.returncode == 1 and "nothing is known" in done.stdout, "of whom the daemon knows nothing, the logs are asked", done)
    done = verb("why", "203.0.113.8", "--config", world.place + "/coturn-guard.yaml", world.log)
    ok(done.returncode == 0 and "at the log's end" in done.stdout, "and where a log is named", done)
    verb("unban", "203.0.113.8", "203.0.113.7", "--forget")
    ok(answers(verb("why", "--json", "203.0.113.8"))[-1]["earlier_bans"] == 0, "unban --forget forgets the ladder")


@case
def status_and_top(world):
    guard = start(world)
    write(world, RESET % (4, "203.0.113.8"))
    eventually(lambda: banned("203.0.113.8"))
    done = verb("status")
    text = done.stdout
    ok(done.returncode == 0 and all(word in text for word in ("running", "mode", "in place by ipset", "lines", "reset 1", "bans", "1 now", "witness", "gate")),
       "status tells everything on one screen", text)
    ok(len(text.splitlines()) <= 20 and "\x1b" not in text, "of few lines, without colours in a pipe")
    told = status()
    ok(told["schema"] == 1 and told["event"] == "status" and told["bans"]["now"] == 1 == told["bans"]["last_24_hours"]
       and told["offences"]["by_rule"] == {"reset": {"claimed": 1}} and told["enforcer"]["in_place"] is True and told["mode"] == "enforce"
       and told["lines"]["total"] == 21, "and as JSON", told)
    pid, screen = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(Guard.program, [Guard.program, "status"])
    ok("\x1b[" in drain(screen), "with colours on a terminal")
    os.waitpid(pid, 0)
    pid, screen = pty.fork()
    if pid == 0:
        os.environ["NO_COLOR"] = "1"
        os.execv(Guard.program, [Guard.program, "status"])
    ok("\x1b[" not in drain(screen), "but not where NO_COLOR is set")
    os.waitpid(pid, 0)
    pid, screen = pty.fork()
    if pid == 0:
        os.execv(Guard.program, [Guard.program, "top"])
    before = termios.tcgetattr(screen)[3]
    seen = drain(screen, 2.5)
    ok("\x1b[?1049h" in seen and "latest bans" in seen and "203.0.113.8/32" in seen and seen.count("\x1b[H") >= 2, "top draws it again each second", seen)
    os.write(screen, b"q")
    seen = drain(screen, 2.5)
    ok("\x1b[?1049l" in seen and "\x1b[?25h" in seen and os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "q ends it, and the terminal is as before", seen)
    pid, screen = pty.fork()
    if pid == 0:
        os.execv(Guard.program, [Guard.program, "top"])
    drain(screen, 1.0)
    os.write(screen, b"\x03")
    seen = drain(screen, 2.5)
    ok("\x1b[?1049l" in seen and os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "Ctrl-C, too", seen)
    top = subprocess.Popen([Guard.program, "top"], stdout=subprocess.PIPE, text=True)
    time.sleep(2.5)
    top.terminate()
    lines = top.communicate()[0].splitlines()
    ok(len(lines) in (2, 3, 4) and all("1 bans" in line for line in lines), "into a pipe: a line a second", lines)


def drain(screen, seconds=5.0):
    text, end = b"", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if not select.select([screen], [], [], left)[0]:
            break
        try:
            got = os.read(screen, 65536)
        except OSError:
            break
        if not got:
            break
        text += got
    return text.decode(errors="replace")


@case
def reload_and_flush(world):
    guard = start(world)
    verb("ban", "203.0.113.9", "2001:db8:7::/64")
    write(world, SLIP % (1, "203.0.113.7") + SLIP % (2, "203.0.113.7"))
    done = verb("reload")
    ok(done.returncode == 0 and guard.says("config.reloaded"), "reload: exit 0, and it is in force", done)
    good = open(world.place + "/conf.d/10-test.yaml").read()
    with open(world.place + "/conf.d/10-test.yaml", "a") as file:
        file.write("max_retry: 3\nbantime: soon\n")
    done = verb("reload")
    ok(done.returncode == 78 and "10-test.yaml:" in done.stderr and "maxretry" in done.stderr and "bantime" in done.stderr and "before stays in force" in done.stderr,
       "a wrong configuration: exit 78, and every mistake with its place", done)
    ok([line["event"] for line in answers(verb("reload", "--json"))] == ["problem", "problem", "error"], "and as JSON")
    ok(banned("203.0.113.9"), "the bans stand")
    with open(world.place + "/conf.d/10-test.yaml", "w") as file:
        file.write(good + "ignoreip: [203.0.113.9]\n")
    ok(verb("reload").returncode == 0 and eventually(lambda: not banned("203.0.113.9")), "who is newly ignored is free at once")
    verb("ban", "203.0.113.10", "203.0.113.11")
    done = verb("flush")
    ok(done.returncode == 0 and "3 bans ended" in done.stdout and rule_is_there(), "flush ends all bans of a running daemon, which goes on", done)
    ok(not (banned("203.0.113.10") or banned("2001:db8:7::1", 6)) and status()["bans"]["now"] == 0, "in the kernel and in its mind")
    time.sleep(2.2)
    ok(not banned("203.0.113.10"), "nor do they come back")
    write(world, SLIP % (3, "203.0.113.7"))
    time.sleep(0.3)
    ok(not banned("203.0.113.7"), "and the offences before count no more")
    verb("ban", "203.0.113.10")
    pid, screen = pty.fork()
    if pid == 0:
        os.execv(Guard.program, [Guard.program, "unban", "--all"])
    ok("[y/N]" in drain(screen, 1.0) and banned("203.0.113.10"), "unban --all asks on a terminal")
    os.write(screen, b"n\n")
    drain(screen, 1.0)
    ok(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1 and banned("203.0.113.10"), "and takes no for an answer")
    ok(verb("unban", "--all", told="").returncode == 0 and not banned("203.0.113.10"), "a script is not asked")
    guard.stop()
    ok(verb("flush").returncode == 0 and nothing_in_the_kernel(), "with the daemon stopped flush removes rule and sets")


@case
def after_a_crash(world):
    state = 'state_file: "%s/state.db"\n' % world.place
    guard = start(world, state)
    verb("ban", "203.0.113.9", "--for", "2h", "--reason", "port scan")
    verb("ban", "127.0.0.9", "--force", "--reason", "on purpose")
    verb("ban", "203.0.113.10")
    write(world, SLIP % (1, "203.0.113.7") * 3)
    ok(eventually(lambda: banned("203.0.113.7")), "an offender is banned, and three by hand")
    time.sleep(2.5)
    verb("unban", "203.0.113.10")
    time.sleep(0.1)
    guard.send(signal.SIGKILL)
    guard.process.wait()
    guard = start(world, state)
    known = {line["prefix"]: line for line in answers(verb("list", "--json"))}
    ok("203.0.113.10/32" not in known, "who was freed right before a kill -9 stays free", known)
    kept = known.get("203.0.113.9/32", {})
    ok(kept.get("cause") == "manual" and kept.get("reason") == "port scan" and 7100 < kept.get("left_seconds", 0) <= 7200, "a ban by hand is known with its reason and its time", kept)
    ok(known.get("127.0.0.9/32", {}).get("forced") is True, "one that was forced stays, although nobody is banned so otherwise", known)
    kept = known.get("203.0.113.7/32", {})
    ok(kept.get("cause") == "rule" and kept.get("rule") and kept.get("points"), "and an offender's with its rule and its points", kept)
    guard.stop()
    ok(verb("flush").returncode == 0 and nothing_in_the_kernel(), "flush, stopped, ends them")


@case
def tail_tells_decisions(world):
    start(world)
    listener = Raw().say({"verb": "tail"})
    curious = Raw().say({"verb": "tail", "offences": True})
    eventually(lambda: status()["listeners"]["now"] == 2)
    write(world, SLIP % (1, "203.0.113.7") + RESET % (2, "203.0.113.8"))
    told = listener.line()
    ok(told["event"] == "ban" and told["prefix"] == "203.0.113.8/32" and told["rule"] == "reset", "tail tells of a ban", told)
    events = [curious.line()["event"] for _ in range(3)]
    ok(events == ["offence", "offence", "ban"], "and with --offences of each offence", events)
    verb("unban", "203.0.113.8")
    told = listener.line()
    ok(told["event"] == "unban" and told["prefix"] == "203.0.113.8/32", "and who is free", told)
    program = subprocess.Popen([Guard.program, "tail"], stdout=subprocess.PIPE, text=True)
    eventually(lambda: status()["listeners"]["now"] == 3)
    verb("ban", "203.0.113.20", "--reason", "why not")
    line = program.stdout.readline()
    ok("ban 203.0.113.20/32" in line and "manual: why not" in line, "the verb says so in words", line)
    program.terminate()
    program.wait()
    listener.close()
    curious.close()
    ok(eventually(lambda: status()["listeners"]["now"] == 0, 70), "who is gone is forgotten")


@case
def adopting_from_another_program(world):
    start(world)
    end = Raw().say({"verb": "adopt", "bans": [{"prefix": "198.19.2.1", "seconds": 600, "earlier_bans": 3},
                                               {"prefix": "198.19.2.2", "seconds": 0, "earlier_bans": 4},
                                               {"prefix": "127.0.0.1", "seconds": 600, "earlier_bans": 1}]}).answer()
    ok(end[-1]["event"] == "end" and (end[-1]["adopted"], end[-1]["ladder"], end[-1]["refused"]) == (1, 1, 1), "adopt: a ban, a ladder, a refusal", end)
    ok(eventually(lambda: banned("198.19.2.1")) and not banned("198.19.2.2") and not banned("127.0.0.1"), "the live one is in the kernel")
    ok(answers(verb("why", "--json", "198.19.2.2"))[-1]["earlier_bans"] == 4, "the ladder is taken over")
    ban = answers(verb("list", "--json"))[0]
    ok(ban["cause"] == "imported" and ban["earlier_bans"] == 2, "and list says where it comes from", ban)
    told = verb("adopt", "--json", told='{"prefix": "198.19.2.3/32", "seconds": 600, "earlier_bans": 1}\n' * 1001 + '{"prefix": "::1", "seconds": 9, "earlier_bans": 1}\n')
    ok(answers(told)[-1].items() >= {"adopted": 1001, "ladder": 0, "refused": 1}.items() and banned("198.19.2.3"), "the verb adopts what stands on its standard input", told)
    told = verb("adopt", told='{"prefix": "198.19.2.4/32", "seconds": 600, "earlier_bans": 1}\nnonsense\n')
    ok(told.returncode == 65 and "standard input:2" in told.stderr and not banned("198.19.2.4"), "one line that is none: nothing is done", told)
    write(world, RESET % (1, "198.19.2.2"))
    ok(eventually(lambda: banned("198.19.2.2")), "its next offence bans")
    left = answers(verb("check", "--json", "198.19.2.2"))[0]["left_seconds"]
    ok(900 < left <= 960, "for as long as a fifth ban lasts", left)


# ---- much at once ------------------------------------------------------------------------------------------------------
@case
def ten_thousand_from_standard_input(world):
    before_others()
    start(world)
    addresses = "".join("%s\n" % address(20, n) for n in range(10_000))
    began = time.perf_counter()
    done = verb("ban", "--for", "1h", "-", told=addresses)
    took = time.perf_counter() - began
    print("# 10 000 bans in one call: %.3f s" % took)
    ok(done.returncode == 0 and done.stdout.count(": banned, 1h left") == 10_000, "10 000 bans in one call", done.stdout[-300:] + done.stderr)
    ok(took < 1, "in under a second", took)
    held = len(members())
    ok(held >= 10_000, "the kernel holds them when it ends", held)
    began = time.perf_counter()
    done = verb("unban", "-", told=addresses)
    print("# 10 000 unbans in one call: %.3f s" % (time.perf_counter() - began))
    ok(done.returncode == 0 and eventually(lambda: len(members()) <= 1), "and is rid of them after unban")


@case
def a_hundred_thousand_listed(world):
    before_others()
    start(world)
    done = verb("ban", "--for", "1h", "--json", "-", told="".join("%s\n" % address(20, n) for n in range(100_000)))
    ok(done.returncode == 0 and json.loads(done.stdout.splitlines()[-1])["banned"] == 100_000, "100 000 bans stand", done.stderr)
    took = []
    for _ in range(3):
        with open(world.place + "/listed", "w") as file:
            began = time.perf_counter()
            code = subprocess.run([Guard.program, "list", "--json"], stdout=file).returncode
            took.append(time.perf_counter() - began)
    print("# 100 000 bans listed as JSON: %s s" % ", ".join("%.3f" % seconds for seconds in took))
    with open(world.place + "/listed") as file:
        listed = {json.loads(line)["prefix"] for line in file}
    ok(code == 0 and len(listed) == 100_000, "100 000 bans listed as JSON, each once", len(listed))
    ok(min(took) < 1, "in under a second", took)
    quiet = line_to_kernel(world, 21, 100)
    print("# line to kernel, nobody lists: " + words(quiet))
    listing = True
    def list_again():
        while listing:
            subprocess.run(["nice", "-n", "10", Guard.program, "list", "--json"], stdout=subprocess.DEVNULL)
    threads = [threading.Thread(target=list_again) for _ in range(2)]
    for thread in threads:
        thread.start()
    busy = line_to_kernel(world, 22, 100)
    listing = False
    for thread in threads:
        thread.join()
    print("# line to kernel, two list all the time: " + words(busy))
    ok(statistics.median(busy) < statistics.median(quiet) + 50, "bans go on meanwhile", words(busy))


@case
def status_under_load(world):
    before_others()
    start(world)
    stop = threading.Event()
    written = [0]
    def pour():
        with open(world.log, "a", buffering=1 << 20) as log:
            began = time.monotonic()
            while not stop.is_set():
                due = int((time.monotonic() - began) * 20_000) - written[0]
                if due > 0:
                    log.write("".join(HARMLESS % (written[0] + n) for n in range(due)))
                    log.flush()
                    written[0] += due
                time.sleep(0.005)
    pouring = threading.Thread(target=pour)
    pouring.start()
    time.sleep(2)
    client, taken = Raw(), []
    for _ in range(500):
        began = time.perf_counter()
        told = client.say({"verb": "status"}).answer()
        taken.append(1000 * (time.perf_counter() - began))
        time.sleep(0.005)
    per_second = told[0]["lines"]["per_second"]
    stop.set()
    pouring.join()
    print("# status while %d lines/s are read: %s" % (per_second, words(taken)))
    ok(per_second > 10_000, "some 20 000 lines a second are read meanwhile", per_second)
    ok(statistics.median(taken) < 5, "status answers in under 5 ms", words(taken))


# ---- clients who mean harm ---------------------------------------------------------------------------------------------
@case
def hostile_requests(world):
    guard = start(world)
    client = Raw()
    for request, why in ((b"garbage\n", "no JSON"), (b"\n", "nothing"), (b"[1]\n", "no object"), (b"{}\n", "no verb"), (b'{"verb":1}\n', "a verb that is no text"),
                         (b'{"verb":"explode"}\n', "an unknown verb"), (b'{"verb":"status","more":1}\n', "an unknown key"),
                         (b'{"verb":"ban"}\n', "no address"), (b'{"verb":"ban","prefixes":["1.2.3"]}\n', "no address in it"),
                         (b'{"verb":"ban","prefixes":["192.0.2.1"],"seconds":-1}\n', "a negative time"),
                         (b'{"verb":"ban","prefixes":["192.0.2.1"],"seconds":1e99}\n', "an endless one"),
                         (b'{"verb":"unban","prefixes":["192.0.2.1"],"all":true}\n', "one and all"),
                         (b'{"verb":"list","rule":"%s"}\n' % (b"x" * 500), "a long text"), (b"\xff\xfe\x00{}\n", "no UTF-8"),
                         (b"[" * 60000 + b"\n", "deep nesting")):
        told = client.say(request).line()
        ok(told and told["event"] == "error" and told["code"] == "bad-request", "refused: " + why, told)
    ok(client.say({"verb": "check", "prefixes": ["192.0.2.1"]}).answer()[0]["banned"] is False, "and the same client is answered still")
    ok(Raw().say({"verb": "ban", "prefixes": ["192.0.2.1"] * 1001}).line()["code"] == "bad-request", "a thousand addresses a request, no more")
    rude = Raw().say(b"garbage\n" * 30)
    ok([rude.line() is not None for _ in range(21)] == [True] * 20 + [False], "who says nothing else than garbage is hung up on")
    big = Raw()
    try:
        big.say(b"x" * 200_000)
    except (BrokenPipeError, ConnectionResetError):
        pass
    told = big.line()
    ok(told and told["code"] == "bad-request" and big.line() is None, "more than 64 KiB: told, and hung up on", told)
    half = Raw().say(b'{"verb":"check","prefixes":["192.0.2.1"]}\n')
    half.socket.shutdown(socket.SHUT_WR)
    ok(half.answer()[-1]["event"] == "end" and half.line() is None, "a half-closed client gets its answer, then the end")
    many = Raw().say(b'{"verb":"check","prefixes":["192.0.2.1"]}\n' * 500)
    ok(all(many.answer()[-1]["event"] == "end" for _ in range(500)), "500 requests at once are answered one after the other")
    slow = Raw(timeout=20)
    began, told = time.monotonic(), None
    while told is None and time.monotonic() - began < 16:
        try:
            slow.socket.sendall(b" ")
        except OSError:
            pass
        if select.select([slow.socket], [], [], 0.5)[0]:
            told = slow.line()
    ok(told and told["code"] == "too-slow" and time.monotonic() - began < 13, "a request that takes longer than 10 s is not waited for", told)
    ok(guard.alive() and not members().keys() - {"198.51.100.254/31"}, "and nobody was banned by any of it", members())


PRESS = """
import socket, time
def connect():
    one = socket.socket(socket.AF_UNIX)
    one.setblocking(False)
    try:
        one.connect(%r)
    except OSError:
        pass
    return one
def send(one, what):
    try:
        one.send(what)
    except OSError:
        pass
trickling = [connect() for _ in range(12)]
while True:
    crowd = [connect() for _ in range(1000)]
    for one in crowd:
        send(one, b"garbage\\n" * 100)
    for one in trickling:
        send(one, b" ")
    time.sleep(0.02)
    for one in crowd:
        one.close()
"""


@case
def hostile_crowds(world):
    before_others()
    guard = start(world, "bantime: 1h\n")
    pressed = verb("ban", "--for", "1h", "--json", "-", told="".join("%s\n" % address(20, n) for n in range(50_000)))
    ok(pressed.returncode == 0, "50 000 bans stand")
    quiet = line_to_kernel(world, 21, 200)
    print("# line to kernel, no clients: " + words(quiet))
    resident = lambda: int(re.search(r"VmRSS:\s+(\d+)", open("/proc/%d/status" % guard.process.pid).read())[1]) / 1024
    before = resident()
    # Who asks for the whole list and reads nothing, who tails and reads nothing, who trickles, who says garbage, who comes by
    # the thousand, and who is not allowed to come.
    deaf = [Raw().say({"verb": "list"}) for _ in range(12)] + [Raw().say({"verb": "tail", "offences": True}) for _ in range(12)]
    pressing = [subprocess.Popen(["nice", "-n", "10", *who, sys.executable, "-c", PRESS % SOCKET]) for who in ([], STRANGER)]
    time.sleep(0.5)
    hostile = line_to_kernel(world, 22, 200)
    after = resident()
    for process in pressing:
        process.kill()
        process.wait()
    print("# line to kernel, hostile clients: " + words(hostile))
    print("# the daemon holds %.1f MiB before and %.1f MiB meanwhile" % (before, after))
    ok(len(hostile) == 200 and hostile[-1] < 10_000, "every ban is made")
    ok(statistics.median(hostile) < statistics.median(quiet) + 20, "and none is delayed to speak of", words(hostile))
    ok(after - before < 32, "what they hold of memory is bounded", (before, after))
    told = status()
    ok(told["bans"]["now"] == 50_400, "nothing is lost", told["bans"])
    write(world, "".join(RESET % (n, address(23, n)) for n in range(20_000)))
    ok(eventually(lambda: status()["bans"]["now"] == 70_400, 30), "20 000 decisions at once are made beside listeners who do not read")
    ok(status()["listeners"]["left_out"] > 0, "who are told what was left out", status()["listeners"])
    last = deaf[-1]
    events = []
    while not events or events[-1] != "left_out":
        line = last.line()
        if line is None:
            break
        events.append(line["event"])
    ok("left_out" in events, "when they read at last", events[-3:])
    for client in deaf:
        client.close()
    ok(eventually(lambda: status()["listeners"]["now"] == 0, 40), "and who is gone holds nothing")


@case
def too_many_clients(world):
    start(world)
    held = [Raw() for _ in range(64)]
    time.sleep(0.3)
    told = Raw().line()
    ok(told and told["code"] == "busy", "the 65th client is told that there are too many", told)
    done = verb("status")
    ok(done.returncode == 69 and "too many" in done.stderr, "the verb says so: exit 69", done)
    for client in held:
        client.close()
    ok(eventually(lambda: verb("status").returncode == 0), "when they are gone, the next one is answered")
    # Readers alone leave room for root.
    script = ("import socket, sys, time\nheld = []\nfor _ in range(70):\n s = socket.socket(socket.AF_UNIX); s.connect(%r); held.append(s)\n"
              "print('held', flush=True)\ntime.sleep(30)" % SOCKET)
    readers = subprocess.Popen([*READER, sys.executable, "-c", script], stdout=subprocess.PIPE)
    readers.stdout.readline()
    time.sleep(0.3)
    ok(verb("status", who=READER).returncode == 69, "readers fill the places of readers")
    ok(verb("status").returncode == 0, "root is answered all the same")
    readers.kill()
    readers.wait()


@case
def nftables_counts_too(world):
    start(world, "enforcer: nftables\n")
    verb("ban", "203.0.113.64/26", "203.0.113.128/25", "2001:db8:bad::/64", "192.0.2.7", "--for", "1h")
    for target in ("198.51.100.10", "2001:db8::10"):
        sh("ip netns exec attacker python3 -c 'import socket; s = socket.socket(socket.AF_INET6 if \":\" in \"%s\" else socket.AF_INET, socket.SOCK_DGRAM); "
           "[s.sendto(b\"x\", (\"%s\", 3478)) for _ in range(5)]'" % (target, target))
    time.sleep(1.1)
    dropped = {ban["prefix"]: ban["dropped_packets"] for ban in answers(verb("list", "--json"))}
    ok(dropped == {"203.0.113.64/26": 5, "203.0.113.128/25": 0, "2001:db8:bad::/64": 5, "192.0.2.7/32": 0}, "dropped packets of each ban", dropped)


@case
def observing(world):
    guard = start(world, "mode: observe\n")
    write(world, RESET % (1, "203.0.113.8"))
    ok(eventually(lambda: status()["bans"]["now"] == 1) and status()["mode"] == "observe", "observing, it counts bans")
    done = verb("ban", "203.0.113.9")
    ok(done.returncode == 0 and "not really" in done.stdout and nothing_in_the_kernel(), "and says that a ban is none", done)
    ok({ban["prefix"] for ban in answers(verb("list", "--json"))} == {"203.0.113.8/32", "203.0.113.9/32"}, "list tells them")


if __name__ == "__main__":
    run_cases(CASES, __file__, __doc__, 300)
