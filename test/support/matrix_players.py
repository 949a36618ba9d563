# SPDX-License-Identifier: GPL-3.0-or-later
"""Who comes to a turnserver: every attack that coturn's log or the kernel tells of, customers who look like attackers, and
victims in whose name others speak. For test/matrix; Python's standard library only.

  matrix_players.py [PHASE] MODE    plays all of that phase at once, from this host's addresses, against SERVER4 and SERVER6

A scenario's `needs` says how many tries its rule takes to a ban: by a live daemon with the kernel's witness, and by a replay
of the log alone, each without and with coturn's `verbose`. None: nothing tells of it there, or it must never be a ban.
"""
import hashlib, json, os, re, socket, struct, sys, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.modules.setdefault("matrix_players", sys.modules[__name__])  # for matrix_checks
import turn_client as turn

SERVER4, SERVER6 = "198.51.100.10", "2001:db8::10"
PLAIN, TLS, CLI, WEB = 3478, 5349, 5766, 8443
ECHO = "192.0.2.200"  # a peer that sends back what the relay brings
USERS = {"alice": "secret1", "quinn": "qpass", "quentin": "qpass", **{"flood%d" % i: "fpass" for i in range(20)},
         **{"customer%d" % i: "cpass" for i in range(50)}, **{"honest%d" % i: "hpass" for i in range(100)}}
QUOTA = 12  # allocations of one user at once
CONNECT, CONNECTION_BIND, CONNECTION_ID = 0x00A, 0x00B, 0x002A  # RFC 6062
RELAY_OVER_TCP = b"\x06\0\0\0"
IPV6_RELAY = b"\x02\0\0\0"  # REQUESTED-ADDRESS-FAMILY (RFC 8656 section 18.8)


# ---- what they can do ----------------------------------------------------------------------------------------------
def server_for(source):
    return SERVER6 if ":" in source else SERVER4


def connect(source, port=PLAIN, transport="tcp", timeout=2.0):
    return turn.connect(transport, server_for(source), port, source, timeout)


