#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`doctor_test.py COTURN-GUARD`: a small tree of files for each illness, and what `doctor --root` says about it.

Needs no root and no namespace: with --root nothing but files is looked at. Prints TAP.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = os.path.join(HERE, "..", "..", "rules", "coturn.yaml")
CONF = "log-file=/var/log/coturn/coturn.log\nsimple-log\nverbose\n"
DPKG = "Package: coturn\nStatus: install ok installed\nVersion: %s\n\n"
LOG = "/var/log/coturn/coturn.log"
LINE = "22: : session 001000000000000001: TCP socket error: Connection reset by peer 192.0.2.%d:4000\n"
LINES = "".join(LINE % (i % 200 + 1) for i in range(300)).replace(": session", ": ERROR: session")
FINE = {"/etc/turnserver.conf": CONF, LOG: LINES, "/var/lib/dpkg/status": DPKG % "4.17.2-1"}

# name, files over the healthy ones (None: not there), check, health, a part of what is said or of the remedy
CASES = [
    ("nothing to complain of", {}, None, "ok", ""),
    ("no log at all", {LOG: None}, "log.exists", "fail", "log-file=/var/log/coturn/coturn.log"),
    ("a log inside PrivateTmp", {LOG: None, "/tmp/systemd-private-1a2b-coturn.service-x/tmp/turn_12_2026-11-22.log": "x\n"},
     "log.private", "fail", "/tmp/systemd-private-1a2b-coturn.service-x/tmp/turn_12_2026-11-22.log"),
    ("verbose off", {"/etc/turnserver.conf": CONF.replace("verbose", "#verbose")}, "coturn.verbose", "warn", "'verbose'"),
    ("rotation that coturn never hears of",
     {"/etc/logrotate.d/coturn": LOG + " {\n  daily\n  create\n}\n"}, "log.rotation", "warn", "copytruncate"),
    ("rotation by a default of logrotate.conf that coturn never hears of",
     {"/etc/logrotate.conf": "create\n", "/etc/logrotate.d/coturn": "/var/log/coturn/*.log {\n  daily\n}\n"},
     "log.rotation", "warn", "copytruncate"),
    ("rotation with copytruncate", {"/etc/logrotate.d/coturn": LOG + " {\n  create\n  copytruncate\n}\n"}, "log.rotation", "ok", ""),
    ("rotation with a signal",
     {"/etc/logrotate.d/coturn": LOG + " {\n  create\n  postrotate\n    systemctl kill -s HUP coturn\n  endscript\n}\n"},
     "log.rotation", "ok", ""),
    ("syslog and kill -HUP",
     {"/etc/turnserver.conf": "syslog\nverbose\n",
      "/etc/logrotate.d/coturn": LOG + " {\n  postrotate\n    kill -HUP $(cat /run/turnserver.pid)\n  endscript\n}\n"},
     "log.hangup", "fail", "dies of it"),
    ("tcp-proxy-port open to the world", {"/etc/turnserver.conf": CONF + "tcp-proxy-port=5555\n"}, "coturn.proxy_port", "warn", "dport 5555"),
    ("tcp-proxy-port on loopback",
     {"/etc/turnserver.conf": CONF + "tcp-proxy-port=5555\nlistening-ip=127.0.0.1\n"}, "coturn.proxy_port", "ok", ""),
    ("web admin on workers of a version that dies of it",
     {"/etc/turnserver.conf": CONF + "web-admin-listen-on-workers\n", "/var/lib/dpkg/status": DPKG % "4.6.1-1"},
     "coturn.web_admin", "fail", "4.6.2"),
    ("a version with known holes", {"/var/lib/dpkg/status": DPKG % "4.6.1-1"}, "coturn.version", "warn", "CVE-2026-27624"),
    ("a version known by its log alone", {"/var/lib/dpkg/status": None, LOG: "Version Coturn-4.8.0 'x'\n" + LINES},
     "coturn.version", "warn", "coturn 4.8.0 (its log)"),
    ("a fail2ban jail for coturn",
     {"/etc/fail2ban/jail.local": "[coturn]\nenabled = true\nfilter = coturn\n"}, "fail2ban", "warn", "[coturn] in /etc/fail2ban/jail.local"),
    ("our table in nftables.conf",
     {"/etc/nftables.conf": "flush ruleset\ntable ip coturn-guard {\n}\n"}, "firewall.saved", "fail", "nft -c -f /etc/nftables.conf"),
    ("a mistake in a rule of one's own", {"/etc/coturn-guard/rules.d/10-own.yaml": "rules: 1\n"}, "configuration", "fail", "10-own.yaml:1:8"),
    ("our set in rules.v4",
     {"/etc/iptables/rules.v4": "*raw\n-A PREROUTING -m set --match-set coturn-guard-4 src -j DROP\nCOMMIT\n"},
     "firewall.saved", "fail", "sed -i '/coturn-guard/d' /etc/iptables/rules.v4"),
    ("our set in rules.v6",
     {"/etc/iptables/rules.v6": "-A PREROUTING -m set --match-set coturn-guard-6 src -j DROP\n"}, "firewall.saved", "fail", "rules.v6:1"),
    ("lines that are not coturn's", {LOG: "Nov 22 12:00:00 host sshd[1]: hello\n" * 12000}, "log.recognised", "fail", "0 of the last 10000 lines"),
    ("texts of attackers' in the log", {LOG: "".join(LINE % i + "5: : ERROR: check_stun_auth: wrong username: x y\n" for i in range(1, 100))}, "log.smoke", "warn", "4.17"),
    ("a proxy in front", {LOG: "".join(LINE % 7 for _ in range(100)).replace(": session", ": ERROR: session")}, "clients", "warn", "ignoreip: [192.0.2.7]"),
    ("a log that our user may not read",
     {"/etc/passwd": "_coturn-guard:x:99999:99999::/:/bin/false\n", "/etc/group": "adm:x:99998:\n"}, "log.readable", "fail", "chgrp adm"),
    ("a log that our unit's group may read",
     {"/etc/passwd": "_coturn-guard:x:99999:99999::/:/bin/false\n", "/etc/group": "adm:x:%d:\n" % os.getgid(),
      "/usr/lib/systemd/system/coturn-guard.service": "[Service]\nSupplementaryGroups=adm\n"}, "log.readable", "ok", ""),
    ("no turnserver.conf", {"/etc/turnserver.conf": None}, "coturn.configuration", "warn", "log_file"),
    ("a mistake in our configuration", {"/etc/coturn-guard/coturn-guard.yaml": "findtme: 1h\n"}, "configuration", "fail", "findtime"),
]


