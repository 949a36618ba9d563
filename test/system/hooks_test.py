#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs and web servers that are told of bans: those that work, hang, fork, chatter, refuse; and what it costs a ban.

  hooks_test.py PATH/TO/coturn-guard [NAME...]     all cases, or those whose function name contains a NAME

As coturn_test.py: each case in namespaces of its own, root needed. Lines of coturn's are written by hand here: there is no
witness, so they are claimed, and ban as fast as they are read. Prints TAP.
"""
import json, os, re, socket, sys, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from coturn_world import NET_ADMIN_ALONE, banned, eventually, ok, run_cases, sh
from dns_server import DnsServer

CASES = {}


def case(function):
    function.no_coturn = True
    CASES[function.__name__] = function
    return function


def script(world, name, text):
    path = world.place + "/" + name
    with open(path, "w") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return path


def begin(world, hooks, **how):
    """A daemon with these hooks, and an empty log that it follows. What hooks write goes to place/out."""
    os.makedirs(world.place + "/out", exist_ok=True)
    os.chmod(world.place + "/out", 0o777)
    open(world.log, "a").close()
    os.chmod(world.log, 0o644)
    world.configure("hooks:\n" + "".join("  - %s\n" % hook for hook in hooks))
    return world.guard(**how)


LINE = "%d: : ERROR: session 00100000000000%04d: TLS/TCP socket error: Connection reset by peer %s:%d\n"


def offend(world, *addresses):
    """Enough for a ban of each."""
    with open(world.log, "a") as log:
        for address in addresses:
            for number in range(3):
                log.write(LINE % (100, number, "[%s]" % address if ":" in address else address, 1000 + number))


def out(world, name="told"):
    try:
        with open(world.place + "/out/" + name, errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""



def descriptors(guard):
    """How many it holds; the kernel's netlink sockets, of which it opens some with the first ban, are not counted."""
    netlink = {"socket:[%s]" % line.split()[9] for line in open("/proc/net/netlink").read().splitlines()[1:]}
    return sum(link not in netlink for link in guard.open_files())


def children(guard):
    """[(pid, state, name)]"""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name, rest = re.match(r"\d+ \((.*)\) (.*)", open("/proc/%s/stat" % pid).read(), re.S).groups()
            if int(rest.split()[1]) == guard.process.pid:
                found.append((int(pid), rest.split()[0], name))
        except (OSError, AttributeError):
            pass
    return found


def running(words):
    return [pid for pid in filter(str.isdigit, os.listdir("/proc"))
            if words in open("/proc/%s/cmdline" % pid, errors="replace").read().replace("\0", " ")] if words else []


def is_running(words):
    try:
        return running(words)
    except OSError:
        return is_running(words)


TELL = """{ echo "arguments: $1|$2|$#"; env | grep ^CG_ | sort; grep -E '^(Cap|Sig(Blk|Ign)|NoNewPrivs)' /proc/self/status
echo "descriptors: $(echo $(ls /proc/self/fd))"; echo "others: $(env | grep -v ^CG_ | cut -d= -f1 | sort | tr '\\n' ' ')"
echo "stdin: $(cat)"; } >%s/out/told.$CG_EVENT.new && mv %s/out/told.$CG_EVENT.new %s/out/told.$CG_EVENT
"""


