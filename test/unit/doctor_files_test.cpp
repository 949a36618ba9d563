// SPDX-License-Identifier: GPL-3.0-or-later
// The texts that doctor reads: versions, logrotate, fail2ban, saved firewalls, users.
#include <sys/stat.h>

#include <map>
#include <string>

#include "doctor/access.hpp"
#include "doctor/coturn_version.hpp"
#include "doctor/logrotate.hpp"
#include "doctor/system_files.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;
using namespace coturn_guard::doctor;

TEST_CASE("versions are read as they are written and compared by number", "[doctor]") {
  CHECK(CoturnVersion::parse("4.5.1.3")->parts == std::array<unsigned, 4>{4, 5, 1, 3});
  CHECK(CoturnVersion::parse("4.6.1-1+deb12u1")->to_string() == "4.6.1");
  CHECK(*CoturnVersion::parse("4.10.0") > *CoturnVersion::parse("4.9.0"));
  CHECK_FALSE(CoturnVersion::parse("unknown"));
  CHECK(CoturnVersion::of_banner("Version Coturn-4.6.1 'Gorst'")->to_string() == "4.6.1");
  CHECK(CoturnVersion::of_banner("2026-11-22T11:59:05.581+0000 INFO Coturn Version Coturn-4.17.0 'x'")
            ->to_string() == "4.17.0");
  CHECK_FALSE(CoturnVersion::of_banner("0: : Version 4.6.1"));
}

TEST_CASE("holes are those that the version does not have mended", "[doctor]") {
  const auto count = [](const char* version) { return holes_of(*CoturnVersion::parse(version)).size(); };
  CHECK(count("4.17.0") == 0);
  CHECK(count("4.16.0") == 1);
  CHECK(count("4.5.2") > count("4.9.0"));
  CHECK(holes_of(*CoturnVersion::parse("4.6.1")).front().id == "CVE-2025-69217");
}

