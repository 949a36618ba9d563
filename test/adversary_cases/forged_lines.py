# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that an attacker writes into coturn's log, joined with what makes them look true."""
import re, socket, struct, time

import turn_client as turn
from adversary import ALL_MODES, attack, ok
from coturn_world import TREE

CONNECT = 0x00A
RELAY_OVER_TCP = b"\x06\0\0\0"


def inscribe(server, lines, port=3478):
    """Has coturn log these lines by one UDP packet's ORIGIN, before any authentication."""
    text = "x" + "".join("\n7: : " + line for line in lines) + "\n"
    turn.inscribe(server, port, "origin", [text.encode()])


def endpoint(address, port):
    return ("[%s]:%d" if ":" in address else "%s:%d") % (address, port)


def reset_line(address, port, number=1, transport="TCP"):
    return "ERROR: session %018d: %s socket error: Connection reset by peer %s" % (number, transport, endpoint(address, port))


def family_attribute(address):
    return turn.attribute(turn.REQUESTED_FAMILY, struct.pack("!B3x", 2)) if ":" in address else b""


def connect_by_tcp_relay(server, victim, ports):
    """RFC 6062: a TCP allocation, and coturn connects from a relay port to the victim, who refuses."""
    stream = turn.connect("tcp", server, 3478)
    session = turn.Session(stream, "alice", "secret1")
    wanted = turn.attribute(turn.REQUESTED_TRANSPORT, RELAY_OVER_TCP) + family_attribute(victim)
    session.ask(turn.ALLOCATE, wanted)
    if not session.ask(turn.ALLOCATE, wanted)[0]:
        raise OSError("no TCP allocation: %s" % session.error)
    time.sleep(1.5)  # the daemon lists once a second who listens where
    session.permit((victim, 1))
    for port in ports:
        transaction = bytes(12) if ":" in victim else None
        session.ask(CONNECT, turn.peer_attribute(victim, port), transaction)


@attack(ALL_MODES, ci="default verbose journal6", seconds=14)
def reset_lines_of_a_victim_that_coturn_connected_to(arena):
    arena.start()
    ports = (1001, 1002, 1003, 1004)
    arena.at("attacker", connect_by_tcp_relay, arena.server, arena.victim_address, ports).wait()
    arena.at("attacker", inscribe, arena.server, [reset_line(arena.victim_address, port) for port in ports]).wait()
    arena.wait_for_log("reset by peer .?192.0.3.99|reset by peer .2001:db8:c0de::99", 4)
    arena.spared(arena.victim_address, "the victim to whom coturn connected for somebody's TCP relay, with its resets forged into the log,")


def other_service(port, connections):
    """Some other service of this machine's that resets whoever comes, as a web server behind a limit does."""
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    for _ in range(connections):
        stream = listener.accept()[0]
        stream.settimeout(2)
        stream.recv(100)
        turn.reset(stream)


def visit(server, port, sources):
    """A visitor of that service, from known ports."""
    for source in sources:
        with socket.create_connection((server, port), 5, ("::" if ":" in server else "0.0.0.0", source)) as stream:
            stream.sendall(b"hello")
            try:
                stream.recv(100)
            except OSError:
                pass


@attack(ALL_MODES, ci="default6", seconds=14)
def reset_lines_of_a_visitor_of_another_service(arena):
    arena.start(config="ports: all\n")
    service = arena.at(None, other_service, 8080, 5)
    sources = [41001, 41002, 41003, 41004, 41005]
    time.sleep(1.2)  # the daemon lists once a second who listens where
    arena.at("victim", visit, arena.server, 8080, sources).wait()
    service.wait()
    arena.at("attacker", inscribe, arena.server, [reset_line(arena.victim_address, port) for port in sources]).wait()
    arena.spared(arena.victim_address, "the visitor of another service whose resets are forged into coturn's log")


def visit_coturn(server, sources, port=3478, rude=(), linger=0.0):
    """A customer over TCP from known ports: Bindings, then a normal end, or a reset from those in `rude`."""
    for source in sources:
        stream = socket.create_connection((server, port), 5, ("::" if ":" in server else "0.0.0.0", source))
        for _ in range(3):
            stream.sendall(turn.request(turn.BINDING, b""))
            stream.recv(1000)
        time.sleep(linger)
        turn.reset(stream) if source in rude else stream.close()