def a_program_is_told(world, before):
    tell = script(world, "tell", TELL.replace("%s", world.place))
    guard = begin(world, ["{on: [ban, unban], run: [%s, \"two words; $(touch %s/out/shell)\", \"*\"]}" % (tell, world.place)],
                  before=before, environment={"NOTIFY_SOCKET": world.place + "/nobody", "SECRET": "of ours"})
    offend(world, "203.0.113.7")
    ok(eventually(lambda: out(world, "told.ban")), "a ban calls the program", guard.text)
    told = out(world, "told.ban")
    ok("arguments: two words; $(touch %s/out/shell)|*|2" % world.place in told and not out(world, "shell"),
       "with its arguments as they were written, by no shell", told)
    for variable in ("CG_EVENT=ban", "CG_PREFIX=203.0.113.7/32", "CG_ADDRESS=203.0.113.7", "CG_RULE=connection-reset", "CG_SECONDS=60", "CG_EVIDENCE=claimed"):
        ok(re.search("^%s$" % re.escape(variable), told, re.M), variable + " is in its environment", told)
    ok(re.search("^others: (LANG |PATH |PWD |OLDPWD |SHLVL |_ )+$", told, re.M), "and nothing of ours", told)
    said = json.loads(re.search("^stdin: (.*)", told, re.M)[1])
    ok(said["event"] == "ban" and said["seconds"] == 60 and said["prefix"] == "203.0.113.7/32" and said["points"] == 3, "and JSON on its input", said)
    ok(re.search(r"^descriptors: 0 1 2 3$", told, re.M), "it holds no descriptor of ours", told)
    for held in ("CapPrm", "CapEff", "CapAmb"):
        ok(re.search(r"^%s:\s+0+$" % held, told, re.M), "%s of the program is empty" % held, told)
    ok(re.search(r"^SigBlk:\s+0+$", told, re.M) and re.search(r"^SigIgn:\s+0+(18)?0+$", told, re.M), "no signal is blocked or ignored, but for glibc's own two", told)
    ok("CapEff:\t0000000000000000" not in open("/proc/%d/status" % guard.process.pid).read(), "while the daemon keeps its own")
    os.makedirs(world.place + "/allow.d", exist_ok=True)
    with open(world.place + "/allow.d/a.list", "w") as file:
        file.write("203.0.113.0/24\n")
    ok(eventually(lambda: "CG_REASON=allow.d/a.list" in out(world, "told.unban")), "an unban calls it, too", out(world, "told.unban") + guard.text)
    ok(eventually(lambda: not children(guard)), "no child and no zombie is left", children(guard))
    ok("hook." not in guard.text, "and nothing is complained of", guard.text)
    ok(guard.stop() == 0, "it stops as it should")


@case
def a_program_is_told_by_a_daemon_with_one_capability(world):
    a_program_is_told(world, NET_ADMIN_ALONE)


@case
def a_program_is_told_by_root(world):
    a_program_is_told(world, ())


@case
def programs_that_hang(world):
    stubborn = script(world, "stubborn", "trap '' TERM\necho still here\nsleep 4001 & sleep 4001\nwhile :; do sleep 4001; done\n")
    polite = script(world, "polite", "trap 'echo told to go; exit 0' TERM\nsleep 4002 & wait\n")
    forking = script(world, "forking", "sleep 4003 &\nsleep 4003 &\nexit 0\n")
    guard = begin(world, ["{on: ban, timeout: 1s, run: %s}" % program for program in (stubborn, polite, forking)], before=NET_ADMIN_ALONE)
    before = descriptors(guard)
    offend(world, "203.0.113.7")
    ok(guard.says(r"hook\.failed hook=.run \S*stubborn. where=\S+10-test.yaml:4:5 problem=.it did not end within 1s.*output=.still here", 8),
       "one that ignores SIGTERM is killed, and its output told", guard.text)
    ok(guard.says(r"hook\.failed hook=.run \S*polite.*did not end within 1s.*told to go", 3), "one that listens to it ends by itself", guard.text)
    ok(eventually(lambda: not is_running("sleep 400"), 3), "their children are gone, and those that a program left behind", is_running("sleep 400"))
    ok("forking" not in guard.text, "which is no failure", guard.text)
    ok(eventually(lambda: not children(guard) and descriptors(guard) <= before, 10), "no zombie and no descriptor is left",
       (children(guard), before, sh("ls -l /proc/%d/fd" % guard.process.pid)))


@case
def a_program_that_hangs_while_we_stop(world):
    guard = begin(world, ["{on: ban, run: %s}" % script(world, "hang", "sleep 4004 & sleep 4004\n")], before=NET_ADMIN_ALONE)
    offend(world, "203.0.113.7")
    ok(eventually(lambda: is_running("sleep 4004")), "it runs", guard.text)
    began = time.monotonic()
    ok(guard.stop() == 0 and time.monotonic() - began < 2, "the daemon does not wait for it")
    ok(eventually(lambda: not is_running("sleep 4004"), 2), "and leaves none of it behind")


