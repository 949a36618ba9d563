# SPDX-License-Identifier: GPL-3.0-or-later
"""A crowd of honest customers of one TURN server, each a thread with a habit of its own. Prints one JSON object.

  crowd.py --server ADDRESS --server6 ADDRESS --peer ADDRESS:PORT --customers N --seconds S [--seed N]

Customer number n logs in as customerN with the password secretN, over UDP, TCP or TLS by turns. Most have an address of their
own in HOMES; a quarter stand behind one NAT, a tenth in one IPv6 network. Each begins with its habit, goes on with ordinary
calls and its habit in turns until the time is over, and then makes one last call: is it still served? What went wrong is
told with the habit that it went wrong in.
"""
import argparse
import base64
import collections
import hashlib
import hmac
import json
import random
import resource
import sys
import threading
import time

import turn_client as turn
from turn_relay import Relay, keepalive

HOMES, NAT, OFFICE6 = "192.0.2.%d", "192.0.2.250", "2001:db8:600d::%x"
FIRST_HOME, HOMES_COUNT = 20, 225
PORTS = {"udp": 3478, "tcp": 3478, "tls": 5349}
PRIVATE_CANDIDATES = (("192.168.1.23", 50000), ("10.8.0.6", 50001), ("172.17.0.1", 50002))
PACE_SECONDS = 0.04  # between two packets at the most: a call's
LIGHT, MUCH = 4 * 1024, 160 * 1024  # bytes of data each way in a call
STORM = 25  # connections, as fast as they come
MISMATCH = 437  # Allocation Mismatch (RFC 8656 section 19)
EXPIRED = 1600000000  # seconds since 1970


def address_of(number):
    """-> (address, does it speak to the server's IPv6 address?)"""
    if number % 4 == 3:
        return NAT, False
    if number % 7 == 3:
        return OFFICE6 % (0x100 + number), True
    return HOMES % (FIRST_HOME + number % HOMES_COUNT), False