class Login(turn.Session):
    """A client with a relay."""
    # Up to coturn 4.6.2 it can be told whose a denial was where no two are denied at one moment; on a busy machine they all are.
    PEERS = threading.Lock()

    def __init__(self, source, transport="udp", user="alice", password=None, port=None, timeout=2.0):
        stream = connect(source, port or (TLS if transport == "tls" else PLAIN), transport, timeout)
        super().__init__(stream, user, USERS.get(user, "") if password is None else password)

    def challenge(self):
        self.ask(turn.ALLOCATE, turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP))

    def guess(self, password):
        """One try with the nonce in hand."""
        self.password = password
        return self.ask(turn.ALLOCATE, turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP))[0]

    def permit(self, *peers):
        with self.PEERS:
            return super().permit(*peers)

    def bind(self, peer, number):
        """A channel to it: its number is 0x4000 and up."""
        zeros = bytes(12) if ":" in peer[0] else None
        channel = turn.attribute(turn.CHANNEL_NUMBER, struct.pack("!HH", 0x4000 + number, 0))
        with self.PEERS:
            return self.ask(turn.CHANNEL_BIND, channel + turn.peer_attribute(*peer), zeros)[0]

    def relay(self, bytes_each_way, peer=ECHO, port=7):
        """So much to the echo and back, by Send and Data indications."""
        self.permit((peer, port))
        data = b"x" * 1000
        for _ in range(bytes_each_way // len(data) + 1):
            self.send((peer, port), data)
            got = b""
            while len(got) < len(data):
                got += self.stream.recv(4096)


def quietly(action, *arguments):
    try:
        return action(*arguments)
    except OSError:  # refused, dropped or reset: what a banned client sees
        return None


def say_and(end, source, port, text, transport="tcp"):
    """Connects, says something, and goes by RST or FIN."""
    stream = connect(source, port, transport)
    if text:
        stream.sendall(text)
        time.sleep(0.06)
    turn.reset(stream) if end == "reset" else stream.close()


# ---- scenarios -----------------------------------------------------------------------------------------------------
class Scenario:
    def __init__(self, name, kind, play, number, live=(None, None), replay=(None, None), phase=1, slow=False, family=4,
                 log_alone=False, spare=None, address=None, three_resets=False):
        self.name, self.kind, self.play, self.phase, self.slow = name, kind, play, phase, slow
        # Without `verbose` and without the kernel's word, a log shows him as it shows a scanner.
        self.log_alone = log_alone
        # He ends a good handshake by RST: half a point by the kernel's word, and a whole one where the log is all there is.
        self.three_resets = three_resets
        self.live = dict(zip(("default", "verbose"), live))
        self.replay = dict(zip(("default", "verbose"), replay))
        net4, net6 = ("192.0.2", "2001:db8:600d") if kind in ("honest", "victim") else ("203.0.113", "2001:db8:bad")
        self.address = address or "%s.%d" % (net4, number) if family == 4 else "%s:%d::1" % (net6, number)
        # Who stops before the measure is full: nobody may ban him. One try before, or `spare` tries where some of them may
        # leave less than the others (a connection that the kernel's sample happened to see, a line glued to another).
        self.spare = spare
        self.twin = None if kind != "attack" else "203.0.114.%d" % number if family == 4 else "2001:db8:bad:1%02d::1" % number

    def tries(self, verbosity):
        """How often it is done: as often as a live daemon needs; where nothing can tell of it, some."""
        return self.live[verbosity] or 12

    def too_few(self, verbosity):
        return self.tries(verbosity) - 1 if self.spare is None else self.spare

    @property
    def prefix(self):
        return self.address + "/32" if ":" not in self.address else re.sub("::1$", "::/64", self.address)


SCENARIOS = []


def scenario(name, kind, number, **more):
    def note(play):
        SCENARIOS.append(Scenario(name, kind, play, number, **more))
        return play
    return note


def each(pause=0.12):
    """A play of one try becomes one of many."""
    def make(one):
        def play(source, times):
            for i in range(times):
                quietly(one, source, i)
                time.sleep(pause)
        return play
    return make


PARTIAL_HELLO = bytes.fromhex("16030100c8010000c40303") + b"\x5a" * 60
HTTP = b"GET / HTTP/1.1\r\nHost: 198.51.100.10\r\nUser-Agent: Mozilla/5.0 zgrab/0.x\r\n\r\n"
PROTOCOLS = [b"SSH-2.0-Go\r\n", bytes.fromhex("030000130ee000000000000100080003000000"), b"\0\0\0\x85\xffSMB" + b"\0" * 40,
             b"OPTIONS sip:a@b SIP/2.0\r\n\r\n", b"*1\r\n$4\r\nPING\r\n"]


@scenario("garbage on the TLS port, reset", "attack", 18, live=(3, 3), replay=(3, 3))
@scenario("garbage on the TLS port, reset (IPv6)", "attack", 18, live=(3, 3), replay=(3, 3), family=6)
@each()
def garbage(source, i):
    say_and("reset", source, TLS, os.urandom(64))


@scenario("part of a ClientHello, reset", "attack", 19, live=(3, 3), replay=(3, 3))
@each()
def partial_hello(source, i):
    say_and("reset", source, TLS, PARTIAL_HELLO[:40])


@scenario("foreign protocols, reset", "attack", 24, live=(3, 3), replay=(3, 3))
@each()
def foreign(source, i):
    say_and("reset", source, PLAIN, PROTOCOLS[i % len(PROTOCOLS)])


@scenario("TLS handshake, reset", "attack", 21, live=(6, 6), replay=(3, 3))
@each()
def handshake_reset(source, i):
    stream = connect(source, TLS, "tls")
    time.sleep(0.06)
    turn.reset(stream)


@scenario("port scan: connect, reset", "attack", 14, live=(10, 10))
@each()
def scan_reset(source, i):
    say_and("reset", source, PLAIN, b"")


@scenario("port scan: connect, close", "attack", 15, live=(34, 34), spare=29)
@each()
def scan_close(source, i):
    say_and("close", source, PLAIN, b"")


@scenario("TLS port: connect, reset", "attack", 16, live=(10, 4), replay=(None, 4))
@each()
def tls_scan_reset(source, i):
    say_and("reset", source, TLS, b"")


@scenario("TLS port: connect, close", "attack", 17, live=(34, 4), replay=(None, 4), spare=3)
@each()
def tls_scan_close(source, i):
    say_and("close", source, TLS, b"")


@scenario("plain text on the TLS port, close", "attack", 38, live=(34, 4), replay=(None, 4), spare=3)
@each()
def tls_plain(source, i):
    say_and("close", source, TLS, b"\0" * 64)


@scenario("HTTP", "attack", 23, live=(34, 4), replay=(None, 4), spare=3)
@each()
def http(source, i):
    stream = connect(source)
    stream.sendall(HTTP)
    quietly(stream.recv, 200)
    stream.close()


@scenario("TLS versions and ciphers", "attack", 20, live=(34, 34), replay=(None, 34), spare=29)
@each()
def tls_versions(source, i):
    stream = connect(source, TLS)
    stream.sendall(bytes.fromhex("1603030005010000010303") + b"\x11" * 200)
    quietly(stream.recv, 64)
    stream.close()


@scenario("idle connections", "attack", 40, live=(10, 10), slow=True)
def idle(source, times):
    held = [stream for stream in (quietly(connect, source) for _ in range(times)) if stream]
    time.sleep(36)
    for stream in held:
        stream.close()


@scenario("connections with a hundred Bindings, reset (bought credit)", "attack", 43, live=(6, 6), replay=(3, 3))
@each()
def bought_credit(source, i):
    stream = connect(source)
    try:
        for _ in range(100):
            stream.sendall(turn.request(turn.BINDING, b""))
            stream.recv(4096)
    finally:  # on a busy machine an answer may come too late
        turn.reset(stream)


@scenario("passwords over UDP, one session", "attack", 6, live=(None, 5), replay=(None, 5), slow=True)
def guess_session(source, times):
    client = Login(source)
    quietly(client.challenge)
    for i in range(times):
        quietly(client.guess, "guess%d" % i)


@scenario("passwords over UDP, many sessions", "attack", 7, live=(None, 5), replay=(None, 5), slow=True)
@scenario("passwords over UDP, many sessions (IPv6)", "attack", 7, live=(None, 5), replay=(None, 5), slow=True, family=6)
@each()
def guess_sessions(source, i):
    client = Login(source)
    client.challenge()
    client.guess("guess%d" % i)


@scenario("user names over UDP", "attack", 8, live=(None, 3), replay=(None, 3), slow=True)
@each()
def guess_users(source, i):
    client = Login(source, user=["root", "admin", "test", "guest"][i % 4] + ("" if i < 4 else str(i)))
    client.challenge()
    client.guess("x")


@scenario("passwords over TCP", "attack", 9, live=(None, 5), replay=(None, 5))
@each()
def guess_tcp(source, i):
    client = Login(source, "tcp")
    client.challenge()
    client.guess("guess%d" % i)
    client.stream.close()


@scenario("passwords over TLS", "attack", 10, live=(None, 5), replay=(None, 5))
@each()
def guess_tls(source, i):
    client = Login(source, "tls")
    client.challenge()
    client.guess("guess%d" % i)
    client.stream.unwrap().close()


def attacker_of(source, user, of_twin):
    """Each has a user of his own, or one would find the other's quota used up."""
    return of_twin if source.startswith(("203.0.114.", "2001:db8:bad:1")) else user


def log_in_and_stay(source, user):
    client = Login(source, "tcp", user)
    client.allocate()
    return client


@scenario("allocations beyond the quota", "attack", 26, live=(None, QUOTA + 105), replay=(None, QUOTA + 105))
def quota(source, times):
    user = attacker_of(source, "quinn", "quentin")
    held = []
    for _ in range(times):
        held.append(quietly(log_in_and_stay, source, user))
        time.sleep(0.05)
    for client in held:
        if client:
            client.stream.close()


@scenario("allocations by the dozen", "attack", 27, live=(None, 60), replay=(None, 60))
@each(pause=0.25)
def allocations(source, i):
    client = Login(source, "tcp", "flood%d" % (i % 4))
    client.allocate()
    client.release()
    client.stream.close()


LOOPBACK = ["127.0.0.1", "0.0.0.0", "127.0.0.2", "224.0.0.1"]


@scenario("channels to loopback", "attack", 25, live=(None, 4), replay=(None, 4))
def loopback(source, times):
    client = Login(source, "tcp", attacker_of(source, "flood4", "flood5"))
    if client.allocate():
        for i in range(times):
            client.bind((LOOPBACK[i % 4], 80), i)
    client.stream.close()


@scenario("channels to forbidden networks", "attack", 45, live=(None, 61), replay=(None, 61))
def forbidden(source, times):
    # Up to coturn 4.6.2 a denial does not say whose it was: each of the two comes when nobody else asks for such peers.
    time.sleep(27 if source.startswith("203.0.114.") else 15)
    client = Login(source, "tcp", attacker_of(source, "flood6", "flood7"))
    if client.allocate():
        for i in range(times):
            client.bind(("10.%d.%d.1" % (i, i), 80), i)
    client.stream.close()


# A permission by itself is no offence: a browser asks for one for whatever the other end of its call offers. From the 103rd
# different one on it is; up to coturn 4.6.2 some pairs of lines are mixed up where others do the same at that moment.
@scenario("permissions for forbidden networks", "attack", 49, live=(None, 140), replay=(None, 140), spare=90)
def forbidden_permissions(source, times):
    client = Login(source, "tcp", attacker_of(source, "flood11", "flood12"))
    if client.allocate():
        for i in range(times):
            client.permit(("10.%d.%d.1" % (i, i), 80))
    client.stream.close()


def log_in_by_v6(source, user):
    client = Login(source, "tcp", user)
    client.challenge()
    wanted = (turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP) + turn.attribute(turn.REQUESTED_FAMILY, IPV6_RELAY))
    client.ask(turn.ALLOCATE, wanted)
    return client


