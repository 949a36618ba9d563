#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of agent/ somebody must read: files, lines, and what includes what.

  test/house_figures.py [--wish FROM..TO]... [TREE]

--wish: how many files of agent/, rules/ and packaging/ the commits FROM..TO touch, those of tests aside. Play a wish (a new
pattern, a new source, a new verb) as a commit, ask, and throw it away.

The closure of a program: what its main.cpp includes, what those files include, and of each header that is reached the
sources whose first include it is, since they are what it promises.
"""
import argparse, collections, os, re, subprocess

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(agent):
    """-> {path below agent/: (lines, what it includes of agent/)}"""
    found = {}
    for directory, _, names in os.walk(agent):
        for name in names:
            if name.endswith((".hpp", ".cpp")):
                path = os.path.join(directory, name)
                with open(path) as file:
                    text = file.read()
                found[os.path.relpath(path, agent)] = text.count("\n"), re.findall(r'^#include "([^"]+)"', text, re.M)
    return {path: (lines, [other for other in included if other in found]) for path, (lines, included) in found.items()}


def closure(files, start, with_sources):
    sources = collections.defaultdict(list)
    for path, (_, included) in files.items():
        if with_sources and path.endswith(".cpp") and included:
            sources[included[0]].append(path)
    reached, todo = set(), [start]
    while todo:
        path = todo.pop()
        if path not in reached:
            reached.add(path)
            todo += files[path][1] + sources[path]
    return reached


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wish", action="append", default=[], metavar="FROM..TO")
    parser.add_argument("tree", nargs="?", default=HERE)
    options = parser.parse_args()
    files = read(os.path.join(options.tree, "agent"))
    lines = lambda paths: sum(files[path][0] for path in paths)
    print("agent/              %4d files, %6d lines" % (len(files), lines(files)))
    folders = collections.Counter(os.path.dirname(path) for path in files)
    for folder, count in sorted(folders.items()):
        own = [path for path in files if os.path.dirname(path) == folder]
        print("  %-17s %4d files, %6d lines" % ((folder or ".") + "/", count, lines(own)))
    widest = max((path for path in files), key=lambda path: len(closure(files, path, False)))
    headers = [path for path in closure(files, widest, False) if path.endswith(".hpp")]
    print("widest include      %4d headers are reached from %s" % (len(headers), widest))
    for program in sorted(path for path in files if os.path.basename(path) == "main.cpp" or re.search(r"\bint main\(", open(os.path.join(options.tree, "agent", path)).read())):
        reached = closure(files, program, True)
        print("closure             %4d files, %6d lines of %s" % (len(reached), lines(reached), program))
    for wish in options.wish:
        names = subprocess.run(["git", "-C", options.tree, "diff", "--name-only", wish, "--", "agent", "rules", "packaging"],
                               check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        print("wish                %4d files are touched by %s: %s" % (len(names), wish, " ".join(names)))


main()