@case
def programs_that_chatter_and_fail(world):
    chatty = script(world, "chatty", "head -c 20000000 /dev/zero | tr '\\0' x\ntouch %s/out/chatted\n" % world.place)
    failing = script(world, "failing", "printf 'no \\033[31mcolour\\377' >&2\nhead -c 9000000 /dev/zero\nexit 3\n")
    killed = script(world, "killed", "kill -SEGV $$\n")
    plain = world.place + "/plain"
    open(plain, "w").close()
    broken = world.place + "/broken"
    with open(broken, "w") as file:
        file.write("#!/no/such/interpreter\n")
    os.chmod(broken, 0o755)
    guard = begin(world, ["{on: ban, run: %s}" % program for program in (chatty, failing, killed, plain, broken, "/no/such/program")], before=NET_ADMIN_ALONE)
    offend(world, "203.0.113.7")
    ok(eventually(lambda: os.path.exists(world.place + "/out/chatted"), 10), "twenty megabytes of output are read to their end", guard.text)
    ok(guard.says(r"hook=.run \S*failing. .*problem=.it ended with status 3. output=.no \\\\?x1b"), "a status is told with the beginning of the output, escaped", guard.text)
    ok(guard.says(r"hook=.run \S*killed. .*killed by signal 11"), "and so is a signal", guard.text)
    ok(guard.says(r"problem=.run %s: Permission denied" % plain), "and a program that may not be executed", guard.text)
    ok(guard.says(r"problem=.run %s: No such file" % broken) and guard.says("problem=.run /no/such/program: No such file"), "or is not there", guard.text)
    ok("chatty" not in guard.text, "the chatty one did nothing wrong", guard.text)
    resident = int(re.search(r"VmRSS:\s+(\d+)", open("/proc/%d/status" % guard.process.pid).read())[1])
    ok(resident < 100_000, "nobody keeps what it wrote", resident)
    ok(eventually(lambda: not children(guard)), "no zombie is left", children(guard))


@case
def more_bans_than_a_program_may_be_called_for(world):
    count = script(world, "count", "ls -d /proc/[0-9]*/cwd >/dev/null 2>&1; echo $CG_ADDRESS >>%s/out/told\nsleep 0.3\n" % world.place)
    guard = begin(world, ["{on: ban, run: %s, rate: 2, burst: 20}" % count], before=NET_ADMIN_ALONE)
    began = time.monotonic()
    offend(world, *("198.18.1.%d" % i for i in range(200)))
    at_once = 0
    while out(world).count("\n") < 18 and time.monotonic() - began < 20:
        at_once = max(at_once, len(children(guard)))
    ok(at_once == 4, "four run at once", at_once)
    ok(eventually(lambda: all(banned("198.18.1.%d" % i) for i in (0, 100, 199))), "all are banned", guard.text[-500:])
    ok(guard.says(r"hook\.left_out hook=.run \S*count. where=\S+ calls=1[78]\d", 5), "what was left out is counted and told", guard.text[-500:])
    ok(eventually(lambda: out(world).count("\n") >= 20, 10), "the burst is told of", out(world))
    time.sleep(0.5)
    ok(20 <= out(world).count("\n") <= 24, "and no more", out(world))
    ok(out(world).splitlines()[:5] == ["198.18.1.%d" % i for i in range(5)] or set(out(world).splitlines()[:4]) == {"198.18.1.%d" % i for i in range(4)},
       "in the order of the bans", out(world))


@case
def an_alarm(world):
    tell = script(world, "tell", TELL.replace("%s", world.place))
    guard = begin(world, ["{on: alarm, run: %s}" % tell], before=NET_ADMIN_ALONE)
    with open(world.place + "/conf.d/20-bad.yaml", "w") as file:
        file.write("findtime: soon\n")
    os.chmod(world.place + "/conf.d/20-bad.yaml", 0o644)
    guard.send(1)
    ok(eventually(lambda: "CG_ALARM=config.rejected" in out(world, "told.alarm")), "what is an error in the journal calls it", guard.text)
    ok(re.search("CG_PROBLEM=.*20-bad.yaml:1:11", out(world, "told.alarm")), "with the words that stand there", out(world, "told.alarm"))
    offend(world, "203.0.113.7")
    ok(eventually(lambda: banned("203.0.113.7")) and not out(world, "told.ban"), "a ban does not")


