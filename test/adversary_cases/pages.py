# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page has a customer do: with credentials of its own, and while no line of the log has named the customer yet, for it is
in its first call, or the log tells of no logins."""
import os, time

import turn_client as turn
from adversary import attack, eventually, ok
from coturn_world import sh
from turn_relay import Relay

HTTP = b"GET /x HTTP/1.1\r\nHost: t\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n"


def fetch(server, times, pause=0.1):
    """As a page's fetch("http://turn.example.org:3478/") -> how many were let in."""
    done = 0
    for _ in range(times):
        try:
            with turn.connect("tcp", server, 3478, None, 2) as stream:
                done += 1
                stream.sendall(HTTP)
                stream.recv(4096)
        except ConnectionError:
            pass  # coturn hangs up without an answer
        except OSError:
            break  # dropped
        time.sleep(pause)
    return done


def call_and_fetch(server, times):
    """A call over UDP, and meanwhile a page -> whether it has a relay, how many fetches were let in, whether the call goes on."""
    relay = Relay("udp", server, 3478, "alice", "secret1", None)
    got, done = bool(relay.allocate()), fetch(server, times)
    time.sleep(4)  # what waits for the kernel's word is judged
    try:
        return [got, done, bool(relay.refresh())]
    except OSError:
        return [got, done, False]


def call(server, seconds):
    relay = Relay("udp", server, 3478, "alice", "secret1", None)
    got = bool(relay.allocate())
    time.sleep(seconds)
    return got


@attack("default verbose quiet-journal journal default6 verbose6", ci="default verbose", seconds=20)
def a_page_fetches_in_a_first_call(arena):
    """coturn names who is in a call when it ends, and in its default log it never says that somebody logged in."""
    arena.start()
    told = arena.at("customer", call_and_fetch, arena.server, 40).wait()
    ok(told == [True, 40, True], "a customer in its first call opens a page that fetches forty times, and the call goes on", told)
    arena.spared(arena.customer_address, "the customer in its first call whose page fetched forty times")


@attack("default verbose default6 verbose6", ci="default verbose", seconds=25)
def http_while_others_are_in_a_call(arena):
    """Whose call it is is nobody else's good name: a customer's, or one that the scanner pays for at another address."""
    arena.start()
    calls = [arena.at(host, call, arena.server, 25) for host in ("customer", "clumsy")]
    time.sleep(1)
    tries = 5 if arena.verbose else 35
    done = arena.at("attacker", fetch, arena.server, tries, 0.25 if arena.verbose else 0.1).wait()
    arena.falls(arena.attacker_address, "who says HTTP %d times while a customer and a friend of its are in calls" % done, 10)
    ok(all(player.wait() for player in calls), "and both have had their call")


def call_and_fetch_later(server, times, seconds):
    relay = Relay("udp", server, 3478, "alice", "secret1", None)
    got = bool(relay.allocate())
    time.sleep(seconds)
    return [got, fetch(server, times)]


@attack("default verbose", ci="verbose", seconds=40)
def a_page_fetches_after_a_restart_of_the_daemon(arena):
    """In the middle of a first call. Nothing is answered to the customer meanwhile that would tell of it anew."""
    keep = dict(environment={"STATE_DIRECTORY": arena.place + "/state"})
    os.makedirs(arena.place + "/state")
    arena.start(**keep)
    player = arena.at("customer", call_and_fetch_later, arena.server, 40, 25)
    ok(eventually(lambda: arena.customer_address in sh("nft list set inet coturn-guard-logins told-4"), 15), "the kernel told of the call")
    ok(arena.daemon.stop() == 0, "the daemon ends while a customer is in its first call", arena.daemon.text)
    ok("coturn-guard-logins" not in sh("nft list tables"), "and the table goes that told of the call", sh("nft list tables"))
    arena.start_guard(**keep)
    ok(player.wait() == [True, 40], "a page fetches forty times after the daemon was started anew")
    time.sleep(4)
    arena.spared(arena.customer_address, "the customer in its first call whose page fetched after a restart")


@attack("default verbose", ci="default", seconds=25)
def a_page_fetches_after_the_rules_were_flushed(arena):
    arena.start()
    table = "inet coturn-guard-logins"
    ok(table in sh("nft list tables"), "the table that tells of calls is there", sh("nft list tables"))
    saved = arena.place + "/saved.nft"
    sh("nft list table %s > %s; nft delete table %s; nft -f %s" % (table, saved, table, saved))
    ok(table in sh("nft list tables"), "a ruleset that was listed with it loads")
    sh("nft flush ruleset")
    ok(eventually(lambda: table in sh("nft list tables"), 10), "it is back after all rules were flushed", arena.daemon.text)
    told = arena.at("customer", call_and_fetch, arena.server, 40).wait()
    ok(told == [True, 40, True], "a customer in its first call opens a page that fetches forty times, and the call goes on", told)
    arena.spared(arena.customer_address, "the customer whose page fetched after the rules were flushed")


def quota_page(server, count):
    """Served once, and then a page with an account whose quota is used up -> whether served, the answers' codes."""
    relay = Relay("udp", server, 3478, "alice", "secret1", None)
    got, codes = bool(relay.allocate()), {}
    for _ in range(count):
        try:
            refused = Relay("udp", server, 3478, "mallory", "secret1", None, 3.0)
            refused.allocate()
            codes[str(refused.error)] = codes.get(str(refused.error), 0) + 1
        except OSError:
            break  # dropped
    relay.close()
    return [got, codes]


@attack("verbose journal", ci="verbose", seconds=25)
def a_page_with_an_account_whose_quota_is_used_up(arena):
    arena.start("user=mallory:secret1", "user-quota=2", "max-allocate-timeout=3")
    got, codes = arena.at("customer", quota_page, arena.server, 50).wait()
    ok(got and codes.get("486", 0) >= 40, "a page makes fifty calls with an account whose quota is used up", codes)
    arena.wait_for_log(r"closed \(2nd stage\)", codes["486"], 60)
    arena.spared(arena.customer_address, "the customer whose page makes fifty calls with an account whose quota is used up")
