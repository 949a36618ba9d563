// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/history.hpp"

#include <filesystem>
#include <fstream>
#include <thread>

#include "control/history_writer.hpp"
#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

const WallTime kStart = WallTime(std::chrono::hours(500'000));

Minute minute(std::chrono::minutes since_start, std::uint64_t resets, std::uint64_t bans = 0) {
  Minute made;
  made.start = kStart + since_start;
  made.counts.lines = 10 * resets;
  made.counts.recognised = resets;
  made.counts.dropped = 7;
  made.counts.recipe_bans = 2;
  made.counts.recipe_customers = 1;
  made.counts.offences[{"connection-reset", Evidence::proven}] = resets;
  made.counts.offences[{"password-guess", Evidence::tainted}] = 1;
  if (bans > 0) made.counts.bans["connection-reset"] = bans;
  for (std::uint64_t i = 0; i < bans; ++i)
    made.bans.push_back({.when = made.start + std::chrono::seconds(i),
                         .prefix = *Prefix::parse("203.0.113.5"),
                         .duration = 60s,
                         .rule = "connection-reset",
                         .evidence = Evidence::proven,
                         .points = {3000},
                         .earlier_bans = static_cast<std::uint32_t>(i)});
  made.recipe_bans.push_back(
      {.when = made.start, .address = *Address::parse("192.0.2.1"), .duration = 120s, .customer = true});
  return made;
}

History opened(const std::string& file) {
  auto history = History::open(file);
  REQUIRE(history);
  return std::move(*history);
}

Past everything(const std::string& file) {
  auto past = read_history(file, kStart - 365 * 24h, kStart + 365 * 24h);
  REQUIRE(past);
  return *std::move(past);
}

std::uint64_t resets_in(const Past& past) {
  std::uint64_t sum = 0;
  for (const PastSlot& slot : past.slots)
    if (const auto found = slot.counts.offences.find({"connection-reset", Evidence::proven});
        found != slot.counts.offences.end())
      sum += found->second;
  return sum;
}

}  // namespace

TEST_CASE("what a minute held is read again as it was", "[control][history]") {
  const TemporaryDirectory place;
  auto history = opened(place / "history.db");
  REQUIRE(history.add(minute(5min, 40, 2)));
  const Past past = everything(place / "history.db");
  REQUIRE(past.slots.size() == 1);
  CHECK(past.slots[0].start == kStart + 5min);
  const MinuteCounts& counts = past.slots[0].counts;
  CHECK(counts.lines == 400);
  CHECK(counts.recognised == 40);
  CHECK(counts.dropped == 7);
  CHECK(counts.recipe_bans == 2);
  CHECK(counts.recipe_customers == 1);
  CHECK(counts.offences.at({"connection-reset", Evidence::proven}) == 40);
  CHECK(counts.offences.at({"password-guess", Evidence::tainted}) == 1);
  CHECK(counts.bans.at("connection-reset") == 2);
  REQUIRE(past.bans.size() == 2);
  CHECK(past.bans[1].when == kStart + 5min + 1s);
  CHECK(past.bans[1].prefix.to_string() == "203.0.113.5/32");
  CHECK(past.bans[1].duration == 60s);
  CHECK(past.bans[1].points == Points{3000});
  CHECK(past.bans[1].earlier_bans == 1);
  REQUIRE(past.recipe_bans.size() == 1);
  CHECK(past.recipe_bans[0].customer);
}

TEST_CASE("bans that were ended are kept, and a file of before has none", "[control][history]") {
  const TemporaryDirectory place;
  {
    auto history = opened(place / "history.db");
    Minute made;
    made.start = kStart;
    made.unbans.push_back({kStart + 7s, *Prefix::parse("203.0.113.5"), "manual"});
    CHECK_FALSE(made.empty());
    REQUIRE(history.add(made));
  }
  const Past past = everything(place / "history.db");
  REQUIRE(past.unbans.size() == 1);
  CHECK(past.unbans[0].when == kStart + 7s);
  CHECK(past.unbans[0].prefix.to_string() == "203.0.113.5/32");
  CHECK(past.unbans[0].reason == "manual");
  auto database = Database::open(place / "history.db", Database::Access::change, std::chrono::seconds(1));
  REQUIRE(database);
  REQUIRE(database->execute("DROP TABLE unban"));  // as 0.1.0 made it
  CHECK(everything(place / "history.db").unbans.empty());
}

TEST_CASE("the rest of a minute after a restart is added to its beginning", "[control][history]") {
  const TemporaryDirectory place;
  REQUIRE(opened(place / "history.db").add(minute(0min, 3)));
  REQUIRE(opened(place / "history.db").add(minute(0min, 4)));
  const Past past = everything(place / "history.db");
  REQUIRE(past.slots.size() == 1);
  CHECK(resets_in(past) == 7);
}

TEST_CASE("minutes become hours after two days, hours go after ninety, and no offence is lost before",
          "[control][history]") {
  const TemporaryDirectory place;
  auto history = opened(place / "history.db");
  for (int hour = 0; hour < 60; ++hour)
    for (int quarter = 0; quarter < 4; ++quarter)
      REQUIRE(history.add(minute(hour * 60min + quarter * 15min, 1, 1)));
  Past past = everything(place / "history.db");
  CHECK(resets_in(past) == 240);
  CHECK(past.slots.size() == 11 + 49 * 4);
  CHECK(past.slots[0].start == kStart);
  CHECK(past.slots[0].counts.lines == 40);
  CHECK(past.slots[0].counts.bans.at("connection-reset") == 4);
  CHECK(past.slots[1].start == kStart + 1h);
  REQUIRE(history.add(minute(30 * 24 * 60min, 5)));
  REQUIRE(history.add(minute(91 * 24 * 60min, 6)));
  past = everything(place / "history.db");
  // Of the first sixty hours those are left that began less than ninety days before: thirty-six.
  CHECK(resets_in(past) == 36 * 4 + 5 + 6);
  CHECK(past.bans.size() == 36 * 4);
}

TEST_CASE("a file that is no database is put aside, a later version's is left alone", "[control][history]") {
  const TemporaryDirectory place;
  const std::string file = place / "history.db";
  std::ofstream(file) << std::string(5000, 'x');
  REQUIRE(opened(file).add(minute(0min, 3)));
  CHECK(std::filesystem::file_size(file + ".broken") == 5000);
  CHECK(resets_in(everything(file)) == 3);
  {
    auto database = Database::open(file, Database::Access::change, 0ms);
    REQUIRE(database);
    REQUIRE(database->execute("PRAGMA user_version = 2"));
  }
  const auto refused = History::open(file);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message(), contains_text("a later version"));
  CHECK_FALSE(read_history(file, kStart, kStart));
}

TEST_CASE("the writer has written what it was given when it is gone, and tells what failed",
          "[control][history]") {
  const TemporaryDirectory place;
  {
    HistoryWriter writer(place / "history.db");
    for (int i = 0; i < 3; ++i) writer.write(minute(i * 1min, 5));
  }
  CHECK(resets_in(everything(place / "history.db")) == 15);
  HistoryWriter lost(place / "nowhere/history.db");
  lost.write(minute(0min, 1));
  std::optional<Error> failure;
  for (int i = 0; i < 500 && !failure; ++i) {
    std::this_thread::sleep_for(10ms);
    failure = lost.take_failure();
  }
  REQUIRE(failure);
  CHECK_THAT(failure->message(), contains_text("nowhere/history.db"));
  CHECK(lost.left_out() == 1);
}
