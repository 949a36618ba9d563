# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page has a customer do with credentials of its own."""
from adversary import attack, ok
from turn_relay import Relay


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
