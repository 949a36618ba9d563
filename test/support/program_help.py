# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program named by the first argument tells of itself, and sentences that compare something with it."""
import os
import re
import subprocess
import sys

PROGRAM = os.path.abspath(sys.argv[1])
TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
failures = 0


def ok(holds, sentence, seen=""):
    global failures
    failures += not holds
    print("%s - %s%s" % ("ok" if holds else "not ok", sentence, "" if holds else ": %s" % (seen,)), flush=True)


def same(here, there, what):
    ok(set(here) == set(there) and here, what, "only in the program: %s; only there: %s" % (sorted(set(here) - set(there)), sorted(set(there) - set(here))))


def end():
    sys.exit(failures > 0)


def read(path):
    with open(os.path.join(TREE, path)) as file:
        return file.read()


def help_of(*words):
    return subprocess.run([PROGRAM, *words, "--help"], capture_output=True, text=True, check=True).stdout


def verbs():
    return re.findall(r"^  ([a-z][a-z0-9-]+) ", help_of().split("Subcommands:")[1], re.M)


def rules():
    return re.findall(r"^  - name: (\S+)$", read("rules/coturn.yaml"), re.M)
