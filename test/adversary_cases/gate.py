# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate believes before coturn has it: forged packets, and TCP segments of nobody."""
import itertools, random, socket, struct, time

import adversary
import spoof
import turn_client as turn
from adversary import attack, eventually, ok, sh
from turn_relay import Relay

NOBODY = {4: "192.0.3.98", 6: "2001:db8:c0de::98"}


def near_segments(host_of_answers, victim, server, connections):
    """What a blind spoofer sends: a SYN, and then the same request with every acknowledgement number in steps that a window
    covers, 72 000 packets. Only the guesses next to the right one matter to anybody, so the rest is left out: the number is
    read off the server's answer, which the victim's host never looks at."""
    spoofer, six = spoof.Spoofer(server), ":" in victim
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    opened = []
    with Sniffer(host_of_answers) as sniffer:  # from now on in that host's network
        for _ in range(connections):
            port, sequence = random.randrange(20000, 60000), random.randrange(1 << 32)
            spoofer.send(spoof.segment(victim, port, server, 3478, sequence, 0, spoof.SYN))
            opened.append((port, sequence, sniffer.sequence_of_answer_to(port, six)))
    time.sleep(1.5)  # a sweep over all numbers takes about so long: the daemon has time to see the half-open connections
    for port, sequence, theirs in opened:
        grid = theirs + random.randrange(WINDOW)
        for guess in range(grid - 3 * WINDOW, grid + 4 * WINDOW, WINDOW):
            if guess % (1 << 32) != theirs + 1:
                spoofer.send(spoof.segment(victim, port, server, 3478, sequence + 1, guess, spoof.PUSH_ACK, request))
    return connections


WINDOW = 60000


