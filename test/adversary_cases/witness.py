# SPDX-License-Identifier: GPL-3.0-or-later
"""When the kernel's word is missing, late, or about another time than the lines: nobody falls for it, and nobody hides in it."""
import os, re, signal, socket, struct, threading, time

import turn_client as turn
from adversary import ALL_MODES, attack, eventually, ok
from coturn_world import Guard, sh, words_dropped
from forged_lines import inscribe, reset_line, reset_often, visit_coturn


def spit(server, times):
    """Garbage on the TLS port, and a reset."""
    for _ in range(times):
        try:
            turn.garbage_then_reset(server, 5349)
        except OSError:
            return
        time.sleep(0.1)


def forge_then_offend(arena):
    """Lines in the victim's name, then somebody's real offences: the first of them stand where the forged text may still reach."""
    for first in range(0, 20, 5):
        lines = [reset_line(arena.victim_address, 45000 + first + n, first + n) for n in range(5)]
        arena.at("attacker", inscribe, arena.server, lines).wait()
    arena.at("clumsy", spit, arena.server, 18).wait()


FILES = "default verbose default6 verbose6"


@attack(ALL_MODES, ci="default journal6", seconds=20)
def a_witness_in_another_network_namespace(arena):
    """The daemon is in a container of its own: lines are judged by the log alone."""
    arena.start(warm=False, before=["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"])
    time.sleep(2.5)  # without a witness, nothing waits for one
    forge_then_offend(arena)
    fell = arena.daemon.says_ban_of(arena.clumsy_address, 8)
    ok(fell, "who resets again and again is banned though there is no witness", arena.daemon.text[-1500:])
    ok(not re.search(r"ban address=%s " % re.escape(arena.victim_address), arena.daemon.text), "the victim of forged resets is not banned though there is no witness",
       arena.daemon.text[-1500:])


@attack(ALL_MODES, ci="verbose", seconds=14)
def a_witness_that_starts_late(arena):
    """Lines that were written before the daemon and its witness were there, read at the start."""
    arena.start_coturn(*arena.mode.options, over=(arena.server,))
    os.mkdir(arena.place + "/state")
    keep = dict(environment={"STATE_DIRECTORY": arena.place + "/state"})
    arena.start_guard(**keep)
    arena.daemon.stop()
    forge_then_offend(arena)
    arena.start_guard(warm=False, **keep)
    arena.falls(arena.clumsy_address, "who reset connections while the daemon was stopped")
    arena.spared(arena.victim_address, "the victim of resets that were forged while the daemon was stopped")


def knock(server, times):
    """Connections that end at once."""
    for _ in range(times):
        try:
            turn.reset(turn.connect("tcp", server, 3478))
        except OSError:
            pass


@attack(ALL_MODES, seconds=60)
def a_witness_that_overflows(arena):
    arena.start()
    arena.daemon.send(signal.SIGSTOP)
    for _ in range(8):
        crowd = [arena.at("attacker", knock, arena.server, 14000) for _ in range(2)]
        for player in crowd:
            player.wait(240)
        if words_dropped():
            break
    for some in range(0, 10, 5):
        lines = [reset_line(arena.victim_address, 45000 + some + n) for n in range(5)]
        arena.at("attacker", inscribe, arena.server, lines).wait()
    arena.daemon.send(signal.SIGCONT)
    ok(arena.daemon.says(r"witness\.behind", 20), "that the kernel dropped words is told", arena.daemon.text[-1500:])
    arena.at("clumsy", reset_often, arena.server, 14).wait()
    arena.falls(arena.clumsy_address, "who resets connections after the witness overflowed")
    arena.spared(arena.victim_address, "the victim of resets that were forged while the witness overflowed")


class Shipper(threading.Thread):
    """Copies coturn's log into another file, so many seconds late."""

    def __init__(self, source, target, seconds):
        super().__init__(daemon=True)
        self.source, self.target, self.seconds, self.held = source, target, seconds, []
        self.start()

    def run(self):
        with open(self.source, "rb") as read, open(self.target, "ab", buffering=0) as write:
            while True:
                if line := read.readline():
                    self.held.append((time.monotonic() + self.seconds, line))
                while self.held and self.held[0][0] <= time.monotonic():
                    write.write(self.held.pop(0)[1])
                if not line:
                    time.sleep(0.02)


