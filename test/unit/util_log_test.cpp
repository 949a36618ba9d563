// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/log.hpp"

#include <syslog.h>

#include "support/catch.hpp"

using namespace coturn_guard;

TEST_CASE("an event has a budget of lines, and each event its own", "[util][log]") {
  Log log(Log::Sink::terminal);
  const auto start = std::chrono::steady_clock::time_point(std::chrono::hours(1));
  const LogEvent flood{"test.flood", LOG_DEBUG};
  int written = 0;
  while (written < 1000 && !log.suppresses(flood, start)) {
    log.write(flood, {}, start);
    ++written;
  }
  CHECK(written == 200);
  CHECK_FALSE(log.suppresses({"test.other", LOG_DEBUG}, start));
  // A second later there is room for some more, not for another burst.
  for (written = 0; !log.suppresses(flood, start + std::chrono::seconds(1)) && written < 1000; ++written)
    log.write(flood, {}, start + std::chrono::seconds(1));
  CHECK(written == 50);
}

TEST_CASE("an event's name need not outlive the call", "[util][log]") {
  Log log(Log::Sink::terminal);
  const std::chrono::steady_clock::time_point now{};
  for (int i = 0; i < 2; ++i) {
    const std::string name = "test.a-name-too-long-for-the-small-string-optimisation";
    log.write({name, LOG_DEBUG}, {{"key", "value"}}, now);
  }
  log.tick(now + std::chrono::seconds(1));
  CHECK_FALSE(log.suppresses({"test.a-name-too-long-for-the-small-string-optimisation", LOG_DEBUG}, now));
}
