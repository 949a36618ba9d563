# SPDX-License-Identifier: GPL-3.0-or-later
"""What a customer does with a relay: permissions, channels, data both ways, keepalives (RFC 8656), for crowds of customers.

`Relay` adds to turn_client.Session what one allocation needs to carry traffic, over UDP (with the retransmissions of RFC 8489
section 6.2.1), TCP or TLS (with its own framing). `echo` is a peer that sends everything back. It counts what it carried.
"""
import select
import socket
import struct
import time

import turn_client as turn

DATA_INDICATION = 0x017
FIRST_CHANNEL = 0x4000
RETRANSMISSION_SECONDS, ATTEMPTS = 0.5, 6  # and each wait is twice the one before


def address_of(xored):
    _, _, port, number = struct.unpack("!BBHI", xored[:8])
    return socket.inet_ntoa(struct.pack("!I", number ^ turn.MAGIC_COOKIE)), port ^ turn.MAGIC_COOKIE >> 16


class Relay(turn.Session):
    def __init__(self, transport, server, port, user, password, source=None, timeout=10.0):
        super().__init__(turn.connect(transport, server, port, source, timeout), user, password)
        self.reliable, self.timeout = transport != "udp", timeout
        self.unread = b""          # of a stream: the beginning of the next message
        self.relayed = None        # our own address at the server, once allocated
        self.received_bytes = 0    # of data

    # ---- messages

    def ask(self, method, attributes, transaction=None):
        """As turn_client.Session.ask, but other messages may arrive meanwhile, and lost packets are sent again."""
        packet = turn.request(method, *self.signed(attributes), transaction)
        wait = RETRANSMISSION_SECONDS
        for _ in range(1 if self.reliable else ATTEMPTS):
            self.stream.sendall(packet)
            answer = self.answer_to(packet[8:20], self.timeout if self.reliable else wait)
            if answer is not None:
                break
            wait *= 2
        else:
            raise TimeoutError("no answer to request 0x%03x" % method)
        ok, found = turn.parse(answer)
        self.error = None if ok else turn.error_of(found)
        if turn.NONCE in found:
            self.realm, self.nonce = found.get(turn.REALM, self.realm), found[turn.NONCE]
        if self.error == 438:  # the nonce has aged (stale-nonce)
            return self.ask(method, attributes, transaction)
        return ok, found

    def answer_to(self, transaction, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            message = self.next_message(left)
            if message is not None and message[0] < 0x40 and message[8:20] == transaction:
                return message
            self.count(message)
        return None

    def next_message(self, seconds):
        """One STUN message or ChannelData, or None when none came in time."""
        end = time.monotonic() + seconds
        while True:
            if self.reliable and (size := self.size_of_first()) and len(self.unread) >= size:
                message, self.unread = self.unread[:size], self.unread[size:]
                return message
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.stream.settimeout(left)
            try:
                chunk = self.stream.recv(65536)
            except TimeoutError:
                return None
            if not chunk:
                raise ConnectionError("the server closed the connection")
            if not self.reliable:
                return chunk
            self.unread += chunk

    def size_of_first(self):
        """Of the message that a stream's unread bytes begin with; over streams ChannelData is padded to 4 bytes."""
        if len(self.unread) < 4:
            return None
        kind, length = struct.unpack("!HH", self.unread[:4])
        return 4 + length + (-length % 4) if kind & 0xC000 == 0x4000 else 20 + length

    def count(self, message):
        if message is None:
            return
        if message[0] & 0xC0 == 0x40:
            self.received_bytes += struct.unpack("!H", message[2:4])[0]
        elif message[:2] == struct.pack("!H", DATA_INDICATION):
            self.received_bytes += len(turn.parse(message)[1].get(turn.DATA, b""))

    # ---- what a customer does

    def allocate(self):
        wanted = turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP)
        ok, answer = self.ask(turn.ALLOCATE, wanted)
        if not ok and self.error == 401 and turn.NONCE in answer:
            ok, answer = self.ask(turn.ALLOCATE, wanted)
        if ok and turn.XOR_RELAYED_ADDRESS in answer:
            self.relayed = address_of(answer[turn.XOR_RELAYED_ADDRESS])
        return ok and self.relayed is not None

    def bind_channel(self, peer, number=FIRST_CHANNEL):
        channel = turn.attribute(turn.CHANNEL_NUMBER, struct.pack("!HH", number, 0))
        return self.ask(turn.CHANNEL_BIND, channel + turn.peer_attribute(*peer))[0]

    def refresh(self, seconds=600):
        return self.ask(turn.REFRESH, turn.attribute(turn.LIFETIME, struct.pack("!I", seconds)))[0]

    def send_by_channel(self, payload, number=FIRST_CHANNEL):
        padding = b"\0" * (-len(payload) % 4) if self.reliable else b""
        self.stream.sendall(struct.pack("!HH", number, len(payload)) + payload + padding)

    def take_data(self, wanted, seconds):
        """Reads until `wanted` bytes of data came in all, or time is over -> are they there?"""
        end = time.monotonic() + seconds
        while self.received_bytes < wanted and (left := end - time.monotonic()) > 0:
            self.count(self.next_message(left))
        return self.received_bytes >= wanted

    def close(self):
        """Gives the allocation back and ends the connection, as a page that is closed in the normal way."""
        try:
            self.release()
        finally:
            self.stream.close()

    def vanish(self):
        """Without a word: over UDP silence, over TCP and TLS a reset, as of a phone that lost its network."""
        if self.reliable:
            turn.reset(self.stream)
        else:
            self.stream.close()


def keepalive(stream, seconds=1.0):
    """One STUN Binding request over a connected UDP socket -> was it answered?"""
    packet = turn.request(turn.BINDING, b"")
    for _ in range(ATTEMPTS):
        stream.sendall(packet)
        stream.settimeout(seconds)
        try:
            answer = stream.recv(2048)
            if answer[8:20] == packet[8:20]:
                return turn.parse(answer)[0]
        except TimeoutError:
            pass
    return False


def echo(address, port):
    """A peer that sends back whatever comes by UDP; for ever."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    peer.bind((address, port))
    peer.setblocking(False)
    while True:
        select.select([peer], [], [])
        try:
            while True:
                payload, sender = peer.recvfrom(65536)
                peer.sendto(payload, sender)
        except BlockingIOError:
            pass
