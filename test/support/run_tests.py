#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tests of a Meson build directory one after another and counts what is inside them.

  run_tests.py BUILD_DIRECTORY [--suite NAME]... [--no-suite NAME]...     tests that Meson knows, chosen by suite
  run_tests.py --command NAME PROGRAM [ARGUMENT]...                       one program that Meson does not know

Meson counts programs; a person wants to know how many sentences hold. Understood are Catch2's summary and TAP; any other
program is one test. Prints `PASSED FAILED name` for each program, and what a failed one had to say. Exit status 1 when
anything failed, or when there was nothing to run.
"""
import argparse, json, os, re, signal, subprocess, sys, time


def count(output, code):
    """-> (passed, failed)"""
    if told := re.search(r"^All tests passed \(.* in (\d+) test cases?\)", output, re.M):
        passed, failed = int(told[1]), 0
    elif told := re.search(r"^test cases:.*", output, re.M):
        numbers = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed)", told[0])}
        passed, failed = numbers.get("passed", 0), numbers.get("failed", 0)
    else:
        results = re.findall(r"^(ok|not ok)\b(.*)", output, re.M)
        passed = sum(word == "ok" for word, _ in results)
        failed = len(results) - passed
        planned = re.search(r"^1\.\.(\d+)", output, re.M)
        if planned and int(planned[1]) != len(results):
            failed += 1  # it stopped half-way
    if code != 0 and failed == 0:
        failed = 1  # a crash, a sanitizer's word, or a test that is skipped where it must run
    if passed + failed == 0:
        passed = 1
    return passed, failed


def run(name, command, environment=None, directory=None, timeout=1200):
    began = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, cwd=directory, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        output, code = process.communicate(timeout=timeout)[0], process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, code = process.communicate()[0] + b"\nnot ok - it ended within %d s\n" % timeout, -1
    output = output.decode(errors="backslashreplace")
    passed, failed = count(output, code)
    print(f"{passed} {failed} {name} ({time.monotonic() - began:.0f} s)", flush=True)
    if failed:
        lines = output.splitlines()
        wanted = set()
        for number, line in enumerate(lines):
            if line.startswith("not ok") or "FAILED" in line or "ERROR: " in line or "runtime error:" in line:
                wanted.update(range(number, number + 10))
        wanted = sorted(number for number in wanted if number < len(lines)) or range(max(0, len(lines) - 60), len(lines))
        print("\n".join("    " + lines[number][:400] for number in list(wanted)[:80]))
        print(f"    (exit status {code})", flush=True)
    return failed == 0


def main():
    if sys.argv[1:2] == ["--command"] and len(sys.argv) > 3:
        patience = 7200 if "--all" in sys.argv else 1200
        sys.exit(0 if run(sys.argv[2], sys.argv[3:], timeout=patience) else 1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--suite", action="append", default=[])
    parser.add_argument("--no-suite", action="append", default=[])
    parser.add_argument("--prefix", default="", help="said before each name")
    options = parser.parse_args()
    tests = json.loads(subprocess.check_output(["meson", "introspect", "--tests", options.build]))
    fine, chosen = True, 0
    for test in tests:
        suites = {suite.split(":")[-1] for suite in test["suite"]}
        if (options.suite and not suites & set(options.suite)) or suites & set(options.no_suite):
            continue
        chosen += 1
        fine &= run(options.prefix + test["name"], test["cmd"], test["env"], test["workdir"] or options.build, test["timeout"] or 1200)
    if not chosen:
        print(f"0 1 {options.prefix}no test in suite {' '.join(options.suite) or 'any'}")
    sys.exit(0 if fine and chosen else 1)


if __name__ == "__main__":
    main()
