# SPDX-License-Identifier: GPL-3.0-or-later
"""Coturn's relays as a way to coturn itself: shut where coturn is a user of its own, and for nobody else."""
import os, re, signal, socket, struct, time

import turn_client as turn
from adversary import attack, eventually, ok
from coturn_world import Guard, sh
from forged_lines import connect_by_tcp_relay
from sessions import Inside, WANTED
from turn_relay import Relay
from witness import COTURN, TENANT, coturn_as

TABLE = "inet coturn-guard-relay"


def table():
    return sh("nft list table " + TABLE, check=False)


def dropped():
    return sum(int(n) for n in re.findall(r"counter packets (\d+)", table()))


def ask_through_relay(server):
    """-> (what coturn itself answered through a relay of its own, how many datagrams two relays said to one another)"""
    relay, other = [Relay("udp", server, 3478, "alice", "secret1", None) for _ in range(2)]
    if not (relay.allocate() and other.allocate() and relay.permit((server, 3478))):
        return "no relay, or no permission: %s" % relay.error
    try:
        answer = turn.Session(Inside(relay, (server, 3478)), "alice", "wrong").ask(turn.ALLOCATE, WANTED)
    except TimeoutError:
        answer = None
    relay.permit(other.relayed)
    other.permit(relay.relayed)
    heard = 0
    for _ in range(5):
        relay.send(other.relayed, b"from one relay to the other")
        message = other.next_message(5)
        heard += bool(message) and message[:2] == struct.pack("!H", 0x17)
    return [answer is not None, heard]


def serves_local(server, uid, port):
    """A program of this host's that asks coturn from one of the ports that relays have, too -> whether it is answered over UDP, TCP"""
    if uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    answers = []
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, kind) as stream:
            stream.settimeout(2)
            try:
                stream.bind(("", port))
                stream.connect((server, 3478))
                stream.sendall(turn.request(turn.BINDING, b""))
                answers.append(len(stream.recv(2000)) > 20)
            except OSError as problem:
                answers.append(str(problem))
    return answers


@attack("default verbose default6", ci="default default6", seconds=25)
def coturns_relays_do_not_reach_coturn(arena):
    coturn_as(arena, COTURN)
    arena.start()
    ok(eventually(lambda: "skuid %d" % COTURN in table(), 10), "the rule is for coturn's user", table() + arena.daemon.text[-1500:])
    if not arena.mode.six:
        told = arena.at("attacker", ask_through_relay, arena.server).wait()
        ok(told[0] is False, "who asks coturn through its own relay gets no answer", told)
        ok(told[1] == 5, "two customers whose relays talk to one another hear each other", told)
        ok(dropped() > 0, "and the kernel counts what it dropped", table())
    before = dropped()
    try:
        arena.at("attacker", connect_by_tcp_relay, arena.server, arena.server, [3478]).wait()
    except AssertionError:
        pass  # coturn's answer may come late
    ok(eventually(lambda: dropped() > before, 8), "a TCP relay does not reach coturn either", table())
    for uid, who in ((0, "root's monitor"), (TENANT, "another user's balancer")):
        told = arena.at(None, serves_local, arena.server, uid, 50000 + uid % 100).wait()
        ok(told == [True, True], "%s on this host is answered, from a port that relays have too" % who, told)
    ok(arena.customer.play("allocate", server=arena.server), "customers are served")
    ok("enforce.repaired" not in arena.daemon.text, "what stands is not put there again and again", arena.daemon.text[-1500:])
    for mode, stands in (("observe", False), ("enforce", True)):
        arena.configure("mode: %s\n" % mode)
        arena.daemon.send(signal.SIGHUP)
        ok(eventually(lambda: ("skuid %d" % COTURN in table()) is stands, 8), "in mode: %s the rule %s" % (mode, "stands" if stands else "is gone"), table())
    sh("nft delete table " + TABLE)
    ok(eventually(lambda: "skuid %d" % COTURN in table(), 5), "who deletes the rule has it back", table())
    ok(arena.daemon.says("enforce.repaired", 3), "and it is told", arena.daemon.text[-1000:])
    arena.daemon.stop()
    ok("skuid" in table(), "it stands while the daemon is stopped")
    sh("%s flush" % Guard.program)
    ok("skuid" not in table(), "and flush takes it away", table())
    arena.daemon = None


@attack("default", seconds=20)
def a_coturn_of_roots_keeps_its_relays(arena):
    """Of root's nobody could tell coturn's packets from those of a monitor."""
    arena.start()
    time.sleep(3)
    ok("skuid" not in table(), "there is no rule for root", table())
    told = arena.at(None, serves_local, arena.server, 0, 50001).wait()
    ok(told == [True, True], "root's monitor is answered", told)
