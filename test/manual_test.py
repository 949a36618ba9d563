#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators read of the program holds all that the program has, and nothing that it has not: the journal's catalogue.

  manual_test.py COTURN-GUARD"""
import os
import re
import subprocess
import sys
import tempfile

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
failures = 0


def read(path):
    with open(os.path.join(TREE, path)) as file:
        return file.read()


def ok(holds, sentence, seen=""):
    global failures
    failures += not holds
    print("%s - %s%s" % ("ok" if holds else "not ok", sentence, "" if holds else ": %s" % (seen,)), flush=True)


def same(here, there, what):
    ok(set(here) == set(there) and here, what, "only in the program: %s; only there: %s" % (sorted(set(here) - set(there)), sorted(set(there) - set(here))))


def catalogue():
    events = dict(re.findall(r'\{"([a-z._]+)",\s*LOG_\w+,\s*"([0-9a-f]{32})"\}', read("agent/events.hpp")))
    text = read("packaging/coturn-guard.catalog")
    ids = re.findall(r"^-- ([0-9a-f]{32})$", text, re.M)
    same(events.values(), ids, "each of our journal messages has its entry in the catalogue, and each entry its message")
    ok(len(ids) == len(set(ids)), "no message stands there twice")
    source = "".join(read("agent/" + name) for name in os.listdir(TREE + "/agent") if name.endswith(".cpp"))
    fields = {field for field in re.findall(r"@CG_([A-Z_]+)@", text) if '{"%s",' % field.lower() not in source}
    ok(not fields, "the catalogue names only fields that we write", fields)
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(root + "/usr/lib/systemd/catalog")
        os.makedirs(root + "/var/lib/systemd/catalog")
        with open(root + "/usr/lib/systemd/catalog/coturn-guard.catalog", "w") as file:
            file.write(text)
        done = subprocess.run(["journalctl", "--root=" + root, "--update-catalog"], capture_output=True, text=True)
        listed = subprocess.run(["journalctl", "--root=" + root, "--list-catalog"], capture_output=True, text=True).stdout
        ok(done.returncode == 0 and len(listed.splitlines()) == len(ids), "journalctl takes the catalogue as it is", done.stderr + listed)


catalogue()
sys.exit(failures > 0)
