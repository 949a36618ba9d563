# SPDX-License-Identifier: GPL-3.0-or-later
"""6 idle: what doing nothing costs. Wake-ups are voluntary context switches of all threads of all processes."""
import time

from harness.contestant import Contestant
from harness.measure import Result, attempt, say

PHASE = "6 idle"


def run(context):
    return [r for name in context.contestants for r in attempt(PHASE, name, measure, context, name)]


def measure(context, name):
    with Contestant(name, context.work) as contestant:
        contestant.start()
        time.sleep(2)  # what a start leaves behind settles
        wakeups, cpu, begin = contestant.wakeups(), contestant.cpu_seconds(), time.monotonic()
        time.sleep(context.sizes.idle_seconds)
        seconds = time.monotonic() - begin
        wakeups, cpu = contestant.wakeups() - wakeups, contestant.cpu_seconds() - cpu
        anonymous = contestant.anonymous_mib()
    say("%s: %s: %.2f wake-ups/s, CPU %.2f s in %.0f s, anonymous %.1f MiB" % (
        PHASE, name, wakeups / seconds, cpu, seconds, anonymous))
    return [Result(PHASE, "wake-ups/s", name, wakeups / seconds),
            Result(PHASE, "anonymous RSS, MiB", name, anonymous)]
