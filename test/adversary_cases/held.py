# SPDX-License-Identifier: GPL-3.0-or-later
"""Hard usage that the daemon has always stood, and must go on standing."""
import os, random, signal, subprocess, time

import slow_disk
import turn_client as turn
from addresses import guess_from_everywhere
from adversary import Guard, attack, batch, eventually, ok, sh
from coturn_world import rule_is_there
from forged_lines import examples, forged_texts, inscribe, reset_line, reset_often, visit_coturn


def forge_at_random(server, victim, count, seed):
    """Random texts, most of them with whole lines in the victim's name, in each field that coturn logs."""
    chance = random.Random(seed)
    texts = {room: forged_texts(victim, room) for room in (126, 508, 900)}
    places = (("origin", 900), ("origin", 126), ("username", 508), ("realm", 126))
    for _ in range(count):
        place, room = chance.choice(places)
        text = chance.choice(texts[room])
        if chance.random() < 0.3:
            at = chance.randrange(len(text))
            text = text[:at] + bytes(chance.randrange(256) for _ in range(8)) + text[at + 8:]
        turn.inscribe(server, 3478, place, [text])
    return count


@attack("default verbose default6", ci="verbose", seconds=35)
def random_forgeries_over_rotations_and_kills(arena):
    arena.configure("")
    arena.start_coturn(*arena.mode.options, over=(arena.server,))
    state = arena.place + "/state"
    os.mkdir(state)
    keep = dict(environment={"STATE_DIRECTORY": state})
    arena.start_guard(**keep)
    players = [arena.at("attacker", forge_at_random, arena.server, arena.victim_address, 1500, seed) for seed in range(2)]
    for turn_of in range(8):
        os.rename(arena.log, "%s.%d" % (arena.log, turn_of))
        open(arena.log, "w").close()
        arena.coturn.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        if turn_of % 4 == 3:
            arena.daemon.process.kill()
            arena.daemon.wait()
            arena.start_guard(warm=False, **keep)
    for player in players:
        player.wait(200)
    arena.spared(arena.victim_address, "the victim of three thousand random forgeries over eight rotations and two kill -9")
    arena.at("clumsy", reset_often, arena.server, 14).wait()
    arena.falls(arena.clumsy_address, "who resets fourteen connections after all that")


def hold_open(server, port, seconds):
    with turn.connect("tcp", server, 3478) as stream:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            stream.sendall(turn.request(turn.BINDING, b""))
            stream.recv(1000)
            time.sleep(0.3)
    return True


def knock_and_forge(server, victim, seconds, ports):
    """Connect and reset as fast as it goes, and resets forged for the ports of the victim's living connections."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for _ in range(20):
            try:
                turn.reset(turn.connect("tcp", server, 3478))
            except OSError:
                pass
        inscribe(server, [reset_line(victim, 40000 + (count + n) % 20000, n) for n in range(7)])
        count += 7
    return count


@attack("default verbose default6 journal", ci="default6", seconds=25)
def resets_while_the_victims_connections_live(arena):
    arena.start()
    living = [arena.at("victim", hold_open, arena.server, 3478, 9) for _ in range(3)]
    players = [arena.at("attacker", knock_and_forge, arena.server, arena.victim_address, 6, 0) for _ in range(2)]
    for player in players:
        player.wait()
    ok(all(player.wait() for player in living), "the victim's connections live all the time")
    arena.spared(arena.victim_address, "the victim with living connections, while somebody resets thousands and forges")


@attack("default verbose6", ci="", seconds=60)
def every_ephemeral_port_forged(arena):
    """A reset line for each port that the customer's closed connection can have had."""
    arena.start()
    visits = arena.at("victim", visit_coturn, arena.server, list(range(47000, 47040)), 3478, (), 0.5)
    lines = [reset_line(arena.victim_address, port) for port in range(46500, 47600)]
    for some in range(0, len(lines), 7):
        arena.at("attacker", inscribe, arena.server, lines[some:some + 7]).wait()
    visits.wait()
    arena.spared(arena.victim_address, "the customer who closes normally while every port is forged")


