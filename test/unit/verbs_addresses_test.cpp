// SPDX-License-Identifier: GPL-3.0-or-later
#include "verbs/addresses.hpp"

#include <sstream>

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

tl::expected<std::vector<Prefix>, Problems> read(const std::vector<std::string>& arguments,
                                                 const std::string& input = {}) {
  std::istringstream stream(input);
  return read_addresses(arguments, stream);
}

}  // namespace

TEST_CASE("addresses come from arguments and from standard input, in their order", "[verbs][addresses]") {
  const auto found =
      read({"192.0.2.1", "-", "2001:db8::/64"}, "# a list\n198.51.100.0/24, 203.0.113.7 # two\r\n\n");
  REQUIRE(found);
  REQUIRE(found->size() == 4);
  CHECK((*found)[0].to_string() == "192.0.2.1/32");
  CHECK((*found)[1].to_string() == "198.51.100.0/24");
  CHECK((*found)[2].to_string() == "203.0.113.7/32");
  CHECK((*found)[3].to_string() == "2001:db8::/64");
}

TEST_CASE("a range is the fewest networks that are exactly it", "[verbs][addresses]") {
  const auto texts = [](const char* range) {
    std::vector<std::string> networks;
    const auto found = read({range});
    if (found)
      for (const Prefix& prefix : *found) networks.push_back(prefix.to_string());
    return networks;
  };
  using Texts = std::vector<std::string>;
  CHECK(texts("192.0.2.5-192.0.2.9") == Texts{"192.0.2.5/32", "192.0.2.6/31", "192.0.2.8/31"});
  CHECK(texts("192.0.2.0-192.0.2.255") == Texts{"192.0.2.0/24"});
  CHECK(texts("192.0.2.7-192.0.2.7") == Texts{"192.0.2.7/32"});
  CHECK(texts("0.0.0.0-255.255.255.255") == Texts{"0.0.0.0/0"});
  CHECK(texts("2001:db8::-2001:db8:0:1:ffff:ffff:ffff:ffff") == Texts{"2001:db8::/63"});
  CHECK(texts("2001:db8::1-2001:db8:ffff:ffff:ffff:ffff:ffff:fffe").size() == 190);
  for (const char* wrong : {"192.0.2.9-192.0.2.5", "192.0.2.1-2001:db8::1", "192.0.2.1-", "-192.0.2.1",
                            "192.0.2.0/24-192.0.3.0/24", "192.0.2.1-192.0.2.3-192.0.2.5", "::1-2001:db8::"})
    CHECK_FALSE(read({wrong}));
}

TEST_CASE("what is no address is told with its place, all of it", "[verbs][addresses]") {
  const auto found = read({"192.0.2.1", "1.2.3", "-"}, "192.0.2.1\n  192.0.2.2 \x1b[31m\nx\n");
  REQUIRE_FALSE(found);
  CHECK(found.error() == Problems{R"(argument 2: "1.2.3" is no address or network)",
                                  R"(standard input:2:13: "\x1b[31m" is no address or network)",
                                  R"(standard input:3:1: "x" is no address or network)"});
}

TEST_CASE("of many mistakes the first ones are told", "[verbs][addresses]") {
  std::string text;
  for (int line = 0; line < 100; ++line) text += "x\n";
  const auto found = read({"-"}, text);
  REQUIRE_FALSE(found);
  CHECK(found.error().size() == 20);
  CHECK(found.error().back() == "and more");
}
