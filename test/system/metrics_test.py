#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daemon tells of itself, read by a real Prometheus and by clients that mean no good.

  metrics_test.py PATH/TO/coturn-guard [NAME...]     all cases, or those whose function name contains a NAME

PROMETHEUS names the directory of Debian's prometheus, promtool and prometheus-node-exporter (default: the installed ones).
Each case runs in network, mount and process namespaces of its own (root needed; the host is not touched). Prints TAP.
"""
import http.client, json, os, random, re, signal, socket, subprocess, sys, threading, time, urllib.parse, urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from coturn_world import NET_ADMIN_ALONE, TREE, banned, eventually, members, ok, run_cases, sh

TOOLS = os.environ.get("PROMETHEUS", "/usr/bin")
PROMTOOL = TOOLS + "/promtool"
PORT, OPEN = 9105, "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
RESET = "22: : ERROR: session %018d: TCP socket error: Connection reset by peer %s:%d\n"
CASES = {}


def case(function):
    CASES[function.__name__] = function
    function.no_coturn = True
    return function


def write(world, lines):
    with open(world.log, "a") as log:
        log.write("".join(lines))


def offend(world, addresses):
    write(world, [RESET % (random.randrange(10 ** 17), address, port) for port in (1001, 1002, 1003) for address in addresses])


def start(world, text="metrics: 127.0.0.1:%d\n" % PORT, **more):
    write(world, ["0: : INFO: log file opened: x\n"])
    os.chmod(world.log, 0o644)
    world.configure("source: file\nwitness: off\n" + text)
    guard = world.guard(**more)
    ok(guard.says("agent.started"), "the daemon runs", guard.text)
    return guard


def reload(world, guard, text):
    seen = len(re.findall("config.(reloaded|rejected)", guard.text))
    world.configure("source: file\nwitness: off\n" + text)
    guard.send(signal.SIGHUP)
    eventually(lambda: len(re.findall("config.(reloaded|rejected)", guard.text)) > seen)


def ask(path="/metrics", method="GET", accept=None, body=None, port=PORT):
    """-> (status, headers, text)"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, {"Accept": accept} if accept else {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def ask_socket(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(path)
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = b""
        while chunk := client.recv(65536):
            text += chunk
    return text.decode()


def listens(port=PORT):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def values(text):
    """{name{labels}: value} of either format; every line must be one that the format knows."""
    found = {}
    for line in text.splitlines():
        if re.match(r"# (HELP|TYPE|UNIT) [a-z_0-9]+ .+$|# EOF$", line):
            continue
        sample = re.match(r'([a-z_0-9]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) ([-+.e0-9]+|\+Inf|NaN)$', line)
        if not sample or sample[1] in found:
            raise AssertionError("no metric, or one that stands twice: " + line)
        found[sample[1]] = float(sample[2])
    return found


def families(text):
    """{family: (type, unit)} of OpenMetrics."""
    units = dict(re.findall(r"^# UNIT (\S+) (\S+)$", text, re.M))
    return {name: (kind, units.get(name)) for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)}


