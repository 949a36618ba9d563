#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A crowd of honest customers on real coturn in verbose mode, guarded by the real daemon with its witness: nobody is banned.

  crowd_test.py PATH/TO/coturn-guard [--clients 200] [--minutes 10]      a shorter one: --minutes 0.7

What they do is in test/support/crowd.py. Three look at it: the daemon, which enforces; a second one that only observes, for
whom any offence that costs anything at all would be a ban, so that it tells what the kernel alone shows, too; and `replay`
over the whole log, which knows no kernel, so that nothing is proven or harmless by its word. Offences that cost something may
only be what LEFT names; the most that any address collected must stay under half of a ban. In network, mount and process
namespaces of its own (root needed). TURNSERVER names the server's program. Prints TAP, and as comments what was seen.
"""
import argparse, collections, json, os, re, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import coturn_world
from coturn_world import (ALONE, CANARIES, Guard, NET_ADMIN_ALONE, SERVER4, SERVER6, TREE, World, eventually,
                          have_private_files, members, ok, sh)

PEER = "203.0.115.9"
HOSTS = {"customer": (("192.0.2.1", "fe80::1"), ("192.0.2.11", "2001:db8:600d::11")), "peer": (("203.0.115.1",), (PEER,))}
# What such customers legitimately leave: the wrong passwords and the expired names that were really sent, and connections of
# who never logged in from there before: TLS handshakes that were broken off, and to the kernel a first login that failed.
LEFT = {"password-guess", "stale-credential", "handshake-failed", "brief-connection"}
MOST_POINTS = 1.5  # of 3
OBSERVER = "maxretry: 0.001\nbantime: 1s\nbantime_max: 1s\n"


def number_of_processors_second(pid):
    return sum(map(int, open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def make_world(clients):
    world = World(start_coturn=False, hosts=HOSTS)
    addresses = ["addr add 192.0.2.%d/24 dev eth0" % last for last in range(2, 255) if last != 11]
    addresses += ["addr add 2001:db8:600d::%x/64 dev eth0 nodad" % (0x100 + number) for number in range(clients)]
    subprocess.run(["ip", "-n", "customer", "-batch", "-"], input="\n".join(addresses), text=True, check=True)
    world.start_coturn("verbose", "denied-peer-ip=10.0.0.0-10.255.255.255", "denied-peer-ip=172.16.0.0-172.31.255.255",
                       "denied-peer-ip=192.168.0.0-192.168.255.255",
                       *("user=customer%d:secret%d" % (number, number) for number in range(clients)))
    world.echo = subprocess.Popen(["ip", "netns", "exec", "peer", sys.executable, "-c",
                                   "import sys; sys.path.insert(0, %r); import turn_relay; turn_relay.echo(%r, 9999)"
                                   % (TREE + "/test/support", PEER)])
    return world


def let_them_play(world, clients, seconds):
    command = ["ip", "netns", "exec", "customer", sys.executable, TREE + "/test/support/crowd.py", "--server", SERVER4, "--server6",
               SERVER6, "--peer", PEER + ":9999", "--customers", str(clients), "--seconds", str(seconds)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=seconds + 240).stdout)


def replayed(world):
    """-> (the summary, the bans, {(rule, evidence, effect): count}, {address: most points in the window})"""
    output = subprocess.run([Guard.program, "replay", "--config", world.place + "/coturn-guard.yaml", "--json", "--offences", world.log],
                            stdout=subprocess.PIPE, text=True, check=True).stdout
    events = [json.loads(line) for line in output.splitlines()]
    offences, most = collections.Counter(), collections.Counter()
    for event in events:
        if event["event"] == "offence":
            offences[event["rule"], event["evidence"], event["effect"]] += event["count"]
            most[event["address"]] = max(most[event["address"]], event["in_window"])
    return events[-1], [e for e in events if e["event"] == "ban"], offences, most


def tell(text):
    print("\n".join("# " + line for line in text.splitlines()), flush=True)


def look_at(crowd, clients):
    tell("%(addresses)d addresses, %(behind_nat)d customers behind one of them, %(bytes)d bytes of data to customers, "
         "the crowd took %(processor_seconds).1f s of processor time" % crowd)
    for act, count in sorted(crowd["done"].items()):
        tell("%6d x %s" % (count, act.replace("_", " ")))
    for problem, count in sorted(crowd["failed"].items()):
        tell("%6d x went wrong: %s" % (count, problem))
    done, failed = sum(crowd["done"].values()), sum(crowd["failed"].values())
    ok(crowd["served"] == clients, "each of %d honest customers is served at the end" % clients, crowd["unserved"])
    ok(failed * 100 <= done, "at most one act in a hundred went wrong on the way", "%d of %d" % (failed, done + failed))


def look_at_daemons(guard, observer, clients):
    bans = [line for line in guard.text.splitlines() if re.match(r"ban\b", line)]
    ok(not bans, "the daemon banned nobody", "\n".join(bans))
    ok(set(members(4)) | set(members(6)) <= CANARIES, "nobody is in the kernel's sets", (members(4), members(6)))
    ok(guard.alive() and observer.alive(), "both daemons live", guard.text)
    told = "\n".join(line for line in guard.text.splitlines() if not re.match(r"(agent|source|witness)\.", line))
    ok(not re.search(r"^(error|warning): ", guard.text, re.M), "the daemon has nothing to complain about", told)
    costly = collections.Counter(re.findall(r"^ban\.simulated .*\brule=(\S+) evidence=(\S+)", observer.text, re.M))
    tell("offences that cost anything, as the observing daemon with the kernel's word saw them:")
    for (rule, evidence), count in sorted(costly.items()):
        tell("%6d x %s (%s)" % (count, rule, evidence))
    ok({rule for rule, _ in costly} <= LEFT, "with the kernel's word nothing costs anything but %s" % " and ".join(sorted(LEFT)),
       "\n".join([line for line in observer.text.splitlines()
                  if "ban.simulated" in line and not any("rule=%s " % r in line for r in LEFT)][:20]))
    briefs = sum(count for (rule, _), count in costly.items() if rule == "brief-connection")
    ok(briefs * 20 <= clients, "at most one customer in twenty had a brief connection that costs", briefs)
    ok("log.suppressed" not in observer.text, "and the observer left out nothing", observer.text[-2000:])


def look_at_replay(world, seconds):
    summary, bans, offences, most = replayed(world)
    tell("%d lines (%.0f a second), %d recognised, %d tainted, %d events that name nobody; offences by the log alone:" % (
        summary["lines"], summary["lines"] / seconds, summary["recognised"], summary["tainted"], summary["unattributed"]))
    for (rule, evidence, effect), count in sorted(offences.items()):
        tell("%6d x %s (%s): %s" % (count, rule, evidence, effect))
    ok(not bans, "replay over the log bans nobody", bans)
    ok(summary["recognised"] * 100 >= summary["lines"] * 95, "replay read the log of this crowd", summary)
    costly = {rule for (rule, _, effect) in offences if effect == "counted"}
    ok(costly <= LEFT, "by the log alone nothing costs anything but %s" % " and ".join(sorted(LEFT)), costly)
    ok({"password-guess", "stale-credential"} <= {rule for rule, _, _ in offences}, "what the customers did wrong was seen", offences)
    worst = most.most_common(1)[0]
    tell("the most points that an address collected: %.2f (%s)" % (worst[1], worst[0]))
    ok(worst[1] < MOST_POINTS, "no address collected %g points of 3" % MOST_POINTS, most.most_common(5))


def inside(options):
    have_private_files()
    world = make_world(options.clients)
    second = world.place + "/observer"
    world.configure("")
    world.configure(OBSERVER, place=second)
    guard = world.guard(before=NET_ADMIN_ALONE)
    observer = world.guard("--dry-run", place=second)
    ok(all(g.says("witness.available") for g in (guard, observer)), "the daemon has its witness", guard.text + observer.text)
    began = time.monotonic()
    crowd = let_them_play(world, options.clients, options.minutes * 60)
    seconds = time.monotonic() - began
    time.sleep(3)  # what waits for the kernel's word is decided
    tell("%.0f s; processor time: daemon %.2f s, coturn %.1f s" % (
        seconds, number_of_processors_second(guard.process.pid), number_of_processors_second(world.coturn.pid)))
    look_at(crowd, options.clients)
    look_at_daemons(guard, observer, options.clients)
    ok(guard.stop() == 0, "the daemon ends as it is told", guard.text)
    look_at_replay(world, seconds)
    world.echo.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    Guard.program = os.path.abspath(options.program)
    if options.inside:
        try:
            inside(options)
        except (AssertionError, subprocess.SubprocessError) as problem:
            ok(False, "the crowd plays to its end", problem)
        sys.exit(1 if coturn_world.failures else 0)
    if os.geteuid() != 0:
        sys.exit("crowd_test.py: needs root, for namespaces")
    sys.exit(subprocess.run([*ALONE, sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--inside"]).returncode)


main()
