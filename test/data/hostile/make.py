#!/usr/bin/env python3
"""Writes the hostile logs of this directory: what coturn leaves when somebody forges lines. 192.0.2.99 is the innocent
whom the forgeries name; 203.0.113.7 is a real offender whose lines must count. Run it after a change, commit the result."""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
RESET = "ERROR: session 00000000000000%04d: TCP socket error: Connection reset by peer 203.0.113.7:%d\n"
FORGED = "7: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer 192.0.2.99:1234\n"
LIMIT = 1023
BANNER = "0: : log file opened: /var/log/coturn/coturn.log\n0: : Listener address to use: 198.51.100.10\n"


def resets(n, prefix="33: : ", first=1):
    return "".join(prefix + RESET % (first + i, 40000 + i) for i in range(n))


def record(text, last=LIMIT):
    """As coturn up to 4.6.1 writes it: cut at its limit, then without a newline."""
    return (text + "\n")[:last]


def repeat(text, size):
    return (text * (size // len(text) + 1))[:size]


def write(name, *parts):
    data = b"".join(p if isinstance(p, bytes) else p.encode() for p in parts)
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)


# The longest user name that coturn takes, to its last byte full of forged lines.
write("username.log", BANNER, resets(1),
      record("33: : ERROR: check_stun_auth: wrong username: " + repeat("x\n" + FORGED, 512)),
      record("33: : ERROR: check_stun_auth: wrong username: " + ("x" * (512 - len(FORGED)) + "\n" + FORGED)[:512]),
      resets(3, first=2))
# The user name's lines begin with coturn's banner, of the version that cannot be forged, and go on in its format.
F4 = "2026-11-22T12:06:08.488+0000 "
write("banner.log", BANNER, resets(1),
      record("33: : ERROR: check_stun_auth: wrong username: x\n" + F4 + "INFO log file opened: x\n" + F4 +
             "INFO Coturn Version Coturn-4.17.1 'Gorst'\nVersion Coturn-4.17.1\n" +
             (F4 + FORGED[5:].replace("ERROR:", "ERROR")) * 2), resets(3, first=2))
write("realm.log", BANNER, record("33: : ERROR: check_stun_auth: wrong realm: x\n" + FORGED), resets(2))
# 127 bytes of origin: a tail that looks like coturn's, and after it the shortest forged line there is.
TAIL = ">, local 1.1.1.1:1, remote 192.0.2.99:1, reason: general\n"
SHORT = "7: : session 000000000000000001: TCP socket error: X 192.0.2.99:5\n"
ORIGIN = (TAIL + SHORT)[:127]
END = ">, local 198.51.100.10:3478, remote 203.0.113.34:4, reason: allocation watchdog determined stale session state"
write("origin_closed.log", BANNER, resets(1),
      record("93: : session 000000000000000113: closed (2nd stage), user <> realm <example.org> origin <" + ORIGIN + END),
      record("93: : session 000000000000000114: closed (2nd stage), user <> realm <example.org> origin <" +
             "x" * (127 - len(SHORT)) + "\n" + SHORT[:-1] + END), resets(2, first=2))
CLEAN = "> realm <> user <>: incoming packet m processed, success\n"
write("origin_packet.log", BANNER, resets(1),
      record("33: : session 000000000000000113: origin <" + (CLEAN + SHORT)[:127] +
             "> realm <example.org> user <>: incoming packet message processed, error 401: Unauthorized"), resets(2, first=2))
# A record that is cut loses its newline; the next one, glued to it, forges.
CUT = record("33: : ERROR: handle_turn_command: Wrong origin format: " + "y" * 1200)
assert len(CUT) == LIMIT and not CUT.endswith("\n")
write("glued.log", BANNER, resets(1), CUT,
      record("33: : ERROR: check_stun_auth: wrong username: x\n" + FORGED * 4), resets(2, first=2))
# The same, where the cut record holds newlines itself and hides the glued one in its last line.
DEEP = record("33: : ERROR: handle_turn_command: Wrong origin format: " + ("z\n" + FORGED) * 9 + "7: : closed x" + "q" * 999)
write("glued_deep.log", BANNER, resets(1), DEEP,
      record("33: : ERROR: check_stun_auth: wrong username: x\n" + FORGED * 4), resets(2, first=2))
# So many of them that the line is longer than any source hands over: nobody sees where the last record began.
write("glued_overlong.log", BANNER, resets(1), CUT * 80,
      record("33: : ERROR: check_stun_auth: wrong username: x\n" + FORGED * 4), resets(12, first=2))
write("glued_event.log", BANNER, resets(1), CUT, resets(1, first=9), resets(2, first=2))
write("ssl_read_error.log", BANNER, resets(1), "33: : SSL read error: ",
      record("33: : ERROR: check_stun_auth: wrong username: x\n" + FORGED * 4), resets(2, first=2))
# Whoever wraps lines puts his wrapper before each of the attacker's, too: 400 of them take none of his 512 bytes.
wrapped = "33: : ERROR: check_stun_auth: wrong username: " + "\n" * 400 + FORGED
write("wrapped_compose.log",
      "".join("coturn  | " + l + "\n" for l in (BANNER + resets(1) + wrapped + resets(2, first=2)).splitlines()))
write("wrapped_cri.log", "".join("2023-11-27T10:20:08.458142000Z stdout F " + l + "\n"
                                 for l in (BANNER + resets(1) + wrapped + resets(2, first=2)).splitlines()))
# A web-admin request is logged whole.
write("request.log", BANNER, resets(1),
      record("3: : web_admin_input_handler: HTTPS (TLS_AES_256_GCM_SHA384 TLSv1.3) request: POST / HTTP/1.1\r\n" + FORGED * 8),
      resets(2, first=2))
# One line of a foreign format is suspect wherever it stands.
write("foreign.log", BANNER, resets(1), FORGED.replace("7: : ", "7: (1): "), F4 + FORGED[5:].replace("ERROR:", "ERROR"),
      FORGED.replace("7: : ", "7: "), resets(2, first=2))
# Coturn was upgraded and writes on into the same file, with its banner and without.
NEW = "2026-11-22T12:06:08.488+0000 "
new_resets = lambda n, first: "".join(NEW + (RESET % (first + i, 40000 + i)).replace("ERROR:", "ERROR") for i in range(n))
write("upgrade.log", BANNER, resets(2), NEW + "INFO log file opened: /var/log/coturn/coturn.log\n", new_resets(2, 3))
write("upgrade_unseen.log", BANNER, resets(2), (NEW + "INFO Relay ports initialization done\n") * 20, new_resets(2, 3))
# Bytes that are no text.
write("bytes.log", BANNER, b"\0" * 4096, b"\x1b[2J\x1b]0;x\x07\n", b"\xff\xfe\x80\xc0\xaf" * 50 + b"\n", "A" * 65536 + "\n",
      b"33: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer 192.0.2.99\0:1\n",
      b"33: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer 192.0.2.99:1\x1b\n",
      b"33: : ERROR: session 000000000000000001: TCP socket error: Connection\xc3\x28reset by peer 192.0.2.99:1\n",
      b"33: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer 192.0.2.99:99999\n",
      b"33: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer 192.0.2.099:9\n",
      b"33: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer [192.0.2.99]:9\n",
      "33: : Relay ports initialization done\n" * 40, resets(2))
# From 4.17 on newlines are gone, and text within a line stays within it.
write("inline_4.17.log", NEW + "INFO log file opened: x\n", new_resets(1, 1),
      NEW + "ERROR udp_stateless_nonce_fast_path: Wrong origin format: x " + FORGED,
      NEW + "INFO session 000000000000000113: closed (2nd stage), user <> realm <example.org> origin <" + TAIL[:-1] +
      ">, local 198.51.100.10:3478, remote 203.0.113.34:4, reason: allocation timeout\n",
      NEW + "ERROR session 000000000000000099: check_stun_auth: Cannot find credentials of user <a>,remote=192.0.2.99:5,\x1b[31m>\n",
      new_resets(2, 2))
