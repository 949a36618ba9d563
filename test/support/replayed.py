# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of `coturn-guard replay` share: the program on some lines, and TAP."""
import pathlib, subprocess, sys, tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
number = failures = 0


def check(right, sentence, detail=""):
    global number, failures
    number += 1
    failures += not right
    print(f"{'ok' if right else 'not ok'} {number} - {sentence}")
    if not right and detail:
        print(f"  {detail}")


def finish():
    print(f"1..{number}")
    sys.exit(failures > 0)


def replay(guard, *arguments, config="", stdin=None):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(f"rules_file: {TREE}/rules/coturn.yaml\n{config}\n")
        file.flush()
        return subprocess.run([guard, "replay", "--config", file.name, *map(str, arguments)], input=stdin,
                              capture_output=True, timeout=120)
