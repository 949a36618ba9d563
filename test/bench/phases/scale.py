# SPDX-License-Identifier: GPL-3.0-or-later
"""9 scale: what a hundred thousand bans that stand, and a million, cost. Ours only: peers do not come so far.

Bans are made by hand in one go, then measured: a restart until the daemon says READY (the kernel keeps the bans), doing
nothing, one more ban (until the daemon answers that the kernel has it, the start of the program that asks included), two hundred
new offenders a second, and memory. Both backends; nftables with a hundred thousand.
"""
import os
import socket
import subprocess
import time

from harness import coturn_log, kernel_sets
from harness.contestant import Contestant
from harness.measure import OURS, Result, attempt, percentile, say, thousands

PHASE = "9 scale"
NEW_PER_SECOND = 200
ROUNDS_PER_SECOND = 5
MORE_BANS = 30


def run(context):
    results = []
    for name in (OURS,) if OURS in context.contestants else ():
        for backend, counts in context.sizes.standing.items():
            for count in counts:
                results += attempt(PHASE, name, measure, context, backend, count)
    return results


def address(i):
    return "%d.%d.%d.%d" % (60 + (i >> 24), i >> 16 & 255, i >> 8 & 255, i & 255)


def ask(contestant, *words, text=None):
    """A verb of the program's, which must do what it is told."""
    done = subprocess.run([os.environ["COTURN_GUARD"], *words], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=contestant.environment, timeout=300)
    if done.returncode:
        raise RuntimeError("%s: exit %d: %s" % (" ".join(words), done.returncode, done.stdout[-500:]))


class Ready:
    """The service manager's end of a start: the seconds from the start of the program to its READY=1."""

    def __init__(self, contestant):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = contestant.directory + "/notify"
        if os.path.exists(path):
            os.unlink(path)
        self.socket.bind(path)
        self.socket.settimeout(120)
        contestant.environment["NOTIFY_SOCKET"] = path

    def start(self, contestant):
        began = time.monotonic()
        process = subprocess.Popen([os.environ["COTURN_GUARD"], "run", "--config", contestant.directory + "/coturn-guard.yaml"],
                                   env=contestant.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while b"READY=1" not in self.socket.recv(4096):
            pass
        return process, time.monotonic() - began


def offences(first, count):
    """Three lines each of so many addresses that nobody had before."""
    return "".join(coturn_log.offence("77.%d.%d.%d" % (i >> 16 & 255, i >> 8 & 255, i & 255), 10 ** 6 + i)
                   for i in range(first, first + count) for _ in range(3)).encode()


def seconds_of_one_more(contestant, which):
    def one(i):
        began = time.monotonic()
        ask(contestant, "ban", "--for", "1h", "88.1.1.%d" % i)
        seconds = time.monotonic() - began
        if not contains(which, "88.1.1.%d" % i):
            raise RuntimeError("the ban was said to be made, and the kernel has it not")
        return seconds
    return percentile([one(i) for i in range(1, 1 + MORE_BANS)], 50)


def contains(which, one):
    if which.startswith("ipset"):
        return kernel_sets.contains(which, one)
    return subprocess.run("nft get element %s '{ %s }'" % (which[4:], one), shell=True, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def used(contestant, seconds):
    before, began = contestant.cost(), time.monotonic()
    time.sleep(seconds)
    return 100 * (contestant.cost() - before).cpu / (time.monotonic() - began)


def measure(context, backend, count):
    idle, results = context.sizes.follow_seconds, []
    what = "%s bans, %s: " % (thousands(count), backend)

    def result(metric, value):
        results.append(Result(PHASE, what + metric, OURS, value))
        say("%s: %s%s %.3g" % (PHASE, what, metric, value))
    with Contestant(OURS, context.work, bantime=86400, keeps_state=True) as contestant:
        contestant.environment.update(ENFORCER=backend, MOST=str(count + 100_000))
        contestant.act("configure")
        which = "ipset coturn-guard-4" if backend == "ipset" else "nft inet coturn_guard banned4"
        service = Ready(contestant)
        process, _ = service.start(contestant)
        time.sleep(2)
        alone = contestant.anonymous_mib()
        ask(contestant, "ban", "--for", "1d", "-", text="".join(address(i) + "\n" for i in range(count)))
        time.sleep(3)  # what is asked for is made, and saved
        there = kernel_sets.count(which)
        if there < count:
            raise RuntimeError("of %d bans the kernel has %d" % (count, there))
        result("memory a ban, bytes", (contestant.anonymous_mib() - alone) * 2 ** 20 / count)
        result("idle, CPU %", used(contestant, idle))
        result("one more ban, ms", 1e3 * seconds_of_one_more(contestant, which))
        before, began = contestant.cost(), time.monotonic()
        for i in range(round(idle * ROUNDS_PER_SECOND)):
            with open(contestant.log, "ab", buffering=0) as log:
                log.write(offences(i * NEW_PER_SECOND // ROUNDS_PER_SECOND, NEW_PER_SECOND // ROUNDS_PER_SECOND))
            time.sleep(max(0, began + (i + 1) / ROUNDS_PER_SECOND - time.monotonic()))
        result("%d new bans/s, CPU %%" % NEW_PER_SECOND, 100 * (contestant.cost() - before).cpu / (time.monotonic() - began))
        restarts = []
        for _ in range(context.sizes.rounds):
            process.terminate()
            process.wait(120)
            process, seconds = service.start(contestant)
            restarts.append(seconds)
            time.sleep(2)
        result("restart until READY, ms", 1e3 * percentile(restarts, 50))
        process.terminate()
        process.wait(120)
    return results
