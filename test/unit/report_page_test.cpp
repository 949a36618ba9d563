// SPDX-License-Identifier: GPL-3.0-or-later
#include "report/page.hpp"

#include <algorithm>

#include "report/plot.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

const WallTime kFrom = WallTime(std::chrono::hours(24 * 20'000));
const WallTime kUntil = kFrom + 7 * 24h;
const PageHead kHead{.host = "turn<1>", .asked = "7d", .version = "1"};

PastBan ban(const char* prefix, std::chrono::seconds duration, const char* rule = "connection-reset") {
  return {
      .when = kFrom + 1h, .prefix = *Prefix::parse(prefix), .duration = duration, .rule = rule, .points = {}};
}

PastSlot slot(std::chrono::minutes since, const char* rule, std::uint64_t offences, std::uint64_t bans) {
  PastSlot made{.start = kFrom + since, .counts = {}};
  made.counts.lines = 100;
  made.counts.recognised = 50;
  made.counts.offences[{rule, Evidence::proven}] = offences;
  if (bans > 0) made.counts.bans[rule] = bans;
  return made;
}

std::size_t occurrences(const std::string& text, std::string_view word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("numbers are sums of what was read, bucket by bucket", "[report]") {
  Past past;
  past.slots = {slot(0min, "connection-reset", 3, 1), slot(1min, "connection-reset", 4, 0),
                slot(3 * 24 * 60min, "password-guess", 20, 2)};
  past.bans = {ban("203.0.113.5", 60s), ban("203.0.113.6", 60s), ban("203.0.113.5", 120s, "password-guess"),
               ban("2001:db8:1:2::/64", 60s)};
  past.recipe_bans = {
      {.when = kFrom, .address = *Address::parse("203.0.113.5"), .duration = 60s},
      {.when = kFrom, .address = *Address::parse("2001:db8:1:2::9"), .duration = 60s},
      {.when = kFrom, .address = *Address::parse("192.0.2.1"), .duration = 60s, .customer = true}};
  const ReportNumbers numbers = summarise(past, kFrom, kUntil);
  CHECK(numbers.buckets <= kMostBuckets);
  CHECK(numbers.bucket == 2h);
  CHECK(numbers.lines == 300);
  CHECK(numbers.offences_total == 27);
  CHECK(numbers.bans_total == 3);
  REQUIRE(numbers.offences.size() == 2);
  CHECK(numbers.offences[0].name == "password-guess");
  CHECK(numbers.offences[1].values[0] == 7);
  CHECK(numbers.offences[0].values[36] == 20);
  CHECK(numbers.evidence[0] == 27);
  REQUIRE(numbers.networks.size() == 2);
  CHECK(numbers.networks[0].network.to_string() == "203.0.113.0/24");
  CHECK(numbers.networks[0].bans == 3);
  CHECK(numbers.networks[0].networks == 2);
  CHECK(numbers.networks[0].longest == 120s);
  CHECK(numbers.networks[0].rule == "connection-reset");
  CHECK(numbers.networks[1].network.to_string() == "2001:db8:1::/48");
  REQUIRE(numbers.ladder.size() == 2);
  CHECK(numbers.ladder[0].bans == 3);
  CHECK(numbers.recipe.both == 2);
  CHECK(numbers.recipe.only_ours == 1);
  CHECK(numbers.recipe.only_recipe == 1);
  REQUIRE(numbers.recipe.spared.size() == 1);
  CHECK(numbers.recipe.spared[0].customer);
}

TEST_CASE("what was done by hand is told apart, and compared with no recipe", "[report]") {
  Past past;
  past.slots = {slot(0min, kByHand, 0, 2), slot(0min, "connection-reset", 3, 1)};
  past.bans = {ban("203.0.113.5", 2h, kByHand), ban("203.0.113.6", 60s)};
  past.unbans = {{kFrom, *Prefix::parse("203.0.113.5"), "manual"},
                 {kFrom, *Prefix::parse("203.0.113.7"), "an address of ours"}};
  const ReportNumbers numbers = summarise(past, kFrom, kUntil);
  CHECK(numbers.bans_total == 3);
  CHECK(numbers.bans_by_hand == 2);
  CHECK(numbers.unbans_by_hand == 1);
  CHECK(numbers.unbans_other == 1);
  CHECK(numbers.recipe.only_ours == 1);
  REQUIRE(numbers.ladder.size() == 1);
  CHECK(make_page(numbers, kHead).find("by hand 2 were begun and 1 ended") != std::string::npos);
}

TEST_CASE("every span has at most as many columns as the eye can tell apart", "[report]") {
  for (const auto span : {60s, 3600s, 5h + 0s, 24h + 0s, 7 * 24h + 0s, 30 * 24h + 0s, 90 * 24h + 0s}) {
    const ReportNumbers numbers = summarise({}, kUntil - span, kUntil);
    CHECK(numbers.buckets <= kMostBuckets);
    CHECK(numbers.from <= kUntil - span);
    CHECK(numbers.from + numbers.bucket * static_cast<std::int64_t>(numbers.buckets) > kUntil);
  }
}

TEST_CASE("rules beyond the colours become one, and lose nothing", "[report]") {
  Past past;
  for (int i = 0; i < 14; ++i) past.slots.push_back(slot(0min, ("rule-" + std::to_string(i)).c_str(), 10, 0));
  const ReportNumbers numbers = summarise(past, kFrom, kUntil);
  REQUIRE(numbers.offences.size() == kMostRules + 1);
  CHECK(numbers.offences.back().name == "other rules");
  CHECK(numbers.offences.back().total == 70);
  CHECK(numbers.offences_total == 140);
}

TEST_CASE("the page asks nobody for anything and runs nothing", "[report][page]") {
  Past past;
  past.slots = {slot(0min, "connection-reset", 3, 1)};
  past.bans = {ban("203.0.113.5", 60s)};
  const std::string page = make_page(summarise(past, kFrom, kUntil), kHead);
  for (const char* word : {"<script", "http://", "https://", "url(", "@import", "<img", "<iframe", "<form"}) {
    INFO(word);
    CHECK(occurrences(page, word) == 0);
  }
  CHECK(occurrences(page, "default-src 'none'") == 1);
  CHECK(occurrences(page, "role=\"img\" viewBox") ==
        occurrences(page, "aria-label=\"") - 1);  // one is the mix
  CHECK_THAT(page, contains_text(R"(id="offences-total" data-count="3")"));
  CHECK_THAT(page, contains_text(R"(id="bans-total" data-count="1")"));
}

TEST_CASE("hostile text stays text", "[report][page][hostile]") {
  CHECK(html("<script>&\"'") == "&lt;script&gt;&amp;\\&quot;&#39;");
  Past past;
  past.slots = {slot(0min, "\"><script>alert(1)</script>", 3, 1)};
  past.bans = {ban("203.0.113.5", 60s, "</table><b onclick='x'>\n\x1b\xff")};
  const std::string page = make_page(summarise(past, kFrom, kUntil), kHead);
  CHECK(occurrences(page, "<script") == 0);
  CHECK(occurrences(page, "<b onclick") == 0);
  CHECK(std::none_of(page.begin(), page.end(), [](char c) { return c == '\x1b' || c == '\xff'; }));
  CHECK_THAT(page, contains_text("coturn-guard on turn&lt;1&gt;"));
}

TEST_CASE("an empty history gives a page that says so", "[report][page]") {
  const std::string page = make_page(summarise({}, kFrom, kUntil), kHead);
  CHECK_THAT(page, contains_text("Nothing is known of this time"));
  CHECK(occurrences(page, "<svg") == 0);
}

TEST_CASE("columns end at the scale's top, whatever the numbers", "[report][plot]") {
  const Series series{.name = "x", .values = {0, 5, 18'000'000'000'000'000'000U, 1}, .total = 7};
  const Axis axis{.from = kFrom, .bucket = 1h, .buckets = 4};
  const std::string plot = stacked_columns({series}, axis, "x");
  CHECK(occurrences(plot, "<g>") == 3);
  CHECK(occurrences(plot, "nan") + occurrences(plot, "inf") + occurrences(plot, "=\"-") == 0);
  CHECK(short_duration(60s) == "1m");
  CHECK(short_duration(3 * 7 * 24h + 25h + 61s) == "3w 1d");
  CHECK(with_separators(1'234'567) == "1&#8239;234&#8239;567");
  CHECK(with_separators(999) == "999");
}
