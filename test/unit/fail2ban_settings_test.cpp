// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/settings.hpp"

#include "support/catch.hpp"
#include "support/fail2ban_files.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;

TEST_CASE("of several files the later wins, conf before local, names in order", "[fail2ban][settings]") {
  const Files files{{"/f/jail.conf", "[DEFAULT]\na = 1\nb = 1\nc = 1\nd = 1\n[coturn]\n"},
                    {"/f/jail.d/20.conf", "[DEFAULT]\na = 3\n"},
                    {"/f/jail.d/10.conf", "[DEFAULT]\na = 2\nb = 2\n"},
                    {"/f/jail.d/.hidden.conf", "[DEFAULT]\nd = 2\n"},
                    {"/f/jail.local", "[DEFAULT]\nb = 4\nc = 4\n"},
                    {"/f/jail.d/x.local", "[DEFAULT]\nc = 5\n"}};
  fail2ban::Notes notes;
  const auto settings = fail2ban::read_settings("/f", "jail", in_memory(files), notes);
  CHECK(settings.get("coturn", "a", notes)->value == "3");
  CHECK(settings.get("coturn", "b", notes)->value == "4");
  CHECK(settings.get("coturn", "c", notes)->value == "5");
  CHECK(settings.get("coturn", "d", notes)->value == "1");
  CHECK(settings.get("coturn", "c", notes)->place() == "/f/jail.d/x.local:2");
  CHECK(notes.errors.empty());
  CHECK(notes.warnings.empty());
}

TEST_CASE("includes stand before and after their file, with a .local beside each", "[fail2ban][settings]") {
  const Files files{
      {"/f/jail.conf",
       "[INCLUDES]\nbefore = a.conf\n  sub/b.conf\nafter = /g/c.conf\n[DEFAULT]\nx = jail\ny = jail\n"
       "z = jail\n[coturn]\n"},
      {"/f/a.conf", "[INCLUDES]\nafter = a-too.local\n[DEFAULT]\nx = a\nv = a\n"},
      {"/f/a.local", "[DEFAULT]\nv = a.local\n"},
      {"/f/sub/b.conf", "[INCLUDES]\nbefore = deep.conf\n[DEFAULT]\nu = b\n"},
      {"/f/sub/deep.conf", "[DEFAULT]\nu = deep\nt = deep\n"},
      {"/g/c.conf", "[DEFAULT]\ny = c\n"}};
  fail2ban::Notes notes;
  const auto settings = fail2ban::read_settings("/f", "jail", in_memory(files), notes);
  for (const auto& [option, value] :
       Files{{"x", "jail"}, {"y", "c"}, {"z", "jail"}, {"v", "a.local"}, {"u", "b"}, {"t", "deep"}})
    CHECK(settings.get("coturn", option, notes)->value == value);
  CHECK(notes.errors.empty());
  CHECK(notes.warnings.empty());  // nobody misses a .local
}

TEST_CASE("an include that is missing is told with its own line, and reading goes on",
          "[fail2ban][settings]") {
  const Files files{
      {"/f/jail.conf", "[INCLUDES]\nbefore = a.conf\n  # b\n  gone.conf\n  /too.conf\n[coturn]\nport = 1\n"},
      {"/f/a.conf", "[DEFAULT]\n"}};
  fail2ban::Notes notes;
  const auto settings = fail2ban::read_settings("/f", "jail", in_memory(files), notes);
  REQUIRE(notes.warnings.size() == 2);
  CHECK(notes.warnings[0].starts_with("/f/jail.conf:4: includes /f/gone.conf, which is not there"));
  CHECK(notes.warnings[1].starts_with("/f/jail.conf:5: includes /too.conf, which is not there"));
  CHECK(notes.errors.empty());
  CHECK(settings.get("coturn", "port", notes)->value == "1");
}

