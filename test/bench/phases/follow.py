# SPDX-License-Identifier: GPL-3.0-or-later
"""8 follow: what a log that grows steadily costs. Each line is a write(2) of its own, as coturn's are.

An operator pays for wake-ups, the processor and the disk, not for parsing. So the load is one that a server really has,
1000 to 50 000 lines a second, evenly or in bursts; the daemon keeps what must outlive a restart, as it does on a real
machine. CPU is what the kernel's scheduler counted of all threads, in hundredths of one core, children included as long
as they live. Nothing in the log is an offence: no ban is part of this. Where the machine
was too slow for the writer the note tells how many lines a second came.
"""
import os
import time

from harness.contestant import Contestant
from harness.load import Load
from harness.measure import ForeignCpu, Result, attempt, say, thousands

PHASE = "8 follow"
LOADS = ((1000, 1), (10_000, 1), (10_000, 10), (50_000, 50))  # lines a second, lines at once
SETTLE_SECONDS = 1.5


def run(context):
    results = []
    for _ in range(context.sizes.rounds):
        for name in context.contestants:
            results += attempt(PHASE, name, measure, context, name)
    return results


def measure(context, name):
    results = []
    with Contestant(name, context.work, bantime=600, keeps_state=True) as contestant:
        contestant.start()
        for rate, burst in LOADS:
            with Load(context, contestant.log, rate, burst) as load:
                time.sleep(SETTLE_SECONDS)
                size, foreign, before, begin = os.path.getsize(contestant.log), ForeignCpu(), contestant.cost(), time.monotonic()
                time.sleep(context.sizes.follow_seconds)
                cost, seconds = contestant.cost() - before, time.monotonic() - begin
                grown = os.path.getsize(contestant.log) - size
            came = grown / seconds / load.bytes_a_line
            note = "" if came > 0.95 * rate else thousands(round(came, -1)) + " lines/s came"
            what = "%s lines/s, %s" % (thousands(rate), "evenly" if burst == 1 else "%d at once" % burst)
            say("%s: %s: %s: CPU %.2f %%, %.0f wake-ups/s, %.0f kB/s to disk, %d lines/s came, foreign CPU %.2f" % (
                PHASE, name, what, 100 * cost.cpu / seconds, cost.wakeups / seconds, cost.written / seconds / 1e3,
                came, foreign.share()))
            results += [Result(PHASE, what + ": CPU, %", name, 100 * cost.cpu / seconds, note),
                        Result(PHASE, what + ": wake-ups/s", name, cost.wakeups / seconds, note),
                        Result(PHASE, what + ": to disk, kB/s", name, cost.written / seconds / 1e3, note)]
    return results
