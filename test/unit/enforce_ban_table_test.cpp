// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/ban_table.hpp"

#include <algorithm>
#include <map>
#include <random>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;
using Change = BanTable::Change;

namespace {

constexpr HashSeed kSeed{1, 2};
constexpr BanTable::Time kStart{std::chrono::hours(1000)};

Prefix host(std::uint32_t number) {
  return {Address::v4(0x0a000000U + number), 32};
}

std::vector<Prefix> sorted(std::vector<Prefix> prefixes) {
  std::sort(prefixes.begin(), prefixes.end());
  return prefixes;
}

}  // namespace

TEST_CASE("a ban only ever gets longer", "[enforce][ban_table]") {
  BanTable table(10, 1000s, kSeed);
  CHECK(table.ban(host(1), kStart + 60s, kStart) == Change::added);
  CHECK(table.ban(host(1), kStart + 30s, kStart) == Change::unchanged);
  CHECK(table.ban(host(1), kStart + 60s, kStart) == Change::unchanged);
  CHECK(table.expiry(host(1)) == kStart + 60s);
  CHECK(table.ban(host(1), kStart + 90s, kStart) == Change::lengthened);
  CHECK(table.expiry(host(1)) == kStart + 90s);
  CHECK(table.size() == 1);
}

TEST_CASE("the ban that ends soonest is found among those that may go", "[enforce][ban_table]") {
  BanTable table(100, 1000s, kSeed);
  for (std::uint32_t i = 0; i < 50; ++i) table.ban(host(i), kStart + 500s - i * 2s, kStart);
  const Prefix v6 = *Prefix::parse("2001:db8::/64");
  table.ban(v6, kStart + 1s, kStart);
  table.ban(host(99), kStart + 5000s, kStart);  // the kernel is told of it before it ends
  const auto any = [](const Prefix&) { return true; };
  CHECK(table.soonest(true, any) == host(49));
  CHECK(table.soonest(false, any) == v6);
  CHECK(table.soonest(true, [](const Prefix& prefix) { return prefix == host(7) || prefix == host(3); }) ==
        host(7));
  CHECK_FALSE(table.soonest(true, [](const Prefix&) { return false; }));
  CHECK_FALSE(table.soonest(true, [](const Prefix& prefix) { return prefix == host(99); }));
  CHECK_FALSE(BanTable(1, 1000s, kSeed).soonest(true, any));
}

