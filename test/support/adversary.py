# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cases of test/adversary stand on: the modes, a world for one attack, players at other hosts, and how long to wait.

A case is one function with a decorator in a file of test/adversary_cases:

    @attack("default verbose journal default6 verbose6 journal6", ci="verbose journal6")
    def the_name_of_the_attack(arena):
        arena.start()                                        # coturn with what the mode says, then the daemon
        arena.at("attacker", guess, arena.server).wait()     # a Python function, run in that host's namespace
        arena.spared(arena.victim, "the victim whose name is forged into a reset line")
        arena.falls(arena.attacker_address, "the guesser who …, by the fifth try")

`spared` and `falls` wait for events, not for a time: who must be banned is waited for until it is, who must not be is looked
at when all before was judged (`settle`: a host whose offence is known offends, and is banned). A case calls `ok` for any
other sentence, and `cannot_run` when this machine lacks something: that counts as failed.
"""
import collections, ctypes, json, os, re, select, signal, subprocess, sys, time

import coturn_world
import turn_client as turn
from coturn_world import SERVER4, SERVER6, Guard, World, batch, eventually, ok, sh
from journal_bridge import REMOTE, Journal

Mode = collections.namedtuple("Mode", "options journal six")
MODES = {
    "default": Mode((), False, False), "verbose": Mode(("verbose",), False, False),
    "journal": Mode(("verbose", "syslog"), True, False), "quiet-journal": Mode(("syslog",), True, False),
    "default6": Mode((), False, True), "verbose6": Mode(("verbose",), False, True),
    "journal6": Mode(("verbose", "syslog"), True, True), "quiet-journal6": Mode(("syslog",), True, True),
}
VERBOSE = "verbose journal verbose6 journal6"      # coturn tells of each request
ALL_MODES = " ".join(MODES)
HOSTS = {  # name: (our end, its addresses)
    "customer": (("192.0.2.1", "fe80::1"), ("192.0.2.11", "2001:db8:600d::11")),
    "attacker": (("203.0.113.1", "fe80::1"), ("203.0.113.66", "2001:db8:bad::66")),
    "clumsy": (("203.0.114.1", "fe80::1"), ("203.0.114.7", "2001:db8:c1::7")),
    "victim": (("192.0.3.1", "fe80::1"), ("192.0.3.99", "2001:db8:c0de::99")),
    "marker": (("198.18.0.1", "fe80::1"), ("198.18.0.2", "2001:db8:3a::2")),
}
JOIN_SECONDS = 2.5  # a line waits so long at most for the kernel's word (2 s), and a bit
CASES = {}          # name: (function, modes, modes in CI, about how many seconds)


class CannotRun(Exception):
    pass


def cannot_run(reason):
    raise CannotRun(reason)


def attack(modes, ci="", seconds=15):
    """Declares a case: the modes in which it is played, those of them that continuous integration has time for, how long it takes."""
    modes, chosen = modes.split(), ci.split()
    assert set(modes) <= set(MODES) and set(chosen) <= set(modes), "a mode that nobody knows: %s" % (set(modes) - set(MODES) or chosen)

    def declare(function):
        assert function.__name__ not in CASES, function.__name__ + " is there twice"
        CASES[function.__name__] = (function, modes, chosen, seconds)
        return function
    return declare


# ---- players: Python functions in another host's network ----------------------------------------------------------------
CLONE_NEWNET = 0x40000000


def enter(host):
    """From now on this process makes its sockets in the host's network."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/run/netns/" + host) as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


