// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/coturn_user.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

constexpr std::uint32_t kRoot = 0, kCoturn = 998, kTenant = 1000;

TcpListener at(const std::string& address, std::uint32_t uid, std::uint64_t cgroup = 0) {
  return {.local = {*Address::parse(address), 3478}, .uid = uid, .cgroup = cgroup};
}

// Forty listeners on loopback, and one that clients can reach.
std::vector<TcpListener> with_tenant(std::vector<TcpListener> listeners) {
  for (int i = 2; i < 42; ++i) listeners.push_back(at("127.0.0." + std::to_string(i), kTenant, 7));
  listeners.push_back(at("198.51.100.20", kTenant, 7));
  return listeners;
}

std::set<std::uint32_t> users(const std::optional<CoturnUser::Who>& who) {
  return who ? who->users : std::set<std::uint32_t>{};
}

}  // namespace

TEST_CASE("the only user that listens on coturn's ports is coturn", "[source][coturn_user]") {
  CoturnUser user;
  const auto uid = GENERATE(kRoot, kCoturn);
  const std::vector<TcpListener> listeners{at("127.0.0.1", uid), at("198.51.100.10", uid)};
  const auto who = user.look(listeners, listeners, {});
  CHECK(users(who) == std::set{uid});
  CHECK_FALSE(who->marked);
  CHECK(user.why().empty());
}

TEST_CASE("a tenant with more listeners is not taken for coturn, which was there before",
          "[source][coturn_user]") {
  CoturnUser user;
  const auto uid = GENERATE(kRoot, kCoturn);
  const std::vector<TcpListener> alone{at("198.51.100.10", uid)};
  REQUIRE(user.look(alone, alone, {}));
  const auto both = with_tenant(alone);
  const auto who = user.look(both, both, {});
  CHECK(users(who) == std::set{uid});
  CHECK_FALSE(who->is(both.back()));
  SECTION("nor when coturn stops") {
    const auto tenant = with_tenant({});
    CHECK_FALSE(user.look(tenant, tenant, {}));
    CHECK(user.why().find("user 1000") != std::string::npos);
    CHECK(users(user.look(both, both, {})) == std::set{uid});
  }
}

TEST_CASE("where only root listens in its place it may be coturn, and the place is kept",
          "[source][coturn_user]") {
  CoturnUser user;
  const std::vector<TcpListener> coturn{at("198.51.100.10", kCoturn)}, root{at("198.51.100.10", kRoot)},
      both{at("198.51.100.10", kCoturn), at("198.51.100.20", kRoot)};
  user.look(coturn, coturn, {});
  CHECK(users(user.look(root, root, {})) == std::set{kRoot});
  CHECK(users(user.look(both, both, {})) == std::set{kCoturn});
}

TEST_CASE("who owns coturn's log is coturn, whoever was there first", "[source][coturn_user]") {
  CoturnUser user;
  const auto uid = GENERATE(kRoot, kCoturn);
  const CoturnMarks marks{{}, {uid}};
  const auto tenant = with_tenant({});
  user.look(tenant, tenant, marks);
  const auto both = with_tenant({at("198.51.100.10", uid)});
  const auto who = user.look(both, both, marks);
  CHECK(users(who) == std::set{uid});
  CHECK(who->marked);
}

TEST_CASE("the control group of coturn's unit decides, within one user too", "[source][coturn_user]") {
  CoturnUser user;
  const CoturnMarks marks{{42}, {kTenant}};
  const std::vector<TcpListener> listeners{at("198.51.100.10", kRoot, 42), at("198.51.100.11", kRoot, 7),
                                           at("198.51.100.20", kTenant, 7)};
  const auto who = user.look(listeners, listeners, marks);
  REQUIRE(who);
  CHECK(who->is(listeners[0]));
  CHECK_FALSE(who->is(listeners[1]));
  CHECK_FALSE(who->is(listeners[2]));
}

TEST_CASE("a kernel that tells of no control group has none that could be coturn's",
          "[source][coturn_user]") {
  CoturnUser user;
  const std::vector<TcpListener> listeners{at("198.51.100.10", kCoturn), at("198.51.100.20", kTenant)};
  CHECK_FALSE(user.look(listeners, listeners, {{0}, {}}));
}

TEST_CASE("of several users that nothing tells apart none is coturn, and that is said",
          "[source][coturn_user]") {
  CoturnUser user;
  const auto both = with_tenant({at("198.51.100.10", kCoturn)});
  CHECK_FALSE(user.look(both, both, {}));
  CHECK(user.why().find("user 998 on 198.51.100.10:3478, user 1000 on 198.51.100.20:3478") !=
        std::string::npos);
  SECTION("listeners on loopback count nothing where others can be reached") {
    std::vector<TcpListener> hidden{at("198.51.100.10", kCoturn)};
    for (int i = 2; i < 42; ++i) hidden.push_back(at("127.0.0." + std::to_string(i), kTenant));
    CHECK(users(user.look(hidden, hidden, {})) == std::set{kCoturn});
  }
}

TEST_CASE("several coturns are known by several logs", "[source][coturn_user]") {
  CoturnUser user;
  const std::vector<TcpListener> listeners{at("198.51.100.10", 998), at("198.51.100.11", 997),
                                           at("198.51.100.20", kTenant)};
  const auto who = user.look(listeners, listeners, {{}, {997, 998}});
  CHECK(users(who) == std::set<std::uint32_t>{997, 998});
}

TEST_CASE("a log that root owns is no mark of root where its other owner listens, too",
          "[source][coturn_user]") {
  CoturnUser user;
  const std::vector<TcpListener> listeners{at("198.51.100.10", kCoturn), at("198.51.100.20", kRoot)};
  CHECK(users(user.look(listeners, listeners, {{}, {kRoot, kCoturn}})) == std::set{kCoturn});
}

TEST_CASE("what root has on a port that is only listed is not coturn's", "[source][coturn_user]") {
  CoturnUser user;
  const std::vector<TcpListener> root{at("198.51.100.10", kRoot, 42)}, coturn{at("198.51.100.10", kCoturn)};
  CHECK_FALSE(user.look({}, root, {}));
  CHECK(user.why().empty());
  CHECK(users(user.look({}, coturn, {})) == std::set{kCoturn});
  CHECK(user.look({}, root, {{42}, {}}));
  CHECK_FALSE(user.look({}, {}, {}));
}
