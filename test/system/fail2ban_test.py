#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`fail2ban_test.py COTURN-GUARD`: import-fail2ban beside Debian's own fail2ban.

What a jail says is asked of fail2ban's own reader (its Python modules) and of ours, over the same directories; whom it has
banned is asked of a real fail2ban that follows a log and bans by iptables in a network namespace of its own. Needs root and
the package fail2ban, stopped or not: the machine's own is not touched. Debian's Python, because fail2ban's modules are
its packages. Prints TAP.
"""
import argparse, datetime, importlib.machinery, importlib.util, json, logging, os, pathlib, re, shutil, signal, sqlite3, subprocess, sys, tempfile, threading, time

sys.dont_write_bytecode = True
from fail2ban.client.jailsreader import JailsReader
from fail2ban.server.mytime import MyTime

logging.disable(logging.CRITICAL)
GUARD = os.path.abspath(sys.argv[1])
IMPORT = str(pathlib.Path(__file__).resolve().parents[2] / "packaging/import-fail2ban")  # what that verb runs
scratch = pathlib.Path(tempfile.mkdtemp(prefix="fail2ban-test-"))
number = failures = 0

RECIPE = r"""
[coturn]
backend = auto
enabled = true
port = 5349
protocol = tcp
filter =
failregex = ^\s*\d+: : ERROR: session \w+: [A-Z/]+ socket error: Connection reset by peer <ADDR>:\d+
datepattern = {NONE}
logpath = /var/log/coturn/coturn.log
bantime = 1m
bantime.increment = true
bantime.maxtime = 5w
maxretry = 3
findtime = 1h
"""
ON = "[coturn]\nenabled = true\nlogpath = /x.log\n"


def check(good, sentence, detail=""):
    global number, failures
    number += 1
    print("%s %d - %s" % ("ok" if good else "not ok", number, sentence), flush=True)
    if not good:
        failures += 1
        print("\n".join("#   " + line for line in str(detail).splitlines()[:40]), flush=True)


def configuration(name, files, stock=True):
    directory = scratch / name
    if stock:  # Debian's own, without what this machine's operator added
        shutil.copytree("/etc/fail2ban", directory)
        for added in [*directory.glob("*.local"), *directory.glob("*.d/*.local"), *directory.glob("jail.d/*")]:
            added.unlink()
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(directory)


def guard(*arguments, timeout=60):
    program = [IMPORT, *arguments[1:]] if arguments[0] == "import-fail2ban" else [GUARD, *arguments]
    return subprocess.run(program, capture_output=True, text=True, timeout=timeout, check=False, env={**os.environ, "COTURN_GUARD": GUARD})


def imported(directory, *arguments):
    done = guard("import-fail2ban", "--config-dir", directory, "--json", *arguments)
    return json.loads(done.stdout) if done.stdout else done


def theirs(directory, jail="coturn"):
    """The options of fail2ban's own reader, or the exception with which it refuses."""
    reader = JailsReader(basedir=directory, share_config={})
    reader.read()
    reader.getOptions()
    return {one.getName(): one.options for one in reader.jails}.get(jail)


def as_text(value, ours):
    if isinstance(value, bool):
        return "yes" if value else "no", "yes" if ours.lower() in ("1", "on", "true", "yes") else "no"
    return str(value), ours


# ---- what a jail says

