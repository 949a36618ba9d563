# SPDX-License-Identifier: GPL-3.0-or-later
"""What a good name is worth: to customers whom others make offend, and to attackers who buy one."""
import base64, hmac, time

import turn_client as turn
from adversary import SERVER4, VERBOSE, attack, eventually, ok
from turn_relay import Relay

WANTED = turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP)


def log_in(server, source, users, times=1, transport="tcp"):
    """Each of the users so often -> how many got a relay."""
    got = 0
    for _ in range(times):
        for user in users:
            got += turn.allocate_once(transport, server, 5349 if transport == "tls" else 3478, user, "secret1", source)[0]
    return got


TRIES_IN_A_CONNECTION = 10  # coturn names who it was when the connection ends


def guess(server, source, count, user="alice", transport="tcp"):
    """So many passwords, ten over each connection, until nobody answers any more -> how many were answered."""
    answered = 0
    while answered < count:
        try:
            with turn.connect(transport, server, 5349 if transport == "tls" else 3478, source, 1.5) as stream:
                session = turn.Session(stream, user, "wrong")
                session.ask(turn.ALLOCATE, WANTED)
                for _ in range(min(TRIES_IN_A_CONNECTION, count - answered)):
                    session.password = "wrong%d" % answered
                    session.ask(turn.ALLOCATE, WANTED)
                    answered += 1
        except OSError:
            break
        time.sleep(0.2)
    return answered


@attack(VERBOSE, ci="verbose", seconds=22)
def six_own_addresses_open_the_breaker(arena):
    """One account and six addresses: each logs in and then fails as itself. Whoever guesses elsewhere must fall all the same."""
    arena.start("user=bert:secret1")
    honest, own = arena.more_addresses("customer", 10), arena.more_addresses("attacker", 6)
    for address in honest:
        arena.at("customer", log_in, arena.server, address, ["alice"]).wait()
    for address in own:
        arena.at("attacker", log_in, arena.server, address, ["alice"]).wait()
        for _ in range(5):
            arena.at("attacker", guess, arena.server, address, 1).wait()
    eventually(lambda: arena.banned(own[-1]) or "breaker.open" in arena.daemon.text, 10)
    answered = arena.at("clumsy", guess, arena.server, None, 300).wait()
    arena.falls(arena.clumsy_address, "the guesser of an account that six other addresses were made to fail with")
    ok(answered <= 100, "by the hundredth try", "%d guesses were answered" % answered)
    for address in honest[:2]:
        arena.spared(address, "a customer of that hour", settle=False)


@attack(VERBOSE, ci="verbose", seconds=30)
def seven_accounts_open_the_breaker(arena):
    """Each account fails as itself from an address of its own. That opens the breaker, and buys no guess at anybody else's."""
    users = ["own%d" % number for number in range(7)]
    arena.start(*("user=%s:secret1" % user for user in users))
    own = arena.more_addresses("attacker", 7)
    for user, address in zip(users, own):
        arena.at("attacker", log_in, arena.server, address, [user]).wait()
    for user, address in zip(users[:6], own):
        arena.at("attacker", guess, arena.server, address, 110, user).wait()
    arena.settle()
    ok(arena.daemon.says(r"breaker\.open.*as a user that had logged in"), "the breaker opens, and says what it withholds", arena.daemon.text[-2000:])
    arena.spared(own[5], "who fails as itself while it is open")
    arena.at("attacker", guess, arena.server, own[6], 300).wait()
    arena.falls(own[6], "who has an account and guesses at another's, while the breaker is open")
    arena.at("clumsy", guess, arena.server, None, 300).wait()
    arena.falls(arena.clumsy_address, "the stranger who guesses while the breaker is open")


def log_in_by_times(server, source, secret, names):
    """With credentials of a REST API -> how many got a relay."""
    got = 0
    for name in names:
        password = base64.b64encode(hmac.new(secret.encode(), name.encode(), "sha1").digest()).decode()
        got += turn.allocate_once("tcp", server, 3478, name, password, source)[0]
    return got


