// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/translation.hpp"

#include "config.hpp"
#include "fail2ban/actions.hpp"
#include "fail2ban/farewell.hpp"
#include "fail2ban/time_span.hpp"
#include "judge/ladder.hpp"
#include "support/catch.hpp"
#include "support/fail2ban_files.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

namespace {

Imported jail(const std::string& text) {
  return Imported(Files{{"/f/jail.local", "[coturn]\nenabled = true\n" + text}});
}

// The configuration that the import makes of it: our own reader's word.
Config config_of(const Imported& in) {
  const auto config = parse_config(fail2ban::yaml_text(in.translation, {"head"}), "import.yaml");
  REQUIRE(config);
  return *config;
}

}  // namespace

TEST_CASE("the recipe's jail becomes our defaults", "[fail2ban][translation]") {
  const auto in = jail(
      "backend = auto\nport = 5349\nprotocol = tcp\nfilter =\n"
      "failregex = ^\\s*\\d+: : ERROR: session \\w+: [A-Z/]+ socket error: Connection reset by peer "
      "<ADDR>:\\d+\n"
      "datepattern = {NONE}\nlogpath = /var/log/coturn/coturn.log\nbantime = 1m\nbantime.increment = true\n"
      "bantime.maxtime = 5w\nmaxretry = 3\nfindtime = 1h\n");
  CHECK(in.notes.errors.empty());
  const Config config = config_of(in), defaults;
  CHECK(config.policy.bantime == defaults.policy.bantime);
  CHECK(config.policy.bantime_max == defaults.policy.bantime_max);
  CHECK(config.policy.findtime == defaults.policy.findtime);
  CHECK(config.policy.maxretry == defaults.policy.maxretry);
  CHECK(config.log_file == defaults.log_file);
  CHECK(config.ports == defaults.ports);
  CHECK(in.lost("failregex").find("explain") != std::string::npos);
}

TEST_CASE("a ladder that does not climb stays level", "[fail2ban][translation]") {
  const Config config = config_of(jail("bantime = 30m\n"));
  for (const std::uint32_t earlier : {0U, 1U, 7U}) CHECK(ban_duration(config.policy, earlier) == 30min);
}

TEST_CASE("a ladder that climbs lasts as long as fail2ban's", "[fail2ban][translation]") {
  const auto lasts = [](const std::string& text, std::uint32_t earlier) {
    return ban_duration(config_of(jail("bantime.increment = yes\n" + text)).policy, earlier);
  };
  CHECK(lasts("bantime = 10m\nbantime.maxtime = 1h\n", 2) == 40min);
  CHECK(lasts("bantime = 10m\nbantime.maxtime = 1h\n", 3) == 1h);
  CHECK(lasts("bantime = 2h\nbantime.maxtime = 1h\n", 3) == 2h);
  CHECK(lasts("bantime = 6w\nbantime.maxtime = a while\n", 2) == 168 * 24h);  // above our own
  CHECK(lasts("bantime = 10m\nbantime.factor = 1.5\n", 1) == 30min);
  CHECK(lasts("bantime = 1m\nbantime.multipliers = 1 2 4 8\n", 3) == 8min);
  CHECK(lasts("bantime = 1m\nbantime.multipliers = 1 2 4 8\n", 9) == 8min);
  CHECK(lasts("bantime = 1m\nbantime.multipliers = 1 2 4 8\nbantime.maxtime = 5m\n", 9) == 5min);
  CHECK(lasts("bantime = 1m\n", 20) == std::chrono::minutes(1 << 20));
}

TEST_CASE("what the ladder cannot say is told", "[fail2ban][translation]") {
  const auto in = jail(
      "bantime.increment = true\nbantime.multipliers = 1 5 30\nbantime.rndtime = 5m\n"
      "bantime.overalljails = true\nbantime.formula = ban.Time * 3\n");
  CHECK_FALSE(in.lost("bantime.multipliers").empty());
  CHECK_FALSE(in.lost("bantime.rndtime").empty());
  CHECK_FALSE(in.lost("bantime.overalljails").empty());
  CHECK(in.lost("bantime.formula").empty());  // not looked at beside multipliers
  CHECK(in.translation.overall_jails);
  CHECK(in.yaml("bantime_max") == "bantime_max: 5h");  // 10m x 30
  CHECK_FALSE(
      jail("bantime.increment = true\nbantime.formula = ban.Time * 3\n").lost("bantime.formula").empty());
  CHECK(jail("bantime.increment = true\nbantime.formula = ban.Time * (1<<(ban.Count if ban.Count<20 else "
             "20)) * banFactor\n")
            .lost("bantime.formula")
            .empty());
}

TEST_CASE("for ever is as long as we can, and said", "[fail2ban][translation]") {
  const auto in = jail("bantime = -1\n");
  CHECK(config_of(in).policy.bantime == std::chrono::hours(520 * 7 * 24));
  CHECK(in.translation.bantime < 0);
}

