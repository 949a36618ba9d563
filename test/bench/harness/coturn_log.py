# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a synthetic coturn 4.6.1 log, the same for the same arguments.

The shapes of the lines are those of a real coturn 4.6.1 (Debian 12) with `verbose`. Offenders are drawn from a Zipf
distribution over `addresses`, a fifth of them IPv6. Half a percent of the lines are forgeries: attacker text (a user
name, an origin) that imitates an offence of a canary address which must never be banned.
"""
import argparse
import collections
import ipaddress
import itertools
import json
import os
import random

REALM = "turn.example.org"
FIRST_SECOND = 590556
LINES_PER_SECOND = 200
FORGED_SHARE = 0.005
# A guard may refuse to believe what stands within coturn's record limit behind attacker text (whose newlines coturn up
# to 4.16 prints raw), so an offence there may count or not. Twice the limit of 1023 bytes: the next line boundary, too.
DOUBT_BYTES = 2048


def offence(address, number=0, form="coturn", second=FIRST_SECOND, transport="TLS/TCP", port=None):
    """One line that counts against `address`. form "sshd": for programs that cannot be taught coturn's."""
    port = 20000 + number % 40000 if port is None else port
    if form == "sshd":
        return "Nov 22 11:42:54 turn sshd[%d]: Invalid user admin from %s port %d\n" % (
            1000 + number % 30000, address, port)
    shown = "[%s]" % address if ":" in address else address
    return "%d: : ERROR: session %018d: %s socket error: Connection reset by peer %s:%d\n" % (
        second, number, transport, shown, port)


def forgery(canary, second, session, number):
    """Attacker text that reads like an offence of `canary`: a user name, or one together with an origin."""
    fake = offence(canary, 26, port=39497).rstrip("\n")
    if number & 1:
        return "%d: : ERROR: check_stun_auth: wrong username: %s\n" % (second, fake)
    return ("%d: : session %018d: closed (2nd stage), user <%s> realm <%s> origin <\x1b[2J\\x00%s>, "
            "local 203.0.113.10:5349, remote 192.0.2.7:%d, reason: allocation timeout\n"
            % (second, session, fake, REALM, "A" * (number % 300), number))


# weight, line without second and session. {s} is the session part where the line has one
BENIGN = (
    (10, "IPv4. tcp or tls connected to: {client}:{n}"),
    (12, "{s}realm <{realm}> user <>: incoming packet message processed, error 401: Unauthorized"),
    (10, "IPv4. Local relay addr: 203.0.113.10:{n}"),
    (10, "{s}new, realm=<{realm}>, username=<{user}>, lifetime=600"),
    (14, "{s}realm <{realm}> user <{user}>: incoming packet ALLOCATE processed, success"),
    (14, "{s}refreshed, realm=<{realm}>, username=<{user}>, lifetime=600"),
    (14, "{s}realm <{realm}> user <{user}>: incoming packet CHANNEL_BIND processed, success"),
    (6, "{s}peer 10.1.{byte}.{byte} lifetime updated: 300"),
    (20, "{s}usage: realm=<{realm}>, username=<{user}>, rp={n}, rb={n}97, sp={n}, sb={n}61"),
    (20, "{s}peer usage: realm=<{realm}>, username=<{user}>, rp={n}, rb={n}97, sp={n}, sb={n}61"),
    (8, "{s}TCP socket closed remotely {client}:{n}"),
    (10, "{s}closed (2nd stage), user <{user}> realm <{realm}> origin <>, local 203.0.113.10:5349, "
         "remote {client}:{n}, reason: TCP connection closed by client (callback)"),
    (4, "{s}delete: realm=<{realm}>, username=<{user}>"),
)


def distinct_addresses(how_many, share_ipv6, rng):
    found = {}
    while len(found) < how_many:
        if rng.random() < share_ipv6:
            words = [rng.randrange(1, 65536) for _ in range(4)]
            found[str(ipaddress.ip_address("2a01:%x:%x:%x::%x" % tuple(words)))] = True
        else:
            first = rng.choice((23, 31, 37, 45, 62, 77, 87, 91, 103, 117, 141, 154, 176, 185, 193))
            found["%d.%d.%d.%d" % (first, rng.randrange(256), rng.randrange(256), rng.randrange(1, 255))] = True
    return list(found)


def write(path, lines, form="coturn", offences=0.05, addresses=50000, seed=1):
    """Write the log and, beside it, PATH.json: who must be banned by three offences, who may, and the canaries."""
    rng = random.Random(seed)
    offenders = distinct_addresses(addresses, 0.2, rng)
    zipf = list(itertools.accumulate(1.0 / (i + 1) for i in range(len(offenders))))
    users = ["%d:user%04d" % (1700000000 + 97 * i, i) for i in range(2000)]
    clients = ["[%s]" % c if ":" in c else c for c in distinct_addresses(5000, 0.1, random.Random(seed + 1))]
    weights = list(itertools.accumulate(weight for weight, _ in BENIGN))
    total, sure = collections.Counter(), collections.Counter()
    canaries = set()
    written, doubt_until = 0, 0
    with open(path + ".part", "w", buffering=1 << 20) as log:
        for i in range(lines):
            second = FIRST_SECOND + i // LINES_PER_SECOND
            kind, number = rng.random(), rng.randrange(1024, 65024)
            session = number % 8 * 10 ** 15 + i
            if kind < offences:
                address = rng.choices(offenders, cum_weights=zipf)[0]
                line = offence(address, session, form, second, "TLS/TCP" if number % 10 < 7 else "TCP", number)
                total[address] += 1
                sure[address] += written >= doubt_until
            elif kind < offences + FORGED_SHARE:
                canary = "198.51.100.%d" % (number % 254 + 1)
                canaries.add(canary)
                line = forgery(canary, second, session, number)
                doubt_until = written + len(line) + DOUBT_BYTES
            else:
                template = rng.choices(BENIGN, cum_weights=weights)[0][1]
                line = "%d: : %s\n" % (second, template.format(
                    s="session %018d: " % session, realm=REALM, user=users[number % 2000],
                    client=clients[number % 5000], n=number, byte=number % 251))
            written += len(line)
            log.write(line)
    with open(path + ".json", "w") as about:
        json.dump({"lines": lines, "bytes": written, "canaries": sorted(canaries),
                   "must": sorted(a for a, n in sure.items() if n >= 3),
                   "may": sorted(a for a, n in total.items() if n >= 3)}, about)
    os.rename(path + ".part", path)


def cached(directory, lines, form="coturn", offences=0.05):
    """Path of such a log, written once per work directory; and what is known about it."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "%s-%d-%g.log" % (form, lines, offences))
    if not os.path.exists(path):
        write(path, lines, form, offences)
    with open(path + ".json") as about:
        return path, json.load(about)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("out")
    arguments.add_argument("--lines", type=int, default=1_000_000)
    arguments.add_argument("--form", choices=("coturn", "sshd"), default="coturn")
    arguments.add_argument("--offences", type=float, default=0.05, help="share of offence lines")
    given = arguments.parse_args()
    write(given.out, given.lines, given.form, given.offences)
