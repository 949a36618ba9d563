# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoke that the end of the file clears, smoke too thick for that, and forgers who try to use the end of the file."""
import os, random, re, subprocess, sys, time

import turn_client as turn
from adversary import VERBOSE, attack, eventually, ok
from spoof import Spoofer, datagram

WANTED = turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP)
BAD_ORIGIN = WANTED + turn.attribute(turn.ORIGIN, b"\x01")
FILES = "default verbose default6 verbose6"
VERBOSE_FILES = "verbose verbose6"


def smoke(server):
    with turn.connect("udp", server, 3478) as stream:
        stream.sendall(turn.request(turn.ALLOCATE, BAD_ORIGIN))


def guess_in_smoke(server, count, pause, at_the_end):
    """Guesses as alice over one TCP connection, with a bad ORIGIN from a port of its own before each and around the end, which
    comes so many seconds after it."""
    stream = turn.connect("tcp", server, 3478)
    session = turn.Session(stream, "alice", "")
    session.ask(turn.ALLOCATE, WANTED)
    for i in range(count):
        session.password = "wrong%d" % i
        smoke(server)
        time.sleep(pause)
        session.ask(turn.ALLOCATE, WANTED)
    smoke(server)
    time.sleep(at_the_end)
    stream.close()
    if at_the_end:
        time.sleep(0.2)  # its last lines
    smoke(server)


def guess(server, count, password="wrong%d"):
    """-> how many guesses coturn answered: once it is banned, none any more"""
    for i in range(count):
        try:
            stream = turn.connect("tcp", server, 3478)
            session = turn.Session(stream, "alice", password % i)
            session.ask(turn.ALLOCATE, WANTED)
            session.ask(turn.ALLOCATE, WANTED)
            stream.close()
        except OSError:
            return i
        time.sleep(0.2)
    return count


def forged_smoke(server, source, rate, seconds):
    def packets():
        while True:
            yield datagram(source, random.randrange(1024, 65535), server, 3478, turn.request(turn.ALLOCATE, BAD_ORIGIN))
    return Spoofer(server).send_at(rate, seconds, packets())


def has_alarm(arena):
    return re.search(r"detect\.smoke .*lost=\d+ .*bytes_per_second=\d+ .*remedy=", arena.daemon.text)


@attack(VERBOSE, ci="verbose", seconds=20)
def guesses_each_behind_smoke_of_the_guesser(arena):
    arena.start()
    arena.at("attacker", guess_in_smoke, arena.server, 60, 0.05, 0.5).wait()
    arena.falls(arena.attacker_address, "the guesser who sends a bad ORIGIN before each of sixty guesses and around the end of its connection")


@attack(VERBOSE, ci="verbose journal", seconds=20)
def guesses_of_a_session_whose_end_is_hidden(arena):
    """The last lines of a session are the only ones that say whose it is. In a file they stand within the smoke's reach when
    both are written in one instant: then nobody can be charged, and the operator must hear of it."""
    arena.start()
    arena.at("attacker", guess_in_smoke, arena.server, 60, 0.02, 0).wait()
    if arena.mode.journal:
        arena.falls(arena.attacker_address, "the guesser who sends a bad ORIGIN before each of sixty guesses and at the end of its connection")
    else:
        told = eventually(lambda: arena.banned(arena.attacker_address) or has_alarm(arena), 15)
        ok(told, "the guesser who hides the end of its connection is banned, or the smoke is an error", arena.details(arena.attacker_address))


@attack(VERBOSE, ci="verbose6 journal", seconds=25)
def guesses_in_smoke_of_forged_senders(arena):
    arena.start()
    burning = arena.at("victim", forged_smoke, arena.server, arena.victim_address, 300, 12)
    time.sleep(1)
    arena.at("attacker", guess, arena.server, 20).wait()
    burning.wait()
    arena.falls(arena.attacker_address, "the guesser in the smoke of 300 forged packets a second, by the twentieth guess")
    arena.spared(arena.victim_address, "the victim whose address the smoke bears")


@attack(VERBOSE_FILES, ci="verbose", seconds=30)
def smoke_too_thick_to_see_through_is_told(arena):
    arena.start()
    burning = arena.at("victim", forged_smoke, arena.server, arena.victim_address, 6000, 10)
    time.sleep(1)
    arena.at("attacker", guess, arena.server, 20).wait()
    burning.wait()
    fell = eventually(lambda: arena.banned(arena.attacker_address), 5)
    ok(fell or has_alarm(arena), "what the smoke of 6000 packets a second hides is told as an error, if it hides it", arena.details(arena.attacker_address))
    arena.spared(arena.victim_address, "the victim whose address the smoke bears")


def closing(server, victim, number, user):
    at = "[%s]:%d" if ":" in victim else "%s:%d"
    return "session %018d: closed (2nd stage), user <%s> realm <example.org> origin <>, local %s, remote %s, reason: allocation watchdog determined stale session state" % (
        number, user, at % (server, 3478), at % (victim, 4444))


def forged_guesses(server, victim, number):
    """Lines of coturn's that would ban the victim for guessing, over UDP, which no witness sees."""
    told = "session %018d: realm <example.org> user <%s>: incoming packet message processed, error 401: Unauthorized"
    for name in ("root", "admin", "guest", "test", "info"):
        yield "ERROR: check_stun_auth: Cannot find credentials of user <%s>" % name
        yield told % (number, name)
    yield closing(server, victim, number, "info")


def inscribe(server, texts):
    turn.inscribe(server, 3478, "origin", texts)


def forged_texts(server, victim, count):
    for number in range(1000, 1000 + count):
        lines = list(forged_guesses(server, victim, number))
        # As much as fits into one record; with what came before it is enough.
        text = "x"
        for line in lines[:4] + lines[-1:]:
            text += "\n7: : " + line
        yield (text + "\n").encode()[:960]


@attack(FILES, ci="verbose default6", seconds=25)
def forged_guesses_read_up_to_the_end_of_the_file(arena):
    """One packet after the other, so that each record is the last of the file when it is read, for some time."""
    arena.start()
    for text in forged_texts(arena.server, arena.victim_address, 60):
        arena.at("attacker", inscribe, arena.server, [text]).wait()
    arena.wait_for_log("session 0+1059: closed", 1)
    arena.spared(arena.victim_address, "the victim of guesses that are forged a record at a time")


RELAY = """
import os, sys, time
with open(sys.argv[1], "rb") as coturn, open(sys.argv[2], "ab", 0) as log:
    for line in coturn:
        log.write(line)
        time.sleep(0.002)
"""


@attack(FILES, ci="default", seconds=40)
def forged_guesses_in_a_file_that_another_program_writes_line_by_line(arena):
    """Each line of a forged record stands at the end of the file once. Coturn's log is a pipe, and a program copies it."""
    log, pipe = arena.log, arena.log + ".pipe"
    os.mkfifo(pipe, 0o666)
    relay = subprocess.Popen([sys.executable, "-c", RELAY, pipe, log])
    try:
        arena.log = pipe
        start_coturn, arena.start_coturn = arena.start_coturn, lambda *options, **more: (start_coturn(*options, **more), setattr(arena, "log", log))
        arena.start()
        arena.at("attacker", inscribe, arena.server, list(forged_texts(arena.server, arena.victim_address, 60))).wait()
        arena.wait_for_log("session 0+1059: closed", 1, 30)
        arena.spared(arena.victim_address, "the victim of guesses that are forged into a log which a program writes line by line")
    finally:
        relay.kill()
