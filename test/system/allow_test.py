#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is never judged, by lists in allow.d and by host names: real coturn, the real daemon, a real DNS server.

  allow_test.py PATH/TO/coturn-guard [NAME...]     all cases, or those whose function name contains a NAME

As coturn_test.py: each case in namespaces of its own, root needed, TURNSERVER names the server's program. Prints TAP.
"""
import os, re, subprocess, sys, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from coturn_world import (ATTACKER4, CLIENT, CLUMSY, Guard, NET_ADMIN_ALONE, SERVER4, banned, eventually, ok, run_cases, sh)
from dns_server import DnsServer

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def write_list(world, name, text):
    os.makedirs(world.place + "/allow.d", exist_ok=True)
    with open(world.place + "/allow.d/" + name, "w") as file:
        file.write(text)


def check_config(world):
    return subprocess.run([Guard.program, "check-config", "--config", world.place + "/coturn-guard.yaml"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def ask_here(world):
    """DNS from now on is this process."""
    with open(world.place + "/resolv.conf", "w") as file:
        file.write("nameserver 127.0.0.1\n")
    sh("mount --bind %s/resolv.conf $(realpath /etc/resolv.conf)" % world.place)
    return DnsServer()


def names_are(world, *names):
    world.configure("ignoreip: [%s]\n" % ", ".join(names))


def offend_from(world, addresses, times=4):
    """Each address offends so often, all at the same time."""
    def one(address):
        for _ in range(times):
            world.attacker.play("--source", address, "garbage")
            time.sleep(0.05)
    threads = [threading.Thread(target=one, args=(address,)) for address in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(1.0)


def is_judged(world):
    """Whether the attacker comes to be banned; who was banned before is so with fewer offences."""
    for _ in range(4):
        world.attacker.play("garbage")
        if eventually(lambda: banned(ATTACKER4), 0.7):
            return True
    return False


def took(condition, seconds):
    began = time.monotonic()
    return time.monotonic() - began if eventually(condition, seconds) else None


@case
def lists_are_followed_while_it_runs(world):
    write_list(world, "office.list", "# the office\n203.0.113.0/24\n")
    guard = world.guard(before=NET_ADMIN_ALONE)
    ok(guard.says(r"allow\.read.*networks=1"), "it says what it read", guard.text)
    world.offend(4)
    ok(not banned(ATTACKER4), "who is listed is not banned", guard.text)

    write_list(world, "office.list", "# nobody\n")
    time.sleep(0.5)
    ok(is_judged(world), "who is listed no longer is judged again", guard.text)

    write_list(world, "office.list.new", ATTACKER4 + " # back from holiday\n")
    os.rename(world.place + "/allow.d/office.list.new", world.place + "/allow.d/office.list")
    seconds = took(lambda: not banned(ATTACKER4), 5)
    ok(seconds is not None and seconds < 1, "a list moved into its place frees at once", "%s s\n%s" % (seconds, guard.text))
    ok(guard.says(r"unban prefix=203\.0\.113\.66/32 reason=allow\.d/office\.list"), "and it says by which list", guard.text)
    ok(world.attacker.play("connect"), "and it connects again")

    os.unlink(world.place + "/allow.d/office.list")
    time.sleep(0.5)
    ok(is_judged(world), "with its list removed it is judged", guard.text)
    with open(world.place + "/allow.d/more.list", "w") as file:
        file.write("203.0.113.6")
        file.flush()
        time.sleep(0.4)
        ok(banned(ATTACKER4), "half a line frees nobody")
        file.write("6\n")
    ok(eventually(lambda: not banned(ATTACKER4), 2), "the whole one does", guard.text)
    ok(guard.alive() and guard.stop() == 0, "it stops as it should")


@case
def a_directory_that_comes_later(world):
    guard = world.guard()
    world.offend(3)
    ok(eventually(lambda: banned(ATTACKER4)), "nobody is listed: the attacker is banned", guard.text)
    write_list(world, "a.list", ATTACKER4 + "\n")
    ok(eventually(lambda: not banned(ATTACKER4), 4), "a directory that was not there at the start is found", guard.text)
    ok("allow.rejected" not in guard.text, "and nothing is complained of", guard.text)


@case
def bad_lines_cost_themselves_only(world):
    write_list(world, "a.list", "192.0.2.300\n%s\n0.0.0.0/0\n  two words\nrouter\n" % ATTACKER4)
    checked = check_config(world)
    ok(checked.returncode == 78, "check-config refuses the lists", checked.stdout)
    for place, what in (("1:1", "is no address"), ("3:1", "is everybody"), ("4:7", "one address"), ("5:1", "full name")):
        ok(re.search(r"/allow\.d/a\.list:%s: .*%s" % (place, what), checked.stdout), "and tells %s" % place, checked.stdout)
    guard = world.guard()
    ok(guard.says(r"allow\.rejected.*a\.list:1:1"), "the daemon tells it, too", guard.text)
    world.offend(4)
    ok(not banned(ATTACKER4), "and the good line is in force", guard.text)
    write_list(world, "a.list", ATTACKER4 + "\n")
    ok(check_config(world).returncode == 0, "mended, it is accepted")
    os.chmod(world.place + "/allow.d/a.list", 0)
    nobody = sh("setpriv --reuid 65534 --regid 65534 --clear-groups %s check-config --config %s/coturn-guard.yaml" %
                (Guard.program, world.place), check=False)
    ok(re.search("a.list: cannot be read: .*(0000|mode)", nobody), "a list that may not be read is told with what is missing", nobody)


@case
def a_hundred_thousand_lines(world):
    lines = ["10.%d.%d.%d\n" % (i >> 16, i >> 8 & 255, i & 255) for i in range(99_999)]
    write_list(world, "big.list", "".join(lines) + ATTACKER4 + "\n")
    guard = world.guard()
    ok(guard.says(r"allow\.read networks=100000"), "are read", guard.text[-500:])
    world.offend(4)
    ok(not banned(ATTACKER4), "and the last one is in force", guard.text[-500:])
    before = cpu(guard)
    os.utime(world.place + "/allow.d/big.list")
    with open(world.place + "/allow.d/big.list", "a"):
        pass
    eventually(lambda: guard.text.count("allow.read") == 2, 5)
    print("# reading 100000 lines again takes %.0f ms of the processor, and it holds %d MiB" %
          ((cpu(guard) - before) * 1000, resident(guard) >> 20), flush=True)
    ok(resident(guard) < 150 << 20, "within its memory", resident(guard))
    before = cpu(guard)
    time.sleep(3)
    ok(cpu(guard) - before < 0.15, "and it costs nothing afterwards", cpu(guard) - before)


def cpu(guard):
    fields = open("/proc/%d/stat" % guard.process.pid).read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(guard):
    return int(re.search(r"VmRSS:\s+(\d+)", open("/proc/%d/status" % guard.process.pid).read())[1]) << 10


def internet_sockets(guard):
    """Those of the daemon that speak IP, by /proc/net."""
    inodes = {"socket:[%s]" % line.split()[9] for table in ("udp", "udp6", "tcp", "tcp6")
              for line in open("/proc/net/" + table).read().splitlines()[1:]}
    return inodes & set(guard.open_files())


@case
def no_name_no_question(world):
    dns = ask_here(world)
    guard = world.guard()
    time.sleep(2)
    ok(not dns.questions and not internet_sockets(guard), "without a name nothing is asked and no socket is opened", dns.questions)
    dns.zone["vpn.example.org"] = {"a": ["192.0.2.77"], "ttl": 300}
    write_list(world, "a.list", "vpn.example.org\n")
    ok(eventually(lambda: dns.asked("vpn.example.org") >= 2), "with one both families are asked for", dns.questions)
    ok(eventually(lambda: not internet_sockets(guard), 3), "and afterwards no socket stays open", internet_sockets(guard))
    asked = len(dns.questions)
    time.sleep(3)
    ok(len(dns.questions) == asked, "an answer that holds is not asked for again", dns.questions)


@case
def a_name_frees_whoever_it_names(world):
    dns = ask_here(world)
    os.mkdir(world.place + "/allow.d")
    guard = world.guard(before=NET_ADMIN_ALONE)
    world.offend(3)
    ok(eventually(lambda: banned(ATTACKER4)), "the attacker is banned", guard.text)
    dns.zone["roadwarrior.example.org"] = {"a": [ATTACKER4], "aaaa": ["2001:db8:bad::66"], "ttl": 60}
    write_list(world, "a.list", "RoadWarrior.example.org.\n")
    seconds = took(lambda: not banned(ATTACKER4), 5)
    ok(seconds is not None and seconds < 1.5, "its name in a list frees it at once", "%s s\n%s" % (seconds, guard.text))
    ok(guard.says("unban.*reason=roadwarrior.example.org"), "and it says by which name", guard.text)
    world.offend(4)
    ok(not banned(ATTACKER4), "and it is not banned again", guard.text)
    os.unlink(world.place + "/allow.d/a.list")
    time.sleep(0.5)
    ok(is_judged(world), "until the name is listed no longer", guard.text)
    names_are(world, "roadwarrior.example.org")
    guard.send(1)
    ok(eventually(lambda: not banned(ATTACKER4), 5), "in ignoreip, too, after a reload", guard.text)


@case
def answers_of_every_kind(world):
    """What each name says at first, and half a minute later; who is spared then."""
    dns = ask_here(world)
    addresses = {name: "203.0.113.%d" % (100 + i) for i, name in enumerate(
        ("steady", "moving", "gone", "silent", "rubbish", "liar", "sick", "everybody", "crowded", "never", "lying"))}
    moved = "203.0.113.150"
    for address in [*addresses.values(), moved]:
        sh("ip -n attacker addr add %s/24 dev eth0" % address)
    zone = {name + ".example.org": {"a": [address], "ttl": 1} for name, address in addresses.items()}
    zone["crowded.example.org"]["a"] = ["198.18.1.%d" % i for i in range(50)] + [addresses["crowded"]]  # over 512 bytes
    zone["never.example.org"] = "nxdomain"
    zone["lying.example.org"] = {"a": ["0.0.0.0", "224.0.0.1"], "aaaa": ["::"], "ttl": 1}
    dns.zone = zone
    names_are(world, *zone)
    guard = world.guard(before=NET_ADMIN_ALONE)
    ok(guard.says(r"name_failed name=never\.example\.org.*no such name"), "a name that does not exist is told", guard.text)
    ok(guard.says(r"name_failed name=lying\.example\.org.*names no host"), "and one that names everybody", guard.text)
    ok(eventually(lambda: dns.asked("crowded.example.org", "tcp") >= 1), "a truncated answer comes over TCP", dns.questions)
    time.sleep(0.5)
    began = time.monotonic()
    spared = [name for name in addresses if name not in ("never", "lying")]
    offend_from(world, addresses.values())
    wrong = [name for name in spared if banned(addresses[name])]
    ok(not wrong, "who has a name is not banned", wrong)
    ok(banned(addresses["never"]) and banned(addresses["lying"]), "who has none is", guard.text)
    # The next answers: at the earliest 30 s after the first, whatever their time to live says.
    first = dns.asked("steady.example.org")
    dns.zone = {**zone, "moving.example.org": {"a": [moved], "ttl": 1}, "gone.example.org": "nxdomain", "silent.example.org": "silent",
                "rubbish.example.org": "garbage", "liar.example.org": "forged", "sick.example.org": "servfail",
                "everybody.example.org": {"a": ["0.0.0.0"], "ttl": 1}}
    # (Both families; on a busy machine a question that waits too long is asked once more.)
    ok(2 <= first <= 4, "a time to live of a second does not make us ask each second", first)
    ok(eventually(lambda: dns.asked("steady.example.org") > first, 40), "after half a minute it is asked again")
    ok(time.monotonic() - began > 20, "and not before", time.monotonic() - began)
    for name in ("gone", "silent", "rubbish", "liar", "sick", "everybody"):
        ok(guard.says(r"name_failed name=%s\.example\.org.*stay spared" % name, 30), "trouble with %s is told" % name, guard.text[-3000:])
    ok(guard.text.count("allow.name_failed") == 8, "each once", guard.text)
    offend_from(world, [*addresses.values(), moved])
    wrong = [name for name in spared if name != "moving" and banned(addresses[name])]
    ok(not wrong, "the last good answer stands where no better one came", wrong)
    ok(banned(addresses["moving"]), "the address that the name left is judged again", guard.text[-2000:])
    ok(not banned(moved), "the one that it moved to is spared")
    ok(not banned("198.18.0.66"), "and a forged answer counts nothing")
    ok(guard.alive() and guard.stop() == 0, "it stops as it should", guard.text[-500:])


@case
def dead_resolvers_delay_nothing(world):
    with open(world.place + "/resolv.conf", "w") as file:
        file.write("nameserver 127.0.0.9\nnameserver 192.0.2.200\n")  # one refuses, one says nothing
    sh("mount --bind %s/resolv.conf $(realpath /etc/resolv.conf)" % world.place)
    names_are(world, *("host%d.example.org" % i for i in range(256)))
    guard = world.guard(before=NET_ADMIN_ALONE)
    world.offend(2)
    began = time.monotonic()
    world.attacker.play("garbage")
    seconds = took(lambda: banned(ATTACKER4), 5)
    ok(seconds is not None and time.monotonic() - began < 1.5, "256 names that nobody answers for delay no ban", guard.text[-1000:])
    ok(guard.says(r"allow\.name_failed.*no answer from the resolvers", 30), "and are told", guard.text[-1000:])
    ok(guard.stop() == 0, "it stops in the middle of it", guard.text[-500:])


@case
def more_names_than_may_be(world):
    write_list(world, "a.list", "".join("host%d.example.org\n" % i for i in range(300)))
    checked = check_config(world)
    ok(checked.returncode == 78 and "more than 256 host names: 44 would not be looked up" in checked.stdout,
       "check-config tells how many are too many", checked.stdout)


if __name__ == "__main__":
    run_cases(CASES, __file__, __doc__, seconds=180)