class Sniffer:
    """Reads SYN-ACKs where they arrive."""

    def __init__(self, host):
        self.socket = None
        adversary.enter(host)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.socket.settimeout(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def sequence_of_answer_to(self, port, six):
        at = 40 if six else 20
        while True:
            packet = self.socket.recv(2048)
            if packet[6 if six else 9] == 6 and packet[at + 13] & 0x12 == 0x12 and struct.unpack("!H", packet[at + 2:at + 4])[0] == port:
                return struct.unpack("!I", packet[at + 4:at + 8])[0]


def foreign(server, source, count, first=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
    for _ in range(count):
        try:
            with turn.connect("tcp", server, 3478, source, 1.0) as stream:
                stream.sendall(first)
                stream.recv(100)
        except OSError:
            pass
        time.sleep(0.05)


def blind(arena, address):
    """Nobody answers for the address, and the server's half-open connections to it stay, as where a firewall drops its answers."""
    mac = sh("ip netns exec victim cat /sys/class/net/eth0/address").strip()
    sh("ip neigh replace %s lladdr %s dev to-victim" % (address, mac))
    sh("ip netns exec victim nft 'table inet fw { chain in { type filter hook prerouting priority -400; "
       "tcp flags & (syn|ack) == syn|ack drop; }; }'")
    for _ in range(2):
        arena.at("attacker", near_segments, "victim", address, arena.server, 12).wait()


@attack("default verbose default6 journal", ci="default default6", seconds=20)
def blind_segments_of_who_never_spoke(arena):
    """At a quiet coturn, of which no line was read yet: the gate has nothing but what the kernel knows."""
    arena.start(config="gate: on\n", warm=False)
    ok(arena.daemon.says("witness.available", 10) and arena.daemon.says("gate.open"), "gate and witness are there", arena.daemon.text)
    time.sleep(2.5)  # the witness is unbroken for as long as it must be
    address = NOBODY[arena.net]
    blind(arena, address)
    arena.spared(address, "the address that never spoke, in whose name every TCP acknowledgement is guessed,")
    arena.at("clumsy", foreign, arena.server, None, 6).wait()
    arena.falls(arena.clumsy_address, "who says HTTP on its own connections", rule="foreign-protocol|http-probe")


@attack("default default6", seconds=20)
def blind_segments_of_a_customer(arena):
    """And of an address that has real connections at the same time."""
    arena.start(config="gate: on\n")
    living = arena.at("victim", talk, arena.server, 6)
    time.sleep(1)
    blind(arena, arena.victim_address)
    living.wait()
    arena.spared(arena.victim_address, "the customer in whose name every TCP acknowledgement is guessed")


def talk(server, seconds):
    """A customer's TCP connection that asks for its address again and again."""
    with turn.connect("tcp", server, 3478) as stream:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            stream.sendall(turn.request(turn.BINDING, b""))
            stream.recv(1000)
            time.sleep(0.2)


def forged_bindings(victim, server, rate, seconds):
    message = turn.request(turn.BINDING, b"")
    packets = (spoof.datagram(victim, random.randrange(1024, 65535), server, 3478, message) for _ in itertools.count())
    return spoof.Spoofer(server).send_at(rate, seconds, packets)


def running_call(server, seconds):
    """A call over UDP that refreshes, permits and binds, again and again -> [which of it was not answered]"""
    relay, unanswered, end = Relay("udp", server, 3478, "alice", "secret1"), set(), time.monotonic() + seconds
    if not relay.allocate():
        return ["ALLOCATE"]
    peer = ("192.0.3.99", 4000)  # coturn gives an IPv4 relay unless it is asked for another
    while time.monotonic() < end:
        asked = (("REFRESH", lambda: relay.refresh()),
                 ("CREATE_PERMISSION", lambda: relay.ask(turn.CREATE_PERMISSION, turn.peer_attribute(*peer))[0]),
                 ("CHANNEL_BIND", lambda: relay.bind_channel(peer)))
        for name, ask in asked:
            try:
                ask() or unanswered.add(name)
            except TimeoutError:
                unanswered.add(name)
        time.sleep(0.5)
    return sorted(unanswered)


@attack("default default6", ci="default", seconds=28)
def forged_bindings_quench_a_running_call(arena):
    arena.start(config="gate: udp\n")
    call = arena.at("victim", running_call, arena.server, 12)
    time.sleep(1)
    arena.at("attacker", forged_bindings, arena.victim_address, arena.server, 100, 8).wait()
    ok(arena.daemon.says("quench"), "the flood of Bindings in the victim's name is quenched", arena.daemon.text)
    unanswered = call.wait(120)
    ok(not unanswered, "Refresh, CreatePermission and ChannelBind of the victim's running call are answered meanwhile", unanswered)
    arena.spared(arena.victim_address, "the victim of forged Bindings")


def silent_connections(server, count, seconds):
    """A customer that connects, says nothing for a while, and then has its relays. Prints its ports first."""
    streams = [turn.connect("tcp", server, 3478, None, 20.0) for _ in range(count)]
    with open("/run/silent-ports", "w") as file:
        file.write(" ".join(str(stream.getsockname()[1]) for stream in streams) + "\n")
    time.sleep(seconds)
    return [turn.Session(stream, "alice", "secret1").allocate() for stream in streams]


def segments_beside(victim, server, ports, length):
    """From somebody who knows the victim's ports, and not the numbers of its streams."""
    spoofer, request = spoof.Spoofer(server), b"GET / HTTP/1.1\r\n\r\n".ljust(length)
    for port in ports:
        for flags in (spoof.PUSH_ACK,) * 200 + (0x14, 0x11, spoof.SYN) + (spoof.PUSH_ACK,) * 200:
            spoofer.send(spoof.segment(victim, port, server, 3478, random.randrange(1 << 32), random.randrange(1 << 32), flags,
                                       request if flags == spoof.PUSH_ACK else b""))
    return len(ports)


@attack("default verbose6", ci="default", seconds=30)
def segments_forged_beside_a_connection(arena):
    """The connection is real, and its socket has taken bytes when it is asked: but not these."""
    arena.start(config="gate: on\n")
    customer = arena.at("customer", silent_connections, arena.server, 4, 6)
    ok(eventually(lambda: "\n" in read("/run/silent-ports"), 10), "a customer has connections on which it says nothing yet")
    ports = [int(port) for port in read("/run/silent-ports").split()]
    for length in (28, 27):  # as long as the customer's first message, and another
        arena.at("attacker", segments_beside, arena.customer_address, arena.server, ports, length).wait()
    answers = customer.wait()
    ok(answers == [True] * 4, "the customer has its relays all the same", answers)
    arena.spared(arena.customer_address, "the customer beside whose connections foreign segments are forged")


def hang_up(server, count):
    """A customer whose connections end before it said anything. Prints its ports first."""
    streams = [turn.connect("tcp", server, 3478, None, 20.0) for _ in range(count)]
    with open("/run/silent-ports", "w") as file:
        file.write(" ".join(str(stream.getsockname()[1]) for stream in streams) + "\n")
    for stream in streams:
        time.sleep(0.3)
        stream.close()


def bytes_beside(victim, server, ports, seconds):
    spoofer = spoof.Spoofer(server)
    forged = (spoof.segment(victim, port, server, 3478, random.randrange(1 << 32), random.randrange(1 << 32), spoof.PUSH_ACK, b"\xff")
              for port in itertools.cycle(ports))
    return spoofer.send_at(400, seconds, forged)


@attack("default verbose6", ci="default", seconds=20)
def bytes_forged_where_a_connection_ends(arena):
    """The kernel counts a FIN as one byte that was received: not this one."""
    arena.start(config="gate: on\n")
    customer = arena.at("customer", hang_up, arena.server, 8)
    ok(eventually(lambda: "\n" in read("/run/silent-ports"), 10), "a customer has connections on which it will say nothing")
    ports = [int(port) for port in read("/run/silent-ports").split()]
    arena.at("attacker", bytes_beside, arena.customer_address, arena.server, ports, 3.5).wait()
    customer.wait()
    arena.settle()
    said = arena.verb("why", "--config", arena.place + "/coturn-guard.yaml", arena.customer_address)
    ok("foreign-protocol" not in said, "no forged byte is charged to the customer whose silent connections end", said)
    arena.spared(arena.customer_address, "the customer beside whose connections bytes are forged", settle=False)


def shout_and_hang_up(server, count):
    for _ in range(count):
        try:
            with turn.connect("tcp", server, 3478) as stream:
                stream.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", socket.MSG_MORE)
                stream.shutdown(socket.SHUT_WR)  # in the same segment
                time.sleep(0.1)
        except OSError:
            pass  # banned meanwhile


@attack("default default6", ci="default", seconds=12)
def http_that_hangs_up_with_its_request(arena):
    arena.start(config="gate: on\n")
    arena.at("clumsy", shout_and_hang_up, arena.server, 4).wait()
    arena.falls(arena.clumsy_address, "who says HTTP and hangs up in the same segment", rule="foreign-protocol|http-probe")


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""
