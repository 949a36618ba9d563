# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that blinds the guard for what stands behind it: who hides so must fall, or it must be loud."""
import itertools, random, re, time

import spoof
import turn_client as turn
from adversary import ALL_MODES, VERBOSE, attack, eventually, ok

VERBOSE_FILES = "verbose verbose6"
WANTED = turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP)


def smoke(field, text):
    """A request whose text coturn writes into its log before any authentication."""
    if field == "origin":
        return turn.request(turn.ALLOCATE, WANTED + turn.attribute(turn.ORIGIN, text))
    user, realm = (text, b"example.org") if field == "username" else (b"u", text)
    return turn.request(turn.ALLOCATE, WANTED + turn.attribute(turn.USERNAME, user) + turn.attribute(turn.REALM, realm) +
                        turn.attribute(turn.NONCE, b"n"), b"k" * 16)


def guess_behind_smoke(server, field, text, count, transport="tcp"):
    """Each guess right behind a forging line of another session, by UDP -> how many were answered."""
    cover = turn.connect("udp", server, 3478)
    stream = turn.connect(transport, server, 5349 if transport == "tls" else 3478, None, 1.5)
    session, answered = turn.Session(stream, "alice", "wrong"), 0
    try:
        session.ask(turn.ALLOCATE, WANTED)
        for number in range(count):
            session.password = "wrong%d" % number
            cover.send(smoke(field, text))
            time.sleep(0.0005)
            session.ask(turn.ALLOCATE, WANTED)
            answered += 1
        time.sleep(0.2)
        stream.close()
    except OSError:
        pass
    return answered


def loud(arena, seconds=10):
    """The operator is woken: an error event about it, with what to do."""
    return eventually(lambda: re.search(r"^error: .*(smoke|taint|blind).*", arena.daemon.text, re.M | re.I), seconds)


def falls_or_is_loud(arena, address, who):
    """In a file of coturn up to 4.16 nothing stands between the text and the lines behind it; in the journal the records do."""
    if arena.mode.journal:
        arena.falls(address, who)
    else:
        right = eventually(lambda: arena.banned(address), 8) or loud(arena)
        ok(right, "%s is banned, or the smoke is an error event" % who, arena.details(address))
        if not arena.banned(address):
            ok(re.search(r"^error: .*(smoke|taint|blind).*remedy=", arena.daemon.text, re.M | re.I), "which names the remedy", arena.daemon.text)


@attack(VERBOSE, ci="verbose journal", seconds=18)
def guesses_behind_ones_own_smoke(arena):
    arena.start()
    arena.at("attacker", guess_behind_smoke, arena.server, "origin", b"\x01", 200).wait()
    falls_or_is_loud(arena, arena.attacker_address, "the guesser who taints the log before each try")


@attack(VERBOSE, ci="verbose6", seconds=18)
def guesses_behind_smoke_in_a_user_name(arena):
    arena.start()
    arena.at("attacker", guess_behind_smoke, arena.server, "username", b"x\ny", 200, "tls").wait()
    falls_or_is_loud(arena, arena.attacker_address, "the guesser who hides behind user names with a newline")


def forged_smoke(source, server, rate, seconds, text=b"\x01"):
    packets = (spoof.datagram(source, random.randrange(1024, 65535), server, 3478, smoke("origin", text)) for _ in itertools.count())
    return spoof.Spoofer(server).send_at(rate, seconds, packets)


def probe(server, count, pause):
    for _ in range(count):
        with turn.connect("tcp", server, 3478, None, 2.0) as stream:
            stream.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try:
                stream.recv(1000)
            except OSError:
                pass
        time.sleep(pause)


@attack(ALL_MODES, ci="default journal", seconds=22)
def smoke_of_a_third_party(arena):
    """Somebody who forges its source blinds the guard for others: 300 packets a second."""
    arena.start()
    source = "2001:db8:c0de::50" if arena.mode.six else "192.0.3.50"
    blinding = arena.at("victim", forged_smoke, source, arena.server, 300, 9)
    time.sleep(0.5)
    try:
        # Without `verbose` coturn writes nothing of it. The kernel tells of brief connections, thirty of which are a ban.
        arena.at("attacker", probe, arena.server, 12 if arena.verbose else 36, 0.3 if arena.verbose else 0.15).wait()
    except AssertionError:
        pass  # banned half-way
    blinding.wait()
    if arena.verbose:
        falls_or_is_loud(arena, arena.attacker_address, "who probes by HTTP while somebody else smokes")
    else:
        arena.falls(arena.attacker_address, "who probes by HTTP while somebody else smokes, which hides nothing that the kernel tells,")
    arena.spared(source, "the address in whose name the smoke is sent")


