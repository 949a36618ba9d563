# SPDX-License-Identifier: GPL-3.0-or-later
"""7 latency with real coturn and real resets: from the later of coturn's log line and the kernel's destroy event to the
first packet that is dropped.

A trial is a fresh address that connects to a real turnserver three times, sends garbage and resets, as scanners do; each
reset is one line of coturn's log and one destroy event of its socket, which a contestant with a witness needs both. After
the third, one loop asks three things again and again, back to back: has the log grown (fstat), has a NETLINK_SOCK_DIAG
socket of our own told the end of that very connection (a recv that never waits), does a SYN of that address still arrive.

Line and event happened after the last look that had not shown them, so the BEGINNING of that look is taken as their time;
the drop is taken at the sending of the first SYN that did not arrive (confirmed by a second). Both errors make the latency
longer than it is, by one turn of the loop each; its median length is told. No tracer slows coturn down, and the time that a
reader would need to wake up and look at its clock is in none of the numbers. The loop never rests, so it has a processor of
its own and leaves the others, on a machine with two the other one, to coturn and the contestant: where it took turns with
coturn, line and event would happen between two looks, long after the first.

Only contestants that read coturn's lines take part. The bursts of SYNs go to a port of coturn's that nobody listens on.
"""
import os
import random
import time

from harness.arena import Probe
from harness.contestant import Contestant
from harness.measure import OURS, ForeignCpu, Result, Sizes, attempt, percentile, say
from harness.real_coturn import GARBAGE, Clients, Coturn, Ear, reset

PHASE = "7 latency, real resets"
QUIET_PORT = 5350  # tls-listening-port + 1, one of those that are guarded when nothing is configured
RESETS = 3
WITNESS_SECONDS = 10


def run(context):
    return [r for name in context.contestants for r in attempt(PHASE, name, measure, context, name)]


def fresh_address(serial):
    return "47.16.%d.%d" % (serial // 250, serial % 250 + 1)


class Trial:
    """Times of one address's third reset, in seconds of the monotonic clock; None: it never happened."""

    def __init__(self):
        self.line = self.end = self.dropped = None
        self.turns = []

    def later(self):
        return max(self.line, self.end)


class Range:
    """Where the resets come from, and what is watched meanwhile."""

    def __init__(self, context, clients, ear, log, limit):
        self.arena, self.clients, self.ear, self.log, self.limit = context.arena, clients, ear, log, limit

    def size(self):
        return os.fstat(self.log).st_size

    def reset_and_wait(self, stream):
        before = self.size()
        stream.sendall(GARBAGE)
        time.sleep(0.03)  # coturn has read it: a reset before would leave no line
        reset(stream)
        end = time.monotonic() + 5
        while self.size() == before:
            if time.monotonic() > end:
                raise RuntimeError("coturn wrote no line about a reset")
            time.sleep(0.001)

    def play(self, address, rng):
        streams = self.clients.connect([address] * RESETS)
        for stream in streams[:-1]:
            self.reset_and_wait(stream)
        last, who = streams[-1], streams[-1].getsockname()
        last.sendall(GARBAGE)
        time.sleep(rng.uniform(0.03, 0.15))  # and whoever guards is asleep
        probe = Probe(self.arena, address, QUIET_PORT)
        if not probe.delivered():
            raise RuntimeError("%s was banned before its offences" % address)
        self.ear.heard()
        trial, before = Trial(), self.size()
        begin = looked = time.monotonic()
        reset(last)
        while trial.dropped is None and looked - begin < self.limit:
            last_look, looked = looked, time.monotonic()
            trial.turns.append(looked - last_look)
            self.look(trial, last_look, before, who)
            sent = time.monotonic()
            if probe.banned():
                trial.dropped = sent
            os.sched_yield()
        self.look(trial, looked, before, who)
        return trial

    def look(self, trial, since, before, who):
        if trial.line is None and self.size() != before:
            trial.line = since
        if trial.end is None and who in self.ear.heard():
            trial.end = since


class OtherProcessors:
    """What is started within runs on all processors but one, which this process can then have for itself."""

    def __enter__(self):
        self.all = os.sched_getaffinity(0)
        self.own = {max(self.all)}
        os.sched_setaffinity(0, self.all - self.own or self.all)
        return self

    def take_own(self):
        os.sched_setaffinity(0, self.own)

    def __exit__(self, *_):
        os.sched_setaffinity(0, self.all)


def wait_for_witness(contestant):
    """Ours says so when the kernel tells it of coturn's connections; without that this is another measurement."""
    end = time.monotonic() + WITNESS_SECONDS
    while time.monotonic() < end:
        with open(contestant.directory + "/guard.out") as output:
            if "witness.available" in output.read():
                time.sleep(2.5)  # it has heard everything for its patience
                return
        time.sleep(0.1)
    raise RuntimeError("no witness within %d s" % WITNESS_SECONDS)


def measure(context, name):
    count, limit = Sizes.of(context.sizes.trials, name), min(30.0, context.sizes.limit_seconds)
    rng, trials = random.Random(5), []
    with Contestant(name, context.work, bantime=600) as contestant:
        if contestant.form != "coturn":
            say("%s: %s reads no line of coturn's" % (PHASE, name))
            return []
        with OtherProcessors() as processors, Coturn(contestant.directory, contestant.log), Clients(context.arena) as clients:
            contestant.start()
            if name == OURS:
                wait_for_witness(contestant)
            processors.take_own()
            ear, log = Ear(), os.open(contestant.log, os.O_RDONLY)
            field = Range(context, clients, ear, log, limit)
            for serial in range(2):  # what happens once in a contestant's life: not counted
                field.play(fresh_address(10000 + serial), rng)
            foreign = ForeignCpu()
            for serial in range(count):
                trials.append(field.play(fresh_address(serial), rng))
                if sum(t.dropped is None for t in trials) > 1:
                    break
            noise = foreign.share()
            ear.close()
            os.close(log)
    return results_of(name, trials, noise)


def results_of(name, trials, noise):
    whole = [t for t in trials if None not in (t.line, t.end, t.dropped)]
    lost = len(trials) - len(whole)
    taken = [(t.dropped - t.later()) * 1000 for t in whole]
    p50, p99 = (percentile(taken, p) if not lost else None for p in (50, 99))
    show = lambda values, p=50: "%.3f" % percentile(values, p) if values else "-"
    say("%s: %s: p50 %s p99 %s max %s ms, incomplete %d of %d; p50 from the line %s, from the event %s; the event came later in "
        "%d, by p50 %s ms; a turn of the loop p50 %s p99 %s ms; foreign CPU %.2f" % (
            PHASE, name, show(taken), show(taken, 99), show(taken, 100), lost, len(trials),
            show([(t.dropped - t.line) * 1000 for t in whole]), show([(t.dropped - t.end) * 1000 for t in whole]),
            sum(t.end > t.line for t in whole), show([(t.end - t.line) * 1000 for t in whole]),
            show([turn * 1000 for t in whole for turn in t.turns]), show([turn * 1000 for t in whole for turn in t.turns], 99), noise))
    note = "%d trials" % len(trials)
    return [Result(PHASE, "p50, ms", name, p50, note), Result(PHASE, "p99, ms", name, p99, note)]
