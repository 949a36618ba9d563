# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is charged with what coturn says about a session: forged sessions, several coturns, more sessions than fit."""
import itertools, os, re, struct, subprocess, time

import spoof
import turn_client as turn
from turn_relay import DATA_INDICATION, Relay
from adversary import VERBOSE, Guard, attack, eventually, ok

WANTED = turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP)


def unsigned_sessions(victim, server, user, ports, rate, seconds):
    """Sessions in the victim's name: one request each that names the user, then one unsigned request after the other."""
    spoofer = spoof.Spoofer(server)
    named = WANTED + turn.attribute(turn.USERNAME, user.encode()) + turn.attribute(turn.REALM, b"example.org") + turn.attribute(turn.NONCE, b"n")
    for port in ports:
        spoofer.send(spoof.datagram(victim, port, server, 3478, turn.request(turn.ALLOCATE, named, b"k" * 16)))
    time.sleep(0.2)
    unsigned = [spoof.datagram(victim, port, server, 3478, turn.request(turn.ALLOCATE, WANTED)) for port in ports]
    return spoofer.send_at(rate, seconds, itertools.cycle(unsigned))


def guess_for(server, user, seconds, transport="udp", enough=None):
    """One password after the other in one session, for so long or until so many were answered -> how many were."""
    answered, end = 0, time.monotonic() + seconds
    stream = turn.connect(transport, server, 5349 if transport == "tls" else 3478, None, 1.0)
    session = turn.Session(stream, user, "wrong")
    while time.monotonic() < end and (enough is None or answered < enough):
        try:
            session.ask(turn.ALLOCATE, WANTED)
            answered += 1
        except (OSError, struct.error):  # nothing came, or the stream ended: coturn or the guard has had enough
            if transport != "udp":
                break
    return answered


def race(arena, transport):
    arena.start("max-allocate-timeout=3")
    spoofing = arena.at("attacker", unsigned_sessions, arena.victim_address, arena.server, "mallory", list(range(40000, 40008)), 3000, 40)
    time.sleep(0.5)
    # A slow machine drops most of its requests. It goes on until it has had enough answers for two bans.
    answered = arena.at("clumsy", guess_for, arena.server, "mallory", 35, transport, 12).wait()
    spoofing.kill()
    ok(answered > 5, "somebody guesses as that user meanwhile", answered)
    arena.wait_for_log("closed .2nd stage.*remote .?%s" % re.escape(arena.victim_address), 8, 90)
    arena.spared(arena.victim_address, "the victim of forged sessions of a user whom somebody else fails as")
    if transport != "udp":
        return arena.falls(arena.clumsy_address, "the guesser over %s, whom no forged packet can hide," % transport.upper())
    right = eventually(lambda: arena.banned(arena.clumsy_address), 5) or re.search(r"^error: .*(smoke|ambig).*remedy=", arena.daemon.text, re.M | re.I)
    ok(right, "the guesser is banned, or that it is hidden by forged sessions is an error event with a remedy", arena.details(arena.clumsy_address))


@attack(VERBOSE, ci="verbose", seconds=45)
def forged_sessions_race_for_the_announcement(arena):
    """Coturn up to 4.6.2 names no session in its errors: they belong to the next 401 of that user, whosever it is."""
    race(arena, "udp")


@attack(VERBOSE, seconds=45)
def forged_sessions_race_with_a_guesser_over_tcp(arena):
    race(arena, "tcp")


@attack(VERBOSE, seconds=45)
def forged_sessions_race_with_a_guesser_over_tls(arena):
    race(arena, "tls")


def number_of(text, address):
    """The session of coturn's that an address had."""
    found = re.findall(r"session (\d+): .*remote .?%s" % re.escape(address), text)
    return found[-1] if found else None


def guessing_rows(session, times=6):
    return ["9: : ERROR: check_stun_auth: user alice credentials are incorrect",
            "9: : session %s: realm <example.org> user <alice>: incoming packet message processed, error 401: Unauthorized" % session] * times


