// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/state_db.hpp"

#include <filesystem>
#include <fstream>

#include "control/state_codec.hpp"
#include "control/state_writer.hpp"
#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

namespace coturn_guard {
namespace {

constexpr std::chrono::milliseconds kNoPatience{0};

Prefix network(const char* text) {
  return *Prefix::parse(text);
}

StateBatch some() {
  StateBatch batch;
  batch.head = {{"boot", 5, 6, kScaleOrigin + 7}, {1, ~std::uint64_t{0}}, "a\nb\n", "file\n/var/log/x", 3600};
  SavedOffender offender{.network = network("192.0.2.1"),
                         .last_seen = 50,
                         .banned_until = 60,
                         .last_ban_seconds = 70,
                         .earlier_bans = 8};
  offender.window = {std::uint64_t{40} << 25 | 1000, std::uint64_t{50} << 25 | 1 << 24 | 2000};
  batch.offenders = {offender};
  batch.bans = {{.network = network("2001:db8::/64"),
                 .address = *Address::parse("2001:db8::7"),
                 .until = 9,
                 .since = 8,
                 .cause = SavedBan::Cause::manual,
                 .rule = "connection-reset",
                 .evidence = 1,
                 .points_milli = 3000,
                 .earlier_bans = 2,
                 .forced = true,
                 .reason = "by hand"}};
  batch.records = {{SavedRecord::Kind::session, std::string("\0k", 2), "value"}};
  return batch;
}

StateDb opened(const std::string& file) {
  auto db = StateDb::open(file, kNoPatience);
  REQUIRE(db);
  return std::move(*db);
}

}  // namespace

TEST_CASE("what is committed is what is loaded", "[control][state_db]") {
  const TemporaryDirectory place;
  const std::string file = place / "state.db";
  {
    auto db = opened(file);
    CHECK_FALSE(db.load().value().has_value());
    REQUIRE(db.commit(some()));
  }
  auto db = opened(file);
  const auto loaded = db.load();
  REQUIRE(loaded);
  REQUIRE(loaded->has_value());
  const SavedState& state = **loaded;
  CHECK(state.head.mark == some().head.mark);
  CHECK(state.head.seed == some().head.seed);
  CHECK(state.head.rules == "a\nb\n");
  CHECK(state.head.source == some().head.source);
  CHECK(state.head.findtime_seconds == 3600);
  CHECK(state.offenders == some().offenders);
  CHECK(state.bans == some().bans);
  CHECK(state.records == some().records);
  CHECK(db.bytes() > 0);
}

TEST_CASE("what is gone is gone before what is there is written", "[control][state_db]") {
  const TemporaryDirectory place;
  auto db = opened(place / "state.db");
  REQUIRE(db.commit(some()));
  StateBatch batch = some();
  batch.offenders_gone = {network("192.0.2.1")};
  batch.offenders.front().earlier_bans = 9;
  batch.bans_gone = {network("2001:db8::/64")};
  batch.bans.clear();
  batch.records_gone = {{SavedRecord::Kind::session, std::string("\0k", 2)}};
  batch.records.clear();
  REQUIRE(db.commit(batch));
  auto state = db.load().value().value();
  CHECK(state.offenders == batch.offenders);
  CHECK(state.bans.empty());
  CHECK(state.records.empty());
  StateBatch nothing;
  nothing.head = some().head;
  nothing.clear_offenders = true;
  REQUIRE(db.commit(nothing));
  CHECK(db.load().value().value().offenders.empty());
}

TEST_CASE("a file of a later version is left alone", "[control][state_db]") {
  const TemporaryDirectory place;
  const std::string file = place / "state.db";
  {
    auto database = Database::open(file, Database::Access::change, kNoPatience);
    REQUIRE(database->execute("CREATE TABLE head (x); PRAGMA user_version = 99"));
  }
  const auto db = StateDb::open(file, kNoPatience);
  REQUIRE_FALSE(db);
  CHECK(db.error().trouble == StateTrouble::newer);
}

TEST_CASE("what is no state file is told as broken, whatever is wrong with it", "[control][state_db]") {
  const TemporaryDirectory place;
  const std::string file = place / "state.db";
  {
    auto db = opened(file);
    StateBatch batch = some();
    for (std::uint32_t i = 0; i < 2000; ++i) {
      batch.offenders.push_back(batch.offenders.front());
      batch.offenders.back().network = Prefix(Address::v4(0x0a000000 + i), 32);
    }
    REQUIRE(db.commit(batch));
  }
  const auto size = std::filesystem::file_size(file);
  SECTION("garbage") {
    std::ofstream(file) << std::string(5000, 'x');
  }
  SECTION("cut in the middle") {
    std::filesystem::resize_file(file, size / 2);
  }
  SECTION("overwritten within") {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    for (std::uintmax_t page = 4096; page + 4096 <= size; page += 4096) {
      stream.seekp(static_cast<std::streamoff>(page));
      stream << std::string(512, '\xff');
    }
  }
  SECTION("tables of somebody else's") {
    std::filesystem::remove(file);
    auto database = Database::open(file, Database::Access::change, kNoPatience);
    REQUIRE(database->execute("CREATE TABLE head (x)"));
  }
  const auto seen = StateDb::open(file, kNoPatience).and_then([](StateDb db) {
    return db.load().and_then([&](const auto&) { return db.check(); });
  });
  REQUIRE_FALSE(seen);
  CHECK(seen.error().trouble == StateTrouble::broken);
  CHECK(seen.error().error.message().find(file) != std::string::npos);
  const auto aside = set_aside(file, 123);
  REQUIRE(aside);
  CHECK(*aside == file + ".broken-123");
  CHECK(std::filesystem::exists(*aside));
  CHECK(StateDb::open(file, kNoPatience));
}

TEST_CASE("a record that is none of ours makes a broken file", "[control][state_db]") {
  const TemporaryDirectory place;
  const std::string file = place / "state.db";
  auto db = opened(file);
  REQUIRE(db.commit(some()));
  auto other = Database::open(file, Database::Access::change, kNoPatience);
  REQUIRE(other->execute("UPDATE offender SET network = x'00'"));
  const auto loaded = db.load();
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().trouble == StateTrouble::broken);
}

