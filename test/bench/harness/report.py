# SPDX-License-Identifier: GPL-3.0-or-later
"""Results -> one markdown table: ours, its target, theirs, and ours / theirs."""
import collections

from .measure import OURS, median_and_range
from phases.replay import BARE_LOOP

Target = collections.namedtuple("Target", "text met")
below = lambda limit: Target("< %g" % limit, lambda ours, _: ours < limit)
none = Target("0", lambda ours, _: ours == 0)
rate = Target(">= 5 M and >= half of the bare loop",
              lambda ours, others: ours >= 5e6 and BARE_LOOP in others and ours >= others[BARE_LOOP] / 2)

TARGETS = {
    ("1 replay", "lines/s"): rate,
    ("1 replay", "peak RSS, MiB"): below(64),
    ("1 replay", "missing bans"): none,
    ("1 replay", "wrong bans"): none,
    ("2 live", "lines/s"): rate,
    ("2 live", "peak RSS, MiB"): below(64),
    ("2 live", "missing bans"): none,
    ("2 live", "wrong bans"): none,
    ("2 live", "canaries banned"): none,
    ("3 latency, idle", "p50, ms"): below(0.3),
    ("3 latency, idle", "p99, ms"): below(1),
    ("4 latency, 20 k lines/s", "p99, ms"): below(2),
    ("5 storm", "seconds"): below(0.5),
    ("5 storm", "peak RSS, MiB"): below(64),
    # one tick a second; the tenth is for a tick that blocks once
    ("6 idle", "wake-ups/s"): Target("1 (the tick)", lambda ours, _: ours <= 1.1),
    ("6 idle", "anonymous RSS, MiB"): below(12),
    ("7 latency, real resets", "p99, ms"): below(1),
}
# Wrong in any size of run, however slow the machine: a benchmark of a guard that bans the wrong ones is worth nothing.
CORRECTNESS = ("missing bans", "wrong bans", "canaries banned")


def show(value):
    if value >= 1e5:
        return "%.2f M" % (value / 1e6)
    return "%d" % value if value == int(value) else "%.3g" % value if value < 1000 else "{:,.0f}".format(value)


class Report:
    def __init__(self, results, judge_speed=True):
        self.targets = {key: target for key, target in TARGETS.items() if judge_speed or key[1] in CORRECTNESS}
        self.values = collections.OrderedDict()
        self.notes = {}
        for r in results:
            row = self.values.setdefault((r.phase, r.metric), collections.OrderedDict())
            row.setdefault(r.who, []).append(r.value)
            self.notes[r.phase, r.metric, r.who] = r.note
        self.shown = {key: {who: median_and_range(values, show) for who, values in row.items()}
                      for key, row in self.values.items()}

    def verdict(self, key):
        """True, False, or None where there is no target or nothing was measured of ours."""
        target, row = self.targets.get(key), self.shown[key]
        if target is None or OURS not in row:
            return None
        if row[OURS][0] is None:
            return False
        return target.met(row[OURS][0], {who: middle for who, (middle, _) in row.items() if middle is not None})

    def missed(self, only=None):
        return [" ".join(key) for key in self.shown
                if self.verdict(key) is False and (only is None or key[1] in only)]

    def never(self):
        """What of ours has no number although it was measured."""
        return [" ".join(key) for key, row in self.shown.items() if OURS in row and row[OURS][0] is None]

    def table(self):
        lines = ["| phase | what | coturn-guard | target | met | compared with | theirs | ours / theirs |",
                 "|---|---|---|---|---|---|---|---|"]
        for key, row in self.shown.items():
            ours = row.get(OURS, (None, "-"))
            note = self.notes.get((*key, OURS), "")
            verdict = {True: "yes", False: "**no**", None: ""}[self.verdict(key)]
            head = [key[0], key[1], ours[1] + (" (%s)" % note if note else ""),
                    self.targets[key].text if key in self.targets else "", verdict]
            others = [(who, value) for who, value in row.items() if who != OURS] or [(None, None)]
            for who, value in others:
                lines.append("| %s |" % " | ".join(head + self.comparison(key, ours, who, value)))
        return "\n".join(lines)

    def comparison(self, key, ours, who, value):
        if who is None:
            return ["", "", ""]
        note = self.notes.get((*key, who), "")
        both = ours[0] is not None and value[0]
        return [who, value[1] + (" (%s)" % note if note else ""), "%.3g" % (ours[0] / value[0]) if both else ""]
