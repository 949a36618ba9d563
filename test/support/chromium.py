# SPDX-License-Identifier: GPL-3.0-or-later
"""A page as a headless Chromium shows it: its DOM, what it asked of the network, what the console says, a picture.

Speaks the DevTools protocol over a pipe (--remote-debugging-pipe: JSON messages that end with NUL, descriptors 3 and 4). The
browser is told to fetch nothing of its own; run it in a namespace without a network all the same. Bounded: each answer is
waited for 60 s.
"""
import base64, json, os, select, subprocess, tempfile, time

PATIENCE_SECONDS = 60
# The sandbox wants user namespaces that root in a namespace of ours may not have; the page is our own.
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
           "--remote-debugging-pipe", "--hide-scrollbars")


class Chromium:
    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()

        def as_three_and_four():
            first, second = os.dup(to_browser), os.dup(from_browser)  # neither may be 3 or 4 when the other goes there
            low = [os.dup(first), os.dup(second)]
            os.dup2(low[0], 3)
            os.dup2(low[1], 4)

        self.process = subprocess.Popen(["chromium", *OPTIONS, "--user-data-dir=" + self.profile.name, "about:blank"],
                                        preexec_fn=as_three_and_four, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "HOME": self.profile.name})
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.number, self.session = b"", 0, None
        self.requests, self.console = [], []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(domain + ".enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.write_end)
        os.close(self.read_end)

    def message(self, until):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read_end], [], [], max(0, until - time.monotonic()))
            chunk = os.read(self.read_end, 1 << 20) if ready else b""
            if not chunk:
                raise AssertionError("chromium is silent or gone (status %s)" % self.process.poll())
            self.buffer += chunk
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def note(self, message):
        method, of = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(of["request"]["url"])
        elif method == "Log.entryAdded":
            self.console.append(of["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.console.append(str(of["args"]))
        elif method == "Runtime.exceptionThrown":
            self.console.append(str(of["exceptionDetails"]))

    def ask(self, method, **params):
        self.number += 1
        call = {"id": self.number, "method": method, "params": params}
        if self.session:
            call["sessionId"] = self.session
        os.write(self.write_end, json.dumps(call).encode() + b"\0")
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            message = self.message(until)
            if message.get("id") == self.number:
                if "error" in message:
                    raise AssertionError("%s: %s" % (method, message["error"]))
                return message["result"]
            self.note(message)

    def open(self, path, width, dark=False, height=900):
        """Loads a local file in a window so wide."""
        self.requests, self.console = [], []
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.ask("Page.navigate", url="file://" + os.path.abspath(path))
        end = time.monotonic() + PATIENCE_SECONDS
        while self.value("document.readyState") != "complete" or self.value("location.protocol") != "file:":
            if time.monotonic() > end:
                raise AssertionError("the page is not loaded in time")
            time.sleep(0.05)

    def value(self, expression):
        """What the expression is in the page, as JSON would carry it."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError("%s: %s" % (expression, answer["exceptionDetails"]))
        return answer["result"].get("value")

    def picture(self, path):
        """Of the whole page, as PNG."""
        answer = self.ask("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))
