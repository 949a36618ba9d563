// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/wide_networks.hpp"

#include <fmt/format.h>

#include "support/catch.hpp"
#include "support/judge_words.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

namespace {

// The judge, and who is at home where.
struct World {
  explicit World(const Policy& policy = {}) : wide(policy, kSeed) {}

  // A guess of 0.6 points from that /64 of 2001:db8:bad::/48; a wide ban is begun.
  WideNetworks::Finding guess(unsigned subnet, std::chrono::milliseconds when = 0s) {
    const Offence made = offence(fmt::format("2001:db8:bad:{:x}::7", subnet), 600, Evidence::proven);
    const auto found = wide.count(
        made, Prefix(made.address, 64),
        [this](const Prefix& network) { return customer && network.contains(*customer); }, at(when));
    if (found.ban) wide.begin_ban(*found.ban, at(when));
    return found;
  }

  WideNetworks wide;
  std::optional<Address> customer;
};

}  // namespace

TEST_CASE("a hundred guesses from sixteen /64s of a /56 are a ban of it", "[judge][wide]") {
  World world;
  for (unsigned i = 0; i < 99; ++i) CHECK_FALSE(world.guess(i % 16).ban);
  const auto ban = world.guess(99 % 16).ban;
  REQUIRE(ban);
  CHECK(ban->prefix.to_string() == "2001:db8:bad::/56");
  CHECK(ban->duration == 1min);
  CHECK(ban->points == Points{60'000});
  CHECK(ban->evidence == Evidence::proven);
}

TEST_CASE("guesses all over a /48 are a ban of it", "[judge][wide]") {
  World world;
  std::optional<Verdict> ban;
  unsigned guesses = 0;
  for (; !ban && guesses < 20'000; ++guesses)
    ban = world.guess(guesses * 13 % 5000 * 13, guesses * 100ms).ban;
  REQUIRE(ban);
  CHECK(ban->prefix.to_string() == "2001:db8:bad::/48");
  CHECK(guesses == 400);
}

TEST_CASE("few /64s are no network, however much they guess", "[judge][wide]") {
  World world;
  for (unsigned i = 0; i < 5000; ++i) {
    const auto found = world.guess(i % 15);
    REQUIRE_FALSE(found.ban);
    REQUIRE(found.weight == Points{});
  }
}

TEST_CASE("guesses and /64s older than the window are forgotten", "[judge][wide]") {
  World world;
  for (unsigned i = 0; i < 99; ++i) CHECK_FALSE(world.guess(i % 16, 0s).ban);
  CHECK_FALSE(world.guess(1, 61min).ban);
  for (unsigned i = 0; i < 98; ++i) CHECK_FALSE(world.guess(i % 15, 62min).ban);
  CHECK_FALSE(world.guess(1, 62min).ban);  // a hundred guesses, of fifteen
  CHECK(world.guess(15, 62min).ban);
}

TEST_CASE("its second ban lasts twice as long, and is no matter of its /64s", "[judge][wide][ladder]") {
  World world;
  std::vector<std::chrono::seconds> bans;
  for (auto when = 0s; bans.size() < 3; when += 1s)
    if (const auto ban = world.guess(static_cast<unsigned>(when.count()) % 20, when).ban)
      bans.push_back(ban->duration);
  CHECK(bans == std::vector<std::chrono::seconds>{1min, 2min, 4min});
}

TEST_CASE("a network with a customer in it is never banned, its /64s are at their first guess",
          "[judge][wide][hostile]") {
  World world;
  world.customer = Address::parse("2001:db8:bad:5::1");
  Points heaviest;
  for (unsigned i = 0; i < 200; ++i) {
    const auto found = world.guess(i % 20);
    REQUIRE_FALSE(found.ban);
    heaviest = std::max(heaviest, found.weight);
  }
  CHECK(heaviest == Points{3000});
  CHECK(world.guess(77).weight == Points{3000});
  CHECK(world.guess(5).weight == Points{1500});  // where the customer lives one mistake is none
  world.customer.reset();
  CHECK(world.guess(78).ban);
}

TEST_CASE("a customer in one /56 keeps the /48 from a ban, not its other /56s", "[judge][wide][hostile]") {
  World world;
  world.customer = Address::parse("2001:db8:bad:5::1");
  unsigned guesses = 0;
  for (; guesses < 399; ++guesses) REQUIRE_FALSE(world.guess(guesses % 133 * 256 + guesses % 133).ban);
  // The measure of the /48 is full. A /56 that is not one guesser's is banned at an eighth of its own.
  std::optional<Verdict> ban;
  for (unsigned i = 0; !ban && i < 20; ++i) ban = world.guess(0xee00 + i).ban;
  REQUIRE(ban);
  CHECK(ban->prefix.to_string() == "2001:db8:bad:ee00::/56");
  CHECK(ban->points == Points{7800});
  for (unsigned i = 0; i < 50; ++i) CHECK_FALSE(world.guess(i).ban);  // the customer's own
}

TEST_CASE("IPv4 and switched off lengths are not its business", "[judge][wide]") {
  Policy off;
  off.maxretry_56 = {0};
  World world(off);
  for (unsigned i = 0; i < 390; ++i) CHECK_FALSE(world.guess(i % 50).ban);
  Policy coarse;
  coarse.ipv6_prefix = 48;
  World one(coarse);
  for (unsigned i = 0; i < 1000; ++i) CHECK_FALSE(one.guess(i).ban);
  const auto nothing = [](const Prefix&) { return false; };
  CHECK_FALSE(world.wide.count(offence("192.0.2.1", 600), *Prefix::parse("192.0.2.1"), nothing, at(0s)).ban);
  CHECK(one.wide.size() == 0);
}

TEST_CASE("an operator's pardon of the network forgets its sum, of one in it does not", "[judge][wide]") {
  World world;
  for (unsigned i = 0; i < 99; ++i) CHECK_FALSE(world.guess(i % 16).ban);
  world.wide.forgive(*Prefix::parse("2001:db8:bad:1::/64"), true);
  CHECK(world.wide.points(*Prefix::parse("2001:db8:bad::/56"), at(0s)) == Points{59'400});
  world.wide.forgive(*Prefix::parse("2001:db8:bad::/48"), true);
  CHECK(world.wide.points(*Prefix::parse("2001:db8:bad::/56"), at(0s)) == Points{});
  CHECK_FALSE(world.guess(3).ban);
}

TEST_CASE("a restart keeps the sums and the ladder", "[judge][wide][saved]") {
  StateBatch batch;
  {
    World world;
    world.wide.begin(at(0s).mono);
    for (unsigned i = 0; i < 99; ++i) CHECK_FALSE(world.guess(i % 16).ban);
    world.wide.save_changes(batch);
  }
  World world;
  world.wide.begin(at(0s).mono);
  for (const SavedOffender& saved : batch.offenders) CHECK(world.wide.load(saved, at(1s)));
  CHECK_FALSE(world.wide.load({.network = *Prefix::parse("2001:db8:bad::/64")}, at(1s)));
  CHECK_FALSE(world.wide.load({.network = *Prefix::parse("192.0.2.0/24")}, at(1s)));
  CHECK(world.wide.points(*Prefix::parse("2001:db8:bad::/56"), at(1s)) == Points{59'400});
  for (unsigned i = 0; i < 15; ++i) CHECK_FALSE(world.guess(i, 1s).ban);
  CHECK(world.guess(15, 1s).ban);
}

// The sets of /64s are not saved. That buys one guess at as many other /64s, and each is measured as always.
TEST_CASE("after a restart the ban of a full /48 comes with the guess of the 48th /64, about",
          "[judge][wide][saved]") {
  StateBatch batch;
  {
    World world;
    world.wide.begin(at(0s).mono);
    for (unsigned i = 0; i < 399; ++i) CHECK_FALSE(world.guess(i * 13 % 5000 * 13).ban);
    world.wide.save_changes(batch);
  }
  World world;
  world.wide.begin(at(0s).mono);
  for (const SavedOffender& saved : batch.offenders) CHECK(world.wide.load(saved, at(1s)));
  std::optional<Verdict> ban;
  unsigned guesses = 0;
  for (; !ban && guesses < 200; ++guesses) ban = world.guess(guesses * 257, 1s).ban;
  REQUIRE(ban);
  CHECK(ban->prefix.to_string() == "2001:db8:bad::/48");
  CHECK((guesses >= WideNetworks::kFewest48 && guesses < WideNetworks::kFewest48 + 12));
}

TEST_CASE("guesses from a million networks stay within bounds, and each loss is counted",
          "[judge][wide][hostile]") {
  World world;
  for (unsigned i = 0; i < 99; ++i) CHECK_FALSE(world.guess(i % 16).ban);
  const auto nothing = [](const Prefix&) { return false; };
  for (unsigned i = 0; i < 100'000; ++i) {
    const auto address = Address::parse(fmt::format("2400:{:x}:{:x}::1", i >> 16, i & 0xffff)).value();
    CHECK_FALSE(world.wide.count(offence(address, 600), Prefix(address, 64), nothing, at(1s)).ban);
  }
  CHECK(world.wide.size() <= 2 * WideNetworks::kMaxNetworks);
  CHECK(world.wide.evicted() > 100'000);
  CHECK(world.guess(7, 2s).ban);  // who guessed once pushes out nobody who did it often
}