TEST_CASE("it looks at so many of those that end soonest and no more", "[enforce][ban_table]") {
  BanTable table(10'000, 1000s, kSeed);
  for (std::uint32_t i = 0; i < 5000; ++i) table.ban(host(i), kStart + 1s + i * 100ms, kStart);
  std::size_t asked = 0;
  CHECK_FALSE(table.soonest(true, [&](const Prefix&) { return ++asked, false; }));
  CHECK(asked == BanTable::kMostLooked);
}

TEST_CASE("each family has its own bound, and a ban for ever has no end", "[enforce][ban_table]") {
  BanTable table(1, 1000s, kSeed);
  CHECK_FALSE(table.full(true));
  table.ban(host(1), BanTable::end_of(kForeverBan, kStart), kStart);
  CHECK(table.full(true));
  CHECK_FALSE(table.full(false));
  CHECK(table.expiry(host(1)) == BanTable::kForever);
  CHECK(table.kernel_timeout(BanTable::kForever, kStart) == 0);
  CHECK(table.take_due(kStart + std::chrono::hours(24 * 365 * 60)).expired.empty());
  CHECK(BanTable::end_of(60s, kStart) == kStart + 60s);
}

TEST_CASE("a ban that is over already is none", "[enforce][ban_table]") {
  BanTable table(10, 1000s, kSeed);
  CHECK(table.ban(host(1), kStart, kStart) == Change::unchanged);
  CHECK(table.size() == 0);
}

TEST_CASE("bans expire in their order and not before", "[enforce][ban_table]") {
  BanTable table(10, 1000s, kSeed);
  table.ban(host(1), kStart + 20s, kStart);
  table.ban(host(2), kStart + 10s, kStart);
  table.ban(host(3), kStart + 30s, kStart);
  CHECK(table.next_due() == kStart + 10s);
  CHECK(table.take_due(kStart + 9s).expired.empty());
  CHECK(table.take_due(kStart + 20s).expired == std::vector<Prefix>{host(2), host(1)});
  CHECK(table.size() == 1);
  CHECK_FALSE(table.expiry(host(1)));
  CHECK(table.ban(host(1), kStart + 60s, kStart + 20s) == Change::added);
}

TEST_CASE("a lengthened ban does not expire at its earlier end", "[enforce][ban_table]") {
  BanTable table(10, 1000s, kSeed);
  table.ban(host(1), kStart + 10s, kStart);
  table.ban(host(1), kStart + 50s, kStart + 5s);
  CHECK(table.take_due(kStart + 49s).expired.empty());
  CHECK(table.take_due(kStart + 50s).expired.size() == 1);
}

TEST_CASE("the table is bounded for each family", "[enforce][ban_table]") {
  BanTable table(2, 1000s, kSeed);
  const auto v6 = *Prefix::parse("2001:db8::/64");
  CHECK(table.ban(host(1), kStart + 10s, kStart) == Change::added);
  CHECK(table.ban(host(2), kStart + 10s, kStart) == Change::added);
  CHECK(table.ban(host(3), kStart + 10s, kStart) == Change::refused);
  CHECK(table.ban(host(2), kStart + 20s, kStart) == Change::lengthened);
  CHECK(table.ban(v6, kStart + 10s, kStart) == Change::added);
  CHECK(table.size(true) == 2);
  CHECK(table.size(false) == 1);
  CHECK(table.remove(host(1)));
  CHECK_FALSE(table.remove(host(1)));
  CHECK(table.ban(host(3), kStart + 10s, kStart) == Change::added);
}

TEST_CASE("networks of one address and of different lengths are different bans", "[enforce][ban_table]") {
  BanTable table(10, 1000s, kSeed);
  table.ban({Address::v4(0x0a000000U), 8}, kStart + 10s, kStart);
  table.ban({Address::v4(0x0a000000U), 24}, kStart + 20s, kStart);
  CHECK(table.size() == 2);
  CHECK(table.take_due(kStart + 10s).expired == std::vector<Prefix>{*Prefix::parse("10.0.0.0/8")});
}

TEST_CASE("the kernel is told whole seconds, rounded up, and no more than it can hold",
          "[enforce][ban_table]") {
  const BanTable table(10, 2147483s, kSeed);
  CHECK(table.kernel_timeout(kStart + 60s, kStart) == 60);
  CHECK(table.kernel_timeout(kStart + 59001ms, kStart) == 60);
  CHECK(table.kernel_timeout(kStart + 1ms, kStart) == 1);
  CHECK(table.kernel_timeout(kStart - 5s, kStart) == 1);  // 0 would be for ever
  CHECK(table.kernel_timeout(kStart + 5 * 7 * 24h, kStart) == 2147483);
  CHECK(table.kernel_timeout(BanTable::kForever, kStart) == 0);
}

TEST_CASE("a ban beyond the kernel's longest timeout is renewed before that ends", "[enforce][ban_table]") {
  BanTable table(10, 2147483s, kSeed);
  const auto end = kStart + 5 * 7 * 24h;
  table.ban(host(1), end, kStart);
  CHECK(table.next_due() == kStart + 2147483s - 1h);
  const auto due = table.take_due(kStart + 2147483s - 1h);
  CHECK(due.rearm == std::vector<Prefix>{host(1)});
  CHECK(due.expired.empty());
  CHECK(table.next_due() == end);  // what is left fits the kernel
  CHECK(table.take_due(end).expired == std::vector<Prefix>{host(1)});
}

TEST_CASE("a short longest timeout is renewed at its half", "[enforce][ban_table]") {
  BanTable table(10, 4s, kSeed);
  table.ban(host(1), kStart + 9s, kStart);
  CHECK(table.take_due(kStart + 1s).rearm.empty());
  CHECK(table.take_due(kStart + 2s).rearm.size() == 1);
  CHECK(table.take_due(kStart + 4s).rearm.size() == 1);
  CHECK(table.take_due(kStart + 6s).rearm.size() == 1);  // 3 s are left: the kernel holds them
  CHECK(table.take_due(kStart + 8s).rearm.empty());
  CHECK(table.take_due(kStart + 9s).expired.size() == 1);
}

TEST_CASE("a renewal that failed is due again when asked for", "[enforce][ban_table]") {
  BanTable table(10, 1000s, kSeed);
  table.ban(host(1), kStart + 5000s, kStart);
  CHECK(table.take_due(kStart + 500s).rearm.size() == 1);
  table.retry(host(1), kStart + 505s);
  CHECK(table.take_due(kStart + 504s).rearm.empty());
  CHECK(table.take_due(kStart + 505s).rearm.size() == 1);
  table.retry(host(2), kStart);  // nobody: nothing
  CHECK(table.size() == 1);
}

TEST_CASE("an element without an end is kept for ever", "[enforce][ban_table]") {
  BanTable table(10, 1000s, kSeed);
  table.ban(host(1), BanTable::kForever, kStart);
  CHECK(table.ban(host(1), kStart + 99s, kStart) == Change::unchanged);
  const auto due = table.take_due(kStart + 100000h);
  CHECK(due.expired.empty());
  CHECK(due.rearm.empty());
  CHECK(table.size() == 1);
}

TEST_CASE("every ban is met by a walk over the slots, whatever comes and goes meanwhile",
          "[enforce][ban_table]") {
  BanTable table(1000, 1000s, kSeed);
  for (std::uint32_t i = 0; i < 100; ++i) table.ban(host(i), kStart + 100s, kStart);
  std::vector<Prefix> met;
  for (std::size_t slot = 0; slot < table.slots(); ++slot) {
    if (slot == 50) {
      table.remove(host(10));
      table.remove(host(90));
      table.ban(host(500), kStart + 100s, kStart);
    }
    if (const auto* prefix = table.at(slot)) met.push_back(*prefix);
  }
  CHECK(table.at(table.slots()) == nullptr);
  for (std::uint32_t i = 0; i < 100; ++i)
    if (i != 10 && i != 90) CHECK(std::count(met.begin(), met.end(), host(i)) == 1);
}

TEST_CASE("the table agrees with a plain map through a long random life", "[enforce][ban_table]") {
  BanTable table(300, 40s, kSeed);
  std::map<Prefix, BanTable::Time> plain;
  std::minstd_rand engine(7);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  auto now = kStart;
  for (int step = 0; step < 20000; ++step) {
    now += std::chrono::milliseconds(random() % 100);
    const auto prefix = host(random() % 400);
    const auto known = plain.find(prefix);
    if (random() % 5 == 0) {
      REQUIRE(table.remove(prefix) == (plain.erase(prefix) == 1));
    } else {
      const auto until = now + std::chrono::milliseconds(1 + random() % 60000);
      const auto change = table.ban(prefix, until, now);
      if (known != plain.end()) {
        REQUIRE(change == (until > known->second ? Change::lengthened : Change::unchanged));
        known->second = std::max(known->second, until);
      } else {
        REQUIRE(change == (plain.size() < 300 ? Change::added : Change::refused));
        if (change == Change::added) plain[prefix] = until;
      }
    }
    for (const auto& prefix_due : table.take_due(now).expired) {
      REQUIRE(plain.at(prefix_due) <= now);
      plain.erase(prefix_due);
    }
    if (step % 100 == 0)
      REQUIRE(std::all_of(plain.begin(), plain.end(), [&](const auto& ban) { return ban.second > now; }));
    REQUIRE(table.size() == plain.size());
  }
  std::vector<Prefix> all;
  for (const auto& [prefix, until] : plain) {
    all.push_back(prefix);
    CHECK(table.expiry(prefix) == until);
  }
  CHECK(sorted(table.prefixes()) == all);
}
