#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Holds the line that Meson cannot hold: which layer may include which, and what the pure half must never touch
# (descriptors, clocks, Asio, the log). Asio is header-only, so a forbidden include would link everywhere.
#   util <- model <- { detect, judge } <- pipeline <- app -> { source, enforce, control }
# Prints one line per offender and exits 1; `--self-test` plants every kind of offence in a copy and expects to be told.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Which folders' headers each folder may include; files directly in agent/ (app, config, main) may include everything.
declare -A allowed=(
  [pch]='pch'
  [util]='util'
  [model]='util model'
  [detect]='util model detect'
  [judge]='util model judge'
  [bans]='util model bans'
  [source]='util model source'
  [enforce]='util model enforce'
  [control]='util model control'
  [report]='util model report'
  [doctor]='util model detect source enforce doctor app'
  [verbs]='util model detect source enforce control doctor app verbs'
  [pipeline]='util model detect judge pipeline'
)
# Headers that would give pure code a descriptor, a loop or a voice …
# (Boost's checksum is arithmetic.)
impure_header='^(boost/([^c]|c[^r])|unistd\.h|fcntl\.h|poll\.h|signal\.h|sys/|systemd/|libmnl/|util/log\.hpp|util/unique_fd\.hpp|iostream$|thread$)'
# … and calls that would give it a clock. Time is an argument.
clock_call='(system|steady|high_resolution)_clock::now|\bclock_gettime\b|\bgettimeofday\b|\btime\((nullptr|NULL|0)\)'
# The hard part inside an edge is pure as well: bytes in, values out.
pure_in_an_edge='(line_splitter|rotation|.*_codec|netlink_bytes|protocol)\.[ch]pp$'

# Sets `layer` for a path under agent/; empty for the composition root. (No subshells: this runs for every include.)
layer_of() {
  case $1 in
    pipeline.*) layer=pipeline ;;
    */*) layer=${1%%/*} ;;
    *) layer= ;;
  esac
}

is_pure() {  # path, layer
  case $2 in
    model | detect | judge | bans | pipeline) return 0 ;;
    source | enforce | control) [[ ${1##*/} =~ ^$pure_in_an_edge ]] ;;
    *) return 1 ;;
  esac
}

check() {  # root of a source tree -> offender lines, status 1 when there are any
  local offenders=0 path number text header layer target
  offend() { printf 'agent/%s:%s: %s\n' "$@"; offenders=$((offenders + 1)); }
  pushd "$1/agent" >/dev/null
  while IFS=: read -r path number text; do
    layer_of "$path"
    if [[ $text =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*[\<\"]([^\>\"]+) ]]; then
      header=${BASH_REMATCH[1]}
      if [[ -f $header ]]; then
        layer_of "$header"; target=${layer:-app}; layer_of "$path"
        [[ -z $layer || " ${allowed[$layer]:-} " == *" $target "* ]] ||
          offend "$path" "$number" "layer '$layer' must not include \"$header\" (layer '$target')"
      fi
      if [[ $header =~ $impure_header ]] && is_pure "$path" "$layer"; then
        offend "$path" "$number" "pure code must not include <$header>"
      fi
    elif is_pure "$path" "$layer"; then
      offend "$path" "$number" "pure code must not read a clock: time is an argument (model/clock.hpp)"
    fi
  done < <(grep -rnE --include='*.[ch]pp' "^[[:space:]]*#[[:space:]]*include|$clock_call" . | sed 's,^\./,,' | sort)
  for path in */; do
    [[ -n ${allowed[${path%/}]:-} ]] || offend "$path" 1 "no layer known to test/check_layers.sh"
  done
  popd >/dev/null
  [ "$offenders" -eq 0 ]
}

self_test() {
  local copy plant planted_file planted_line found failed=0
  copy=$(mktemp -d)
  # shellcheck disable=SC2064  # the name is known now
  trap "rm -rf '$copy'" EXIT
  local -a plants=(
    'util/planted.hpp|#include "model/prefix.hpp"'
    'model/planted.hpp|#include <unistd.h>'
    'model/planted.cpp|  #  include <sys/socket.h>'
    'detect/planted.cpp|#include "judge/policy.hpp"'
    'detect/planted.cpp|#include <boost/asio/io_context.hpp>'
    'judge/planted.cpp|#include "enforce/enforcer.hpp"'
    'judge/planted.cpp|auto now = std::chrono::steady_clock::now();'
    'judge/planted.cpp|#include "config.hpp"'
    'pipeline.cpp|#include "source/source.hpp"'
    'pipeline.cpp|#include "util/log.hpp"'
    'source/planted.cpp|#include "detect/rule.hpp"'
    'source/planted.cpp|#include "enforce/enforcer.hpp"'
    'enforce/planted.cpp|#include "judge/policy.hpp"'
    'enforce/planted_codec.cpp|#include <unistd.h>'
    'control/planted.cpp|#include "enforce/enforcer.hpp"'
    'control/protocol.cpp|#include <sys/socket.h>'
    'nolayer/planted.cpp|#include <string>'
  )
  for plant in "${plants[@]}"; do
    planted_file=${plant%%|*} planted_line=${plant#*|}
    rm -rf "$copy/agent"
    cp -r "$here/../agent" "$copy/agent"
    mkdir -p "$(dirname "$copy/agent/$planted_file")"
    printf '%s\n' "$planted_line" >>"$copy/agent/$planted_file"
    found=$(check "$copy") && found=
    if [[ $found == "agent/$planted_file:"* || $found == "agent/${planted_file%%/*}/:"* ]]; then
      echo "ok - layer check finds '$planted_line' in agent/$planted_file"
    else
      echo "not ok - layer check finds '$planted_line' in agent/$planted_file"
      failed=1
    fi
  done
  return $failed
}

case ${1:-} in
  --self-test) self_test ;;
  '') check "$(cd "$here/.." && pwd)" ;;
  *) echo "usage: test/check_layers.sh [--self-test]" >&2; exit 2 ;;
esac
