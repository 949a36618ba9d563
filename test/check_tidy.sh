#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# clang-tidy over the sources of agent/ that BUILD_DIRECTORY compiles: `test/check_tidy.sh [--all] BUILD_DIRECTORY`.
# The checks stand in .clang-tidy; each finding is an error. A source takes six seconds of processor, all of them 25 minutes: so
# without --all only what was committed in the day before the newest commit, or is not committed yet, is read.
set -euo pipefail
usage="usage: test/check_tidy.sh [--all] BUILD_DIRECTORY"
all=''
[ "${1:-}" != --all ] || { all=yes; shift; }
build=$(realpath "${1:?$usage}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=$(command -v clang-tidy-14 || command -v clang-tidy) || { echo "check_tidy: clang-tidy-14 is not installed" >&2; exit 1; }
# The analyzer walks each function for 20 000 states instead of 225 000: half the time, and what was found here so far lay within.
analyzer=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=20000)
# Where git cannot tell (an unpacked archive), all is read.
if [ -n "$all" ] || ! newest=$(git log -1 --format=%ct 2>/dev/null); then
  changed() { cat; }
else
  changed() {
    grep -Fxf <({ git log --since="@$((newest - 86400))" --format= --name-only; git diff --name-only HEAD; git ls-files --others --exclude-standard; } | sort -u) || true
  }
fi
# Each source once, though several targets may compile it; g++'s own warning options mean nothing to clang.
python3 -c '
import json, os, sys
root = os.getcwd() + "/"
files = {os.path.realpath(os.path.join(row["directory"], row["file"])) for row in json.load(open(sys.argv[1] + "/compile_commands.json"))}
print("\n".join(sorted(file[len(root):] for file in files if file.startswith(root + "agent/"))))' "$build" | changed |
  xargs -r -P "$(nproc)" -n 1 "$program" -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option "${analyzer[@]}" 2>/dev/null