SUFFIXES = {"counter": ("_total",), "info": ("_info",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def sample_names(text):
    return {name + suffix for name, (kind, _) in families(text).items() for suffix in SUFFIXES[kind]}


def lint(text):
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout + ("" if done.returncode == 0 else "exit %d" % done.returncode)


def expressions():
    """Every expression that we ship, with where it stands."""
    with open(TREE + "/examples/grafana/coturn-guard.json") as file:
        dashboard = json.load(file)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield "variable " + variable["name"], re.match(r"label_values\((\w+), \w+\)", variable["query"]["query"])[1]
    with open(TREE + "/examples/prometheus/coturn-guard.rules.yml") as file:
        for kind, name, expression in re.findall(r"- (record|alert): (\S+)\n +expr: (.*)\n", file.read()):
            yield kind + " " + name, expression


class Prometheus:
    def __init__(self, world):
        with open(TREE + "/examples/prometheus/scrape.yml") as shipped:
            text = shipped.read()
        assert "15s" in text
        with open(world.place + "/prometheus.yml", "w") as file:
            file.write(text.replace("scrape_interval: 15s", "scrape_interval: 1s") + "global: {evaluation_interval: 1s}\n")
        sh("cp %s/examples/prometheus/coturn-guard.rules.yml %s/" % (TREE, world.place))
        checked = subprocess.run([PROMTOOL, "check", "config", world.place + "/prometheus.yml"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        ok(checked.returncode == 0, "promtool takes the shipped scrape.yml with the rules", checked.stdout)
        self.log = open(world.place + "/prometheus.log", "w+")
        self.process = subprocess.Popen([TOOLS + "/prometheus", "--config.file", world.place + "/prometheus.yml", "--storage.tsdb.path",
                                         world.place + "/tsdb", "--web.listen-address", "127.0.0.1:9090"], stdout=self.log, stderr=self.log)

    def get(self, what, **parameters):
        url = "http://127.0.0.1:9090/api/v1/%s?%s" % (what, urllib.parse.urlencode(parameters))
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except (OSError, ValueError) as error:  # it says 503 in plain text until it is ready
            return {"status": "error", "error": "%s: %s" % (error, error.read() if hasattr(error, "read") else "")}

    def value(self, expression):
        """The one value that the expression has, or None."""
        result = self.get("query", query=expression).get("data", {}).get("result", [])
        return float(result[0]["value"][1]) if len(result) == 1 else None


@case
def a_real_prometheus(world):
    guard = start(world)
    prometheus = Prometheus(world)
    ok(eventually(lambda: prometheus.value('up{job="coturn-guard"}') == 1, 30), "Prometheus scrapes the daemon", prometheus.get("targets"))
    offenders = ["198.18.0.%d" % host for host in range(1, 101)]
    skipped = os.path.getsize(world.log)  # what stood there before the daemon came
    offend(world, offenders[:50])
    time.sleep(2.5)
    offend(world, offenders[50:])
    ok(eventually(lambda: all(map(banned, offenders)), 10), "a hundred offenders are banned", guard.text)
    write(world, ["this is no line of coturn's\n"] * 7 + ["x" * 100_000 + "\n"])  # whatever stands behind it is tainted
    expected = {"sum(coturn_guard_offences_total)": 300, 'coturn_guard_offences_total{rule="connection-reset", evidence="claimed"}': 300,
                "coturn_guard_bans": 100, "coturn_guard_enforced_bans_total": 100, "sum(coturn_guard_verdicts_total)": 100,
                "coturn_guard_line_to_kernel_seconds_count": 100, "coturn_guard_ban_duration_seconds_sum": 6000,
                "coturn_guard_unrecognised_lines_total": 7, "coturn_guard_source_overlong_lines_total": 1,
                "coturn_guard_source_lag_bytes": 0, "coturn_guard_source_lag_seconds": 0, "coturn_guard_enforcer_healthy": 1,
                "coturn_guard_source_read_bytes_total": os.path.getsize(world.log) - skipped}
    for expression, value in expected.items():
        ok(eventually(lambda: prometheus.value(expression) == value, 8), "Prometheus counts what happened: %s is %d" % (expression, value),
           prometheus.value(expression))
    slowest = prometheus.value("histogram_quantile(1, coturn_guard_line_to_kernel_seconds_bucket)")
    ok(slowest is not None and slowest <= 1, "the slowest ban was in the kernel within a second", slowest)
    target = prometheus.get("targets")["data"]["activeTargets"][0]
    ok(target["health"] == "up" and not target["lastError"], "no scrape failed", target)
    told = ask(accept=OPEN)[2]
    metadata = prometheus.get("metadata")["data"]
    wrong = {name: (kind, unit, metadata.get(name)) for name, (kind, unit) in families(told).items()
             if not metadata.get(name) or metadata[name][0]["type"] != kind or (metadata[name][0]["unit"] or None) != unit}
    ok(not wrong, "it knows type and unit of all %d families, as OpenMetrics tells them" % len(families(told)), wrong)
    stored = set(prometheus.get("label/__name__/values")["data"])
    missing = {re.match("[a-z_0-9]+", name)[0] for name in values(told)} - stored
    ok(not missing, "it stored every metric", missing)
    ok(eventually(lambda: prometheus.value("count(instance:coturn_guard_offences:rate5m)") == 1, 10), "the recorded rates are there")
    known = sample_names(told) | {"up"}
    recorded = set(re.findall(r"record: (\S+)", open(TREE + "/examples/prometheus/coturn-guard.rules.yml").read()))
    count, refused, unknown = 0, [], []
    for where, expression in expressions():
        count += 1
        answer = prometheus.get("query", query=expression)
        refused += [(where, expression, answer)] if answer["status"] != "success" else []
        bare = re.sub(r'"[^"]*"', "", expression)
        used = set(re.findall(r"[a-z_:0-9]*(?:coturn_guard|process)_[a-z_:0-9]+|\bup\b", bare))
        unknown += [(where, used - known - recorded)] if not used or used - known - recorded else []
    ok(count > 50 and not refused, "Prometheus can evaluate all %d expressions of dashboard and rules" % count, refused)
    ok(not unknown, "and each names metrics that there are, and no others", unknown)
    firing = [alert["labels"]["alertname"] for alert in prometheus.get("alerts")["data"]["alerts"] if alert["state"] == "firing"]
    ok(not firing, "a guard that is well raises no alert", firing)
    shown = {where for where, expression in expressions() if prometheus.get("query", query=expression)["data"]["result"]}
    main = {"Bans that stand", "Bans today", "Sets and rule", "Offences by rule", "Bans by rule", "Line to kernel", "Lines a second", "Tables", "Memory"}
    ok(main <= shown, "the dashboard's main panels show something", main - shown)
    prometheus.process.terminate()


@case
def the_rules(world):
    checked = sh([PROMTOOL, "check", "rules", TREE + "/examples/prometheus/coturn-guard.rules.yml"], check=False)
    ok("SUCCESS" in checked, "promtool takes the rules", checked)
    tested = subprocess.run([PROMTOOL, "test", "rules", TREE + "/test/system/metrics_rules_test.yml"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ok(tested.returncode == 0, "each alert comes when it should, and none where all is well", tested.stdout)


@case
def two_formats(world):
    start(world)
    status, headers, text = ask()
    ok(status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", "who asks for nothing special gets the text format", headers)
    ok(lint(text) == "", "promtool check metrics has nothing to say about it", lint(text))
    status, headers, told = ask(accept=OPEN)
    ok(status == 200 and headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8", "who asks for OpenMetrics gets it", headers)
    ok(told.endswith("\n# EOF\n") and told.count("# EOF") == 1, "which ends with # EOF")
    ok(len(values(told)) > 300 and set(values(told)) == set(values(text)), "both hold the same samples, each once, %d of them" % len(values(told)),
       set(values(told)) ^ set(values(text)))
    listed = re.findall(r"^\.It Sy (\S+)", open(TREE + "/packaging/man/coturn-guard-metrics.7").read(), re.M)
    named = {name + (suffix if kind != "histogram" else "") for name, (kind, _) in families(told).items() for suffix in SUFFIXES[kind][:1]}
    ok(set(listed) == named, "the manual page lists all %d metrics and no others" % len(named), set(listed) ^ named)
    usage = values(text)
    ok(usage["process_resident_memory_bytes"] > 1e6 and usage["process_open_fds"] > 5 and abs(usage["process_start_time_seconds"] - time.time()) < 60
       and usage["process_cpu_seconds_total"] > 0, "memory, descriptors, processor and start are told", usage)


@case
def http_as_it_should_be(world):
    start(world)
    status, headers, text = ask(method="HEAD")
    ok(status == 200 and int(headers["Content-Length"]) > 10_000 and text == "", "HEAD has a length and no text", (status, headers))
    for path in ("/", "/metrics/", "/metricsx", "/..%2fetc", "*"):
        ok(ask(path)[0] == 404, "%s is not found" % path)
    ok(ask("/metrics?a=b")[0] == 200, "what stands behind a question mark is nobody's business")
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        status, headers, _ = ask(method=method, body="x=1" if method in ("POST", "PUT") else None)
        ok(status == 405 and headers["Allow"] == "GET, HEAD", "%s is not allowed" % method, (status, headers))
    clients = "coturn_guard_metrics_accepted_clients_total"
    time.sleep(0.3)  # no text is handed out again that is older
    before = values(ask()[2])[clients]
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    for _ in range(5):
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        answer.read()
    time.sleep(0.3)
    ok(values(ask()[2])[clients] == before + 2, "one connection serves many requests")
    connection.close()

    def raw(sent):
        with socket.create_connection(("127.0.0.1", PORT), 10) as client:
            client.sendall(sent)
            said = b""
            try:
                while chunk := client.recv(65536):
                    said += chunk
            except ConnectionResetError:
                pass
            return said.split(b"\r\n")[0].decode()
    ok(raw(b"GET /metrics HTTP/1.0\r\n\r\n") == "HTTP/1.0 200 OK", "HTTP/1.0 is answered, and the connection ends")
    ok(" 400 " in raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 50 + b"\r\n\r\n"), "TLS is a bad request")
    ok(" 400 " in raw(b"GET /metrics HTTP/9.9\r\n\r\n"), "so is another version of HTTP")
    ok(" 431 " in raw(b"GET /metrics HTTP/1.1\r\nx: " + b"y" * 20_000 + b"\r\n\r\n"), "too long a header is told as such")
    ok(" 405 " in raw(b"POST /metrics HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n" + b"z" * 1000), "nobody waits for a body")
    pipelined = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", PORT), 10) as client:
        client.sendall(pipelined)
        said = b""
        while chunk := client.recv(65536):
            said += chunk
    ok(said.count(b"HTTP/1.1 200 OK") == 3 and said.count(b"HTTP/1.1 404") == 1, "requests sent at once are answered in turn")


@case
def hostile_clients_delay_no_ban(world):
    guard = start(world)
    descriptors = values(ask()[2])["process_open_fds"]
    hosts = iter(range(1, 250))

    def time_of_a_ban():
        address = "198.18.0.%d" % next(hosts)
        offend(world, [address])
        begun = time.monotonic()
        while not banned(address):
            if time.monotonic() - begun > 5:
                return 5
        return time.monotonic() - begun

    calm = sorted(time_of_a_ban() for _ in range(20))
    over, held, asked = threading.Event(), [], [0, 0]

    def connect():
        client = socket.socket()
        client.settimeout(1)
        client.connect(("127.0.0.1", PORT))
        return client

    def each(play):
        def run():
            while not over.is_set():
                try:
                    play()
                except OSError:
                    pass
        return run

    def hold():
        held.append(connect())
        if len(held) > 1000:
            held.pop(0).close()

    def trickle():
        client = connect()
        for byte in b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 5000:
            client.send(bytes([byte]))
            if over.wait(0.05):
                break

    def garbage():
        client = connect()
        for _ in range(100):
            client.send(random.randbytes(4096))

    def never_read():
        client = connect()
        while not over.is_set():
            client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100)

    def hurry():
        client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
        while not over.is_set():
            client.request("GET", "/metrics")
            client.getresponse().read()

    threads = [threading.Thread(target=each(play), daemon=True) for play in (hold, hold, trickle, trickle, garbage, never_read, never_read, hurry)]
    for thread in threads:
        thread.start()
    ok(eventually(lambda: len(held) >= 1000, 60), "a thousand connections are held, others trickle, send garbage, never read", len(held))
    stormy = sorted(time_of_a_ban() for _ in range(40))
    for _ in range(20):
        asked[0] += 1
        try:
            asked[1] += ask()[0] == 200
        except OSError:
            pass
    text = ask_until_told()
    over.set()
    print("# a ban takes %.0f ms in the middle, %.0f at worst; among hostile clients %.0f and %.0f" %
          (calm[10] * 1000, calm[-1] * 1000, stormy[20] * 1000, stormy[-1] * 1000))
    ok(stormy[-1] < 1, "each ban among them takes less than a second", stormy)
    ok(stormy[20] < calm[10] + 0.1, "and half of them hardly longer than without them", (calm, stormy))
    ok(asked[1] >= 15, "who asks politely is answered meanwhile, %d times of %d" % (asked[1], asked[0]))
    told = values(text)
    ok(told["process_open_fds"] <= descriptors + 20, "descriptors are bounded", told["process_open_fds"])
    ok(told["coturn_guard_metrics_clients"] <= 16 and told["coturn_guard_metrics_displaced_clients_total"] > 500, "at most 16 clients are kept, older ones make room")
    ok(told["coturn_guard_metrics_collections_total"] < 10 * (told["process_cpu_seconds_total"] + 120), "and collecting is bounded, however many ask")
    for client in held:
        client.close()
    for thread in threads:
        thread.join(5)
    time.sleep(1)
    ok(ask()[0] == 200 and guard.alive(), "afterwards all is as before", guard.text)


def ask_until_told():
    for _ in range(50):
        try:
            status, _, text = ask()
            if status == 200:
                return text
        except OSError:
            pass
    raise AssertionError("nobody answers")


@case
def slow_clients_are_left(world):
    start(world)
    client = socket.create_connection(("127.0.0.1", PORT), 10)
    begun = time.monotonic()
    ok(client.recv(1) == b"" and 3 < time.monotonic() - begun < 9, "who says nothing is left after five seconds", time.monotonic() - begun)
    ok(values(ask()[2])["coturn_guard_metrics_timed_out_clients_total"] == 1, "and is counted")


@case
def a_reload_moves_them(world):
    guard = start(world, "")
    ok(not listens() and not os.path.exists("/run/m.sock"), "by default nobody listens")
    reload(world, guard, "metrics: 127.0.0.1:%d\n" % PORT)
    ok(ask()[0] == 200 and guard.says("metrics.served .*127.0.0.1:%d" % PORT), "a reload opens them", guard.text)
    reload(world, guard, "metrics: \"[::1]:9106\"\nmetrics_file: %s/log/a.prom\n" % world.place)
    ok(not listens(), "another one closes the old address")
    with socket.create_connection(("::1", 9106), 5):
        ok(True, "and opens the new one, of IPv6")
    ok(eventually(lambda: os.path.exists(world.place + "/log/a.prom")), "the file is written within a second")
    text = open(world.place + "/log/a.prom").read()
    ok(lint(text) == "" and "# EOF" not in text, "promtool has nothing to say about it", lint(text))
    ok(os.stat(world.place + "/log/a.prom").st_mode & 0o7777 == 0o644, "everybody may read it")
    reload(world, guard, "metrics: unix:/run/m.sock\nmetrics_file: %s/log/b.prom\n" % world.place)
    ok(values(ask_socket("/run/m.sock").split("\r\n\r\n")[1])["coturn_guard_reloads_total{result=\"applied\"}"] == 3, "a socket serves them as well")
    ok(os.stat("/run/m.sock").st_mode & 0o777 == 0o666, "to everybody on this machine, as a port would")
    ok(eventually(lambda: os.path.exists(world.place + "/log/b.prom")) and not os.path.exists(world.place + "/log/a.prom"), "the file moves, too")
    reload(world, guard, "metrics: 0.0.0.0:%d\n" % PORT)
    ok(guard.says("config.rejected .*neither a password nor encryption"), "an address that others reach is refused, with the reason", guard.text)
    ok("coturn_guard_bans" in ask_socket("/run/m.sock"), "and the old configuration stays")
    taken = socket.create_server(("127.0.0.1", 9107))
    reload(world, guard, "metrics: 127.0.0.1:9107\n")
    ok(guard.says("error: metrics.failed .*another program listens there"), "a port that is taken is an error in the journal", guard.text)
    offend(world, ["198.18.0.7"])
    ok(eventually(lambda: banned("198.18.0.7")), "and the guard goes on guarding")
    taken.close()
    open("/run/file", "w").write("precious")
    reload(world, guard, "metrics: unix:/run/file\n")
    ok(guard.says("metrics.failed .*no socket") and open("/run/file").read() == "precious", "a file that is no socket stays", guard.text)
    reload(world, guard, "metrics: unix:/run/m.sock\nmetrics_file: /nonexistent/x.prom\n")
    ok(guard.says("metrics.failed .*/nonexistent/x.prom"), "a file that cannot be written is told", guard.text)
    time.sleep(1.5)
    ok(len(re.findall("metrics.failed .*/nonexistent", guard.text)) == 1, "once")
    guard.process.kill()
    guard.wait()
    ok(os.path.exists("/run/m.sock"), "who is killed leaves his socket")
    again = start(world, "metrics: unix:/run/m.sock\nmetrics_file: %s/log/b.prom\n" % world.place)
    ok("coturn_guard_bans 1\n" in ask_socket("/run/m.sock"), "and the next one replaces it", again.text)
    other = os.path.join(world.place, "other")
    world.configure("source: file\nwitness: off\nmetrics: unix:/run/m.sock\n", place=other)
    second = world.guard("--dry-run", place=other)
    ok(second.says("metrics.failed .*another program listens"), "a second one does not take it away from the first", second.text)
    second.stop()
    ok("coturn_guard_bans" in ask_socket("/run/m.sock"), "which still has it")
    ok(eventually(lambda: os.path.exists(world.place + "/log/b.prom")), "its file stands")
    ok(again.stop() == 0 and not os.path.exists("/run/m.sock") and not os.path.exists(world.place + "/log/b.prom"), "who is stopped leaves neither socket nor file", again.text)


@case
def a_service_without_tcp(world):
    os.chmod("/run", 0o777)
    before = [*NET_ADMIN_ALONE, sys.executable, TREE + "/test/support/without_inet.py"]
    guard = start(world, before=before)
    ok(guard.says("metrics.failed .*dropins/metrics.conf"), "where the service may not use TCP the error names the drop-in", guard.text)
    with open(TREE + "/packaging/dropins/metrics.conf") as file:
        drop_in = file.read()
    ok("RestrictAddressFamilies=AF_INET AF_INET6" in drop_in and "IPAddressAllow=localhost" in drop_in, "which lifts just that")
    offend(world, ["198.18.0.9"])
    ok(eventually(lambda: banned("198.18.0.9")), "bans go on", guard.text)
    reload(world, guard, "metrics: unix:/run/m.sock\nmetrics_file: /run/x.prom\n")
    ok("coturn_guard_bans 1\n" in ask_socket("/run/m.sock"), "and a socket needs no drop-in", guard.text)
    os.mkdir(world.place + "/collector")
    os.symlink("/run/x.prom", world.place + "/collector/coturn-guard.prom")
    ok(eventually(lambda: os.path.exists("/run/x.prom")), "nor does the file")
    node = subprocess.Popen([TOOLS + "/prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile", "--web.listen-address=127.0.0.1:9100",
                             "--collector.textfile.directory=" + world.place + "/collector"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ok(eventually(lambda: listens(9100), 20), "node_exporter runs")
    text = ask(port=9100)[2]
    ok("\ncoturn_guard_bans 1\n" in text and "node_textfile_scrape_error 0\n" in text, "and reads it through a link", text[:2000])
    node.terminate()


if __name__ == "__main__":
    run_cases(CASES, __file__, __doc__, 240)
