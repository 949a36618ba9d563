# SPDX-License-Identifier: GPL-3.0-or-later
"""A small TURN client and a small attacker, for tests and for examples/quickstart. Python's standard library only.

As a module: `Session` speaks STUN/TURN (RFC 8489, RFC 8656) with the long-term credential mechanism over UDP, TCP or TLS.
As a program: `turn_client.py allocate …` plays an honest customer, the other verbs play what coturn's logs are full of.
It knows just enough of TURN to be believed by coturn; it relays a datagram, but no media.
"""
import argparse
import hashlib
import hmac
import json
import os
import socket
import ssl
import struct
import sys
import time

MAGIC_COOKIE = 0x2112A442
BINDING, ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND, SEND_INDICATION = 0x001, 0x003, 0x004, 0x008, 0x009, 0x016
CHANNEL_NUMBER, XOR_PEER_ADDRESS, DATA = 0x000C, 0x0012, 0x0013
USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, LIFETIME = 0x0006, 0x0008, 0x0009, 0x000D
REALM, NONCE, XOR_RELAYED_ADDRESS, REQUESTED_FAMILY, REQUESTED_TRANSPORT, ORIGIN = 0x0014, 0x0015, 0x0016, 0x0017, 0x0019, 0x802F
RELAY_OVER_UDP = b"\x11\0\0\0"  # protocol 17 in the first byte, three reserved ones


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def request(method, attributes, key=None, transaction=None):
    """A request of `method`; with a key, MESSAGE-INTEGRITY over everything before it (RFC 8489 section 14.5)."""
    transaction = transaction or os.urandom(12)
    if key is not None:
        covered = struct.pack("!HHI", method, len(attributes) + 24, MAGIC_COOKIE) + transaction + attributes
        attributes += attribute(MESSAGE_INTEGRITY, hmac.new(key, covered, hashlib.sha1).digest())
    return struct.pack("!HHI", method, len(attributes), MAGIC_COOKIE) + transaction + attributes


def parse(answer):
    """-> (is it a success response, {attribute: value})"""
    kind, length, _ = struct.unpack("!HHI", answer[:8])
    attributes, at, end = {}, 20, min(20 + length, len(answer))
    while at + 4 <= end:
        name, size = struct.unpack("!HH", answer[at:at + 4])
        attributes.setdefault(name, answer[at + 4:at + 4 + size])
        at += 4 + size + (-size % 4)
    return kind & 0x0110 == 0x0100, attributes


def peer_attribute(address, port):
    """XOR-PEER-ADDRESS (RFC 8489 section 14.2). IPv6 is for a transaction of zeros: see Session.permit."""
    word = port ^ MAGIC_COOKIE >> 16
    if ":" not in address:
        number = struct.unpack("!I", socket.inet_aton(address))[0]
        return attribute(XOR_PEER_ADDRESS, struct.pack("!BBHI", 0, 1, word, number ^ MAGIC_COOKIE))
    key = struct.pack("!I", MAGIC_COOKIE) + bytes(12)
    mixed = bytes(a ^ b for a, b in zip(socket.inet_pton(socket.AF_INET6, address), key))
    return attribute(XOR_PEER_ADDRESS, struct.pack("!BBH", 0, 2, word) + mixed)


def error_of(attributes):
    code = attributes.get(ERROR_CODE)
    return code[2] * 100 + code[3] if code and len(code) >= 4 else None