@attack(ALL_MODES, ci="verbose journal", seconds=14)
def reset_lines_of_a_customer_who_closes_normally(arena):
    """What stands in the log must be what ended so: a connection that was closed proves no reset."""
    arena.start()
    sources = list(range(42001, 42009))
    lines = [line for port in sources for line in (reset_line(arena.victim_address, port), reset_line(arena.victim_address, port, transport="TLS/TCP"))]
    arena.at("attacker", inscribe, arena.server, lines[:6]).wait()         # before the connection
    arena.at("victim", visit_coturn, arena.server, sources).wait()
    for some in range(0, len(lines), 6):                                     # and after it
        arena.at("attacker", inscribe, arena.server, lines[some:some + 6]).wait()
    arena.spared(arena.victim_address, "the customer whose closed connections are forged to be resets, before and after,")


@attack(ALL_MODES, ci="default", seconds=14)
def one_reset_told_eight_times(arena):
    """A phone that lost its network once: the one line of coturn's and seven copies count once."""
    arena.start()
    arena.at("victim", visit_coturn, arena.server, [43001], 3478, [43001]).wait()
    arena.wait_for_log("Connection reset by peer .*43001")
    for _ in range(7):
        arena.at("attacker", inscribe, arena.server, [reset_line(arena.victim_address, 43001)]).wait()
    arena.spared(arena.victim_address, "the phone that was reset once, told eight times,")
    arena.at("attacker", reset_often, arena.server, 8).wait()
    arena.falls(arena.attacker_address, "who resets eight connections of its own, by the eighth")


def reset_often(server, times):
    for _ in range(times):
        try:
            turn.bindings_then_reset(server, 3478, 1, 0.05)
        except OSError:
            return
        time.sleep(0.05)


# ---- every rule's own line, in every field --------------------------------------------------------------------------------
CLIENTS_OF_EXAMPLES = re.compile(r"\[2001:db8:bad::[0-9a-f]+\]|2001:db8:bad::[0-9a-f]+|203\.0\.113\.\d+|87\.236\.176\.180")
SESSION = re.compile(r"session 0\d+")


def examples():
    """{rule: its examples} of rules/coturn.yaml, as far as a client is named in them."""
    found = {}
    with open(TREE + "/rules/coturn.yaml") as file:
        for text in file.read().split("\n  - name: ")[1:]:
            told = text.split("examples:", 1)[1].split("counterexamples:")[0] if "examples:" in text else ""
            lines = [one.replace("''", "'") for one in re.findall(r"^      - '(.*)'$", told, re.M)]
            lines = [line for line in lines if CLIENTS_OF_EXAMPLES.search(line)]
            if lines:
                found[text.split("\n", 1)[0]] = lines
    return found


def in_name_of(victim, line, number):
    """The line about the victim, in a session and from a port of its own."""
    def name(found):
        return "[%s]" % victim if found[0].startswith("[") and ":" in victim else victim
    line = CLIENTS_OF_EXAMPLES.sub(name, line)
    line = re.sub(r"^[0-9]+:|^[0-9]+ ", lambda found: "7" + found[0][-1], line)
    return SESSION.sub("session %018d" % (700 + number), line)


def forged_texts(victim, room):
    """Texts of at most so many bytes, each a beginning and whole lines: of each rule its first two examples, four times over."""
    lines = [in_name_of(victim, line, number) for of_rule in examples().values() for line in of_rule[:2] for number in range(4)]
    texts, text = [], "x"
    for line in lines:
        if len(line) + 4 > room:
            continue
        if len(text) + len(line) + 2 > room:
            texts.append(text + "\n")
            text = "x"
        text += "\n" + line
    return [text.encode() for text in texts + [text + "\n"]]


SOFTWARE = 0x8022