@scenario("a channel to ::ffff:127.0.0.1", "attack", 46, live=(None, 1), replay=(None, 1), family=6)
def mapped(source, times):
    if times == 0:
        return
    client = log_in_by_v6(source, "flood8")
    client.bind(("::ffff:127.0.0.1", 80), 0)
    client.stream.close()


@scenario("permissions for ::ffff:127.0.0.1 and its like", "attack", 51, live=(None, 103), replay=(None, 103), family=6)
def mapped_permissions(source, times):
    client = log_in_by_v6(source, attacker_of(source, "flood13", "flood14"))
    for i in range(times):
        client.permit(("::ffff:127.0.0.%d" % (i + 1), 80))
    client.stream.close()


@scenario("guessing connection ids", "attack", 39, live=(None, 12), replay=(None, 12), spare=3)
@each()
def connection_ids(source, i):
    client = Login(source, "tcp")
    client.challenge()
    client.ask(CONNECTION_BIND, turn.attribute(CONNECTION_ID, struct.pack("!I", 0xDEAD0000 + i)))
    client.stream.close()


@scenario("passwords of the command line interface", "attack", 35, live=(2, 2), replay=(2, 2))
@each()
def cli(source, i):
    stream = connect(source, CLI)
    for guess in range(6):
        time.sleep(0.1)
        stream.sendall(b"guess%d\r\n" % guess)
    while quietly(stream.recv, 1000):  # until coturn has had enough
        pass
    stream.close()


