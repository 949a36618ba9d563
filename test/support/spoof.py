# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets with a source address of one's choice, IPv4 and IPv6: UDP datagrams and single TCP segments. Needs root."""
import socket, struct, time

HOP_LIMIT = 64


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def checksum(data, start=0):
    data += b"\0" * (len(data) % 2)
    total = start + sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(source, target, protocol, length):
    if len(source) == 16:
        return source + target + struct.pack("!II", length, protocol)
    return source + target + struct.pack("!BBH", 0, protocol, length)


def in_ip(source, target, protocol, body):
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, HOP_LIMIT) + source + target + body
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, HOP_LIMIT, protocol, 0) + source + target + body


def datagram(source, source_port, target, port, payload):
    source, target = packed(source), packed(target)
    body = struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload
    sum_of = checksum(pseudo_header(source, target, 17, len(body)) + body) or 0xFFFF
    return in_ip(source, target, 17, body[:6] + struct.pack("!H", sum_of) + body[8:])


SYN, PUSH_ACK, RST = 0x02, 0x18, 0x04


def segment(source, source_port, target, port, sequence, acknowledged, flags, payload=b""):
    source, target = packed(source), packed(target)
    body = struct.pack("!HHIIBBHHH", source_port, port, sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, 0x50, flags, 64240, 0, 0) + payload
    sum_of = checksum(pseudo_header(source, target, 6, len(body)) + body)
    return in_ip(source, target, 6, body[:16] + struct.pack("!H", sum_of) + body[18:])


class Spoofer:
    """Sends packets that are whole, IP header included."""

    def __init__(self, target):
        six = ":" in target
        self.to = (target, 0, 0, 0) if six else (target, 0)
        self.raw = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)

    def send(self, packet):
        self.raw.sendto(packet, self.to)

    def send_at(self, rate, seconds, packets):
        """From the endless iterator `packets`, so many a second -> how many went."""
        began, sent = time.monotonic(), 0
        while (now := time.monotonic() - began) < seconds:
            if sent < now * rate:
                self.send(next(packets))
                sent += 1
            else:
                time.sleep(0.0005)
        return sent
