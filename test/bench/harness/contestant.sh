#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# contestant.sh NAME ACTION [ARGUMENT] - run one action of contestants/NAME.sh.
# Environment given by the harness:
#   W       private work directory           LOG     the log file to watch (exists, empty)
#   BENCH   the directory of the benchmark   BANTIME MAXRETRY FINDTIME  the jail's values: seconds, count, seconds
# A contestant's file defines (all run inside the private namespaces):
#   c_version      print name and version in one line; exit 1 if it is not installed
#   c_configure    write its configuration under $W
#   c_start        start the daemon(s) in the background, return when they watch the log
#   c_stop         orderly stop, as the service manager would
#   c_sets         one line per kernel set that holds its bans: "ipset NAME" or "nft FAMILY TABLE SET"
#   c_replay FILE  (optional) process FILE once from its beginning and exit; C_REPLAY names what that measures
#   c_replay_bans FILE  (optional) print the addresses banned by what c_replay printed into FILE
#   C_LINE, C_REPLAY_LINE  (optional) form of the offence lines it understands: coturn (default) or sshd
set -u
name=$1 action=$2
shift 2
C_LINE=coturn C_REPLAY_LINE=coturn C_REPLAY=
# shellcheck source=/dev/null
. "$BENCH/contestants/$name.sh"

# start a daemon detached from the harness's pipes and remember its process id
spawn() {
  local tag=$1
  shift
  setsid "$@" >>"$W/$tag.out" 2>&1 </dev/null &
  echo $! >"$W/$tag.pid"
}

running() { kill -0 "$(cat "$W/$1.pid" 2>/dev/null)" 2>/dev/null; }

# end what spawn started: TERM, then KILL after $2 seconds
reap() {
  running "$1" || return 0
  kill -TERM "$(cat "$W/$1.pid")"
  for _ in $(seq $((${2:-20} * 50))); do
    running "$1" || return 0
    sleep .02
  done
  kill -KILL "$(cat "$W/$1.pid")"
}

case $action in
  line_form) echo "$C_LINE" ;;
  replay_form) echo "$C_REPLAY_LINE" ;;
  replay_name) echo "$C_REPLAY" ;;
  has) declare -F "c_$1" >/dev/null && echo yes ;;
  *) declare -F "c_$action" >/dev/null || { echo "contestants/$name.sh has no c_$action" >&2; exit 3; }
     "c_$action" "$@" ;;
esac