TEST_CASE("files that include each other in a circle are read once more and no further",
          "[fail2ban][settings]") {
  const Files files{{"/f/jail.conf", "[INCLUDES]\nafter = a.conf\n[coturn]\nport = 1\n"},
                    {"/f/a.conf", "[INCLUDES]\nafter = jail.conf\n  b.conf\n[coturn]\nport = 2\n"},
                    {"/f/b.conf", "[INCLUDES]\nbefore = a.conf\n[coturn]\nport = 3\n"}};
  fail2ban::Notes notes;
  const auto settings = fail2ban::read_settings("/f", "jail", in_memory(files), notes);
  CHECK(settings.get("coturn", "port", notes)->value == "3");
  CHECK(notes.errors.empty());
  CHECK_FALSE(notes.warnings.empty());
  CHECK(notes.warnings[0].starts_with("/f/a.conf:2: /f/jail.conf includes itself"));
}

TEST_CASE("a circle that hides behind names like ../f is stopped", "[fail2ban][settings]") {
  Files files;
  std::string path = "/f/jail.conf";
  for (int i = 0; i < 40; ++i, path = path.substr(0, path.rfind('/')) + "/../f/jail.conf")
    files[path] = "[INCLUDES]\nbefore = ../f/jail.conf\n[coturn]\n";
  fail2ban::Notes notes;
  (void)fail2ban::read_settings("/f", "jail", in_memory(files), notes);
  REQUIRE(notes.errors.size() == 1);
  CHECK(notes.errors[0].find(":2: includes are nested deeper than 32") != std::string::npos);
}

TEST_CASE("includes that multiply are stopped", "[fail2ban][settings]") {
  Files files;
  for (int i = 0; i < 30; ++i) {
    const auto next = std::to_string(i + 1) + ".conf";
    files["/f/" + (i == 0 ? "jail" : std::to_string(i)) + ".conf"] =
        "[INCLUDES]\nbefore = " + next + "\n  " + next + "\n[x]\n";
  }
  fail2ban::Notes notes;
  (void)fail2ban::read_settings("/f", "jail", in_memory(files), notes);
  REQUIRE_FALSE(notes.errors.empty());
  CHECK(notes.errors[0].find("more than 1000 files") != std::string::npos);
}

TEST_CASE("mistakes of all files are told, and a file that is no UTF-8 is left out", "[fail2ban][settings]") {
  const Files files{{"/f/jail.conf", "[INCLUDES]\nbefore = a.conf\n[coturn]\nnonsense\n"},
                    {"/f/a.conf", "[x]\n[x]\n"},
                    {"/f/jail.local", "[coturn]\nport = \xff\n"}};
  fail2ban::Notes notes;
  const auto settings = fail2ban::read_settings("/f", "jail", in_memory(files), notes);
  REQUIRE(notes.errors.size() == 2);
  CHECK(notes.errors[0].starts_with("/f/jail.conf:4: "));
  CHECK(notes.errors[1].starts_with("/f/a.conf:2: "));
  REQUIRE(notes.warnings.size() == 1);
  CHECK(notes.warnings[0].starts_with("/f/jail.local: is not UTF-8"));
  CHECK_FALSE(settings.get("coturn", "port", notes));
}

TEST_CASE("no configuration at all is an error that says where it was looked for", "[fail2ban][settings]") {
  fail2ban::Notes notes;
  (void)fail2ban::read_settings("/f", "jail", in_memory({}), notes);
  REQUIRE(notes.errors.size() == 1);
  CHECK(notes.errors[0].starts_with("/f/jail.conf: is not there"));
}