TEST_CASE("the writer tells what became of each batch, once", "[control][state_writer]") {
  const TemporaryDirectory place;
  StateWriter writer(place / "state.db", std::nullopt);
  CHECK(writer.idle());
  writer.write(some(), true, 1);
  REQUIRE(writer.wait(std::chrono::seconds(10)));
  const auto outcome = writer.take_outcome();
  REQUIRE(outcome);
  CHECK_FALSE(outcome->failure);
  CHECK(outcome->bytes > 0);
  CHECK_FALSE(writer.take_outcome());
}

TEST_CASE("the writer sets a broken file aside and writes a new one", "[control][state_writer]") {
  const TemporaryDirectory place;
  const std::string file = place / "state.db";
  std::ofstream(file) << std::string(5000, 'x');
  {
    StateWriter writer(file, std::nullopt);
    writer.write(some(), true, 2);
    REQUIRE(writer.wait(std::chrono::seconds(10)));
    const auto outcome = writer.take_outcome();
    REQUIRE(outcome);
    CHECK_FALSE(outcome->failure);
    CHECK(outcome->set_aside == file + ".broken-2");
  }
  CHECK(opened(file).load().value().has_value());
}

TEST_CASE("networks and windows decode to what was encoded, and to nothing else", "[control][state_codec]") {
  for (const char* text : {"192.0.2.1/32", "10.0.0.0/8", "2001:db8::/64", "::/0"}) {
    Prefix decoded;
    REQUIRE(decode_network(encode_network(network(text)), decoded));
    CHECK(decoded == network(text));
  }
  auto bytes = encode_network(network("192.0.2.1/32"));
  Prefix decoded;
  bytes.back() = 24;  // host bits
  CHECK_FALSE(decode_network(bytes, decoded));
  bytes.back() = 200;
  CHECK_FALSE(decode_network(bytes, decoded));
  CHECK_FALSE(decode_network(std::span(bytes).first(16), decoded));

  std::array<std::uint64_t, 8> window{1, ~std::uint64_t{0}, 3};
  std::array<std::uint64_t, 8> back{};
  REQUIRE(decode_window(encode_window(window), back));
  CHECK(back == window);
  CHECK_FALSE(decode_window(std::vector<std::uint8_t>(7), back));
  CHECK_FALSE(decode_window(std::vector<std::uint8_t>(72), back));
}

}  // namespace coturn_guard