JAILS = {
    "the recipe in jail.local": {"jail.local": RECIPE},
    "the recipe in jail.d": {"jail.d/coturn.conf": RECIPE},
    "everything by default": {"jail.local": "[coturn]\nenabled = true\n", "filter.d/coturn.conf": "[Definition]\nfailregex = x <HOST>\n"},
    "defaults of jail.local": {"jail.local": "[DEFAULT]\nbantime = 3h\nignoreip = 127.0.0.1/8 10.0.0.0/8\n  192.0.2.1\n" + ON + "filter =\n"},
    "four files, one after the other": {
        "jail.d/10-a.conf": "[coturn]\nmaxretry = 1\nfindtime = 1m\nbantime = 1m\nport = 1\n", "jail.d/20-b.conf": "[coturn]\nfindtime = 2m\nbantime = 2m\nport = 2\n",
        "jail.local": ON + "filter =\nbantime = 3m\nport = 3\n", "jail.d/05-c.local": "[coturn]\nport = 4\n"},
    "includes before, after and .local": {
        "jail.local": "[INCLUDES]\nbefore = my/a.conf\nafter = my/c.conf\n" + ON + "filter =\nmaxretry = %(tries)s\nbantime = 1m\n",
        "my/a.conf": "[INCLUDES]\nbefore = b.conf\n[DEFAULT]\ntries = 8\n", "my/b.conf": "[DEFAULT]\ntries = 9\nfindtime = 77\n",
        "my/a.local": "[DEFAULT]\ntries = 4\n", "my/c.conf": "[coturn]\nbantime = 9m\n"},
    "an include that is missing": {"jail.local": "[INCLUDES]\nbefore = gone.conf\n" + ON + "filter =\n"},
    "includes in a circle": {
        "jail.local": "[INCLUDES]\nbefore = a.conf\n" + ON + "filter =\nmaxretry = 2\n", "a.conf": "[INCLUDES]\nafter = b.conf\n[coturn]\nfindtime = 5\n",
        "b.conf": "[INCLUDES]\nbefore = a.conf\nafter = jail.local\n[coturn]\nfindtime = 6\nmaxretry = 6\n"},
    "references": {
        "jail.local": "[DEFAULT]\nlogs = /var/log\n[base]\nfindtime = 4%(unit)s\nbantime = 1h\n[coturn]\nenabled = yes\nfilter =\nunit = h\n"
                      "logpath = %(logs)s/%(__name__)s/a.log\n  %(logs)s/b%%.log\nfindtime = %(base/findtime)s\nbantime = %(default/bantime)s\n"
                      "maxretry = %(base/maxretry)s\nignoreip = %(known/ignoreip)s\n", "jail.d/a.conf": "[coturn]\nignoreip = 192.0.2.9\n"},
    "known of known": {"jail.conf.d": "", "jail.d/a.conf": "[coturn]\nignoreip = 192.0.2.1\n", "jail.d/b.conf": "[coturn]\nignoreip = %(known/ignoreip)s 192.0.2.2\n",
                       "jail.local": ON + "filter =\nignoreip = 192.0.2.3\n"},
    "a filter's own words": {
        "jail.local": ON + "filter = mine[mode=hard]\nfailregex = %(known/failregex)s\n  ^two <HOST>$\n",
        "filter.d/mine.conf": "[INCLUDES]\nbefore = common.conf\n[DEFAULT]\nhead = ^one\n[Definition]\nfailregex = %(head)s <HOST>$\nignoreregex =\n"},
    "blanks, comments and continued lines": {
        "jail.local": "# x\n[coturn] ; c\n enabled = TRUE ; why not\n ; more\n filter =\n logpath = /a\n\n   # no\n   /b ; no\n bantime: 5m;6\n maxretry = 4 # 5\n".replace("maxretry = 4 # 5", "maxretry = 4")},
    "carriage returns": {"jail.local": (ON + "filter =\nbantime = 1h\nport = 443\n").replace("\n", "\r\n")},
    "the journal": {"jail.local": "[coturn]\nenabled = 1\nfilter =\nbackend = systemd\njournalmatch = _SYSTEMD_UNIT=coturn.service\nfailregex = x <HOST>\n"},
    "a file that is no text": {"jail.local": ON + "filter =\n", "jail.d/a.conf": b"[coturn]\nport = \xff\xfe\n"},
    "actions with options": {
        "jail.local": ON + "filter =\nport = 3478,5349\nprotocol = udp\nbanaction = nftables-multiport\naction = %(action_mw)s\n   iptables-allports[name=\"a, b\"]\n"},
    "a ladder with everything": {
        "jail.local": ON + "filter =\nbantime = 1d12h\nbantime.increment = on\nbantime.factor = 2\nbantime.multipliers = 1 2 4\nbantime.maxtime = 4w\n"
                           "bantime.rndtime = 30m\nbantime.overalljails = false\nbantime.formula = ban.Time * 2 %% 7\n"},
}
# fail2ban starts with none of these; a part of what we say.
BROKEN = {
    "a section that stands twice": ({"jail.local": ON + ON}, r"jail\.local:4: section 'coturn' already exists"),
    "an option that stands twice": ({"jail.local": ON + "port = 1\nport = 2\n"}, r"jail\.local:5: option 'port' in section 'coturn' already exists"),
    "a line that is nothing, in two files": ({"jail.local": ON + "what\n", "jail.d/a.conf": "[x]\nnothing\n"}, r"jail\.d/a\.conf:2: 'nothing' is neither"),
    "an option before any section": ({"jail.local": "port = 1\n"}, r"jail\.local:1: nothing may stand before"),
    "a reference to nothing": ({"jail.local": ON + "filter =\nbantime = %(gone)s\n"}, r"jail\.local:5: .*'gone' which is not a valid option name"),
    "a reference to itself": ({"jail.local": ON + "filter =\nbantime = %(bantime)s\n"}, r"jail\.local:5: Recursion limit exceeded"),
    "a percent sign": ({"jail.local": ON + "filter =\nusedns = 5%\n"}, r"jail\.local:5: '%' must be followed by"),
    "a reference in the second line of a value": ({"jail.local": ON + "  /b\n  %(open\nfilter =\n"}, r"jail\.local:3: bad interpolation variable reference '%\(open'"),
    "a broken file that is included": ({"jail.local": "[INCLUDES]\nbefore = a.conf\n" + ON, "a.conf": "[x]\n[x]\n"}, r"a\.conf:2: section 'x' already exists"),
}