def closing_row(session, address):
    remote = "[%s]:5555" % address if ":" in address else address + ":5555"
    return "10: : session %s: closed (2nd stage), user <bert> realm <example.org> origin <>, local 198.51.100.10:3478, remote %s, reason: allocation timeout" % (session, remote)


@attack("journal journal6", ci="journal", seconds=10)
def two_units_share_a_session_number(arena):
    """Guesses in session 7 of one coturn of the journal's, and a customer's session 7 at another coturn ends."""
    a, b, session = "coturn@a.service", "coturn@b.service", "001000000000000007"
    put = lambda unit, process, rows: [arena.journal.write(process, 0, "turnserver", unit, row.encode()) for row in rows]
    for unit, process in ((a, 100), (b, 200)):
        put(unit, process, ["0: : Version Coturn-4.6.1 'Gorst'"])
    arena.start_guard("journal_units: [%s, %s]\nwitness: off\n" % (a, b), warm=False)
    put(a, 100, guessing_rows(session))
    put(b, 200, [closing_row(session, arena.victim_address)])
    put(a, 100, guessing_rows("001000000000000008") + [closing_row("001000000000000008", arena.attacker_address)])
    arena.falls(arena.attacker_address, "the guesser at one of two coturns in the journal")
    arena.spared(arena.victim_address, "the customer of one coturn whose session has the number of a guesser's at the other", settle=False)
    put(a, 100, [closing_row(session, arena.clumsy_address)])
    arena.falls(arena.clumsy_address, "whose session it was")


@attack("verbose verbose6", ci="verbose", seconds=10)
def two_files_share_a_session_number(arena):
    """The same for the log files of two coturns that both run, under one glob."""
    session, place = "001000000000000007", arena.place + "/log"
    files = {name: "%s/turn_%s.log" % (place, name) for name in ("a", "b")}
    arena.log = files["a"]

    def put(name, rows):
        with open(files[name], "a") as file:
            file.write("".join(row + "\n" for row in rows))
    for name in files:
        put(name, ["0: : Version Coturn-4.6.1 'Gorst'"])
    arena.configure("log_file: [%s, %s]\nwitness: off\n" % (files["a"], files["b"]))
    with open(arena.place + "/conf.d/10-test.yaml") as file:
        text = file.read().split("\n", 1)[1]  # without the line that names one file
    with open(arena.place + "/conf.d/10-test.yaml", "w") as file:
        file.write(text)
    arena.daemon = arena.guard(ready=False)
    if not arena.daemon.says("source.following.*turn_b|turn_b.*follow", 8):
        ok(False, "two log files are followed at once", arena.daemon.text)
    put("a", guessing_rows(session))
    time.sleep(0.5)
    put("b", [closing_row(session, arena.victim_address)])
    time.sleep(0.5)
    put("a", guessing_rows("001000000000000008") + [closing_row("001000000000000008", arena.attacker_address)])
    arena.falls(arena.attacker_address, "the guesser at one of two coturns in files")
    arena.spared(arena.victim_address, "the customer of one coturn whose session has the number of a guesser's at the other", settle=False)


