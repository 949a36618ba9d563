#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel tells of real coturn's TCP connections, as the witness hears it.

  witness_test.py PATH/TO/witness_driver [measure]     "measure" also prints what it costs, with 10 000 connections

In network, mount and process namespaces of its own (root needed; the host is not touched). The witness runs as nobody with
CAP_NET_ADMIN as its only capability. TURNSERVER names the server's program (default: the installed one). Prints TAP.
"""
import os, re, resource, socket, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
import turn_client as turn

SERVER4, SERVER6 = "198.51.100.10", "2001:db8::10"
CLIENT4, CLIENT6, CROWD = "203.0.113.5", "2001:db8:bad::32", "203.0.113.6"
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"]
NET_ADMIN_ALONE = NOBODY + ["--bounding-set", "-all,+net_admin", "--inh-caps", "-all,+net_admin", "--ambient-caps", "-all,+net_admin"]
NO_CAPABILITY = NOBODY + ["--bounding-set", "-all", "--inh-caps", "-all"]

number = failures = 0


def ok(condition, sentence, detail=""):
    global number, failures
    number, failures = number + 1, failures + (not condition)
    print("%s %d - %s" % ("ok" if condition else "not ok", number, sentence), flush=True)
    if not condition:
        print("\n".join("#   " + line for line in str(detail).splitlines()[-40:]), flush=True)
    return bool(condition)


def eventually(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            return result
        time.sleep(0.01)
    return result


class Witness:
    program = None

    def __init__(self, *arguments, before=NET_ADMIN_ALONE):
        self.process = subprocess.Popen([*before, Witness.program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode().rstrip("\n"))

    def say(self, word):
        self.process.stdin.write((word + "\n").encode())
        self.process.stdin.flush()

    def find(self, pattern, since=0):
        return next((found for line in self.lines[since:] if (found := re.match(pattern, line))), None)

    def says(self, pattern, since=0, seconds=5.0):
        return eventually(lambda: self.find(pattern, since), seconds)

    def told_of(self, endpoint, state="closed", since=0, seconds=3.0):
        """-> (received, acked), or None where the kernel counts no more."""
        found = self.says(r"%s \[\S+\]:\d+ %s (\w+) (\d+) (\d+) " % (state, re.escape("[%s]:%d" % endpoint)), since, seconds)
        if not found:
            return "nothing"
        return (int(found[2]), int(found[3])) if found[1] == "counted" else None

    def count(self, address):
        return sum(line.startswith("closed") and "[%s]:" % address in line.split()[2] for line in self.lines)

    def end(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.reader.join(5)
        return [int(word) for word in self.lines[-1].split()[1:]] if self.lines[-1].startswith("counters") else self.lines[-1]


class Coturn:
    def __init__(self, place, uid=1000):
        self.process = subprocess.Popen(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups",
                                         os.environ.get("TURNSERVER", "turnserver"), "-c", place + "/turnserver.conf"],
                                        cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not eventually(lambda: serves(SERVER4) and serves(SERVER6), 10):
            raise AssertionError("turnserver does not serve")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def serves(server):
    try:
        with turn.connect("tcp", server, 3478, timeout=1), turn.connect("tcp", server, 5349, timeout=1):
            return True
    except OSError:
        return False


def configure(place):
    subprocess.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=turn.example.org",
                   shell=True, cwd=place, check=True, capture_output=True)
    with open(place + "/turnserver.conf", "w") as conf:
        conf.write("\n".join(("listening-ip=" + SERVER4, "listening-ip=" + SERVER6, "relay-ip=" + SERVER4, "relay-ip=" + SERVER6,
                              "realm=example.org", "lt-cred-mech", "user=alice:secret1", "cert=%s/cert.pem" % place,
                              "pkey=%s/key.pem" % place, "userdb=%s/turndb" % place, "pidfile=%s/pid" % place, "no-cli",
                              "log-file=%s/coturn.log" % place, "simple-log", "")))
    subprocess.run("chmod 644 *.pem", shell=True, cwd=place, check=True)


def connect(port=3478, source=CLIENT4, transport="tcp"):
    stream = turn.connect(transport, SERVER6 if ":" in source else SERVER4, port, source)
    return stream, stream.getsockname()[:2]


def the_table(witness):
    """Each row of what was measured of coturn 4.6.1; the first numbers are what it received, the second what it sent."""
    stream, who = connect()
    turn.reset(stream)
    ok(witness.told_of(who) == (0, 0), "a connection that is reset at once is told with its port, and that nothing moved", witness.lines)
    stream, who = connect(source=CLIENT6)
    turn.reset(stream)
    ok(witness.told_of(who) == (0, 0), "over IPv6, too", witness.lines)

    since = len(witness.lines)
    stream, who = connect()
    stream.close()
    ok(witness.told_of((CLIENT4, 0), since=since) is None, "one that the client closes is told without port and counters", witness.lines)

    stream, who = connect(5349)
    stream.sendall(b"x" * 64)
    time.sleep(0.1)
    turn.reset(stream)
    ok(witness.told_of(who) == (64, 0), "garbage on the TLS port and a reset: what was received, nothing sent", witness.lines)

    for size in (12, 40, 100):
        stream, who = connect(5349)
        stream.sendall((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 200)[:size])
        time.sleep(0.1)
        turn.reset(stream)
        ok(witness.told_of(who) == (size, 0), "%d bytes of a ClientHello and a reset: %d received, nothing sent" % (size, size), witness.lines)

    stream, who = connect(5349, transport="tls")
    time.sleep(0.1)
    turn.reset(stream)
    told = witness.told_of(who)
    ok(told and told != "nothing" and 300 < told[0] < 2000 and 500 < told[1] < 5000, "a TLS handshake and a reset: a little each way", told)

    for transport, port, least in (("tcp", 3478, 100), ("tls", 5349, 600)):
        stream, who = connect(port, transport=transport)
        session = turn.Session(stream, "alice", "secret1")
        allocated = session.allocate()
        time.sleep(0.1)
        turn.reset(stream)
        told = witness.told_of(who)
        ok(allocated and told and told != "nothing" and told[0] > least and told[1] > least,
           "an allocation over %s and a reset: some each way" % transport.upper(), told)

    since = len(witness.lines)
    ok(turn.allocate_once("tcp", SERVER4, 3478, "alice", "secret1", CLIENT4)[0] and witness.told_of((CLIENT4, 0), since=since) is None,
       "an honest session that ends in the normal way is told without port and counters", witness.lines)
    since = len(witness.lines)
    stream, who = connect()
    stream.sendall(b"GET / HTTP/1.1\r\nHost: turn\r\n\r\n")
    try:
        stream.recv(100)
    except OSError:
        pass
    stream.close()
    ok(witness.told_of((CLIENT4, 0), since=since) is None, "so is an HTTP probe", witness.lines)

    stream, who = connect()
    session = turn.Session(stream, "alice", "secret1")
    session.allocate()
    told = witness.told_of(who, "living")
    ok(told and told != "nothing" and min(told) > 100, "one that lives is told within two samples, with its bytes", witness.lines)
    session.release()
    stream.close()
    ok(all(line.split()[1] in ("[%s]:3478" % SERVER4, "[%s]:5349" % SERVER4, "[%s]:3478" % SERVER6, "[%s]:5349" % SERVER6)
           for line in witness.lines if line.startswith(("closed", "living"))), "of the two ends of a connection, only coturn's is told")


def other_ports(witness):
    def foreign(port, sentence, at=SERVER4):
        with socket.create_server((at, port)) as server:
            time.sleep(1.3)  # until it was noticed
            stream = turn.connect("tcp", at, port, CLIENT4)
            who = stream.getsockname()
            stream.sendall(b"said")
            accepted = server.accept()[0]
            accepted.recv(4)
            turn.reset(stream)
            accepted.close()
            ok(witness.told_of(who, "foreign") == (4, 0), sentence, witness.lines)
            ok(witness.told_of(who, "closed", seconds=0) == "nothing", "and as nothing else", witness.lines)
    foreign(8080, "connections to other listeners are told as foreign")
    foreign(8443, "so are those to a listed port where another user listens")
    foreign(50000, "and those to a relay port, though it is listed")
    foreign(3478, "and those to coturn's port at an address where another user listens", CROWD)


def opened_here(witness):
    """From coturn's very port, as its user: SO_REUSEPORT lets nobody else."""
    with socket.create_server((CLIENT4, 1001)) as peer:
        opener = subprocess.Popen(["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", sys.executable, "-c",
                                   "import socket, time\ns = socket.socket()\n"
                                   "for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT): s.setsockopt(socket.SOL_SOCKET, option, 1)\n"
                                   "s.bind(('%s', 3478)); s.connect(('%s', 1001)); s.sendall(b'hello'); s.recv(9); time.sleep(0.3); s.close()"
                                   % (SERVER4, CLIENT4)])
        peer.settimeout(5)
        stream = peer.accept()[0]
        stream.recv(5)
        stream.sendall(b"said")
        time.sleep(0.1)
        turn.reset(stream)
        opener.wait(5)
    who = (CLIENT4, 1001)
    ok(witness.told_of(who, "foreign") == (4, 6), "one that this host opened from coturn's port is foreign", witness.lines)
    ok(witness.told_of(who, "closed", seconds=0) == "nothing", "and nothing else", witness.lines)