@attack("verbose verbose6 default", ci="verbose", seconds=20)
def the_gate_takes_the_smoke_away(arena):
    arena.start(config="gate: udp\n")
    ok(arena.at("attacker", guess_behind_smoke, arena.server, "origin", b"x\n\x01", 150).wait() >= 0, "somebody guesses behind smoke")
    if arena.verbose:
        arena.falls(arena.attacker_address, "the guesser behind texts with control bytes, where the gate drops these,")
    ok("Wrong origin format" not in arena.log_text(), "none of these texts reaches coturn's log", arena.log_text()[-1500:])


@attack(VERBOSE_FILES, ci="verbose", seconds=20)
def smoke_that_the_gate_lets_pass(arena):
    """The gate is no remedy, and nothing says so: a text without control bytes is let through, and blinds as well."""
    arena.start(config="gate: udp\n")
    arena.at("attacker", guess_behind_smoke, arena.server, "origin", b"x", 150).wait()
    ok("Wrong origin format: x" in arena.log_text(), "a text without control bytes reaches coturn's log through the gate", arena.log_text()[-1500:])
    falls_or_is_loud(arena, arena.attacker_address, "the guesser behind texts that the gate lets pass")
    ok("it drops only texts with control bytes" in arena.daemon.text or "detect.smoke" not in arena.daemon.text, "whoever is told of smoke is told that", arena.daemon.text)


def greet(server, names):
    """Honest user names of every kind -> {name: coturn's answer}"""
    answers = {}
    for name in names:
        with turn.connect("udp", server, 3478) as stream:
            session = turn.Session(stream, name, "secret1")
            answers[name] = "allocated" if session.allocate() else session.error
    return answers


@attack("default default6", ci="default", seconds=12)
def the_gate_lets_honest_names_pass(arena):
    arena.start("user=jürgen:secret1", "user=1999999999:anna:secret1", config="gate: udp\n")
    names = ["alice", "jürgen", "用户", "1999999999:anna", "a@b.example", "x" * 200]
    answers = arena.at("customer", greet, arena.server, names).wait()
    ok(answers["alice"] == answers["jürgen"] == "allocated", "UTF-8 names get their relay through the gate", answers)
    ok(all(answers[name] in ("allocated", 401) for name in names), "and each honest name gets coturn's answer", answers)


def guess_in_smoke(server, count):
    """Each guess is of a user name that holds a newline: the guess itself taints what coturn says of it."""
    stream = turn.connect("tcp", server, 3478, None, 1.5)
    session, answered = turn.Session(stream, "alice", "wrong"), 0
    try:
        session.ask(turn.ALLOCATE, WANTED)
        for number in range(count):
            session.user, session.password = "al\nice%d" % number, "wrong%d" % number
            session.ask(turn.ALLOCATE, WANTED)
            answered += 1
        time.sleep(0.2)
        stream.close()
    except OSError:
        pass
    return answered


@attack(VERBOSE, seconds=18)
def guesses_whose_own_names_are_smoke(arena):
    arena.start()
    arena.at("attacker", guess_in_smoke, arena.server, 200).wait()
    falls_or_is_loud(arena, arena.attacker_address, "the guesser of user names with a newline")


@attack(VERBOSE, seconds=18)
def guesses_behind_smoke_in_a_realm(arena):
    arena.start()
    arena.at("attacker", guess_behind_smoke, arena.server, "realm", b"x\n7: : y", 200, "tcp").wait()
    falls_or_is_loud(arena, arena.attacker_address, "the guesser who hides behind realms with a newline")


def reset_behind_smoke(server, count):
    cover = turn.connect("udp", server, 3478)
    for _ in range(count):
        cover.send(smoke("origin", b"x\ny"))
        try:
            turn.garbage_then_reset(server, 5349)
        except OSError:
            return
        cover.send(smoke("origin", b"x\ny"))


@attack(ALL_MODES, seconds=18)
def resets_behind_ones_own_smoke(arena):
    """A line that the kernel proves needs no clean log: it counts for once, wherever it stands."""
    arena.start()
    arena.at("attacker", reset_behind_smoke, arena.server, 40).wait()
    arena.falls(arena.attacker_address, "who resets forty connections behind its own smoke, each proven by the kernel,")