@attack("verbose verbose6", ci="verbose6", seconds=10)
def two_files_of_one_glob_share_a_session_number(arena):
    """The same for two processes' files under one glob, by coturn's own names, of which one is rotated meanwhile."""
    session, place = "001000000000000007", arena.place + "/log"
    files = {process: "%s/turn_%d_2026-11-30.log" % (place, process) for process in (811, 812)}
    arena.log = files[811]

    def put(process, rows):
        with open(files[process], "a") as file:
            file.write("".join(row + "\n" for row in rows))
    for process in files:
        put(process, ["0: : Version Coturn-4.6.1 'Gorst'"])
    arena.configure("log_file: %s/turn_*.log*\nwitness: off\n" % place)
    with open(arena.place + "/conf.d/10-test.yaml") as file:
        text = file.read().split("\n", 1)[1]  # without the line that names one file
    with open(arena.place + "/conf.d/10-test.yaml", "w") as file:
        file.write(text)
    arena.daemon = arena.guard(ready=False)
    if not arena.daemon.says("source.following.*turn_812|turn_812.*follow", 8):
        ok(False, "the files of a glob are followed", arena.daemon.text)
    put(811, guessing_rows(session))
    time.sleep(0.5)
    put(812, [closing_row(session, arena.victim_address)])
    put(811, guessing_rows("001000000000000008"))
    time.sleep(0.5)
    os.rename(files[811], files[811] + ".1")
    put(811, [closing_row("001000000000000008", arena.attacker_address)])
    arena.falls(arena.attacker_address, "the guesser whose session ends in the next file of its coturn")
    arena.spared(arena.victim_address, "the customer of one coturn whose session has the number of a guesser's at the other", settle=False)