TEST_CASE("references mean the section's options, then [DEFAULT]'s", "[fail2ban][settings]") {
  const Imported in(
      Files{{"/f/jail.conf",
             "[DEFAULT]\nlog = /var/log\nmaxretry = 7\nport = %(maxretry)s\n[other]\nlogpath = /x/%(log)s\n"
             "[coturn]\nlog = /srv\nlogpath = %(log)s/%(__name__)s.log\n"
             "usedns = 100%%\nfindtime = %(default/maxretry)s\nbantime = %(other/logpath)s\n"
             "ignoreip = %(other/maxretry)s\n"}});
  CHECK(in.value("logpath") == "/srv/coturn.log");
  CHECK(in.value("port") == "7");
  CHECK(in.value("usedns") == "100%");
  CHECK(in.value("findtime") == "7");
  CHECK(in.value("bantime") == "/x//srv");  // what it refers to is looked up here, not there
  CHECK(in.value("ignoreip") == "7");
  CHECK(in.notes.errors.empty());
}

TEST_CASE("known/ is what an earlier file said, what the filter says, or the default",
          "[fail2ban][settings]") {
  const Imported in(Files{{"/f/jail.conf", "[DEFAULT]\nfindtime = 9\n[coturn]\nport = 1\nfilter = my[x=1]\n"},
                          {"/f/jail.local",
                           "[coturn]\nport = %(known/port)s,2\nfindtime = %(known/findtime)s0\n"
                           "failregex = %(known/failregex)s\n  two\n"},
                          {"/f/filter.d/my.conf", "[Definition]\nfailregex = one %(x)s\nx = <y>\n"},
                          {"/f/filter.d/my.local", "[Definition]\nx = z\n"}});
  CHECK(in.value("port") == "1,2");
  CHECK(in.value("findtime") == "90");
  CHECK(in.value("failregex") == "one z\ntwo");
  CHECK(in.notes.errors.empty());
}

TEST_CASE("broken references are told with the line in which they stand", "[fail2ban][settings]") {
  const Imported in(Files{{"/f/jail.conf",
                           "[DEFAULT]\nbad = %(nowhere)s\n[coturn]\nlogpath = /a\n  %(gone)s\nbantime = 5%\n"
                           "findtime = %(findtime)s\nmaxretry = %(bad)s\nignoreip = %(open\nbackend = %x\n"
                           "usedns = %(Other/x)s\n"}});
  const auto& errors = in.notes.errors;
  const auto told = [&](std::string_view begin) {
    return std::count_if(errors.begin(), errors.end(),
                         [&](const std::string& one) { return one.starts_with(begin); });
  };
  CHECK(told("/f/jail.conf:5: \"%(gone)s\" names an option that neither [coturn] nor [DEFAULT] has") == 1);
  CHECK(told("/f/jail.conf:6: \"%\" is no reference") == 1);
  CHECK(told("/f/jail.conf:7: references lead on for more than 10 steps") == 1);
  CHECK(told("/f/jail.conf:2: \"%(nowhere)s\" names an option") == 1);
  CHECK(told("/f/jail.conf:9: \"%(open\" is no reference") == 1);
  CHECK(told("/f/jail.conf:10: \"%x\" is no reference") == 1);
  CHECK(told("/f/jail.conf:11: \"%(other/x)s\" names an option") == 1);
  CHECK(errors.size() == 7);
}

TEST_CASE("references that multiply are stopped", "[fail2ban][settings]") {
  std::string text = "[coturn]\na0 = xxxxxxxxxxxxxxxx\ne0 =\n";
  for (int i = 1; i < 9; ++i)
    for (const char c : {'a', 'e'}) {
      text += std::string(1, c) + std::to_string(i) + " =";
      for (int j = 0; j < 20; ++j) text += " %(" + std::string(1, c) + std::to_string(i - 1) + ")s";
      text += "\n";
    }
  const Imported in(Files{{"/f/jail.conf", text + "bantime = %(a8)s\nfindtime = %(e8)s\n"}});
  CHECK(in.notes.errors.size() == 2);
}

TEST_CASE("an option that no jail needs may be broken", "[fail2ban][settings]") {
  const Imported in(
      Files{{"/f/jail.conf",
             "[DEFAULT]\nx = %(y)s\n[other]\nport = %(z)s\n[coturn]\nmine = %(w)s\nport = 5349\n"}});
  CHECK(in.notes.errors.empty());
}
