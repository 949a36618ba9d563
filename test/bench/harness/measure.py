# SPDX-License-Identifier: GPL-3.0-or-later
"""Small things every phase needs: results, percentiles, one-shot programs, the machine."""
import collections
import dataclasses
import os
import platform
import re
import select
import signal
import statistics
import subprocess
import sys
import time

OURS = "coturn-guard"


@dataclasses.dataclass
class Result:
    """One measured value. Several of the same phase, metric and who are rounds: the median is reported."""
    phase: str
    metric: str
    who: str
    value: float | None  # None: it never happened within the limit
    note: str = ""       # what was smaller or different for this one


@dataclasses.dataclass
class Sizes:
    """How much is measured. Dictionaries by contestant; "*" is everybody else."""
    rounds: int
    replay_lines: dict
    live_lines: dict
    trials: dict
    offenders: dict
    standing: dict        # bans that stand, by backend
    idle_seconds: float
    follow_seconds: float
    limit_seconds: float  # of a single measurement

    @staticmethod
    def of(table, who):
        return table.get(who, table["*"])


Context = collections.namedtuple("Context", "arena sizes contestants work limits")
Taken = collections.namedtuple("Taken", "wall cpu rss_mib")


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else None


def say(text):
    print("%s  %s" % (time.strftime("%T"), text), file=sys.stderr, flush=True)


def thousands(n):
    return "%g M" % (n / 1e6) if n >= 1e6 else "%g k" % (n / 1e3) if n >= 1e3 else str(n)


def attempt(phase, who, function, *arguments):
    """The results of one measurement; if it breaks, that is a result too, and the others go on."""
    try:
        return function(*arguments)
    except (RuntimeError, OSError, subprocess.SubprocessError) as e:
        say("%s: %s FAILED: %s" % (phase, who, e))
        return [Result(phase, "measured at all", who, None)]


def run_once(command, output, limit, environment=None):
    """Run a program on one core: wall seconds, CPU seconds, peak RSS in MiB. None if it failed or took too long.

    time(1) starts it, because the peak RSS that the kernel reports to us would begin with that of this interpreter;
    stdout is a file, because GNU grep stops at the first match when it sees /dev/null. The end is seen through a
    pidfd: the time-out of subprocess polls, up to 50 ms late.
    """
    report = output + ".time"
    core = {max(os.sched_getaffinity(0))}
    with open(output, "w") as out, open(output + ".errors", "w") as errors:
        begin = time.monotonic()
        child = subprocess.Popen(["/usr/bin/time", "-q", "-o", report, "-f", "%M", *command],
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment,
                                 start_new_session=True, preexec_fn=lambda: os.sched_setaffinity(0, core))
        end = os.pidfd_open(child.pid)
        ended, _, _ = select.select([end], [], [], limit)
        wall = time.monotonic() - begin
        os.close(end)
        if not ended:
            os.killpg(child.pid, signal.SIGKILL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        say("%s: exit %d, see %s.errors" % (" ".join(command), child.returncode, output))
        return None
    with open(report) as f:
        kibibytes = f.read().split()[-1]
    return Taken(wall, usage.ru_utime + usage.ru_stime, int(kibibytes) / 1024)


def machine():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"^model name\s*:\s*(.+)", f.read(), re.MULTILINE)
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) / 1024 ** 2
    with open("/etc/os-release") as f:
        system = re.search(r'^PRETTY_NAME="?([^"\n]+)', f.read(), re.MULTILINE).group(1)
    return "%s, %d cores, %.0f GiB, Linux %s, %s" % (model.group(1) if model else platform.machine(), os.cpu_count(),
                                                    memory, platform.release(), system)


def load():
    with open("/proc/loadavg") as f:
        return f.read().split()[0]


class ForeignCpu:
    """Which share of one core did processes of other people use meanwhile? 0 is a quiet machine."""

    def __init__(self):
        self.begin, self.busy = time.monotonic(), self._busy()

    @staticmethod
    def _busy():
        with open("/proc/stat") as f:
            ticks = [int(x) for x in f.readline().split()[1:]]
        own = 0
        for entry in os.listdir("/proc"):  # all of this PID namespace: the harness and the contestant
            try:
                if entry.isdigit():
                    with open("/proc/%s/stat" % entry) as f:
                        own += sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:15])
            except (FileNotFoundError, ProcessLookupError):
                pass
        return (sum(ticks[:3]) + sum(ticks[5:7]) - own) / os.sysconf("SC_CLK_TCK")

    def share(self):
        return max(0.0, (self._busy() - self.busy) / (time.monotonic() - self.begin))


def median_and_range(values, show):
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        return None, "never"
    middle = statistics.median(known)
    text = show(middle)
    if len(known) > 1 and show(min(known)) != show(max(known)):
        text += " [%s..%s]" % (show(min(known)), show(max(known)))
    return middle, text
