# SPDX-License-Identifier: GPL-3.0-or-later
"""When the kernel's word is missing, late, or about another time than the lines: nobody falls for it, and nobody hides in it."""
import os, re, signal, threading, time

import turn_client as turn
from adversary import ALL_MODES, attack, eventually, ok
from coturn_world import words_dropped
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
