#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real coturn, real packets, the real daemon: who abuses is dropped by the kernel, and nobody else is.

  coturn_test.py PATH/TO/coturn-guard [NAME...]     all cases, or those whose function name contains a NAME

Each case runs in network, mount and process namespaces of its own (root needed; the host is not touched): this side is
the server, every other host stands at the end of a cable of its own. TURNSERVER names the server's program (default: the
installed one). Prints TAP: one line a sentence. It reads the daemon's output loosely: a word and an address.
"""
import os, re, signal, socket, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from coturn_world import (ATTACKER4, ATTACKER6, ATTACKER6_TOO, CANARIES, CLIENT, CLUMSY, Guard, NET_ADMIN_ALONE,
                          NO_CAPABILITY, SERVER4, SERVER6, TREE, VICTIM, World, banned, eventually,
                          members, nothing_in_the_kernel, ok, rule_is_there, run_cases, sh)

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def attack_and_look(world, guard, verb, family=4, times=3):
    server, address, which = (SERVER4, ATTACKER4, "four") if family == 4 else (SERVER6, ATTACKER6, "six")
    world.offend(times - 1, verb, server=server)
    ok(not banned(address, family), "%d offences do not ban" % (times - 1))
    world.offend(1, verb, server=server)
    ok(eventually(lambda: banned(address, family)), "the next one bans: the kernel's set holds the address", guard.text)
    ok(guard.says_ban_of(address.split("::")[0] if family == 6 else address), "the daemon says so", guard.text)
    before = world.arrived(which)
    through = world.attacker.play("connect", server=server, timeout=2)
    ok(not through, "the attacker can't connect any more")
    ok(world.arrived(which) == before, "none of its packets arrives", "%d before, %d after" % (before, world.arrived(which)))
    ok(sum(members(family).values()) > 0, "the set counted the dropped packets", members(family))
    ok(world.customer.served(server), "the customer still allocates over UDP, TCP and TLS")
    ok(set(members(family)) == {address if family == 4 else "2001:db8:bad::/64"} | CANARIES & set(members(family)),
       "nobody else is in the set", members(family))


@case
def garbage_on_the_plain_port(world):
    world.offend(1, ("--port", "3478", "garbage"), "clumsy")
    guard = world.guard()
    world.offend(2, ("--port", "3478", "garbage"), "clumsy")
    attack_and_look(world, guard, ("--port", "3478", "garbage"))
    ok(not banned(CLUMSY), "what stood in the log before the start is not judged, so two offences since are no ban")


@case
def garbage_on_the_tls_port(world):
    attack_and_look(world, world.guard(), ("garbage",))


@case
def resets_after_a_tls_handshake(world):
    # Bytes went both ways, so the kernel's word makes each reset half an offence: six of them are three points.
    attack_and_look(world, world.guard(), ("tls-reset",), times=6)


@case
def an_attacker_over_ipv6(world):
    guard = world.guard()
    attack_and_look(world, guard, ("--source", ATTACKER6, "--port", "3478", "garbage"), family=6)
    ok(not world.attacker.play("--source", ATTACKER6_TOO, "connect", server=SERVER6), "its neighbour in the /64 is dropped, too")
    ok(world.attacker.play("connect"), "its IPv4 address is another offender")


@case
def the_daemon_with_one_capability(world):
    guard = world.guard(before=NET_ADMIN_ALONE)
    status = open("/proc/%d/status" % guard.process.pid).read()
    ok(re.search(r"^Uid:\s+65534", status, re.M) and re.search(r"^CapEff:\s+0+1000$", status, re.M),
       "it runs as nobody with CAP_NET_ADMIN alone", status)
    attack_and_look(world, guard, ("garbage",))


@case
def no_capability_at_all(world):
    guard = world.guard(before=NO_CAPABILITY, ready=False)
    ok(guard.wait() != 0, "it refuses to run")
    ok("CAP_NET_ADMIN" in guard.text, "and names the capability", guard.text)


@case
def lines_forged_by_attribute_text(world):
    guard = world.guard()
    for _ in range(3):
        world.attacker.play("forge", VICTIM)
    time.sleep(1.5)
    forged = sum(VICTIM in line for line in open(world.log, errors="replace"))
    ok(forged >= 9, "coturn wrote the forged lines", forged)
    ok(not banned(VICTIM), "the victim is not banned", guard.text)
    ok(world.victim.served(), "and is served")
    ok(guard.says("taint"), "the daemon says that text of an attacker stands in the log", guard.text)
    ok(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f-\xff]", guard.output), "no byte of the attacker reaches the output unescaped", guard.text)
    ok(len(guard.text.splitlines()) < 20, "and it does not chatter about it", guard.text)


@case
def a_server_that_resets_itself(world):
    guard = world.guard()
    for _ in range(4):
        sh([sys.executable, CLIENT, "--server", SERVER4, "--source", SERVER4, "--timeout", "1", "garbage"], check=False)
    time.sleep(1)
    ok(SERVER4 in open(world.log).read(), "coturn complained about our own address")
    ok(not banned(SERVER4), "our own address is never banned", guard.text)


@case
def a_log_that_does_not_exist_yet(world):
    guard = world.guard(ready=False)
    ok(guard.says(re.escape(world.log)), "it says which file it waits for", guard.text)
    time.sleep(2.5)
    ok(guard.alive() and guard.text.count(world.log) == 1, "once", guard.text)
    world.start_coturn()
    world.offend(3)
    ok(eventually(lambda: banned(ATTACKER4)), "as soon as it is there, it is followed from its first line", guard.text)


a_log_that_does_not_exist_yet.no_coturn = True


@case
def a_log_it_may_not_read(world):
    os.chmod(world.log, 0o600)
    guard = world.guard(before=NET_ADMIN_ALONE, ready=False)
    ok(guard.says(r"error:.*" + re.escape(world.log) + ".*(permission|0600)"), "it names the file and the reason", guard.text)
    ok(guard.says(r"nobody|65534") and guard.says(r"root:root") and guard.says(r"chmod|chgrp|setfacl|usermod"),
       "the user that it is, the file's owner and group, and what to do", guard.text)
    os.chmod(world.log, 0o644)
    guard.wait_until_following()
    world.offend(3)
    ok(eventually(lambda: banned(ATTACKER4)), "once it may, it goes on by itself", guard.text)


@case
def a_broken_configuration(world):
    world.configure("findtme: 1h\nbantime: soon\nmaxretry: -3\n")
    for name, guard in (("run", world.guard(ready=False)), ):
        ok(guard.wait() == 78, "run ends with 78, which keeps systemd from trying again", guard.process.returncode)
        ok(all(re.search(r"10-test\.yaml:%d:\d+: .*%s" % at, guard.text) for at in ((3, "findtme"), (4, "soon|bantime"), (5, "maxretry|-3"))),
           "all three mistakes are told with line and column", guard.text)
        ok("findtime" in guard.text, "and the nearest known word", guard.text)
    check = subprocess.run([Guard.program, "check-config", "--config", world.place + "/coturn-guard.yaml"], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ok(check.returncode == 78 and check.stdout.count("10-test.yaml:") == 3, "check-config says the same", check.stdout)
    ok(nothing_in_the_kernel(), "nothing was put into the kernel")
    world.configure("")
    check = subprocess.run([Guard.program, "check-config", "--config", world.place + "/coturn-guard.yaml"], stdout=subprocess.DEVNULL)
    ok(check.returncode == 0, "the packaged configuration is right")


@case
def a_broken_rule_file(world):
    rules = world.place + "/rules.yaml"
    text = open(TREE + "/rules/coturn.yaml").read()
    pattern = re.search(r"pattern: *(['\"]?)", text)
    with open(rules, "w") as file:
        file.write(text[:pattern.end()] + "(unclosed" + text[pattern.end():])
    world.configure("rules_file: %s\n" % rules)
    guard = world.guard(ready=False)
    ok(guard.wait() == 78, "run ends with 78", guard.text)
    ok(re.search(r"rules\.yaml:\d+:\d+: ", guard.text), "and tells line and column", guard.text)


@case
def reloads(world):
    guard = world.guard()
    world.configure("maxretry: lots\n")
    guard.send(signal.SIGHUP)
    ok(guard.says(r"10-test\.yaml:3:\d+"), "a reload with a mistake tells it", guard.text)
    world.offend(3)
    ok(guard.alive() and eventually(lambda: banned(ATTACKER4)), "and the old configuration still bans", guard.text)
    world.configure("ignoreip: [%s]\n" % CLUMSY)
    guard.send(signal.SIGHUP)
    ok(guard.says(r"reload"), "a reload without one is told", guard.text)
    time.sleep(0.3)
    world.offend(4, who="clumsy")
    time.sleep(0.5)
    ok(not banned(CLUMSY), "the new configuration spares whom it names", guard.text)
    ok(banned(ATTACKER4), "the ban from before still stands")
    world.configure("mode: observe\n")
    guard.send(signal.SIGHUP)
    ok(eventually(lambda: not rule_is_there(), 2), "mode: observe takes the rule away within two seconds")
    ok(world.attacker.play("connect"), "so the attacker is through again")
    world.configure("")
    guard.send(signal.SIGHUP)
    ok(eventually(rule_is_there, 2) and eventually(lambda: banned(ATTACKER4), 2), "mode: enforce brings rule and ban back", guard.text)


@case
def a_dry_run(world):
    guard = world.guard("--dry-run")
    world.offend(3)
    ok(guard.says(re.escape(ATTACKER4)), "it tells whom it would ban", guard.text)
    ok(nothing_in_the_kernel(), "and puts nothing into the kernel")


@case
def mode_observe(world):
    world.configure("mode: observe\n")
    guard = world.guard()
    world.offend(3)
    ok(guard.says(re.escape(ATTACKER4)), "it tells whom it would ban", guard.text)
    ok(nothing_in_the_kernel(), "and there is neither rule nor set")


@case
def bans_outlive_the_daemon(world):
    guard = world.guard()
    world.offend(3)
    eventually(lambda: banned(ATTACKER4))
    ok(guard.stop() == 0, "SIGTERM ends it with 0", guard.text)
    ok(banned(ATTACKER4) and not world.attacker.play("connect"), "the attacker stays dropped")
    guard = world.guard()
    ok(banned(ATTACKER4), "the next daemon adopts the set")
    guard.stop(signal.SIGKILL)
    ok(banned(ATTACKER4) and not world.attacker.play("connect"), "the attacker stays dropped after kill -9")
    world.guard().stop()
    flush = subprocess.run([Guard.program, "flush"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ok(flush.returncode == 0 and nothing_in_the_kernel(), "flush without a daemon takes set and rule away", flush.stdout)
    ok(world.attacker.play("connect"), "and the attacker is free")
    again = subprocess.run([Guard.program, "flush"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ok(again.returncode == 0, "flush of nothing is no error", again.stdout)


@case
def a_ban_ends(world):
    world.configure("bantime: 3s\nfindtime: 1m\n")
    guard = world.guard()
    world.offend(3)
    ok(eventually(lambda: banned(ATTACKER4)), "banned", guard.text)
    ok(eventually(lambda: not banned(ATTACKER4), 6) and world.attacker.play("connect"), "after bantime it is free", guard.text)
    world.offend(2)
    ok(eventually(lambda: banned(ATTACKER4)), "an offender with a past is banned sooner", guard.text)
    listed = re.search(r"^%s timeout (\d+)" % re.escape(ATTACKER4), sh("ipset list coturn-guard-4"), re.M)
    ok(listed and int(listed[1]) in (4, 5, 6), "and for twice as long", listed and listed[0])


@case
def what_systemd_hears(world):
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(world.place + "/notify")
    told.settimeout(8)
    guard = world.guard(environment={"NOTIFY_SOCKET": world.place + "/notify", "WATCHDOG_USEC": "2000000"}, ready=False)
    heard = ""

    def hears(word, seconds=8):
        nonlocal heard
        end = time.monotonic() + seconds
        while word not in heard and time.monotonic() < end:
            try:
                heard += told.recv(4096).decode() + "\n"
            except TimeoutError:
                break
        return word in heard
    ok(hears("READY=1"), "READY=1 when it guards", heard + guard.text)
    ok(hears("STATUS="), "a STATUS= line", heard)
    ok(hears("WATCHDOG=1"), "the watchdog is fed", heard)
    heard = ""
    guard.send(signal.SIGHUP)
    ok(hears("RELOADING=1") and hears("MONOTONIC_USEC=") and hears("READY=1"), "a reload is told, with its time", heard)
    sh("until nft delete table ip coturn-guard && ipset destroy coturn-guard-4 && ipset create coturn-guard-4 hash:ip; do :; done 2>/dev/null")
    ok(eventually(lambda: "enforce.lost" in guard.text), "a set that is not ours in the place of ours is told", guard.text)
    hears("nothing", 1)  # what was said before
    heard = ""
    ok(not hears("WATCHDOG=1", 4), "and the watchdog is not fed", heard)
    sh("ipset destroy coturn-guard-4")
    ok(hears("WATCHDOG=1"), "but when all is proved again", heard + guard.text)
    heard = ""
    guard.send(signal.SIGTERM)
    ok(hears("STOPPING=1"), "and so is the end", heard)


BOB = ("--user", "bob", "--password", "secret2")
ECHO = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 7777))\nwhile True: s.sendto(*s.recvfrom(2048))"


def relay_session(world):
    """The attacker relays datagrams to the victim and back, logged in as bob."""
    echo = subprocess.Popen(["ip", "netns", "exec", "victim", sys.executable, "-c", ECHO])
    time.sleep(0.3)
    with open(world.place + "/relay.txt", "w") as output:
        client = subprocess.Popen(["ip", "netns", "exec", "attacker", sys.executable, CLIENT, "--server", SERVER4, "--times", "10000",
                                   "--pause", "0.05", "--timeout", "20", "relay", *BOB, VICTIM + ":7777"], stdout=output)
    echoes = lambda: open(world.place + "/relay.txt").read().count("echo")
    if not eventually(lambda: echoes() > 5, 10):
        raise AssertionError("no datagram was relayed: " + open(world.place + "/relay.txt").read())
    return client, echoes, echo


def guess_passwords(world, times=6):
    for _ in range(times):
        world.attacker.play("allocate", "--transport", "tcp", "--user", "bob", "--password", "wrong")
    time.sleep(0.3)


def count_flows():
    sh("nft add table inet flows; nft 'add chain inet flows in { type filter hook input priority 0; }'; "
       "nft add rule inet flows in ct state new counter")


def flows(address):
    return sum("src=%s " % address in line and "dport=3478" in line for line in open("/proc/net/nf_conntrack"))


def what_runs_is_ended(world, guard):
    count_flows()
    client, echoes, echo = relay_session(world)
    other = world.customer.play("allocate", "--transport", "tcp", *BOB)
    ok(not other, "with user-quota=1 the user's one slot is the attacker's")
    ok(flows(ATTACKER4) > 0, "the kernel's table has flows of the attacker")
    honest = subprocess.Popen(["ip", "netns", "exec", "clumsy", sys.executable, "-c", "import socket, sys, time; "
                               "s = socket.create_connection(('%s', 3478)); time.sleep(4); s.settimeout(.1)\n"
                               "try: sys.exit(0 if s.recv(1) else 1)\nexcept TimeoutError: sys.exit(0)" % SERVER4])
    time.sleep(0.3)
    guess_passwords(world)
    ok(eventually(lambda: banned_in_either(ATTACKER4)), "the attacker guesses passwords and is banned", guard.text)
    ban = time.monotonic()
    try:
        client.wait(5)
    except subprocess.TimeoutExpired:
        pass
    ok(client.poll() is not None and time.monotonic() - ban < 1.5, "its relay session ends within a second", "%.1f s" % (time.monotonic() - ban))
    ok(echoes() > 5, "after it had relayed", echoes())
    ok(eventually(lambda: re.search(r"session .*closed.*" + re.escape(ATTACKER4), open(world.log, errors="replace").read()), 3),
       "coturn logs that the session is closed", open(world.log, errors="replace").read()[-1500:])
    ok(eventually(lambda: world.customer.play("allocate", "--transport", "tcp", *BOB), 3, pause=0.5), "and the slot is free: another one gets in")
    ok(eventually(lambda: flows(ATTACKER4) == 0, 2), "the attacker's flows have left the kernel's table",
       open("/proc/net/nf_conntrack").read())
    ok(flows("192.0.2.11") > 0 and flows(CLUMSY) > 0, "those of others stay", open("/proc/net/nf_conntrack").read())
    ok(honest.wait(8) == 0, "and so does another one's connection")
    ok(len(re.findall(r"\bban\b.*" + re.escape(ATTACKER4), guard.text)) == 1, "what was ended so is no further offence", guard.text)
    ok(guard.says(r"evict.ended.*\b1 connections") and not re.search("evict.(connections|flows)", guard.text),
       "the daemon says what it ended", guard.text)
    echo.kill()


def banned_in_either(address):
    return banned(address) or subprocess.run(["nft", "get", "element", "inet", "coturn_guard", "banned4", "{ %s }" % address],
                                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


@case
def a_relay_session_of_who_is_banned(world):
    world.start_coturn("user-quota=1", "user=bob:secret2", "verbose", over=(SERVER4,))
    what_runs_is_ended(world, world.guard(before=NET_ADMIN_ALONE))


@case
def a_relay_session_of_who_is_banned_by_nftables(world):
    world.start_coturn("user-quota=1", "user=bob:secret2", "verbose", over=(SERVER4,))
    world.configure("enforcer: nftables\n")
    guard = world.guard(before=NET_ADMIN_ALONE)
    ok(guard.says(r'enforcer="?nftables'), "the start line names the enforcer", guard.text)
    what_runs_is_ended(world, guard)
    ok("coturn-guard" not in sh("ipset list -n") and "table ip coturn-guard" not in sh("nft list tables"), "no ipset is used")
    world.configure("enforcer: ipset\n")
    guard.send(signal.SIGHUP)
    ok(eventually(lambda: banned(ATTACKER4)), "a reload with another enforcer takes the ban over", guard.text)
    ok(eventually(lambda: "coturn_guard" not in sh("nft list tables")), "and the other one's table goes", guard.text)
    ok(not world.attacker.play("connect"), "the attacker stays dropped")
    world.configure("enforcer: nftables\nmode: observe\n")
    guard.send(signal.SIGHUP)
    ok(eventually(lambda: world.attacker.play("connect")), "mode: observe frees it, whichever enforcer it was", guard.text)


@case
def end_connections_false(world):
    world.start_coturn("user-quota=1", "user=bob:secret2", "verbose", over=(SERVER4,))
    world.configure("end_connections: false\n")
    guard = world.guard()
    client, _, echo = relay_session(world)
    guess_passwords(world)
    ok(eventually(lambda: banned(ATTACKER4)), "the attacker is banned", guard.text)
    time.sleep(2)
    ok(client.poll() is None and not world.customer.play("allocate", "--transport", "tcp", *BOB),
       "and its session is left to coturn's own timeouts")
    client.kill()
    echo.kill()


for relayed in (a_relay_session_of_who_is_banned, a_relay_session_of_who_is_banned_by_nftables, end_connections_false):
    relayed.no_coturn = True


if __name__ == "__main__":
    run_cases(CASES, __file__, __doc__)