TEST_CASE("logrotate's stanzas are read with their defaults and scripts", "[doctor][logrotate]") {
  RotationDefaults defaults;
  CHECK(parse_logrotate("weekly\ncreate\n# copytruncate\n", "/etc/logrotate.conf", defaults).empty());
  CHECK(defaults.create);
  CHECK_FALSE(defaults.copytruncate);
  const auto read = parse_logrotate(R"(
/var/log/coturn/*.log
"/srv/my logs/turn.log" {
    daily
    nocreate
    postrotate
        # a comment
        systemctl kill -s HUP coturn
    endscript
    copytruncate
}
/var/log/other.log { 
    missingok
}
)",
                                    "/etc/logrotate.d/coturn", defaults);
  REQUIRE(read.size() == 2);
  CHECK(read[0].patterns == std::vector<std::string>{"/var/log/coturn/*.log", "/srv/my logs/turn.log"});
  CHECK(read[0].copytruncate);
  CHECK_FALSE(read[0].create);
  CHECK(read[0].hangs_up_coturn());
  CHECK(read[0].tells_coturn());
  CHECK(read[0].rotates("/var/log/coturn/coturn.log"));
  CHECK(read[0].rotates("/srv/my logs/turn.log"));
  CHECK_FALSE(read[0].rotates("/var/log/coturn/old/coturn.log"));
  CHECK(read[1].create);
  CHECK_FALSE(read[1].copytruncate);
  CHECK_FALSE(read[1].tells_coturn());
}

TEST_CASE("a signal to another program is none to coturn", "[doctor][logrotate]") {
  const auto with = [](const std::string& script) { return Rotation{"f", {}, false, true, script}; };
  CHECK_FALSE(with("/usr/lib/rsyslog/rsyslog-rotate\n").tells_coturn());
  CHECK_FALSE(with("kill -HUP $(cat /run/nginx.pid)\n").hangs_up_coturn());
  CHECK(with("kill -HUP $(cat /run/turnserver.pid)\n").hangs_up_coturn());
  CHECK(with("pkill -HUP turnserver\n").hangs_up_coturn());
  CHECK(with("killall -q -1 turnserver\n").tells_coturn());
  CHECK(with("service coturn restart\n").tells_coturn());
  CHECK_FALSE(with("service coturn restart\n").hangs_up_coturn());
}

TEST_CASE("the way to a file is barred where the first class that fits has no right", "[doctor]") {
  const User user{"_coturn-guard", 900, {900, 4}};
  const PathPart root{"/", 0, 0, S_IFDIR | 0755};
  const auto barrier = [&](mode_t directory, uid_t owner, gid_t group, mode_t file) {
    const auto found = first_barrier(
        {root, {"/d", 0, 4, S_IFDIR | directory}, {"/d/f", owner, group, S_IFREG | file}}, user);
    return found ? found->path : "";
  };
  CHECK(barrier(0755, 0, 0, 0644).empty());
  CHECK(barrier(0750, 0, 4, 0640).empty());
  CHECK(barrier(0740, 0, 4, 0644) == "/d");  // to read a directory is not to pass it
  CHECK(barrier(0755, 100, 100, 0640) == "/d/f");
  CHECK(barrier(0755, 900, 0, 0044) == "/d/f");  // an owner is no other
  CHECK(barrier(0755, 0, 900, 0604) == "/d/f");
  CHECK_FALSE(first_barrier({{"/f", 1, 1, S_IFREG}}, User{"root", 0, {}}));
}

TEST_CASE("coturn's version is that of the installed package", "[doctor]") {
  const std::string other = "Package: coturn-extras\nStatus: install ok installed\nVersion: 9.9\n\n";
  CHECK(packaged_version(other + "Package: coturn\nStatus: install ok installed\nVersion: 1:4.6.1-1\n\n")
            ->to_string() == "4.6.1");
  CHECK_FALSE(packaged_version(other));
  CHECK_FALSE(
      packaged_version("Package: coturn\nStatus: deinstall ok config-files\nVersion: 4.6.1-1\n\n" + other));
}

TEST_CASE("of fail2ban's jails the last word counts", "[doctor]") {
  std::map<std::string, Jail> jails;
  read_jails("[DEFAULT]\nenabled = true\n[sshd]\nenabled = true\n[coturn]\nport = 3478\nenabled = true\n",
             "a", jails);
  REQUIRE(jails.size() == 1);
  CHECK(jails["coturn"].on);
  CHECK(jails["coturn"].file == "a");
  read_jails("[coturn]\n# enabled = true\nenabled=false\n", "b", jails);
  CHECK_FALSE(jails["coturn"].on);
}

TEST_CASE("a saved firewall that names what is ours is found by its line", "[doctor]") {
  CHECK(line_naming_us("table inet filter {\n}\ntable ip coturn-guard {\n") == 3);
  CHECK_FALSE(line_naming_us("# table ip coturn-guard\ntable inet filter {}\n"));
  CHECK(line_naming_us("*raw\n-A PREROUTING -m set --match-set coturn-guard-4 src -j DROP\n") == 2);
}

TEST_CASE("a user has the groups of passwd, of group and of his unit", "[doctor]") {
  const std::string passwd = "root:x:0:0:root:/root:/bin/sh\n_coturn-guard:x:900:901:x:/:/n\n";
  const std::string group = "adm:x:4:syslog,_coturn-guard\nsystemd-journal:x:101:\nx:x:7:other\n";
  auto user = user_of(passwd, group, "_coturn-guard");
  REQUIRE(user);
  CHECK(user->id == 900);
  CHECK(user->groups == std::vector<gid_t>{901, 4});
  add_unit_groups("[Service]\nSupplementaryGroups=systemd-journal nosuch\n", group, *user);
  CHECK(user->groups == std::vector<gid_t>{901, 4, 101});
  CHECK_FALSE(user_of(passwd, group, "nobody"));
}