def connect(transport, server, port, source=None, timeout=3.0):
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    stream = socket.socket(family, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
    stream.settimeout(timeout)
    if source:
        stream.bind((source, 0))
    stream.connect((server, port))
    if transport == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the test's certificate is its own
        stream = context.wrap_socket(stream)
    return stream


class Session:
    """One allocation on one transport. `error` is coturn's last error code, None where the last request succeeded."""

    def __init__(self, stream, user, password):
        self.stream, self.user, self.password = stream, user, password
        self.realm = self.nonce = b""
        self.error = None

    def signed(self, attributes):
        """-> these attributes with who we are, and the key to sign them with; without one until the server gave a nonce."""
        if not self.nonce:
            return attributes, None
        key = hashlib.md5(b":".join((self.user.encode(), self.realm, self.password.encode()))).digest()
        return (attributes + attribute(USERNAME, self.user.encode()) + attribute(REALM, self.realm) +
                attribute(NONCE, self.nonce)), key

    def ask(self, method, attributes, transaction=None):
        self.stream.sendall(request(method, *self.signed(attributes), transaction))
        ok, answer = parse(self.stream.recv(4096))
        self.error = None if ok else error_of(answer)
        if NONCE in answer:
            self.realm, self.nonce = answer.get(REALM, self.realm), answer[NONCE]
        return ok, answer

    def allocate(self):
        wanted = attribute(REQUESTED_TRANSPORT, RELAY_OVER_UDP)
        ok, answer = self.ask(ALLOCATE, wanted)
        if not ok and self.error == 401:  # the challenge: now we know realm and nonce
            ok, answer = self.ask(ALLOCATE, wanted)
        return ok and XOR_RELAYED_ADDRESS in answer

    def permit(self, *peers):
        """CreatePermission for the addresses of these peers, (address, port) each -> did the server grant all of them?"""
        zeros = bytes(12) if any(":" in address for address, _ in peers) else None
        return self.ask(CREATE_PERMISSION, b"".join(peer_attribute(*peer) for peer in peers), zeros)[0]

    def send(self, peer, payload):
        """In a Send indication, which needs a permission and no channel."""
        self.stream.sendall(request(SEND_INDICATION, peer_attribute(*peer) + attribute(DATA, payload)))

    def release(self):
        return self.ask(REFRESH, attribute(LIFETIME, struct.pack("!I", 0)))[0]


def relay(session, peer, port, times, pause):
    """Sends a datagram to the peer through the relay and waits for its echo, again and again -> how many came back.
    Prints one line for each. Ends early when the connection does. Over TCP or TLS."""
    if not session.permit((peer, port)):
        raise OSError("no permission: coturn answered %s" % session.error)
    echoed = 0
    for number in range(times):
        session.send((peer, port), b"datagram %d" % number)
        if not session.stream.recv(4096):
            break
        echoed += 1
        print("echo %d" % number, flush=True)
        time.sleep(pause)
    return echoed


def allocate_once(transport, server, port, user, password, source=None, timeout=3.0):
    """-> (True or False, how long it took in seconds or why it failed)"""
    began = time.monotonic()
    try:
        with connect(transport, server, port, source, timeout) as stream:
            session = Session(stream, user, password)
            if not session.allocate():
                return False, f"coturn answered {session.error}"
            took = time.monotonic() - began
            session.release()
            return True, took
    except OSError as problem:
        return False, str(problem) or type(problem).__name__


def reset(stream):
    """Closes with RST instead of FIN: a linger time of zero."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def garbage_then_reset(server, port, source=None, timeout=2.0, garbage=b"\x16\x03\x01\x00\x05hello-this-is-no-tls"):
    """What a scanner does: connect, say something that is neither TLS nor STUN, vanish with RST."""
    stream = connect("tcp", server, port, source, timeout)
    stream.sendall(garbage)
    time.sleep(0.05)  # let coturn read it, as a scanner's round trip would
    reset(stream)


def forge(server, port, victim, source=None):
    """Attribute text with a line feed and a made-up log line in it, one UDP packet each, before any authentication."""
    line = b"\n7: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer %s:1234\n" % victim.encode()
    wanted = attribute(REQUESTED_TRANSPORT, RELAY_OVER_UDP)
    texts = [
        wanted + attribute(REALM, b"example.org") + attribute(USERNAME, b"x" + line) + attribute(NONCE, b"n"),
        wanted + attribute(REALM, b"x" + line) + attribute(USERNAME, b"u") + attribute(NONCE, b"n"),
        wanted + attribute(ORIGIN, b"x" + line),
        wanted + attribute(ORIGIN, b"y" * 1100 + line),
        wanted + attribute(REALM, b"example.org") + attribute(USERNAME, b"\x1b[31mred\x07\xff\xfe" + line) + attribute(NONCE, b"n"),
    ]
    for number, text in enumerate(texts):
        with connect("udp", server, port, source) as stream:
            stream.sendall(request(ALLOCATE, text, key=b"k" * 16 if number not in (2, 3) else None))
            time.sleep(0.02)


def inscribe(server, port, place, texts, source=None):
    """Has coturn log each of the texts (bytes) as one attribute of a UDP packet, before any authentication: who sends it could
    be anybody. `place`: username (512 bytes of it are logged), realm (127), origin (1023 with the record; verbose: 127)."""
    wanted = attribute(REQUESTED_TRANSPORT, RELAY_OVER_UDP)
    for text in texts:
        if place == "username":
            packet = request(ALLOCATE, wanted + attribute(REALM, b"example.org") + attribute(USERNAME, text) + attribute(NONCE, b"n"), b"k" * 16)
        elif place == "realm":
            packet = request(ALLOCATE, wanted + attribute(REALM, text) + attribute(USERNAME, b"u") + attribute(NONCE, b"n"), b"k" * 16)
        else:
            packet = request(ALLOCATE, wanted + attribute(ORIGIN, text))
        with connect("udp", server, port, source) as stream:
            stream.sendall(packet)
        time.sleep(0.002)


def post(server, port, texts, source=None):
    """Has web-admin log each of the texts as the body of a request."""
    for text in texts:
        with connect("tls", server, port, source) as stream:
            stream.sendall(b"POST /logon HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
            time.sleep(0.05)


def bindings_then_reset(server, port, count, hold, source=None):
    """Talks to coturn without logging in, stays for `hold` seconds, vanishes with RST."""
    stream = connect("tcp", server, port, source)
    for _ in range(count):
        stream.sendall(request(BINDING, b""))
        stream.recv(4096)
    time.sleep(hold)
    reset(stream)


def allocate_then_reset(transport, server, port, user, password, source=None):
    """A phone that loses its network: logs in, gets its relay, vanishes with RST. -> did it get the relay?"""
    stream = connect(transport, server, port, source)
    allocated = Session(stream, user, password).allocate()
    time.sleep(0.05)
    reset(stream)
    return allocated


def relay_main(options):
    peer, port = options.peer.split(":")
    try:
        with connect("tcp", options.server, options.port or 3478, options.source, options.timeout) as stream:
            session = Session(stream, options.user, options.password)
            if not session.allocate():
                print(f"no allocation: coturn answered {session.error}", flush=True)
                return 1
            return 0 if relay(session, peer, int(port), options.times, options.pause) == options.times else 1
    except OSError as problem:
        print(f"relay: {problem or type(problem).__name__}", flush=True)
        return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--source", help="own address to speak from")
    parser.add_argument("--timeout", type=float, default=3.0, help="seconds (default 3)")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.3, help="seconds between two attempts (default 0.3)")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("allocate", help="log in, get a relay, give it back; exit 1 when refused")
    verb.add_argument("--transport", choices=("udp", "tcp", "tls"), default="udp")
    verb.add_argument("--user", default="alice")
    verb.add_argument("--password", default="secret1")
    verb.add_argument("--vanish", action="store_true", help="over tcp or tls: end with a reset instead, like a phone without network")
    verb = verbs.add_parser("relay", help="log in over TCP and relay datagrams to an echoing PEER; exit 1 when that ends early")
    verb.add_argument("--user", default="alice")
    verb.add_argument("--password", default="secret1")
    verb.add_argument("peer", help="ADDRESS:PORT, IPv4")
    verbs.add_parser("garbage", help="connect, send garbage, reset")
    verbs.add_parser("tls-reset", help="finish a TLS handshake, reset")
    verbs.add_parser("reset", help="connect, send nothing, reset")
    verb = verbs.add_parser("connect", help="only connect; exit 1 when that times out")
    verb = verbs.add_parser("inscribe", help="texts (JSON list on standard input) that coturn logs before any authentication")
    verb.add_argument("place", choices=("username", "realm", "origin", "web-admin"))
    verb = verbs.add_parser("bindings", help="a hundred Binding requests over TCP, then wait, then reset")
    verb.add_argument("--count", type=int, default=100)
    verb.add_argument("--hold", type=float, default=0.1, help="seconds between the last request and the reset")
    verb = verbs.add_parser("flood", help="connect and reset, COUNT times without a pause")
    verb.add_argument("count", type=int)
    verb = verbs.add_parser("forge", help="try to write a line into coturn's log that gets VICTIM banned")
    verb.add_argument("victim")
    options = parser.parse_args()
    failed = False
    if options.verb == "relay":
        return relay_main(options)
    for attempt in range(options.times):
        if attempt:
            time.sleep(options.pause)
        on_tls = options.verb in ("garbage", "tls-reset") or getattr(options, "transport", "") == "tls"
        port = options.port or (5349 if on_tls else 3478)
        try:
            if options.verb == "allocate" and options.vanish:
                failed |= not allocate_then_reset(options.transport, options.server, port, options.user, options.password, options.source)
            elif options.verb == "allocate":
                ok, detail = allocate_once(options.transport, options.server, port, options.user, options.password,
                                           options.source, options.timeout)
                print(f"allocated over {options.transport} in {detail * 1000:.0f} ms" if ok else f"no allocation: {detail}",
                      flush=True)
                failed |= not ok
            elif options.verb == "garbage":
                garbage_then_reset(options.server, port, options.source, options.timeout)
            elif options.verb == "reset":
                reset(connect("tcp", options.server, port, options.source, options.timeout))
            elif options.verb == "tls-reset":
                stream = connect("tls", options.server, port, options.source, options.timeout)
                time.sleep(0.05)
                reset(stream)
            elif options.verb == "connect":
                connect("tcp", options.server, port, options.source, options.timeout).close()
            elif options.verb == "inscribe":
                texts = [text.encode("latin-1") for text in json.load(sys.stdin)]
                if options.place == "web-admin":
                    post(options.server, port, texts, options.source)
                else:
                    inscribe(options.server, port, options.place, texts, options.source)
            elif options.verb == "bindings":
                bindings_then_reset(options.server, port, options.count, options.hold, options.source)
            elif options.verb == "flood":
                for _ in range(options.count):
                    try:
                        reset(connect("tcp", options.server, port, options.source, options.timeout))
                    except OSError:  # the server's backlog was full for a moment
                        pass
            else:
                forge(options.server, port, options.victim, options.source)
        except OSError as problem:
            print(f"{options.verb}: {problem or type(problem).__name__}", flush=True)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
