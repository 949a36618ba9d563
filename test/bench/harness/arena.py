# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of the fight: attacker's namespace <-- veth --> this namespace, the TURN server's.

A Probe sends a TCP SYN with a forged source through the veth and sees whether the kernel still delivers it. It is
the judge of every ban here: it trusts no contestant's own words. Over a veth the receiving stack runs before
send(2) returns, so a packet that did not arrive by then was dropped, give or take a softirq.
"""
import ipaddress
import json
import os
import select
import signal
import socket
import struct
import time

from . import namespaces
from .namespaces import shell

SERVER4, SERVER6 = "10.99.0.1", "fd00:99::1"
GATEWAY4, GATEWAY6 = "10.99.0.2", "fd00:99::2"
TURNS_PORT = 5349
SO_BINDTODEVICE = 25


class Arena:
    def __init__(self):
        ready, tell = os.pipe()
        self.attacker = os.fork()
        if self.attacker == 0:
            namespaces.unshare_network()
            os.write(tell, b"x")
            while True:
                signal.pause()
        namespaces.own_processes.add(self.attacker)
        os.read(ready, 1)
        shell("ip link set lo up; ip link add v0 type veth peer name v1; ip link set v1 netns %d;"
              "ip addr add %s/24 dev v0; ip -6 addr add %s/64 dev v0 nodad; ip link set v0 up;"
              "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.v0.rp_filter=0"
              % (self.attacker, SERVER4, SERVER6))
        there = "nsenter --net=/proc/%d/ns/net " % self.attacker
        shell(there + "ip link set lo up; " + there + "ip link set v1 up")
        self.server_mac = json.loads(shell("ip -j link show v0"))[0]["address"]
        self.attacker_mac = json.loads(shell(there + "ip -j link show v1"))[0]["address"]
        # the answers (RST) to forged sources must leave without neighbour discovery
        for family, gateway in (("-4", GATEWAY4), ("-6", GATEWAY6)):
            shell("ip {0} route add default via {1} dev v0;"
                  "ip {0} neigh replace {1} lladdr {2} dev v0 nud permanent".format(family, gateway, self.attacker_mac))
        here = os.open("/proc/self/ns/net", os.O_RDONLY)
        namespaces.enter_network_of(self.attacker)
        self.sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sender.bind(("v1", 0))
        namespaces.libc.setns(here, namespaces.CLONE_NEWNET)
        os.close(here)
        self.receiver = {4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP),
                         6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_TCP)}
        for s in self.receiver.values():
            s.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, b"v0\0")
            s.setblocking(False)
        time.sleep(0.3)  # the links come up asynchronously


def internet_checksum(data):
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn_frame(arena, source, port):
    """Ethernet frame of a TCP SYN from `source` to the server."""
    destination = ipaddress.ip_address(SERVER4 if source.version == 4 else SERVER6)
    tcp = struct.pack("!HHIIBBHHH", 39497, port, 1, 0, 0x50, 2, 65535, 0, 0)
    if source.version == 4:
        tail, ethertype = struct.pack("!BBH", 0, 6, len(tcp)), b"\x08\x00"
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0) + source.packed + destination.packed
        ip = ip[:10] + struct.pack("!H", internet_checksum(ip)) + ip[12:]
    else:
        tail, ethertype = struct.pack("!II", len(tcp), 6), b"\x86\xdd"
        ip = struct.pack("!IHBB", 0x60000000, 20, 6, 64) + source.packed + destination.packed
    checksum = internet_checksum(source.packed + destination.packed + tail + tcp)
    tcp = tcp[:16] + struct.pack("!H", checksum) + tcp[18:]
    mac = [bytes.fromhex(m.replace(":", "")) for m in (arena.server_mac, arena.attacker_mac)]
    return mac[0] + mac[1] + ethertype + ip + tcp


class Probe:
    def __init__(self, arena, address, port=TURNS_PORT):
        source = ipaddress.ip_address(address)
        self.source = str(source)
        self.sender, self.receiver = arena.sender, arena.receiver[source.version]
        self.frame = syn_frame(arena, source, port)

    def delivered(self, patience=0.004):
        """Send one SYN; True if it reached the server within `patience` seconds."""
        try:
            while True:
                self.receiver.recvfrom(256)
        except BlockingIOError:
            pass
        self.sender.send(self.frame)
        end = time.monotonic() + patience
        while True:
            try:
                _, peer = self.receiver.recvfrom(256)
                if peer[0].split("%")[0] == self.source:
                    return True
            except BlockingIOError:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                select.select([self.receiver], [], [], left)

    def banned(self):
        """Two SYNs in a row are lost."""
        return not self.delivered() and not self.delivered(0.02)

    def wait_banned(self, since, limit):
        """Seconds from `since` to the sending of the first lost SYN (confirmed by a second one), None after `limit`."""
        while True:
            now = time.monotonic()
            if self.banned():
                return now - since
            age = now - since
            if age > limit:
                return None
            # back to back while young: the resolution is that of one send(2) from here, 10 to 30 microseconds
            time.sleep(0 if age < 0.02 else 0.0003 if age < 1 else 0.003)
