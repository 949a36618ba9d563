#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators read of the program holds all that the program has, and nothing that it has not: the manual pages and the journal's
catalogue.

  manual_test.py COTURN-GUARD"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from program_help import TREE, end, help_of, ok, read, rules as rules_there_are, same, verbs as verbs_there_are


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


def made(kind, source, *more):
    """A page as the build makes it, and what man has to complain of it."""
    made = subprocess.run([TREE + "/packaging/man/make-page", kind, TREE + "/" + source, "0", *(TREE + "/" + name for name in more)], capture_output=True, text=True)
    ok(made.returncode == 0, "the page of %s is made" % source, made.stderr)
    with tempfile.NamedTemporaryFile("w", suffix=".8") as file:
        file.write(made.stdout)
        file.flush()
        said = subprocess.run(["groff", "-man", "-ww", "-z", file.name], capture_output=True, text=True)
    ok(said.returncode == 0 and not said.stderr, "and groff has nothing to say about it", said.stderr)
    return made.stdout.replace("\\-", "-")


def program():
    page = made("program", "packaging/man/coturn-guard.8.in", "agent/events.hpp", "packaging/coturn-guard.catalog")
    verbs = verbs_there_are()
    same(verbs, re.findall(r"^\.SS ([a-z][a-z0-9-]+)", page, re.M), "every verb stands in coturn-guard(8), and no other")
    options = {option for verb in verbs for option in re.findall(r"(--[a-z][a-z-]+)", help_of(verb))} - {"--help"}
    same(options, set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", page)), "every option, and no other")
    events = set(re.findall(r'\{"([a-z._]+)",\s*LOG_', read("agent/events.hpp")))
    ok(events <= set(re.findall(r"^\\fB([a-z._]+)\\fR$", page, re.M)), "every event", events)


def configuration():
    page = made("config", "examples/coturn-guard.yaml")
    known = re.findall(r'Key\{"([a-z0-9_]+)"', read("agent/config_reader.cpp"))
    same(known, re.findall(r"^\\fB([a-z0-9_]+)\\fR \(default", page, re.M), "every key stands in coturn-guard.yaml(5), and no other")


def rules():
    page = made("rules", "rules/coturn.yaml")
    same(rules_there_are(), re.findall(r"^\\fB([a-z0-9-]+)\\fR \(", page, re.M), "every rule stands in coturn-guard-rules(7), and no other")


catalogue()
program()
configuration()
rules()
end()
