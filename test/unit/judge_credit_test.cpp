// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/credit.hpp"

#include <array>
#include <cstring>

#include "support/catch.hpp"
#include "support/judge_words.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

namespace {

const Prefix kOffice = *Prefix::parse("192.0.2.1");
const Prefix kHome = *Prefix::parse("2001:db8::/64");

// Users come as seeded hashes.
std::uint64_t user(std::uint64_t number) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &number, sizeof number);
  return siphash13(bytes, kSeed);
}

}  // namespace

TEST_CASE("credit lasts an hour, to the millisecond", "[judge][credit]") {
  CreditBook book(kSeed);
  CHECK_FALSE(book.standing(kOffice, at(0s)).by_login);
  book.logged_in(kOffice, user(1), at(0s));
  book.was_busy(kHome, at(10s));
  CHECK(book.standing(kOffice, at(1h - 1ms)).by_login);
  CHECK_FALSE(book.standing(kOffice, at(1h - 1ms)).by_bytes);
  CHECK(book.standing(kOffice, at(1h - 1ms)).users == 1);
  CHECK_FALSE(book.standing(kOffice, at(1h)).by_login);
  CHECK(book.standing(kOffice, at(1h)).users == 0);
  CHECK(book.standing(kHome, at(1h)).by_bytes);
  CHECK_FALSE(book.standing(kHome, at(1h + 10s)).by_bytes);
}

TEST_CASE("few users are counted exactly, each once, and forgotten one by one", "[judge][credit]") {
  CreditBook book(kSeed);
  for (std::uint8_t number = 0; number < 16; ++number)
    for (int time = 0; time < 5; ++time) book.logged_in(kOffice, user(number), at(number * 1min));
  CHECK(book.standing(kOffice, at(15min)).users == 16);
  CHECK(book.standing(kOffice, at(1h + 5min)).users == 10);
}

TEST_CASE("hundreds of users are estimated within a tenth, and forgotten", "[judge][credit]") {
  for (const std::uint64_t many : {17U, 50U, 200U, 700U}) {
    CreditBook book(kSeed);
    for (int round = 0; round < 3; ++round)
      for (std::uint64_t number = 0; number < many; ++number)
        book.logged_in(kOffice, user(number), at(round * 9min));
    const auto users = book.standing(kOffice, at(30min)).users;
    INFO(many << " users, estimated " << users);
    CHECK(users * 10 >= many * 9);
    CHECK(users * 10 <= many * 11);
    CHECK(book.standing(kOffice, at(2h)).users == 0);
    book.logged_in(kOffice, user(1), at(2h));
    CHECK(book.standing(kOffice, at(2h)).users == 1);
  }
}

TEST_CASE("who carries four fifths of all logins is a gateway", "[judge][credit]") {
  CreditBook book(kSeed);
  for (std::uint64_t i = 0; i < 19; ++i) book.logged_in(kOffice, user(i % 5), at(0s));
  CHECK_FALSE(book.gateway(at(0s)));
  book.logged_in(kOffice, user(0), at(0s));
  CHECK(book.gateway(at(0s)) == kOffice);
  for (std::uint64_t i = 0; i < 5; ++i) book.logged_in(kHome, user(i), at(1min));
  CHECK(book.gateway(at(1min)) == kOffice);
  book.logged_in(kHome, user(9), at(1min));
  CHECK_FALSE(book.gateway(at(1min)));
  CHECK_FALSE(book.gateway(at(3h)));
}

TEST_CASE("logins of fewer than five users make no gateway", "[judge][credit]") {
  CreditBook book(kSeed);
  for (std::uint64_t i = 0; i < 1000; ++i) book.logged_in(kOffice, user(i % 4), at(0s));
  CHECK_FALSE(book.gateway(at(0s)));
}

TEST_CASE("a gateway is found when a busier network has gone quiet", "[judge][credit]") {
  CreditBook book(kSeed);
  for (std::uint64_t i = 0; i < 100; ++i) book.logged_in(kHome, user(i), at(0s));
  for (std::uint64_t i = 0; i < 30; ++i) book.logged_in(kOffice, user(i), at(50min));
  CHECK_FALSE(book.gateway(at(50min)));
  CHECK(book.gateway(at(1h + 15min)) == kOffice);
}

