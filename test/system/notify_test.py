#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bans go on while the service manager's socket (NOTIFY_SOCKET) is read by nobody, and what matters arrives once it is.

  notify_test.py PATH/TO/coturn-guard [NAME...]      all cases, or those that have a NAME in theirs

In namespaces of its own (root needed; the host is not touched). Needs no coturn. Prints TAP.
"""
import os, signal, socket, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from coturn_world import banned, eventually, ok, run_cases

CASES = {}


def case(function):
    function.no_coturn = True
    CASES[function.__name__] = function
    return function


class Manager:
    """The socket at the manager's end; nobody reads it but who calls."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def messages(self):
        self.socket.setblocking(False)
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def fill(self):
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sender.setblocking(False)
        count = 0
        try:
            while True:
                sender.sendto(b"STATUS=full", self.socket.getsockname())
                count += 1
        except BlockingIOError:
            return count


def offend(world, address):
    with open(world.log, "a") as log:
        log.write("".join("7: : ERROR: session %018d: TCP socket error: Connection reset by peer %s:%d\n" % (time.monotonic_ns() % 10**17 + n, address, 4000 + n)
                          for n in range(3)))


def bans(world, guard, numbers):
    late = []
    for number in numbers:
        offend(world, "47.0.1.%d" % number)
        if not eventually(lambda: banned("47.0.1.%d" % number), 2):
            late.append(number)
        time.sleep(0.4)
    return late


def begin_log(world):
    with open(world.log, "w") as log:
        log.write("0: : Coturn Version Coturn-4.6.1 'Gorst'\n")


def unread(world, address):
    begin_log(world)
    manager = Manager(address)
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "2000000"}
    guard = world.guard(environment=environment)
    eventually(lambda: any("READY=1" in message for message in manager.messages()), 5)
    ok(manager.fill() > 0, "the queue of the manager's socket is full")
    late = bans(world, guard, range(1, 16))
    ok(not late, "fifteen offenders are banned meanwhile", late)
    guard.send(signal.SIGHUP)
    time.sleep(1.5)
    ok(guard.alive() and not bans(world, guard, [20]), "a reload passes, and bans go on", guard.text)
    ok(all(message == "STATUS=full" for message in manager.messages()), "nothing was told: nobody read")
    heard = []
    eventually(lambda: heard.extend(manager.messages()) or ("WATCHDOG=1" in heard and any("READY=1" in one for one in heard)), 4)
    reloaded = [one for one in heard if one.startswith(("RELOADING=1", "READY=1"))]
    ok([one.split("\n")[0] for one in reloaded] == ["RELOADING=1", "READY=1"], "once it is read, the reload is told in its order", heard)
    ok("WATCHDOG=1" in heard, "the watchdog is fed", heard)
    manager.fill()
    ok(guard.stop() == 0, "and it ends in order while nobody reads", guard.text)


@case
def an_abstract_socket_that_nobody_reads(world):
    unread(world, "@coturn-guard-notify-%d" % os.getpid())


@case
def a_path_that_nobody_reads(world):
    unread(world, world.place + "/notify")


@case
def a_manager_that_comes_late_and_goes(world):
    address = world.place + "/notify"
    begin_log(world)
    guard = world.guard(environment={"NOTIFY_SOCKET": address})
    ok(not bans(world, guard, [1]), "bans begin before there is a manager", guard.text)
    manager = Manager(address)
    heard = []
    ok(eventually(lambda: heard.extend(manager.messages()) or any("READY=1" in one for one in heard), 4), "it is told of readiness when it comes", heard)
    manager.socket.close()
    os.unlink(address)
    ok(not bans(world, guard, [2, 3]), "bans go on when it is gone", guard.text)
    ok(guard.stop() == 0, "and the end is in order", guard.text)


@case
def an_address_that_is_none(world):
    begin_log(world)
    guard = world.guard(environment={"NOTIFY_SOCKET": "/" + "x" * 5000})
    ok(not bans(world, guard, [1]) and guard.stop() == 0, "an address that is too long for any socket harms nothing", guard.text)


if __name__ == "__main__":
    run_cases(CASES, __file__, __doc__)
