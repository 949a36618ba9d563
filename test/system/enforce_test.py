#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the enforcers with real packets and the real kernel.

  enforce_test.py PATH/TO/enforcer_driver [--backend ipset|nftables] [NAME...]     all cases, or those whose function name
                                                                                   contains a NAME

Each case runs in network and mount namespaces of its own (root needed; the host's firewall is not touched): this side is
the server, a second namespace behind a veth pair has an honest client and a bad one. Prints TAP: one line a sentence.
"""
import concurrent.futures, ctypes, json, os, queue, re, select, signal, socket, subprocess, sys, threading, time

SERVER4, HONEST4, BAD4 = "10.99.0.1", "10.99.0.2", "10.99.0.66"
SERVER6, HONEST6, BAD6, BAD6_TOO = "fd00:99::1", "fd00:99::2", "fd00:99:0:1::66", "fd00:99:0:1:ffff::7"
BAD6_NET = "fd00:99:0:1::/64"
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL("libc.so.6", use_errno=True)


def sh(command, check=True, **options):
    done = subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if check and done.returncode:
        raise AssertionError("%s: exit %d: %s" % (command, done.returncode, done.stdout))
    return done.stdout


class Network:
    """Two namespaces and sockets in both; a socket stays where it was made."""

    def __init__(self):
        ready, ready_w = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            ctypes.CDLL("libc.so.6").prctl(1, signal.SIGKILL)
            libc.unshare(CLONE_NEWNET)
            os.write(ready_w, b"x")
            signal.pause()
        os.read(ready, 1)
        there = "nsenter --net=/proc/%d/ns/net " % self.child
        sh("ip link set lo up; ip link add v0 type veth peer name v1; ip link set v1 netns %d; ip addr add %s/24 dev v0; "
           "ip -6 addr add %s/48 dev v0 nodad; ip link set v0 up" % (self.child, SERVER4, SERVER6))
        sh(there + "sh -c 'ip link set lo up; ip addr add %s/24 dev v1; ip addr add %s/24 dev v1; "
           "for a in %s %s %s; do ip -6 addr add $a/48 dev v1 nodad; done; ip link set v1 up'"
           % (HONEST4, BAD4, HONEST6, BAD6, BAD6_TOO))
        self.here = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.there = os.open("/proc/%d/ns/net" % self.child, os.O_RDONLY)
        self.servers = {}
        for address in (SERVER4, SERVER6):
            for port in (3478, 5349, 9999):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    server.bind((address, port))
                    if kind == socket.SOCK_STREAM:
                        server.listen(64)
                    self.servers[address, port, kind] = server
        self.token = 0
        for _ in range(50):  # neighbours resolved, IPv6 address usable
            if self.udp(HONEST4) and self.udp(HONEST6) and self.udp(BAD6):
                break

    def client(self, source, kind):
        libc.setns(self.there, CLONE_NEWNET)
        try:
            client = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, kind)
        finally:
            libc.setns(self.here, CLONE_NEWNET)
        client.bind((source, 0))
        return client

    def udp(self, source, port=3478, wait=.15):
        """Whether a datagram from there arrives here."""
        server = self.servers[SERVER6 if ":" in source else SERVER4, port, socket.SOCK_DGRAM]
        self.token += 1
        token = b"%d" % self.token
        with self.client(source, socket.SOCK_DGRAM) as client:
            client.sendto(token, server.getsockname()[:2])
            end = time.monotonic() + wait
            while (left := end - time.monotonic()) > 0:
                if select.select([server], [], [], left)[0] and server.recv(100) == token:
                    return True
        return False

    def tcp(self, source, port=5349, wait=.3):
        server = self.servers[SERVER6 if ":" in source else SERVER4, port, socket.SOCK_STREAM]
        with self.client(source, socket.SOCK_STREAM) as client:
            client.settimeout(wait)
            try:
                client.connect(server.getsockname()[:2])
            except OSError:
                return False
            server.accept()[0].close()
            return True

    def passes(self, source):
        return self.udp(source) and self.udp(source, 5349) and self.tcp(source) and self.tcp(source, 3478)

    def dropped(self, source):
        return not (self.udp(source) or self.udp(source, 5349) or self.tcp(source, wait=.15))

    def dropped_within(self, source, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.udp(source, wait=.05):
                return self.dropped(source)
        return False


class Driver:
    path = None

    def __init__(self, *arguments, prefix=(), expect="started", of=None):
        self.process = subprocess.Popen([*prefix, self.path, "--backend", (of or backend).name, *arguments], text=True, bufsize=1, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.lines, self.seen = queue.Queue(), []
        threading.Thread(target=self._read, daemon=True).start()
        self.hear(expect)

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def hear(self, pattern, wait=5):
        """The first line, from now on, in which the pattern is found."""
        end = time.monotonic() + wait
        while (left := end - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            self.seen.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError("no line like %r; heard: %s" % (pattern, self.seen[-10:]))

    def silent(self, pattern, seconds):
        try:
            return "heard " + self.hear(pattern, seconds)
        except AssertionError:
            return True

    def ask(self, words, pattern):
        self.process.stdin.write(words + "\n")
        return self.hear(pattern, wait=60 if words.startswith("flood") else 5)

    def ban(self, prefix, seconds, fate="enforced"):
        self.ask("ban %s %d" % (prefix, seconds), "^done %s(/[0-9]+)? %s$" % (prefix, fate))

    def counter(self, name):
        return int(re.search(name + "=([0-9]+)", self.ask("counters", "^counters "))[1])

    def count(self):
        return int(self.ask("count", "^count ").split()[1])

    def quit(self):
        self.process.stdin.write("quit\n")
        self.process.wait(5)

    def kill(self):
        self.process.kill()
        self.process.wait(5)


class Set:
    """What ipset(8) or nft(8) says about a set of ours; the programs are witnesses here, the daemon runs none."""

    def __init__(self, seconds, packets):
        self.seconds, self.packets = seconds, packets  # by element, the canary left out

    def timeout(self, element):
        return self.seconds[element]


class Ipset:
    """How the backend's things are called in the words of ipset(8) and nft(8)."""
    name = "ipset"
    set4, used4 = "coturn-guard-4", "coturn-guard-4"
    rules4 = "nft -a list table ip coturn-guard"
    in_ruleset = "coturn-guard"
    tables = r"table ip6? coturn-guard \{.*?\n\}\n"
    flush4, flush6 = "ipset flush coturn-guard-4", "ipset flush coturn-guard-6"
    delete_rules4, delete_rules6 = "nft delete table ip coturn-guard", "nft delete table ip6 coturn-guard"
    flush_rules4 = "nft flush chain ip coturn-guard prerouting"
    accept_first4 = "nft insert rule ip coturn-guard prerouting accept"
    sleep = "nft 'add table ip coturn-guard { flags dormant; }'"
    # Until it succeeds: the rule, which holds the set, is back within a millisecond the first time.
    destroy4 = "until nft delete table ip coturn-guard && ipset destroy coturn-guard-4; do :; done 2>/dev/null"
    destroy_all = "until nft flush ruleset && ipset destroy; do :; done 2>/dev/null"
    put_foreign4 = ("until nft delete table ip coturn-guard && ipset destroy coturn-guard-4 && ipset create coturn-guard-4 hash:ip; "
                    "do :; done 2>/dev/null")
    remove_foreign4 = "ipset destroy coturn-guard-4"
    foreign = "hash:ip"
    everything = "nft list ruleset; ipset list"
    leftovers = "nft list ruleset | grep coturn-guard; ipset list -n"

    @staticmethod
    def set(name="coturn-guard-4"):
        text = sh("ipset list " + name)
        elements = re.findall(r"^([0-9a-f][0-9a-f.:/]*) timeout ([0-9]+) packets ([0-9]+)", text, re.M)
        return Set(*({element: int(values[i]) for element, *values in elements if not element.startswith("198.51.100.254")}
                     for i in (0, 1)))

    @staticmethod
    def count(family=4):
        return int(re.search("Number of entries: ([0-9]+)", sh("ipset list -t coturn-guard-%d" % family))[1]) - 1


class Nftables:
    name = "nftables"
    set4, used4 = "banned4", "@banned4"
    rules4 = "nft -a list chain inet coturn_guard drop4"
    in_ruleset = "chain drop"
    tables = r"table inet coturn_guard \{.*?\n\}\n"
    flush4, flush6 = "nft flush set inet coturn_guard banned4", "nft flush set inet coturn_guard banned6"
    delete_rules4, delete_rules6 = "nft delete chain inet coturn_guard drop4", "nft delete chain inet coturn_guard drop6"
    flush_rules4 = "nft flush chain inet coturn_guard drop4"
    accept_first4 = "nft insert rule inet coturn_guard drop4 accept"
    sleep = "nft 'add table inet coturn_guard { flags dormant; }'"
    destroy4 = "nft 'delete chain inet coturn_guard drop4; delete set inet coturn_guard banned4'"
    destroy_all = "nft flush ruleset"
    put_foreign4 = "nft 'delete chain inet coturn_guard drop4; delete set inet coturn_guard banned4; " \
                   "add set inet coturn_guard banned4 { type inet_service; }'"
    remove_foreign4 = "nft delete set inet coturn_guard banned4"
    foreign = "is not one of ours"
    everything = "nft list ruleset; ipset list"
    leftovers = "nft list ruleset"

    @staticmethod
    def set(name="banned4"):
        seconds, packets = {}, {}
        for part in json.loads(sh("nft -j list set inet coturn_guard " + name))["nftables"]:
            for element in part.get("set", {}).get("elem", []):
                element = element.get("elem", {"val": element})
                value = element["val"]
                if isinstance(value, dict):
                    value = "%s/%d" % (value["prefix"]["addr"], value["prefix"]["len"])
                if value != "198.51.100.254/31" and value != "2001:db8:ffff:ffff::/64":
                    seconds[value] = element.get("expires", element.get("timeout", 0))
                    packets[value] = element.get("counter", {}).get("packets")
        return Set(seconds, packets)

    @classmethod
    def count(cls, family=4):
        return sh("nft list set inet coturn_guard banned%d" % family).count("expires")


backend = Ipset
failures = 0


def of(which):
    """The case is about what only this backend has."""
    def mark(case):
        case.backend = which
        return case
    return mark


def alone(case):
    """The case keeps a processor busy: not beside others, who measure times."""
    case.alone = True
    return case


def ok(truth, sentence):
    global failures
    failures += truth is not True
    print("%s - %s%s" % ("ok" if truth is True else "not ok", sentence, "" if truth in (True, False) else " (%s)" % truth), flush=True)


def equal(got, wanted, sentence):
    ok(True if got == wanted else "got %r, not %r" % (got, wanted), sentence)


# --- the cases -------------------------------------------------------------------------------------------------------
def case_ban(net):
    ok(net.passes(BAD4), "before the ban everything arrives")
    driver = Driver()
    ok(net.passes(BAD4), "an empty set drops nobody")
    driver.ban(BAD4, 600)
    ok(net.dropped(BAD4), "a banned address is dropped on coturn's ports, UDP and TCP")
    ok(net.passes(HONEST4), "an honest address arrives")
    ok(net.udp(BAD4, 9999) and net.tcp(BAD4, 9999), "other ports are none of our business")
    ok(backend.set().packets[BAD4] >= 3, "the set's counter counts what was dropped")
    equal(sh(backend.rules4).count("counter"), 4, "four rules refer to the set: two ranges, UDP and TCP")
    driver.ask("unban " + BAD4, "^ok")
    ok(net.passes(BAD4), "an unbanned address arrives again")
    equal(driver.ask("list", "^list"), "list", "the canary is not listed")


def case_established_udp_and_tcp(net):
    driver = Driver()
    client = net.client(BAD4, socket.SOCK_STREAM)
    client.connect((SERVER4, 5349))
    peer, _ = net.servers[SERVER4, 5349, socket.SOCK_STREAM].accept()
    client.send(b"before")
    equal(peer.recv(10), b"before", "an established connection carries data")
    driver.ban(BAD4, 600)
    client.send(b"after")
    ok(not select.select([peer], [], [], .3)[0], "a ban cuts an established connection")


def case_expiry(net):
    driver = Driver()
    driver.ban(BAD4, 2)
    ok(net.dropped(BAD4), "a short ban drops")
    time.sleep(3.5)
    ok(net.passes(BAD4), "after its time the address arrives again")
    equal(driver.count(), 0, "and is forgotten by the table")


def case_lengthen(net):
    driver = Driver()
    driver.ban(BAD4, 2)
    driver.ban(BAD4, 5, "lengthened")
    driver.ban(BAD4, 1, "unchanged")
    ok(backend.set().timeout(BAD4) >= 4, "a shorter verdict did not shorten the kernel's timeout")
    time.sleep(3.2)
    ok(net.dropped(BAD4), "the longer verdict holds when the shorter ones are over")
    time.sleep(3)
    ok(net.passes(BAD4), "and ends")


def case_rearm(net):
    driver = Driver("--longest", "4")
    driver.ban(BAD4, 9)
    equal(driver.counter("rearmed"), 0, "at first nothing is re-armed")
    begin, held, longest = time.monotonic(), True, 0
    while time.monotonic() < begin + 8.5:
        held = held and not net.udp(BAD4, wait=.05)
        longest = max(longest, backend.set().seconds.get(BAD4, 0))
    ok(held, "a ban longer than the kernel's longest timeout holds without a gap")
    ok(longest <= 4 or "%d s" % longest, "the kernel never has more than its longest timeout")
    ok(driver.counter("rearmed") >= 2, "because it was re-armed")
    time.sleep(3)
    ok(net.passes(BAD4), "and it ends")


def adoption(net, end):
    driver = Driver()
    driver.ban(BAD4, 600)
    driver.ban(BAD6_NET, 600)
    end(driver)
    ok(net.dropped(BAD4) and net.dropped(BAD6), "with the daemon gone the bans stand")
    before = sh(backend.rules4)
    driver = Driver()
    equal(driver.count(), 2, "a new daemon takes the bans over")
    equal(re.sub("packets.*bytes [0-9]+", "", sh(backend.rules4)),
          re.sub("packets.*bytes [0-9]+", "", before), "and leaves the rule as it is")
    driver.ban(BAD4, 60, "unchanged")
    ok(backend.set().timeout(BAD4) > 500, "it knows how long they last: a shorter verdict changes nothing")
    ok(net.dropped(BAD4) and net.passes(HONEST4), "and they drop")
    equal(driver.counter("repairs"), 0, "none of which is a repair")


def case_adoption_after_restart(net):
    adoption(net, Driver.quit)


def case_adoption_after_kill(net):
    adoption(net, Driver.kill)


def case_adoption_of_another_size(net):
    if backend is Ipset:
        sh("ipset create coturn-guard-4 hash:net timeout 0 counters maxelem 70000")
        sh("ipset add coturn-guard-4 %s timeout 500 packets 7 bytes 700; ipset add coturn-guard-4 192.0.2.0/24 timeout 0" % BAD4)
    else:
        sh("nft -f -", input="table inet coturn_guard {\nset banned4 {\ntype ipv4_addr\nsize 70000\nflags interval,timeout\n"
           "counter\nelements = { %s counter packets 7 bytes 700 timeout 500s, 192.0.2.0/24 }\n}\n}\n" % BAD4)
    driver = Driver("--max-bans", "1000")
    size = {Ipset: "maxelem %d ", Nftables: "flags interval,timeout"}[backend]
    listed = lambda: sh({Ipset: "ipset list -t coturn-guard-4", Nftables: "nft list set inet coturn_guard banned4"}[backend])
    ok(size.replace("%d", "1001") in listed() and "size 70000" not in listed(), "a set of another size becomes one of ours")
    equal(driver.count(), 2, "its contents are taken over")
    equal(backend.set().packets[BAD4], 7, "with their counters")
    ok(backend.set().timeout("192.0.2.0/24") == 0, "and an element without an end keeps none")
    ok("coturn-guard-4-new" not in sh("ipset list -n"), "nothing is left of the copying")
    ok(net.dropped(BAD4), "they drop")
    before = sh(backend.rules4)
    driver.ask("max-bans 5000", "^ok")
    ok(size.replace("%d", "5001") in listed() and net.dropped(BAD4), "the size changes under the live rule")
    equal(re.sub("packets.*bytes [0-9]+", "", sh(backend.rules4)), re.sub("packets.*bytes [0-9]+", "", before), "which is not replaced")


def repair(net, damage, what, settle=1.6):
    driver = Driver()
    driver.ban(BAD4, 600)
    driver.ban(BAD6_NET, 600)
    time.sleep(1.1)
    equal(driver.counter("repairs"), 0, "undisturbed, nothing is repaired")
    sh(damage)
    end = time.monotonic() + settle
    while time.monotonic() < end and not (net.dropped(BAD4) and net.dropped(BAD6)):
        pass
    ok(net.dropped(BAD4) and net.dropped(BAD6), what + " is back within a second, and drops")
    driver.hear("^notice enforce.repaired")
    ok(driver.counter("repairs") >= 1, "counted and told")
    ok(net.passes(HONEST4), "the honest client still arrives")
    time.sleep(2.2)
    before = driver.counter("repairs")
    time.sleep(2.2)
    equal(driver.counter("repairs"), before, "and it is not repaired again")
    driver.ask("health", "^healthy")
    ok(backend.set().timeout(BAD4) > 500, "the ban has its time")


def case_flushed_set(net):
    repair(net, backend.flush4 + "; " + backend.flush6, "a flushed set")


def case_destroyed_set(net):
    repair(net, backend.destroy4, "a destroyed set")


@of(Ipset)
def case_swapped_set(net):
    repair(net, "ipset create other hash:net timeout 0 counters maxelem 1048577; ipset swap other coturn-guard-4", "a swapped set")


@of(Ipset)
def case_swapped_for_one_without_timeouts(net):
    repair(net, "ipset create other hash:net; ipset swap other coturn-guard-4", "a set swapped for one without timeouts")


def case_nft_flush_ruleset(net):
    repair(net, "nft flush ruleset", "the rule after nft flush ruleset")


def case_nft_delete_table(net):
    repair(net, backend.delete_rules4 + ";" + backend.delete_rules6, "a deleted table or chain")


def case_everything_gone(net):
    repair(net, backend.destroy_all, "everything")


def case_changed_rules(net):
    repair(net, backend.flush_rules4, "a flushed chain")


def case_an_accept_before_us(net):
    repair(net, backend.accept_first4, "our rule behind a foreign accept in our chain")


def case_dormant_table(net):
    repair(net, backend.sleep, "a table put to sleep")


@alone
def case_refill_of_many(net):
    driver = Driver()
    driver.ban(BAD4, 600)
    many = 100000 if backend is Ipset else 20000  # nft(8) needs seconds to list more
    driver.ask("flood %d 600" % many, "^flooded .* enforced=%d .*failed=0" % many)
    sh(backend.flush4)
    begin = time.monotonic()
    while backend.count() < many + 1 and time.monotonic() < begin + 6:
        time.sleep(.2)
    print("# after %.1f s" % (time.monotonic() - begin))
    equal(backend.count(), many + 1, "%d bans are back after a flush" % (many + 1))
    ok(net.dropped(BAD4) and net.passes(HONEST4), "and drop")


def case_contested(net):
    driver = Driver()
    for _ in range(16):
        sh(backend.flush4 + "; " + backend.flush6)
        time.sleep(.7)
    driver.hear("^notice enforce.contested")
    ok(True, "somebody who keeps removing is named, and the repairs slow down")


def beside(net, iptables, ip6tables, save, restore):
    for program in (iptables, ip6tables):
        sh("%s -A INPUT -p tcp --dport 22 -j ACCEPT; %s -t raw -A PREROUTING -p udp --dport 53 -j ACCEPT" % (program, program))
    driver = Driver()
    driver.ban(BAD4, 600)
    driver.ban(BAD6_NET, 600)
    for program in (iptables, ip6tables):
        saved = sh(program + save)
        ok("coturn" not in saved, program + save + " does not contain us")
        ok("--dport 22" in saved, "and has the host's own rules")
        sh(program + "-restore", input="".join(l + "\n" for l in saved.splitlines() if not l.startswith("#")))
        ok(net.dropped(BAD4) and net.dropped(BAD6), "loading it again leaves the bans alone")
        sh("%s -F; %s -t raw -F; %s -X" % (program, program, program))
        ok(net.dropped(BAD4) and net.dropped(BAD6), program + " -F too")
    time.sleep(2)
    equal(driver.counter("repairs"), 0, "nothing of it needed a repair")
    ok(net.passes(HONEST4), "the honest client arrives")
    # As at boot: the file is loaded before there is a set.
    driver.quit()
    saved = sh("%s -A INPUT -p tcp --dport 22 -j ACCEPT; %s-save" % (iptables, iptables))
    sh(driver.path + " --remove-everything")
    sh(iptables + "-restore", input=saved)
    ok(True, "what was saved with live bans loads where there is no set")


def case_beside_iptables_nft(net):
    beside(net, "iptables-nft", "ip6tables-nft", "-save", "-restore")


def case_beside_iptables_legacy(net):
    beside(net, "iptables-legacy", "ip6tables-legacy", "-save", "-restore")


def case_beside_nft(net):
    sh("nft add table inet host; nft 'add chain inet host in { type filter hook input priority 0; }'; "
       "nft add rule inet host in tcp dport 22 accept")
    saved = sh("nft list ruleset")
    driver = Driver()
    driver.ban(BAD4, 600)
    driver.ban(BAD6_NET, 600)
    sh("nft -f -", input="flush ruleset\n" + saved)
    time.sleep(1.3)
    ok(net.dropped(BAD4) and net.dropped(BAD6), "the host's rules loaded over ours (flush ruleset): ours is back")
    ok("dport 22" in sh("nft list ruleset"), "and so are the host's")
    own = sh("nft list ruleset 2>/dev/null")
    without = re.sub(backend.tables, "", own, flags=re.S)
    sh("nft -f -", input="flush ruleset\n" + without)
    ok("dport 22" in sh("nft list ruleset"), "a ruleset listed with live bans loads when our tables are left out")
    time.sleep(1.3)
    ok(net.dropped(BAD4), "and ours is back")


def case_ipv6(net):
    driver = Driver()
    ok(net.passes(BAD6) and net.passes(BAD6_TOO), "IPv6 arrives")
    driver.ban(BAD6_NET, 600)
    ok(net.dropped(BAD6) and net.dropped(BAD6_TOO), "a /64 ban drops every address in it")
    ok(net.passes(HONEST6), "the next /64 arrives")
    ok(net.passes(HONEST4), "and so does IPv4")
    driver.ask("unban " + BAD6_NET, "^ok")
    ok(net.passes(BAD6), "an unbanned /64 arrives again")


@of(Ipset)
def case_wrong_type(net):
    sh("ipset create coturn-guard-4 hash:ip timeout 0 counters")
    driver = Driver(expect="^error .*coturn-guard-4.*hash:ip.*ipset destroy coturn-guard-4")
    equal(driver.process.wait(5), 1, "a set of another type in the way is an error with set, type and remedy")
    sh("ipset destroy coturn-guard-4; ipset create coturn-guard-4 hash:net")
    Driver(expect="^error .*coturn-guard-4.*without timeout.*ipset destroy")
    ok(True, "and so is one without timeouts")
    sh("ipset destroy coturn-guard-4; ipset create coturn-guard-4 hash:net family inet6 timeout 0 counters")
    Driver(expect="^error .*coturn-guard-4.*other address family.*ipset destroy")
    ok(True, "and one of the other family")
    sh("ipset destroy coturn-guard-4")
    driver = Driver()
    driver.ban(BAD4, 600)
    ok(net.dropped(BAD4), "after the remedy it starts")


@of(Nftables)
def case_wrong_set(net):
    remedy = "nft delete table inet coturn_guard"
    for definition, what in (("type inet_service; flags interval,timeout;", "of ports"), ("type ipv6_addr; flags interval,timeout;", "of the other family"),
                             ("type ipv4_addr; flags interval;", "without timeouts"), ("type ipv4_addr; flags timeout;", "without intervals")):
        sh("nft -f -", input="table inet coturn_guard {\nset banned4 {\n%s\n}\n}\n" % definition)
        driver = Driver(expect="^error .*banned4.*" + remedy)
        equal(driver.process.wait(5), 1, "a set %s in the way is an error with set and remedy" % what)
        sh(remedy)
    sh("nft add table inet coturn_guard; nft 'add map inet coturn_guard banned4 { type ipv4_addr : verdict; flags interval,timeout; }'")
    Driver(expect="^error .*banned4.*" + remedy)
    ok(True, "and so is a map")
    sh(remedy)
    driver = Driver()
    driver.ban(BAD4, 600)
    ok(net.dropped(BAD4), "after the remedy it starts")


@alone
def case_foreign_set_in_the_way_while_it_runs(net):
    driver = Driver()
    driver.ban(BAD4, 600)
    driver.ban(BAD6_NET, 600)
    sh(backend.put_foreign4)
    driver.ask("flood 70000 600", "^flooded .*failed=0 deferred=70000$")
    ok(True, "bans of the family whose set was taken are deferred")
    driver.ask("health", "^unhealthy")
    ok(any("enforce.lost" in line and backend.foreign in line for line in driver.seen), "and the set in the way is told")
    driver.ask("unban " + BAD6_NET, "^ok")
    ok(net.passes(BAD6), "the other family goes on: an address is freed")
    driver.ban(BAD6_NET, 600)
    ok(net.dropped(BAD6), "and banned")
    sh(backend.delete_rules6)
    ok(net.dropped_within(BAD6, 2), "and its rule is repaired")
    driver.ban("198.18.0.1", 600, "deferred")
    equal(driver.seen.count("resume"), driver.seen.count("pause"), "nothing waits in the queue: the source is not held")
    equal(driver.count(), 70003, "the table has them all")
    ok(backend.used4 not in sh("nft list ruleset"), "no rule of ours drops by the foreign set")
    sh(backend.remove_foreign4)
    driver.hear("^notice enforce.repaired .*" + backend.set4)
    ok(net.dropped_within(BAD4, 3), "with the foreign set gone, the first family is back")
    end = time.monotonic() + 5
    while backend.count() < 70002 and time.monotonic() < end:
        time.sleep(.1)
    equal(backend.count(), 70002, "with every ban of it that was deferred")
    time.sleep(1.1)
    driver.ask("health", "^healthy")


def case_full(net):
    driver = Driver("--max-bans", "100")
    driver.ban(BAD4, 600)
    driver.ask("flood 150 600", "^flooded .* enforced=99 .*failed=51")
    driver.ban(BAD4, 900, "lengthened")
    ok(net.dropped(BAD4), "a full set keeps what it has, and can lengthen it")
    equal(driver.count(), 100, "the table has as many bans as the set")
    equal(backend.count(), 100, "which has no more")
    equal(driver.counter("refused"), 51, "what found no room is counted")
    equal(len([l for l in driver.seen if "enforce.full" in l]), 1, "and told once")
    driver.ask("unban " + BAD4, "^ok")
    driver.ban(BAD4, 600)
    ok(net.dropped(BAD4), "room that was made is used")


@of(Ipset)
def case_full_by_others(net):
    driver = Driver("--max-bans", "1000")
    # Not ours: put there by hand after the start, so that the kernel is full before the table is.
    sh("ipset restore", input="".join("add coturn-guard-4 198.18.%d.%d timeout 600\n" % (i // 250, i % 250) for i in range(900)))
    line = driver.ask("flood 400 600", "^flooded ")
    enforced, failed = (int(re.search(word + "=([0-9]+)", line)[1]) for word in ("enforced", "failed"))
    # The kernel counts by regions of its hash and lets some more in than maxelem says (ip_set_hash_gen.h).
    ok(100 <= enforced < 200 and enforced + failed == 400 or line, "the kernel refuses what it has no room for")
    equal(driver.counter("refused"), failed, "each is counted")
    equal(driver.count(), enforced, "and not taken for a ban")
    equal(backend.count(), 900 + enforced, "while the others all stand")
    time.sleep(1.2)
    driver.ask("health", "^healthy")


def case_no_capability(net):
    driver = Driver(prefix=["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "-all",
                            "--bounding-set", "-all", "--no-new-privs"], expect="^error .*CAP_NET_ADMIN.*AmbientCapabilities=CAP_NET_ADMIN")
    equal(driver.process.wait(5), 1, "without CAP_NET_ADMIN: an error that names the capability and the unit's line")


def case_only_cap_net_admin(net):
    driver = Driver(prefix=["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "-all,+net_admin",
                            "--ambient-caps", "-all,+net_admin", "--bounding-set", "-all,+net_admin", "--no-new-privs"])
    status = open("/proc/%d/status" % driver.process.pid).read()
    equal(re.search("CapEff:\t(.*)", status)[1], "0000000000001000", "as uid 65534 with CAP_NET_ADMIN alone")
    driver.ban(BAD4, 600)
    driver.ban(BAD6_NET, 600)
    ok(net.dropped(BAD4) and net.dropped(BAD6), "it bans")
    sh(backend.destroy_all)
    time.sleep(1.5)
    ok(net.dropped(BAD4) and net.dropped(BAD6), "and repairs")


def case_withdraw(net):
    driver = Driver()
    driver.ban(BAD4, 600)
    driver.ask("withdraw", "^ok")
    ok(net.passes(BAD4), "withdrawn, nobody is dropped")
    ok(backend.in_ruleset not in sh("nft list ruleset"), "and no rule is left")
    equal(driver.count(), 1, "but nothing is forgotten")
    time.sleep(2.1)
    ok(net.passes(BAD4), "and no repair brings it back")
    driver.ask("start", "^started")
    ok(net.dropped(BAD4), "until it is started again")


def case_ports(net):
    driver = Driver("--ports", "3478")
    driver.ban(BAD4, 600)
    ok(not net.udp(BAD4, 3478) and net.udp(BAD4, 5349), "one port")
    driver.ask("ports 5349,9000-10000", "^ok")
    ok(net.udp(BAD4, 3478) and not net.udp(BAD4, 5349) and not net.udp(BAD4, 9999), "other ports, while it runs")
    driver.ask("ports all", "^ok")
    ok(net.dropped(BAD4) and not net.tcp(BAD4, 9999), "all ports")
    time.sleep(1.2)
    equal(driver.counter("repairs"), 0, "the change is not taken for somebody else's")


def case_remove_everything(net):
    driver = Driver()
    driver.ban(BAD4, 600)
    driver.quit()
    ok(net.dropped(BAD4), "stopping leaves the bans")
    equal(sh(Driver.path + " --remove-everything"), "removed\n", "everything can be removed")
    ok(net.passes(BAD4), "then nobody is dropped")
    equal(sh("nft list ruleset; ipset list"), "", "and nothing is left in the kernel")
    equal(sh(Driver.path + " --remove-everything"), "removed\n", "removing nothing is no error")


def case_bans_inside_each_other(net):
    driver = Driver()
    driver.ban(BAD4, 600)
    driver.ban("10.99.0.64/26", 3)
    ok(net.dropped(BAD4) and net.passes(HONEST4), "a network around a banned address is banned")
    held, end = True, time.monotonic() + 5
    while time.monotonic() < end:
        held = held and not net.udp(BAD4, wait=.02)
    ok(held, "when the wider ban ends, the narrower one holds without a gap")
    equal(list(backend.set().seconds), [BAD4], "and stands alone in the kernel")
    driver.ban("10.99.0.64/26", 600)
    driver.ban("10.99.0.65", 600)
    driver.ban("10.99.0.67", 600)
    driver.ask("unban 10.99.0.64/26", "^ok")
    ok(net.dropped(BAD4), "with the wider ban lifted, the narrower one holds")
    equal(sorted(backend.set().seconds), ["10.99.0.65", BAD4, "10.99.0.67"], "beside its neighbours, which came while it was covered")
    driver.ask("unban " + BAD4, "^ok")
    ok(net.passes(BAD4), "which are other addresses")
    driver.ban("10.99.0.64/26", 600)
    driver.ask("unban 10.99.0.67", "^ok")
    ok(net.dropped(BAD4), "lifting a ban inside a wider one leaves the wider one")
    driver.ban("10.99.0.0/16", 2)
    ok(net.dropped(BAD4) and net.dropped(HONEST4), "and one around it covers both")
    time.sleep(3.2)
    ok(net.dropped(BAD4) and net.passes(HONEST4), "until it ends")
    for prefix in ("198.51.100.0/24", "198.51.100.254/32", "255.255.255.255/32", "0.0.0.0/32", "2001:db8::/32", "ffff::/16"):
        driver.ban(prefix, 600)
    time.sleep(1.2)
    driver.ask("health", "^healthy")
    driver.ask("unban 198.51.100.0/24", "^ok")
    driver.ask("unban 2001:db8::/32", "^ok")
    time.sleep(1.2)
    driver.ask("health", "^healthy")
    equal(driver.counter("repairs"), 0, "bans around the canary, and at both ends of all addresses, are like others")
    if backend is Nftables:  # ipset has no room for everybody
        driver.ban("0.0.0.0/0", 600)
        ok(net.dropped(HONEST4), "and so is everybody")


def case_a_ban_around_many(net):
    driver = Driver()
    driver.ask("flood 5000 600", "^flooded .* enforced=5000 .*failed=0")
    driver.ban("45.0.0.0/8", 600)
    driver.ban(BAD4, 600)
    driver.ask("unban 45.0.0.0/8", "^ok")
    driver.ban("198.18.0.1", 600)
    equal(backend.count(), 5002, "of 5000 bans inside a wider one, all stand when it is lifted")


def case_no_gap_while_it_is_lengthened(net):
    driver = Driver()
    driver.ban(BAD4, 600)
    server = net.servers[SERVER4, 3478, socket.SOCK_DGRAM]
    sent, done = 0, threading.Event()
    client = net.client(BAD4, socket.SOCK_DGRAM)

    def storm():
        nonlocal sent
        while not done.is_set():
            client.sendto(b"gap?", (SERVER4, 3478))
            sent += 1

    sender = threading.Thread(target=storm)
    sender.start()
    seconds, end = 700, time.monotonic() + 30
    while seconds < 1000 or (sent <= 1000 and time.monotonic() < end):  # on a busy machine the storm may be the slower one
        driver.ban(BAD4, seconds, "lengthened")
        seconds += 1
    done.set()
    sender.join()
    ok(sent > 1000 or "only %d" % sent, "while a ban is lengthened 300 times and more under a storm of packets,")
    ok(not select.select([server], [], [], .2)[0], "none of them arrives")
    driver.ask("health", "^healthy")


def case_another_backend_before(net):
    other = Nftables if backend is Ipset else Ipset
    driver = Driver(of=other)
    driver.ban(BAD4, 600)
    driver.ban(BAD6_NET, 600)
    driver.ask("flood 3000 600", "^flooded .* enforced=3000 .*failed=0")
    driver.quit()
    driver = Driver()
    ok(net.dropped(BAD4) and net.dropped(BAD6), "what the other backend banned is banned")
    equal(driver.count(), 3002, "all of it is taken over")
    ok(any("enforce.adopted" in line and other.name in line for line in driver.seen), "and told")
    end = time.monotonic() + 3
    while other.in_ruleset in sh("nft list ruleset") and time.monotonic() < end:
        time.sleep(.05)
    ok(other.in_ruleset not in sh("nft list ruleset"), "the other one's rule is gone")
    ok(not re.search("coturn" if other is Ipset else "coturn_guard", sh(other.leftovers, check=False)), "and so are its sets")
    equal(backend.count() + backend.count(6), 3002, "when all bans stand here")
    ok(net.dropped(BAD4) and net.dropped(BAD6) and net.passes(HONEST4), "and drop")
    ok(backend.set().timeout(BAD4) > 500, "with their time")
    driver.ask("health", "^healthy")
    Driver(of=other).ban("198.18.0.1", 600)
    driver.quit()
    equal(sh(Driver.path + " --remove-everything"), "removed\n", "what both left can be removed together")
    equal(sh(backend.everything), "", "and is")


@of(Nftables)
def case_saved_ruleset(net):
    driver = Driver()
    for prefix in (BAD4, "10.99.0.67", "10.99.0.128/25", BAD6_NET, "255.255.255.255"):
        driver.ban(prefix, 600)
    ok(net.dropped(BAD4), "a banned address is dropped")
    driver.quit()
    saved = sh("nft list table inet coturn_guard")
    sh("nft delete table inet coturn_guard")
    ok(net.passes(BAD4), "without the table it is not")
    sh("nft -f -", input=saved)
    ok(net.dropped(BAD4) and net.dropped(BAD6) and net.passes(HONEST4), "what nft listed loads again with plain nft -f, and drops")
    driver = Driver()
    equal(driver.count(), 5, "and is taken over, every ban")
    driver.ban(BAD4, 60, "unchanged")
    ok(backend.set().timeout(BAD4) > 500, "with its time")
    sh("nft -f -", input="flush ruleset\n" + saved)
    time.sleep(1.3)
    ok(net.dropped(BAD4), "loaded over the running daemon it drops, too")
    driver.ask("health", "^healthy")


@of(Nftables)
def case_exchanged_for_a_set_without_intervals(net):
    driver = Driver()
    driver.ban(BAD4, 600)
    sh("nft 'delete chain inet coturn_guard drop4; delete set inet coturn_guard banned4; "
       "add set inet coturn_guard banned4 { type ipv4_addr; flags timeout; elements = { 10.98.0.1 timeout 600s, 10.98.0.3 timeout 600s } }'")
    driver.hear("^notice enforce.repaired .*banned4")
    ok(net.dropped_within(BAD4, 2), "the ban is back")
    equal(driver.count(), 3, "each address that stood in the other set is a ban")
    equal(sorted(backend.set().seconds), ["10.98.0.1", "10.98.0.3", BAD4], "and nothing but them")
    ok(net.passes(HONEST4), "the honest client, behind the last of them, still arrives")


@of(Nftables)
def case_put_there_by_hand(net):
    driver = Driver()
    sh("nft add element inet coturn_guard banned4 { 10.99.0.60-10.99.0.70 timeout 600s }")
    driver.ban(BAD4, 900)
    ok(net.dropped(BAD4), "a ban inside a range that somebody put into the set by hand is taken")
    equal(driver.count(), 5, "and the range becomes bans of ours")
    driver.ask("unban 10.99.0.64/30", "^ok")
    ok(net.dropped(BAD4), "which can be lifted one by one")
    driver.ask("unban " + BAD4, "^ok")
    ok(net.passes(BAD4), "to the last")
    time.sleep(1.1)
    driver.ask("health", "^healthy")


@alone
def case_storm(net):
    driver = Driver()
    line = driver.ask("flood 100000 600", "^flooded .* enforced=100000 .*failed=0")
    ok(True, "100000 bans are enforced")
    equal(backend.count(), 100000, "and all stand in the kernel")
    print("# IPv4 %s" % line)
    print("# IPv6 %s" % driver.ask("flood 100000 600 6", "^flooded .* enforced=100000 .*failed=0"))
    print("# %s" % driver.ask("latency %d" % (1000 if backend is Ipset else 20), "^latency"))
    print("# %s" % driver.ask("memory", "^memory"))
    driver.ask("flood 100000 500", "^flooded .* unchanged=100000 ")
    ok(True, "the same again, shorter, changes nothing")


CASES = {name[5:]: case for name, case in list(globals().items()) if name.startswith("case_")}
BESIDE = 6  # cases at a time: they mostly wait


def inside(name):
    sh("mount -t tmpfs tmpfs /run")  # iptables' lock
    try:
        CASES[name](Network())
    except AssertionError as error:
        ok(str(error), "the case runs to its end")
    sys.exit(1 if failures else 0)


def run(name):
    return subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
                           os.path.abspath(__file__), Driver.path, "--backend", backend.name, "--inside", name], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)


def main():
    global backend
    words = sys.argv[2:]
    Driver.path = os.path.abspath(sys.argv[1])
    if words[:1] == ["--backend"]:
        backend = {"ipset": Ipset, "nftables": Nftables}[words[1]]
        words = words[2:]
    if words[:1] == ["--inside"]:
        inside(words[1])
    if os.geteuid() != 0:
        print("1..0 # SKIP root is needed")
        sys.exit(77)
    wanted = [name for name, case in CASES.items()
              if getattr(case, "backend", backend) is backend and (not words or any(word in name for word in words))]
    number = bad = 0
    with concurrent.futures.ThreadPoolExecutor(BESIDE) as beside_others:
        running = {name: beside_others.submit(run, name) for name in wanted if not hasattr(CASES[name], "alone")}
        concurrent.futures.wait(running.values())
    for name in wanted:
        print("# " + name.replace("_", " "))
        case = running[name].result() if name in running else run(name)
        told = 0
        for line in case.stdout.splitlines():
            result = re.match("(ok|not ok) - (.*)", line)
            if not result:
                print(line if line.startswith("#") else "# " + line)
                continue
            number, told = number + 1, told + 1
            bad += result[1] != "ok"
            print("%s %d - %s: %s" % (result[1], number, name.replace("_", " "), result[2]), flush=True)
        if case.returncode != 0 and "not ok" not in case.stdout or told == 0:
            number, bad = number + 1, bad + 1
            print("not ok %d - %s: ended with %d" % (number, name, case.returncode), flush=True)
    print("1..%d" % number)
    print("# %d of %d passed" % (number - bad, number))
    sys.exit(1 if bad else 0)


main()