def guess_beside(server, source, count):
    """Over UDP, so that each guess is on trial -> how many were answered."""
    session, answered = turn.Session(turn.connect("udp", server, 3478, source, 1.0), "alice", "wrong"), 0
    for _ in range(count):
        try:
            session.ask(turn.ALLOCATE, turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP))
            answered += 1
        except OSError:
            pass
    return answered


def keep_asking(server, transport, seconds):
    """A customer with a relay -> how often an answer was missing."""
    missing, end = 0, time.monotonic() + seconds
    session = turn.Session(turn.connect(transport, server, 3478, None, 2.0), "alice", "secret1")
    if not session.allocate():
        return "no relay"
    while time.monotonic() < end:
        try:
            missing += not session.ask(turn.REFRESH, turn.attribute(turn.LIFETIME, b"\0\0\2\x58"))[0]
        except OSError as problem:
            return "%s" % problem
        time.sleep(0.2)
    return missing


def elements(name):
    return sh("nft list set inet coturn-guard-gate " + name, check=False).count(" . ")


@attack("verbose verbose6", ci="verbose6", seconds=45)
def firewall_reloads_while_the_disk_hangs(arena):
    """What is on trial, sums of wide networks, bans and the gate's sets, while somebody loads the firewall anew and the state
    file cannot be written."""
    hung, six = arena.place + "/hung", arena.mode.six
    os.mkdir(arena.place + "/state")
    keep = dict(environment={"STATE_DIRECTORY": arena.place + "/state", **slow_disk.environment(arena.place, hung_while=hung)})
    arena.start("max-allocate-timeout=2", config="gate: on\n", **keep)
    heard = "coturn-guard-heard-%d" % arena.net
    talking = arena.at("customer", keep_asking, arena.server, "tcp", 14)
    ok(eventually(lambda: elements(heard) > 0, 5), "the gate has heard a customer's connection", sh("nft list ruleset"))
    first = arena.mark()
    written = lambda: {name: os.stat(arena.place + "/state/" + name).st_mtime_ns for name in os.listdir(arena.place + "/state") if name.startswith("state.db")}
    open(hung, "w").close()
    time.sleep(1.5)  # something was to be written meanwhile
    before = written()
    guessing = arena.at("attacker", guess_beside, arena.server, arena.attacker_address, 8)
    sources = ["2001:db8:bad:1%02x::1" % number for number in range(40)]
    if six:
        batch(("-n", "attacker"), ["addr add %s/128 dev eth0 nodad" % source for source in sources])
        sh("ip -6 route add 2001:db8:bad::/48 dev to-attacker", check=False)
        arena.at("attacker", guess_from_everywhere, arena.server, sources[:14], 4).wait()
    for _ in range(2):
        sh("until nft flush ruleset && ipset destroy; do :; done 2>/dev/null")
        right = eventually(lambda: rule_is_there() and arena.banned(first) and heard in sh("nft list ruleset"), 8)
        ok(right, "after a reload of the firewall rule, bans and the gate's sets are back while the disk hangs", arena.daemon.text[-1500:] + sh("nft list ruleset"))
    ok(guessing.wait() > 5, "somebody guesses meanwhile")
    arena.falls(arena.attacker_address, "the guesser whose guesses were on trial then")
    if six:
        arena.at("attacker", guess_from_everywhere, arena.server, sources[14:], 4)
        arena.falls(sources[-1], "the /56 that had guessed from fourteen /64s before,", 30)
    ok(eventually(lambda: elements(heard) > 0, 5), "the customer's connection is heard again", sh("nft list ruleset"))
    missing = talking.wait()
    ok(missing == 0, "each of its requests is answered", missing)
    last = arena.mark()
    ok(written() == before, "nothing was written all the time", (before, written()))
    os.remove(hung)
    ok(arena.daemon.stop() == 0, "the daemon ends in order when the disk is back", arena.daemon.text[-1500:])
    sh("until nft flush ruleset && ipset destroy; do :; done 2>/dev/null")
    arena.start_guard(config="gate: on\n", warm=False, **keep)
    ok(eventually(lambda: arena.banned(last), 8), "what was judged while the disk hung was saved all the same", arena.daemon.text[-1500:])


