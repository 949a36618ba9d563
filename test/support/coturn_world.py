# SPDX-License-Identifier: GPL-3.0-or-later
"""A world for tests with real packets: turnserver, hosts at the ends of cables, the daemon, and what the kernel holds.

Everything happens in the network, mount and process namespaces of whoever imports it: a test starts itself again with ALONE
before its command (root needed). This side is the server, every other host stands at the end of a cable of its own.
TURNSERVER names the server's program (default: the installed one). `ok` prints TAP without numbers and counts what failed.
"""
import base64, hashlib, hmac, os, re, signal, subprocess, sys, tempfile, threading, time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLIENT = os.path.join(TREE, "test/support/turn_client.py")
SERVER4, SERVER6 = "198.51.100.10", "2001:db8::10"
HOSTS = {  # name: (our end, their addresses)
    "customer": (("192.0.2.1", "fe80::1"), ("192.0.2.11", "2001:db8:600d::11")),
    "attacker": (("203.0.113.1", "fe80::1"), ("203.0.113.66", "2001:db8:bad::66", "2001:db8:bad::67")),
    "clumsy": (("203.0.114.1",), ("203.0.114.7",)),
    "victim": (("192.0.3.1", "fe80::1"), ("192.0.3.99", "2001:db8:c0de::99")),
}
ATTACKER4, ATTACKER6, ATTACKER6_TOO = HOSTS["attacker"][1]
CLUMSY, VICTIM, VICTIM6 = "203.0.114.7", *HOSTS["victim"][1]
CANARIES = {"198.51.100.254/31", "2001:db8:ffff:ffff::/64"}  # always in the sets, to prove that they live; nobody's address
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"]
NET_ADMIN_ALONE = NOBODY + ["--bounding-set", "-all,+net_admin", "--inh-caps", "-all,+net_admin", "--ambient-caps", "-all,+net_admin"]
NO_CAPABILITY = NOBODY + ["--bounding-set", "-all", "--inh-caps", "-all"]
# A command after these runs in namespaces of its own.
ALONE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


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


def eventually(condition, seconds=5.0, pause=0.02):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def words_dropped():
    """How many messages about sockets (NETLINK_SOCK_DIAG, 4) the kernel had no room to tell in this network namespace."""
    with open("/proc/net/netlink") as sockets:
        return sum(int(line.split()[8]) for line in list(sockets)[1:] if line.split()[1] == "4")


def have_private_files():
    """Of the namespaces of this process, so that the host's files are not touched."""
    sh("mount -t tmpfs tmpfs /run; mount --make-rshared /run")  # names of namespaces and detected.yaml: ours alone
    if os.path.exists("/etc/turnserver.conf"):
        sh("mount --bind /dev/null /etc/turnserver.conf")  # this host's own coturn is none of our business


