#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams that come joined (UDP_SEGMENT over a veth pair, generic receive offload) pass the gate one by one.

  gate_segments_test.py PATH/TO/coturn-guard

A socket stands where coturn would and counts what arrives. Runs in namespaces of its own (root needed). Prints TAP.
"""
import os, re, socket, struct, subprocess, sys, tempfile, time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVER, CLIENT = "198.51.100.1", "198.51.100.2"
UDP_SEGMENT = 103
BINDING = struct.pack("!HHI12s", 1, 0, 0x2112a442, b"segments-one")
FOREIGN = b"\x81 nothing coturn speaks"[:len(BINDING)]
failures = 0

CLIENT_PROGRAM = """
import socket, sys
bytes_of_all = bytes.fromhex(sys.argv[1])
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.IPPROTO_UDP, %d, %d)
client.sendto(bytes_of_all, ("%s", 3478))
""" % (UDP_SEGMENT, len(BINDING), SERVER)


def ok(condition, sentence, detail=""):
    global failures
    failures += not condition
    print("%s - %s%s" % ("ok" if condition else "not ok", sentence, "" if condition else " (%s)" % detail), flush=True)


def sh(command):
    return subprocess.run(command, shell=True, check=True, text=True, stdout=subprocess.PIPE).stdout


def arrivals(server, *datagrams):
    """Sent as one packet; what arrives within a second."""
    subprocess.run(["ip", "netns", "exec", "client", sys.executable, "-c", CLIENT_PROGRAM, b"".join(datagrams).hex()], check=True)
    got, end = [], time.monotonic() + 1
    while (left := end - time.monotonic()) > 0:
        server.settimeout(left)
        try:
            got.append(server.recv(2048))
        except socket.timeout:
            break
    return got


def inside(program):
    sh("mount -t tmpfs tmpfs /run; mount --make-rshared /run; ip link set lo up; ip netns add client; "
       "ip link add wire type veth peer name eth0 netns client; ip addr add %s/24 dev wire; ip link set wire up; "
       "ip -n client addr add %s/24 dev eth0; ip -n client link set eth0 up" % (SERVER, CLIENT))
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((SERVER, 3478))
    ok(arrivals(server, BINDING, BINDING, BINDING) == [BINDING] * 3, "without the gate, joined requests arrive one by one")
    with tempfile.TemporaryDirectory() as place:
        open(place + "/coturn.log", "w").close()
        with open(place + "/guard.yaml", "w") as file:
            file.write("gate: on\nlog_file: %s/coturn.log\nsource: file\nrules_file: %s/rules/coturn.yaml\n" % (place, TREE))
        with open(place + "/said", "w") as said:
            daemon = subprocess.Popen([program, "run", "--config", place + "/guard.yaml"], stdout=said, stderr=said)
        end = time.monotonic() + 10
        while "flow" not in sh("nft list ruleset 2>/dev/null | sed -n 's/.*queue.*/flow/p'") and time.monotonic() < end:
            time.sleep(.05)
        time.sleep(.5)
        said = open(place + "/said").read()
        got = arrivals(server, BINDING, BINDING, BINDING)
        ok(got == [BINDING] * 3, "with it, too", "%d of 3; the daemon said: %s" % (len(got), said[-2000:]))
        got = arrivals(server, BINDING, FOREIGN, BINDING)
        ok(got == [BINDING] * 2, "and what is foreign is dropped from between them", got)
        daemon.terminate()
        ok(daemon.wait(10) == 0, "the daemon ends", open(place + "/said").read()[-2000:])
    sys.exit(1 if failures else 0)


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP root is needed")
        sys.exit(77)
    if sys.argv[2:] == ["--inside"]:
        inside(sys.argv[1])
    done = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
                           os.path.abspath(__file__), os.path.abspath(sys.argv[1]), "--inside"], text=True, stdout=subprocess.PIPE, timeout=60)
    results = re.findall("^(?:not )?ok - .*$", done.stdout, re.M)
    for number, line in enumerate(results, 1):
        print(line.replace(" - ", " %d - " % number, 1))
    print("1..%d" % len(results))
    sys.exit(done.returncode)


main()
