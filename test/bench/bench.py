#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the phases in private namespaces and prints one table. Called by ./run, which installs and builds first."""
import argparse
import dataclasses
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from harness import contestant, measure, namespaces  # noqa: E402
from harness.arena import Arena  # noqa: E402
from harness.measure import OURS, Sizes, say  # noqa: E402
from harness.report import CORRECTNESS, Report  # noqa: E402
from phases import follow, idle, latency, live, replay, resets, scale, storm  # noqa: E402

PHASES = {"replay": replay.run, "live": live.run, "latency": latency.run_idle, "latency_load": latency.run_loaded,
          "storm": storm.run, "idle": idle.run, "resets": resets.run, "follow": follow.run,
          "scale": scale.run}
# Peers get what they finish within about half a minute.
FULL = Sizes(rounds=5, replay_lines={OURS: 1_000_000, "fail2ban": 100_000, "*": 1_000_000},
             live_lines={OURS: 1_000_000, "fail2ban": 300_000, "*": 200_000},
             trials={OURS: 500, "*": 100}, offenders={OURS: 100_000, "*": 1000},
             standing={"ipset": (100_000, 1_000_000), "nftables": (100_000,)},
             idle_seconds=60, follow_seconds=10, limit_seconds=120)
QUICK = Sizes(rounds=2, replay_lines={OURS: 1_000_000, "fail2ban": 20_000, "*": 1_000_000},
              live_lines={OURS: 1_000_000, "*": 50_000},
              trials={OURS: 150, "*": 30}, offenders={OURS: 100_000, "*": 200},
              standing={"ipset": (100_000,), "nftables": (100_000,)},
              idle_seconds=10, follow_seconds=5, limit_seconds=30)
SMOKE = Sizes(rounds=1, replay_lines={OURS: 50_000, "*": 2_000}, live_lines={OURS: 50_000, "*": 5_000},
              trials={OURS: 10, "*": 3}, offenders={OURS: 2000, "*": 50}, standing={"ipset": (1000,), "nftables": (1000,)},
              idle_seconds=2, follow_seconds=1, limit_seconds=15)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="smaller, about 3 minutes")
    arguments.add_argument("--smoke", action="store_true", help="tiny: do numbers come out, is nobody wrong banned")
    arguments.add_argument("--strict", action="store_true", help="a missed target is a failure")
    arguments.add_argument("--contestants", help="comma-separated, default all that are installed (smoke: ours): %s"
                           % ", ".join(contestant.names()))
    arguments.add_argument("phases", nargs="*", metavar="phase", help=" ".join(PHASES))
    options = arguments.parse_args()
    for phase in options.phases:
        if phase not in PHASES:
            arguments.error("no such phase: %s (there are %s)" % (phase, " ".join(PHASES)))
    for name in (options.contestants or OURS).split(","):
        if name not in contestant.names():
            arguments.error("no such contestant: %s (there are %s)" % (name, " ".join(contestant.names())))
    namespaces.enter(240 if options.smoke else 900 if options.quick else 7200)
    sizes = SMOKE if options.smoke else QUICK if options.quick else FULL

    work, results_directory = os.environ["BENCH_WORK"], os.environ["BENCH_RESULTS"]
    os.makedirs(results_directory, exist_ok=True)
    wanted = options.contestants.split(",") if options.contestants else [OURS] if options.smoke else ours_first()
    versions = installed(wanted, work)
    context = measure.Context(Arena(), sizes, list(versions), work, os.environ["BENCH_LIMITS"])
    began, load, results = time.time(), [measure.load()], []
    for phase in options.phases or PHASES:
        results += PHASES[phase](context)
        load.append(measure.load())

    report = Report(results, judge_speed=not options.smoke)
    facts = "%s. %s. Load average before each phase and at the end: %s. %.0f s." % (
        measure.machine(), "; ".join(versions.values()), " ".join(load), time.time() - began)
    text = report.table() + "\n\n" + facts + "\n"
    stem = os.path.join(results_directory, time.strftime("%Y%m%d-%H%M%S"))
    with open(stem + ".md", "w") as f:
        f.write(text)
    with open(stem + ".jsonl", "w") as f:
        f.writelines(json.dumps(dataclasses.asdict(r)) + "\n" for r in results)
    print(text, flush=True)
    # targets are for a quiet machine and full sizes; being right is for every run
    failures = report.never() + report.missed(None if options.strict else CORRECTNESS)
    for failure in failures:
        say("FAILED: " + failure)
    os._exit(1 if failures else 0)


def ours_first():
    return sorted(contestant.names(), key=lambda name: name != OURS)


def installed(wanted, work):
    """name -> version of the contestants that are there."""
    found = {}
    for name in wanted:
        with contestant.Contestant(name, work) as c:
            try:
                found[name] = c.act("version").strip()
            except contestant.Failed as e:
                say("%s is not here, so it takes no part: %s" % (name, str(e).strip()))
    if not found:
        sys.exit("no contestant is installed")
    return found


if __name__ == "__main__":
    main()
