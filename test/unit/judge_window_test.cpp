// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/window.hpp"

#include <deque>
#include <map>
#include <random>
#include <utility>

#include "support/catch.hpp"

using namespace coturn_guard;

TEST_CASE("points leave the window exactly when they are as old as it is long", "[judge][window]") {
  Window window;
  window.add(1000, {300});
  window.slide(4599, 3600);
  CHECK(window.sum() == Points{300});
  window.slide(4600, 3600);
  CHECK(window.empty());
}

TEST_CASE("a window of eight offences is exact, each leaves at its own time", "[judge][window]") {
  Window window;
  for (Tick i = 0; i < Window::kSlots; ++i) window.add(100 * i, {1 << i});
  CHECK(window.count() == Window::kSlots);
  CHECK(window.sum() == Points{255});
  window.slide(1000 + 250, 1000);
  CHECK(window.sum() == Points{255 - 1 - 2 - 4});
}

TEST_CASE("no points are lost when the window is full, and none stays too long", "[judge][window]") {
  constexpr Tick kLength = 100'000;
  std::mt19937_64 random(20240607);
  for (int run = 0; run < 200; ++run) {
    Window window;
    std::deque<std::pair<Tick, int>> exact;
    Tick now = 0;
    const Tick pace = 1 + random() % (kLength / 2);
    for (int step = 0; step < 300; ++step) {
      now += random() % pace;
      window.slide(now, kLength);
      const int milli = 1 + static_cast<int>(random() % 1000);
      window.add(now, {milli});
      exact.emplace_back(now, milli);
      while (now - exact.front().first >= kLength) exact.pop_front();
      int most = 0, least = 0;
      for (const auto& [time, points] : exact) {
        most += points;
        if (now - time < kLength - kLength * 2 / (Window::kSlots - 1)) least += points;
      }
      REQUIRE(window.sum().milli <= most);
      REQUIRE(window.sum().milli >= least);
    }
  }
}

TEST_CASE("points that overflow a slot stay at what a slot can hold", "[judge][window]") {
  Window window;
  for (int i = 0; i < 3; ++i) window.add(5, {Window::kMostMilli});
  CHECK(window.sum() == Points{Window::kMostMilli});
  window.add(6, {-5});
  window.add(6, {0});
  CHECK(window.count() == 1);
}

TEST_CASE("points may come for an earlier moment, and leave before what came first", "[judge][window]") {
  Window window;
  window.add(1000, {1});
  window.add(400, {2});
  window.add(700, {4});
  window.add(400, {8});
  CHECK(window.count() == 3);
  window.slide(1400, 1000);
  CHECK(window.sum() == Points{5});
  window.slide(1700, 1000);
  CHECK(window.sum() == Points{1});
  window.shift_back(300);
  window.slide(1699, 1000);
  CHECK(window.sum() == Points{1});
  window.slide(1700, 1000);
  CHECK(window.empty());
}

TEST_CASE("in whatever order moments come, none stays too long and none leaves far too early",
          "[judge][window]") {
  constexpr Tick kLength = 100'000;
  std::mt19937_64 random(7);
  for (int run = 0; run < 300; ++run) {
    Window window;
    std::multimap<Tick, int> exact;
    Tick now = kLength;
    const Tick pace = 1 + random() % (kLength / 2);
    const Tick depth = 1 + random() % kLength;
    for (int step = 0; step < 300; ++step) {
      now += random() % pace;
      window.slide(now, kLength);
      const int milli = 1 + static_cast<int>(random() % 1000);
      const Tick time = now - (random() % 2 == 0 ? 0 : random() % depth);
      window.add(time, {milli});
      exact.emplace(time, milli);
      while (now - exact.begin()->first >= kLength) exact.erase(exact.begin());
      int most = 0, least = 0;
      for (const auto& [moment, points] : exact) {
        most += points;
        if (now - moment < kLength - kLength * 2 / (Window::kSlots - 1)) least += points;
      }
      REQUIRE(window.sum().milli <= most);
      REQUIRE(window.sum().milli >= least);
    }
  }
}
