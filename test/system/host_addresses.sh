#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# host_addresses.sh PROGRAM: addresses, all kinds of default routes and their changes, in a network namespace of its own,
# seen by a user without any capability. Skipped (77) where namespaces are not allowed.
set -eu
if [ "${1-}" != inside ]; then
    unshare -n true 2>/dev/null && command -v setpriv >/dev/null || exit 77
    exec unshare -n "$0" inside "$1"
fi
program=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp "$program" "$work/host_addresses"  # the build directory may be closed to others
echo 'nameserver 192.0.2.53' > "$work/resolv.conf"
ip link set lo up
ip link add veth0 type veth peer name veth1
ip link set veth0 up
ip link set veth1 up
ip address add 198.51.100.10/24 dev veth0
ip address add 10.9.9.1 peer 10.9.9.2/32 dev veth0
ip address add 2001:db8::10/64 dev veth0 nodad
ip route add default via 198.51.100.1
ip route add default table 99 nexthop via 198.51.100.2 dev veth0 nexthop via 198.51.100.3 dev veth0
ip route add default via inet6 2001:db8::2 dev veth0 metric 50
ip -6 route add default via 2001:db8::1
ip route add 203.0.113.0/24 via 198.51.100.77  # no default route
setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --no-new-privs \
    "$work/host_addresses" "$work/resolv.conf" 2 > "$work/out" &
pid=$!
sleep 0.7
ip address add 198.51.100.20/24 dev veth0
ip route replace default via 198.51.100.4
wait "$pid" || { echo "the program failed"; exit 1; }

first=$(sed '/^--$/q' "$work/out")
last=$(awk '/^--$/ { list = now; now = ""; next } { now = now $0 "\n" } END { printf "%s", list }' "$work/out")
status=0
check() {  # check LIST there|absent LINE
    if printf '%s\n' "$1" | grep -qxF "$3"; then is=there; else is=absent; fi
    [ "$is" = "$2" ] || { echo "should be $2: $3"; status=1; }
}
for line in '198.51.100.10/32 own address' '10.9.9.1/32 own address' '2001:db8::10/128 own address' \
    '127.0.0.0/8 loopback' '192.0.2.53/32 resolver' '198.51.100.1/32 default gateway' \
    '198.51.100.2/32 default gateway' '198.51.100.3/32 default gateway' '2001:db8::1/128 default gateway' \
    '2001:db8::2/128 default gateway'; do
    check "$first" there "$line"
done
check "$first" absent '10.9.9.2/32 own address'
check "$first" absent '198.51.100.77/32 default gateway'
check "$first" absent '198.51.100.20/32 own address'
check "$last" there '198.51.100.20/32 own address'
check "$last" there '198.51.100.4/32 default gateway'
check "$last" absent '198.51.100.1/32 default gateway'
lists=$(grep -c '^--$' "$work/out")
[ "$lists" -le 3 ] || { echo "two changes gave $lists lists"; status=1; }
[ "$status" = 0 ] || cat "$work/out"
exit "$status"