class Player:
    """A function that runs in a process of its own, in the network namespace of a host. It returns what JSON can hold."""

    def __init__(self, host, act, *arguments):
        self.name = act.__name__
        self.result, write_end = os.pipe()
        sys.stdout.flush()
        self.process = os.fork()
        if self.process:
            os.close(write_end)
            return
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            if host:
                enter(host)
            os.nice(5)  # an attacker's processor is not ours
            told = {"value": act(*arguments)}
        except BaseException as problem:  # whatever it is, the case must hear of it
            told = {"problem": "%s: %s" % (type(problem).__name__, problem)}
        os.write(write_end, json.dumps(told, default=str).encode()[:60000])
        os._exit(0)

    def wait(self, seconds=120):
        text, end = b"", time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self.result], [], [], max(0, end - time.monotonic()))
            if not ready:
                self.kill()
                raise AssertionError("the player %s did not end within %d s" % (self.name, seconds))
            chunk = os.read(self.result, 65536)
            if not chunk:
                break
            text += chunk
        os.waitpid(self.process, 0)
        told = json.loads(text or b'{"problem": "it died"}')
        if "problem" in told:
            raise AssertionError("the player %s: %s" % (self.name, told["problem"]))
        return told["value"]

    def kill(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


def offend(server, source):
    """What every mode recognises: says garbage to the TLS port, resets."""
    try:
        turn.garbage_then_reset(server, 5349, source)
    except OSError:
        pass  # banned meanwhile


# ---- the world of one case --------------------------------------------------------------------------------------------
class Arena(World):
    """coturn_world's World in one of the modes, with what a case asks."""

    def __init__(self, mode):
        self.mode_name, self.mode = mode, MODES[mode]
        super().__init__(start_coturn=False, hosts=HOSTS)
        for interface in os.listdir("/proc/sys/net/ipv4/conf"):  # forged sources come in, as through any router that lets them
            with open("/proc/sys/net/ipv4/conf/%s/rp_filter" % interface, "w") as file:
                file.write("0")
        six = self.mode.six
        self.server, self.net = (SERVER6, 6) if six else (SERVER4, 4)
        self.customer_address, self.attacker_address, self.clumsy_address, self.victim_address = (
            HOSTS[name][1][six] for name in ("customer", "attacker", "clumsy", "victim"))
        self.markers, self.daemon, self.coturn_options, self.extra = 2, None, (), 0
        if self.mode.journal:
            if not os.path.exists(REMOTE):
                cannot_run("systemd-journal-remote is not installed")
            self.journal = Journal(self.log)

    @property
    def verbose(self):
        return "verbose" in self.mode.options

    def start(self, *options, config="", **guard_options):
        """Coturn and the daemon, which is ready when it bans by what it hears from coturn and from the kernel (warm=False:
        when it follows)."""
        self.start_coturn(*self.mode.options, *options, over=(self.server,))
        return self.start_guard(config, **guard_options)

    def start_guard(self, config="", warm=True, **guard_options):
        self.configure(("source: journal\n" if self.mode.journal else "") + config)
        self.daemon = self.guard(ready=not self.mode.journal, **guard_options)
        if self.mode.journal and not self.daemon.says("journal is followed", 10):
            raise AssertionError("the daemon does not follow the journal: " + self.daemon.text)
        if warm:
            self.warm_up()
        return self.daemon

    def warm_up(self):
        """Until the kernel's word proves what coturn's lines say: for as long as the witness needs to be unbroken."""
        def proven():
            address = self.mark()
            return re.search(r"ban address=%s .*evidence=\"?proven" % re.escape(address), self.daemon.text)
        if not eventually(proven, 30):
            raise AssertionError("the daemon does not come to prove anything: " + self.daemon.text)

    # ---- who is where

    def at(self, host, act, *arguments):
        return Player(host, act, *arguments)

    def more_addresses(self, host, count):
        """So many more addresses of the host's, of the mode's family; IPv6: each in a /64 of its own."""
        found = []
        for _ in range(count):
            self.extra += 1
            network = HOSTS[host][1][self.mode.six]
            address = "%s:%x::1" % (network.split("::")[0], self.extra) if self.mode.six else "%s.%d" % (network.rsplit(".", 1)[0], 100 + self.extra)
            found.append(address)
        sh("; ".join("ip -n %s addr add %s/%s dev eth0%s" % (host, a, "64" if ":" in a else "24", " nodad" if ":" in a else "") for a in found))
        if self.mode.six:
            sh("ip -6 route add %s::/48 dev to-%s" % (HOSTS[host][1][1].split("::")[0], host), check=False)
        return found

    # ---- what came of it

    def log_text(self):
        with open(self.log, errors="backslashreplace") as file:
            return file.read()

    def wait_for_log(self, pattern, count=1, seconds=20):
        if not eventually(lambda: len(re.findall(pattern, self.log_text())) >= count, seconds, 0.1):
            raise AssertionError("coturn did not write %d x %s; it wrote:\n%s" % (count, pattern, self.log_text()[-2500:]))

    def verb(self, *words):
        return subprocess.run([Guard.program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="backslashreplace").stdout

    def banned(self, address):
        return coturn_world.banned(address, 6 if ":" in address else 4)

    def details(self, address):
        return "%s\nwhy %s: %s\n%s" % (self.daemon.text[-2500:] if self.daemon else "", address, self.verb("why", "--config", self.place + "/coturn-guard.yaml", address)[-1500:], self.verb("status")[-800:])

    def mark(self, seconds=30):
        """A host of its own offends until it is banned: what was said before is judged, but for what waits -> its address."""
        self.markers += 1
        address = "198.18.0.%d" % self.markers
        sh("ip -n marker addr add %s/24 dev eth0" % address)

        def fallen():
            if self.banned(address):
                return True
            self.at("marker", offend, SERVER4, address).wait()
            return False
        end = time.monotonic() + seconds
        while not fallen():
            if time.monotonic() > end:
                raise AssertionError("a host that offends again and again is not banned within %d s: %s" % (seconds, self.details(address)))
            eventually(lambda: self.banned(address), 0.25, 0.05)
        return address

    def settle(self):
        """Until everything that was said up to now is judged, lines that wait for the kernel's word included."""
        until = time.monotonic() + JOIN_SECONDS
        self.mark()
        while (left := until - time.monotonic()) > 0:
            time.sleep(left)
        self.mark()

    def spared(self, address, who, settle=True):
        """Must not be banned, whatever waits."""
        if settle:
            self.settle()
        return ok(not self.banned(address), "%s is not banned" % who, self.details(address))

    def falls(self, address, who, seconds=15, rule=None):
        """Must be banned."""
        right = eventually(lambda: self.banned(address), seconds, 0.05)
        if right and rule:
            right = re.search(r"ban address=%s .*rule=\"?(%s)" % (re.escape(address), rule), self.daemon.text)
        return ok(right, "%s is banned" % who, self.details(address))

    def end(self):
        if self.daemon and not self.daemon.alive():
            ok(False, "the daemon lives to the end", self.daemon.text[-3000:])
        if self.daemon and self.daemon.alive():
            ok(not self.banned("192.0.2.11") and not self.banned("2001:db8:600d::11"), "the customer is not banned", self.details(self.customer_address))
        if self.coturn and self.coturn.poll() is not None:
            ok(False, "coturn lives to the end")


def play(name, mode):
    """One case in one mode, in the namespaces of this process: TAP without numbers; "# not run: reason" where it cannot run."""
    coturn_world.have_private_files()
    try:
        arena = Arena(mode)
        CASES[name][0](arena)
        arena.end()
        for guard in arena.guards:
            if guard.alive():
                guard.stop()
            if re.search(r"(AddressSanitizer|runtime error:|terminate called)", guard.text):
                ok(False, "the daemon has no fault", guard.text)
    except CannotRun as reason:
        print("# not run: %s" % reason, flush=True)
    except (AssertionError, subprocess.TimeoutExpired, OSError) as error:
        ok(False, "the case runs to its end", "%s: %s" % (type(error).__name__, error))
    sys.exit(1 if coturn_world.failures else 0)