@scenario("passwords of web-admin", "attack", 36, live=(26, 26), phase=2, spare=19)
@each(pause=0.2)
def web_admin(source, i):
    stream = connect(source, WEB, "tls")
    form = b"uname=admin&pwd=guess%d" % i
    stream.sendall(b"POST /logon HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                   b"Content-Length: %d\r\n\r\n%s" % (len(form), form))
    quietly(stream.recv, 300)
    stream.close()


@scenario("resets while others forge", "attack", 47, live=(8, 8), phase=2, spare=2)
@each(pause=0.3)
def resets_among_forgeries(source, i):
    say_and("reset", source, TLS, os.urandom(64))


# Reflection: whoever stands there is the victim of somebody's forged packets.
@scenario("Binding requests by the hundred", "reflection", 13)
def bindings(source, times):
    for _ in range(200):
        with connect(source, transport="udp", timeout=0.5) as stream:
            stream.sendall(turn.request(turn.BINDING, b""))
        time.sleep(0.005)


@scenario("challenges by the hundred", "reflection", 11)
def challenges(source, times):
    for _ in range(150):
        with connect(source, transport="udp", timeout=0.5) as stream:
            stream.sendall(turn.request(turn.ALLOCATE, turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP)))
        time.sleep(0.005)


@scenario("made-up nonces, then no password", "reflection", 28, slow=True)
def made_up_nonces(source, times):
    for _ in range(12):
        client = Login(source, timeout=0.5)
        client.realm, client.nonce = b"example.org", b"deadbeefdeadbeef"
        quietly(client.guess, "x")  # puts the user's name into the session; coturn answers 438
        client.nonce = b""
        quietly(client.challenge)   # what a forged packet without a password gets