def latency(witness, rounds):
    """From before the reset to the callback."""
    delays = []
    for _ in range(rounds):
        stream, who = connect()
        stream.sendall(b"GET")
        before = time.monotonic_ns()
        turn.reset(stream)
        found = witness.says(r"closed \[\S+\]:\d+ %s counted \d+ \d+ (\d+)" % re.escape("[%s]:%d" % who), max(0, len(witness.lines) - 20), 1)
        delays.append((int(found[1]) - before) / 1e6 if found else 1e9)
    delays.sort()
    return delays[len(delays) // 2], delays[len(delays) * 99 // 100], delays[-1]


def overflow(place):
    witness = Witness("3478,5349", "4096")
    ok(witness.says("state available"), "a witness with a tiny buffer begins like any", witness.lines)
    since = len(witness.lines)
    witness.say("pause")
    time.sleep(0.1)
    for _ in range(60):
        turn.reset(connect(source=CROWD)[0])
    lost = witness.says("state unavailable .*dropped", since)
    back = witness.says("state available", since)
    ok(lost and back, "events that the kernel drops are a state, and over as soon as we have read what waits", witness.lines)
    ok(witness.count(CROWD) < 60, "some were dropped indeed", witness.count(CROWD))
    stream, who = connect()
    turn.reset(stream)
    ok(witness.told_of(who) == (0, 0), "and the next end is heard again", witness.lines)
    counters = witness.end()
    ok(counters[3] >= 1 and counters[4] == 0, "counted as an overflow", counters)


def measure():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    subprocess.run("sysctl -qw net.ipv4.ip_local_port_range='1024 65000'", shell=True)
    server = socket.create_server((SERVER4, 3478), backlog=4096)
    witness = Witness("3478")
    witness.say("quiet")
    pairs = []
    for _ in range(min(10000, (most - 100) // 2)):
        client = socket.socket()
        client.bind((CLIENT4, 0))
        client.connect((SERVER4, 3478))
        pairs.append((client, server.accept()[0]))
    since = len(witness.lines)
    cpu = lambda: sum(map(int, open("/proc/%d/stat" % witness.process.pid).read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")
    before = cpu()
    time.sleep(10)
    print("# processor time in 10 s with 10 000 living: %.2f s" % (cpu() - before))
    samples = [line.split() for line in witness.lines[since:] if line.startswith("sampled")]
    print("# samples of %s connections took %s ms" % (samples[-1][2], [int(s[1]) / 1000 for s in samples]))
    print("# slowest turn of the loop: %d us" % witness.end()[5])
    witness = Witness("9")
    time.sleep(1)
    before = cpu()
    time.sleep(10)
    print("# processor time in 10 s with nobody listening on our ports: %.2f s" % (cpu() - before))
    print("# slowest turn: %d us" % witness.end()[5])


def inside(measuring):
    place = tempfile.mkdtemp()
    os.chmod(place, 0o777)
    subprocess.run("cp %s %s/witness" % (Witness.program, place), shell=True, check=True)  # the build directory may be closed to others
    Witness.program = place + "/witness"
    subprocess.run("ip link set lo up; ip addr add %s/32 dev lo; ip addr add %s/32 dev lo; ip addr add %s/32 dev lo; "
                   "ip -6 addr add %s/128 dev lo nodad; ip -6 addr add %s/128 dev lo nodad"
                   % (SERVER4, CLIENT4, CROWD, SERVER6, CLIENT6), shell=True, check=True)
    configure(place)
    if measuring:
        measure()
    witness = Witness("3478,5349;3478,8443,50000;49152,65535")
    ok(witness.says("state unavailable unsure nobody listens on TCP ports 3478, 5349, 8443 .*container"), "without coturn it says that nobody listens", witness.lines)
    status = open("/proc/%d/status" % witness.process.pid).read()
    ok(re.search(r"^Uid:\s+65534", status, re.M) and re.search(r"^CapEff:\s+0+1000$", status, re.M),
       "it runs as nobody with CAP_NET_ADMIN alone", status)
    coturn = Coturn(place)
    ok(witness.says("state available sure $"), "and notices coturn, who is not root", witness.lines)
    the_table(witness)
    other_ports(witness)
    opened_here(witness)
    p50, p99, worst = latency(witness, 500 if measuring else 100)
    print("# from reset to callback: p50 %.3f ms, p99 %.3f ms, worst %.3f ms" % (p50, p99, worst))
    ok(p50 < 10, "an end is heard within milliseconds", (p50, p99, worst))
    overflow(place)

    since = len(witness.lines)
    coturn.stop()
    gone = witness.says("state unavailable unsure coturn stopped listening", since, 1)
    ok(gone, "coturn's end is noticed at once", witness.lines[since:])
    ok(witness.says("state unavailable unsure nobody listens", since), "and told as such a second later", witness.lines[since:])
    since = len(witness.lines)
    coturn = Coturn(place, uid=0)
    ok(witness.says("state available unsure $", since), "with a listener of root's it is not sure who that is", witness.lines[since:])
    since = len(witness.lines)
    witness.say("ports 5349")
    ok(witness.says("state unavailable unsure the ports changed", since) and witness.says("state available", since), "a change of ports is taken up", witness.lines[since:])
    stream, who = connect()
    turn.reset(stream)
    ok(witness.told_of(who, since=since, seconds=1) == "nothing", "after a change of ports the old ones are not told as coturn's", witness.lines[since:])
    stream, who = connect(5349)
    turn.reset(stream)
    ok(witness.told_of(who) == (0, 0), "and the new ones are", witness.lines[since:])
    witness.say("ports 0")
    ok(witness.says("state unavailable", len(witness.lines)), "without a port that is coturn's there is no witness", witness.lines[since:])
    since = len(witness.lines)
    witness.say("ports 0;5349")
    time.sleep(2.2)
    ok(not witness.find("state available", since), "nor where root listens on ports that are only listed: it may be anything", witness.lines[since:])
    counters = witness.end()
    ok(counters[3:5] == [0, 0], "nothing was dropped or malformed", counters)

    plain = Witness("3478,5349", before=NO_CAPABILITY)
    said = plain.says("state available|refused .*CAP_NET_ADMIN")
    ok(said, "without a capability it works or names the one it lacks", plain.lines)
    print("# without any capability: %s" % (said and said[0]))
    plain.end()
    coturn.stop()
    print("1..%d" % number)
    sys.exit(1 if failures else 0)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    Witness.program = os.path.abspath(sys.argv[1])
    if "--inside" in sys.argv:
        inside("measure" in sys.argv)
    if os.geteuid() != 0:
        sys.exit("witness_test.py: needs root, for namespaces")
    sys.exit(subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
                             os.path.abspath(__file__), *sys.argv[1:], "--inside"]).returncode)


main()