class WebServer:
    """What it does with each request is a function of the connection and of how many came before."""

    def __init__(self, act, address="127.0.0.1"):
        self.act, self.bodies, self.heads, self.connections = act, [], [], 0
        self.listener = socket.create_server((address, 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # it was closed
            self.connections += 1
            threading.Thread(target=self.one, args=(connection, self.connections), daemon=True).start()

    def one(self, connection, number):
        with connection:
            try:
                text = b""
                while b"\r\n\r\n" not in text:
                    text += connection.recv(65536) or exit()
                head, body = text.split(b"\r\n\r\n", 1)
                length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
                while len(body) < length:
                    body += connection.recv(65536)
                self.heads.append(head.decode())
                self.bodies.append(json.loads(body))
                self.act(connection, number)
            except (OSError, SystemExit):
                pass


def answer(status):
    return lambda connection, _: connection.sendall(b"HTTP/1.1 %d x\r\nContent-Length: 2\r\n\r\nok" % status)


def reset(connection, _):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def drip(connection, _):
    while True:
        connection.sendall(b"H")
        time.sleep(0.1)


def flood(connection, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"X-Long: %s\r\n" % (b"x" * 100) * 10_000)


def hook_to(server, path="/", on="[ban, unban]", **more):
    return "{on: %s, post: \"http://127.0.0.1:%d%s\"%s}" % (on, server.port, path, "".join(", %s: %s" % pair for pair in more.items()))


@case
def a_web_server_is_told(world):
    server = WebServer(answer(204))
    guard = begin(world, [hook_to(server, "/a/b?c=d")], before=NET_ADMIN_ALONE)
    before = descriptors(guard)
    offend(world, "203.0.113.7", "2001:db8:bad::7")
    ok(eventually(lambda: len(server.bodies) == 2), "it gets both bans", guard.text)
    ok({body["prefix"] for body in server.bodies} == {"203.0.113.7/32", "2001:db8:bad::/64"} and server.bodies[0]["rule"] == "connection-reset", "as JSON", server.bodies)
    head = server.heads[0]
    ok(head.startswith("POST /a/b?c=d HTTP/1.1\r\n") and "Host: 127.0.0.1:%d" % server.port in head and "Content-Type: application/json" in head,
       "in a request as it should be", head)
    ok("hook." not in guard.text, "and nothing is complained of", guard.text)
    ok(eventually(lambda: descriptors(guard) <= before), "no connection stays open", (descriptors(guard), before))


@case
def a_web_server_with_a_name(world):
    with open(world.place + "/resolv.conf", "w") as file:
        file.write("nameserver 127.0.0.1\n")
    sh("mount --bind %s/resolv.conf $(realpath /etc/resolv.conf)" % world.place)
    dns, server = DnsServer(), WebServer(answer(200))
    dns.zone = {"hooks.example.org": {"a": ["127.0.0.1"], "ttl": 60}}
    guard = begin(world, ["{on: ban, post: \"http://hooks.example.org:%d/\"}" % server.port,
                          "{on: ban, post: \"http://nowhere.example.org/\"}"], before=NET_ADMIN_ALONE)
    ok(not dns.questions, "its name is not asked for before there is something to tell")
    offend(world, "203.0.113.7")
    ok(eventually(lambda: server.bodies), "its address comes from DNS", guard.text)
    ok("Host: hooks.example.org:%d" % server.port in server.heads[0], "and its name stands in the request", server.heads)
    ok(guard.says("nowhere.example.org.*no such name exists", 10), "a name that does not exist is told", guard.text)


@case
def web_servers_that_fail(world):
    once = WebServer(lambda connection, number: answer(500 if number == 1 else 200)(connection, number))
    wrong, sick, resets, long = WebServer(answer(404)), WebServer(answer(503)), WebServer(reset), WebServer(flood)
    hangs, drips = WebServer(lambda *_: time.sleep(100)), WebServer(drip)
    closed = WebServer(answer(200))
    closed.listener.shutdown(socket.SHUT_RDWR)
    closed.listener.close()
    servers = (once, wrong, sick, resets, long, hangs, drips, closed)
    guard = begin(world, [hook_to(server, "/%d" % i, timeout="1s") for i, server in enumerate(servers)], before=NET_ADMIN_ALONE)
    before = descriptors(guard)
    offend(world, "203.0.113.7")
    for number, what in ((1, "status 404"), (2, "status 503"), (3, "read the answer: "), (4, "read the answer: "), (5, "no answer in time"),
                         (6, "read the answer: "), (7, "connect: Connection refused")):
        ok(guard.says(r"hook\.failed hook=.post http://127.0.0.1:\d+/%d. .*%s" % (number, what), 15), "server %d: %s is told" % (number, what), guard.text)
    ok("/0." not in guard.text and len(once.bodies) == 2, "who fails once and then does not, did not fail", guard.text)
    ok([server.connections for server in (wrong, sick, resets, hangs)] == [1, 3, 3, 3], "it is tried again twice where that may help",
       [server.connections for server in servers])
    ok(guard.text.count("hook.failed") == 7, "each is told once", guard.text)
    ok(eventually(lambda: descriptors(guard) <= before), "no connection stays open", (descriptors(guard), before))


@case
def hooks_that_hang_delay_no_ban(world):
    def latency(guard, first):
        """Milliseconds from the line's end to the kernel's set, of 40 bans."""
        times = []
        for i in range(40):
            address = "198.18.%d.%d" % (first, i)
            began = time.monotonic()
            offend(world, address)
            while not guard_knows(guard, address) and time.monotonic() - began < 2:
                time.sleep(0.0005)
            times.append((time.monotonic() - began) * 1000)
        return sorted(times)

    def guard_knows(guard, address):
        return ("address=" + address + " ") in guard.text  # written after the kernel's set has it

    world.configure("")
    open(world.log, "a").close()
    guard = world.guard(before=NET_ADMIN_ALONE)
    without = latency(guard, 1)
    guard.stop()
    hangs = WebServer(lambda *_: time.sleep(100))
    hang = script(world, "hang", "sleep 4005\n")
    guard = begin(world, ["{on: ban, run: %s, rate: 1000, burst: 1000}" % hang, "{on: ban, run: /bin/true, rate: 1000, burst: 1000}",
                          hook_to(hangs, rate=1000, burst=1000)], before=NET_ADMIN_ALONE)
    with_hooks = latency(guard, 2)
    print("# line to set, ms: without hooks p50 %.1f p90 %.1f max %.1f; with two that hang and one that runs p50 %.1f p90 %.1f max %.1f" %
          (without[20], without[36], without[-1], with_hooks[20], with_hooks[36], with_hooks[-1]), flush=True)
    ok(with_hooks[36] < without[36] + 20, "90 of 100 bans come within 20 ms of what they need without hooks", (without, with_hooks))
    ok(len(is_running("sleep 4005")) <= 4, "four of the hanging program run", is_running("sleep 4005"))
    offend(world, *("198.19.%d.%d" % (i // 200, i % 200) for i in range(2000)))
    ok(eventually(lambda: banned("198.19.9.199"), 5), "two thousand bans at once go on", guard.text[-500:])
    ok(guard.says(r"hook\.left_out hook=.run \S*hang. .*calls=\d+", 65), "and what its queue did not hold is told", guard.text[-500:])
    ok(guard.alive() and guard.stop() == 0, "it stops as it should")
    ok(eventually(lambda: not is_running("sleep 4005"), 2), "and leaves no program behind")


@case
def hooks_change_with_a_reload(world):
    first, second = script(world, "first", "echo $CG_ADDRESS >>%s/out/first\n" % world.place), script(world, "second", "echo $CG_ADDRESS >>%s/out/second\n" % world.place)
    guard = begin(world, ["{on: ban, run: %s}" % first], before=NET_ADMIN_ALONE)
    offend(world, "203.0.113.7")
    ok(eventually(lambda: out(world, "first")), "the one hook is called")
    world.configure("hooks: [{on: ban, run: %s}]\n" % second)
    guard.send(1)
    guard.says("config.reloaded")
    offend(world, "203.0.113.8")
    ok(eventually(lambda: out(world, "second") == "203.0.113.8\n"), "after a reload the other", guard.text)
    ok(out(world, "first") == "203.0.113.7\n", "and the first no more")


if __name__ == "__main__":
    run_cases(CASES, __file__, __doc__, seconds=150)
