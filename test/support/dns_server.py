# SPDX-License-Identifier: GPL-3.0-or-later
"""An authoritative DNS server for tests, over UDP and TCP, whose answers a test changes while it runs.

Zone: {name: answer}, where answer is a dict {"a": [...], "aaaa": [...], "ttl": seconds}, or one of the words
  "nxdomain"  there is no such name          "servfail"  the server cannot say
  "silent"    nothing is answered            "garbage"   bytes that are no DNS
  "forged"    an answer with another number, to another question, before nothing
What does not fit into 512 bytes is truncated over UDP and comes over TCP.
"""
import ipaddress, os, socket, struct, threading

TYPES = {1: "a", 28: "aaaa"}


class DnsServer:
    def __init__(self, address="127.0.0.1", port=53):
        self.zone, self.questions = {}, []  # questions: (transport, name, type)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, port))
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, port))
        self.tcp.listen(50)
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def asked(self, name, transport=None):
        return sum(name == asked and transport in (None, how) for how, asked, _ in list(self.questions))

    def serve_udp(self):
        while True:
            question, client = self.udp.recvfrom(4096)
            for answer in self.answers(question, "udp"):
                self.udp.sendto(answer, client)

    def serve_tcp(self):
        while True:
            connection, _ = self.tcp.accept()
            threading.Thread(target=self.serve_connection, args=(connection,), daemon=True).start()

    def serve_connection(self, connection):
        with connection:
            while len(size := connection.recv(2)) == 2:
                question = connection.recv(struct.unpack("!H", size)[0])
                for answer in self.answers(question, "tcp"):
                    connection.sendall(struct.pack("!H", len(answer)) + answer)

    def answers(self, question, transport):
        at, labels = 12, []
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        asked = question[12:at + 5]
        kind = TYPES.get(struct.unpack("!H", question[at + 1:at + 3])[0])
        name = ".".join(labels).lower()
        self.questions.append((transport, name, kind))
        found = self.zone.get(name, "nxdomain")

        def made(flags, records=(), number=question[:2], text=asked):
            return number + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + text + b"".join(records)

        if found == "silent":
            return []
        if found == "garbage":
            return [os.urandom(40), question[:2] + os.urandom(300), b"", question[:2] + b"\x81\x80\xff\xff\xff\xff" + b"\xc0" * 400]
        if found == "forged":
            other = b"\x05other\x07example\x03org\x00" + asked[-4:]
            record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + ipaddress.ip_address("198.18.0.66").packed
            return [made(0x8580, [record], number=bytes([question[0] ^ 1, question[1]])), made(0x8580, [record], text=other)]
        if found == "nxdomain":
            return [made(0x8583)]
        if found == "servfail":
            return [made(0x8582)]
        records = []
        for address in found.get(kind, ()) if kind else ():
            packed = ipaddress.ip_address(address).packed
            records.append(b"\xc0\x0c" + struct.pack("!HHIH", 1 if len(packed) == 4 else 28, 1, found.get("ttl", 60), len(packed)) + packed)
        whole = made(0x8580, records)
        return [made(0x8780)] if transport == "udp" and len(whole) > 512 else [whole]