@scenario("UDP garbage", "reflection", 30)
def udp_garbage(source, times):
    for _ in range(100):
        with connect(source, transport="udp") as stream:
            stream.sendall(os.urandom(60))


# Customers.
def user_of(source):
    return "honest" + source.split(".")[-1] if "." in source else "honest99"


VANISHED = []  # open, so that nobody gets the port of an allocation that coturn still has (437)


def log_in(source, transport, user=None, traffic=0, end="release"):
    client = Login(source, transport, user or user_of(source))
    if not client.allocate():
        raise AssertionError("%s cannot allocate over %s: %s" % (source, transport, client.error))
    if traffic:
        client.relay(traffic)
    if end == "release":
        client.release()
    if end == "vanish":
        VANISHED.append(client.stream)
    else:
        turn.reset(client.stream) if end == "reset" else client.stream.close()


@scenario("relays over UDP", "honest", 11)
def good_udp(source, times):
    for i in range(8):
        log_in(source, "udp", traffic=5000)


@scenario("relays over TCP, closes the tab", "honest", 12)
def good_tcp(source, times):
    for i in range(8):
        log_in(source, "tcp", traffic=20000, end="close")


@scenario("relays over TLS", "honest", 13)
def good_tls(source, times):
    for i in range(8):
        log_in(source, "tls", traffic=20000)


@scenario("reaches peers over TCP (RFC 6062)", "honest", 21)
def tcp_relays(source, times):
    control = Login(source, "tcp", user_of(source))
    wanted = turn.attribute(turn.REQUESTED_TRANSPORT, RELAY_OVER_TCP)
    control.ask(turn.ALLOCATE, wanted)
    if not control.ask(turn.ALLOCATE, wanted)[0]:
        raise AssertionError("no allocation over TCP: %s" % control.error)
    for i in range(20):
        ok, answer = control.ask(CONNECT, turn.peer_attribute(ECHO, 7))
        if not ok:
            raise AssertionError("no connection to the peer: %s" % control.error)
        data = turn.Session(connect(source), control.user, control.password)
        data.realm, data.nonce = control.realm, control.nonce
        if not data.ask(CONNECTION_BIND, turn.attribute(CONNECTION_ID, answer[CONNECTION_ID]))[0]:
            raise AssertionError("no data connection: %s" % data.error)
        data.stream.sendall(b"hello")
        if data.stream.recv(100) != b"hello":
            raise AssertionError("nothing came back from the peer")
        time.sleep(0.2)
        data.stream.close()
        time.sleep(0.2)
    control.release()
    control.stream.close()


