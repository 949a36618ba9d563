// SPDX-License-Identifier: GPL-3.0-or-later
#include <boost/asio/io_context.hpp>

#include "enforce/enforcer.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

constexpr Now kStart{std::chrono::steady_clock::time_point(1000h), {}};
const Prefix kHost(Address::v4(0xc0000201), 32);

}  // namespace

TEST_CASE("a dry run says of each verdict what would have become of it", "[enforce][dry_run]") {
  boost::asio::io_context io;
  std::vector<Fate> fates;
  EnforcerEvents events;
  events.done = [&](const Prefix&, Fate fate) { fates.push_back(fate); };
  auto made = make_enforcer(io, "dry-run", {.max_bans = 1, .ports = {}}, std::move(events));
  REQUIRE(made);
  auto& enforcer = **made;
  REQUIRE(enforcer.start(kStart));
  enforcer.ban(kHost, 60s, kStart);
  enforcer.ban(kHost, 90s, kStart);
  enforcer.ban(kHost, 30s, kStart);
  enforcer.ban({Address::v4(0xc0000202), 32}, 30s, kStart);
  CHECK(fates.empty());
  enforcer.send();
  CHECK(fates == std::vector<Fate>{Fate::enforced, Fate::lengthened, Fate::unchanged, Fate::failed});
  CHECK(enforcer.counters().refused == 1);
  CHECK(enforcer.live_bans() == 1);
  CHECK(enforcer.banned() == std::vector<Prefix>{kHost});
  enforcer.tick({kStart.mono + 91s, {}});
  CHECK(enforcer.live_bans() == 0);
}

TEST_CASE("a restored ban without room is told as none, and the end of a ban is told", "[enforce][dry_run]") {
  boost::asio::io_context io;
  std::vector<std::pair<Prefix, Fate>> fates;
  std::vector<Prefix> expired;
  EnforcerEvents events;
  events.done = [&](const Prefix& prefix, Fate fate) { fates.emplace_back(prefix, fate); };
  events.expired = [&](const Prefix& prefix) { expired.push_back(prefix); };
  auto made = make_enforcer(io, "dry-run", {.max_bans = 1, .ports = {}}, std::move(events));
  REQUIRE(made);
  const Prefix other(Address::v4(0xc0000202), 32);
  (*made)->restore({{kHost, kStart.mono + 60s}, {other, kStart.mono + 60s}}, kStart);
  CHECK(fates == std::vector<std::pair<Prefix, Fate>>{{other, Fate::failed}});
  (*made)->tick({kStart.mono + 59s, {}});
  CHECK(expired.empty());
  (*made)->tick({kStart.mono + 60s, {}});
  CHECK(expired == std::vector<Prefix>{kHost});
}

TEST_CASE("an unknown enforcer is an error with the known ones", "[enforce][enforcer]") {
  boost::asio::io_context io;
  const auto made = make_enforcer(io, "pf", {}, {});
  REQUIRE_FALSE(made);
  CHECK(made.error().message() == "there is no enforcer \"pf\" (known: ipset, nftables, dry-run)");
}

TEST_CASE("a timeout that no set can hold is an error", "[enforce][enforcer]") {
  boost::asio::io_context io;
  CHECK_FALSE(make_enforcer(io, "ipset", {.ports = {}, .longest_timeout = 2147484s}, {}));
  CHECK_FALSE(make_enforcer(io, "ipset", {.ports = {}, .longest_timeout = 1s}, {}));
}