def late(arena, seconds):
    arena.start_coturn(*arena.mode.options, over=(arena.server,))
    source, arena.log = arena.log, arena.place + "/log/shipped.log"
    open(arena.log, "w").close()
    Shipper(source, arena.log, seconds)
    arena.start_guard(warm=False)
    lines = [reset_line(arena.victim_address, port, port) for port in range(46000, 46005)]
    arena.at("attacker", inscribe, arena.server, lines).wait()
    arena.at("victim", visit_coturn, arena.server, list(range(46000, 46005))).wait()
    for _ in range(6):
        arena.at("clumsy", reset_often, arena.server, 2).wait()
        time.sleep(0.3)
    right = eventually(lambda: arena.banned(arena.clumsy_address), seconds + 20, 0.1)
    ok(right, "who resets twelve connections is banned though its lines come %d s late" % seconds, arena.details(arena.clumsy_address))
    eventually(lambda: len(re.findall(r"46004", open(arena.log, errors="replace").read())) >= 1, seconds + 10, 0.1)
    time.sleep(2.5)  # as long as a line waits for the kernel's word
    ok(not arena.banned(arena.victim_address), "the customer whose closed connections are forged to be resets is not banned though the lines come late",
       arena.details(arena.victim_address))


@attack(FILES, ci="default", seconds=25)
def lines_that_come_five_seconds_late(arena):
    late(arena, 5)


@attack(FILES, seconds=110)
def lines_that_come_ninety_seconds_late(arena):
    late(arena, 90)


# ---- other users of the host ---------------------------------------------------------------------------------------------
TENANT, COTURN = 1000, 65533
ELSEWHERE = "198.51.100.20"  # an address of the host's at which coturn does not listen


def coturn_as(arena, uid):
    """Coturn runs as a user of its own, as Debian's does."""
    program = arena.place + "/turnserver"
    with open(program, "w") as file:
        file.write("#!/bin/sh\nchown -R %d %s\nexec setpriv --reuid %d --regid %d --clear-groups %s \"$@\"\n"
                   % (uid, arena.place, uid, uid, os.path.abspath(os.environ["TURNSERVER"])))
    os.chmod(program, 0o755)
    os.environ["TURNSERVER"] = program


def tenant(seconds):
    """Forty listeners on loopback, on coturn's port, and a service at another address of the host that ends all by RST."""
    os.setgroups([])
    os.setgid(TENANT)
    os.setuid(TENANT)
    held = [socket.create_server(("127.0.0.%d" % (2 + number), 3478)) for number in range(40)]
    server = socket.create_server((ELSEWHERE, 3478), backlog=50)
    server.settimeout(0.5)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            stream = server.accept()[0]
            stream.settimeout(1)
            while stream.recv(4096):
                pass
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.close()
        except OSError:
            pass
    return len(held)


def visit(address, times):
    """Connects and closes, again and again -> how often that went well"""
    for number in range(times):
        try:
            turn.connect("tcp", address, 3478, None, 1.0).close()
        except OSError:
            return number
        time.sleep(0.03)
    return times


def a_tenant_beside_coturn(arena, when="later", known=True):
    sh("ip addr add %s/32 dev lo" % ELSEWHERE)
    arena.start_coturn(*arena.mode.options, over=(arena.server,))
    if when == "later":
        arena.start_guard()
    player = arena.at(None, tenant, 120)
    eventually(lambda: ELSEWHERE + ":3478" in sh("ss -ltn"), 10, 0.1)
    if when == "before":
        arena.start_guard(warm=known)
    time.sleep(2.5)  # until it was noticed
    if known:
        visited = arena.at("attacker", visit, arena.server, 200).wait()
        arena.falls(arena.attacker_address, "the scanner, while a tenant of the host has more listeners than coturn (%d connections)" % visited, 10)
        ok("the kernel tells of every connection" in arena.verb("status"), "and status says that there is a witness", arena.verb("status"))
    else:
        ok(arena.daemon.says(r"witness\.undecided .*user %d on %s:3478" % (TENANT, re.escape(ELSEWHERE)), 5), "that nothing tells which user is coturn is told",
           arena.daemon.text[-1500:])
        ok("several users listen" in arena.verb("status"), "status says so, too", arena.verb("status"))
    visited = arena.at("victim", visit, ELSEWHERE, 60).wait()
    time.sleep(4.5)  # two samples
    ok(visited == 60, "the tenant's visitor was there %d times" % visited)
    arena.spared(arena.victim_address, "the visitor of a tenant's service at another address of the host", settle=known)
    player.kill()


@attack("default verbose", ci="default", seconds=30)
def a_tenant_with_more_listeners_than_coturn(arena):
    coturn_as(arena, COTURN)
    a_tenant_beside_coturn(arena)


@attack("default verbose", seconds=30)
def a_tenant_beside_a_coturn_of_roots(arena):
    a_tenant_beside_coturn(arena)