@scenario("monitors coturn by its command line", "honest", 22)
def cli_monitor(source, times):
    for i in range(20):
        stream = connect(source, CLI)
        stream.recv(1000)
        stream.sendall(b"clisecret\r\n")
        time.sleep(0.3)
        stream.sendall(b"ps\r\nquit\r\n")
        time.sleep(0.2)
        stream.close()


@scenario("vanishes over UDP", "honest", 14)
def vanishes(source, times):
    for i in range(6):
        log_in(source, "udp", end="vanish")


@scenario("loses its Wi-Fi: TCP and TLS reset after traffic", "honest", 15, log_alone=True)
def loses_network(source, times):
    for i in range(8):
        log_in(source, "tcp" if i % 2 else "tls", traffic=24000, end="reset")
        time.sleep(0.1)


@scenario("reconnects in a storm", "honest", 16, log_alone=True)
def reconnects(source, times):
    for i in range(30):
        log_in(source, "tcp" if i % 2 else "tls", traffic=20000, end="reset")


@scenario("mistypes the password once", "honest", 17)
def mistypes(source, times):
    for transport in ("udp", "tcp"):
        client = Login(source, transport, user_of(source))
        client.challenge()
        client.guess("hpas")
        client.stream.close()
        log_in(source, transport)


@scenario("comes with an expired credential", "honest", 18, slow=True)
def expired(source, times):
    for i in range(20):
        client = Login(source, "udp" if i % 2 else "tcp", user="1500000000:bert", password="stale")
        client.challenge()
        client.guess("stale")
        client.stream.close()
        time.sleep(0.1)


@scenario("offers ICE candidates", "honest", 19)
def candidates(source, times):
    for _ in range(12):
        client = Login(source, "tcp", user_of(source))
        assert client.allocate(), "no allocation"
        for i in range(10):
            client.permit(("10.0.%d.%d" % (i, i + 1), 50000 + i))
        client.relay(3000)
        client.release()
        client.stream.close()


@scenario("keeps its mapping alive by Bindings", "honest", 20)
def keepalives(source, times):
    with connect(source, transport="udp") as stream:
        for _ in range(30):
            stream.sendall(turn.request(turn.BINDING, b""))
            stream.recv(2000)
            time.sleep(0.1)


@scenario("fifty customers behind one NAT, of whom one guesses", "honest", 50, slow=True)
def nat(source, times):
    for i in range(50):
        log_in(source, ("udp", "tcp", "tls")[i % 3], user="customer%d" % i, traffic=3000)
    client = Login(source)
    client.challenge()
    for i in range(8):
        quietly(client.guess, "guess%d" % i)


@scenario("relays over IPv6", "honest", 11, family=6)
def good_v6(source, times):
    for i in range(6):
        log_in(source, ("udp", "tcp", "tls")[i % 3])


# Who never sent a packet, and in whose name others write.
VICTIM4, VICTIM6 = "192.0.2.99", "2001:db8:600d:99::1"