TEST_CASE("what no file says is fail2ban's own default", "[fail2ban][translation]") {
  const Config config = config_of(jail(""));
  CHECK(config.policy.findtime == 10min);
  CHECK(config.policy.bantime == 10min);
  CHECK(config.policy.maxretry.milli == 3000);
}

TEST_CASE("values that nobody can read are lost, with their line", "[fail2ban][translation]") {
  const auto in = jail("findtime = soon\nbantime = 1q\nmaxretry = many\nbantime.increment = 1\n");
  for (const char* option : {"findtime", "bantime", "maxretry"}) CHECK_FALSE(in.lost(option).empty());
  CHECK(in.place("findtime") == "/f/jail.local:3");
  CHECK(config_of(in).policy.bantime == Config{}.policy.bantime);
}

TEST_CASE("addresses, networks and masks are spared, names are told", "[fail2ban][translation]") {
  const auto in = jail(
      "ignoreip = 127.0.0.1/8 ::1, 192.0.2.0/255.255.255.0\n  2001:db8::/ffff:ffff::\n  home.example.org "
      "0.0.0.0/0\n"
      "ignoreself = false\nignorecommand = /bin/true <ip>\n");
  const auto ignored = config_of(in).ignoreip;
  REQUIRE(ignored.size() == 4);
  CHECK(ignored[0].to_string() == "127.0.0.0/8");
  CHECK(ignored[2].to_string() == "192.0.2.0/24");
  CHECK(ignored[3].to_string() == "2001:db8::/32");
  CHECK(in.lost("ignoreip").find("0.0.0.0/0") != std::string::npos);
  CHECK_FALSE(in.lost("ignoreself").empty());
  CHECK_FALSE(in.lost("ignorecommand").empty());
}

TEST_CASE("logs keep their names and patterns, and lose fail2ban's words behind them",
          "[fail2ban][translation]") {
  const auto in = jail("logpath = /var/log/turn_*.log tail\n\t/var/log/it's.log\n  relative.log\n");
  CHECK(config_of(in).log_file == std::vector<std::string>{"/var/log/turn_*.log", "/var/log/it's.log"});
  CHECK(in.lost("logpath").find("relative.log") != std::string::npos);
}

TEST_CASE("a jail on the journal follows the journal", "[fail2ban][translation]") {
  const auto in = jail(
      "backend = systemd[journalflags=1]\nlogpath = /x\n"
      "journalmatch = _SYSTEMD_UNIT=turn.service + _COMM=turnserver\n");
  const Config config = config_of(in);
  CHECK(config.source == LogSource::journal);
  CHECK(config.journal_units == std::vector<std::string>{"turn.service"});
  CHECK(config.log_file_automatic);
  CHECK(in.lost("journalmatch").find("_COMM=turnserver") != std::string::npos);
}

TEST_CASE("ports are never fewer than ours", "[fail2ban][translation]") {
  using Ranges = std::vector<PortRange>;
  CHECK(config_of(jail("port = turns,3478:3479\n")).ports_automatic);
  CHECK(config_of(jail("port = 443, 5349\n")).ports == Ranges{{443, 443}, {3478, 3479}, {5349, 5350}});
  CHECK(config_of(jail("port = 0:65535\n")).ports.empty());
  CHECK(config_of(jail("banaction = iptables-allports\naction = %(banaction)s[name=x]\n")).ports.empty());
  CHECK(
      config_of(jail("port = 5349\naction = nftables[type=multiport, port=\"80-81\"]\n  sendmail[name=x]\n"))
          .ports == Ranges{{80, 81}, {3478, 3479}, {5349, 5350}});
  CHECK(jail("port = nowhere\n").lost("port").find("nowhere") != std::string::npos);
  const Imported stock(Files{{"/f/jail.conf", "[DEFAULT]\nport = 0:65535\n[coturn]\nenabled = true\n"}});
  CHECK(config_of(stock).ports_automatic);  // not the operator's own wish
  CHECK(stock.lost("port").find("whole machine") != std::string::npos);
}

TEST_CASE("actions that are no firewall are told", "[fail2ban][translation]") {
  const auto in = jail(
      "action = iptables-multiport[port=\"5349\"]\n  sendmail-whois[dest=a@b, sender=\"c, d]\"]\n  "
      "abuseipdb\n");
  CHECK(in.lost("action").find("sendmail-whois; abuseipdb") != std::string::npos);
  CHECK(in.lost("action").find("iptables") == std::string::npos);
  CHECK(jail("action = iptables[port=5349\n").lost("action").find("cannot be read") != std::string::npos);
}

TEST_CASE("lists of actions are read as fail2ban reads them", "[fail2ban][actions]") {
  const auto actions = fail2ban::parse_actions("a[x=1, y=\"2, ]\"][z='3']\n  b   c [ w = 4 ] ");
  REQUIRE(actions.size() == 3);
  CHECK(actions[0].name == "a");
  CHECK(actions[0].options.at("y") == "2, ]");
  CHECK(actions[0].options.at("z") == "3");
  CHECK(actions[1].name == "b");
  CHECK(actions[2].options.at("w") == "4");
  CHECK(fail2ban::is_firewall({"iptables-multiport", {}, true}));
  CHECK_FALSE(fail2ban::is_firewall({"pfsense", {}, true}));
}

