# SPDX-License-Identifier: GPL-3.0-or-later
# sshguard - Debian's, with its ipset backend. Its patterns are compiled in and do not know coturn; it lets the admin
# replace the parser (PARSER=), and a sed script that knows the one line feeds its blocker here. Replay measures its own
# parser (sshg-parser) on a log whose offences are sshd's.
# A block's threshold of 30 is three attacks of score 10.
C_REPLAY="sshg-parser" C_REPLAY_LINE=sshd
LIBEXEC=/usr/libexec/sshguard
HEAD='^ *[0-9]+: : ERROR: session [A-Za-z0-9_]+: [A-Z\/]+ socket error: Connection reset by peer'
SED="s/$HEAD \\[([0-9a-fA-F:]+)\\]:[0-9]+.*/100 \\1 6 10/p;s/$HEAD ([0-9.]+):[0-9]+.*/100 \\1 4 10/p"
c_version() { sshguard -v 2>&1 | head -n 1; }
c_configure() {
  # the start script has the path of its configuration built in
  sed "s#^config=.*#config=$W/sshguard.conf#" "$(command -v sshguard)" >"$W/sshguard"
  cat >"$W/sshguard.conf" <<CONF
BACKEND="$LIBEXEC/sshg-fw-ipset"
FILES="$LOG"
THRESHOLD=$((MAXRETRY * 10))
BLOCK_TIME=$BANTIME
DETECTION_TIME=$FINDTIME
PARSER='LC_ALL=C stdbuf -oL sed -n -E "$SED"'
CONF
}
c_start() {
  # the sets are the backend's (it refuses others than the type's defaults), the rules are the admin's
  local v
  for v in 4 6; do
    ipset create -exist sshguard$v hash:net family "inet${v#4}"
  done
  iptables -I INPUT -m set --match-set sshguard4 src -j DROP
  ip6tables -I INPUT -m set --match-set sshguard6 src -j DROP
  spawn sshguard sh "$W/sshguard"
  sleep 2
  running sshguard || { cat "$W/sshguard.out" >&2; return 1; }
}
c_stop() { reap sshguard; }
c_sets() { printf 'ipset %s\n' sshguard4 sshguard6; }
c_replay() { exec $LIBEXEC/sshg-parser <"$1"; }
