#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers and monitors in a replay: `checks_test.py COTURN_GUARD`. Needs no root.

test/data/health holds what coturn 4.6.1 wrote with `verbose` of a real HAProxy and of other checks, each two seconds. What one
connection left is written again with other times: every 1 to 60 s, and irregularly. And the operator's own balancer that forgot
its PROXY protocol. Prints TAP.
"""
import json, os, re, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import replayed
from replayed import TREE, check

GUARD = sys.argv[1]
DATA = TREE / "test/data/health"
CHECKS = {50: "HAProxy, check-ssl", 53: "HAProxy, HTTP", 55: "HAProxy, HTTPS", 62: "connect and RST on 5349", 63: "connect and FIN on 5349",
          64: "a TLS handshake", 66: "a GET over TLS"}
SILENT = {60: "connect and RST on 3478", 61: "connect and FIN on 3478", 65: "a TLS handshake with a good end"}
WORTH_A_BAN = (53, 55, 62, 63, 64, 66)  # what they leave costs under a point
IRREGULAR = (1.3, 4.1, 2.2, 7.9, 3.1)


def replay(text):
    done = replayed.replay(GUARD, "--json", "-", stdin=text.encode())
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return [line for line in told if line["event"] == "ban"], [line for line in told if line["event"] == "report"], told[-1]


def one_connection(source):
    """What the first one of it left."""
    lines = [line for line in (DATA / "checks-4.6.1-verbose.log").read_text().splitlines() if f"203.0.113.{source}:" in line]
    port = re.search(rf"203\.0\.113\.{source}:(\d+)", lines[0])[1]
    return [re.sub(r"^\d+", "@time", line).replace(f":{port}", ":@port") for line in lines if line.split(f"203.0.113.{source}:")[1].startswith(port)]


def written(source, times):
    lines, text = one_connection(source), []
    for count, time in enumerate(times):
        for line in lines:
            line = re.sub(r"session \d{18}", f"session {count + 1:018}", line)
            text.append(line.replace("@time", str(int(time))).replace("@port", str(30000 + 2 * count)))
    return "\n".join(text) + f"\n{int(times[-1]) + 100}: : a later line\n"


def every(seconds, count=40):
    return [5.4 + i * (seconds + 0.0013) for i in range(count)]


def irregularly(count):
    times = [5.4]
    for i in range(count - 1):
        times.append(times[-1] + IRREGULAR[i % len(IRREGULAR)])
    return times


for source, name in CHECKS.items():
    for seconds in (5, 10, 30, 60):
        bans, reports, summary = replay(written(source, every(seconds)))
        if source == 50:
            # Without the kernel's word a reset is a whole point: it may have sent anything before.
            check(bans, f"{name} each {seconds} s: three resets stay three resets where the log is all there is", str(summary))
            continue
        check(not bans, f"{name} each {seconds} s: is never banned", str(bans[:2]))
        check(len(reports) == 1 and "ignoreip" in reports[0]["remedy"], f"{name} each {seconds} s: is named once", str(reports))
    if source in WORTH_A_BAN:
        bans, reports, summary = replay(written(source, irregularly(90)))
        check(bans and not reports, f"{name}, irregularly: is banned, and named nothing", str(summary))
for source, name in SILENT.items():
    bans, reports, summary = replay(written(source, every(5)))
    check(not bans and not reports, f"{name}: leaves nothing that counts in the log", str(summary))

regular = written(63, every(5, 12))
for name, times in {"a second kind of probe": every(5, 13), "an irregular one of another kind": irregularly(5)}.items():
    # The same source does something else: the lines of another check, in its name.
    other = written(53, [time + 70 for time in times]).replace("203.0.113.53:", "203.0.113.63:").replace("session 0000", "session 0010")
    bans, reports, summary = replay(regular + other)
    check(bans, f"a named check that goes on with {name} is banned", str(summary))

bans, reports, summary = replay((DATA / "own-proxy-without-header.log").read_text())
check(not bans, "a private balancer without its PROXY header is not banned", str(bans))
check(any("PROXY protocol on" in report["remedy"] and report["address"] == "10.1.0.9" for report in reports), "but told about, with the remedy", str(reports))
public = (DATA / "own-proxy-without-header.log").read_text().replace("10.1.0.9", "203.0.113.9")
bans, reports, summary = replay(public)
check(len(bans) == 1, "a public address that does the same is banned at the third connection", str(bans))
replayed.finish()