def eviction_log(arena, forged, offender_rows, closing):
    """A log in which a session offends, so many forged challenges follow, and then the session ends."""
    with open(arena.place + "/evict.log", "w") as log:
        log.write("0: : Version Coturn-4.6.1 'Gorst'\n")
        log.write("".join(row + "\n" for row in offender_rows))
        for number in range(forged):
            log.write("%d: : session 000%015d: realm <example.org> user <>: incoming packet message processed, error 401: Unauthorized\n"
                      % (10 + number * 50 // forged, number + 1))
        log.write("65" + closing[2:] + "\n")
    return log.name


@attack("verbose verbose6", ci="verbose", seconds=12)
def more_forged_sessions_than_fit(arena):
    """263 000 challenges that anybody can forge must not push out the session of a guesser before its closing line."""
    arena.configure("")
    session, address = "001000000000000001", arena.attacker_address
    rows = guessing_rows(session, 200)
    for forged in (1000, 263000):
        log = eviction_log(arena, forged, rows, closing_row(session, address))
        said = subprocess.run([Guard.program, "replay", "--json", "--config", arena.place + "/coturn-guard.yaml", log],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=100).stdout
        ok('"event":"ban"' in said.replace(" ", ""), "the guesser of 200 passwords is banned though %d forged sessions come before its end" % forged, said[-600:])


@attack("verbose verbose6 default", ci="", seconds=25)
def more_forged_sessions_than_fit_live(arena):
    """The same while the daemon follows."""
    arena.configure("witness: off\n")
    open(arena.log, "w").close()
    arena.daemon = arena.guard()
    session = "001000000000000001"
    with open(eviction_log(arena, 263000, guessing_rows(session, 200), closing_row(session, arena.attacker_address))) as made, open(arena.log, "a") as log:
        log.write(made.read())
    arena.falls(arena.attacker_address, "the guesser of 200 passwords among 263 000 forged sessions, live,", 40)


MOBILITY_TICKET = 0x8030  # coturn's, as RFC 8016


def move_to_victim(server, victim, channels):
    """One account: a session with a mobility ticket offends, and forged REFRESHes move it to the victim's address, then end it.
    -> was there a ticket, and what the last offence was answered with"""
    relay = Relay("udp", server, 3478, "alice", "secret1", None, 3.0)
    wanted = WANTED + turn.attribute(MOBILITY_TICKET, b"")
    relay.ask(turn.ALLOCATE, wanted)
    _, answer = relay.ask(turn.ALLOCATE, wanted)
    ticket = answer.get(MOBILITY_TICKET, b"")
    for number in range(channels):
        relay.bind_channel(("127.0.0.%d" % (1 + number), 22 + number), 0x4000 + number)
    refused, spoofer = relay.error, spoof.Spoofer(server)
    for more in (turn.attribute(turn.LIFETIME, struct.pack("!I", 600)) + turn.attribute(MOBILITY_TICKET, ticket), turn.attribute(turn.LIFETIME, bytes(4))):
        attributes, key = relay.signed(more)
        for _ in range(3):
            spoofer.send(spoof.datagram(victim, 45000, server, 3478, turn.request(turn.REFRESH, attributes, key)))
            time.sleep(0.3)
    return len(ticket) > 0, refused


@attack("verbose journal verbose6 journal6", ci="verbose", seconds=15)
def a_session_that_offended_is_moved_to_a_victim(arena):
    arena.start("mobility")
    told = arena.at("attacker", move_to_victim, arena.server, arena.victim_address, 12).wait()
    ok(told == [True, 403], "a session with a mobility ticket asks for loopback", told)
    arena.wait_for_log(r"closed \((1st|2nd) stage\).*remote \[?%s" % re.escape(arena.victim_address))
    arena.spared(arena.victim_address, "the victim to whose address a session was moved that had offended before")
    told = arena.verb("why", "--config", arena.place + "/coturn-guard.yaml", arena.victim_address)
    ok(" 0 earlier bans" in told, "nor is it known for any ban", told)


class Inside:
    """A stream whose datagrams go through a relay to one peer, as turn_client.Session wants it."""

    def __init__(self, relay, peer):
        self.relay, self.peer = relay, peer

    def sendall(self, packet):
        self.relay.send(self.peer, packet)

    def recv(self, _):
        end = time.monotonic() + 2
        while time.monotonic() < end:
            message = self.relay.next_message(end - time.monotonic())
            if message and message[:2] == struct.pack("!H", DATA_INDICATION):
                return turn.parse(message)[1][turn.DATA]
        raise TimeoutError("nothing came through the relay")


def guess_through_ones_own_relay(server, count):
    """With one account: the relay talks to coturn itself -> how many guesses at another user's password were answered."""
    relay = Relay("udp", server, 3478, "alice", "secret1", None)
    if not relay.allocate() or not relay.permit((server, 3478)):
        return "no relay, or no permission: %s" % relay.error
    inner = turn.Session(Inside(relay, (server, 3478)), "bert", "wrong")
    for number in range(count):
        inner.password = "wrong%d" % number
        inner.ask(turn.ALLOCATE, WANTED)
    relay.close()
    return count


@attack(VERBOSE, ci="verbose", seconds=25)
def guesses_through_ones_own_relay(arena):
    """Whom the log names is the host itself, which is never banned: the operator must hear of it."""
    arena.start("user=bert:secret1", "max-allocate-timeout=2")
    ok(arena.at("attacker", guess_through_ones_own_relay, arena.server, 60).wait() == 60, "coturn answers its own relay")
    ok(arena.daemon.says("judge.own_address", 20), "the guesses through one's own relay are told", arena.daemon.text[-2000:] + arena.log_text()[-2000:])
    arena.spared(arena.server, "the host's own address")


def many_relays(server, count, pause):
    """One after the other, and all given back at once -> how many were granted."""
    relays = [Relay("udp", server, 3478, "alice", "secret1", None, 3.0) for _ in range(count)]
    granted = 0
    for relay in relays:
        granted += relay.allocate()
        time.sleep(pause)
    for relay in reversed(relays):
        relay.close()
    return granted


@attack("default verbose verbose6", ci="", seconds=190)
def many_relays_that_end_at_once(arena):
    """Slower than thirty a minute, as of a mesh call or a media server: their lines name the client within one second."""
    arena.start()
    ok(arena.at("customer", many_relays, arena.server, 75, 2.1).wait(300) == 75, "the customer has 75 relays")
    arena.spared(arena.customer_address, "the customer whose 75 relays, opened in 2.6 minutes, end at once")


@attack("verbose verbose6", ci="verbose", seconds=25)
def a_flood_of_relays_that_end_at_once(arena):
    arena.start()
    arena.at("attacker", many_relays, arena.server, 75, 0.05).wait()
    arena.falls(arena.attacker_address, "who opens 75 relays in some seconds, and closes them last first")
