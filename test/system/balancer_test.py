#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Honest people of odd servers, live, with the kernel's set as the judge: `balancer_test.py COTURN-GUARD [CASE]`.

A balancer that forgot its PROXY header: coturn has tcp-proxy-port, the balancer is at a private address and makes connections as its
customers come. And a coturn that asks for no password. Needs root, coturn.
"""
import os, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import coturn_world
from coturn_world import SERVER4, eventually, ok, run_cases, sh

PORT = 5555
HOSTS = {"customer": coturn_world.HOSTS["customer"], "attacker": coturn_world.HOSTS["attacker"], "balancer": (("10.1.0.1",), ("10.1.0.9",))}
FORWARD = """
import socket, sys, time
for i in range(int(sys.argv[1])):
    try:
        stream = socket.create_connection((%r, %d), 2)
        stream.sendall(b"\\0\\1\\0\\0\\x21\\x12\\xa4\\x42" + b"x" * 12)
        stream.settimeout(2)
        stream.recv(100)
        stream.close()
    except OSError:
        pass
    time.sleep((0.4, 1.1, 0.7)[i %% 3])
""" % (SERVER4, PORT)


def forward(who, connections):
    sh(["ip", "netns", "exec", who, sys.executable, "-c", FORWARD, str(connections)])


def play(world, *options):
    world.start_coturn("tcp-proxy-port=%d" % PORT, *options)
    world.configure("ports: [3478, 5349, %d]\n" % PORT)
    guard = world.guard()
    forward("balancer", 20)
    ok(guard.says(r"judge\.private_source address=10\.1\.0\.9.*PROXY protocol on"), "it is told with the remedy", guard.text)
    ok(not coturn_world.banned("10.1.0.9"), "and is not banned", guard.text)
    status = sh([coturn_world.Guard.program, "status"])
    ok("10.1.0.9/32" in status and "PROXY" in status, "status says so", status)
    forward("attacker", 4)
    ok(eventually(lambda: coturn_world.banned(coturn_world.ATTACKER4)), "a public address that does the same is banned", guard.text)
    ok(guard.stop() == 0, "the daemon ends well", guard.text)


def a_private_balancer_without_header(world):
    play(world)


def a_private_balancer_without_header_in_a_verbose_log(world):
    play(world, "verbose")


def a_coturn_without_authentication(world):
    """A phone loses its network again and again; nobody there has a name. (Without `verbose` no line tells of logins anyway.)"""
    world.start_coturn("no-auth", "verbose")
    world.configure("")
    guard = world.guard()
    served = 0
    for number in range(10):
        served += world.customer.play("allocate", "--transport", "tcp" if number % 2 else "tls", "--vanish")
        time.sleep((0.4, 1.1, 0.7)[number % 3])
    ok(served == 10, "a coturn without authentication serves its customer", served)
    world.offend(3)
    ok(eventually(lambda: coturn_world.banned(coturn_world.ATTACKER4)), "a scanner is banned", guard.text)
    ok(not coturn_world.banned(HOSTS["customer"][1][0]), "the customer whose network is lost ten times is not", guard.text)


CASES = {name: value for name, value in dict(globals()).items() if name.startswith("a_")}
for case in CASES.values():
    case.no_coturn = True

if __name__ == "__main__":
    # World's hosts are its default argument: these have a balancer among them.
    coturn_world.World.__init__.__defaults__ = (True, HOSTS)
    run_cases(CASES, __file__, "usage: balancer_test.py COTURN-GUARD [CASE]")
