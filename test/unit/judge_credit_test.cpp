// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/credit.hpp"

#include <fmt/format.h>

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

TEST_CASE(
    "whom coturn answers as a customer has a login's good name, and is no user and no login that counts",
    "[judge][credit]") {
  CreditBook book(kSeed);
  book.begin(at(0s).mono);
  for (int i = 0; i < 100; ++i) book.was_served(kOffice, at(i * 20s));
  book.was_busy(kHome, at(40min));
  const Now now = at(41min);
  CHECK(book.standing(kOffice, now).by_login);
  CHECK(book.standing(kOffice, now).users == 0);
  CHECK(book.users(now) == 0);
  CHECK_FALSE(book.gateway(now));
  CHECK(book.is_customer(book.standing(kHome, now), now));  // the log has told of no login yet
  CHECK_FALSE(book.standing(kOffice, at(99 * 20s + 1h)).by_login);
  const Prefix home_48 = *Prefix::parse("2001:db8::/48");
  CHECK_FALSE(book.logged_in_within(home_48, now));
  book.was_served(kHome, now);
  CHECK(book.logged_in_within(home_48, now));
  StateBatch batch;
  book.save_changes(batch);
  CreditBook after(kSeed);
  after.begin(at(0s).mono);
  after.load(batch.records, at(42min));
  CHECK(after.standing(kOffice, at(42min)).by_login);
  CHECK_FALSE(after.standing(kOffice, at(99 * 20s + 1h)).by_login);
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

TEST_CASE("who carries four fifths of all logins over half an hour is a gateway", "[judge][credit]") {
  CreditBook book(kSeed);
  for (std::uint64_t i = 0; i < 17; ++i) book.logged_in(kOffice, user(i % 5), at(0s));
  book.logged_in(kOffice, user(0), at(10min));
  book.logged_in(kOffice, user(0), at(20min));
  CHECK_FALSE(book.gateway(at(20min)));  // 19 logins
  book.logged_in(kOffice, user(0), at(20min));
  CHECK(book.gateway(at(20min)) == kOffice);
  for (std::uint64_t i = 0; i < 5; ++i) book.logged_in(kHome, user(i), at(21min));
  CHECK(book.gateway(at(21min)) == kOffice);
  book.logged_in(kHome, user(9), at(21min));
  CHECK_FALSE(book.gateway(at(21min)));
  CHECK_FALSE(book.gateway(at(3h)));
}

TEST_CASE("logins of fewer than five users make no gateway", "[judge][credit]") {
  CreditBook book(kSeed);
  for (std::uint64_t i = 0; i < 1000; ++i) book.logged_in(kOffice, user(i % 4), at(i * 2s));
  CHECK_FALSE(book.gateway(at(34min)));
}

TEST_CASE("a thousand logins within twenty minutes make no gateway yet", "[judge][credit]") {
  CreditBook book(kSeed);
  for (std::uint64_t i = 0; i < 1000; ++i) book.logged_in(kOffice, user(i % 50), at(i * 1s));
  CHECK_FALSE(book.gateway(at(1000s)));
}

TEST_CASE("names that are a bare time make no gateway", "[judge][credit]") {
  CreditBook book(kSeed);
  for (std::uint64_t i = 0; i < 1000; ++i)
    book.logged_in(kOffice, i % 10 == 0 ? user(i % 4) : 1 + i % kBareTimes, at(i * 2s));
  CHECK(book.standing(kOffice, at(34min)).users >= 10);
  CHECK_FALSE(book.gateway(at(34min)));
}

TEST_CASE("a gateway is found when a busier network has gone quiet", "[judge][credit]") {
  CreditBook book(kSeed);
  for (std::uint64_t i = 0; i < 100; ++i) book.logged_in(kHome, user(i), at(0s));
  for (std::uint64_t i = 0; i < 30; ++i) book.logged_in(kOffice, user(i), at(25min + i * 45s));
  CHECK_FALSE(book.gateway(at(49min)));
  CHECK(book.gateway(at(1h + 15min)) == kOffice);
}

TEST_CASE("it is known who logged in from where, for an hour", "[judge][credit]") {
  CreditBook book(kSeed);
  book.logged_in(kOffice, user(1), at(0s));
  CHECK(book.logged_in_as(kOffice, user(1), at(59min)));
  CHECK_FALSE(book.logged_in_as(kOffice, user(2), at(59min)));
  CHECK_FALSE(book.logged_in_as(kHome, user(1), at(59min)));
  CHECK(book.users(at(49min)) == 1);
  CHECK_FALSE(book.logged_in_as(kOffice, user(1), at(1h)));
  book.logged_in(kOffice, 0, at(1h));
  CHECK_FALSE(book.logged_in_as(kOffice, 0, at(1h)));  // without a name one is nobody
  CHECK(book.users(at(1h)) == 0);
}

TEST_CASE("a neighbour behind the same address gets no free guesses", "[judge][credit][breaker]") {
  CreditBook book(kSeed);
  book.logged_in(kHome, user(1), at(0s));
  std::uint32_t alone = 0;
  while (alone < 10'000 && book.excuse(kHome, user(1), 1, at(1min))) ++alone;
  CHECK(alone == CreditBook::kExcusedAlone);
  book.logged_in(kHome, user(1), at(10min));
  CHECK_FALSE(book.excuse(kHome, user(1), 1, at(11min)));  // a login gives nothing back
  CHECK(book.excuse(kHome, user(1), 1, at(1h + 2min)));
  for (std::uint64_t i = 0; i < 30; ++i) book.logged_in(kOffice, user(i), at(0s));
  for (std::uint64_t i = 0; i < 30; ++i) {
    std::uint32_t times = 0;
    while (times < 10'000 && book.excuse(kOffice, user(i), 1, at(1min))) ++times;
    CHECK(times == CreditBook::kExcusedAmongOthers);
  }
  CHECK_FALSE(book.excuse(kOffice, user(99), 1, at(1min)));
}

TEST_CASE("new names at each login push out nobody who has a few", "[judge][credit][hostile]") {
  CreditBook book(kSeed);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const Prefix home(Address::v4(0x0a000000U + i), 32);
    for (std::uint64_t n = 0; n < 3; ++n) book.logged_in(home, user(i * 3 + n), at(0s));
  }
  for (std::uint64_t i = 0; i < 400'000; ++i)
    book.logged_in(Prefix(Address::v4(0xcb000000U + static_cast<std::uint32_t>(i % 1500)), 32),
                   user(1'000'000 + i), at(1s));
  CHECK(book.pairs() <= CreditBook::kMaxPairs);
  CHECK(book.pairs_evicted() > 0);
  bool all = true;
  for (std::uint32_t i = 0; i < 1000; ++i)
    for (std::uint64_t n = 0; n < 3; ++n)
      all = all && book.logged_in_as(Prefix(Address::v4(0x0a000000U + i), 32), user(i * 3 + n), at(2s));
  CHECK(all);
}

TEST_CASE("who owns an IPv6 /48 pushes out nobody's credit but his own", "[judge][credit][hostile]") {
  CreditBook book(kSeed);
  book.logged_in(kOffice, user(1), at(0s));
  const auto subnet = [](unsigned number) {
    return *Prefix::parse(fmt::format("2001:db8:bad:{:x}::/64", number));
  };
  for (unsigned i = 0; i < 65'536; ++i) book.logged_in(subnet(i), user(2), at(1s + i * 1ms));
  CHECK(book.size() == CreditBook::kMostOfSite + 1);
  CHECK(book.standing(kOffice, at(2min)).by_login);
  CHECK(book.standing(subnet(65'535), at(2min)).by_login);
  CHECK_FALSE(book.standing(subnet(0), at(2min)).by_login);
}

TEST_CASE("connections without a login push out no login", "[judge][credit][hostile]") {
  CreditBook book(kSeed);
  book.logged_in(kOffice, user(1), at(0s));
  for (std::uint32_t i = 0; i < 100'000; ++i) book.was_busy(Prefix(Address::v4(0x0a000000U + i), 32), at(1s));
  CHECK(book.size() == CreditBook::kMaxNetworks);
  CHECK(book.standing(kOffice, at(1min)).by_login);
}

TEST_CASE("logins within a wider network are found while they last", "[judge][credit]") {
  CreditBook book(kSeed);
  const auto wide = [](const char* text) { return *Prefix::parse(text); };
  book.logged_in(wide("2001:db8:1:12::/64"), user(1), at(0s));
  CHECK(book.logged_in_within(wide("2001:db8:1::/48"), at(59min)));
  CHECK(book.logged_in_within(wide("2001:db8:1::/56"), at(59min)));
  CHECK(book.logged_in_within(wide("2001:db8:1:12::/64"), at(59min)));
  CHECK_FALSE(book.logged_in_within(wide("2001:db8:1:100::/56"), at(59min)));
  CHECK_FALSE(book.logged_in_within(wide("2001:db8:2::/48"), at(59min)));
  CHECK_FALSE(book.logged_in_within(wide("2001:db8:1::/48"), at(1h)));
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
