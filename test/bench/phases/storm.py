# SPDX-License-Identifier: GPL-3.0-or-later
"""5 storm: three offences of each of many distinct addresses, shuffled, in one burst; until all are in the set.

The clock starts before the first write. Because the order of the lines is known, the addresses whose third line comes
last are asked for, one by one in constant time; only when those are in is the whole set counted, as counting makes
the kernel walk it and holds up the contestant's own adds. So the time is exact to some milliseconds.
Peers get fewer offenders, as many as they finish with in reasonable time; nothing is extrapolated.
"""
import os
import random
import time

from harness import coturn_log, kernel_sets
from harness.contestant import Contestant
from harness.measure import OURS, ForeignCpu, Result, Sizes, attempt, run_once, say, thousands
from phases.live import append

PHASE = "5 storm"
LIMIT = "bare netlink adds"
POLL_SECONDS = 0.002
LAST_ASKED = 8


def run(context):
    results = []
    for _ in range(context.sizes.rounds):
        count = context.sizes.offenders[OURS]
        output = os.path.join(context.work, "ipset_limit.out")
        # in its own network namespace: the set is gone with it
        if run_once(["unshare", "-n", context.limits + "/ipset_limit", str(count)], output, 60):
            with open(output) as f:
                results.append(Result(PHASE, "seconds", LIMIT, float(f.read()), thousands(count) + " addresses"))
        for name in context.contestants:
            results += attempt(PHASE, name, measure, context, name)
    return results


def address(i):
    return "48.%d.%d.%d" % (i // 62500, i // 250 % 250, i % 250 + 1)


def burst(count, form):
    """The lines, and the addresses whose third line comes last, the very last first."""
    order = [i for i in range(count) for _ in range(3)]
    random.Random(7).shuffle(order)
    seen, last = set(), []
    for i in reversed(order):
        if i not in seen:
            seen.add(i)
            last.append(address(i))
            if len(last) == LAST_ASKED:
                break
    return "".join(coturn_log.offence(address(i), n, form, coturn_log.FIRST_SECOND + n // 1000)
                   for n, i in enumerate(order)).encode(), last


def wait_for_all(contestant, count, last, begin, limit):
    """Seconds until `count` bans are in the sets; None if that does not happen within `limit`."""
    which = contestant.sets[0]
    next_count = 1.0
    while True:
        now = time.monotonic() - begin
        # a contestant may lose some or ban in another order: then the count alone decides, twice a second
        all_last = all(kernel_sets.contains(which, a) for a in last)
        if all_last or now > next_count:
            if contestant.ban_count() >= count:
                return time.monotonic() - begin
            next_count = now + 0.5
            if all_last:
                time.sleep(0.02)
        if now > limit:
            return None
        time.sleep(POLL_SECONDS)


def measure(context, name):
    count = Sizes.of(context.sizes.offenders, name)
    with Contestant(name, context.work, bantime=36000) as contestant:
        data, last = burst(count, contestant.form)
        contestant.start()
        foreign, cpu, begin = ForeignCpu(), contestant.cpu_seconds(), time.monotonic()
        os.close(append(contestant.log, data))
        written = time.monotonic() - begin
        seconds = wait_for_all(contestant, count, last, begin, context.sizes.limit_seconds)
        cpu, rss, bans = contestant.cpu_seconds() - cpu, contestant.peak_rss_mib(), contestant.ban_count()
    say("%s: %s: %d offenders: written %.3f s, all %s s, %d banned, CPU %.2f s, %.1f MiB, foreign CPU %.2f" % (
        PHASE, name, count, written, seconds and round(seconds, 3), bans, cpu, rss, foreign.share()))
    results = [Result(PHASE, "bans/s", name, count / seconds if seconds else None, thousands(count) + " offenders"),
               Result(PHASE, "peak RSS, MiB", name, rss, thousands(count) + " offenders")]
    if count == context.sizes.offenders[OURS]:  # seconds of different numbers of offenders do not compare
        results.insert(0, Result(PHASE, "seconds", name, seconds, thousands(count) + " offenders"))
    return results