def compare_values():
    for name, files in JAILS.items():
        directory = configuration(name.replace(" ", "-"), files)
        want, got = theirs(directory), imported(directory)
        if want is None or not isinstance(got, dict):
            check(False, name, (want, got))
            continue
        differences = []
        for option, value in want.items():
            if value is None or option == "config-error":
                continue
            ours = got["values"].get(option, {}).get("value")
            if ours is None:
                if value not in ("", False):
                    differences.append("%s: fail2ban %r, we have none" % (option, value))
            elif len(set(as_text(value, ours))) == 2:
                differences.append("%s: fail2ban %r, we %r" % (option, value, ours))
        extra = [o for o in got["values"] if o not in want and o not in ("port", "protocol", "banaction", "unit")]
        check(not differences and not extra and len(want) > 8, "fail2ban and we read alike: " + name, "\n".join(differences + extra))


def compare_places():
    directory = configuration("places", JAILS["four files, one after the other"])
    where = {o: v["where"] for o, v in imported(directory)["values"].items()}
    right = {"maxretry": "jail.d/10-a.conf:2", "findtime": "jail.d/20-b.conf:2", "bantime": "jail.local:5", "port": "jail.d/05-c.local:2"}
    check(all(where[option] == "%s/%s" % (directory, place) for option, place in right.items()), "each value knows its file and line", where)


def refuse_broken():
    for name, (files, pattern) in BROKEN.items():
        directory = configuration("broken-" + name.replace(" ", "-"), files)
        try:
            theirs(directory)
            refused = False
        except Exception:
            refused = True
        done = guard("import-fail2ban", "--config-dir", directory)
        check(refused and done.returncode == 65 and not done.stdout and re.search(pattern, done.stderr), "fail2ban refuses, and so do we: " + name,
              (refused, done.returncode, done.stdout, done.stderr))


def compare_spans():
    wrong = []
    spans = ["600", "1h 30m", "1d12h", "1hour+30min", "1year-6mo", "6 months", "2*1h", "1.5h", "6/2h", "1W", "5 weeks", "1h 30", "90s", "2mon", "3hou", "1we 2da", "(1+1)*60",
             "1h-1m", "10 min", "7d 5", "1y", "2 yea", "0.5d"]
    for span in spans:
        directory = configuration("span-%d" % len(list(scratch.iterdir())), {"jail.conf": "[coturn]\nenabled = true\nfindtime = 10m\nfilter =\nbantime = %s\n" % span}, stock=False)
        got = imported(directory)
        told = [one["yaml"] for one in got["settings"] if one["option"] == "bantime"]
        seconds = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
        ours = sum(int(n) * seconds[u] for n, u in re.findall(r"(\d+)([wdhms])", told[0].split(": ")[1]))
        if ours != int(MyTime.str2seconds(span)):
            wrong.append("%s: fail2ban %s, we %s (%s)" % (span, MyTime.str2seconds(span), ours, told))
    check(not wrong, "%d spans of time are as long as in fail2ban" % len(spans), "\n".join(wrong))


def choosing():
    many = configuration("many", {"jail.local": ON + "[turn-tls]\nenabled = true\nlogpath = /y\n[turn-old]\nlogpath = /z\n"})
    done = guard("import-fail2ban", "--config-dir", many)
    check(done.returncode == 2 and not done.stdout and all("  %s" % jail in done.stderr for jail in ("coturn", "turn-tls", "turn-old, switched off")),
          "several jails are listed, and none is chosen", done)
    check(imported(many, "--jail", "turn-tls")["jail"] == "turn-tls", "--jail chooses")
    done = guard("import-fail2ban", "--config-dir", many, "--jail", "cotrun")
    check(done.returncode == 1 and "is [coturn] meant?" in done.stderr, "a jail that is not there is told, with the nearest name", done)
    done = guard("import-fail2ban", "--config-dir", configuration("none", {}))
    check(done.returncode == 1 and "name one by --jail" in done.stderr, "stock Debian has no jail for coturn", done)
    one = configuration("one-of-two", {"jail.local": ON + "[turn-old]\nlogpath = /z\n"})
    check(imported(one)["jail"] == "coturn", "of two jails the one that is switched on is meant")
    done = guard("import-fail2ban", "--config-dir", str(scratch / "nowhere"))
    check(done.returncode == 65 and "--config-dir" in done.stderr, "no fail2ban at all is told", done)
    missing = configuration("missing", JAILS["an include that is missing"])
    done = guard("import-fail2ban", "--config-dir", missing)
    check(done.returncode == 0 and re.search(r"jail\.local:2: includes \S+/gone\.conf, which is not there", done.stderr), "an include that is missing is told with its line", done.stderr)


