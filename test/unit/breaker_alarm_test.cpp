// SPDX-License-Identifier: GPL-3.0-or-later
#include "breaker_alarm.hpp"

#include "support/catch.hpp"
#include "support/judge_words.hpp"
#include "support/overheard.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

TEST_CASE("the alarm is told at once, again every ten minutes, and its end once", "[breaker]") {
  Breaker breaker;
  Log log(Log::Sink::terminal);
  BreakerAlarm alarm(log);
  std::size_t opened = 0, closed = 0, named = 0, silent = 1;
  {
    const Overheard said;
    alarm.look(breaker, at(0s));
    silent = said.lines_with("breaker");
    for (unsigned i = 1; i <= 6; ++i)
      static_cast<void>(breaker.admits(Prefix(Address::v4(0xc0000200 + i), 32), "password-guess",
                                       FailedUser{20 + i, 100}, at(1s)));
    for (auto second = 1s; second < 2h; ++second) {
      breaker.tick(at(second));
      alarm.look(breaker, at(second));
    }
    opened = said.lines_with("breaker.open ");
    named = said.lines_with("192.0.2.6/32 for password-guess");
    closed = said.lines_with("breaker.closed ");
  }
  CHECK(silent == 0);
  CHECK(opened == 6);  // after 0, 10, … 50 minutes
  CHECK(named == 6);
  CHECK(closed == 1);
}
