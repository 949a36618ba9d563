// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/cover.hpp"

#include <map>
#include <random>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

Prefix prefix(const char* text) {
  return *Prefix::parse(text);
}

// A kernel that is told the steps, and holds what they say; it refuses overlaps, as nf_tables does.
class Fake {
 public:
  Fake() : table(1000, 2147483s, HashSeed{1, 2}), cover(table) {
    for (const auto family : kFamilies) held[canary(family)] = false;
  }

  void ban(const char* text, std::chrono::seconds duration) {
    table.ban(prefix(text), now + duration, now);
    tell(prefix(text));
  }
  void unban(const char* text) {
    table.remove(prefix(text));
    tell(prefix(text));
  }
  void pass(std::chrono::seconds time) {
    now += time;
    for (const auto& gone : table.take_due(now).expired) {
      if (cover.expired(gone, now))
        tell(gone);
      else
        held.erase(gone);  // by its own timeout
    }
  }
  void tell(const Prefix& about) {
    std::vector<Cover::Step> steps;
    cover.plan(about, steps);
    cover.commit();
    for (const auto& step : steps) {
      if (step.kind == Cover::Step::Kind::remove) {
        held.erase(step.prefix);
        continue;
      }
      if (step.kind == Cover::Step::Kind::renew) held.erase(step.prefix);
      for (const auto& [other, outlasts] : held) REQUIRE_FALSE(other.overlaps(step.prefix));
      held[step.prefix] = step.outlasts;
    }
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [one, outlasts] : held)
      if (one != canary(family_of(one))) all.push_back(one.to_string());
    return all;
  }

  BanTable::Time now{1h};
  BanTable table;
  Cover cover;
  std::map<Prefix, bool> held;  // whether it outlasts
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("of bans inside each other the kernel holds the widest", "[enforce][cover]") {
  Fake kernel;
  kernel.ban("10.0.0.1", 10s);
  kernel.ban("10.0.0.2", 10s);
  CHECK(kernel.names() == Names{"10.0.0.1/32", "10.0.0.2/32"});
  kernel.ban("10.0.0.0/24", 5s);
  CHECK(kernel.names() == Names{"10.0.0.0/24"});
  CHECK(kernel.held[prefix("10.0.0.0/24")]);  // it ends by our hand
  kernel.ban("10.0.0.3", 10s);
  CHECK(kernel.names() == Names{"10.0.0.0/24"});
}

TEST_CASE("when the wider ban ends, the narrower ones stand again", "[enforce][cover]") {
  Fake kernel;
  kernel.ban("10.0.0.0/24", 5s);
  CHECK_FALSE(kernel.held[prefix("10.0.0.0/24")]);
  kernel.ban("10.0.0.0/28", 20s);
  kernel.ban("10.0.0.1", 30s);
  kernel.ban("10.0.0.200", 2s);
  SECTION("by its time") {
    kernel.pass(3s);
    CHECK(kernel.names() == Names{"10.0.0.0/24"});
    kernel.pass(3s);
  }
  SECTION("by an unban") {
    kernel.pass(3s);
    kernel.unban("10.0.0.0/24");
  }
  CHECK(kernel.names() == Names{"10.0.0.0/28"});
  kernel.pass(20s);
  CHECK(kernel.names() == Names{"10.0.0.1/32"});
  kernel.pass(10s);
  CHECK(kernel.names() == Names{});
}

TEST_CASE("a ban inside a wider one is lifted without a word to the kernel", "[enforce][cover]") {
  Fake kernel;
  kernel.ban("10.0.0.0/24", 50s);
  kernel.ban("10.0.0.1", 50s);
  kernel.unban("10.0.0.1");
  CHECK(kernel.names() == Names{"10.0.0.0/24"});
  kernel.unban("10.0.0.0/24");
  CHECK(kernel.names() == Names{});
}

TEST_CASE("the canary is covered and comes back", "[enforce][cover]") {
  Fake kernel;
  kernel.ban("198.51.100.0/24", 50s);
  CHECK_FALSE(kernel.held.contains(canary(Family::v4)));
  CHECK(kernel.held[prefix("198.51.100.0/24")]);
  kernel.ban("198.51.100.254", 50s);
  kernel.unban("198.51.100.0/24");
  CHECK(kernel.held.contains(canary(Family::v4)));
  CHECK(kernel.names() == Names{});  // the canary is around it
}

TEST_CASE("a turn that failed is taken back", "[enforce][cover]") {
  Fake kernel;
  kernel.ban("10.0.0.1", 50s);
  kernel.table.ban(prefix("10.0.0.0/24"), kernel.now + 50s, kernel.now);
  std::vector<Cover::Step> steps;
  kernel.cover.plan(prefix("10.0.0.0/24"), steps);
  CHECK(steps.size() == 2);
  CHECK_FALSE(kernel.cover.holds(prefix("10.0.0.1")));
  kernel.cover.undo();
  CHECK(kernel.cover.holds(prefix("10.0.0.1")));
  CHECK_FALSE(kernel.cover.holds(prefix("10.0.0.0/24")));
  kernel.tell(prefix("10.0.0.0/24"));
  CHECK(kernel.names() == Names{"10.0.0.0/24"});
}

TEST_CASE("whatever is banned and lifted, the kernel drops exactly whom the table names",
          "[enforce][cover]") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&random](unsigned most) { return static_cast<unsigned>(random() % most); };
    Fake kernel;
    for (int step = 0; step < 150; ++step) {
      const unsigned length = 26 + pick(7);
      const auto text = Prefix(Address::v4(0x0a000000 + pick(64)), length).to_string();
      switch (pick(4)) {
        case 0: kernel.unban(text.c_str()); break;
        case 1: kernel.pass(std::chrono::seconds(pick(4))); break;
        default: kernel.ban(text.c_str(), std::chrono::seconds(1 + pick(20))); break;
      }
      for (std::uint32_t host = 0; host < 64; ++host) {
        const Address address = Address::v4(0x0a000000 + host);
        const auto bans = kernel.table.prefixes();
        const bool wanted =
            std::any_of(bans.begin(), bans.end(), [&](const Prefix& ban) { return ban.contains(address); });
        const bool dropped = std::any_of(kernel.held.begin(), kernel.held.end(),
                                         [&](const auto& held) { return held.first.contains(address); });
        INFO("seed " << seed << ", step " << step << ", host " << host);
        REQUIRE(dropped == wanted);
      }
    }
  }
}
