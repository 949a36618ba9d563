# SPDX-License-Identifier: GPL-3.0-or-later
"""Customers of test/matrix whose browser does what others want: the other end of their call, who offers addresses that nobody
may be relayed to, and a page that makes calls to our server with made-up credentials. Each is a headless Chromium at an
address of its own that has a good name: somebody logged in from there and relayed for some seconds.

  play_all()    as root, in the namespace of the server: what each did. Somebody must be the echo of matrix_players
"""
import json, os, shutil, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import matrix_players as players

# Of the other end: loopback, where clouds keep their secrets, and as many private ones as nobody has.
OFFERED = (["127.0.0.%d" % i for i in range(1, 5)] + ["169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254"] +
           ["10.77.%d.%d" % (i // 40, i % 40 + 1) for i in range(80)])

# `other` stands for the other end of the call: only its description is used.
CALL = """(async () => {
  const made = [];
  for (let i = 0; i < %(calls)d; ++i) {
    const call = new RTCPeerConnection({iceServers: [{urls: %(urls)s, username: %(user)s, credential: %(password)s}],
                                        iceTransportPolicy: "relay"});
    const other = new RTCPeerConnection();
    made.push(call, other);
    call.createDataChannel("x");
    const offer = await call.createOffer();
    await call.setLocalDescription(offer);
    await other.setRemoteDescription(offer);
    const answer = await other.createAnswer();
    await call.setRemoteDescription({type: "answer", sdp: answer.sdp.replace(/a=candidate.*\\r\\n/g, "")});
    let number = 0;
    for (const address of %(offered)s)
      await call.addIceCandidate({candidate: `candidate:${++number} 1 udp ${2122260223 - number} ${address} 5000 typ host`,
                                  sdpMid: "0", sdpMLineIndex: 0});
  }
  await new Promise(done => setTimeout(done, 6000));
  for (const call of made) call.close();
  return made.length / 2;
})()"""

GUESSES = """(async () => {
  const made = [];
  for (let i = 0; i < %(calls)d; ++i) {
    const call = new RTCPeerConnection({iceServers: [{urls: %(urls)s, username: %(users)s[i %% %(users)s.length] + %(suffix)s,
                                                      credential: "made up " + i}], iceTransportPolicy: "relay"});
    made.push(call);
    call.createDataChannel("x");
    await call.setLocalDescription(await call.createOffer());
  }
  await new Promise(done => setTimeout(done, 5000));
  for (const call of made) call.close();
  return made.length;
})()"""

UDP, TCP = ("turn:%s:%d?transport=%s" % (players.SERVER4, players.PLAIN, transport) for transport in ("udp", "tcp"))


class Street:
    """The namespace of the browsers, with one address at a time."""
    NAME, NEAR, FAR = "browser", "to-browser", "eth0"

    def __enter__(self):
        for words in ("ip netns add {0}", "ip link add {1} type veth peer name {2} netns {0}", "ip link set {1} up",
                      "ip -n {0} link set {2} up", "ip -n {0} link set lo up", "ip addr add 100.64.0.2/32 dev {1}"):
            self.sh(words)
        # `chromium` on the path is one that runs there.
        self.place = tempfile.mkdtemp()
        with open(self.place + "/chromium", "w") as script:
            script.write('#!/bin/sh\nexec ip netns exec %s %s "$@"\n' % (self.NAME, shutil.which("chromium")))
        os.chmod(self.place + "/chromium", 0o755)
        self.path = os.environ["PATH"]
        os.environ["PATH"] = self.place + ":" + self.path
        return self

    def __exit__(self, *_):
        os.environ["PATH"] = self.path
        shutil.rmtree(self.place)

    def sh(self, words):
        subprocess.run(words.format(self.NAME, self.NEAR, self.FAR).split(), check=True)

    def move_to(self, address):
        self.sh("ip -n {0} addr flush dev {2} scope global")
        self.live_at(address)
        self.sh("ip -n {0} route replace default dev {2} src %s" % address)

    def live_at(self, address):
        self.sh("ip -n {0} addr add %s/32 dev {2}" % address)
        self.sh("ip route replace %s/32 dev {1}" % address)

    def earn_good_names(self, addresses):
        """From each a call of twelve seconds, on a connection that the witness sees twice."""
        for address in addresses:
            self.live_at(address)
        self.sh("ip -n {0} route replace default dev {2}")
        code = ("import sys, time; sys.path.insert(0, %r); import matrix_players as p; c = p.Login(sys.argv[1], 'tcp', sys.argv[2])\n"
                "assert c.allocate(), c.error\n"
                "for i in range(13): c.relay(4000); time.sleep(1)\n"
                "c.release(); c.stream.close()" % os.path.dirname(os.path.abspath(__file__)))
        calls = [subprocess.Popen(["ip", "netns", "exec", self.NAME, sys.executable, "-c", code, address, players.user_of(address)])
                 for address in addresses]
        if any([call.wait() for call in calls]):
            raise AssertionError("a customer cannot make a call")


class Browser:
    """A customer; `ban` says what may become of it: "never", or "a minute" (at the most, and always that)."""
    kind = "honest"

    def __init__(self, name, number, script, ban="never", log_alone=False, visits=1):
        self.name, self.address, self.script, self.ban, self.log_alone = name, "192.0.2.%d" % number, script, ban, log_alone
        self.visits = visits

    def play(self, street):
        from chromium import Chromium
        began, problem = time.time(), ""
        try:
            street.move_to(self.address)
            with Chromium() as browser:
                answer = browser.ask("Runtime.evaluate", expression=self.script, awaitPromise=True, returnByValue=True)
            if "exceptionDetails" in answer:
                raise AssertionError(answer["exceptionDetails"])
        except Exception as error:  # the matrix must hear of it
            problem = "%s: %s" % (type(error).__name__, error)
        return {"name": self.name, "source": self.address, "tries": "", "began": began, "ended": time.time(), "problem": problem}


def call(calls, urls, offered=OFFERED):
    return CALL % {"calls": calls, "urls": json.dumps(urls), "user": '"honest98"', "password": '"hpass"', "offered": json.dumps(offered)}


def guesses(calls, known, urls=(TCP,)):
    users = ["customer%d" % i for i in range(20)] if known else ["made-up"]
    return GUESSES % {"calls": calls, "urls": json.dumps(urls), "users": json.dumps(users), "suffix": '""' if known else "i"}


BROWSERS = [
    # Without a good name, which a replay of a log without logins cannot know, so many connections are a flood.
    Browser("opens a page that guesses 300 passwords, twice", 37, guesses(300, True), "a minute", log_alone=True, visits=2),
    Browser("opens a page that guesses 300 user names", 38, guesses(300, False), "a minute", log_alone=True),
    Browser("opens a page that guesses 30 passwords", 35, guesses(30, True)),
    Browser("opens a page that guesses 30 user names", 36, guesses(30, False)),
    Browser("opens a page that guesses 3 passwords", 33, guesses(3, True)),
    Browser("opens a page that guesses 3 user names", 34, guesses(3, False)),
    Browser("is called by who offers 88 addresses", 31, call(1, [UDP])),
    # Chromium ends a connection on which something was not read by a reset: of four calls up to three in the log alone.
    Browser("the same in four calls over two transports", 32, call(4, [UDP, TCP]), log_alone=True),
]


def play_all():
    with Street() as street:
        street.earn_good_names([one.address for one in BROWSERS])
        acts = {one.address: one.play(street) for one in BROWSERS}
        for one in BROWSERS:
            if one.visits > 1:
                time.sleep(max(0, acts[one.address]["ended"] + 70 - time.time()))  # a ban of a minute has ended
                problem = acts[one.address]["problem"]
                acts[one.address] = one.play(street)
                acts[one.address]["problem"] = problem or acts[one.address]["problem"]
    return list(acts.values())