def writing():
    directory = configuration("writing", {"jail.local": RECIPE.replace("maxretry = 3", "maxretry = 5") + "ignoreip = 192.0.2.9 x.example.org\nbantime.rndtime = 5m\n"})
    etc = scratch / "etc"
    (etc / "conf.d").mkdir(parents=True)
    rules = pathlib.Path(__file__).resolve().parents[2] / "rules/coturn.yaml"
    (etc / "coturn-guard.yaml").write_text("rules_file: %s\n" % rules)
    target = etc / "conf.d/50-fail2ban.yaml"
    arguments = ["import-fail2ban", "--config-dir", directory, "--output", str(target)]
    done = guard(*arguments)
    text = target.read_text() if target.exists() else ""
    check(done.returncode == 0 and not done.stdout and "maxretry: 5" in text and oct(target.stat().st_mode)[-3:] == "644", "--output writes a file", done)
    checked = guard("check-config", "--config", str(etc / "coturn-guard.yaml"))
    check(checked.returncode == 0, "and check-config is content with it", checked)
    check("# What has no equivalent here:" in text and "bantime.rndtime" in text and "bantime.rndtime" in done.stderr, "what is lost stands in the file and on standard error", text)
    check(re.search(r"^ignoreip:.*x\.example\.org", text, re.M), "a host name that is ignored there is ignored here", text)
    target.write_text("# mine\n")
    done = guard(*arguments)
    check(done.returncode == 1 and "--force" in done.stderr and target.read_text() == "# mine\n", "a file that is there stays", done)
    target.unlink()
    target.symlink_to(etc / "elsewhere")
    done = guard(*arguments)
    check(done.returncode == 1 and not (etc / "elsewhere").exists(), "so does a link to nowhere", done)
    done = guard(*arguments, "--force")
    check(done.returncode == 0 and not target.is_symlink() and "maxretry: 5" in target.read_text(), "--force replaces it", done)
    check(sorted(os.listdir(etc / "conf.d")) == ["50-fail2ban.yaml"], "nothing else is left behind", os.listdir(etc / "conf.d"))
    done = guard(*arguments[:-1], str(scratch / "no/such/place.yaml"))
    check(done.returncode == 1 and "place.yaml" in done.stderr, "a directory that is not there is told", done)
    command = re.search(r"^  (printf .*)$", guard(*arguments, "--force").stderr, re.M)[1]
    subprocess.run(command, shell=True, check=True)
    check(theirs(directory) is None, "after the command that it tells, fail2ban's reader finds the jail switched off")


# ---- what becomes of it

