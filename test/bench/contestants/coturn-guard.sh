# SPDX-License-Identifier: GPL-3.0-or-later
# coturn-guard - ourselves: the program COTURN_GUARD with the rules of this tree.
C_REPLAY="coturn-guard replay"
c_version() { "$COTURN_GUARD" --version | head -n 1; }
c_configure() {
  cat >"$W/coturn-guard.yaml" <<YAML
log_file: $LOG
rules_file: $(realpath "$BENCH/../../rules/coturn.yaml")
findtime: ${FINDTIME}s
maxretry: $MAXRETRY
bantime: ${BANTIME}s
enforcer: ${ENFORCER:-ipset}
${MOST:+max_bans: $MOST
max_addresses: $MOST}
YAML
}
c_start() {
  spawn guard "$COTURN_GUARD" run --config "$W/coturn-guard.yaml"
  # ready when both sets hold the canary by which the daemon proves that they are its own
  for _ in $(seq 100); do
    [ "$(ipset save 2>/dev/null | grep -c '^add coturn-guard-')" -ge 2 ] && break
    running guard || break
    sleep .1
  done
  sleep .5
  running guard || { tail -n 5 "$W/guard.out" >&2; return 1; }
}
c_stop() { reap guard; }
c_sets() { printf 'ipset coturn-guard-%d\n' 4 6; }
c_replay() { exec "$COTURN_GUARD" replay --config "$W/coturn-guard.yaml" --json "$1"; }
c_replay_bans() { sed -n 's/.*"event":"ban".*"address":"\([^"]*\)".*/\1/p' "$1"; }