def client_hello(name):
    """A ClientHello whose server name is these bytes."""
    sni = struct.pack("!HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    hello = b"\x03\x03" + bytes(range(32)) + b"\0" + struct.pack("!H", 4) + b"\xc0\x2f\x00\x2f" + b"\x01\0" + struct.pack("!H", len(sni)) + sni
    return b"\x16\x03\x01" + struct.pack("!HBBH", len(hello) + 4, 1, 0, len(hello)) + hello


def fields():
    """{field: (bytes that coturn takes of it, how the text goes out)}"""
    wanted = turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP)

    def by_udp(server, attributes, key=None):
        with turn.connect("udp", server, 3478) as stream:
            stream.sendall(turn.request(turn.ALLOCATE, wanted + attributes, key))

    def by_tcp(server, port, said, over="tcp"):
        with turn.connect(over, server, port, None, 2.0) as stream:
            stream.sendall(said)
            stream.settimeout(0.05)
            try:
                stream.recv(100)
            except OSError:
                pass
    signed = lambda user=b"u", realm=b"example.org", nonce=b"n": (turn.attribute(turn.USERNAME, user) + turn.attribute(turn.REALM, realm) +
                                                                  turn.attribute(turn.NONCE, nonce))
    key = b"k" * 16
    return {
        "ORIGIN": (900, lambda server, text: by_udp(server, turn.attribute(turn.ORIGIN, text))),
        "a short ORIGIN": (125, lambda server, text: by_udp(server, turn.attribute(turn.ORIGIN, text))),
        "USERNAME": (508, lambda server, text: by_udp(server, signed(user=text), key)),
        "REALM": (126, lambda server, text: by_udp(server, signed(realm=text), key)),
        "NONCE": (500, lambda server, text: by_udp(server, signed(nonce=text), key)),
        "SOFTWARE": (700, lambda server, text: by_udp(server, turn.attribute(SOFTWARE, text))),
        "an HTTP request": (900, lambda server, text: by_tcp(server, 3478, b"GET /" + text + b" HTTP/1.1\r\n\r\n")),
        "HTTP in TLS": (900, lambda server, text: by_tcp(server, 5349, b"GET /" + text + b" HTTP/1.1\r\n\r\n", "tls")),
        "SNI": (900, lambda server, text: by_tcp(server, 5349, client_hello(text))),
    }


OVERLONG = b"z" * 1200


def write_everywhere(server, victim, sources):
    """-> how many texts went out"""
    sent = 0
    for number, (name, (room, send)) in enumerate(fields().items()):
        by_connection = "HTTP" in name or name == "SNI"
        texts = forged_texts(victim, room)
        for text in (texts[::7] if by_connection else texts) + [OVERLONG[:room * 2], b"\x1b[31m\0\xff" + texts[0][:room - 8]]:
            try:
                send(server, text)
                sent += 1
            except OSError:
                pass  # a server that hangs up has taken it all the same
            time.sleep(0.001)
    return sent


@attack(ALL_MODES, ci="default journal", seconds=22)
def every_rule_in_every_field(arena):
    """For each rule that names a client its own example, in the victim's name, as a part of each text that a client can send."""
    rules = examples()
    ok(len(rules) >= 14, "the rule file has examples that name a client", sorted(rules))
    arena.start("max-allocate-timeout=4")
    living = arena.at("victim", visit_coturn, arena.server, [44001], 3478, (), 8.0)
    # Its own hosts write: who forges is an offender by its connections, and may fall.
    sent = arena.at("attacker", write_everywhere, arena.server, arena.victim_address, []).wait()
    ok(sent > 100, "more than a hundred texts go out", sent)
    living.wait()
    arena.spared(arena.victim_address, "the victim, a living customer, in whose name every rule's line is forged in every field,")
    bans = set(re.findall(r"ban address=(\S+)", arena.daemon.text)) - {arena.attacker_address}
    ok(all(address.startswith("198.18.") for address in bans), "and nobody else is", bans)


# ---- the same kind by other rules and other connections -------------------------------------------------------------------
def lines_of_other_rules(server, victim, ports):
    """{rule: lines of coturn's about connections of the victim's from these ports}"""
    at = [endpoint(victim, port) for port in ports]
    ours = lambda port: endpoint(server, port)
    session = lambda number: "session %018d: " % (800 + number)
    closed = "closed (2nd stage), user <> realm <example.org> origin <>, local %s, remote %s, reason: %s"
    return {
        "connection-error": ["ERROR: " + session(n) + "TCP socket error: Broken pipe " + who for n, who in enumerate(at)] * 3,
        "socket-failure": ["ERROR: " + session(n) + "socket read failed, to be closed (local %s, remote %s)" % (ours(3478), who) for n, who in enumerate(at)] * 3,
        "http-probe": [session(n) + closed % (ours(3478), who, "general") for n, who in enumerate(at)],
        "tls-plain": [session(n) + closed % (ours(5349), who, "TCP connection closed by client (callback)") for n, who in enumerate(at)],
        "handshake-failed": [session(n) + "TLS/TCP socket disconnected: " + who for n, who in enumerate(at)] * 5,
        "proxy-protocol": ["ERROR: " + session(n) + "proxy protocol violated (local %s, remote %s)" % (ours(3555), who) for n, who in enumerate(at)],
    }


