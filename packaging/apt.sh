# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Sourced by packaging/build-deb, examples/quickstart and test/run: what must be there comes from Debian, by these functions
# and nothing else. They do nothing where everything is installed already.

source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What compiling needs is written down once, in packaging/debian/control.
build_dependencies() {
  sed -n '/^Build-Depends:/,/^[^ ]/{s/^Build-Depends://;/^[^ ]/d;p}' "$source_tree/packaging/debian/control" | tr -d '\n'
}

# require 'a, b | c': installs what is missing (with root's rights), quietly. Mirrors hiccup and another apt may hold the
# lock, so three attempts; a machine that never ran `apt-get update` gets one.
require() {
  local attempt log
  log=$(mktemp)
  for attempt in 1 2 3; do
    if DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
      satisfy --yes --no-install-recommends "$1" >"$log" 2>&1 </dev/null; then
      rm -f "$log"
      return 0
    fi
    if [ "$(id -u)" -ne 0 ]; then
      echo "not root, and these are needed (run it with sudo once): $1" >&2
      rm -f "$log"
      return 1
    fi
    [ "$attempt" -eq 1 ] || sleep 3
    apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 update >>"$log" 2>&1 </dev/null || true
  done
  tail -n 20 "$log" >&2
  echo "could not install: $1" >&2
  rm -f "$log"
  return 1
}

# require_stopped 'a, b': the same for services that must not guard this very machine. Debian starts what it installs: only
# where nobody has a policy of his own yet, ours says no and goes away again.
require_stopped() {
  local policy=/usr/sbin/policy-rc.d
  if [ -e $policy ]; then
    require "$1"
    return
  fi
  (
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    require "$1"
  )
}

# Where this machine gets Debian from, for a clean system of another suite.
apt_mirror() {
  local mirror
  mirror=$({ sed -n 's/^URIs: //p' /etc/apt/sources.list.d/{debian,*}.sources; awk '/^deb / { print $2 }' /etc/apt/sources.list; } 2>/dev/null | head -n 1 || true)
  echo "${mirror:-http://deb.debian.org/debian}"
}

# copy_tree DIR: the sources, without what was built from them.
copy_tree() {
  tar -C "$source_tree" --anchored --exclude='./build*' --exclude=./.git --exclude='./coturn-guard_*' -cf - . |
    tar -C "$1" --no-same-owner -xf -
}

# provide_turnserver DIR: sets `turnserver`, the program. Installing Debian's coturn would start a TURN server on this very
# machine; where it isn't installed, its program is unpacked to DIR and only its libraries are installed.
provide_turnserver() {
  turnserver=$(command -v turnserver || true)
  [ -z "$turnserver" ] || return 0
  turnserver=$1/usr/bin/turnserver
  [ ! -x "$turnserver" ] || return 0
  mkdir -p "$1"
  require ca-certificates  # any package: makes sure that apt's lists are there
  (cd "$1" && { apt-get -o APT::Sandbox::User=root -q download coturn ||
    { apt-get -q update && apt-get -o APT::Sandbox::User=root -q download coturn; }; }) >/dev/null 2>"$1/apt.log" ||
    { cat "$1/apt.log" >&2; echo "could not download Debian's coturn" >&2; return 1; }
  dpkg-deb -x "$1"/coturn_*.deb "$1"
  require "$(dpkg-deb -f "$1"/coturn_*.deb Depends)"
}

# provide_prometheus DIR: sets `prometheus`, the directory of prometheus, promtool and prometheus-node-exporter, in the same way:
# installed, they would be services of this machine. They are programs without libraries.
provide_prometheus() {
  prometheus=/usr/bin
  if [ -x $prometheus/promtool ] && [ -x $prometheus/prometheus-node-exporter ]; then return 0; fi
  prometheus=$1/usr/bin
  if [ -x "$prometheus/promtool" ] && [ -x "$prometheus/prometheus-node-exporter" ]; then return 0; fi
  mkdir -p "$1"
  local package
  for package in prometheus prometheus-node-exporter; do
    (cd "$1" && { apt-get -o APT::Sandbox::User=root -q download $package ||
      { apt-get -q update && apt-get -o APT::Sandbox::User=root -q download $package; }; }) >/dev/null 2>"$1/apt.log" ||
      { cat "$1/apt.log" >&2; echo "could not download Debian's $package" >&2; return 1; }
    dpkg-deb -x "$1/$package"_*.deb "$1"
  done
}