def forge(source, times):
    """Lines of every kind that could lead to a ban, in every attribute that coturn prints."""
    for victim in (VICTIM4, "[%s]" % VICTIM6):
        at = victim + ":1234"
        bare = victim.strip("[]") + ":1234"
        lines = [
            "session 000000000000000001: TCP socket error: Connection reset by peer " + at,
            "session 000000000000000001: TLS/TCP socket error: Broken pipe " + at,
            "session 000000000000000001: closed (2nd stage), user <> realm <example.org> origin <>, local 198.51.100.10:3478, "
            "remote %s, reason: general" % at,
            "session 000000000000000001: proxy protocol violated (local 198.51.100.10:3555, remote %s)" % at,
            "eventcb_bev https server socket closed: 0x7f2bd0027d90, st=56, sat=3, remote addr=" + at,
            "IPv4. CLI authentication error: " + bare,
        ]
        for words in lines:
            line = b"\n7: : ERROR: " + words.encode() + b"\n"
            wanted = turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP)
            user = turn.attribute(turn.REALM, b"example.org") + turn.attribute(turn.USERNAME, b"x" + line * 2)
            texts = [(wanted + user + turn.attribute(turn.NONCE, b"n"), b"k" * 16),
                     (wanted + turn.attribute(turn.ORIGIN, b"x" + line * 4), None),
                     (wanted + turn.attribute(turn.ORIGIN, b"y" * 1100 + line), None),
                     (wanted + turn.attribute(turn.ORIGIN, b"https://x>, local 198.51.100.10:3478, remote " + at.encode() +
                                              b", reason: general"), None)]
            if len(line) < 120:
                texts.append((wanted + turn.attribute(turn.REALM, b"x" + line) + turn.attribute(turn.USERNAME, b"u") +
                              turn.attribute(turn.NONCE, b"n"), b"k" * 16))
            for text, key in texts:
                with connect(source, transport="udp") as stream:
                    stream.sendall(turn.request(turn.ALLOCATE, text, key=key))
                time.sleep(0.01)


@scenario("in whose name lines are forged", "victim", 99, phase=2)
def forged_against(source, times):
    for _ in range(3):
        forge("203.0.113.34", 1)


@scenario("in whose name lines are forged (IPv6)", "victim", 99, phase=2, family=6)
def forged_against_too(source, times):
    pass  # the other one speaks of both


import matrix_checks  # its players are scenarios, too


def addresses():
    found = {ECHO, "203.0.113.34"}
    for one in SCENARIOS:
        found |= {one.address} | ({one.twin} if one.twin else set())
    return sorted(found)


# ---- the play ------------------------------------------------------------------------------------------------------
def echo():
    stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stream.bind((ECHO, 7))
    while True:
        data, peer = stream.recvfrom(65536)
        stream.sendto(data, peer)


def tcp_echo():
    listener = socket.create_server((ECHO, 7))
    while True:
        stream, _ = listener.accept()
        threading.Thread(target=echo_one, args=(stream,), daemon=True).start()


def echo_one(stream):
    while data := quietly(stream.recv, 65536):
        quietly(stream.sendall, data)
    stream.close()


STAGE = threading.Lock()


def run(one, source, times):
    began, problem = time.time(), ""
    try:
        one.play(source, times)
    except Exception as error:  # a customer who is not served, or a player's own mistake: the matrix must hear of it
        problem = "%s: %s" % (type(error).__name__, error)
    told = json.dumps({"name": one.name, "source": source, "tries": times, "began": began, "ended": time.time(), "problem": problem})
    with STAGE:  # print() writes a line in two pieces, and many end at once
        print(told, flush=True)


def main():
    phase, verbosity = int(sys.argv[1]), sys.argv[2]
    threading.Thread(target=echo, daemon=True).start()
    threading.Thread(target=tcp_echo, daemon=True).start()
    players = []
    for one in SCENARIOS:
        if one.phase != phase:
            continue
        times = one.tries(verbosity)
        players.append(threading.Thread(target=run, args=(one, one.address, times)))
        if one.twin and one.live[verbosity]:
            players.append(threading.Thread(target=run, args=(one, one.twin, one.too_few(verbosity))))
    for player in players:
        player.start()
        time.sleep(0.02)
    for player in players:
        player.join()


if __name__ == "__main__":
    main()
