# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives one contestants/NAME.sh through harness/contestant.sh, and reads what its processes cost."""
import dataclasses
import glob
import os
import re
import shutil
import signal
import subprocess
import time

from . import kernel_sets, namespaces

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(RuntimeError):
    """The contestant did not do what was asked of it."""


def names():
    return sorted(os.path.basename(f)[:-3] for f in glob.glob(HERE + "/contestants/*.sh"))


@dataclasses.dataclass
class Cost:
    cpu: float     # seconds, as the scheduler counts them
    wakeups: int   # voluntary context switches
    written: int   # bytes that went to block devices

    def __sub__(self, other):
        return Cost(self.cpu - other.cpu, self.wakeups - other.wakeups, self.written - other.written)


class Contestant:
    """One contestant with its own work directory and log. Use as a context manager: leaving it ends all of it."""

    def __init__(self, name, work, bantime=60, keeps_state=False):
        self.name = name
        self.directory = os.path.join(work, "contestant-" + name)
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory + "/log")
        self.log = self.directory + "/log/coturn.log"
        # memory instead of disk: what the disk does is noise here, and the same for everybody
        namespaces.shell("mount -t tmpfs tmpfs %s/log; : >%s" % (self.directory, self.log))
        self.environment = dict(os.environ, W=self.directory, LOG=self.log, BENCH=HERE, BANTIME=str(bantime),
                                MAXRETRY="3", FINDTIME="86400", **({"STATE_DIRECTORY": self.directory + "/state"} if keeps_state else {}))
        if keeps_state:
            os.mkdir(self.directory + "/state")
        self.form = self.act("line_form").strip()
        self.sets, self.before = [], set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.act("stop", check=False, limit=30)
        except subprocess.TimeoutExpired:
            pass  # killed below
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)  # only processes of this private PID namespace
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 5
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        # the packet filter of this private network namespace only
        subprocess.run(["sh", "-c", "nft flush ruleset; iptables -F; ip6tables -F; ipset destroy"],
                       stderr=subprocess.DEVNULL, timeout=60)
        subprocess.run(["umount", "-l", self.directory + "/log"])
        shutil.rmtree(self.directory, ignore_errors=True)

    def command(self, action):
        return ["bash", HERE + "/harness/contestant.sh", self.name, action]

    def has(self, action):
        return self.act("has", action, check=False).strip() == "yes"

    def act(self, action, *arguments, check=True, limit=120):
        """Run one action to its end and return what it printed."""
        with open(self.directory + "/act.err", "a") as errors:
            done = subprocess.run(self.command(action) + list(arguments), env=self.environment,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
                                  timeout=limit)
        if check and done.returncode:
            with open(self.directory + "/act.err") as errors:
                raise Failed("%s: %s: exit %d\n%s%s" % (self.name, action, done.returncode, done.stdout,
                                                        errors.read()[-3000:]))
        return done.stdout

    def start(self):
        self.act("configure")
        self.act("start")
        self.sets = self.act("sets").split("\n")[:-1]
        # what a contestant keeps in its sets for itself (ours a canary) is no ban
        self.before = self.members_now()

    def members_now(self):
        return set().union(*(kernel_sets.members(s) for s in self.sets))

    def banned(self):
        return self.members_now() - self.before

    def ban_count(self):
        return sum(kernel_sets.count(s) for s in self.sets) - len(self.before)

    def processes(self):
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) not in namespaces.own_processes:
                found.append(int(entry))
        return found

    def _per_process(self, path, pattern):
        total = 0
        for pid in self.processes():
            for name in glob.glob("/proc/%d/%s" % (pid, path)):
                try:
                    with open(name) as f:
                        match = re.search(pattern, f.read(), re.MULTILINE)
                    total += int(match.group(1)) if match else 0
                except (FileNotFoundError, ProcessLookupError):
                    pass
        return total

    def peak_rss_mib(self):
        return self._per_process("status", r"^VmHWM:\s+(\d+)") / 1024

    def anonymous_mib(self):
        return self._per_process("smaps_rollup", r"^Anonymous:\s+(\d+)") / 1024

    def wakeups(self):
        return self._per_process("task/*/status", r"^voluntary_ctxt_switches:\s+(\d+)")

    def cost(self):
        return Cost(self._per_process("task/*/schedstat", r"^(\d+)") / 1e9, self.wakeups(),
                    self._per_process("io", r"^write_bytes: (\d+)"))

    def cpu_seconds(self):
        """User and system time of its processes and of their children that were waited for."""
        total = 0
        for pid in self.processes():
            try:
                with open("/proc/%d/stat" % pid) as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                total += sum(int(x) for x in fields[11:15])
            except (FileNotFoundError, ProcessLookupError):
                pass
        return total / TICKS
