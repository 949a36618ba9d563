// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/ladder.hpp"

#include <limits>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

TEST_CASE("the recipe's ladder: one minute, doubled, five weeks at the seventeenth ban", "[judge][ladder]") {
  const Policy policy;
  CHECK(ban_duration(policy, 0) == 1min);
  CHECK(ban_duration(policy, 1) == 2min);
  CHECK(ban_duration(policy, 7) == 2h + 8min);
  CHECK(ban_duration(policy, 15) == 546h + 8min);
  for (const auto n : {16U, 17U, 20U, 21U, 1000U, 0xffffffffU}) {
    INFO(n);
    CHECK(ban_duration(policy, n) == 5 * 7 * 24h);
  }
}

TEST_CASE("the factor multiplies, but no ban is shorter than bantime", "[judge][ladder]") {
  Policy policy;
  policy.bantime_factor = 3;
  CHECK(ban_duration(policy, 0) == 3min);
  CHECK(ban_duration(policy, 2) == 12min);
  policy.bantime_factor = 0.1;
  CHECK(ban_duration(policy, 0) == 1min);
  CHECK(ban_duration(policy, 5) == 192s);
}

TEST_CASE("doubling stops at the twentieth ban", "[judge][ladder]") {
  Policy policy;
  policy.bantime = 1s;
  policy.bantime_max = 8760h;
  CHECK(ban_duration(policy, 20) == std::chrono::seconds(1 << 20));
  CHECK(ban_duration(policy, 21) == std::chrono::seconds(1 << 20));
}

TEST_CASE("a bantime over bantime_max lasts bantime", "[judge][ladder]") {
  Policy policy;
  policy.bantime = 2h;
  policy.bantime_max = 1h;
  CHECK(ban_duration(policy, 0) == 2h);
  CHECK(ban_duration(policy, 9) == 2h);
}

TEST_CASE("no factor and no bantime overflows the ladder", "[judge][ladder]") {
  Policy policy;
  for (const double factor :
       {1e300, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    policy.bantime_factor = factor;
    CHECK(ban_duration(policy, 20) == policy.bantime_max);
  }
  policy.bantime_factor = 1;
  policy.bantime = policy.bantime_max = std::chrono::seconds::max();
  CHECK(ban_duration(policy, 20) == std::chrono::seconds::max());
  policy.bantime_factor = -5;
  policy.bantime = 1min;
  CHECK(ban_duration(policy, 3) == 1min);
}

TEST_CASE("an offence weighs 1, 2, 3, 5, 9 times, at most maxretry", "[judge][ladder]") {
  Policy policy;
  policy.maxretry = {100'000};
  CHECK(weigh({1000}, policy, 0).milli == 1000);
  CHECK(weigh({1000}, policy, 1).milli == 2000);
  CHECK(weigh({1000}, policy, 2).milli == 3000);
  CHECK(weigh({1000}, policy, 3).milli == 5000);
  CHECK(weigh({300}, policy, 4).milli == 2700);
  CHECK(weigh({1000}, policy, 40).milli == 100'000);
  CHECK(weigh({std::numeric_limits<std::int32_t>::max()}, policy, 0xffffffffU).milli == 100'000);
  CHECK(weigh({0}, policy, 9).milli == 0);
  CHECK(weigh({-1000}, policy, 9).milli == 0);
}