ODD = ["", "7:", "7: :", "7: : session", ": : : :", "7: : ERROR: session 000000000000000001:", "\\x00" * 40, "A" * 5000, "7: : " + "session " * 200,
       "7: : session 99999999999999999999999: closed (2nd stage), user <", "99999999999999999999: : x", "7: : ERROR: session 000000000000000001: TCP socket error: " + "a" * 900,
       "\\udcff\\udcfe", "7: : IPv6. tcp or tls connected to: " + ":" * 100, "[" * 300]


@attack("default journal", ci="default", seconds=25)
def pathological_lines(arena):
    """Two hundred thousand lines that are nearly something."""
    chance = random.Random(1)
    arena.configure("witness: off\n" if not arena.mode.journal else "")
    lines = [line for of_rule in examples().values() for line in of_rule]
    odd = [text.encode("utf-8", "surrogateescape") for text in ODD]

    def some():
        line = chance.choice(lines).encode()
        at = chance.randrange(len(line))
        return chance.choice((line[:at], line[:at] + line, chance.choice(odd), line[:at] + chance.choice(odd)))
    arena.start()
    if arena.mode.journal:
        for _ in range(2000):
            arena.journal.write(arena.coturn.pid, 0, "turnserver", "coturn.service", some())
    else:
        with open(arena.log, "ab") as log:
            for _ in range(200):
                log.write(b"\n".join(some() for _ in range(1000)) + b"\n")
    arena.mark(60)
    ok(arena.daemon.alive(), "the daemon lives and bans who offends after these lines")
    ok(arena.customer.served(), "and the customer is served")


ESCAPES = "\x1b[31m\x1b]0;owned\x07\x9b2J"


@attack("default verbose", ci="verbose", seconds=14)
def escapes_in_every_verb(arena):
    """What an attacker writes must not reach the operator's terminal as it is."""
    arena.start("max-allocate-timeout=3")
    texts = [("x%s%s" % (ESCAPES, n)).encode("latin-1") for n in range(3)]
    arena.at("attacker", turn.inscribe, arena.server, 3478, "username", texts).wait()
    arena.at("attacker", turn.inscribe, arena.server, 3478, "origin", texts).wait()
    arena.at("attacker", guess_as_escape, arena.server).wait()
    arena.settle()
    configured = ["--config", arena.place + "/coturn-guard.yaml"]
    for words in (["status"], ["status", "--json"], ["list"], ["why", *configured, arena.attacker_address], ["why", *configured, arena.attacker_address, arena.log],
                  ["replay", *configured, arena.log], ["replay", *configured, "--json", arena.log], ["replay", *configured, "--offences", arena.log], ["breaker"],
                  ["explain", *configured, "7: : ERROR: check_stun_auth: wrong username: " + ESCAPES]):
        said = subprocess.run([Guard.program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        ok(b"\x1b" not in said and b"\x07" not in said and b"\x9b2J" not in said.replace(b"\xc2\x9b", b"\x9b"), "no escape sequence in what `%s` says" % words[0], said[-600:])
    ok("\x1b" not in arena.daemon.text and "\x07" not in arena.daemon.text, "nor in the daemon's own log")


def guess_as_escape(server):
    for number in range(12):
        try:
            turn.allocate_once("tcp", server, 3478, "a" + "\x1b[31m%d" % number, "x")
        except OSError:
            return