@attack(VERBOSE, ci="verbose", seconds=25)
def rest_names_count_as_one_user(arena):
    """One account of a REST API has another name at each login. It is one user from however many addresses: no breaker opens."""
    arena.start("use-auth-secret", "static-auth-secret=s3")
    soon, own = int(time.time()) + 3600, arena.more_addresses("attacker", 7)
    for number, address in enumerate(own):
        logins = arena.at("attacker", log_in_by_times, arena.server, address, "s3", ["%d:mallory" % (soon + number), "%d" % (soon + number)]).wait()
        ok(logins == 2, "it logs in from %s" % address, logins)
        arena.at("attacker", guess, arena.server, address, 310, "%d:mallory" % (soon + 100 + number)).wait()
    arena.settle()
    ok("breaker.open" not in arena.daemon.text, "the breaker stays closed", arena.daemon.text[-2000:])
    ok("judge.gateway" not in arena.daemon.text, "and nobody is taken for a gateway", arena.daemon.text[-2000:])


@attack(VERBOSE, ci="verbose journal6", seconds=16)
def twenty_five_logins_make_a_gateway(arena):
    users = ["u%d" % number for number in range(5)]
    arena.start(*("user=%s:secret1" % user for user in users))
    logins = arena.at("attacker", log_in, arena.server, None, users, 5).wait()
    ok(logins == 25, "five accounts log in five times each", logins)
    answered = arena.at("attacker", guess, arena.server, None, 500).wait()
    arena.falls(arena.attacker_address, "the guesser who logged in 25 times as five users before")
    ok(answered <= 300, "by the three hundredth try", "%d guesses were answered" % answered)


def offer_candidates(server, source, transport, candidates, rounds=2):
    """An ICE agent whose partner offers these candidates: it logs in, asks permission for each as browsers do, some of them
    again and again, and stays a customer -> did it get its relay?"""
    relay = Relay(transport, server, 5349 if transport == "tls" else 3478, "alice", "secret1", source)
    allocated = relay.allocate()
    try:
        for _ in range(rounds):
            for address in candidates:
                # A refusal is no matter for an ICE agent: the pair has failed, the others go on.
                relay.ask(turn.CREATE_PERMISSION, turn.peer_attribute(address, 5000))
        relay.close()
    except OSError:
        return False  # cut off
    return allocated