def build(root, files):
    for path, text in files.items():
        if text is None:
            continue
        place = root + path
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8") as file:
            file.write(text)
    os.makedirs(root + "/usr/share/coturn-guard/rules", exist_ok=True)
    shutil.copy(RULES, root + "/usr/share/coturn-guard/rules/coturn.yaml")
    for directory, _, _ in os.walk(root):
        os.chmod(directory, 0o755)
    if os.path.exists(root + LOG):
        os.chmod(root + LOG, 0o640)


def examine(program, root, *options):
    said = subprocess.run([program, "doctor", "--root", root, *options], capture_output=True, text=True, timeout=60, check=False)
    return said.returncode, said.stdout, said.stderr


def problems(program, name, files, check, health, part):
    """What is wrong with doctor's answer; empty where it is right."""
    with tempfile.TemporaryDirectory() as root:
        build(root, {**FINE, **files})
        if name.startswith("a log that nobody"):
            os.utime(root + LOG, (time.time() - 200_000,) * 2)
        status, said, error = examine(program, root, "--json")
        if error:
            return "it complained: " + error
        try:
            findings = [json.loads(line) for line in said.splitlines()]
        except ValueError as problem:
            return "no JSON: %s\n%s" % (problem, said)
        worst = max(["ok", "warn", "fail"].index(f["health"]) for f in findings)
        if status != worst:
            return "exit status %d, and the worst finding says %d" % (status, worst)
        if any((f["health"] == "ok") != (f["remedy"] == "") for f in findings):
            return "a remedy without trouble, or trouble without a remedy\n" + said
        if check is None:
            return "" if worst == 0 else "not all is well:\n" + said
        found = [f for f in findings if f["check"] == check]
        if not found:
            return "nothing about %s:\n%s" % (check, said)
        if not any(f["health"] == health and part in f["what"] + " " + f["remedy"] for f in found):
            return "expected %s with %r:\n%s" % (health, part, "\n".join(map(str, found)))
        if health != "ok" and any(f["health"] == "fail" and f["check"] != check for f in findings if check != "log.private"):
            return "something else fails, too:\n" + said
        return ""


def main():
    program = os.path.abspath(sys.argv[1])
    cases = CASES + [("a log that nobody writes to", {}, "log.fresh", "warn", "2d")]
    failed = 0
    for number, (name, *case) in enumerate(cases, 1):
        trouble = problems(program, name, *case)
        print("%s %d - doctor: %s" % ("not ok" if trouble else "ok", number, name))
        if trouble:
            failed = 1
            print("\n".join("#   " + line for line in trouble.splitlines()))
    with tempfile.TemporaryDirectory() as root:
        build(root, {**FINE, LOG: None})
        status, said, _ = examine(program, root)
        good = status == 2 and any(line.startswith("fail  ") and "  — " in line for line in said.splitlines())
        print("%s %d - doctor: on a terminal a line says health, trouble and remedy" % ("ok" if good else "not ok", len(cases) + 1))
        failed = failed or not good
    print("1..%d" % (len(cases) + 1))
    return failed


if __name__ == "__main__":
    sys.exit(main())
