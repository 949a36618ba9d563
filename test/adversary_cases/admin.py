# SPDX-License-Identifier: GPL-3.0-or-later
"""Coturn's web-admin: guesses over one connection that stays, of which no line names the client, and whom they are charged to."""
import os, re, time

import turn_client as turn
from adversary import ALL_MODES, attack, eventually, ok
from coturn_world import Guard, sh
from forged_lines import inscribe

PORT = 8080
HEAD = "POST %s HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n"
LOGON = "handle_https: HTTPS request, path /logon"


def start(arena):
    """Coturn with a web-admin, an administrator "admin" whose password is "right", and the daemon that knows its port."""
    arena.start_coturn(*arena.mode.options, "web-admin", "web-admin-ip=" + arena.server, "web-admin-port=%d" % PORT, over=(arena.server,))
    turnadmin = os.path.join(os.path.dirname(os.environ["TURNSERVER"]), "turnadmin")
    sh("unshare --mount sh -c 'mount -t tmpfs tmpfs /var/log; %s -A -b %s/turndb -u admin -p right'" % (turnadmin, arena.place), check=False)
    sh("mkdir -p /run/coturn-guard; %s detect --turnserver-conf %s/turnserver.conf --output /run/coturn-guard/detected.yaml" % (Guard.program, arena.place))
    arena.start_guard()


def post(stream, path, body):
    stream.sendall((HEAD % (path, len(body))).encode() + body)
    return stream.recv(65536)


def guess(server, seconds, pause=0.0, source=None):
    """Passwords over one connection, until nothing comes back -> how many were answered"""
    answered, end = 0, time.monotonic() + seconds
    try:
        with turn.connect("tls", server, PORT, source, 3) as stream:
            while time.monotonic() < end and post(stream, "/logon", b"uname=admin&pwd=wrong%d" % answered):
                answered += 1
                time.sleep(pause)
    except OSError:
        pass
    return answered


def administer(server, mistakes, pages, pause):
    """An administrator at work, over one connection -> how many answers came"""
    answers = 0
    with turn.connect("tls", server, PORT, None, 5) as stream:
        for path, body in [("/logon", b"uname=admin&pwd=oops%d" % n) for n in range(mistakes)] + [("/logon", b"uname=admin&pwd=right")] + [
                ("/" + ("home", "us", "ps", "pc")[n % 4], b"") for n in range(pages)]:
            answers += bool(post(stream, path, body))
            time.sleep(pause)
    return answers


def write_lines(server, count, pause):
    for _ in range(count):
        inscribe(server, [LOGON] * 8)
        time.sleep(pause)


@attack(ALL_MODES, ci="default journal6", seconds=20)
def passwords_of_web_admin_over_one_connection(arena):
    start(arena)
    told = arena.at("attacker", guess, arena.server, 20).wait()
    arena.falls(arena.attacker_address, "who guesses the administrator's password over one connection as fast as it can (%d tries)" % told)
    told = arena.at("clumsy", guess, arena.server, 20, 0.2).wait()
    arena.falls(arena.clumsy_address, "who guesses it over one connection five times a second (%d tries)" % told)
    ok(told <= 100, "and does so by the hundredth try", told)


@attack(ALL_MODES, ci="verbose", seconds=25)
def an_administrator_beside_a_guesser(arena):
    start(arena)
    working = arena.at("victim", administer, arena.server, 6, 30, 0.5)
    told = arena.at("attacker", guess, arena.server, 40).wait()
    arena.falls(arena.attacker_address, "who guesses the administrator's password while the administrator is at work (%d tries)" % told)
    ok(working.wait() == 37, "the administrator's pages are all answered")
    arena.spared(arena.victim_address, "the administrator who mistypes six times and works while another guesses")


@attack("default verbose default6 verbose6", ci="default", seconds=25)
def forged_requests_beside_an_administrator(arena):
    start(arena)
    forging = arena.at("attacker", write_lines, arena.server, 150, 0.1)
    told = arena.at("victim", administer, arena.server, 2, 60, 0.25).wait()
    forging.wait()
    ok(arena.log_text().count(LOGON) > 500, "the lines are in the log")
    ok(told == 63, "the administrator's pages are all answered", told)
    arena.spared(arena.victim_address, "the administrator at work while somebody forges lines of logins")


@attack("default journal", seconds=25)
def two_who_guess_an_administrators_password_at_once(arena):
    """Neither can be charged for certain: then it is told."""
    start(arena)
    players = [arena.at(host, guess, arena.server, 12, 0.02) for host in ("attacker", "clumsy")]
    for player in players:
        player.wait()
    caught = eventually(lambda: arena.banned(arena.attacker_address) and arena.banned(arena.clumsy_address)
                        or re.search("detect.smoke", arena.daemon.text), 8)
    ok(caught, "two who guess at the same time are banned, or told of", arena.details(arena.attacker_address))