@attack("default verbose", seconds=30)
def a_tenant_that_was_there_before_the_daemon(arena):
    """Coturn is known by its log, which it owns."""
    coturn_as(arena, COTURN)
    a_tenant_beside_coturn(arena, when="before")


@attack("quiet-journal", seconds=30)
def a_tenant_beside_a_coturn_that_nothing_tells(arena):
    """No log file, no unit of systemd's, and both were there before the daemon."""
    coturn_as(arena, COTURN)
    a_tenant_beside_coturn(arena, when="before", known=False)


# ---- connections that are neither brief nor idle ---------------------------------------------------------------------------
def hold(server, rounds, at_once, seconds, said=b""):
    """So many at once, each held for some seconds and closed in the normal way -> how many there were"""
    done = 0
    for _ in range(rounds):
        held = []
        try:
            for _ in range(at_once):
                held.append(turn.connect("tcp", server, 3478, None, 1.5))
                held[-1].sendall(said)
        except OSError:
            return done + len(held)
        done += len(held)
        time.sleep(seconds)
        for stream in held:
            stream.close()
    return done


@attack(ALL_MODES, ci="default", seconds=50)
def connections_that_are_neither_brief_nor_idle(arena):
    arena.start()
    made = arena.at("attacker", hold, arena.server, 6, 60, 6).wait(300)
    arena.falls(arena.attacker_address, "who holds sixty connections at once for six seconds each, after %d of them," % made, 10)
    ok(made <= 300, "and by the three hundredth", made)


@attack("default default6", seconds=50)
def connections_with_one_answer_each(arena):
    arena.start()
    binding = turn.request(turn.BINDING, b"")
    made = arena.at("attacker", hold, arena.server, 6, 60, 6, binding).wait(300)
    arena.falls(arena.attacker_address, "who asks one Binding over each of sixty connections at once, after %d of them," % made, 10)


def calls(server, count):
    """So many clients behind one address, each logs in over TCP, talks for some seconds and leaves -> how many were served"""
    served, streams = 0, []
    for _ in range(count):
        stream = turn.connect("tcp", server, 3478, None, 3)
        session = turn.Session(stream, "alice", "secret1")
        served += bool(session.allocate())
        streams.append(stream)
    time.sleep(5)
    for stream in streams:
        stream.close()
    return served


@attack("default", ci="default", seconds=40)
def an_office_that_calls_at_once(arena):
    arena.start()
    served = sum(arena.at("victim", calls, arena.server, 150).wait() for _ in range(2))
    time.sleep(4.5)  # two samples
    ok(served == 300, "all of the office was served: %d" % served)
    arena.spared(arena.victim_address, "an office of which 150 log in over TCP at once, and once more")


# ---- who names others in a PROXY header -------------------------------------------------------------------------------------
def guess_as(server, port, victim, count):
    """Guesses over connections whose PROXY header names the victim -> how many there were"""
    for number in range(count):
        stream = turn.connect("tcp", server, port, None, 2)
        stream.sendall(b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11, 0, 12]) + socket.inet_aton(victim) + socket.inet_aton(server) +
                       struct.pack("!HH", 40000 + number, 3478))
        session = turn.Session(stream, "alice", "wrong")
        for _ in range(3):
            session.ask(turn.ALLOCATE, turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP))
        stream.close()
        time.sleep(0.1)
    return count


@attack("verbose", ci="verbose", seconds=40)
def guesses_in_a_victims_name_by_a_proxy_header(arena):
    coturn_as(arena, COTURN)  # a listener of root's may be docker-proxy, and refutes nothing
    arena.start_coturn(*arena.mode.options, "tcp-proxy-port=3555", over=())
    eventually(lambda: ":3555" in sh("ss -ltn"), 10, 0.1)
    sh("mkdir -p /run/coturn-guard; %s detect --turnserver-conf %s/turnserver.conf --output /run/coturn-guard/detected.yaml" % (Guard.program, arena.place))
    arena.start_guard(warm=False)
    ok(arena.daemon.says(r"witness\.available", 10), "there is a witness of tcp-proxy-port", arena.daemon.text)
    time.sleep(6)  # it must have been unbroken, over two samples
    arena.at("attacker", guess_as, arena.server, 3555, arena.victim_address, 8).wait()
    arena.wait_for_log(r"closed \(2nd stage\).*%s" % re.escape(arena.victim_address), 8, 90)
    time.sleep(11)  # as long as a line waits for the kernel's word
    arena.spared(arena.victim_address, "the victim who stands in the PROXY header of somebody who reaches tcp-proxy-port", settle=False)