@attack(ALL_MODES, ci="default", seconds=18)
def other_lines_of_a_victim_that_coturn_connected_to(arena):
    arena.start()
    ports = list(range(1101, 1107))
    arena.at("attacker", connect_by_tcp_relay, arena.server, arena.victim_address, ports).wait()
    for lines in lines_of_other_rules(arena.server, arena.victim_address, ports).values():
        for first in range(0, len(lines), 5):
            arena.at("attacker", inscribe, arena.server, lines[first:first + 5]).wait()
    arena.spared(arena.victim_address, "the victim to whom coturn connected, with six other rules' lines forged,")


def call_out(victim, ports):
    """Something on coturn's own machine (an update, a mail server) connects to the victim, who refuses."""
    for port in ports:
        try:
            socket.create_connection((victim, port), 2).close()
        except OSError:
            pass


@attack(ALL_MODES, ci="", seconds=14)
def reset_lines_of_whom_the_host_connected_to(arena):
    arena.start(config="ports: all\n")
    ports = (1201, 1202, 1203, 1204, 1205)
    arena.at(None, call_out, arena.victim_address, ports).wait()
    arena.at("attacker", inscribe, arena.server, [reset_line(arena.victim_address, port) for port in ports]).wait()
    arena.spared(arena.victim_address, "the host to whom this machine itself connected, with its resets forged,")


@attack(ALL_MODES, ci="", seconds=16)
def other_lines_of_a_customer_who_closes_normally(arena):
    """A normal end is no failed handshake, no error and no broken pipe."""
    arena.start()
    ports = list(range(48001, 48007))
    arena.at("victim", visit_coturn, arena.server, ports).wait()
    for lines in lines_of_other_rules(arena.server, arena.victim_address, ports).values():
        for first in range(0, len(lines), 5):
            arena.at("attacker", inscribe, arena.server, lines[first:first + 5]).wait()
    arena.spared(arena.victim_address, "the customer who closes normally, with six other rules' lines forged,")


# ---- connections that cannot have caused what is forged about them

def serve_and_forget(server, port, count):
    """Another service of the host: takes connections, reads, and closes when the other end is gone."""
    with socket.create_server((server, port), family=socket.AF_INET6 if ":" in server else socket.AF_INET) as listener:
        listener.settimeout(20)
        for _ in range(count):
            stream = listener.accept()[0]
            try:
                while stream.recv(4096):
                    pass
            except OSError:
                pass
            stream.close()


def end_each(server, port, ports, said, end):
    """Connects from each of these ports, says something, ends the connection: "reset" or in the normal way."""
    for source_port in ports:
        stream = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET)
        stream.settimeout(3)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stream.bind(("", source_port))
        stream.connect((server, port))
        if said:
            stream.sendall(said)
        time.sleep(0.2)
        if end == "reset":
            turn.reset(stream)
        else:
            stream.close()


NEVER_SAID = (40001, 40002, 40003, 40004)


@attack(ALL_MODES, ci="default", seconds=16)
def reset_lines_of_who_never_said_a_word(arena):
    """A browser opens connections ahead of their use and drops them. Coturn writes no line about that."""
    arena.start(config="rules: {connection-reset-unread: {points: 0}}\n")
    arena.at("victim", end_each, arena.server, 3478, NEVER_SAID, b"", "reset").wait()
    arena.at("attacker", inscribe, arena.server, [reset_line(arena.victim_address, port) for port in NEVER_SAID]).wait()
    arena.spared(arena.victim_address, "who dropped four connections unused, with their resets forged into the log,")


@attack(ALL_MODES, ci="verbose6", seconds=16)
def reset_lines_of_a_visitor_of_another_service_that_bans_cover(arena):
    arena.start(config="ports: [3478, 3479, 5349, 5350, 8443]\n")
    service = arena.at(None, serve_and_forget, arena.server, 8443, len(NEVER_SAID))
    time.sleep(1.5)  # the daemon lists once a second who listens where
    arena.at("victim", end_each, arena.server, 8443, NEVER_SAID, b"GET / HTTP/1.1\r\n\r\n", "reset").wait()
    arena.at("attacker", inscribe, arena.server, [reset_line(arena.victim_address, port) for port in NEVER_SAID]).wait()
    arena.spared(arena.victim_address, "the visitor of a web server on a listed port, whose resets are forged to be coturn's,")
    service.kill()
