# SPDX-License-Identifier: GPL-3.0-or-later
"""2 live: the running daemon and a log that grows at full speed.

The log is appended in writes of 1 MiB, then three offences of a sentinel. The clock stops when the kernel drops the
sentinel's packets: every line before it has been processed. Afterwards the bans in the kernel are compared with the
generator's own book: every offender with three offences beyond doubt must be there, nobody with fewer than three, and
no canary (whose offences were forged by attacker text).
"""
import os
import time

from harness import coturn_log
from harness.arena import Probe
from harness.contestant import Contestant
from harness.kernel_sets import subject
from harness.measure import OURS, ForeignCpu, Result, Sizes, attempt, say, thousands
from phases.replay import bare_loop

PHASE = "2 live"
SENTINEL = "45.9.9.9"
BLOCK = 1 << 20


def run(context):
    results = []
    for _ in range(context.sizes.rounds):
        results += [r for r in bare_loop(context, PHASE) if r.metric == "lines/s"]
        for name in context.contestants:
            results += attempt(PHASE, name, measure, context, name)
    return results


def append(path, data):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    for at in range(0, len(data), BLOCK):
        os.write(fd, data[at:at + BLOCK])
    return fd


def settled(contestant, wanted, limit):
    """The bans in the kernel once all wanted are there or nothing has changed for 2 s."""
    end, last, changed = time.monotonic() + limit, set(), time.monotonic()
    while True:
        now = contestant.banned()
        if now != last:
            last, changed = now, time.monotonic()
        if wanted <= now or time.monotonic() - changed > 2 or time.monotonic() > end:
            return now
        time.sleep(0.1)


def measure(context, name):
    sizes = context.sizes
    count = Sizes.of(sizes.live_lines, name)
    with Contestant(name, context.work, bantime=36000) as contestant:
        path, about = coturn_log.cached(os.path.join(context.work, "logs"), count, contestant.form)
        with open(path, "rb") as f:
            data = f.read()
        contestant.start()
        probe = Probe(context.arena, SENTINEL)
        if not probe.delivered():
            raise RuntimeError("%s drops packets before anything happened" % name)
        foreign, cpu, begin = ForeignCpu(), contestant.cpu_seconds(), time.monotonic()
        fd = append(contestant.log, data)
        written = time.monotonic() - begin
        os.write(fd, "".join(coturn_log.offence(SENTINEL, count + i, contestant.form) for i in range(3)).encode())
        os.close(fd)
        done = probe.wait_banned(begin, sizes.limit_seconds)
        cpu, rss = contestant.cpu_seconds() - cpu, contestant.peak_rss_mib()
        must, may = ({subject(a) for a in about[k]} for k in ("must", "may"))
        banned = settled(contestant, must, 10) - {subject(SENTINEL)}
    note = "" if count == sizes.live_lines[OURS] else thousands(count) + " lines"
    say("%s: %s: written %.3f s, done %s s, CPU %.2f s, %.1f MiB, %d banned of %d..%d, wrong %d, foreign CPU %.2f" % (
        PHASE, name, written, done and round(done, 3), cpu, rss, len(banned), len(must), len(may), len(banned - may),
        foreign.share()))
    rate = count / done if done else None
    return [Result(PHASE, "lines/s", name, rate, note),
            Result(PHASE, "peak RSS, MiB", name, rss, note),
            Result(PHASE, "missing bans", name, len(must - banned), note),
            Result(PHASE, "wrong bans", name, len(banned - may), note),
            Result(PHASE, "canaries banned", name, len(banned & set(about["canaries"])), note)]
