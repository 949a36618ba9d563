# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the kernel's sets: how many elements, which, and is this one in.

ipset sets are asked over netlink (linux/netfilter/ipset/ip_set.h), since a storm is over in less time than the
ipset program needs to start. TEST of one element is constant time; the element count of the header makes the kernel
walk the whole set with the set's lock in reach of the writer, so it is asked rarely while a measurement runs.
A set is named as a contestant names it: "ipset NAME" or "nft FAMILY TABLE SET".
"""
import ipaddress
import json
import socket
import struct
import subprocess

NETLINK_NETFILTER = 12
NFNL_SUBSYS_IPSET = 6
IPSET_CMD_LIST, IPSET_CMD_TEST = 7, 11
ATTR_PROTOCOL, ATTR_SETNAME, ATTR_FLAGS, ATTR_DATA = 1, 2, 6, 7
ATTR_IP, ATTR_IPADDR_IPV4, ATTR_IPADDR_IPV6, ATTR_ELEMENTS = 1, 1, 2, 24
FLAG_LIST_HEADER = 4
NLA_F_NESTED, NLA_F_NET_BYTEORDER = 0x8000, 0x4000
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3


def attribute(kind, data):
    return struct.pack("HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def attributes(data):
    found, at = {}, 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("HH", data, at)
        if size < 4:
            break
        found[kind & 0x3FFF] = data[at + 4:at + size]
        at += (size + 3) & ~3
    return found


class Netlink:
    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.bind((0, 0))
        self.socket.settimeout(10)

    def ask(self, command, flags, payload):
        """Answers as (message type, payload after the netlink header), up to the acknowledgement or DONE."""
        body = struct.pack(">BBH", 0, 0, 0) + attribute(ATTR_PROTOCOL, b"\x06") + payload
        self.socket.send(struct.pack("IHHII", 16 + len(body), NFNL_SUBSYS_IPSET << 8 | command,
                                     NLM_F_REQUEST | flags, 1, 0) + body)
        answers = []
        while True:
            data, at = self.socket.recv(1 << 18), 0
            while at + 16 <= len(data):
                size, kind = struct.unpack_from("IH", data, at)
                answers.append((kind, data[at + 16:at + size]))
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    return answers
                at += (size + 3) & ~3


netlink = Netlink()


def name_attribute(name):
    return attribute(ATTR_SETNAME, name.encode() + b"\0")


def nft_elements(words):
    done = subprocess.run(["nft", "-j", "list", "set"] + words, capture_output=True, text=True, timeout=60)
    if done.returncode:
        return []
    found = []
    for item in json.loads(done.stdout)["nftables"]:
        for element in item.get("set", {}).get("elem", []):
            if isinstance(element, dict) and "elem" in element:
                element = element["elem"]["val"]
            if isinstance(element, dict) and "prefix" in element:
                element = "%s/%d" % (element["prefix"]["addr"], element["prefix"]["len"])
            found.append(element)
    return found


def count(which):
    """Number of elements; 0 if there is no such set."""
    kind, *words = which.split()
    if kind == "nft":
        return len(nft_elements(words))
    answers = netlink.ask(IPSET_CMD_LIST, NLM_F_DUMP, name_attribute(words[0]) +
                          attribute(ATTR_FLAGS | NLA_F_NET_BYTEORDER, struct.pack(">I", FLAG_LIST_HEADER)))
    for kind, payload in answers:
        header = attributes(payload[4:]) if kind >> 8 == NFNL_SUBSYS_IPSET else {}
        elements = attributes(header.get(ATTR_DATA, b"")).get(ATTR_ELEMENTS)
        if elements:
            return struct.unpack(">I", elements)[0]
    return 0


def contains(which, address):
    """Is this address in the ipset set? Constant time."""
    ip = ipaddress.ip_address(address)
    kind = ATTR_IPADDR_IPV4 if ip.version == 4 else ATTR_IPADDR_IPV6
    element = attribute(ATTR_IP | NLA_F_NESTED, attribute(kind | NLA_F_NET_BYTEORDER, ip.packed))
    kind, payload = netlink.ask(IPSET_CMD_TEST, NLM_F_ACK, name_attribute(which.split()[1]) +
                                attribute(ATTR_DATA | NLA_F_NESTED, element))[-1]
    return kind == NLMSG_ERROR and struct.unpack_from("i", payload)[0] == 0


def members(which):
    """All elements as `subject` spells them."""
    kind, *words = which.split()
    if kind == "nft":
        elements = nft_elements(words)
    else:
        done = subprocess.run(["ipset", "save", words[0]], capture_output=True, text=True, timeout=60)
        elements = [line.split()[2] for line in done.stdout.splitlines() if line.startswith("add ")]
    return {subject(e) for e in elements}


def subject(element):
    """Who is meant by a set's element or an address: the IPv4 address, or the IPv6 /64, since some ban by that."""
    network = ipaddress.ip_network(element, strict=False)
    if network.version == 6:
        network = ipaddress.ip_network((network.network_address, min(64, network.prefixlen)), strict=False)
    return str(network.network_address)
