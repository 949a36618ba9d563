# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser, headless, as the customer: what its partner and the pages that it opens make it do."""
import json, os, shutil

from adversary import attack, cannot_run, ok
from chromium import Chromium

PARTNER = r"""
(async () => {
  const pc = new RTCPeerConnection({iceServers: [{urls: "turn:198.51.100.10:3478?transport=udp", username: "alice", credential: "secret1"}],
                                    iceTransportPolicy: "relay"});
  const other = new RTCPeerConnection();  // stands for the partner: only its SDP is used
  const candidates = [];
  pc.createDataChannel("x");
  pc.onicecandidate = event => { if (event.candidate) candidates.push(event.candidate.candidate); };
  const offer = await pc.createOffer(); await pc.setLocalDescription(offer);
  await other.setRemoteDescription(offer);
  const answer = await other.createAnswer(); await other.setLocalDescription(answer);
  await pc.setRemoteDescription({type: "answer", sdp: answer.sdp.replace(/a=candidate.*\r\n/g, "")});
  let number = 0;
  for (const address of %s)
    await pc.addIceCandidate({candidate: `candidate:${++number} 1 udp ${2122260223 - number} ${address} 5000 typ host`, sdpMid: "0", sdpMLineIndex: 0});
  await new Promise(resolve => setTimeout(resolve, 9000));
  pc.close(); other.close(); await new Promise(resolve => setTimeout(resolve, 1500));
  return candidates.join("\n");
})()
"""
PAGE = r"""
(async () => {
  const all = [];
  for (let i = 0; i < %d; ++i) {
    const pc = new RTCPeerConnection({iceServers: [{urls: "turn:198.51.100.10:3478?transport=udp", username: %s, credential: "wrong" + i}]});
    pc.createDataChannel("x"); await pc.setLocalDescription(await pc.createOffer()); all.push(pc);
  }
  await new Promise(resolve => setTimeout(resolve, 6000));
  for (const pc of all) pc.close();
  return "" + all.length;
})()
"""


def browse(arena, script):
    """Runs the script in a page of the customer's -> what it returned."""
    program = shutil.which("chromium")
    if not program:
        cannot_run("chromium is not installed")
    with open(arena.place + "/chromium", "w") as file:  # chromium.py starts the first one in PATH
        file.write('#!/bin/sh\nexec ip netns exec customer nice -n 5 %s "$@"\n' % program)
    os.chmod(arena.place + "/chromium", 0o755)
    os.environ["PATH"] = arena.place + ":" + os.environ["PATH"]
    with Chromium() as browser:
        return browser.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)["result"].get("value", "")


def log_in_first(arena):
    for _ in range(2):
        arena.customer.play("allocate", "--transport", "tcp")


@attack("verbose journal", seconds=40)
def a_browser_whose_partner_offers_inner_addresses(arena):
    arena.start("denied-peer-ip=10.0.0.0-10.255.255.255")
    log_in_first(arena)
    inner = (["127.0.0.%d" % n for n in range(1, 5)] + ["169.254.169.%d" % n for n in range(251, 255)] +
             ["10.0.%d.%d" % (n // 40, 1 + n % 40) for n in range(80)])
    candidates = browse(arena, PARTNER % json.dumps(inner))
    ok("typ relay" in candidates, "the browser gets its relay", candidates)
    arena.spared(arena.customer_address, "the browser whose partner offers 4 loopback, 4 metadata and 80 private candidates")


@attack("verbose", seconds=40)
def a_page_with_three_connections_of_unknown_users(arena):
    arena.start("max-allocate-timeout=3")
    log_in_first(arena)
    ok(browse(arena, PAGE % (3, '"nobody" + i')) == "3", "a page opens three RTCPeerConnections with made-up users")
    arena.wait_for_log("closed .2nd stage", 3, 60)
    arena.spared(arena.customer_address, "the browser that opened a page with three RTCPeerConnections of unknown users")


@attack("verbose", seconds=40)
def a_page_with_three_connections_of_a_known_user(arena):
    arena.start("max-allocate-timeout=3")
    log_in_first(arena)
    ok(browse(arena, PAGE % (3, '"alice"')) == "3", "a page opens three RTCPeerConnections with a user that exists")
    arena.wait_for_log("closed .2nd stage", 3, 60)
    arena.spared(arena.customer_address, "the browser that opened a page with three RTCPeerConnections of a known user")


MAPPED = ["::ffff:203.0.114.%d" % number for number in range(1, 15)]


@attack("verbose6", seconds=60)
def a_browser_whose_partner_offers_mapped_addresses(arena):
    """CVE-2026-27624: coturn gives a permission for each of them, and only who binds a channel is known to mean it."""
    arena.start("keep-address-family")
    for _ in range(2):
        arena.customer.play("allocate", "--transport", "tcp", server=arena.server)
    candidates = browse(arena, (PARTNER % json.dumps(MAPPED)).replace("198.51.100.10", "[%s]" % arena.server))
    ok("typ relay" in candidates, "the browser gets its relay", candidates)
    arena.wait_for_log(r"peer \[?::ffff:203.0.114.*lifetime updated: 300", 14)
    arena.wait_for_log("delete: realm", 3, 60)
    arena.spared(arena.customer_address, "the browser whose partner offers 14 IPv4-mapped addresses")
