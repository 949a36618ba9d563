#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the running daemon holds of memory while its log grows by a million of everything.

  memory_test.py PATH/TO/coturn-guard

Everything on: a witness (somebody listens on coturn's port), rule and sets in the kernel. The log tells of a million sessions
that never end, each with a user of its own, of a million addresses with one offence each, and of 200 000 that are banned for
three. The peak must stay under LIMIT, and the daemon must still judge rightly afterwards. In namespaces of its own (root
needed). What each table may hold, and that it counts whom it forgets, shows memory_flood. Prints TAP.
"""
import os, re, socket, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import coturn_world
from coturn_world import ALONE, Guard, NET_ADMIN_ALONE, SERVER4, World, banned, eventually, have_private_files, ok

MILLION, OFFENDERS, AT_ONCE = 1_000_000, 200_000, 20_000
LIMIT_MIB = 192
SENTINEL, CLUMSY = "203.0.113.66", "203.0.113.67"
SESSION = "22: : session %018d: realm <example.org> user <user%d>: incoming packet message processed, error 401: Unauthorized\n"
RESET = "22: : ERROR: session %018d: TCP socket error: Connection reset by peer %s:4000\n"


def address(network, n):
    return "%d.%d.%d.%d" % (network, n >> 16, n >> 8 & 255, n & 255)


def blocks():
    """The log's text, by the megabyte."""
    for begin in range(0, MILLION, AT_ONCE):
        yield "".join(SESSION % (n, n) for n in range(begin, begin + AT_ONCE))
        yield "".join(RESET % (MILLION + n, address(20, n)) for n in range(begin, begin + AT_ONCE))
    for begin in range(0, OFFENDERS, AT_ONCE):
        yield "".join(RESET % (2 * MILLION + n, address(21, n)) for n in range(begin, begin + AT_ONCE)) * 3


def peak_mib(process):
    return int(re.search(r"^VmHWM:\s+(\d+)", open("/proc/%d/status" % process.pid).read(), re.M)[1]) / 1024


def in_the_set():
    listed = subprocess.run(["ipset", "list", "-terse", "coturn-guard-4"], stdout=subprocess.PIPE, text=True).stdout
    return int(re.search(r"Number of entries: (\d+)", listed)[1])


def inside():
    have_private_files()
    world = World(start_coturn=False, hosts={})
    open(world.log, "w").close()
    with socket.create_server((SERVER4, 3478)):
        world.configure("")
        guard = world.guard(before=NET_ADMIN_ALONE)
        ok(guard.says("witness.available"), "the daemon has its witness", guard.text)
        before, began = peak_mib(guard.process), time.monotonic()
        with open(world.log, "a", buffering=1 << 20) as log:
            for block in blocks():
                log.write(block)
            log.write("".join(RESET % (n, SENTINEL) for n in (1, 2, 3)) + "".join(RESET % (n, CLUMSY) for n in (1, 2)))
        written = time.monotonic() - began
        ok(eventually(lambda: banned(SENTINEL), 60), "an offender at the end of it all is banned", guard.text[-2000:])
        print("# written in %.1f s, judged in %.1f s, %d bans in the kernel" % (written, time.monotonic() - began, in_the_set()))
        ok(not banned(CLUMSY), "and who offended less is not")
        ok(eventually(lambda: in_the_set() >= OFFENDERS * 0.9, 20), "so are those before", in_the_set())
        peak = peak_mib(guard.process)
        ok(peak < LIMIT_MIB, "the daemon's peak is under %d MiB" % LIMIT_MIB, peak)
        print("# peak %.1f MiB, before %.1f MiB" % (peak, before))
        ok(guard.stop() == 0, "and it ends as it is told", guard.text[-2000:])


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    Guard.program = os.path.abspath(sys.argv[1])
    if sys.argv[2:] == ["--inside"]:
        inside()
        sys.exit(1 if coturn_world.failures else 0)
    if os.geteuid() != 0:
        sys.exit("memory_test.py: needs root, for namespaces")
    sys.exit(subprocess.run([*ALONE, sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--inside"], timeout=200).returncode)


main()
