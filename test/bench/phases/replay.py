# SPDX-License-Identifier: GPL-3.0-or-later
"""1 replay: a whole file of mixed lines, once, on one core.

Ours is the whole program: start, rules compiled, lines recognised, offences judged, verdicts printed. Beside it, in
the same rounds, what one core can do at best (limits/match_limit), grep and the peers' own one-shot tools.
"""
import os

from harness import coturn_log
from harness.contestant import Contestant
from harness.kernel_sets import subject
from harness.measure import OURS, Result, Sizes, attempt, run_once, say, thousands

PHASE = "1 replay"
BARE_LOOP = "bare prefilter+RE2::Set loop"
GREP = "grep -cE recipe"
RECIPE = r"^\s*[0-9]+: : ERROR: session \w+: [A-Z/]+ socket error: Connection reset by peer [^ ]+:[0-9]+"


def run(context):
    sizes = context.sizes
    lines = sizes.replay_lines[OURS]
    path, _ = coturn_log.cached(os.path.join(context.work, "logs"), lines)
    results = []
    for _ in range(sizes.rounds):
        results += bare_loop(context)
        results += measure(context, GREP, ["grep", "-cE", RECIPE], path, lines, dict(os.environ, LC_ALL="C"))
        for name in context.contestants:
            results += attempt(PHASE, name, replay, context, name)
    return results


def bare_loop(context, phase=PHASE):
    """One round of the loop that the rate of ours is held against."""
    lines = context.sizes.replay_lines[OURS]
    path, _ = coturn_log.cached(os.path.join(context.work, "logs"), lines)
    return measure(context, BARE_LOOP, [context.limits + "/match_limit", "prefilter-set"], path, lines, None, phase)


def output(context):
    return os.path.join(context.work, "replay.out")


def measure(context, who, command, log, count, environment, phase=PHASE):
    with open(log, "rb") as f:  # into the page cache
        while f.read(1 << 24):
            pass
    taken = run_once(command + [log], output(context), context.sizes.limit_seconds, environment)
    note = "" if count == context.sizes.replay_lines[OURS] else thousands(count) + " lines"
    if not taken:
        return [Result(phase, "lines/s", who, None, note)]
    say("%s: %s: %s lines: %.3f s, CPU %.3f s, %.1f MiB" % (phase, who, thousands(count), *taken))
    return [Result(phase, "lines/s", who, count / taken.wall, note),
            Result(phase, "lines per CPU second", who, count / taken.cpu, note),  # steadier on a busy machine
            Result(phase, "peak RSS, MiB", who, taken.rss_mib, note)]


def replay(context, name):
    with Contestant(name, context.work, bantime=36000) as contestant:
        if not contestant.has("replay"):
            return []
        contestant.act("configure")
        count = Sizes.of(context.sizes.replay_lines, name)
        form = contestant.act("replay_form").strip()
        log, about = coturn_log.cached(os.path.join(context.work, "logs"), count, form)
        who = name if name == OURS else contestant.act("replay_name").strip() or name
        results = measure(context, who, contestant.command("replay"), log, count, contestant.environment)
        if results[0].value is not None and contestant.has("replay_bans"):
            banned = {subject(a) for a in contestant.act("replay_bans", output(context)).split()}
            must, may = ({subject(a) for a in about[k]} for k in ("must", "may"))
            results += [Result(PHASE, "missing bans", who, len(must - banned)),
                        Result(PHASE, "wrong bans", who, len(banned - may))]
        return results
