// SPDX-License-Identifier: GPL-3.0-or-later
#include "bans/ban_book.hpp"

#include "offence_book.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

constexpr HashSeed kSeed{1, 2};

Prefix host(std::uint32_t number) {
  return Prefix(Address::v4(0x0a000000 + number), kWholeAddress);
}

BanRecord record(std::uint32_t number, std::string rule = "reset") {
  BanRecord record;
  record.prefix = host(number);
  record.address = host(number).network();
  record.rule = std::move(rule);
  record.duration = 60s;
  return record;
}

Judged judged(std::uint32_t number, std::int32_t milli) {
  Judged judged;
  judged.offence.address = host(number).network();
  judged.weight = {milli};
  return judged;
}

}  // namespace

TEST_CASE("a ban is remembered as it was noted", "[ban_book]") {
  BanBook book(kSeed);
  BanRecord noted = record(1, "guess");
  noted.cause = BanCause::manual;
  noted.reason = "an operator's words";
  noted.earlier_bans = 7;
  noted.points = {3500};
  noted.evidence = Evidence::proven;
  noted.since = std::chrono::system_clock::time_point(5s);
  noted.forced = true;
  book.note(noted);
  const auto found = book.find(host(1));
  REQUIRE(found);
  CHECK(found->rule == "guess");
  CHECK(found->reason == "an operator's words");
  CHECK(found->cause == BanCause::manual);
  CHECK(found->earlier_bans == 7);
  CHECK(found->points == Points{3500});
  CHECK(found->evidence == Evidence::proven);
  CHECK(found->since == noted.since);
  CHECK(found->duration == 60s);
  CHECK(found->forced);
  CHECK_FALSE(book.find(host(2)));
  CHECK_FALSE(book.find(Prefix(host(1).network(), 24)));
}

TEST_CASE("a network has one record, and the last one counts", "[ban_book]") {
  BanBook book(kSeed);
  book.note(record(1, "first"));
  book.note(record(2, "other"));
  book.note(record(1, "second"));
  CHECK(book.size() == 2);
  CHECK(book.find(host(1))->rule == "second");
  const auto latest = book.latest(5);
  REQUIRE(latest.size() == 2);
  CHECK(latest[0].rule == "second");
  CHECK(latest[1].rule == "other");
  CHECK(book.latest(1).size() == 1);
}

TEST_CASE("a full book forgets what was noted longest ago, and counts it", "[ban_book]") {
  BanBook book(kSeed, 100);
  for (std::uint32_t number = 0; number < 1000; ++number)
    book.note(record(number, "r" + std::to_string(number)));
  CHECK(book.size() == 100);
  CHECK(book.evicted() == 900);
  CHECK_FALSE(book.find(host(899)));
  CHECK(book.find(host(900))->rule == "r900");
  book.forget(host(900));
  CHECK_FALSE(book.find(host(900)));
  book.note(record(5000));
  CHECK(book.evicted() == 900);
  CHECK(book.latest(1)[0].prefix == host(5000));
}

TEST_CASE("what the kernel counted is told once, also when it begins again", "[ban_book]") {
  BanBook book(kSeed);
  book.note(record(1));
  CHECK(book.count(host(1), 10, 1000) == 10);
  CHECK(book.count(host(1), 10, 1000) == 0);
  CHECK(book.count(host(1), 25, 2500) == 15);
  CHECK(book.count(host(1), 3, 300) == 3);
  CHECK(book.count(host(2), 7, 700) == 0);
  CHECK(book.find(host(1))->dropped_packets == 3);
  CHECK(book.find(host(1))->dropped_bytes == 300);
}

TEST_CASE("the last few offences of each are remembered, the oldest first", "[offence_book]") {
  OffenceBook book(kSeed);
  for (int number = 1; number <= 11; ++number)
    book.note(judged(1, number), host(1), "rule" + std::to_string(number));
  const auto offences = book.of(host(1));
  REQUIRE(offences.size() == OffenceBook::kKept);
  CHECK(offences.front().weight == Points{4});
  CHECK(offences.back().weight == Points{11});
  CHECK(offences.back().rule == "rule11");
  CHECK(book.noted(host(1)) == 11);
  CHECK(book.of(host(2)).empty());
  book.forget(host(1));
  CHECK(book.of(host(1)).empty());
}

TEST_CASE("a flood of first offenders does not wash away what a ban rests on", "[offence_book]") {
  OffenceBook book(kSeed);
  book.note(judged(1, 3000), host(1), "guess");
  book.banned(host(1), {});
  for (std::uint32_t number = 10; number < 10 + 2 * OffenceBook::kMaxSuspects; ++number)
    book.note(judged(number, 1000), host(number), "scan");
  CHECK(book.size() == OffenceBook::kMaxSuspects + 1);
  CHECK(book.evicted() == OffenceBook::kMaxSuspects);
  REQUIRE(book.of(host(1)).size() == 1);
  CHECK(book.of(host(1))[0].rule == "guess");
  book.note(judged(1, 1000), host(1), "scan");
  CHECK(book.of(host(1)).size() == 2);
}