TEST_CASE("the memory of offenders is taken only from who chose it", "[fail2ban][translation]") {
  const Files stock{{"/f/jail.conf", "[coturn]\nenabled = true\n"},
                    {"/f/fail2ban.conf", "[DEFAULT]\ndbpurgeage = 1d\n[Definition]\n"}};
  CHECK(Imported(stock).yaml("forget_after").empty());
  Files chosen = stock;
  chosen["/f/fail2ban.local"] = "[DEFAULT]\ndbpurgeage = 30d\n";
  CHECK(Imported(chosen).yaml("forget_after") == "forget_after: 4w2d");
}

TEST_CASE("hostile text stays in its comment", "[fail2ban][translation]") {
  const auto in =
      jail("port = 443\nusedns = x\n  mode: observe\n  \x1b[2J\nmine\x1b = y\nlogpath = /a'b: # c\n");
  const auto text = fail2ban::yaml_text(in.translation, {});
  CHECK(text.find('\x1b') == std::string::npos);
  const Config config = config_of(in);
  CHECK(config.mode == Mode::enforce);
  CHECK(config.log_file.size() == 1);
}

TEST_CASE("spans of time are fail2ban's", "[fail2ban][time]") {
  const std::map<std::string, double> spans{{"600", 600},
                                            {"1h 30m", 5400},
                                            {"1d12h", 129600},
                                            {"1hour+30min", 5400},
                                            {"1year-6mo", 15778800},
                                            {"6 months", 15778800},
                                            {"2*1h", 7200},
                                            {"1.5h", 5400},
                                            {"6/2h", 10800},
                                            {"-1", -1},
                                            {"(1+1)*60", 120},
                                            {"1W", 604800},
                                            {"5 weeks", 3024000},
                                            {"1h 30", 3630},
                                            {"0", 0}};
  for (const auto& [text, seconds] : spans) {
    INFO(text);
    REQUIRE(fail2ban::parse_time_span(text));
    CHECK(*fail2ban::parse_time_span(text) == Approx(seconds));
  }
  for (const char* text :
       {"", "h", "1q", "1 2 q", "1/0", "__import__('os')", "1h)", "(1", "(1)h", "010", "1..2", "1e400"}) {
    INFO(text);
    CHECK_FALSE(fail2ban::parse_time_span(text));
  }
  CHECK_FALSE(fail2ban::parse_time_span(std::string(200, '(') + "1"));
  CHECK_FALSE(fail2ban::parse_number("1h"));
}

TEST_CASE("coturn's jails are known by name, filter, log and ports", "[fail2ban][jail]") {
  const Files files{
      {"/f/jail.conf",
       "[DEFAULT]\nport = 3478\nfilter = %(__name__)s[mode=x]\n[sshd]\nport = ssh\n[nginx-return]\n"
       "[a]\nport = 80,5349\n[b]\nlogpath = /var/log/turnserver/x.log\nenabled = true\n[c]\nfilter = "
       "my-turn\n"
       "[Coturn]\n[d]\nlogpath = %(gone)s\n[eturnal]\n[return444]\n"}};
  fail2ban::Notes notes;
  const auto found = fail2ban::coturn_jails(fail2ban::read_settings("/f", "jail", in_memory(files), notes));
  std::vector<std::string> names;
  for (const auto& one : found) names.push_back(one.jail + (one.enabled ? "+" : "-"));
  CHECK(names == std::vector<std::string>{"a-", "b+", "c-", "Coturn-"});
}

TEST_CASE("a jail is switched off where its word counts", "[fail2ban][jail]") {
  const auto lines = [](const Files& files) {
    const auto source = in_memory(files);
    fail2ban::Notes notes;
    auto jails = fail2ban::read_settings("/f", "jail", source, notes);
    return fail2ban::farewell(fail2ban::read_jail(jails, "coturn", "/f", source, notes), "/f", source);
  };
  const std::string on = "[coturn]\nenabled = true\n";
  CHECK(lines({{"/f/jail.local", on}}).back() ==
        "  printf '[coturn]\\nenabled = false\\n' > /f/jail.d/coturn.local");
  CHECK(lines({{"/f/jail.d/zz.local", on}}).back().find("/f/jail.d/zz.local:2") != std::string::npos);
  CHECK(lines({{"/f/jail.d/coturn.local", on}}).back().find("/f/jail.d/coturn.local:2") != std::string::npos);
  CHECK(lines({{"/f/jail.local", on}, {"/f/jail.d/coturn.local", "[coturn]\nport = 1\n"}})
            .back()
            .find("/f/jail.local:2") != std::string::npos);
  CHECK(lines({{"/f/jail.local", "[coturn]\n"}}).size() == 1);
  CHECK(fail2ban::shell_word("a'b c") == "'a'\\''b c'");
}