def batch(options, lines):
    """Several commands of ip(8) by one process."""
    done = subprocess.run(["ip", *options, "-batch", "-"], input="\n".join(lines) + "\n", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise AssertionError("ip %s: %s" % (lines, done.stdout))


def rest_login(lines):
    """What turn_client.py logs in with where coturn has static-auth-secret among its lines (credentials of a REST API); else nothing."""
    secrets = [line.split("=", 1)[1] for line in lines if line.startswith("static-auth-secret=")]
    if not secrets:
        return ()
    user = "%d:alice" % (time.time() + 3600)
    return ("--user", user, "--password", base64.b64encode(hmac.new(secrets[0].encode(), user.encode(), hashlib.sha1).digest()).decode())


class Host:
    def __init__(self, name, ours, theirs):
        self.name = name
        six = [address for address in theirs if ":" in address]
        size = lambda address: "%s/64" % address if ":" in address else "%s/24" % address
        extra = lambda address: " nodad" if ":" in address else ""
        sh("ip netns add " + name)
        batch((), ["link add to-{0} type veth peer name eth0 netns {0}".format(name)] +
              ["addr add %s dev to-%s%s" % (size(address), name, extra(address)) for address in ours] + ["link set to-%s up" % name])
        # The router speaks IPv6 from a link-local address: one of ours within the attacker's /64 would change who is banned.
        batch(("-n", name), ["link set lo up"] + ["addr add %s dev eth0%s" % (size(address), extra(address)) for address in theirs] +
              ["link set eth0 up", "route add default via " + ours[0]] +
              ["route add default via %s dev eth0" % address for address in ours[1:]])
        if ours[1:]:
            sh("ip -6 route add %s::/64 dev to-%s" % (six[0].split("::")[0], name))

    def play(self, *words, server=SERVER4, timeout=2, told=None):
        """One verb of turn_client.py as this host -> did it succeed?"""
        return subprocess.run(["ip", "netns", "exec", self.name, sys.executable, CLIENT, "--server", server,
                               "--timeout", str(timeout), *words], stdout=subprocess.DEVNULL, input=told, text=True).returncode == 0

    def served(self, server=SERVER4):
        return all(self.play("allocate", "--transport", transport, server=server) for transport in ("udp", "tcp", "tls"))


class World:
    """A turnserver, its hosts, and a place for files."""

    def __init__(self, start_coturn=True, hosts=HOSTS):
        self.place = tempfile.mkdtemp(dir="/run")  # have_private_files: nobody else cleans up there, and it ends with us
        os.chmod(self.place, 0o755)
        self.log = self.place + "/log/coturn.log"
        os.mkdir(self.place + "/log", 0o755)
        os.chmod(self.place + "/log", 0o777)
        sh("ip link set lo up; ip addr add %s/32 dev lo; ip -6 addr add %s/128 dev lo nodad" % (SERVER4, SERVER6))
        self.hosts = {name: Host(name, *ends) for name, ends in hosts.items()}
        sh("""nft 'table inet audience { chain arrived { type filter hook input priority 0;
              ip saddr %s counter comment "four"; ip6 saddr 2001:db8:bad::/64 tcp dport {3478, 5349} counter comment "six"; }; }'""" % ATTACKER4)
        self.guards = []
        self.configure("")
        self.coturn = None
        if start_coturn:
            self.start_coturn()

    def __getattr__(self, name):
        return self.__dict__["hosts"][name]

    def start_coturn(self, *lines, cli=False, over=(SERVER4, SERVER6)):
        os.chdir(self.place)
        sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=turn.example.org")
        with open("turnserver.conf", "w") as conf:
            conf.write("\n".join(("listening-ip=" + SERVER4, "listening-ip=" + SERVER6, "relay-ip=" + SERVER4,
                                  "relay-ip=" + SERVER6, "realm=example.org", *([] if "no-auth" in lines else ["lt-cred-mech", "user=alice:secret1"]),
                                  "cert=%s/cert.pem" % self.place, "pkey=%s/key.pem" % self.place,
                                  "userdb=%s/turndb" % self.place, "pidfile=%s/pid" % self.place, "" if cli else "no-cli",
                                  "log-file=" + self.log, "simple-log", *lines, "")))
        self.coturn = subprocess.Popen([os.environ.get("TURNSERVER", "turnserver"), "-c", "turnserver.conf"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        login = rest_login(lines)
        if not eventually(lambda: all(self.customer.play("allocate", *login, server=server) for server in over), 20):
            raise AssertionError("turnserver does not serve")

    def configure(self, text, main=None, place=None):
        """The packaged configuration; what the case wants stands in conf.d. `place`: of another daemon's files."""
        place = place or self.place
        os.makedirs(place + "/conf.d", exist_ok=True)
        with open(TREE + "/examples/coturn-guard.yaml") as packaged:
            main = packaged.read() if main is None else main
        with open(place + "/coturn-guard.yaml", "w") as file:
            file.write(main)
        with open(place + "/conf.d/10-test.yaml", "w") as file:
            file.write("log_file: %s\n" % self.log + ("" if "rules_file" in text else "rules_file: %s/rules/coturn.yaml\n" % TREE) + text)
        for file in ("/coturn-guard.yaml", "/conf.d/10-test.yaml"):
            os.chmod(place + file, 0o644)

    def guard(self, *arguments, before=(), environment=None, ready=True, place=None):
        guard = Guard(self, arguments, before, environment, place or self.place)
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

    def __init__(self, world, arguments, before, environment, place):
        self.world, self.output = world, b""
        self.process = subprocess.Popen([*before, Guard.program, "run", "--config", place + "/coturn-guard.yaml", *arguments],
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

    def open_files(self):
        """What each of its descriptors leads to, but for those that are closed meanwhile."""
        found, place = [], "/proc/%d/fd/" % self.process.pid
        for descriptor in os.listdir(place):
            try:
                found.append(os.readlink(place + descriptor))
            except OSError:
                pass
        return found

    def wait_until_following(self):
        """The daemon is ready when it holds the log open (or, where there is none yet, when it said so)."""
        def following():
            if self.process.poll() is not None:
                raise AssertionError("the daemon ended with %d: %s" % (self.process.returncode, self.text))
            return self.world.log in self.open_files()
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


# ---- cases: each function in a world of its own ------------------------------------------------------------------------
def run_inside(name, cases):
    have_private_files()
    try:
        world = World(start_coturn=not getattr(cases[name], "no_coturn", False))
        cases[name](world)
        for guard in world.guards:
            if re.search(r"(AddressSanitizer|runtime error:|terminate called)", guard.text):
                ok(False, "the daemon has no fault", guard.text)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        ok(False, "the case runs to its end", error)
    sys.exit(1 if failures else 0)


def run_cases(cases, file, usage, seconds=120):
    """Runs the cases of `file` that the command line names, each in a world of its own, bounded by `seconds`."""
    if len(sys.argv) < 2:
        sys.exit(usage)
    Guard.program = os.path.abspath(sys.argv[1])
    if len(sys.argv) == 4 and sys.argv[2] == "--inside":
        run_inside(sys.argv[3], cases)
    if os.geteuid() != 0:
        sys.exit(os.path.basename(file) + ": needs root, for namespaces")
    number = bad = 0
    for name in (name for name in cases if len(sys.argv) < 3 or any(word in name for word in sys.argv[2:])):
        title = name.replace("_", " ")
        try:
            done = subprocess.run([*ALONE, sys.executable, os.path.abspath(file), Guard.program, "--inside", name], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
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
