#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real coturn, real packets, the real daemon: who abuses is dropped by the kernel, and nobody else is.

  coturn_test.py PATH/TO/coturn-guard [NAME...]     all cases, or those whose function name contains a NAME

Each case runs in network, mount and process namespaces of its own (root needed; the host is not touched): this side is
the server, every other host stands at the end of a cable of its own. TURNSERVER names the server's program (default: the
installed one). Prints TAP: one line a sentence. It reads the daemon's output loosely: a word and an address.
"""
import os, re, signal, socket, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
CLIENT = os.path.join(TREE, "test/support/turn_client.py")
SERVER4, SERVER6 = "198.51.100.10", "2001:db8::10"
HOSTS = {  # name: (our end, their addresses)
    "customer": (("192.0.2.1", "fe80::1"), ("192.0.2.11", "2001:db8:600d::11")),
    "attacker": (("203.0.113.1", "fe80::1"), ("203.0.113.66", "2001:db8:bad::66", "2001:db8:bad::67")),
    "clumsy": (("203.0.114.1",), ("203.0.114.7",)),
    "victim": (("192.0.3.1",), ("192.0.3.99",)),
}
ATTACKER4, ATTACKER6, ATTACKER6_TOO = HOSTS["attacker"][1]
CLUMSY, VICTIM = "203.0.114.7", "192.0.3.99"
CANARIES = {"198.51.100.254/31", "2001:db8:ffff:ffff::/64"}  # always in the sets, to prove that they live; nobody's address
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"]
NET_ADMIN_ALONE = NOBODY + ["--bounding-set", "-all,+net_admin", "--inh-caps", "-all,+net_admin", "--ambient-caps", "-all,+net_admin"]
NO_CAPABILITY = NOBODY + ["--bounding-set", "-all", "--inh-caps", "-all"]


def sh(command, check=True):
    done = subprocess.run(command, shell=isinstance(command, str), text=True, errors="backslashreplace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check and done.returncode:
        raise AssertionError("%s: exit %d: %s" % (command, done.returncode, done.stdout))
    return done.stdout


failures = 0


def ok(condition, sentence, detail=""):
    global failures
    failures += not condition
    print("%s - %s" % ("ok" if condition else "not ok", sentence), flush=True)
    if not condition and detail:
        print("\n".join("#   " + line for line in str(detail).splitlines()), flush=True)
    return bool(condition)


def eventually(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class Host:
    def __init__(self, name):
        self.name = name
        ours, theirs = HOSTS[name]
        sh("ip netns add %s; ip link add to-%s type veth peer name eth0 netns %s" % (name, name, name))
        for at, addresses in (("dev to-" + name, ours), ("-n %s" % name, theirs)):
            inside = at.startswith("-n")
            for address in addresses:
                size, extra = ("64", "nodad") if ":" in address else ("24", "")
                sh("ip %s addr add %s/%s dev %s %s" % (at if inside else "", address, size, "eth0" if inside else "to-" + name, extra))
            sh("ip %s link set %s up" % (at if inside else "", "eth0" if inside else "to-" + name))
        # The router speaks IPv6 from a link-local address: one of ours within the attacker's /64 would change who is banned.
        sh("ip -n %s route add default via %s" % (name, ours[0]))
        for address in ours[1:]:
            sh("ip -n %s -6 route add default via %s dev eth0" % (name, address))
            sh("ip -6 route add %s::/64 dev to-%s" % (theirs[1].split("::")[0], name))
        sh("ip -n %s link set lo up" % name)

    def play(self, *words, server=SERVER4, timeout=2):
        """One verb of turn_client.py as this host -> did it succeed?"""
        return subprocess.run(["ip", "netns", "exec", self.name, sys.executable, CLIENT, "--server", server,
                               "--timeout", str(timeout), *words], stdout=subprocess.DEVNULL).returncode == 0

    def served(self, server=SERVER4):
        return all(self.play("allocate", "--transport", transport, server=server) for transport in ("udp", "tcp", "tls"))


class World:
    """A turnserver, its hosts, and a place for files."""

    def __init__(self, start_coturn=True):
        self.place = tempfile.mkdtemp()
        os.chmod(self.place, 0o755)
        self.log = self.place + "/log/coturn.log"
        os.mkdir(self.place + "/log", 0o755)
        os.chmod(self.place + "/log", 0o777)
        sh("ip link set lo up; ip addr add %s/32 dev lo; ip -6 addr add %s/128 dev lo nodad" % (SERVER4, SERVER6))
        self.hosts = {name: Host(name) for name in HOSTS}
        sh("""nft 'table inet audience { chain arrived { type filter hook input priority 0;
              ip saddr %s counter comment "four"; ip6 saddr 2001:db8:bad::/64 tcp dport {3478, 5349} counter comment "six"; }; }'""" % ATTACKER4)
        self.guards = []
        self.configure("")
        self.coturn = None
        if start_coturn:
            self.start_coturn()

    def __getattr__(self, name):
        return self.__dict__["hosts"][name]

    def start_coturn(self, *lines):
        os.chdir(self.place)
        sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=turn.example.org")
        with open("turnserver.conf", "w") as conf:
            conf.write("\n".join(("listening-ip=" + SERVER4, "listening-ip=" + SERVER6, "relay-ip=" + SERVER4,
                                  "relay-ip=" + SERVER6, "realm=example.org", "lt-cred-mech", "user=alice:secret1",
                                  "cert=%s/cert.pem" % self.place, "pkey=%s/key.pem" % self.place,
                                  "userdb=%s/turndb" % self.place, "pidfile=%s/pid" % self.place, "no-cli",
                                  "log-file=" + self.log, "simple-log", *lines, "")))
        self.coturn = subprocess.Popen([os.environ.get("TURNSERVER", "turnserver"), "-c", "turnserver.conf"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not eventually(lambda: self.customer.play("allocate") and self.customer.play("allocate", server=SERVER6), 20):
            raise AssertionError("turnserver does not serve")

    def configure(self, text, main=None):
        """The packaged configuration; what the case wants stands in conf.d."""
        os.makedirs(self.place + "/conf.d", exist_ok=True)
        with open(TREE + "/examples/coturn-guard.yaml") as packaged:
            main = packaged.read() if main is None else main
        with open(self.place + "/coturn-guard.yaml", "w") as file:
            file.write(main)
        with open(self.place + "/conf.d/10-test.yaml", "w") as file:
            file.write("log_file: %s\n" % self.log + ("" if "rules_file" in text else "rules_file: %s/rules/coturn.yaml\n" % TREE) + text)
        for file in ("/coturn-guard.yaml", "/conf.d/10-test.yaml"):
            os.chmod(self.place + file, 0o644)

    def guard(self, *arguments, before=(), environment=None, ready=True):
        guard = Guard(self, arguments, before, environment)
        self.guards.append(guard)
        if ready:
            guard.wait_until_following()
        return guard

    def offend(self, count=1, verb=("garbage",), who="attacker", server=SERVER4):
        for _ in range(count):
            if not self.hosts[who].play(*verb, server=server):
                raise AssertionError("the offence did not reach coturn")
            time.sleep(0.05)
        time.sleep(0.3)  # coturn has written it

    def arrived(self, which="four"):
        return int(re.search(r'counter packets (\d+) bytes \d+ comment "%s"' % which, sh("nft list chain inet audience arrived"))[1])


class Guard:
    program = None

    def __init__(self, world, arguments, before, environment):
        self.world, self.output = world, b""
        self.process = subprocess.Popen([*before, Guard.program, "run", "--config", world.place + "/coturn-guard.yaml", *arguments],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while chunk := self.process.stdout.read1():
            self.output += chunk

    @property
    def text(self):
        return self.output.decode(errors="backslashreplace")

    def says(self, pattern, seconds=5.0):
        return eventually(lambda: re.search(pattern, self.text, re.I), seconds)

    def says_ban_of(self, address, seconds=5.0):
        return self.says(r"\bban\b.*" + re.escape(address) + r"\b", seconds)

    def wait_until_following(self):
        """The daemon is ready when it holds the log open (or, where there is none yet, when it said so)."""
        def following():
            if self.process.poll() is not None:
                raise AssertionError("the daemon ended with %d: %s" % (self.process.returncode, self.text))
            for descriptor in os.listdir("/proc/%d/fd" % self.process.pid):
                try:
                    if os.readlink("/proc/%d/fd/%s" % (self.process.pid, descriptor)) == self.world.log:
                        return True
                except OSError:
                    pass
            return False
        if not eventually(following, 10):
            raise AssertionError("the daemon does not follow the log: " + self.text)

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        self.send(number)
        return self.wait()

    def wait(self, seconds=10):
        code = self.process.wait(seconds)
        self.reader.join(2)
        return code

    def alive(self):
        return self.process.poll() is None


def members(family=4):
    """{prefix: dropped packets} in the kernel's set."""
    listed = sh("ipset list coturn-guard-%d" % family, check=False)
    found = re.findall(r"^(\S+) timeout \d+ packets (\d+)", listed, re.M)
    return {prefix: int(packets) for prefix, packets in found}


def banned(address, family=4):
    return subprocess.run(["ipset", "test", "coturn-guard-%d" % family, address], stderr=subprocess.DEVNULL).returncode == 0


def nothing_in_the_kernel():
    return "coturn-guard" not in sh("nft list tables") and "coturn-guard" not in sh("ipset list -n")


def rule_is_there():
    return "coturn-guard" in sh("nft list tables")


CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def attack_and_look(world, guard, verb, family=4, times=3):
    server, address, which = (SERVER4, ATTACKER4, "four") if family == 4 else (SERVER6, ATTACKER6, "six")
    world.offend(times - 1, verb, server=server)
    ok(not banned(address, family), "%d offences do not ban" % (times - 1))
    world.offend(1, verb, server=server)
    ok(eventually(lambda: banned(address, family)), "the next one bans: the kernel's set holds the address", guard.text)
    ok(guard.says_ban_of(address.split("::")[0] if family == 6 else address), "the daemon says so", guard.text)
    before = world.arrived(which)
    through = world.attacker.play("connect", server=server, timeout=2)
    ok(not through, "the attacker can't connect any more")
    ok(world.arrived(which) == before, "none of its packets arrives", "%d before, %d after" % (before, world.arrived(which)))
    ok(sum(members(family).values()) > 0, "the set counted the dropped packets", members(family))
    ok(world.customer.served(server), "the customer still allocates over UDP, TCP and TLS")
    ok(set(members(family)) == {address if family == 4 else "2001:db8:bad::/64"} | CANARIES & set(members(family)),
       "nobody else is in the set", members(family))


@case
def garbage_on_the_plain_port(world):
    world.offend(1, ("--port", "3478", "garbage"), "clumsy")
    guard = world.guard()
    world.offend(2, ("--port", "3478", "garbage"), "clumsy")
    attack_and_look(world, guard, ("--port", "3478", "garbage"))
    ok(not banned(CLUMSY), "what stood in the log before the start is not judged, so two offences since are no ban")


@case
def garbage_on_the_tls_port(world):
    attack_and_look(world, world.guard(), ("garbage",))


@case
def resets_after_a_tls_handshake(world):
    # Bytes went both ways, so the kernel's word makes each reset half an offence: six of them are three points.
    attack_and_look(world, world.guard(), ("tls-reset",), times=6)


@case
def an_attacker_over_ipv6(world):
    guard = world.guard()
    attack_and_look(world, guard, ("--source", ATTACKER6, "--port", "3478", "garbage"), family=6)
    ok(not world.attacker.play("--source", ATTACKER6_TOO, "connect", server=SERVER6), "its neighbour in the /64 is dropped, too")
    ok(world.attacker.play("connect"), "its IPv4 address is another offender")


@case
def the_daemon_with_one_capability(world):
    guard = world.guard(before=NET_ADMIN_ALONE)
    status = open("/proc/%d/status" % guard.process.pid).read()
    ok(re.search(r"^Uid:\s+65534", status, re.M) and re.search(r"^CapEff:\s+0+1000$", status, re.M),
       "it runs as nobody with CAP_NET_ADMIN alone", status)
    attack_and_look(world, guard, ("garbage",))


@case
def no_capability_at_all(world):
    guard = world.guard(before=NO_CAPABILITY, ready=False)
    ok(guard.wait() != 0, "it refuses to run")
    ok("CAP_NET_ADMIN" in guard.text, "and names the capability", guard.text)


@case
def lines_forged_by_attribute_text(world):
    guard = world.guard()
    for _ in range(3):
        world.attacker.play("forge", VICTIM)
    time.sleep(1.5)
    forged = sum(VICTIM in line for line in open(world.log, errors="replace"))
    ok(forged >= 9, "coturn wrote the forged lines", forged)
    ok(not banned(VICTIM), "the victim is not banned", guard.text)
    ok(world.victim.served(), "and is served")
    ok(guard.says("taint"), "the daemon says that text of an attacker stands in the log", guard.text)
    ok(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f-\xff]", guard.output), "no byte of the attacker reaches the output unescaped", guard.text)
    ok(len(guard.text.splitlines()) < 20, "and it does not chatter about it", guard.text)


@case
def a_server_that_resets_itself(world):
    guard = world.guard()
    for _ in range(4):
        sh([sys.executable, CLIENT, "--server", SERVER4, "--source", SERVER4, "--timeout", "1", "garbage"], check=False)
    time.sleep(1)
    ok(SERVER4 in open(world.log).read(), "coturn complained about our own address")
    ok(not banned(SERVER4), "our own address is never banned", guard.text)


@case
def a_log_that_does_not_exist_yet(world):
    guard = world.guard(ready=False)
    ok(guard.says(re.escape(world.log)), "it says which file it waits for", guard.text)
    time.sleep(2.5)
    ok(guard.alive() and guard.text.count(world.log) == 1, "once", guard.text)
    world.start_coturn()
    world.offend(3)
    ok(eventually(lambda: banned(ATTACKER4)), "as soon as it is there, it is followed from its first line", guard.text)


a_log_that_does_not_exist_yet.no_coturn = True


@case
def a_log_it_may_not_read(world):
    os.chmod(world.log, 0o600)
    guard = world.guard(before=NET_ADMIN_ALONE, ready=False)
    ok(guard.says(r"error:.*" + re.escape(world.log) + ".*(permission|0600)"), "it names the file and the reason", guard.text)
    ok(guard.says(r"nobody|65534") and guard.says(r"root:root") and guard.says(r"chmod|chgrp|setfacl|usermod"),
       "the user that it is, the file's owner and group, and what to do", guard.text)
    os.chmod(world.log, 0o644)
    guard.wait_until_following()
    world.offend(3)
    ok(eventually(lambda: banned(ATTACKER4)), "once it may, it goes on by itself", guard.text)


@case
def a_broken_configuration(world):
    world.configure("findtme: 1h\nbantime: soon\nmaxretry: -3\n")
    for name, guard in (("run", world.guard(ready=False)), ):
        ok(guard.wait() == 78, "run ends with 78, which keeps systemd from trying again", guard.process.returncode)
        ok(all(re.search(r"10-test\.yaml:%d:\d+: .*%s" % at, guard.text) for at in ((3, "findtme"), (4, "soon|bantime"), (5, "maxretry|-3"))),
           "all three mistakes are told with line and column", guard.text)
        ok("findtime" in guard.text, "and the nearest known word", guard.text)
    check = subprocess.run([Guard.program, "check-config", "--config", world.place + "/coturn-guard.yaml"], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ok(check.returncode == 78 and check.stdout.count("10-test.yaml:") == 3, "check-config says the same", check.stdout)
    ok(nothing_in_the_kernel(), "nothing was put into the kernel")
    world.configure("")
    check = subprocess.run([Guard.program, "check-config", "--config", world.place + "/coturn-guard.yaml"], stdout=subprocess.DEVNULL)
    ok(check.returncode == 0, "the packaged configuration is right")


@case
def a_broken_rule_file(world):
    rules = world.place + "/rules.yaml"
    text = open(TREE + "/rules/coturn.yaml").read()
    pattern = re.search(r"pattern: *(['\"]?)", text)
    with open(rules, "w") as file:
        file.write(text[:pattern.end()] + "(unclosed" + text[pattern.end():])
    world.configure("rules_file: %s\n" % rules)
    guard = world.guard(ready=False)
    ok(guard.wait() == 78, "run ends with 78", guard.text)
    ok(re.search(r"rules\.yaml:\d+:\d+: ", guard.text), "and tells line and column", guard.text)


@case
def reloads(world):
    guard = world.guard()
    world.configure("maxretry: lots\n")
    guard.send(signal.SIGHUP)
    ok(guard.says(r"10-test\.yaml:3:\d+"), "a reload with a mistake tells it", guard.text)
    world.offend(3)
    ok(guard.alive() and eventually(lambda: banned(ATTACKER4)), "and the old configuration still bans", guard.text)
    world.configure("ignoreip: [%s]\n" % CLUMSY)
    guard.send(signal.SIGHUP)
    ok(guard.says(r"reload"), "a reload without one is told", guard.text)
    time.sleep(0.3)
    world.offend(4, who="clumsy")
    time.sleep(0.5)
    ok(not banned(CLUMSY), "the new configuration spares whom it names", guard.text)
    ok(banned(ATTACKER4), "the ban from before still stands")
    world.configure("mode: observe\n")
    guard.send(signal.SIGHUP)
    ok(eventually(lambda: not rule_is_there(), 2), "mode: observe takes the rule away within two seconds")
    ok(world.attacker.play("connect"), "so the attacker is through again")
    world.configure("")
    guard.send(signal.SIGHUP)
    ok(eventually(rule_is_there, 2) and eventually(lambda: banned(ATTACKER4), 2), "mode: enforce brings rule and ban back", guard.text)


@case
def a_dry_run(world):
    guard = world.guard("--dry-run")
    world.offend(3)
    ok(guard.says(re.escape(ATTACKER4)), "it tells whom it would ban", guard.text)
    ok(nothing_in_the_kernel(), "and puts nothing into the kernel")


@case
def mode_observe(world):
    world.configure("mode: observe\n")
    guard = world.guard()
    world.offend(3)
    ok(guard.says(re.escape(ATTACKER4)), "it tells whom it would ban", guard.text)
    ok(nothing_in_the_kernel(), "and there is neither rule nor set")


@case
def bans_outlive_the_daemon(world):
    guard = world.guard()
    world.offend(3)
    eventually(lambda: banned(ATTACKER4))
    ok(guard.stop() == 0, "SIGTERM ends it with 0", guard.text)
    ok(banned(ATTACKER4) and not world.attacker.play("connect"), "the attacker stays dropped")
    guard = world.guard()
    ok(banned(ATTACKER4), "the next daemon adopts the set")
    guard.stop(signal.SIGKILL)
    ok(banned(ATTACKER4) and not world.attacker.play("connect"), "the attacker stays dropped after kill -9")
    world.guard().stop()
    flush = subprocess.run([Guard.program, "flush"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ok(flush.returncode == 0 and nothing_in_the_kernel(), "flush without a daemon takes set and rule away", flush.stdout)
    ok(world.attacker.play("connect"), "and the attacker is free")
    again = subprocess.run([Guard.program, "flush"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ok(again.returncode == 0, "flush of nothing is no error", again.stdout)


@case
def a_ban_ends(world):
    world.configure("bantime: 3s\nfindtime: 2s\n")
    guard = world.guard()
    world.offend(3)
    ok(eventually(lambda: banned(ATTACKER4)), "banned", guard.text)
    ok(eventually(lambda: not banned(ATTACKER4), 6) and world.attacker.play("connect"), "after bantime it is free", guard.text)
    world.offend(2)
    ok(eventually(lambda: banned(ATTACKER4)), "an offender with a past is banned sooner", guard.text)
    listed = re.search(r"^%s timeout (\d+)" % re.escape(ATTACKER4), sh("ipset list coturn-guard-4"), re.M)
    ok(listed and int(listed[1]) in (4, 5, 6), "and for twice as long", listed and listed[0])


@case
def what_systemd_hears(world):
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(world.place + "/notify")
    told.settimeout(8)
    guard = world.guard(environment={"NOTIFY_SOCKET": world.place + "/notify", "WATCHDOG_USEC": "2000000"}, ready=False)
    heard = ""

    def hears(word, seconds=8):
        nonlocal heard
        end = time.monotonic() + seconds
        while word not in heard and time.monotonic() < end:
            try:
                heard += told.recv(4096).decode() + "\n"
            except TimeoutError:
                break
        return word in heard
    ok(hears("READY=1"), "READY=1 when it guards", heard + guard.text)
    ok(hears("STATUS="), "a STATUS= line", heard)
    ok(hears("WATCHDOG=1"), "the watchdog is fed", heard)
    heard = ""
    guard.send(signal.SIGHUP)
    ok(hears("RELOADING=1") and hears("MONOTONIC_USEC=") and hears("READY=1"), "a reload is told, with its time", heard)
    heard = ""
    guard.send(signal.SIGTERM)
    ok(hears("STOPPING=1"), "and so is the end", heard)


def inside(name):
    sh("mount -t tmpfs tmpfs /run; mount --make-rshared /run")  # names of namespaces and detected.yaml: ours alone
    if os.path.exists("/etc/turnserver.conf"):
        sh("mount --bind /dev/null /etc/turnserver.conf")  # this host's own coturn is none of our business
    try:
        world = World(start_coturn=not getattr(CASES[name], "no_coturn", False))
        CASES[name](world)
        for guard in world.guards:
            if re.search(r"(AddressSanitizer|runtime error:|terminate called)", guard.text):
                ok(False, "the daemon has no fault", guard.text)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        ok(False, "the case runs to its end", error)
    sys.exit(1 if failures else 0)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    Guard.program = os.path.abspath(sys.argv[1])
    if len(sys.argv) == 4 and sys.argv[2] == "--inside":
        inside(sys.argv[3])
    if os.geteuid() != 0:
        sys.exit("coturn_test.py: needs root, for namespaces")
    number = bad = 0
    for name in (name for name in CASES if len(sys.argv) < 3 or any(word in name for word in sys.argv[2:])):
        title = name.replace("_", " ")
        try:
            done = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
                                   os.path.abspath(__file__), Guard.program, "--inside", name], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
            code, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as late:
            code, output = "a time-out", (late.stdout or b"").decode(errors="replace") if isinstance(late.stdout, bytes) else late.stdout or ""
        results = 0
        for line in output.splitlines():
            result = re.match(r"(ok|not ok) - (.*)", line)
            if not result:
                print(line if line.startswith("#") else "# " + line, flush=True)
                continue
            number, results, bad = number + 1, results + 1, bad + (result[1] != "ok")
            print("%s %d - %s: %s" % (result[1], number, title, result[2]), flush=True)
        if not results or (code != 0 and "not ok" not in output):
            number, bad = number + 1, bad + 1
            print("not ok %d - %s: it ended with %s" % (number, title, code), flush=True)
    print("1..%d" % number)
    sys.exit(1 if bad else 0)


main()