TEST_CASE("a million customers stay within bounds, and each loss is counted", "[judge][credit]") {
  CreditBook book(kSeed);
  book.logged_in(kHome, user(1), at(0s));
  for (std::uint32_t i = 0; i < 1'000'000; ++i)
    book.logged_in(Prefix(Address::v4(0x0a000000U + i), 32), user(i), at(1s));
  CHECK(book.size() == CreditBook::kMaxNetworks);
  CHECK(book.evicted() == 1'000'001 - CreditBook::kMaxNetworks);
  CHECK_FALSE(book.standing(kHome, at(1s)).by_login);
  CHECK(book.standing(Prefix(Address::v4(0x0a000000U + 999'999), 32), at(1s)).by_login);
}

TEST_CASE("credit lightens what it is for and nothing else", "[judge][credit]") {
  const Standing by_login{.by_login = true, .users = 1};
  const Standing by_bytes{.by_bytes = true};
  const Standing crowd{.by_login = true, .users = 50};
  CHECK(lightened({1000}, Credit::none, crowd) == Points{1000});
  CHECK(lightened({1000}, Credit::spares, {}) == Points{1000});
  CHECK(lightened({1000}, Credit::spares, by_login) == Points{0});
  CHECK(lightened({1000}, Credit::spares, by_bytes) == Points{500});
  CHECK(lightened({1}, Credit::spares, by_bytes) == Points{1});
  CHECK(lightened({600}, Credit::shared, by_login) == Points{600});
  CHECK(lightened({600}, Credit::shared, {.by_login = true, .users = 4}) == Points{600});
  CHECK(lightened({600}, Credit::shared, {.by_login = true, .users = 5}) == Points{120});
  CHECK(lightened({600}, Credit::shared, crowd) == Points{12});
  CHECK(lightened({1}, Credit::shared, crowd) == Points{1});
  CHECK(lightened({0}, Credit::shared, crowd) == Points{0});
}

TEST_CASE("what is free is free for each user where a good name is shared", "[judge][credit]") {
  const Standing crowd{.by_login = true, .users = 50};
  const auto given = [](Credit credit, std::uint32_t free, const Standing& standing) {
    return shared_out({.free = free, .credit = credit}, standing).free;
  };
  CHECK(given(Credit::shared, 30, crowd) == 1500);
  CHECK(given(Credit::shared, 30, {.by_login = true, .users = 4}) == 30);
  CHECK(given(Credit::shared, 0, crowd) == 0);
  CHECK(given(Credit::none, 30, crowd) == 30);
  CHECK(given(Credit::spares, 30, crowd) == 30);
  CHECK(given(Credit::shared, 4'000'000'000U, crowd) == 0xffffffff);
}

TEST_CASE("for a good name another measure holds, and the rest of the trait stays", "[judge][credit]") {
  Trait trait;
  trait.points = {600};
  trait.window = 10min;
  trait.distinct = Distinct::user;
  trait.from = 3;
  trait.points_from = {3000};
  trait.credit = Credit::shared;
  const Standing one{.by_login = true, .by_bytes = false, .users = 1};
  CHECK(for_good_name(trait, one).points == Points{600});
  CHECK(for_good_name(trait, one).from == 3);
  CHECK(for_good_name(trait, one).credit == Credit::shared);
  GoodNameMeasure measure;
  measure.points = {30};
  measure.free = 20;
  trait.good_name = measure;
  CHECK(for_good_name(trait, one).points == Points{30});
  CHECK(for_good_name(trait, one).free == 20);
  CHECK(for_good_name(trait, one).distinct == Distinct::nothing);
  CHECK(for_good_name(trait, one).from == 0);
  CHECK(for_good_name(trait, one).window == 10min);
  // Of many users and of a page the better excuse holds, and not both together.
  trait.free = 6;
  const Standing five{.by_login = true, .by_bytes = false, .users = 5};
  const Standing hundred{.by_login = true, .by_bytes = false, .users = 100};
  CHECK(for_good_name(trait, five).points == Points{30});
  CHECK(for_good_name(trait, five).free == 30);
  CHECK(for_good_name(trait, hundred).points == Points{6});
  CHECK(for_good_name(trait, hundred).credit == Credit::none);
}
