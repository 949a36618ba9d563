#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The format of every C++ file, as a diff: `test/check_format.sh` says what differs, `--fix` writes it.
# Debian 12's clang-format 14 is the reference; another version may see a line differently, and is named then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=$(command -v clang-format-14 || command -v clang-format) ||
  { echo "check_format: clang-format-14 is not installed" >&2; exit 1; }
[[ $program == *-14 ]] || echo "check_format: this is $("$program" --version), not the reference (14)"
mapfile -t files < <(find agent test -name '*.[ch]pp' -not -path '*/build*' | sort)
if [ "${1:-}" = --fix ]; then exec "$program" -i "${files[@]}"; fi
"$program" --dry-run -Werror "${files[@]}" 2>/dev/null && exit 0
for file in "${files[@]}"; do
  "$program" "$file" | diff -u --label "$file" --label "$file (formatted)" "$file" - || true
done
exit 1
