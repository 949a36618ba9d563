# SPDX-License-Identifier: GPL-3.0-or-later
"""3 and 4 latency: from the write of an address's third offence to the first of its packets that is dropped.

A trial writes three offences of a fresh address (every fourth IPv6) with three write(2), as coturn does. The clock
starts right before the third and stops at the sending of the first SYN that no longer arrives; SYNs follow each other
back to back. Trials are some tenths of a second apart, at random, so the contestant is asleep when one comes.
Phase 4 is the same while another process appends 20 000 benign lines a second, one write(2) each, as coturn does.
"""
import contextlib
import itertools
import os
import random
import time

from harness import coturn_log
from harness.arena import Probe
from harness.contestant import Contestant
from harness.load import Load
from harness.measure import ForeignCpu, Result, Sizes, attempt, percentile, say

IDLE, LOADED = "3 latency, idle", "4 latency, 20 k lines/s"
LOAD_LINES_PER_SECOND, LOAD_LINES_AT_ONCE = 20_000, 20


def run_idle(context):
    return [r for name in context.contestants for r in attempt(IDLE, name, measure, context, name, IDLE)]


def run_loaded(context):
    return [r for name in context.contestants for r in attempt(LOADED, name, measure, context, name, LOADED)]


def fresh_address(serial):
    if serial % 4 == 3:
        return "2a02:%x::%x" % (serial, serial)
    return "47.0.%d.%d" % (serial // 250, serial % 250 + 1)


def measure(context, name, phase):
    trials, limit = Sizes.of(context.sizes.trials, name), min(30.0, context.sizes.limit_seconds)
    rng, taken, lost = random.Random(3), [], 0
    # No session of the load's: who logged in there would be a phone that lost its network, and no offender.
    session = itertools.count(500_000_000)
    with Contestant(name, context.work, bantime=600) as contestant, contextlib.ExitStack() as under_way:
        contestant.start()
        fd = os.open(contestant.log, os.O_WRONLY | os.O_APPEND)
        under_way.callback(os.close, fd)

        def trial(address):
            probe = Probe(context.arena, address)
            lines = [coturn_log.offence(address, next(session), contestant.form).encode() for _ in range(3)]
            if not probe.delivered():
                raise RuntimeError("%s: %s was banned before its offences" % (name, address))
            os.write(fd, lines[0])
            os.write(fd, lines[1])
            begin = time.monotonic()
            os.write(fd, lines[2])
            return probe.wait_banned(begin, limit)

        for i in range(4):  # the first ban of each family may create chains and sets: not counted
            trial(fresh_address(10000 + i))
        if phase == LOADED:
            under_way.enter_context(Load(context, contestant.log, LOAD_LINES_PER_SECOND, LOAD_LINES_AT_ONCE))
            time.sleep(1)
        foreign, cpu, begin = ForeignCpu(), contestant.cpu_seconds(), time.monotonic()
        for i in range(trials):
            time.sleep(rng.uniform(0.03, 0.25))
            seconds = trial(fresh_address(i))
            if seconds is None:
                lost += 1
                if lost > 1:
                    break
            else:
                taken.append(seconds * 1000)
        share = (contestant.cpu_seconds() - cpu) / (time.monotonic() - begin)
        noise = foreign.share()
    note = "%d trials" % trials
    p50, p99 = (percentile(taken, p) if not lost else None for p in (50, 99))
    say("%s: %s: p50 %s p99 %s max %s ms, never %d of %d, CPU %.0f %%, foreign CPU %.2f" % (
        phase, name, *("%.3f" % x if x else "-" for x in (p50, p99, max(taken, default=None))), lost, trials,
        share * 100, noise))
    return [Result(phase, "p50, ms", name, p50, note), Result(phase, "p99, ms", name, p99, note)]