PARTNERS = (["127.0.0.%d" % n for n in range(1, 5)] + ["169.254.169.%d" % n for n in (254, 253, 252, 123)] +
            ["10.0.%d.%d" % (n // 40, 1 + n % 40) for n in range(80)])


@attack(VERBOSE + " default", ci="verbose journal6", seconds=16)
def ice_candidates_of_a_partner(arena):
    """4 loopback, 4 metadata and 80 private candidates, as a light player that does what browsers do."""
    arena.start("denied-peer-ip=10.0.0.0-10.255.255.255", "denied-peer-ip=169.254.0.0-169.254.255.255")
    for transport in ("udp", "tcp", "tls"):
        try:
            got = arena.at("customer", offer_candidates, arena.server, None, transport, PARTNERS).wait()
        except AssertionError as problem:
            got = problem
        if not ok(got is True, "the customer is served over %s to the end" % transport.upper(), got):
            break
    arena.spared(arena.customer_address, "the customer whose partner offers 4 loopback, 4 metadata and 80 private candidates")


def bind_inside(server, source, count, transport="tcp"):
    """Channels to addresses of this machine's and the cloud's metadata: nobody's ICE agent does that."""
    relay = Relay(transport, server, 3478, "alice", "secret1", source)
    relay.allocate()
    for number in range(count):
        relay.bind_channel(("127.0.0.%d" % (1 + number), 22 + number), 0x4000 + number)
    relay.close()


def bind_here(server, count, ask):
    """Channels to, or permissions for, ports of coturn's own public address."""
    relay = Relay("tcp", server, 3478, "alice", "secret1", None)
    relay.allocate()
    for number in range(count):
        if ask == "CHANNEL_BIND":
            relay.bind_channel((SERVER4, 22 + number), 0x4000 + number)
        else:
            relay.ask(turn.CREATE_PERMISSION, turn.peer_attribute(SERVER4, 22 + number))
    relay.close()


@attack(VERBOSE, ci="journal6", seconds=16)
def channels_to_coturns_own_address(arena):
    """denied-peer-ip names the host itself: each refusal tells the address, and no port. Two customers of one coturn offer it to
    each other, once or twice a call."""
    arena.start("denied-peer-ip=%s-%s" % (SERVER4, SERVER4))
    arena.at("customer", bind_here, arena.server, 4, "CHANNEL_BIND").wait()
    arena.at("clumsy", bind_here, arena.server, 40, "CREATE_PERMISSION").wait()
    try:
        arena.at("attacker", bind_here, arena.server, 40, "CHANNEL_BIND").wait()
    except AssertionError:
        pass  # it was cut off half-way
    arena.falls(arena.attacker_address, "the user who binds channels to forty ports of coturn's own address", rule="own-channel")
    arena.spared(arena.customer_address, "the customer whose two calls end at the same coturn")
    arena.spared(arena.clumsy_address, "who only asks permission for it, again and again,", settle=False)


@attack(VERBOSE, ci="verbose", seconds=14)
def channels_into_the_host(arena):
    arena.start()
    try:
        arena.at("attacker", bind_inside, arena.server, None, 30).wait()
    except AssertionError:
        pass  # it was cut off half-way
    arena.falls(arena.attacker_address, "the user who binds channels to thirty loopback addresses")


def page(server, source, users, connections, password):
    """A page that opens so many RTCPeerConnections with made-up credentials: each is a UDP session of its own, with one try."""
    for number in range(connections):
        stream = turn.connect("udp", server, 3478, source, 1.0)
        try:
            turn.Session(stream, users[number % len(users)], password).allocate()
        except OSError:
            pass  # dropped: it has been banned


@attack(VERBOSE, ci="verbose", seconds=30)
def three_connections_of_a_page(arena):
    """With a good name: three RTCPeerConnections of a web page, with made-up users, are the page's doing."""
    arena.start("max-allocate-timeout=3")
    ok(arena.at("customer", log_in, arena.server, None, ["alice"], 2).wait() == 2, "the customer logs in")
    arena.at("customer", page, arena.server, None, ["x1", "x2", "x3"], 3, "wrong").wait()
    arena.wait_for_log(r"closed \(2nd stage\), user <> realm|closed \(2nd stage\), user <x", 3, 30)
    arena.spared(arena.customer_address, "the customer who opened a page with three RTCPeerConnections of made-up users")
    arena.at("attacker", page, arena.server, None, ["x%d" % n for n in range(60)], 60, "wrong").wait()
    arena.falls(arena.attacker_address, "the stranger who tries sixty user names over UDP", 30)


@attack(VERBOSE, ci="", seconds=20)
def names_that_are_a_bare_time_make_a_gateway(arena):
    """Credentials of a REST API without a user: each login has a new name, and is no new user."""
    users = [str(4000000001 + number) for number in range(25)]
    arena.start(*("user=%s:secret1" % user for user in users))
    ok(arena.at("attacker", log_in, arena.server, None, users).wait() == 25, "25 names that are a bare time log in")
    answered = arena.at("attacker", guess, arena.server, None, 500).wait()
    arena.falls(arena.attacker_address, "the guesser who logged in with 25 bare times before")
    ok(answered <= 300, "by the three hundredth try", "%d guesses were answered" % answered)


@attack(VERBOSE, ci="", seconds=25)
def ten_accounts_open_the_breaker(arena):
    """Ten accounts at ten addresses fail as themselves; then one of the addresses guesses at somebody else."""
    users = ["own%d" % number for number in range(10)]
    arena.start(*("user=%s:secret1" % user for user in users))
    own = arena.more_addresses("attacker", 10)
    for user, address in zip(users, own):
        arena.at("attacker", log_in, arena.server, address, [user]).wait()
        for _ in range(5):
            arena.at("attacker", guess, arena.server, address, 1, user).wait()
    answered = arena.at("attacker", guess, arena.server, own[0], 300, "alice").wait()
    arena.falls(own[0], "who failed as itself, to open the breaker, and then guesses at another user")
    ok(answered <= 100, "by the hundredth try", "%d guesses were answered" % answered)


@attack(VERBOSE, ci="", seconds=16)
def a_login_buys_no_guesses(arena):
    """One login, and then other users' passwords, over TLS."""
    arena.start()
    arena.at("attacker", log_in, arena.server, None, ["alice"], 1, "tls").wait()
    answered = arena.at("attacker", guess, arena.server, None, 300, "admin", "tls").wait()
    arena.falls(arena.attacker_address, "who logs in as one user and guesses at another over TLS")
    ok(answered <= 100, "by the hundredth try", "%d guesses were answered" % answered)
