# SPDX-License-Identifier: GPL-3.0-or-later
"""Offenders who change their address, and addresses that are somebody else's."""

import turn_client as turn
from adversary import attack, batch, eventually, ok, sh

WANTED = turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP)


def guess_from_everywhere(server, sources, each, transport="tcp"):
    """So many guesses from each source -> how many were answered, from how many sources."""
    answered, used = 0, 0
    for source in sources:
        try:
            with turn.connect(transport, server, 3478, source, 1.0) as stream:
                session = turn.Session(stream, "alice", "wrong")
                session.ask(turn.ALLOCATE, WANTED)
                for _ in range(each):
                    session.ask(turn.ALLOCATE, WANTED)
                    answered += 1
        except OSError:
            break
        used += 1
    return answered, used


def bans_of(arena):
    """Prefixes of IPv6 that the daemon banned."""
    return [line for line in arena.daemon.text.splitlines() if "ban address=" in line and "2001:db8:bad" in line]


def spread(arena, sources, who, by, transport="tcp"):
    batch(("-n", "attacker"), ["addr add %s/128 dev eth0 nodad" % source for source in sources])
    sh("ip -6 route add 2001:db8:bad::/48 dev to-attacker", check=False)
    player = arena.at("attacker", guess_from_everywhere, arena.server, sources, 4, transport)
    right = eventually(lambda: any(arena.banned(source) for source in (sources[-1], sources[len(sources) // 2])), 120, 0.2)
    player.kill()
    ok(right, "%s is banned wholly" % who, arena.details(sources[0]))
    guesses = arena.log_text().count("credentials are incorrect") + arena.log_text().count("Cannot find credentials")
    ok(right and guesses <= by, "within %d guesses" % by, guesses)


@attack("verbose6 journal6", ci="verbose6", seconds=40)
def guesses_from_every_64_of_a_48(arena):
    """Four guesses from each of 600 /64s of one /48: less than a ban for each."""
    arena.start()
    spread(arena, ["2001:db8:bad:%x::1" % (1 + number * 97 % 65535) for number in range(600)], "the /48 that guesses four times from each /64", 2400)
    ok(not arena.banned(arena.victim_address) and not arena.banned(arena.clumsy_address), "its neighbours in the /32 are not banned")


@attack("verbose6 journal6", seconds=40)
def guesses_from_every_64_of_a_56(arena):
    arena.start()
    spread(arena, ["2001:db8:bad:1%02x::1" % number for number in range(256)], "the /56 that guesses four times from each /64", 1024)


@attack("verbose6", seconds=60)
def guesses_over_udp_from_every_64_of_a_48(arena):
    """Over UDP, past coturn's nonce: as proven as over TCP."""
    arena.start("max-allocate-timeout=3")
    sources = ["2001:db8:bad:%x::1" % (1 + number * 97 % 65535) for number in range(600)]
    spread(arena, sources, "the /48 that guesses over UDP from each /64", 2400, "udp")


@attack("verbose6", ci="verbose6", seconds=20)
def one_guesser_among_a_hundred_networks(arena):
    """Honest customers in the same /48 as a lone guesser: it falls, they stay."""
    arena.start()
    customers = ["2001:db8:bad:%x::1" % number for number in range(0x100, 0x110)]
    batch(("-n", "attacker"), ["addr add %s/128 dev eth0 nodad" % source for source in customers])
    sh("ip -6 route add 2001:db8:bad::/48 dev to-attacker", check=False)
    logins = arena.at("attacker", served, arena.server, customers).wait()
    ok(logins == len(customers), "sixteen customers log in from sixteen /64s", logins)
    arena.at("attacker", guess_from_everywhere, arena.server, [arena.attacker_address] * 3, 10).wait()
    arena.falls(arena.attacker_address, "the guesser of one /64")
    arena.spared(customers[3], "a customer of another /64 of that /48")


def guess_each(server, sources, each):
    """As guess_from_everywhere, and goes on where one was cut off."""
    return sum(guess_from_everywhere(server, [source], each)[0] for source in sources)


@attack("verbose6 journal6", ci="verbose6", seconds=60)
def guesses_beside_a_customer_in_the_48(arena):
    """A customer lives in the /48 (or the attacker has an account there): it stays, and each other /64 has one guess."""
    arena.start()
    customer = "2001:db8:bad:fff0::1"
    first = ["2001:db8:bad:%x::1" % (0x100 * number + number) for number in range(120)]
    later = ["2001:db8:bad:%x::1" % (0x100 * number + 0x80 + number) for number in range(40)]
    batch(("-n", "attacker"), ["addr add %s/128 dev eth0 nodad" % source for source in [customer] + first + later])
    sh("ip -6 route add 2001:db8:bad::/48 dev to-attacker", check=False)
    ok(arena.at("attacker", served, arena.server, [customer]).wait() == 1, "the customer logs in")
    arena.at("attacker", guess_each, arena.server, first, 4).wait(200)
    arena.settle()
    arena.at("attacker", guess_each, arena.server, later, 1).wait(200)
    right = eventually(lambda: all(arena.banned(source) for source in later), 15)
    ok(right, "after a hundred /64s of four guesses each, the next ones are banned at their first",
       [source for source in later if not arena.banned(source)] + [arena.details(later[0])])
    arena.spared(customer, "the customer of that /48")


def served(server, sources):
    return sum(turn.allocate_once("tcp", server, 3478, "alice", "secret1", source)[0] for source in sources)
