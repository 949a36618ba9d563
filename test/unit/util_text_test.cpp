// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/text.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;

TEST_CASE("what could move a terminal or break a line is escaped", "[util][text]") {
  CHECK(escape("a\nb\r\t\x1b[31m\"\\") == "a\\nb\\r\\t\\x1b[31m\\\"\\\\");
  CHECK(escape("\xc3\xa9\xff") == "\\xc3\\xa9\\xff");
  CHECK(escape(std::string_view("\0x", 2)) == "\\x00x");
  CHECK(escape("alice") == "alice");
}

TEST_CASE("long text is cut and says so", "[util][text]") {
  CHECK(escape(std::string(kMaxPrintedBytes, 'x')).size() == kMaxPrintedBytes);
  CHECK(escape(std::string(kMaxPrintedBytes + 1, 'x')) == std::string(kMaxPrintedBytes, 'x') + "...");
}