# A jail's text: what our configuration gets, what is lost (a part of the reason); "!key": no such key.
TRANSLATIONS = {
    "the recipe": (RECIPE.replace("[coturn]\n", "").replace("enabled = true\n", ""), {"bantime": "1m", "bantime_max": "5w", "maxretry": "3", "findtime": "1h", "log_file": "'/var/log/coturn/coturn.log'", "!ports": ""},
                   {"failregex": "explain"}),
    "a ladder that does not climb stays level": ("bantime = 30m\n", {"bantime": "30m", "bantime_max": "30m"}, {}),
    "a longest ban": ("bantime.increment = yes\nbantime = 10m\nbantime.maxtime = 1h\n", {"bantime": "10m", "bantime_max": "1h"}, {}),
    "a longest ban below the first": ("bantime.increment = yes\nbantime = 2h\nbantime.maxtime = 1h\n", {"bantime": "2h", "bantime_max": "2h"}, {}),
    "a longest ban that nobody can read": ("bantime.increment = yes\nbantime = 6w\nbantime.maxtime = a while\n", {"bantime": "6w", "bantime_max": "520w"}, {}),
    "a factor": ("bantime.increment = yes\nbantime = 10m\nbantime.factor = 1.5\n", {"bantime_factor": "1.5"}, {}),
    "a factor of nothing": ("bantime.increment = yes\nbantime.factor = 0\n", {"!bantime_factor": ""}, {"bantime.factor": "no number"}),
    "multipliers that double": ("bantime.increment = yes\nbantime = 1m\nbantime.multipliers = 1 2 4 8\n", {"bantime_max": "8m"}, {}),
    "multipliers and a longest ban": ("bantime.increment = yes\nbantime = 1m\nbantime.multipliers = 1 2 4 8\nbantime.maxtime = 5m\n", {"bantime_max": "5m"}, {}),
    "what the ladder cannot say": ("bantime.increment = true\nbantime.multipliers = 1 5 30\nbantime.rndtime = 5m\nbantime.overalljails = true\nbantime.formula = ban.Time * 3\n",
                                   {"bantime_max": "5h"}, {"bantime.multipliers": "", "bantime.rndtime": "", "bantime.overalljails": "", "!bantime.formula": ""}),
    "a formula of its own": ("bantime.increment = true\nbantime.formula = ban.Time * 3\n", {}, {"bantime.formula": "program"}),
    "fail2ban's own formula": ("bantime.increment = true\nbantime.formula = ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor\n", {}, {"!bantime.formula": ""}),
    "for ever": ("bantime = -1\n", {"bantime": "520w"}, {}),
    "what no file says": ("", {"findtime": "10m", "bantime": "10m", "maxretry": "3"}, {}),
    "values that nobody can read": ("findtime = soon\nbantime = 1q\nmaxretry = many\nbantime.increment = 1\n", {"!findtime": "", "!bantime": "", "!maxretry": ""},
                                    {"findtime": "", "bantime": "", "maxretry": ""}),
    "spans that are programs": ("findtime = exit()\nbantime = __import__('os')\nmaxretry = 0\n", {"!findtime": "", "!bantime": ""}, {"findtime": "", "bantime": "", "maxretry": "1 to 10000"}),
    "powers and brackets": ("findtime = 9**9**9\nbantime = %s1\n" % ("(" * 200), {"!findtime": "", "!bantime": ""}, {"findtime": "", "bantime": ""}),
    "addresses, networks, masks and names": (
        "ignoreip = 127.0.0.1/8 ::1, 192.0.2.0/255.255.255.0\n  2001:db8::/ffff:ffff::\n  home.example.org 0.0.0.0/0 no_name\nignoreself = false\nignorecommand = /bin/true <ip>\n",
        {"ignoreip": "['127.0.0.0/8', '::1', '192.0.2.0/24', '2001:db8::/32', 'home.example.org']"}, {"ignoreip": "0.0.0.0/0", "ignoreself": "", "ignorecommand": ""}),
    "logs and fail2ban's words behind them": ("logpath = /var/log/turn_*.log tail\n\t/var/log/it's.log\n  relative.log\n", {"log_file": "['/var/log/turn_*.log', '/var/log/it''s.log']"}, {"logpath": "relative.log"}),
    "the journal": ("backend = systemd[journalflags=1]\nlogpath = /x\njournalmatch = _SYSTEMD_UNIT=turn.service + _COMM=turnserver\n",
                    {"source": "journal", "journal_units": "'turn.service'", "!log_file": ""}, {"journalmatch": "_COMM=turnserver"}),
    "ports of ours": ("port = turns,3478:3479\n", {"!ports": ""}, {"!port": ""}),
    "ports beside ours": ("port = 443, 5349\n", {"ports": "[443, 3478-3479, 5349-5350]"}, {}),
    "all ports": ("port = 0:65535\n", {"ports": "all"}, {}),
    "all ports by the action": ("banaction = iptables-allports\naction = %(banaction)s[name=x]\n", {"ports": "all"}, {}),
    "ports of the action": ("port = 5349\naction = nftables[type=multiport, port=\"80-81\"]\n  sendmail[name=x]\n", {"ports": "[80-81, 3478-3479, 5349-5350]"}, {"action": "sendmail"}),
    "a port that is none": ("port = nowhere\n", {}, {"port": "nowhere"}),
    "actions that are no firewall": ("action = iptables-multiport[port=\"5349\"]\n  sendmail-whois[dest=a@b, sender=\"c, d]\"]\n  abuseipdb\n", {}, {"action": "sendmail-whois; abuseipdb"}),
    "a program that is called like a firewall": ("action = pfsense\n", {}, {"action": "pfsense"}),
    "hostile text": ("port = 443\nusedns = x\n  mode: observe\n  \x1b[2J\nmine = \x1b[2J\nlogpath = /a'b: # c\n", {"!mode": "", "log_file": "'/a''b: #'"}, {"mine": ""}),
}


def importer():
    """The program as a module, so that a jail takes no new process."""
    loader = importlib.machinery.SourceFileLoader("import_fail2ban", IMPORT)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("import_fail2ban", loader))
    sys.modules["import_fail2ban"] = module
    loader.exec_module(module)
    return module


