// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/bans.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "util/duration.hpp"

using namespace coturn_guard;
using namespace coturn_guard::fail2ban;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

std::vector<ImportedBan> import(std::vector<BanRow> rows, std::int64_t bantime = 600) {
  return imported_bans(rows, bantime, kNow).bans;
}

}  // namespace

TEST_CASE("a living ban has what is left of it, one that is over only its history", "[fail2ban][bans]") {
  const auto bans = import(
      {{"192.0.2.1", kNow - 100, 600, 3}, {"192.0.2.2", kNow - 600, 600, 1}, {"2001:db8::1", kNow, 60, 2}});
  REQUIRE(bans.size() == 3);
  CHECK(bans[0].prefix.to_string() == "192.0.2.1/32");
  CHECK(bans[0].left == 500s);
  CHECK(bans[0].earlier_bans == 3);
  CHECK(bans[1].left == 0s);
  CHECK(bans[1].earlier_bans == 1);
  CHECK(bans[2].left == 60s);
}

TEST_CASE("bans for ever, of unknown length and of mad clocks stay in range", "[fail2ban][bans]") {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  const auto bans = import({{"192.0.2.1", kNow, -1, 1},
                            {"192.0.2.2", kNow - 100, -2, 1},
                            {"192.0.2.3", kMost, kMost, kMost},
                            {"192.0.2.4", -kMost, kMost, -kMost}});
  REQUIRE(bans.size() == 4);
  CHECK(bans[0].left == kLongestDuration);
  CHECK(bans[1].left == 500s);
  CHECK(bans[2].left == kLongestDuration);
  CHECK(bans[2].earlier_bans == kMostEarlierBans);
  CHECK(bans[3].left == 0s);
  CHECK(bans[3].earlier_bans == 1);
}

TEST_CASE("the rows of several jails are one address's history", "[fail2ban][bans]") {
  const auto bans = import({{"192.0.2.1", kNow - 10, 60, 2}, {"192.0.2.1", kNow - 10, 0, 5}});
  REQUIRE(bans.size() == 1);
  CHECK(bans[0].left == 50s);
  CHECK(bans[0].earlier_bans == 7);
}

TEST_CASE("what is no address is counted and left out", "[fail2ban][bans]") {
  const std::vector<BanRow> rows{{"alice", kNow, 60, 1}, {"", kNow, 60, 1}, {"192.0.2.0/24", kNow, 60, 1}};
  const auto bans = imported_bans(rows, 600, kNow);
  CHECK(bans.no_addresses == 2);
  REQUIRE(bans.bans.size() == 1);
  CHECK(bans.bans[0].prefix.to_string() == "192.0.2.0/24");
}

TEST_CASE("a request is one line of JSON, and the longest fits its bound", "[fail2ban][bans]") {
  const ImportedBan widest{*Prefix::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), kLongestDuration,
                           kMostEarlierBans};
  const std::vector<ImportedBan> many(kMostBansARequest + 1, widest);
  const std::string line = adopt_request(many);
  CHECK(line.size() < kMostRequestBytes);
  CHECK(line.find('\n') == std::string::npos);
  const auto json = nlohmann::json::parse(line);
  CHECK(json["verb"] == "adopt");
  CHECK(json["bans"].size() == kMostBansARequest);
  CHECK(json["bans"][0]["seconds"] == kLongestDuration.count());
  CHECK(nlohmann::json::parse(adopt_request({}))["bans"].empty());
}

TEST_CASE("bans are handed over in portions until one is refused", "[fail2ban][bans]") {
  const std::vector<ImportedBan> many(1201, {*Prefix::parse("192.0.2.1"), 1s, 1});
  std::vector<std::size_t> portions;
  const auto all = hand_over(many, [&](std::span<const ImportedBan> bans) -> Result<> {
    portions.push_back(bans.size());
    return {};
  });
  CHECK(all);
  CHECK(portions == std::vector<std::size_t>{500, 500, 201});
  portions.clear();
  const auto some = hand_over(many, [&](std::span<const ImportedBan> bans) -> Result<> {
    portions.push_back(bans.size());
    if (portions.size() == 2) return fail("full");
    return {};
  });
  CHECK_FALSE(some);
  CHECK(portions.size() == 2);
}
