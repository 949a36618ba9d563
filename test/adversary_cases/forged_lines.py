# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that an attacker writes into coturn's log, joined with what makes them look true."""
import socket, struct, time

import turn_client as turn
from adversary import ALL_MODES, attack, eventually, ok

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