def translations():
    module = importer()
    accepted = ["rules_file: %s\n" % (pathlib.Path(__file__).resolve().parents[2] / "rules/coturn.yaml")]
    for number, (name, (jail, keys, losses)) in enumerate(TRANSLATIONS.items()):
        directory = configuration("translation-%d" % number, {"jail.conf": "", "jail.local": "[coturn]\nenabled = true\n" + jail, "fail2ban.conf": "[Definition]\n"}, stock=False)
        found = module.Found(argparse.Namespace(config_dir=directory, jail="coturn", database=None))
        text = module.yaml_text(found.translation, directory)
        got = dict(line.split(": ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        lost = {}
        for told in found.translation.told:
            if told.outcome == "lost":
                lost[told.option] = lost.get(told.option, "") + told.reason
        wrong = [key for key, value in keys.items() if (key[1:] in got if key[0] == "!" else got.get(key) != value)]
        wrong += [option for option, part in losses.items() if (option[1:] in lost if option[0] == "!" else part not in lost.get(option, "\0"))]
        file = scratch / "accepted.yaml"
        file.write_text(accepted[0] + text)
        checked = guard("check-config", "--config", str(file))
        check(not wrong and checked.returncode == 0 and "\x1b" not in text, "translated: " + name, "%s\n%s\n%s\n%s" % (wrong, text, lost, checked.stderr))
    directory = configuration("purge", {"jail.conf": "[coturn]\nenabled = true\n", "fail2ban.conf": "[DEFAULT]\ndbpurgeage = 1d\n[Definition]\n"}, stock=False)
    text = lambda: module.yaml_text(module.Found(argparse.Namespace(config_dir=directory, jail=None, database=None)).translation, directory)
    check("\nforget_after" not in text(), "fail2ban's own memory of offenders is nobody's wish", text())
    (pathlib.Path(directory) / "fail2ban.local").write_text("[DEFAULT]\ndbpurgeage = 30d\n")
    check("\nforget_after: 4w2d\n" in text(), "what the operator wrote is taken", text())
    names = "return444 eturnal nginx-return my-turn turnserver coturn turns stun_turn_1 sturnal"
    check([name for name in names.split() if module.names_turn(name)] == ["my-turn", "turnserver", "coturn", "turns", "stun_turn_1"], "coturn's jails are known by their names")
    jails = configuration("which", {"jail.conf": "[DEFAULT]\nport = 3478\nfilter = %(__name__)s[mode=x]\n[sshd]\nport = ssh\n[a]\nport = 80,5349\n[b]\nlogpath = /var/log/turnserver/x.log\n[d]\nlogpath = %(gone)s\n"}, stock=False)
    files = module.read_files(jails, "jail")
    check([name for name in files.sections() if module.why_coturn(files, name)] == ["a", "b"], "and by their own ports and logs, not by defaults")


def switching_off():
    module = importer()
    on = "[coturn]\nenabled = true\n"

    def lines(name, files):
        directory = configuration("off-" + name, {"jail.conf": "", "fail2ban.conf": "", **files}, stock=False)
        return directory, module.switch_off(module.Found(argparse.Namespace(config_dir=directory, jail="coturn", database=None)).jail, directory)
    directory, said = lines("plain", {"jail.local": on})
    check(said[-1] == "  printf '[coturn]\\nenabled = false\\n' > %s/jail.d/coturn.local" % directory, "a jail is switched off in a file that counts last", said)
    for name, files, place in (("later", {"jail.d/zz.local": on}, "jail.d/zz.local:2"), ("same", {"jail.d/coturn.local": on}, "jail.d/coturn.local:2"),
                               ("there", {"jail.local": on, "jail.d/coturn.local": "[coturn]\nport = 1\n"}, "jail.local:2")):
        directory, said = lines(name, files)
        check("%s/%s" % (directory, place) in said[-1], "where that would not count, or replace something, the place is told: " + name, said)
    check(len(lines("already", {"jail.local": "[coturn]\n"})[1]) == 1, "one that is off already is left")


# ---- whom it has banned

class Server:
    def __init__(self, name, jail, global_conf=""):
        self.directory = configuration(name, {"jail.local": jail, "fail2ban.local": "[DEFAULT]\ndbfile = %s\nlogtarget = %s\n%s" % (
            scratch / (name + ".sqlite3"), scratch / (name + ".log"), global_conf)})
        self.database = str(scratch / (name + ".sqlite3"))
        self.client = ["fail2ban-client", "-c", self.directory, "-s", str(scratch / (name + ".sock")), "-p", str(scratch / (name + ".pid"))]
        # A network namespace of its own: its iptables are nobody else's.
        self.process = subprocess.Popen(["unshare", "--net", "fail2ban-server", *self.client[1:], "-f", "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait(lambda: "pong" in self.ask("ping"), 20, "fail2ban answers")

    def ask(self, *words):
        return subprocess.run([*self.client, *words], capture_output=True, text=True, timeout=30, check=False).stdout

    def wait(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("not within %d s: %s\n%s" % (seconds, what, (scratch / (pathlib.Path(self.directory).name + ".log")).read_text()[-3000:]))
            time.sleep(.1)

    def banned(self):
        """{address: (when, how long)}, by fail2ban's own word."""
        found = {}
        for line in self.ask("get", "coturn", "banip", "--with-time").splitlines():
            if told := re.match(r"(\S+)\s+(\S+ \S+) \+ (-?\d+) =", line):
                found[told[1]] = (datetime.datetime.strptime(told[2], "%Y-%m-%d %H:%M:%S").timestamp(), int(told[3]))
        return found

    def stop(self):
        self.ask("stop")
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def bans_of(directory, *arguments, timeout=60):
    done = guard("import-fail2ban", "--config-dir", directory, "--jail", "coturn", "--bans", *arguments, timeout=timeout)
    return done, {one["prefix"].rsplit("/", 1)[0]: one for one in map(json.loads, done.stdout.splitlines())}


def living():
    log = scratch / "coturn.log"
    log.write_text("0: : log file opened: x\n")
    jail = RECIPE.replace("/var/log/coturn/coturn.log", str(log)).replace("bantime = 1m", "bantime = 2s").replace("backend = auto", "backend = polling")
    server = Server("server", jail)
    session = [0]

    def offend(address, times=3):
        with open(log, "a", encoding="ascii") as file:
            for _ in range(times):
                session[0] += 1
                file.write("%d: : ERROR: session %018d: TLS/TCP socket error: Connection reset by peer %s:39497\n" % (session[0], session[0], address))

    try:
        for address in ("192.0.2.1", "192.0.2.2", "2001:db8::7"):
            offend(address)
        server.wait(lambda: set(server.banned()) >= {"192.0.2.1", "192.0.2.2", "2001:db8::7"}, 15, "three bans")
        rules = subprocess.run(["nsenter", "--net=/proc/%d/ns/net" % server.process.pid, "iptables", "-S"], capture_output=True, text=True, check=False).stdout
        check("-s 192.0.2.1/32" in rules, "a real fail2ban bans by iptables in its namespace", rules)
        server.wait(lambda: not server.banned(), 15, "they end")
        for count in (2, 3):  # the ladder of one: 4 s, then 8 s
            offend("192.0.2.1")
            server.wait(lambda: "192.0.2.1" in server.banned(), 15, "it is banned again")
            if count == 2:
                server.wait(lambda: "192.0.2.1" not in server.banned(), 20, "it ends again")
        server.ask("set", "coturn", "bantime", "600")
        for last in range(50, 90):
            offend("203.0.113.%d" % last)
        offend("2001:db8:1::9")
        server.wait(lambda: len(server.banned()) >= 41, 20, "41 long bans")
        time.sleep(1)  # the database is written a moment after the ban
        done, ours = bans_of(server.directory)
        now, real = time.time(), server.banned()
        alive = {address: one for address, one in ours.items() if one["seconds"] > 0}
        check(done.returncode == 0 and len(real) >= 41 and {a for a in real if real[a][0] + real[a][1] > now + 2} <= set(alive) and set(alive) <= set(real) | {"192.0.2.1"},
              "%d living bans are the very ones that fail2ban tells" % len(real), (sorted(set(real) ^ set(alive)), done.stderr))
        off = {address: (one["seconds"], real[address][0] + real[address][1] - now) for address, one in alive.items()
               if address in real and abs(one["seconds"] - (real[address][0] + real[address][1] - now)) > 3}
        check(not off, "each has as long left as fail2ban says", off)
        check(ours["192.0.2.1"]["earlier_bans"] == 3 and ours["192.0.2.2"] == {"prefix": "192.0.2.2/32", "seconds": 0, "earlier_bans": 1} and ours["2001:db8::7"]["seconds"] == 0
              and ours["203.0.113.50"]["earlier_bans"] == 1, "three bans of one address are three rungs, and who is free again keeps his", ours)
        yaml = imported(server.directory, "--jail", "coturn")["yaml"]
        asked = {key: server.ask("get", "coturn", key).strip() for key in ("findtime", "maxretry")}
        check("findtime: 1h" in yaml and asked["findtime"] == "3600" and "maxretry: 3" in yaml and asked["maxretry"] == "3", "and the server says the values that we write", (asked, yaml))

        # fail2ban goes on writing while we read.
        halt, failed = threading.Event(), []

        def storm():
            for i in range(4000):
                if halt.is_set():
                    return
                offend("198.18.%d.%d" % (i // 250, i % 250 + 1))
                time.sleep(.01)
        writer = threading.Thread(target=storm)
        writer.start()
        sizes = []
        for _ in range(30):
            done, ours = bans_of(server.directory)
            sizes.append(len(ours))
            if done.returncode or len(ours) < 44:
                failed.append((done.returncode, len(ours), done.stderr))
            time.sleep(.1)
        halt.set()
        writer.join()
        check(not failed and sizes[-1] > sizes[0], "thirty imports while fail2ban is writing: %d to %d bans, none fails" % (sizes[0], sizes[-1]), failed)
    finally:
        server.stop()
    return server


def reading_databases(server):
    copy = str(scratch / "copy.sqlite3")
    shutil.copy(server.database, copy)
    done, all_bans = bans_of(server.directory, "--database", copy)
    check(done.returncode == 0 and len(all_bans) > 44, "a stopped fail2ban's database is read as well", done.stderr)
    before = open(copy, "rb").read()

    connection = sqlite3.connect(copy, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN EXCLUSIVE")
    threading.Timer(1.5, lambda: connection.execute("ROLLBACK")).start()
    done, bans = bans_of(server.directory, "--database", copy)
    check(done.returncode == 0 and len(bans) == len(all_bans), "a lock of a moment is waited for", done.stderr)
    connection.execute("BEGIN EXCLUSIVE")
    done, bans = bans_of(server.directory, "--database", copy)
    check(done.returncode == 1 and "keeps it locked" in done.stderr and not bans, "a lock that stays is told", done)
    connection.execute("ROLLBACK")
    check(open(copy, "rb").read() == before, "reading changes no byte of it")

    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("INSERT INTO bips VALUES ('192.0.2.200', 'coturn', ?, 600, 4, '{}')", (int(time.time()),))
    done, bans = bans_of(server.directory, "--database", copy)
    check(bans.get("192.0.2.200", {}).get("earlier_bans") == 4, "what stands only in a write-ahead log is seen", done)
    connection.close()
    shelf = scratch / "shelf"
    shelf.mkdir()
    shutil.copy(copy, shelf / "backup.sqlite3")
    done = subprocess.run(["unshare", "--mount", "sh", "-c", 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"', "-", str(shelf), IMPORT,
                           "--config-dir", server.directory, "--jail", "coturn", "--bans", "--database", str(shelf / "backup.sqlite3")], capture_output=True, text=True, check=False)
    check(done.returncode == 0 and len(done.stdout.splitlines()) == len(bans), "a backup in that mode on a read-only disk is read", (done.returncode, done.stderr))

    connection = sqlite3.connect(copy, isolation_level=None)
    connection.execute("INSERT INTO jails VALUES ('sshd', 1)")
    for address, jail, count in (("192.0.2.200", "sshd", 5), ("192.0.2.201", "sshd", 5), ("alice\n\x1b[2J", "coturn", 1)):
        connection.execute("INSERT INTO bips VALUES (?, ?, ?, 600, ?, '{}')", (address, jail, int(time.time()), count))
    connection.execute("INSERT INTO bips VALUES ('192.0.2.202', 'coturn', 'soon', x'00ff', 'many', NULL)")
    connection.execute("INSERT INTO bips VALUES ('192.0.2.203', 'coturn', ?, -1, 2, NULL)", (int(time.time()) - 10**6,))
    done, bans = bans_of(server.directory, "--database", copy)
    check(bans["192.0.2.200"]["earlier_bans"] == 4 and "192.0.2.201" not in bans and bans["192.0.2.202"] == {"prefix": "192.0.2.202/32", "seconds": 0, "earlier_bans": 1}
          and bans["192.0.2.203"]["seconds"] == 520 * 604800 and "1 of its bans" in done.stderr and "\x1b" not in done.stdout + done.stderr,
          "other jails' bans, no addresses, no numbers and bans for ever", (done, bans.get("192.0.2.202"), bans.get("192.0.2.203")))
    overall = configuration("overall", {"jail.local": RECIPE + "bantime.overalljails = true\n"})
    _, bans = bans_of(overall, "--database", copy)
    check(bans["192.0.2.200"]["earlier_bans"] == 9 and "192.0.2.201" not in bans, "with bantime.overalljails the bans of all jails count", bans.get("192.0.2.200"))

    connection.execute("DELETE FROM bips")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO bips VALUES (?, 'coturn', ?, 600, 1, ?)",
                           (("10.%d.%d.%d" % (i >> 16, i >> 8 & 255, i & 255), int(time.time()), '{"matches": ["%s"]}' % ("x" * 200)) for i in range(100_000)))
    connection.execute("COMMIT")
    connection.close()
    began = time.monotonic()
    done, bans = bans_of(server.directory, "--database", copy)
    took = time.monotonic() - began
    check(len(bans) == 100_000 and took < 10, "100 000 bans are shown (%.1f s, this test's JSON included)" % took, (len(bans), took))

    for name, content, word in (("text", b"this is no database at all, is it? " * 100, "is it fail2ban's"), ("half", before[:len(before) // 2], "whole"), ("nothing", b"", "no database of fail2ban")):
        path = scratch / ("bad-" + name)
        path.write_bytes(content)
        done, bans = bans_of(server.directory, "--database", str(path))
        check(done.returncode == 1 and not bans and word in done.stderr, "a database that is none is told: " + name, done)
    damaged = bytearray(before)
    for at in range(100, len(damaged), 97):
        damaged[at] ^= 0x5a
    (scratch / "bad-bytes").write_bytes(damaged)
    done, bans = bans_of(server.directory, "--database", str(scratch / "bad-bytes"))
    check(done.returncode == 1 and not bans and done.stderr.startswith("coturn-guard: read "), "a damaged one is told", done)
    for path, word in ((scratch / "gone", "it is not there"), (scratch, "no regular file")):
        done, _ = bans_of(server.directory, "--database", str(path))
        check(done.returncode == 1 and word in done.stderr, "a database is told that %s" % ("is not there" if "gone" in str(path) else "is a directory"), done)


def main():
    try:
        compare_values()
        compare_places()
        refuse_broken()
        compare_spans()
        translations()
        switching_off()
        choosing()
        writing()
        reading_databases(living())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print("1..%d" % number)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
