// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/ini_file.hpp"

#include <algorithm>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace coturn_guard::fail2ban;

namespace {

std::string value(const IniFile& file, std::string_view section, std::string_view option) {
  const auto* const found = section == "DEFAULT" ? &file.defaults : file.find(section);
  const auto* const at = found == nullptr ? nullptr : found->find(option);
  return at == nullptr ? "(none)" : at->value;
}

IniFile fine(std::string_view text) {
  Problems problems;
  auto file = parse_ini(text, "a.conf", problems);
  CHECK(problems == Problems{});
  return file;
}

Problems wrong(std::string_view text) {
  Problems problems;
  (void)parse_ini(text, "a.conf", problems);
  return problems;
}

}  // namespace

TEST_CASE("options are known by section, in lower case, without the blanks around them", "[fail2ban][ini]") {
  const auto file = fine("[DEFAULT]\nFindTime  =  1h \n[coturn]\nport: 5349\n[Other]\nport=\n");
  CHECK(value(file, "DEFAULT", "findtime") == "1h");
  CHECK(value(file, "coturn", "port") == "5349");
  CHECK(value(file, "Other", "port").empty());
  CHECK(value(file, "other", "port") == "(none)");
}

TEST_CASE("a comment begins with # at the line's start, or with ; after a blank", "[fail2ban][ini]") {
  const auto file = fine("# a\n ; b\n[x]\na = 1 ; c\nb = 1;2\nc = 1 # 2\nd = ;3\n");
  CHECK(value(file, "x", "a") == "1");
  CHECK(value(file, "x", "b") == "1;2");
  CHECK(value(file, "x", "c") == "1 # 2");
  CHECK(value(file, "x", "d").empty());
}

TEST_CASE("a value goes on in indented lines, over empty ones and comments, and each line is known",
          "[fail2ban][ini]") {
  const auto file = fine("[x]\nlogpath = /a\n   /b\n\n # no\n\t/c\n\nnext = 1\n");
  CHECK(value(file, "x", "logpath") == "/a\n/b\n\n/c");
  CHECK(file.find("x")->find("logpath")->lines == std::vector<unsigned>{2, 3, 4, 6});
  CHECK(value(file, "x", "next") == "1");
}

TEST_CASE("an indented option after a section is an option, and indents count from there",
          "[fail2ban][ini]") {
  const auto file = fine("[x]\n  a = 1\n  b = 2\n    more = 3\nc = 4");
  CHECK(value(file, "x", "a") == "1");
  CHECK(value(file, "x", "b") == "2\nmore = 3");
  CHECK(value(file, "x", "c") == "4");
}

TEST_CASE("lines end as in Python: at \\n, \\r\\n and \\r", "[fail2ban][ini]") {
  const auto file = fine("[x]\r\na = 1\rb = 2\r\n\r\nc = 3");
  CHECK(value(file, "x", "a") == "1");
  CHECK(value(file, "x", "b") == "2");
  CHECK(value(file, "x", "c") == "3");
}

TEST_CASE("[DEFAULT] may stand twice in a file, other sections and options may not", "[fail2ban][ini]") {
  fine("[DEFAULT]\na = 1\n[x]\na = 2\n[DEFAULT]\nb = 2\n");
  CHECK(wrong("[x]\na = 1\n[y]\n[x]\n") ==
        Problems{"a.conf:4: [x] stands twice in this file, first in line 1"});
  CHECK(wrong("[x]\na = 1\nA: 2\n") == Problems{"a.conf:3: \"a\" stands twice in [x], first in line 2"});
  CHECK(wrong("[DEFAULT]\na = 1\n[DEFAULT]\na = 2\n") ==
        Problems{"a.conf:4: \"a\" stands twice in [DEFAULT], first in line 2"});
}

TEST_CASE("all mistakes of a file are told, each with its line", "[fail2ban][ini]") {
  CHECK(wrong("[x]\nnonsense\na = 1\n= 2\n[]\n") ==
        Problems{"a.conf:2: neither `name = value` nor [section]", "a.conf:4: a value without a name",
                 "a.conf:5: neither `name = value` nor [section]"});
  CHECK(wrong("\na = 1\n[x]\n") == Problems{"a.conf:2: nothing may stand before the first [section]"});
  CHECK(wrong("\xef\xbb\xbf[x]\n") == Problems{"a.conf:1: nothing may stand before the first [section]"});
  std::string many = "[x]\n";
  for (int i = 0; i < 1000; ++i) many += "nonsense\n";
  CHECK(wrong(many).size() == kMostIniProblems);
}

TEST_CASE("a file that is too large is refused", "[fail2ban][ini]") {
  CHECK(wrong(std::string(kMostIniBytes + 1, '#')).size() == 1);
  CHECK(wrong(std::string(kMostIniBytes, '#')).empty());
}
