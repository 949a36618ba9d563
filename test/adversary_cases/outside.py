# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not coturn: a service manager that does not read, networks, other machines' clocks."""
import socket, time

import turn_client as turn
from adversary import attack, ok


@attack("default journal", ci="default", seconds=20)
def a_notify_socket_that_nobody_reads(arena):
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(arena.place + "/notify")
    arena.start(environment={"NOTIFY_SOCKET": arena.place + "/notify", "WATCHDOG_USEC": "1000000"})
    with open("/proc/sys/net/unix/max_dgram_qlen") as file:
        room = min(int(file.read()), 20)
    # Each watchdog's word takes one place: wait until the queue is full, and a while more. Reading tells how full it is.
    end = time.monotonic() + 1 + room * 0.6
    while time.monotonic() < end:
        try:
            arena.mark()
        except AssertionError as problem:
            return ok(False, "who offends while nobody reads the notify socket is banned", problem)
    ok(True, "who offends while nobody reads the notify socket is banned")
    told.settimeout(0.5)
    heard = []
    try:
        while True:
            heard.append(told.recv(4096).decode())
    except TimeoutError:
        pass
    ok(any("READY=1" in word for word in heard), "READY was told", heard)
    told.settimeout(8)
    try:
        ok("WATCHDOG=1" in told.recv(4096).decode() or "WATCHDOG=1" in told.recv(4096).decode(), "and when it is read again the watchdog is fed")
    except TimeoutError:
        ok(False, "and when it is read again the watchdog is fed", arena.daemon.text)


@attack("default", seconds=12)
def a_notify_socket_that_is_gone(arena):
    arena.start(environment={"NOTIFY_SOCKET": arena.place + "/nobody", "WATCHDOG_USEC": "1000000"})
    arena.at("attacker", spit, arena.server, 4).wait()
    arena.falls(arena.attacker_address, "who offends where the notify socket is gone")


def spit(server, times, pause=0.1):
    for _ in range(times):
        try:
            turn.garbage_then_reset(server, 5349)
        except OSError:
            return
        time.sleep(pause)
