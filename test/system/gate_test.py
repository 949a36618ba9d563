#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate with real coturn and real packets: what is dropped before coturn has it, and that nobody honest pays for it.

  gate_test.py PATH/TO/coturn-guard PATH/TO/packet_flood [measure] [NAME...]    all cases, or those that have a NAME in theirs

"measure" makes floods longer and also prints what the gate costs an established relay. Each case runs in network, mount and
process namespaces of its own (root needed; the host is not touched). TURNSERVER names the server's program. Prints TAP.
"""
import json, os, re, signal, socket, struct, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
SERVER, SERVER6, PEER = "198.51.100.10", "2001:db8::10", "198.51.100.77"
CLIENT = [sys.executable, TREE + "/test/support/turn_client.py", "--server", SERVER, "--timeout", "2"]
CROWD = ["192.0.2.%d" % host for host in range(11, 61)]
VICTIMS, FIRST_VICTIM, ATTACKER = 100, "10.99.0.1", "203.0.113.66"
RATE = 50_000
NET_ADMIN_ALONE = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs",
                   "--bounding-set", "-all,+net_admin", "--inh-caps", "-all,+net_admin", "--ambient-caps", "-all,+net_admin"]
IN_USER_NAMESPACE = ("small_socket",)
failures, CASES, measuring = 0, {}, False


def sh(command, check=True):
    done = subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check and done.returncode:
        raise AssertionError("%s: exit %d: %s" % (command, done.returncode, done.stdout))
    return done.stdout


def ok(condition, sentence, detail=""):
    global failures
    failures += not condition
    print("%s - %s" % ("ok" if condition else "not ok", sentence), flush=True)
    if not condition and detail:
        print("\n".join("#   " + line for line in str(detail).splitlines()[-30:]), flush=True)
    return bool(condition)


def say(text):
    print("# " + text, flush=True)


def eventually(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def host(name, ours, theirs, size=24):
    sh("ip netns add {0}; ip link add to-{0} type veth peer name eth0 netns {0}; ip addr add {1}/{2} dev to-{0}; ip link set to-{0} up; "
       "ip -n {0} link set lo up; ip -n {0} link set eth0 up".format(name, ours, size))
    for address in theirs:
        sh("ip -n %s addr add %s/%d dev eth0" % (name, address, size))
    sh("ip -n %s route add default via %s" % (name, ours))


class World:
    """This side is the server; the crowd, the attacker and the victims stand at the ends of cables."""
    program = flood = None
    privileges = NET_ADMIN_ALONE

    def __init__(self):
        self.place = tempfile.mkdtemp()
        os.chmod(self.place, 0o755)
        sh("mount -t tmpfs tmpfs /run; mount --make-rshared /run; ip link set lo up; ip addr add %s/32 dev lo; ip addr add %s/32 dev lo; "
           "ip -6 addr add %s/128 dev lo nodad" % (SERVER, PEER, SERVER6))
        host("crowd", "192.0.2.1", CROWD)
        host("attacker", "203.0.113.1", [ATTACKER])
        host("victims", "10.98.0.1", ["10.98.0.2"])
        sh("ip -n victims route add blackhole 10.99.0.0/24; ip route add 10.99.0.0/24 via 10.98.0.2; ip route add 10.96.0.0/11 via 10.98.0.2; ip -n victims route add blackhole 10.96.0.0/11; "
           "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f 2>/dev/null; done; true")
        sh("""nft 'table inet audience { counter to_victims {}; counter to_coturn {};
              chain out { type filter hook output priority 0; ip daddr 10.99.0.0/24 udp sport 3478 counter name to_victims; };
              chain in { type filter hook input priority 0; udp dport 3478 counter name to_coturn; }; }'""")
        self.start_peer()
        self.start_coturn()
        self.guards = []

    def start_peer(self):
        """Echoes."""
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind((PEER, 4000))
        self.peer_packets = 0

        def echo():
            while True:
                data, source = self.peer.recvfrom(2048)
                self.peer_packets += 1
                self.peer.sendto(data, source)
        threading.Thread(target=echo, daemon=True).start()

    def start_coturn(self):
        os.chdir(self.place)
        sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=turn.example.org")
        self.log = self.place + "/coturn.log"
        with open("turnserver.conf", "w") as conf:
            conf.write("\n".join(("listening-ip=" + SERVER, "listening-ip=" + SERVER6, "relay-ip=" + SERVER, "realm=example.org", "lt-cred-mech",
                                  "user=alice:secret1", "cert=%s/cert.pem" % self.place, "pkey=%s/key.pem" % self.place, "no-cli",
                                  "userdb=%s/turndb" % self.place, "pidfile=%s/pid" % self.place, "log-file=" + self.log, "simple-log", "")))
        self.coturn = subprocess.Popen([os.environ.get("TURNSERVER", "turnserver"), "-c", "turnserver.conf"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not eventually(lambda: self.play("crowd", "allocate"), 20):
            raise AssertionError("turnserver does not serve")

    def play(self, who, *words):
        return subprocess.run(["ip", "netns", "exec", who, *CLIENT, *words], stdout=subprocess.DEVNULL).returncode == 0

    def guard(self, gate="on", more=""):
        os.makedirs(self.place + "/conf.d", exist_ok=True)
        with open(self.place + "/coturn-guard.yaml", "w") as file:
            file.write("gate: %s\nlog_file: %s\nsource: file\nrules_file: %s/rules/coturn.yaml\n%s" % (gate, self.log, TREE, more))
        return Guard(self)

    def crowd(self, seconds, addresses=None):
        """-> a function that waits for the crowd and says how it fared."""
        command = ["ip", "netns", "exec", "crowd", sys.executable, TREE + "/test/support/voice_crowd.py", SERVER, "3478", PEER, "4000",
                   str(seconds), *(addresses or CROWD)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        def result():
            said = process.communicate(timeout=seconds + 60)[0]
            try:
                return json.loads(said.splitlines()[-1])
            except (ValueError, IndexError):
                raise AssertionError("the crowd said: " + said)
        return result

    def flooding(self, seconds, kind="binding", rate=RATE, ports=1, first=FIRST_VICTIM, victims=VICTIMS):
        return subprocess.Popen(["ip", "netns", "exec", "attacker", World.flood, SERVER, "3478", first, str(victims), str(rate), str(seconds),
                                 kind, str(ports)], stdout=subprocess.PIPE, text=True)

    def counted(self, name):
        return int(re.search(r"packets (\d+)", sh("nft list counter inet audience " + name))[1])


class Guard:
    def __init__(self, world):
        self.output = b""
        place = world.place + "/daemon"
        self.process = subprocess.Popen([*World.privileges, World.program, "run", "--config", world.place + "/coturn-guard.yaml"],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.read, daemon=True).start()
        if not self.says("agent.started|gate.failed|error", 30):
            raise AssertionError("the daemon did not start: " + self.text)

    def read(self):
        while chunk := self.process.stdout.read1():
            self.output += chunk

    @property
    def text(self):
        return self.output.decode(errors="backslashreplace")

    def says(self, pattern, seconds=5.0):
        return eventually(lambda: re.search(pattern, self.text), seconds)

    def cpu(self):
        with open("/proc/%d/stat" % self.process.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(10)


def gate_is_there():
    return "table inet coturn-guard-gate" in sh("nft list tables")


def case(function):
    CASES[function.__name__] = function
    return function


def quenched(world):
    return set(re.findall(r"10\.99\.0\.\d+", sh("nft list set inet coturn-guard-gate coturn-guard-quench-4")))


def run_flood(world, seconds, guard=None, kind="binding", ports=1, victims=VICTIMS):
    """-> answers to victims in each half second, how the crowd fared, CPU share of the guard, what the flood said, the half second in
    which all victims were quenched and how those fared who came after it. Some of the crowd come before the flood, some as it
    begins, most while it runs: where there is a guard, when it has quenched the victims."""
    joins, late, quenched_in = [world.crowd(seconds - 1, CROWD[:10])], None, None
    time.sleep(0.5)
    before, began, answers = world.counted("to_victims"), time.monotonic(), []
    cpu = guard.cpu() if guard else 0
    flood = world.flooding(seconds - 2, kind, ports=ports, victims=victims)
    joins.append(world.crowd(seconds - 2, CROWD[10:20]))
    while flood.poll() is None:
        if guard and quenched_in is None and len(quenched(world)) == victims:
            quenched_in = len(answers)
        if late is None and (len(answers) >= 3 if guard is None else quenched_in is not None):
            late = world.crowd(seconds - 4, CROWD[20:])
        time.sleep(max(0, began + 0.5 * (len(answers) + 1) - time.monotonic()))
        now = world.counted("to_victims")
        answers.append(now - before)
        before = now
    took = time.monotonic() - began
    said = flood.stdout.read().strip()
    share = (guard.cpu() - cpu) / took if guard else 0
    if late is None:
        raise AssertionError("not all victims were quenched while the flood lasted: %d of %d; %s; %s" % (len(quenched(world)), victims, answers, said))
    after = late()
    fared = [after, *(join() for join in joins)]
    together = {key: sum(one[key] for one in fared) for key in ("customers", "served", "sent", "returned")}
    return answers, {**together, "slowest": max(one["slowest"] for one in fared)}, share, said, quenched_in, after


def per_second(answers, skip=0):
    """Answers a second, without the first `skip` half seconds and the last one."""
    steady = answers[skip:-1]
    return 2 * sum(steady) / len(steady)


def kept(fared):
    """The share of the crowd's packets that came back."""
    return fared["returned"] / max(fared["sent"], 1)


@case
def reflection(world):
    seconds = 14 if measuring else 9
    bare, fared_bare, _, said_bare, _, _ = run_flood(world, seconds)
    time.sleep(1)
    guard = world.guard()
    ok(guard.says("gate.open"), "the gate opens with CAP_NET_ADMIN alone", guard.text)
    ok(gate_is_there(), "its table stands", sh("nft list ruleset"))
    # As many victims as are asked for too much (400 times) within a second: on a slow machine the flood is a thin one.
    victims = min(VICTIMS, max(4, int(per_second(bare)) // 400))
    gated, fared, share, said, quenched_in, fared_after = run_flood(world, seconds, guard, victims=victims)
    say("without the gate: %s; answers in each half second %s; honest %s" % (said_bare, bare, fared_bare))
    say("with the gate:    %s; %d victims, quenched after %.1f s; answers in each half second %s; honest %s, of them who came then %s; agent %.0f %% of one CPU"
        % (said, victims, 0.5 * quenched_in, gated, fared, fared_after, 100 * share))
    ok(fared["served"] == fared["customers"] == len(CROWD), "all fifty customers are served during the flood", fared)
    ok(kept(fared_after) >= 0.99, "the packets of those who come when the victims are quenched are relayed", fared_after)
    ok(kept(fared) >= min(0.97, kept(fared_bare)), "of all the fifty no more are lost than without the gate, or than three of a hundred", (fared_bare, fared))
    # They were quenched when that half second began: it and one more are for what is on its way.
    after = gated[quenched_in + 2:]
    ok(len(after) >= 3, "the flood goes on for a second and more after that", gated)
    cut = 1 - 2 * sum(after) / max(len(after), 1) / max(per_second(bare, 2), 1)
    ok(cut >= 0.99, "from a second after the quench on %.2f %% of the answers to victims are gone" % (100 * cut), (bare, gated))
    ok(guard.says(r"gate.quench.*10\.99\.0\."), "the quench is told", guard.text)
    ok(guard.says("ban ", 0.1) is False, "nobody is banned for a forged sender", guard.text)
    listed = sh("nft list set inet coturn-guard-gate coturn-guard-quench-4")
    ok(len(quenched(world)) == victims, "all victims stand in the set", listed)
    ok(not any(address + " " in listed for address in CROWD), "no customer does", listed)


@case
def dies_and_hangs(world):
    """Whoever is quenched stays so; everything else passes, as without a gate: of garbage that is more than coturn bears."""
    guard = world.guard()
    guard.says("gate.open")
    flood = world.flooding(60, "binding", ports=1000)
    time.sleep(2)
    guard.process.send_signal(signal.SIGSTOP)
    fared = world.crowd(7)()
    ok(fared["served"] == len(CROWD), "while the daemon is stopped in the middle of a flood, everybody is served", fared)
    say("stopped, under flood: %s" % fared)
    guard.process.send_signal(signal.SIGCONT)
    time.sleep(1)
    guard.process.kill()
    guard.process.wait()
    fared = world.crowd(4)()
    ok(flood.poll() is None and fared["served"] == len(CROWD), "and after it was killed", fared)
    say("killed, under flood: %s" % fared)
    flood.terminate()
    flood.wait()
    ok(gate_is_there(), "the table of the killed one still stands")
    guard = world.guard()
    guard.process.send_signal(signal.SIGSTOP)
    fared = world.crowd(9)()
    ok(fared["served"] == len(CROWD), "stopped without any flood, nothing waits for it longer than a few seconds", fared)
    say("stopped, quiet: %s" % fared)
    guard.process.send_signal(signal.SIGCONT)
    ok(guard.stop() == 0 and not gate_is_there(), "when it ends in order, its table goes", sh("nft list tables"))


@case
def garbage(world):
    guard = world.guard()
    guard.says("gate.open")
    before = world.counted("to_coturn")
    for name in ("sip-sipsak.udp", "dns-dig.udp", "ntp-ntpdig.udp", "snmp2-snmpget.udp"):
        with open(TREE + "/test/data/packets/" + name, "rb") as file:
            send_udp(file.read())
    time.sleep(0.3)
    ok(world.counted("to_coturn") == before, "garbage over UDP does not reach coturn", world.counted("to_coturn") - before)
    ok(world.play("attacker", "allocate"), "and its sender may still have a relay")


@case
def strangers(world):
    guard = world.guard()
    guard.says("gate.open")
    for _ in range(3):
        speak_tcp(b"SSH-2.0-Go\r\n")
        time.sleep(0.2)
    ok(guard.says(r"\bban\b.*203\.0\.113\.66.*foreign-protocol.*proven.*SSH"), "three connections that speak SSH are a ban that says so", guard.text)
    ok(not world.play("attacker", "allocate"), "which bites")
    for transport in ("udp", "tcp", "tls"):
        ok(world.play("crowd", "allocate", "--transport", transport), "a customer over %s passes" % transport, guard.text)
    ok(guard.stop() == 0, "the daemon ends in order", guard.text)


def send_udp(payload):
    sh("ip netns exec attacker %s -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(bytes.fromhex(\"%s\"), (\"%s\", 3478))'"
       % (sys.executable, payload.hex(), SERVER))


def speak_tcp(payload):
    sh("ip netns exec attacker %s -c 'import socket, time; s = socket.create_connection((\"%s\", 3478), 2); s.sendall(bytes.fromhex(\"%s\")); time.sleep(0.2)'"
       % (sys.executable, SERVER, payload.hex()))


BROKEN = r"""
import random, socket, struct, sys
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
source, server = map(socket.inet_aton, sys.argv[1:3])
def packet(upper, protocol=17, fragment=0, total=None, options=b""):
    size = 20 + len(options)
    return struct.pack("!BBHHHBBH", 0x40 | size // 4, 0, total or size + len(upper), 7, fragment, 64, protocol, 0) + source + server + options + upper
def udp(payload, length=None, checksum=0):
    return struct.pack("!HHHH", 4000, 3478, 8 + len(payload) if length is None else length, checksum) + payload
stun = bytes.fromhex("000100002112a442") + b"x" * 12
random.seed(4)
sent = 0
for packets in ([packet(udp(b"")), packet(udp(stun, checksum=0xdead)), packet(udp(stun, length=3)), packet(udp(stun, length=900)),
                 packet(udp(stun)[:3]), packet(udp(stun)[:9]), packet(b""), packet(udp(stun), fragment=0x2000), packet(udp(stun), fragment=0x2003),
                 packet(b"y" * 16, fragment=3), packet(udp(stun), options=b"\x01" * 40), packet(udp(stun), options=b"\x07\x04\x04\0" * 3)],
                [packet(udp(bytes(random.randrange(256) for _ in range(random.randrange(0, 200))))) for _ in range(2000)],
                [packet(udp(stun + bytes(random.randrange(256) for _ in range(random.randrange(0, 60))))) for _ in range(2000)]):
    for one in packets:
        try:
            raw.sendto(one, (sys.argv[2], 0))
            sent += 1
        except OSError:
            pass
print(sent)
"""


@case
def broken_packets(world):
    guard = world.guard()
    guard.says("gate.open")
    with open(world.place + "/broken.py", "w") as file:
        file.write(BROKEN)
    sent = int(sh("ip netns exec attacker %s %s/broken.py %s %s" % (sys.executable, world.place, ATTACKER, SERVER)))
    ok(sent > 4000, "truncated, fragmented, checksum-broken, zero-length and random packets were sent")
    fared = world.crowd(3)()
    ok(fared["served"] == len(CROWD), "everybody is served all the same", fared)
    ok(guard.process.poll() is None and guard.stop() == 0, "the daemon lives", guard.text)


def queue_of_ours(number):
    """A socket that has this queue of the kernel's, as another program would (linux/netfilter/nfnetlink_queue.h)."""
    queue_messages, config, command, bind = 3, 2, 1, 1
    body = struct.pack("!BBH", socket.AF_UNSPEC, 0, number) + struct.pack("=HH", 8, command) + struct.pack("!BBH", bind, 0, socket.AF_INET)
    holder = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
    holder.bind((0, 0))
    holder.send(struct.pack("=IHHII", 16 + len(body), queue_messages << 8 | config, 1 | 4, 1, 0) + body)
    assert struct.unpack("=i", holder.recv(4096)[16:20]) == (0,), "the kernel gives the queue away"
    return holder


@case
def whose_queue(world):
    with queue_of_ours(3478):
        guard = world.guard()
        ok(guard.says(r"gate.failed.*another program has it.*gate_queue"), "a queue that is another program's is told, with what to do", guard.text)
        ok(guard.says("agent.started"), "and the rest goes on", guard.text)
        guard.stop()
    guard = world.guard()
    sh("nft delete table inet coturn-guard-gate")
    ok(eventually(gate_is_there, 6) and guard.says("gate.repaired"), "a table that somebody removed comes back, and that is told", guard.text)
    sh("nft flush chain inet coturn-guard-gate inspect-udp")
    ok(eventually(lambda: "queue" in sh("nft list chain inet coturn-guard-gate inspect-udp"), 6), "so do its rules", sh("nft list ruleset"))
    guard.process.kill()
    guard.process.wait()
    sh(World.program + " flush")
    ok(not gate_is_there(), "flush removes what a killed one left")
    guard = world.guard("off")
    ok(not gate_is_there() and "gate.open" not in guard.text, "without `gate: on` there is none", guard.text)
    guard.stop()


@case
def loads_back(world):
    guard = world.guard()
    guard.says("gate.open")
    saved = sh("nft list table inet coturn-guard-gate")
    if not re.search(r"\bqueue (flags|to)\b", saved):  # a target is called "xt target" or "queue num"
        return say("this kernel has no queue expression of nf_tables, and nft loads no target of xtables: see test/system/kernels")
    guard.process.send_signal(signal.SIGSTOP)
    sh("nft delete table inet coturn-guard-gate")
    with open(world.place + "/saved.nft", "w") as file:
        file.write(saved)
    sh("nft -f %s/saved.nft" % world.place)
    without_numbers = lambda text: re.sub(r" (expires|packets|bytes) \w+", "", text)
    loaded = sh("nft list table inet coturn-guard-gate")
    ok(without_numbers(loaded) == without_numbers(saved), "what nft lists of the gate, it loads", (saved, loaded))
    guard.process.send_signal(signal.SIGCONT)
    time.sleep(2.5)
    say("repaired: %s" % re.findall("gate.repaired.*", guard.text))
    before = world.counted("to_coturn")
    send_udp(b"\xc9" * 40)
    time.sleep(0.3)
    ok(world.counted("to_coturn") == before and world.play("crowd", "allocate"), "and it works as before", guard.text)
    guard.stop()


@case
def without_queue(world):
    if subprocess.run(["modprobe", "nfnetlink_queue"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0 or \
            os.path.exists("/proc/net/netfilter/nfnetlink_queue"):
        return say("this kernel has nfnetlink_queue: see test/system/kernels")
    guard = world.guard()
    ok(guard.says(r"gate.failed.*lacks the module nfnetlink_queue: try"), "a kernel without nfnetlink_queue is told, with what to do", guard.text)
    say(guard.text.splitlines()[0])
    ok(guard.says("agent.started"), "the rest goes on", guard.text)
    ok(guard.says("witness.available"), "the witness is there", guard.text)
    for _ in range(10):
        world.play("attacker", "allocate", "--transport", "tcp", "--password", "wrong")
        if guard.says(r"\bban\b.*203\.0\.113\.66", 0.5):
            break
    ok(guard.says(r"\bban\b.*203\.0\.113\.66"), "who guesses passwords is banned", guard.text)
    ok(not world.play("attacker", "allocate") and world.play("crowd", "allocate"), "which bites, and nobody else")
    say("%s" % re.findall(r"\bban\b.*", guard.text))
    ok(guard.stop() == 0, "the daemon ends in order", guard.text)


@case
def untracked(world):
    sh("nft 'table inet operator { chain raw { type filter hook prerouting priority -300; meta l4proto { tcp, udp } th dport 3478 notrack; }; chain out { type filter hook output priority -300; meta l4proto { tcp, udp } th sport 3478 notrack; }; }'")
    guard = world.guard()
    guard.says("gate.open")
    before = world.counted("to_coturn")
    send_udp(b"\xc9" * 40)
    time.sleep(0.3)
    ok(world.counted("to_coturn") == before, "also where the operator tracks nothing, garbage over UDP is dropped")
    ok(world.play("crowd", "allocate") and world.play("crowd", "allocate", "--transport", "tcp"), "customers pass", guard.text)
    for _ in range(3):
        speak_tcp(b"SSH-2.0-Go\r\n")
    ok(guard.says(r"\bban\b.*203\.0\.113\.66.*foreign-protocol.*proven"), "and who speaks SSH over TCP is banned", guard.text)
    guard.stop()


INSIDE = "import os, random, socket, struct, sys, time\nsys.path.insert(0, %r)\nfrom turn_client import *\n" % (TREE + "/test/support")


def run_inside(who, code, *arguments):
    return subprocess.run(["ip", "netns", "exec", who, sys.executable, "-c", INSIDE + code, *map(str, arguments)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60).stdout


FORGE = r"""
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def forge(source, server, sport, seq, ack, flags, payload=b""):
    source, target = socket.inet_aton(source), socket.inet_aton(server)
    head = struct.pack("!HHIIBBHHH", sport, 3478, seq & 0xffffffff, ack & 0xffffffff, 0x50, flags, 64240, 0, 0)
    total = checksum(source + target + struct.pack("!BBH", 0, 6, len(head) + len(payload)) + head + payload)
    head = head[:16] + struct.pack("!H", total) + head[18:]
    raw.sendto(struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(head) + len(payload), 0, 0, 64, 6, 0) + source + target + head + payload, (server, 0))
"""
SPOOF_BLINDLY = FORGE + r"""
# A handshake of which only our side is forged, and guessed acknowledgements: conntrack takes one of some 70 000.
victim, server = sys.argv[1:3]
for _ in range(4):
    sport, isn = random.randrange(20000, 60000), random.randrange(1 << 32)
    forge(victim, server, sport, isn, 0, 2)
    time.sleep(0.05)
    for ack in range(0, 1 << 32, 60000):
        forge(victim, server, sport, isn + 1, ack, 0x18, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
"""
SPOOF_BESIDE = FORGE + r"""
# Somebody who knows the ports of the victim's connections, and not their numbers.
victim, server, length = sys.argv[1], sys.argv[2], int(sys.argv[3])
payload = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".ljust(length, b" ")[:length]
for sport in map(int, sys.argv[4:]):
    for _ in range(200):
        forge(victim, server, sport, random.randrange(1 << 32), random.randrange(1 << 32), 0x18, payload)
    for ends in (0x04, 0x01, 0x02):  # RST, FIN, SYN: the gate forgets what it heard
        forge(victim, server, sport, random.randrange(1 << 32), random.randrange(1 << 32), ends)
    for _ in range(200):
        forge(victim, server, sport, random.randrange(1 << 32), random.randrange(1 << 32), 0x18, payload)
"""


@case
def forged_segments(world):
    guard = world.guard()
    guard.says("gate.open")
    run_inside("attacker", SPOOF_BLINDLY, FIRST_VICTIM, SERVER)
    # A customer that has connected and is silent, and one that has asked for something.
    silent = [subprocess.Popen(["ip", "netns", "exec", "crowd", sys.executable, "-c", INSIDE + HOLD_TCP, SERVER, CROWD[0], speaks],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for speaks in ("silent", "speaks", "silent", "speaks")]
    ports = [one.stdout.readline().strip() for one in silent]
    for length in (28, 20):  # of the customer's first message, and another
        run_inside("attacker", SPOOF_BESIDE, CROWD[0], SERVER, length, *ports)
    said = []
    for one in silent:
        said.append(one.communicate("go\n", timeout=20)[0].strip())
    time.sleep(1)
    ok(said == ["allocated"] * 4, "customers beside whose connections segments are forged are served", said)
    ok("ban " not in guard.text, "neither they nor an address that never spoke are banned for forged segments", guard.text)
    ok(guard.says(r"gate.open") and "foreign=HTTP" not in guard.text, "nor is one such segment charged", guard.text)
    for _ in range(3):
        speak_tcp(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
    ok(guard.says(r"\bban\b.*203\.0\.113\.66.*foreign-protocol.*proven"), "who really says it is banned by the third time", guard.text)
    guard.stop()


HOLD_TCP = r"""
server, source, speaks = sys.argv[1:4]
stream = connect("tcp", server, 3478, source, timeout=5)
session = Session(stream, "alice", "secret1")
if speaks == "speaks":
    session.allocate()
print(stream.getsockname()[1], flush=True)
sys.stdin.readline()
if speaks == "speaks":
    done, _ = session.ask(REFRESH, attribute(LIFETIME, struct.pack("!I", 600)))
else:
    done = session.allocate()
print("allocated" if done else "refused: %s" % session.error)
"""
SAY = r"""
server, family, port, how = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
text = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
for _ in range(int(sys.argv[5])):
    client = socket.socket(socket.AF_INET6 if family == "6" else socket.AF_INET)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if port:
        client.bind(("", port))
    client.settimeout(3)
    if how == "acknowledges with it":
        client.setsockopt(socket.IPPROTO_TCP, 12, 0)  # TCP_QUICKACK off: the handshake ends with the first data
    try:
        client.connect((server, 3478))
        for piece in ([text[i:i + 1] for i in range(24)] if how == "letter by letter" else [text]):
            client.send(piece)
            time.sleep(0.01)
    except OSError:
        pass  # banned before it said all of it
    time.sleep(0.1)
    client.close()
"""


@case
def ways_to_say_it(world):
    """Each on a guard of its own: the same three foreign beginnings, said otherwise."""
    sh("ip -n attacker addr add 2001:db8:bad::66/64 dev eth0 nodad; ip addr add 2001:db8:bad::1/64 dev to-attacker nodad; ip -n attacker route add default via 2001:db8:bad::1")
    for how, family, port in (("at once", 4, 0), ("at once", 6, 0), ("letter by letter", 4, 0), ("letter by letter", 6, 0),
                              ("acknowledges with it", 4, 0), ("from one port", 4, 33333)):
        guard = world.guard()
        guard.says("gate.open")
        # Coturn may log each reset, too: one connection counts by one of both, and those from one port may seem one.
        times = 8 if port else 3
        said = run_inside("attacker", SAY, SERVER6 if family == 6 else SERVER, family, port, how, times)
        banned = guard.says(r"\bban\b.*(203\.0\.113\.66|2001:db8:bad).*(foreign-protocol|connection-reset).*proven", 8)
        why = sh("%s why --config %s/coturn-guard.yaml %s" % (World.program, world.place, "2001:db8:bad::66" if family == 6 else ATTACKER), False)
        ok(banned and (port or re.search("foreign-protocol +proven", why)), "HTTP %s over IPv%d is a ban by time %d" % (how, family, times), said + guard.text + why)
        guard.stop()
        sh(World.program + " flush")


BYTES = r"""
server, family, transport = sys.argv[1:4]
count = 0
for kind in (USERNAME, REALM, ORIGIN):
    for byte in (b"\n", b"\r", b"\x00", b"\x7f"):
        extra = attribute(kind, b"http://a" + byte + b"0: : session 1: forged b")
        try:
            stream = connect(transport, server, 3478, timeout=0.3)
            stream.send(request(ALLOCATE, extra))
            stream.recv(2000)
            count += 1
        except OSError:
            pass
print(count)
"""


@case
def control_bytes(world):
    sh("ip -n attacker addr add 2001:db8:bad::66/64 dev eth0 nodad; ip addr add 2001:db8:bad::1/64 dev to-attacker nodad; ip -n attacker route add default via 2001:db8:bad::1")
    guard = world.guard()
    guard.says("gate.open")
    began = os.path.getsize(world.log)
    for server, family in ((SERVER, 4), (SERVER6, 6)):
        for transport in ("udp", "tcp"):
            said = run_inside("attacker", BYTES, server, family, transport).strip()
            ok(said == "0", "no request with control bytes is answered over %s and IPv%d" % (transport, family), said)
    run_inside("attacker", LATE_BYTES, SERVER)
    time.sleep(0.5)
    with open(world.log, "rb") as log:
        log.seek(began)
        ok(b"forged" not in log.read(), "coturn's log holds nothing of them")
    for transport in ("udp", "tcp", "tls"):
        ok(world.play("crowd", "allocate", "--transport", transport), "a customer over %s passes" % transport, guard.text)
    guard.stop()
    totals = re.findall("gate.totals.*", guard.text)[-1:]
    ok(totals and int(re.search(r"forging=(\d+)", totals[0])[1]) >= 49, "they are counted", totals)
    ok("ban " not in guard.text, "and nobody is banned for what may be forged", guard.text)


LATE_BYTES = r"""
stream = connect("tcp", sys.argv[1], 3478, timeout=1)
session = Session(stream, "alice", "secret1")
session.allocate()
stream.send(request(REFRESH, attribute(USERNAME, b"alice\nforged")))
time.sleep(0.2)
"""


@case
def quenched_calls_go_on(world):
    guard = world.guard("udp")
    guard.says("gate.open")
    caller = subprocess.Popen(["ip", "netns", "exec", "crowd", sys.executable, "-c", INSIDE + CALL, SERVER, CROWD[0]],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ok(caller.stdout.readline().strip() == "allocated", "a customer has a call")
    flood = world.flooding(3, "binding", rate=2000, first=CROWD[0], victims=1)
    flood.wait()
    ok(guard.says(r"gate.quench.*" + re.escape(CROWD[0])), "its address is forged and quenched", guard.text)
    said = caller.communicate("go\n", timeout=30)[0].split()
    ok(said == ["refreshed", "permitted", "bound", "relayed", "no-binding"], "the call is refreshed, gets permissions and channels and is relayed; only a Binding is not answered", said)
    guard.stop()


CALL = r"""
server, source = sys.argv[1:3]
stream = connect("udp", server, 3478, source, timeout=1)
session = Session(stream, "alice", "secret1")
print("allocated" if session.allocate() else session.error, flush=True)
sys.stdin.readline()
def ask(method, extra, word):
    for _ in range(3):
        try:
            done, _ = session.ask(method, extra)
            return print(word if done else "%s-%s" % (word, session.error), flush=True)
        except OSError:
            pass
    print("no-" + word, flush=True)
peer = attribute(0x12, struct.pack("!BBHI", 0, 1, 4000 ^ 0x2112, int.from_bytes(socket.inet_aton("198.51.100.77"), "big") ^ MAGIC_COOKIE))
ask(REFRESH, attribute(LIFETIME, struct.pack("!I", 600)), "refreshed")
ask(0x008, peer, "permitted")
ask(0x009, attribute(0x0C, b"\x40\0\0\0") + peer, "bound")
stream.send(b"\x40\0\0\4ping")
try:
    print("relayed" if stream.recv(2000).endswith(b"ping") else "other", flush=True)
except OSError:
    print("lost", flush=True)
stream.send(request(BINDING, b""))
try:
    stream.recv(2000)
    print("binding", flush=True)
except OSError:
    print("no-binding", flush=True)
"""


@case
def many_behind_one_address(world):
    guard = world.guard()
    guard.says("gate.open")
    fared = world.crowd(4, [CROWD[0]] * 50)()
    ok(fared["served"] == 50, "fifty customers behind one address that begin at once are served", fared)
    ok("gate.quench" not in guard.text, "none of it is a flood", guard.text)
    guard.stop()


def lost_packets(world):
    """-> what came to coturn through channels and to the peer since the first call, and what kernels threw away because nobody took it: at
    a CPU's backlog, at sockets of this side and of the crowd."""
    if not hasattr(world, "channel_data"):
        world.channel_data = sh("nft add counter inet audience channel_data; nft add rule inet audience in udp dport 3478 @th,64,8 0x40 counter name channel_data")
    with open("/proc/net/softnet_stat") as stat:
        backlog = sum(int(line.split()[1], 16) for line in stat)

    def sockets(text):
        return int(dict(zip(*(line.split() for line in text.splitlines() if line.startswith("Udp:"))))["RcvbufErrors"])
    with open("/proc/net/snmp") as stat:
        ours = sockets(stat.read())
    return {"to coturn": world.counted("channel_data"), "to the peer": world.peer_packets, "lost at backlog": backlog,
            "at our sockets": ours, "at the crowd's": sockets(sh("ip netns exec crowd cat /proc/net/snmp"))}


def losses(world, fared, before):
    say("%d sent, %s, %d back" % (fared["sent"], ", ".join("%d %s" % (count - before[where], where) for where, count in lost_packets(world).items()),
                                  fared["returned"]))


@case
def overflow(world):
    # So many senders that none of them is ever quenched: each packet comes to the daemon, as far as it can keep up.
    def flooded():
        flood = world.flooding(8, "garbage", rate=1_000_000, ports=7, first="10.100.0.1", victims=200_000)
        time.sleep(1)
        fared = world.crowd(5)()
        flood.wait()
        return flood, fared

    _, alone = flooded()
    say("without a gate: %s" % alone)
    guard = world.guard()
    guard.says("gate.open")
    before = lost_packets(world)
    flood, fared = flooded()
    cpu = guard.cpu()
    losses(world, fared, before)
    ok(fared["served"] == len(CROWD), "everybody is served while more comes than anybody can look at", fared)
    # What could not be looked at came to coturn and filled its socket, as it does without any gate: some of theirs is lost there,
    # the more the less of the processor coturn has.
    share = fared["returned"] / max(fared["sent"], 1)
    ok(share >= min(0.9, 0.8 * alone["returned"] / max(alone["sent"], 1)), "and what they send is relayed as without a gate", (alone, fared))
    ok(guard.process.poll() is None and guard.stop() == 0, "the daemon lives", guard.text)
    totals = guard.says("gate.totals.*") and guard.says(".*gate.totals.*") and re.findall("gate.totals.*", guard.text)[-1]
    say("as fast as it can: %s; honest %s; agent %.1f s of CPU; %s" % (flood.stdout.read().strip(), fared, cpu, totals))
    uninspected = int(re.search(r"uninspected=(\d+)", totals)[1])
    ok(uninspected > 0, "what it could not look at passed, and was counted (%d)" % uninspected, totals)


@case
def small_socket(world):
    """In a user namespace, as in a container without root, the kernel gives the gate's socket no more than net.core.rmem_max."""
    guard = world.guard()
    ok(guard.says("gate.open"), "the gate opens in a user namespace", guard.text)
    # Packets of which the gate gets all that it asks for, and nobody takes them: the socket is full before the queue is.
    flood = world.flooding(8, "large", ports=7, first="10.100.0.1", victims=200_000)
    before, join = lost_packets(world), world.crowd(6)
    for _ in range(3):
        time.sleep(0.7)
        guard.process.send_signal(signal.SIGSTOP)
        time.sleep(0.7)
        guard.process.send_signal(signal.SIGCONT)
    fared = join()
    flood.wait()
    losses(world, fared, before)
    say("sockets of the gate: %s; flood: %s; honest %s" % (netlink_sockets(guard.process.pid), flood.stdout.read().strip(), fared))
    ok(fared["served"] == len(CROWD), "everybody is served while the kernel has no room for what it has to tell", fared)
    before = world.counted("to_coturn")
    time.sleep(1)
    send_udp(b"\xc9" * 40)
    time.sleep(0.3)
    ok(world.counted("to_coturn") == before, "and garbage is dropped again once the flood is over", guard.text)
    ok(guard.process.poll() is None and guard.stop() == 0, "the daemon lives", guard.text)
    totals = guard.says("gate.totals") and re.findall("gate.totals.*", guard.text)[-1]
    say(totals)
    ok(int(re.search(r"overflows=(\d+)", totals)[1]) > 0, "that the socket overflowed is counted", totals)
    ok(len(re.findall("gate.behind", guard.text)) == 1, "and told once", guard.text)


def netlink_sockets(process):
    """-> of each of its sockets to netfilter the bytes that wait in it and the packets that it had no room for."""
    with open("/proc/%d/net/netlink" % process) as table:
        rows = [line.split() for line in table][1:]
    return [{"waiting": int(row[4]), "dropped": int(row[8])} for row in rows if row[1] == "12" and int(row[8])]


HOLD = r"""
import sys, socket, struct
sys.path.insert(0, sys.argv[1])
import turn_client as turn
session = turn.Session(turn.connect("udp", sys.argv[2], 3478, sys.argv[3]), "alice", "secret1")
assert session.allocate()
address = int.from_bytes(socket.inet_aton(sys.argv[4]), "big") ^ turn.MAGIC_COOKIE
to = turn.attribute(0x12, struct.pack("!BBHI", 0, 1, 4001 ^ 0x2112, address))
assert session.ask(0x009, turn.attribute(0x0C, b"\x40\0\0\0") + to)[0]
print(session.stream.getsockname()[1], flush=True)
sys.stdin.read()
"""


@case
def answer_sizes(world):
    """What the agent takes for the size of coturn's answers (agent/detect/packet_inspection.cpp) is what they are."""
    with open(TREE + "/agent/detect/packet_inspection.cpp") as file:
        known = {name: int(size) for name, size in re.findall(r"(kBindingAnswer|kChallenge) = (\d+)", file.read())}
    for name, constant in (("stun-turnutils.udp", "kBindingAnswer"), ("stun-turn_client.udp", "kChallenge")):
        with open(TREE + "/test/data/packets/" + name, "rb") as file, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2)
            client.sendto(file.read(), (SERVER, 3478))
            size = len(client.recv(4096)) + 28
        ok(abs(size - known[constant]) <= 16, "%s is answered with about %d bytes (%d)" % (name, known[constant], size))


@case
def relay_cost(world):
    """Packets that an established relay carries in a second, without the gate and with it, pair by pair."""
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind((PEER, 4001))  # nobody reads it: what does not fit is dropped without a word
    sh("nft add counter inet audience to_peer; nft add rule inet audience in udp dport 4001 counter name to_peer")
    with open(world.place + "/hold.py", "w") as file:
        file.write(HOLD)
    holder = subprocess.Popen(["ip", "netns", "exec", "crowd", sys.executable, world.place + "/hold.py", TREE + "/test/support", SERVER, CROWD[0], PEER],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = holder.stdout.readline().strip()

    def carry(rate, seconds):
        """-> packets a second that came out of the relay, nanoseconds of CPU for bringing one to coturn"""
        before = world.counted("to_peer")
        said = sh("ip netns exec crowd %s %s 3478 %s 1 %d %g channel 1 %s" % (World.flood, SERVER, CROWD[0], rate, seconds, port))
        return (world.counted("to_peer") - before) / float(re.search(r"in ([\d.]+) s", said)[1]), float(re.search(r"(\d+) ns", said)[1])

    def compare(what, without, with_it):
        """Short turns, one after the other, so that what else this machine does hits both alike."""
        rates, costs = [], []
        for pair in range(15 if measuring else 1):
            fast, slow = {}, {}
            for turn in (without, with_it) if pair % 2 else (with_it, without):
                turn()
                slow[turn] = carry(40_000, 0.5)[1]
                fast[turn] = carry(1_000_000, 0.5)[0]
            rates.append((fast[without], fast[with_it]))
            costs.append(slow[with_it] - slow[without])
        ratios, costs = sorted(after / before for before, after in rates), sorted(costs)
        quarter, half = len(costs) // 4, len(costs) // 2
        say("%s: %d pairs: %.0f packets/s without, %.0f with (median of ratios %.3f, quartiles %.3f %.3f); CPU a packet costs more: median %.0f ns, quartiles %.0f %.0f"
            % (what, len(rates), sum(pair[0] for pair in rates) / len(rates), sum(pair[1] for pair in rates) / len(rates), ratios[half], ratios[quarter],
               ratios[-1 - quarter], costs[half], costs[quarter], costs[-1 - quarter]))
        return costs[half]

    def call(rate, seconds):
        """-> packets sent, of them those that did not come out of the relay"""
        before = world.counted("to_peer")
        said = sh("ip netns exec crowd %s %s 3478 %s 1 %d %g channel 1 %s" % (World.flood, SERVER, CROWD[0], rate, seconds, port))
        time.sleep(0.1)
        sent = int(said.split()[0])
        return sent, sent - (world.counted("to_peer") - before)

    def realistic(gate, rate):
        """Turn by turn without and with it. What else this machine does can only add losses, so of each the least one tells."""
        lost = {True: [], False: []}
        for pair in range(8 if measuring else 4):
            for asleep in ((True, False) if pair % 2 else (False, True)):
                (sleep if asleep else wake)()
                sent, missing = call(rate, 0.5)
                lost[asleep].append(missing / sent)
        without, with_it = (" ".join("%.2f" % (100 * share) for share in lost[asleep]) for asleep in (True, False))
        say("gate: %s, %d packets/s: %% lost in each turn without: %s; with: %s" % (gate, rate, without, with_it))
        ok(min(lost[False]) <= min(lost[True]) + 0.005, "gate: %s: at %d packets/s a relay carries the same within 0.5 %%" % (gate, rate), lost)

    def sleep():
        sh("nft 'add table inet coturn-guard-gate { flags dormant; }'")

    def wake():
        sh("nft 'add table inet coturn-guard-gate { }'")

    carry(1_000_000, 1)
    for gate in ("udp", "on"):
        guard = world.guard(gate)
        guard.says("gate.open")
        looked_at = queued()
        carry(40_000, 0.5)
        ok(queued() - looked_at < 10, "gate: %s: none of a relay's packets is queued" % gate, (looked_at, queued()))
        guard.process.kill()  # the table stays, and nobody repairs it
        guard.process.wait()
        for rate in (5_000, 50_000):
            realistic(gate, rate)
        if measuring:
            compare("gate: %s, its rules asleep and awake" % gate, sleep, wake)
        sh(World.program + " flush")
    if measuring:
        compare("for comparison, connection tracking alone", lambda: sh("nft delete table inet tracked", False),
                lambda: sh("nft 'table inet tracked { chain c { type filter hook prerouting priority -150; ct state new counter; }; }'"))
    holder.kill()


def queued():
    return sum(int(packets) for packets in re.findall(r"counter packets (\d+) bytes \d+ (?:queue|xt target)", sh("nft list chain inet coturn-guard-gate inspect-udp")))


def main():
    global measuring
    words = sys.argv[3:]
    measuring = "measure" in words
    names = [word for word in words if word != "measure"]
    if os.environ.get("GATE_TEST_INSIDE"):
        World.program, World.flood = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
        if names[0] in IN_USER_NAMESPACE:
            World.privileges = []  # its root is nobody outside, and there is no other user
        try:
            CASES[names[0]](World())
        except AssertionError as problem:
            ok(False, "%s: %s" % (names[0], str(problem).splitlines()[0]), problem)
        return 1 if failures else 0
    failed = []
    for name in CASES:
        if names and not any(word in name for word in names):
            continue
        say(name)
        command = ["unshare", *(["--user", "--map-root-user"] if name in IN_USER_NAMESPACE else []), "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv[:3], name]
        if subprocess.run(command + ["measure"] * measuring, env={**os.environ, "GATE_TEST_INSIDE": "1"}).returncode:
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
