# SPDX-License-Identifier: GPL-3.0-or-later
"""A log that grows steadily by lines without an offence (limits/line_writer)."""
import os
import subprocess

from . import coturn_log, namespaces


def benign_lines(context):
    """A file of lines without an offence, and without attacker text that reads like one."""
    path, _ = coturn_log.cached(os.path.join(context.work, "logs"), 100_000, offences=0.0)
    benign = path + ".benign"
    if not os.path.exists(benign):
        with open(path, "rb") as log, open(benign + ".part", "wb") as to:
            to.writelines(line for line in log if b"Connection reset" not in line)
        os.rename(benign + ".part", benign)
    return benign


class Load:
    """A process of the benchmark's that writes benign lines until the end of the block."""

    def __init__(self, context, log, rate, burst):
        lines = benign_lines(context)
        with open(lines, "rb") as file:
            self.bytes_a_line = os.path.getsize(lines) / sum(1 for _ in file)
        self.command = [context.limits + "/line_writer", log, lines, str(rate), str(burst)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command)
        namespaces.own_processes.add(self.process.pid)
        return self

    def __exit__(self, *_):
        failed = self.process.poll() is not None
        self.process.kill()
        self.process.wait()
        namespaces.own_processes.discard(self.process.pid)
        if failed:
            raise RuntimeError("the writer ended before its time")
