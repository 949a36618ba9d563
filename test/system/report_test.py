#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From real offences to the page about them, and when customers are banned: history, report, circuit breaker.

  report_test.py PATH/TO/coturn-guard [NAME...]     all cases, or those whose function name contains a NAME

As coturn_test.py: real coturn, real daemon, namespaces of its own (root needed). The page is looked at in a headless Chromium
in a namespace without a network. REPORT_PICTURES names a directory for its pictures. Prints TAP.
"""
import collections, json, os, re, sqlite3, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from coturn_world import ATTACKER4, CLUMSY, Guard, SERVER4, banned, eventually, members, ok, run_cases, sh

CASES = {}
DAYS, RULES = 90, 14


def case(function):
    CASES[function.__name__] = function
    return function


def no_coturn(function):
    function.no_coturn = True
    return function


def report(file, *arguments):
    return subprocess.run([Guard.program, "report", "--file", file, *arguments], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)


COUNTS = """Object.fromEntries([...document.querySelectorAll('b[id]')].map(b => [b.id, Number(b.dataset.count)]))"""
LEGENDS = """[...document.querySelectorAll('.legend')].map(list =>
  Object.fromEntries([...list.children].map(li => [li.childNodes[1].data.trim(), Number(li.querySelector('b').dataset.count)])))"""
EVIDENCE = """Object.fromEntries([...document.querySelectorAll('[data-evidence]')].map(b => [b.dataset.evidence, Number(b.dataset.count)]))"""
# How high each plot's columns are together, in pixels, and how wide the plot is.
PLOTS = """[...document.querySelectorAll('.plot > svg')].map(svg => ({
  width: svg.getBoundingClientRect().width, label: svg.getAttribute('aria-label'),
  ink: [...svg.querySelectorAll('rect:not(.hover)')].reduce((sum, r) => sum + r.getBoundingClientRect().height, 0)}))"""


def look(page, browser, name):
    """What holds for every page, at three widths, in light and dark."""
    for width, dark in ((1280, False), (400, False), (1280, True), (400, True)):
        browser.open(page, width, dark)
        title = "%s at %d px, %s" % (name, width, "dark" if dark else "light")
        ok(browser.value("document.documentElement.scrollWidth") <= width, "%s: nothing sticks out" % title,
           browser.value("document.documentElement.scrollWidth"))
        asked = [url for url in browser.requests if not url.startswith("file://" + os.path.abspath(page))]
        ok(not asked, "%s: it asks nobody for anything" % title, asked)
        ok(not browser.console, "%s: the console is silent" % title, browser.console)
        light = browser.value("getComputedStyle(document.body).backgroundColor").replace("rgb(", "").split(",")[0]
        ok((int(light) < 100) == dark, "%s: its ground is as the reader wants it" % title, light)
        if "REPORT_PICTURES" in os.environ:
            browser.picture("%s/%s-%d-%s.png" % (os.environ["REPORT_PICTURES"], name, width, "dark" if dark else "light"))


@case
def what_really_happened_is_on_the_page(world):
    from chromium import Chromium
    state = world.place + "/state"
    os.mkdir(state)
    guard = world.guard(environment={"STATE_DIRECTORY": state})
    world.offend(3, ("garbage",))  # on the TLS port, the recipe's own case: the third bans
    world.offend(3, ("--port", "3478", "garbage"), "clumsy")
    ok(eventually(lambda: banned(ATTACKER4) and banned(CLUMSY)), "both offenders are banned", guard.text)
    ok(guard.stop() == 0, "the daemon stops")
    stopped = dict(re.findall(r"(\w+)=(\d+)", re.search(r"agent\.stopped.*", guard.text)[0]))
    bans = collections.Counter(re.search(r"rule=(\S+)", line)[1] for line in guard.text.splitlines() if re.search(r"\bban\b.* rule=", line))
    told = report(state + "/history.db", "--json", "--html", world.place + "/page.html", "--since", "1h")
    ok(told.returncode == 0, "report makes a page", told.stderr)
    numbers = json.loads(told.stdout)
    ok(numbers["lines"] == int(stopped["lines"]) and numbers["recognised"] == int(stopped["recognised"]),
       "lines are those that the daemon counted", (numbers["lines"], stopped))
    ok({rule: of["total"] for rule, of in numbers["bans"]["rules"].items()} == dict(bans) and sum(bans.values()) == 2,
       "bans by rule are those of the daemon's journal", (numbers["bans"], bans))
    replayed = [json.loads(line) for line in
                sh([Guard.program, "replay", "--json", "--config", world.place + "/coturn-guard.yaml", world.log]).splitlines()][-1]
    resets = sum(replayed["offences"]["connection-reset"].values())
    ok(numbers["offences"]["rules"]["connection-reset"]["total"] == resets >= 6,
       "resets are as many as replay finds in the log", (numbers["offences"], resets))
    ok(numbers["recipe"]["bans"] == 2 and numbers["recipe"]["both"] == 2, "the recipe would have banned both, too", numbers["recipe"])
    with Chromium() as browser:
        look(world.place + "/page.html", browser, "real")
        browser.open(world.place + "/page.html", 1280)
        shown = browser.value(COUNTS)
        ok(shown["bans-total"] == 2 and shown["offences-total"] == numbers["offences"]["total"] and
           shown["lines-total"] == numbers["lines"], "the page shows these sums", shown)
        legends = browser.value(LEGENDS)
        ok(legends[0] == {rule: of["total"] for rule, of in numbers["offences"]["rules"].items()} and legends[1] == dict(bans),
           "and the legends those of each rule", legends)
        ok(browser.value(EVIDENCE) == numbers["evidence"] and sum(numbers["evidence"].values()) == shown["offences-total"],
           "the evidence adds up to the offences", browser.value(EVIDENCE))
        plots = browser.value(PLOTS)
        ok(len(plots) >= 4 and all(plot["width"] > 500 and plot["ink"] > 20 and plot["label"] for plot in plots),
           "each plot is drawn, and says in words what it shows", plots)


@case
@no_coturn
def an_empty_or_a_missing_history(world):
    from chromium import Chromium
    told = report(world.place + "/history.db", "--html", world.place + "/page.html")
    ok(told.returncode == 1 and "history.db" in told.stderr and "state directory" in told.stderr, "a missing file is told", told.stderr)
    ok(not os.path.exists(world.place + "/history.db"), "and not made")
    ok(report("x", ).returncode == 64 or report("x").returncode == 2, "without --html and --json it is a mistake in usage", report("x").returncode)
    ok(report("x", "--json", "--since", "91d").returncode not in (0, 1), "91 days are not kept")
    open(world.log, "w").close()
    state = world.place + "/state"
    os.mkdir(state)
    guard = world.guard(environment={"STATE_DIRECTORY": state})
    with open(world.log, "a") as log:
        log.write("0: : nothing of interest\n")
    time.sleep(1.5)
    guard.stop()
    with sqlite3.connect(state + "/history.db") as database:
        for table in ("slot", "offences", "bans", "ban", "recipe_ban"):
            database.execute("DELETE FROM " + table)
    told = report(state + "/history.db", "--html", world.place + "/page.html")
    ok(told.returncode == 0, "an empty history gives a page", told.stderr)
    with Chromium() as browser:
        look(world.place + "/page.html", browser, "empty")
        ok("Nothing is known" in browser.value("document.body.innerText"), "that says so")


def fill(file, now):
    """Ninety days as a busy server's would be: minutes of the last two days, hours before."""
    import random
    dice = random.Random(5)
    rules = ["connection-reset", "password-guess", "tls-plain", "http-probe", "forbidden-peer", "allocation-flood", "handshake-failed",
             "relay-probe", "udp-garbage", "challenge-flood", "idle-connection", "brief-connection", "quota", "admin-password"]
    database = sqlite3.connect(file)
    bans, recipe = [], []
    database.execute("DELETE FROM slot")  # the daemon's own line
    slots = [(3600, now - now % 3600 - 3600 * hour) for hour in range(48, DAYS * 24)]
    slots += [(60, now - now % 60 - 60 * minute) for minute in range(48 * 60)]
    for span, at in slots:
        day = 1 + 0.5 * ((at // 3600) % 24 in range(8, 20)) + 3 * (dice.random() < 0.02)
        scale = day * span / 60
        database.execute("INSERT INTO slot VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
                         (span, at, int(900 * scale), int(870 * scale), int(scale * dice.randrange(40)), int(scale * 0.02), 0))
        for number, rule in enumerate(rules):
            count = int(dice.expovariate(1) * scale * 6 / (number + 1))
            if count:
                database.execute("INSERT INTO offences VALUES (?, ?, ?, ?, ?)", (span, at, rule, dice.choice((0, 0, 0, 1, 2, 3)), count))
            if count // 9:
                database.execute("INSERT INTO bans VALUES (?, ?, ?, ?)", (span, at, rule, count // 9))
                for _ in range(count // 9):
                    rung = min(int(dice.expovariate(0.5)), 15)
                    net = dice.choice(("203.0.113", "198.51.100", "45.148.10", "192.0.2", "185.220.%d" % dice.randrange(40)))
                    prefix = "2001:db8:%x:%x::/64" % (dice.randrange(9), dice.randrange(99)) if dice.random() < 0.1 else "%s.%d/32" % (net, dice.randrange(1, 250))
                    bans.append((at, prefix, 60 << rung, rule, dice.choice((0, 0, 1)), 3000, rung))
        if dice.random() < 0.02 * scale:
            recipe.append((at, "192.0.2.%d" % dice.randrange(250) if dice.random() < 0.8 else "100.64.0.%d" % dice.randrange(250), 60, dice.random() < 0.3))
    bans.sort()
    recipe.sort()
    database.executemany("INSERT INTO ban VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", bans[-200000:])
    database.executemany("INSERT INTO recipe_ban VALUES (NULL, ?, ?, ?, ?)", recipe)
    database.execute("UPDATE slot SET recipe_bans = (SELECT count(*) FROM recipe_ban WHERE recipe_ban.at = slot.at), "
                     "recipe_customers = (SELECT total(customer) FROM recipe_ban WHERE recipe_ban.at = slot.at)")
    database.commit()
    return len(bans), database.execute("SELECT sum(count) FROM bans").fetchone()[0]


@case
@no_coturn
def ninety_days_in_two_seconds(world):
    from chromium import Chromium
    open(world.log, "w").close()
    state = world.place + "/state"
    os.mkdir(state)
    guard = world.guard(environment={"STATE_DIRECTORY": state})
    with open(world.log, "a") as log:
        log.write("0: : nothing of interest\n")
    time.sleep(1.5)
    guard.stop()
    one_by_one, total = fill(state + "/history.db", int(time.time()))
    began = time.monotonic()
    told = report(state + "/history.db", "--json", "--html", world.place + "/page.html", "--since", "90d")
    took = time.monotonic() - began
    print("# %d bans, %d of them one by one, %d rules: %.2f s, %d KiB" %
          (total, min(one_by_one, 200000), RULES, took, os.path.getsize(world.place + "/page.html") // 1024))
    ok(told.returncode == 0 and took < 2, "a report of ninety days takes less than two seconds", (took, told.stderr))
    ok(json.loads(told.stdout)["bans"]["total"] == total, "and holds every ban", json.loads(told.stdout)["bans"]["total"])
    ok(os.path.getsize(world.place + "/page.html") < 400_000, "the page is small", os.path.getsize(world.place + "/page.html"))
    report(state + "/history.db", "--html", world.place + "/week.html")
    with Chromium() as browser:
        look(world.place + "/page.html", browser, "quarter")
        look(world.place + "/week.html", browser, "week")


@case
def customers_whose_password_was_changed(world):
    """The operator changed the users' password and the clients still have the old one: honest, and all of them guess."""
    customers = ["192.0.2.%d" % number for number in range(20, 28)]
    for address in customers:
        sh("ip -n customer addr add %s/24 dev eth0" % address)
    world.coturn.terminate()
    world.coturn.wait(10)
    users = {address: "user%d" % number for number, address in enumerate(customers)}
    world.start_coturn("verbose", *("user=%s:secret1" % user for user in users.values()))
    world.configure("breaker_time: 0s\nmaxretry: 0.15\nbantime: 10m\n")  # five failures of who has a good name
    guard = world.guard()
    for address in customers:
        ok(world.customer.play("--source", address, "allocate", "--transport", "tcp", "--user", users[address]), "the customer %s logs in" % address)
    for file in ("turnserver.conf",):
        text = open(world.place + "/" + file).read()
        with open(world.place + "/" + file, "w") as conf:
            conf.write(text.replace(":secret1", ":secret2"))
    world.coturn.terminate()
    world.coturn.wait(10)
    world.coturn = subprocess.Popen([os.environ.get("TURNSERVER", "turnserver"), "-c", "turnserver.conf"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ok(eventually(lambda: world.victim.play("allocate", "--transport", "tcp", "--password", "secret2"), 20), "coturn has the new password")
    for address in customers:
        for _ in range(6):
            world.customer.play("--source", address, "allocate", "--transport", "tcp", "--user", users[address], timeout=1)
        time.sleep(0.3)
    ok(guard.says(r"breaker\.open.*users of 9 .*failing as themselves"), "the breaker opens, and the journal says why", guard.text)
    ok(guard.says(r"breaker\.open.*password-guess.*remedy=.*secret"), "for what, and what to look at", guard.text)
    hit = [address for address in customers if banned(address)]
    ok(len(hit) == 4 or len(hit) == 5, "five customers at the most were banned, not all eight", hit)
    world.offend(1)  # with this maxretry one is enough, and a second would not reach coturn
    ok(eventually(lambda: banned(ATTACKER4)), "while it is open, who deserves it is banned", members())
    ok(set(hit) == {address for address in customers if banned(address)}, "and the bans that were stand", members())
    status = sh([Guard.program, "status"])
    ok(re.search(r"breaker.*as a user that had logged in.*: 5 users of 9.*breaker close", status), "status says so", status)
    sh([Guard.program, "ban", "203.0.113.99", "--for", "1h"])
    ok(eventually(lambda: banned("203.0.113.99")), "a ban by hand is made", members())
    said = sh([Guard.program, "breaker", "close"])
    ok("closed" in said and customers[0] in said and "password-guess" in said, "breaker close closes it and says whom it had hit", said)
    ok(guard.says(r"breaker\.closed.*by hand"), "and the journal says so", guard.text)
    ok("not open" in sh([Guard.program, "breaker", "close"]), "closing it twice is no mistake")


if __name__ == "__main__":
    run_cases(CASES, __file__, __doc__, seconds=240)