class Customer(threading.Thread):
    def __init__(self, number, habit, options, book):
        super().__init__(daemon=True)
        self.number, self.habit, self.options, self.book = number, habit, options, book
        self.user, self.password = "customer%d" % number, "secret%d" % number
        self.address, self.on_ipv6 = address_of(number)
        self.random = random.Random(options.seed * 1000 + number)
        self.transport = ("udp", "tcp", "tls")[(number + number // len(HABITS)) % 3]
        self.served = False

    def run(self):
        time.sleep(self.random.uniform(0, min(20, self.options.seconds / 8)))
        acts = [self.habit, call]
        while time.monotonic() < self.options.end:
            for act in acts:
                if time.monotonic() < self.options.end:
                    self.play(act)
                    self.pause(2, 12)
        self.pause(0, 5)
        self.served = self.play(call)

    def play(self, act):
        try:
            act(self)
        except (OSError, AssertionError) as problem:
            self.book.note(act.__name__, "%s: %s" % (type(problem).__name__, problem))
            return False
        self.book.note(act.__name__)
        return True

    def pause(self, least, most):
        left = self.options.end - time.monotonic()
        time.sleep(min(self.random.uniform(least, most), max(left, 0)))

    def open(self, transport=None, user=None, password=None):
        transport = transport or self.transport
        server = self.options.server6 if self.on_ipv6 else self.options.server
        return Relay(transport, server, PORTS[transport], user or self.user, password or self.password, self.address)

    def log_in(self, transport=None):
        while True:
            relay = self.open(transport)
            if relay.allocate():
                return relay
            relay.stream.close()
            # Our system gave us the port of an allocation that we let vanish: as every client, we take another one.
            expect(relay.error == MISMATCH, "an allocation, and coturn answered %s" % relay.error)

    def talk(self, relay, size):
        """`size` bytes to the peer and back: a little by indications, the rest by a channel, at a call's pace."""
        peer = self.options.peer
        expect(relay.permit(peer), "a permission for the peer")
        relay.send(peer, b"hello" * 20)
        expect(relay.bind_channel(peer), "a channel")
        sent, packet = relay.received_bytes, 1000
        for _ in range(size // packet):
            relay.send_by_channel(b"v" * packet)
            sent += packet
            relay.take_data(sent, PACE_SECONDS)
        # By UDP some may be lost on a busy machine, as in life.
        expect(relay.take_data(sent if relay.reliable else sent // 2, 10), "most of what the peer sends back")
        self.book.carried(relay.received_bytes)


def expect(happened, what):
    if not happened:
        raise AssertionError("it expected " + what)


# ---- what customers do -------------------------------------------------------------------------------------------------

def call(customer):
    relay = customer.log_in()
    customer.talk(relay, LIGHT)
    customer.pause(1, 8)
    expect(relay.refresh(), "a refresh")
    customer.talk(relay, LIGHT)
    relay.close()


def call_with_much_traffic(customer):
    relay = customer.log_in()
    for _ in range(3):
        customer.talk(relay, MUCH)
        customer.pause(1, 4)
        expect(relay.refresh(), "a refresh")
    relay.close()


def call_between_two_of_us(customer):
    """Both ends stand behind the server, so each one's relay is the other's peer."""
    one, other = customer.log_in("udp"), customer.log_in("tls")
    expect(one.bind_channel(other.relayed) and other.bind_channel(one.relayed), "channels to each other")
    for _ in range(20):
        one.send_by_channel(b"a" * 500)
        other.send_by_channel(b"b" * 500)
        time.sleep(0.05)
    expect(other.take_data(5000, 5) and one.take_data(5000, 5), "each other's words")
    one.close()
    other.close()


def phone_that_vanishes(customer):
    relay = customer.log_in("udp")
    customer.talk(relay, LIGHT)
    relay.vanish()


def lost_wifi_after_much_traffic(customer):
    relay = customer.log_in(customer.random.choice(("tcp", "tls")))
    customer.talk(relay, MUCH)
    relay.vanish()


def lost_wifi_after_little_traffic(customer):
    relay = customer.log_in(customer.random.choice(("tcp", "tls")))
    customer.talk(relay, LIGHT)
    relay.vanish()


def storm_of_reconnects(customer):
    """Wi-Fi at the edge of its reach: each connection lives just long enough to log in."""
    for number in range(STORM):
        relay = customer.log_in(("tcp", "tls", "udp")[number % 3])
        relay.vanish() if number % 2 else relay.close()
    customer.pause(60, 70)  # then the user gives up for a while


def wrong_password_once(customer):
    if not hasattr(customer, "mistaken"):
        customer.mistaken = True
        with customer.open(password="secret").stream as stream:
            guess = turn.Session(stream, customer.user, "secret")
            expect(not guess.allocate() and guess.error == 401, "a refusal of the wrong password")
    call(customer)


def expired_credential_once(customer):
    """A page that was left open with the temporary name of a REST API; then it is loaded anew."""
    if not hasattr(customer, "expired"):
        customer.expired = True
        name = "%d:%s" % (EXPIRED, customer.user)
        password = base64.b64encode(hmac.new(b"some secret", name.encode(), hashlib.sha1).digest()).decode()
        relay = customer.open(user=name, password=password)
        expect(not relay.allocate() and relay.error == 401, "a refusal of the expired name")
        relay.stream.close()
    call(customer)


def private_candidates(customer):
    """A browser asks for every candidate that the other side's ICE offers, those of its home networks, too."""
    relay = customer.log_in()
    for candidate in PRIVATE_CANDIDATES:
        relay.permit(candidate)
        expect(relay.error == 403, "a refusal of a private peer, not %s" % relay.error)
    customer.talk(relay, LIGHT)
    relay.close()


def keepalives(customer):
    """Never needs the relay, keeps its NAT's mapping open."""
    server = customer.options.server6 if customer.on_ipv6 else customer.options.server
    with turn.connect("udp", server, PORTS["udp"], customer.address) as stream:
        for _ in range(8):
            expect(keepalive(stream), "an answer to a Binding request")
            time.sleep(1)


def closed_tab(customer):
    """The user leaves the page while the TLS handshake has only just been done."""
    customer.open("tls").stream.close()
    customer.pause(5, 15)


HABITS = (call, lost_wifi_after_little_traffic, phone_that_vanishes, call_with_much_traffic, private_candidates,
          lost_wifi_after_much_traffic, keepalives, call_between_two_of_us, wrong_password_once, closed_tab, call,
          expired_credential_once, phone_that_vanishes, lost_wifi_after_little_traffic, private_candidates)


def habit_of(number):
    return storm_of_reconnects if number == 0 else HABITS[number % len(HABITS)]


class Book:
    """What was done how often, and what went wrong."""

    def __init__(self):
        self.lock = threading.Lock()
        self.done, self.failed, self.bytes = collections.Counter(), collections.Counter(), 0

    def note(self, act, problem=None):
        with self.lock:
            if problem is None:
                self.done[act] += 1
            else:
                self.failed["%s: %s" % (act, problem)] += 1

    def carried(self, count):
        with self.lock:
            self.bytes += count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--server6", required=True)
    parser.add_argument("--peer", required=True, help="ADDRESS:PORT of an echo")
    parser.add_argument("--customers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    address, port = options.peer.rsplit(":", 1)
    options.peer, options.end = (address, int(port)), time.monotonic() + options.seconds
    threading.stack_size(512 * 1024)
    book = Book()
    customers = [Customer(number, habit_of(number), options, book) for number in range(options.customers)]
    for customer in customers:
        customer.start()
    for customer in customers:
        customer.join(max(1, options.end + 120 - time.monotonic()))
    used = resource.getrusage(resource.RUSAGE_SELF)
    json.dump({"served": sum(c.served for c in customers), "unserved": [c.user for c in customers if not c.served],
               "done": book.done, "failed": book.failed, "bytes": book.bytes,
               "addresses": len({c.address for c in customers}), "behind_nat": sum(c.address == NAT for c in customers),
               "processor_seconds": round(used.ru_utime + used.ru_stime, 1)}, sys.stdout)
    print(flush=True)


if __name__ == "__main__":
    main()
