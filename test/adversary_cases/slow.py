# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that say nothing that can be judged, for as long as they may: in TCP, in TLS, in DTLS."""
import struct, subprocess, time

import turn_client as turn
from adversary import ALL_MODES, attack


def hold(server, port, count, seconds, first=b"", drip=b"", tls=False):
    """Opens connections, says `first` on each, then a byte of `drip` a second -> how many are open at the end."""
    streams, end = [], time.monotonic() + seconds
    for _ in range(count):
        try:
            stream = turn.connect("tls" if tls else "tcp", server, port, None, 2.0)
            if first:
                stream.sendall(first)
            streams.append(stream)
        except OSError:
            break
        time.sleep(0.05)
    said = 0
    while time.monotonic() < end:
        time.sleep(1)
        for stream in streams:
            try:
                if said < len(drip):
                    stream.sendall(drip[said:said + 1])
            except OSError:
                pass
        said += 1


PARTIAL_HEADER = struct.pack("!HHI12s", 1, 1000, turn.MAGIC_COOKIE, b"x" * 12)  # a message of which a thousand bytes are to come
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(100))


def falls_for_holding(arena, who, *arguments, tls=False, port=3478, first=b"", drip=b""):
    holder = arena.at("attacker", hold, arena.server, port, 60, 110, first, drip, tls)
    arena.falls(arena.attacker_address, who, 110)
    holder.kill()


@attack(ALL_MODES, ci="default", seconds=60)
def twenty_bytes_of_a_header(arena):
    arena.start()
    falls_for_holding(arena, "who holds sixty connections open by the header of a message that never comes", first=PARTIAL_HEADER)


@attack(ALL_MODES, seconds=60)
def nothing_at_all(arena):
    arena.start()
    falls_for_holding(arena, "who holds sixty connections open and says nothing")


@attack(ALL_MODES, ci="verbose6", seconds=60)
def a_handshake_and_then_silence(arena):
    arena.start()
    falls_for_holding(arena, "who finishes sixty TLS handshakes and says nothing", port=5349, tls=True)


@attack(ALL_MODES, ci="verbose", seconds=60)
def a_client_hello_drop_by_drop(arena):
    arena.start()
    falls_for_holding(arena, "who sends sixty ClientHellos byte by byte", port=5349, first=CLIENT_HELLO[:5], drip=CLIENT_HELLO[5:])


@attack(ALL_MODES, seconds=60)
def a_header_drop_by_drop(arena):
    arena.start()
    falls_for_holding(arena, "who sends sixty headers byte by byte", first=b"\0", drip=PARTIAL_HEADER[1:] + b"y" * 200)


def dtls(server, source, said, times):
    """As `openssl s_client` does: a DTLS handshake, and then this inside."""
    six = ":" in server
    for _ in range(times):
        where = ("[%s]:%d" if six else "%s:%d") % (server, 5349)
        client = subprocess.Popen(["openssl", "s_client", "-dtls1_2", "-quiet", "-connect", where], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3)
        try:
            client.stdin.write(said)
            client.stdin.flush()
            time.sleep(0.1)
        except OSError:
            pass
        client.kill()
        client.wait()


INSIDE_DTLS = {"nothing": b"", "HTTP": b"GET / HTTP/1.1\r\n\r\n", "garbage": bytes(range(200))}


def falls_by_dtls(arena, what):
    """Coturn 4.6.1 says the same of a handshake as of one forged ClientHello ("Accepted connection", before its cookie is
    answered), and nothing at all in its default mode: who were banned for that line would be whoever somebody names."""
    arena.start("max-allocate-timeout=3")
    arena.at("attacker", dtls, arena.server, None, INSIDE_DTLS[what], 40).wait(120)
    arena.settle()
    if arena.banned(arena.attacker_address):
        ok(True, "who says %s in forty DTLS sessions is banned" % what)
    else:
        print("# not run: coturn's log tells DTLS with %s inside from no forged packet" % what, flush=True)


@attack(ALL_MODES, ci="verbose", seconds=70)
def http_in_dtls(arena):
    falls_by_dtls(arena, "HTTP")


@attack(ALL_MODES, seconds=70)
def garbage_in_dtls(arena):
    falls_by_dtls(arena, "garbage")


@attack(ALL_MODES, seconds=70)
def nothing_in_dtls(arena):
    falls_by_dtls(arena, "nothing")


@attack("default verbose6", seconds=75, ci="")
def a_customer_who_waits(arena):
    """A browser opens TLS connections ahead of their use; a call of hours sends nothing but keepalives."""
    arena.start()
    arena.at("customer", hold, arena.server, 5349, 3, 45, b"", b"", True).wait(90)
    arena.spared(arena.customer_address, "the customer who holds three TLS connections open for 45 s")


@attack(ALL_MODES, seconds=60)
def a_channel_message_that_never_ends(arena):
    arena.start()
    falls_for_holding(arena, "who begins sixty ChannelData messages and sends no more", first=b"\x40\x00\x0f\xa0abc")


@attack(ALL_MODES, seconds=60)
def a_partial_header_inside_tls(arena):
    arena.start()
    falls_for_holding(arena, "who sends twenty bytes of a header inside sixty TLS connections", port=5349, tls=True, first=PARTIAL_HEADER)


@attack("default default6", seconds=75)
def a_customer_who_asks_once_and_waits(arena):
    """One whole message, then nothing for longer than an idle connection may."""
    arena.start()
    whole = turn.request(turn.BINDING, b"")
    arena.at("customer", hold, arena.server, 3478, 3, 45, whole).wait(90)
    arena.spared(arena.customer_address, "the customer who asks once on each of three connections and waits 45 s")
