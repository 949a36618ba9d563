# SPDX-License-Identifier: GPL-3.0-or-later
# fail2ban - Debian's, with the recipe that operators publish for coturn, verbatim but for log path and times.
# Backend pyinotify and ipset actions: the fastest of its choices that were measured.
C_REPLAY="fail2ban-regex"
REGEX='^\s*\d+: : ERROR: session \w+: [A-Z/]+ socket error: Connection reset by peer <ADDR>:\d+'
client() { fail2ban-client -c "$W/f2b" -s "$W/f2b.sock" -p "$W/f2b.pid" "$@"; }
c_version() { fail2ban-server -V | sed -n 's/^/fail2ban /;1p'; }
c_configure() {
  cp -r /etc/fail2ban "$W/f2b"
  rm -rf "$W"/f2b/jail.d/* "$W/f2b/jail.local"
  cat >"$W/f2b/fail2ban.local" <<INI
[DEFAULT]
loglevel = INFO
logtarget = $W/fail2ban.log
syslogsocket = auto
socket = $W/f2b.sock
pidfile = $W/f2b.pid
dbfile = $W/fail2ban.sqlite3
INI
  cat >"$W/f2b/jail.local" <<INI
[DEFAULT]
banaction = iptables-ipset-proto6
[coturn]
backend = pyinotify
enabled = true
port = 5349
protocol = tcp
filter =
failregex = $REGEX
datepattern = {NONE}
logpath = $LOG
bantime = $BANTIME
bantime.increment = true
bantime.maxtime = 5w
maxretry = $MAXRETRY
findtime = $FINDTIME
INI
}
c_start() {
  spawn fail2ban fail2ban-server -xf -c "$W/f2b" -s "$W/f2b.sock" -p "$W/f2b.pid" start
  for _ in $(seq 200); do
    client status coturn >/dev/null 2>&1 && { sleep 1; return 0; }
    running fail2ban || break
    sleep .1
  done
  cat "$W/fail2ban.out" >&2
  return 1
}
c_stop() { reap fail2ban; }
c_sets() { printf 'ipset %s\n' f2b-coturn f2b-coturn6; }
c_replay() { exec fail2ban-regex --datepattern '{NONE}' "$1" "$REGEX"; }
