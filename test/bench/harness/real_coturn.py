# SPDX-License-Identifier: GPL-3.0-or-later
"""A real turnserver in the arena, clients of it with addresses of their own, and an ear for the end of its connections.

TURNSERVER names the server's program (default: the installed one). The ear is a NETLINK_SOCK_DIAG socket of ours in the
groups in which the kernel tells of every TCP socket that ends (linux/sock_diag.h, linux/inet_diag.h): independent of any
contestant's, and asked without ever waiting.
"""
import os
import socket
import struct
import subprocess
import time

from . import namespaces
from .arena import GATEWAY4, SERVER4
from .namespaces import shell

PORT, TLS_PORT = 3478, 5349
CLIENTS = "47.16.0.0/12"  # any of these may speak from the attacker's namespace
NETLINK_SOCK_DIAG = 4
TCP_DESTROY, TCP6_DESTROY = 1, 3  # SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY
GARBAGE = b"\x16\x03\x01\x00\x05hello-this-is-no-tls"


def program():
    return os.environ.get("TURNSERVER", "turnserver")


class Coturn:
    """turnserver in its default mode with a log file. A context manager; it is no process of the contestant's."""

    def __init__(self, directory, log):
        self.log = log
        shell("cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 "
              "-subj /CN=turn.example.org" % directory)
        with open(directory + "/turnserver.conf", "w") as conf:
            conf.write("\n".join(("listening-ip=" + SERVER4, "relay-ip=" + SERVER4, "realm=example.org", "lt-cred-mech",
                                  "user=alice:secret1", "cert=%s/cert.pem" % directory, "pkey=%s/key.pem" % directory,
                                  "userdb=%s/turndb" % directory, "pidfile=%s/turnserver.pid" % directory, "no-cli",
                                  "no-stdout-log", "log-file=" + log, "simple-log", "")))
        self.process = subprocess.Popen([program(), "-c", directory + "/turnserver.conf"], cwd=directory,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        namespaces.own_processes.add(self.process.pid)

    def __enter__(self):
        end = time.monotonic() + 20
        while True:
            try:
                for port in (PORT, TLS_PORT):
                    socket.create_connection((SERVER4, port), 1).close()
                return self
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.__exit__()
                    raise RuntimeError("turnserver (%s) does not listen on %s" % (program(), SERVER4)) from None
                time.sleep(0.1)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        namespaces.own_processes.discard(self.process.pid)


class Clients:
    """Lets real connections come from CLIENTS in the attacker's namespace, as long as it is entered."""

    def __init__(self, arena):
        self.arena = arena
        self.there = "nsenter --net=/proc/%d/ns/net " % arena.attacker

    def __enter__(self):
        shell("{0} ip addr add {1}/24 dev v1; {0} ip route add default via {2} dev v1; {0} ip route add local {3} dev lo"
              .format(self.there, GATEWAY4, SERVER4, CLIENTS))
        return self

    def __exit__(self, *_):
        shell("{0} ip addr flush dev v1; {0} ip route del local {1} dev lo".format(self.there, CLIENTS))

    def connect(self, addresses):
        """One connection to coturn from each of these addresses."""
        here = os.open("/proc/self/ns/net", os.O_RDONLY)
        namespaces.enter_network_of(self.arena.attacker)
        try:
            streams = [socket.socket() for _ in addresses]
        finally:
            namespaces.libc.setns(here, namespaces.CLONE_NEWNET)
            os.close(here)
        for stream, address in zip(streams, addresses):
            stream.settimeout(5)
            stream.bind((address, 0))
            stream.connect((SERVER4, PORT))
        return streams


def reset(stream):
    """Closes with RST instead of FIN: a linger time of zero."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


class Ear:
    """Hears of the TCP sockets that end in this namespace."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((0, 1 << TCP_DESTROY - 1 | 1 << TCP6_DESTROY - 1))
        self.socket.setblocking(False)

    def heard(self):
        """The remote ends, (address, port), of coturn's IPv4 connections that ended since the last call."""
        ended = []
        while True:
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                return ended
            at = 0
            while at + 16 + 40 <= len(data):
                size, = struct.unpack_from("I", data, at)
                local, remote = struct.unpack_from("!HH", data, at + 20)  # after nlmsghdr and 4 bytes of inet_diag_msg
                if local == PORT and data[at + 16] == socket.AF_INET:
                    ended.append((socket.inet_ntoa(data[at + 40:at + 44]), remote))
                at += max(16, (size + 3) & ~3)

    def close(self):
        self.socket.close()
