# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks and an office behind a private NAT, for test/matrix: honest, and irregular scanners that do the same. (A balancer
without its PROXY header is played by test/system/balancer_test.py: with tcp-proxy-port coturn serves no other TCP.)

The checks are a real HAProxy's (Debian's package) and those of small monitors, each a process of its own, for some 40 seconds: about
as long as others of the first phase need.
"""
import os, subprocess, sys, tempfile, time

import matrix_players as players
import turn_client as turn
from matrix_players import PLAIN, SERVER4, TLS, quietly, say_and, scenario

SECONDS = 44  # eleven probes each four seconds: eight are what it takes to be named

HAPROXY = """
global
  maxconn 100
defaults
  mode tcp
  timeout connect 3s
  timeout client 30s
  timeout server 30s
  timeout check 1500
  default-server inter 4s
backend checked
  source %(source)s
%(options)s
  server coturn %(server)s:%(port)d check %(words)s
listen unused
  bind %(source)s:19999
  server coturn %(server)s:%(port)d
"""


def haproxy(port, words="", *options):
    def play(source, times):
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as config:
            config.write(HAPROXY % {"source": source, "server": SERVER4, "port": port, "words": words, "options": "\n".join("  " + one for one in options)})
            config.flush()
            balancer = subprocess.Popen(["haproxy", "-db", "-f", config.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                code = balancer.wait(SECONDS)
                raise AssertionError("HAProxy ended with %d" % code)
            except subprocess.TimeoutExpired:
                pass
            finally:
                balancer.kill()
                balancer.wait()
    return play


# In time on a busy machine, too.
MONITOR = """
import os, socket, ssl, struct, sys, time
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
source, server, port, interval, seconds, end = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]), sys.argv[6]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
begun = due = time.monotonic()
while due < begun + seconds:
    try:
        stream = socket.create_connection((server, port), 1, (source, 0))
        if end in ("tls", "get"):
            stream = context.wrap_socket(stream)
        if end == "get":
            stream.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        if end == "reset":
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()
    except OSError:
        pass
    due += interval
    time.sleep(max(0, due - time.monotonic()))
"""


def monitor(port, end, interval=4.0):
    def play(source, times):
        subprocess.run([sys.executable, "-c", MONITOR, source, SERVER4, str(port), str(interval), str(SECONDS), end], check=True)
    return play


for number, (name, play, more) in enumerate((
        ("HAProxy, check", haproxy(TLS), {}),
        ("HAProxy, check check-ssl", haproxy(TLS, "check-ssl verify none"), {"three_resets": True}),
        ("HAProxy, tcp-check", haproxy(PLAIN, "", "option tcp-check", "tcp-check connect"), {}),
        ("HAProxy, HTTP", haproxy(PLAIN, "", "option httpchk GET /"), {}),
        ("HAProxy, HTTPS", haproxy(TLS, "check-ssl verify none", "option httpchk GET /"), {}),
        ("a monitor: connect, reset", monitor(PLAIN, "reset"), {}),
        ("a monitor: connect, close", monitor(PLAIN, "close"), {}),
        ("a monitor of the TLS port: connect, reset", monitor(TLS, "reset"), {}),
        ("a monitor of the TLS port: connect, close", monitor(TLS, "close"), {}),
        ("a monitor: TLS handshake", monitor(TLS, "tls"), {}),
        ("a monitor: GET over TLS", monitor(TLS, "get"), {}),
        ("a monitor each second: connect, reset", monitor(PLAIN, "reset", 1.0), {}),
        ("a monitor each 2 s: connect, close on the TLS port", monitor(TLS, "close", 2.0), {}))):
    scenario(name, "honest", 101 + number, **more)(play)


# ---- the same, irregularly -----------------------------------------------------------------------------------------------
PAUSES = (1.2, 5.4, 2.1, 7.3, 1.7)


def irregularly(one):
    def play(source, times):
        for i in range(times):
            quietly(one, source)
            time.sleep(PAUSES[i % len(PAUSES)])
    return play


scenario("connect, reset, irregularly", "attack", 101, live=(10, 10), spare=7)(irregularly(lambda source: say_and("reset", source, PLAIN, b"")))
scenario("TLS port: connect, close, irregularly", "attack", 102, live=(None, 4), replay=(None, 4), spare=3)(
    irregularly(lambda source: say_and("close", source, TLS, b"")))
scenario("TLS handshake, reset, irregularly", "attack", 103, live=(6, 6), replay=(3, 3), spare=2)(
    irregularly(lambda source: turn.reset(players.connect(source, TLS, "tls"))))


def get(source):
    stream = players.connect(source)
    stream.sendall(players.HTTP)
    quietly(stream.recv, 200)
    stream.close()


# (Data connections of the RFC 6062 customer's, whose client is not known yet, spare one probe each.)
scenario("HTTP, irregularly", "attack", 104, live=(None, 12), replay=(None, 12), spare=3)(irregularly(get))


@scenario("a check that is none: another kind of probe after eight", "attack", 105, live=(10, 10), spare=7)
def mixes(source, times):
    """Regular resets on one port, then on another: each tenth of a point counts again."""
    for i in range(times):
        say_and("reset", source, PLAIN if i < 8 else TLS, b"")
        time.sleep(2)


# ---- who stands for many -------------------------------------------------------------------------------------------------
@scenario("an office behind one private NAT, of whom one guesses", "honest", 0, address="10.1.0.20")
def office(source, times):
    for i in range(4):
        players.log_in(source, ("tcp", "tls")[i % 2], user="customer%d" % i, traffic=3000)
    for i in range(12):
        client = players.Login(source, "tcp", user="quinn")
        client.challenge()
        quietly(client.guess, "guess%d" % i)
        client.stream.close()
        time.sleep(0.1)
