// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/hook_queue.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

constexpr HookQueue::Time kBegin{1000s};

bool push(HookQueue& queue, HookQueue::Time now) {
  if (!queue.admits(now)) return false;
  queue.push({});
  return true;
}

int pushed(HookQueue& queue, int calls, HookQueue::Time now) {
  int taken = 0;
  for (int i = 0; i < calls; ++i) taken += push(queue, now) ? 1 : 0;
  return taken;
}

}  // namespace

TEST_CASE("a hook is called so many times at once and so many a second after that", "[control][hooks]") {
  HookQueue queue(10, 100, 1000);
  CHECK(pushed(queue, 500, kBegin) == 100);
  CHECK(pushed(queue, 500, kBegin + 1s) == 10);
  CHECK(pushed(queue, 500, kBegin + 1050ms) == 0);
  CHECK(pushed(queue, 500, kBegin + 1100ms) == 1);
  CHECK(pushed(queue, 500, kBegin + 1h) == 100);
  CHECK(pushed(queue, 500, kBegin) == 0);  // a clock that went back gives nothing
}

TEST_CASE("what is left out is counted, and told once", "[control][hooks]") {
  HookQueue queue(10, 20, 4);
  pushed(queue, 50, kBegin);
  CHECK(queue.counters().left_out == 30);
  CHECK(queue.take_left_out() == 30);
  CHECK(queue.take_left_out() == 0);
}

TEST_CASE("only so many run at once, in the order in which they came", "[control][hooks]") {
  HookQueue queue(10, 100, 2);
  for (const char* text : {"a", "b", "c"}) {
    REQUIRE(queue.admits(kBegin));
    queue.push({.json = text});
  }
  CHECK(queue.begin()->json == "a");
  CHECK(queue.begin()->json == "b");
  CHECK(!queue.begin());
  queue.ended();
  CHECK(queue.begin()->json == "c");
  queue.ended();
  CHECK(!queue.begin());
  CHECK(queue.counters().called == 3);
}

TEST_CASE("a hook that hangs does not make its queue grow without end", "[control][hooks]") {
  HookQueue queue(1000, 1000, 1);
  int taken = 0;
  for (int second = 0; second < 10; ++second)
    taken += pushed(queue, 1000, kBegin + std::chrono::seconds(second));
  CHECK(taken == HookQueue::kMostWaiting);
  CHECK(queue.waiting() == HookQueue::kMostWaiting);
  CHECK(queue.counters().left_out == 9000);
}
