#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a ban as an operator sees it: what the kernel, the journal, `list`, `tail`, hooks and the report say of it.

  ban_life_test.py PATH/TO/coturn-guard [NAME...]     all cases, or those whose function name contains a NAME

Each case runs in namespaces of its own (root needed), with the real daemon and the real kernel. Prints TAP.
"""
import json, os, re, select, signal, sqlite3, subprocess, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from control_test import RESET, answers, start, status, verb, write
import coturn_world
from coturn_world import CANARIES, Guard, banned, eventually, ok, run_cases

CASES = {}
FULL = "max_bans: 1000\n"


def case(function):
    function.no_coturn = True
    CASES[function.__name__] = function
    return function


def members():
    return {prefix: packets for prefix, packets in coturn_world.members().items() if prefix not in CANARIES}


def offend(world, address, session=1):
    write(world, RESET % (session, address))


def others(number):
    return "".join("45.51.%d.%d\n" % (100 + i // 250, 1 + i % 250) for i in range(number))


def fill(number, span="1h"):
    done = verb("ban", "--for", span, "-", told=others(number))
    return ok(done.returncode == 0 and len(members()) == number, "%d bans by hand stand" % number, done.stderr[-300:])


@case
def refused_by_a_full_set(world):
    guard = start(world, FULL)
    fill(1000)
    offend(world, "203.0.113.7")
    ok(guard.says(r"ban\.failed.*203\.0\.113\.7"), "a ban for which there is no room is told as refused", guard.text[-800:])
    ok(not re.search(r"\bban \S*address=203\.0\.113\.7", guard.text) and not banned("203.0.113.7"), "and not as made", guard.text[-800:])
    write(world, RESET % (2, "203.0.113.7"))
    ok(eventually(lambda: "while-banned" not in verb("why", "203.0.113.7").stdout, 1) and
       verb("check", "203.0.113.7").returncode == 1, "its offences do not count as while-banned", verb("why", "203.0.113.7").stdout)
    done = verb("unban", "45.51.100.1")
    ok(done.returncode == 0 and guard.says(r"\bban .*203\.0\.113\.7", 4), "once there is room it is banned after all", guard.text[-800:])
    told = [line for line in guard.text.splitlines() if re.search(r"\bban .*203\.0\.113\.7", line)]
    ok(len(told) == 1 and "earlier_bans=0" in told[0] and banned("203.0.113.7"), "it stands on the first rung: the refused ones were none", told)


@case
def making_room(world):
    guard = start(world, FULL)
    fill(999)
    offend(world, "203.0.113.7")
    ok(guard.says(r"\bban .*203\.0\.113\.7"), "the last free place goes to a first offender", guard.text[-400:])
    offend(world, "203.0.113.8", 2)
    ok(guard.says(r"\bban .*203\.0\.113\.8"), "the next one is banned", guard.text[-400:])
    ok(guard.says(r"unban .*203\.0\.113\.7.*made room") and guard.says(r"enforce\.full"), "the first one made room for it, and that is told",
       guard.text[-800:])
    ok(banned("203.0.113.8") and not banned("203.0.113.7") and len(members()) == 1000, "the kernel has it so", len(members()))
    offend(world, "203.0.113.7", 3)
    ok(guard.says(r"\bban .*203\.0\.113\.7.*earlier_bans=1"), "whoever made room was banned: the next time is the second", guard.text[-800:])
    ok(banned("203.0.113.7") and not banned("203.0.113.8"), "and it is banned again")


@case
def by_hand(world):
    guard = start(world, environment={"STATE_DIRECTORY": world.place})
    tail = subprocess.Popen([Guard.program, "tail", "--json"], stdout=subprocess.PIPE, text=True)
    while not select.select([tail.stdout], [], [], 0.1)[0]:  # it listens
        verb("ban", "203.0.113.99")
        verb("unban", "203.0.113.99")
    ok(verb("ban", "203.0.113.9", "--for", "2h", "--reason", "port scan").returncode == 0, "a ban by hand")
    ok(guard.says(r"\bban .*prefix=203\.0\.113\.9/32.*for=2h.*origin=operator.*reason=\"?port scan"), "is a ban event, with its origin and words",
       guard.text[-500:])
    verb("unban", "203.0.113.9")
    ok(guard.says(r"\bunban .*prefix=203\.0\.113\.9/32.*origin=operator"), "an unban by hand is an unban event", guard.text[-500:])
    offend(world, "203.0.113.10")
    ok(guard.says(r"\bban .*203\.0\.113\.10.*origin=rule"), "a rule's ban says that it is a rule's", guard.text[-500:])
    lines = []
    while not lines or lines[-1]["prefix"] != "203.0.113.10/32":
        lines.append(json.loads(tail.stdout.readline()))
    told = [(line["event"], line["prefix"]) for line in lines if line["prefix"] != "203.0.113.99/32"]
    ok(told == [("ban", "203.0.113.9/32"), ("unban", "203.0.113.9/32"), ("ban", "203.0.113.10/32")], "tail tells all three", lines)
    tail.kill()
    guard.stop()
    report = json.loads(verb("report", "--json", "--file", world.place + "/history.db").stdout)
    hand = report["by_hand"]
    ok(hand["bans"] == hand["unbans"] >= 1 and report["bans"]["total"] == hand["bans"] + 1, "the report counts them", hand)
    file = sqlite3.connect(world.place + "/history.db")
    rows = file.execute("SELECT prefix, seconds, rule FROM ban WHERE prefix NOT LIKE '%.99/32' ORDER BY id").fetchall()
    ok(rows == [("203.0.113.9/32", 7200, "by hand"), ("203.0.113.10/32", 60, "reset")], "the history has both bans", rows)
    rows = file.execute("SELECT prefix, reason FROM unban WHERE prefix NOT LIKE '%.99/32'").fetchall()
    ok(rows == [("203.0.113.9/32", "manual")], "and the unban", rows)


@case
def natural_end(world):
    hook = world.place + "/tell"
    with open(hook, "w") as file:
        file.write('#!/bin/sh\necho "$CG_EVENT $CG_PREFIX" >>%s/told\n' % world.place)
    os.chmod(hook, 0o755)
    os.chmod(world.place, 0o777)
    guard = start(world, "hooks:\n  - {on: [ban, expired], run: [%s]}\n" % hook)
    verb("ban", "203.0.113.9", "--for", "2s")
    ok(guard.says(r"ban\.expired .*prefix=203\.0\.113\.9/32", 8) and eventually(lambda: not banned("203.0.113.9"), 3), "the end of a ban is told", guard.text[-500:])
    def told():
        return open(world.place + "/told").read().splitlines() if os.path.exists(world.place + "/told") else []
    ok(eventually(lambda: told() == ["ban 203.0.113.9/32", "expired 203.0.113.9/32"]), "a hook hears of it, after the ban", told())


@case
def for_ever(world):
    guard = start(world, environment={"STATE_DIRECTORY": world.place})
    done = verb("ban", "203.0.113.5-203.0.113.9", "2001:db8:bad::/64", "--for", "forever")
    ok(done.returncode == 0 and done.stdout.count("for ever") == 4, "a range is banned for ever", done.stdout + done.stderr)
    ok(members().keys() == {"203.0.113.5", "203.0.113.6/31", "203.0.113.8/31"}, "the kernel has the fewest networks", members())
    listed = subprocess.run(["ipset", "list", "coturn-guard-4"], stdout=subprocess.PIPE, text=True).stdout
    ok("203.0.113.6/31 timeout 0 " in listed, "and no end of theirs", listed)
    ok(guard.says(r"\bban .*203\.0\.113\.6/31.*for=forever"), "so does the journal", guard.text[-500:])
    ok(verb("ban", "203.0.113.5", "--for", "1h").stdout.count("for ever") == 1, "a shorter one changes nothing")
    guard.stop()
    subprocess.run("nft flush ruleset; ipset destroy", shell=True)
    guard = world.guard(environment={"STATE_DIRECTORY": world.place})
    ok(eventually(lambda: len(members()) == 3), "after a reboot they are back", guard.text[-500:])
    ends = {ban["prefix"]: ban["until"] for ban in answers(verb("list", "--json")) if ban["event"] == "ban"}
    ok(len(ends) == 4 and set(ends.values()) == {None}, "still without an end", ends)
    done = verb("unban", "203.0.113.0-203.0.113.255")
    ok(done.returncode == 0 and not members(), "a range frees what lies in it", done.stdout)


@case
def restored_into_less_room(world):
    guard = start(world, "max_bans: 2000\n", environment={"STATE_DIRECTORY": world.place})
    fill(1500)
    offend(world, "203.0.113.7")
    ok(guard.says(r"\bban .*203\.0\.113\.7"), "one is banned", guard.text[-300:])
    guard.stop()
    subprocess.run("nft flush ruleset; ipset destroy", shell=True)
    world.configure("rules_file: %s/rules.yaml\n" % world.place + FULL)
    guard = world.guard(environment={"STATE_DIRECTORY": world.place})
    ok(eventually(lambda: len(members()) == 1000), "with less room after a restart, what fits stands", len(members()))
    ok(guard.says(r"enforce\.full") and guard.says(r"ban\.failed"), "and the rest is told as refused", guard.text[-500:])
    ok(status()["bans"]["now"] == 1000, "status tells what stands", status()["bans"])


@case
def a_second_daemon(world):
    first = start(world)
    verb("ban", "203.0.113.9")
    done = subprocess.run([Guard.program, "run", "--config", world.place + "/coturn-guard.yaml", "--socket", world.place + "/other.sock"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
    ok(done.returncode == 1 and "another coturn-guard runs in this network namespace" in done.stdout, "a second daemon says so and exits", done.stdout)
    ok(first.alive() and banned("203.0.113.9"), "the first one goes on, with its bans")
    first.send(signal.SIGKILL)
    first.wait()
    third = world.guard()
    ok(third.alive() and banned("203.0.113.9"), "after a crash of it another one takes over", third.text[-300:])


if __name__ == "__main__":
    run_cases(CASES, __file__, __doc__, 120)
