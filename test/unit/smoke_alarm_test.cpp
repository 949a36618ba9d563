// SPDX-License-Identifier: GPL-3.0-or-later
#include "smoke_alarm.hpp"

#include "support/catch.hpp"
#include "support/judge_words.hpp"
#include "support/overheard.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

namespace {

constexpr Points kBan{3000};

}  // namespace

TEST_CASE("smoke is told at once, again every ten minutes with its totals, and its end once", "[smoke]") {
  Log log(Log::Sink::terminal);
  SmokeAlarm alarm(log);
  SmokeCounts total;
  std::size_t told = 0, sized = 0, over = 0, after = 0;
  {
    const Overheard said;
    std::chrono::seconds second = 0s;
    for (; second < 25min; ++second) {
      total.lost += 10;
      total.lost_milli += 10'000;
      total.blinded_bytes += 18'000;
      total.texts += 20;
      alarm.look(total, kBan, "192.0.2.1", at(second));
      CHECK(alarm.burning());
    }
    told = said.lines_with("detect.smoke ");
    sized = said.lines_with("lost=12010");
    CHECK(said.lines_with("bytes_per_second=18000") == 2);
    CHECK(said.lines_with("senders=192.0.2.1") == 3);
    CHECK(said.lines_with("remedy=") == 3);
    CHECK(alarm.text(at(second)).find("15000 accusing lines worth 15000.0 points") == 0);
    for (; second < 1h; ++second) alarm.look(total, kBan, "", at(second));
    over = said.lines_with("detect.smoke_over ");
    after = said.lines_with("lost=15000");
  }
  CHECK(told == 3);  // after 0, 10 and 20 minutes
  CHECK(sized == 1);
  CHECK(over == 1);
  CHECK(after == 1);
  CHECK_FALSE(alarm.burning());
  CHECK(alarm.alarms() == 1);
}

TEST_CASE("texts without a loss, or what one text can hold, is no smoke", "[smoke]") {
  Log log(Log::Sink::terminal);
  SmokeAlarm alarm(log);
  SmokeCounts total;
  std::chrono::seconds second = 0s;
  const auto look = [&](SmokeCounts more) {
    total.lost += more.lost;
    total.lost_milli += more.lost_milli;
    total.texts += more.texts;
    alarm.look(total, kBan, "", at(++second));
    return alarm.burning();
  };
  const Overheard said;
  for (int i = 0; i < 300; ++i) CHECK_FALSE(look({.texts = 1000}));
  for (int i = 0; i < 61; ++i) CHECK_FALSE(look({}));
  CHECK_FALSE(look({.lost = 16, .lost_milli = 16'000, .texts = 1}));  // forged lines of one packet
  for (int i = 0; i < 61; ++i) CHECK_FALSE(look({}));
  CHECK_FALSE(look({.lost = 2, .lost_milli = 2'999, .texts = 10}));  // a ban is three points
  for (int i = 0; i < 61; ++i) CHECK_FALSE(look({}));
  CHECK(look({.lost = 3, .lost_milli = 3'000, .texts = 3}));
  CHECK(said.lines_with("detect.smoke ") == 1);
}

TEST_CASE("losses behind texts that honest clients have, too, are smoke when they are many", "[smoke]") {
  Log log(Log::Sink::terminal);
  SmokeAlarm alarm(log);
  const Overheard said;
  alarm.look({.lost = 16, .lost_milli = 16'000}, kBan, "", at(1s));
  CHECK_FALSE(alarm.burning());
  alarm.look({.lost = 17, .lost_milli = 17'000}, kBan, "", at(2s));
  CHECK(alarm.burning());
}

TEST_CASE("guesses that forged sessions hide are smoke, with their rate and a remedy of their own",
          "[smoke]") {
  Log log(Log::Sink::terminal);
  SmokeAlarm alarm(log);
  const Overheard said;
  SmokeCounts total;
  std::chrono::seconds second = 0s;
  for (; second < 2min; ++second) {
    total.ambiguous += 2;
    total.ambiguous_milli += 1'200;
    alarm.look(total, kBan, "", at(second));
  }
  CHECK(alarm.burning());
  CHECK(said.lines_with("detect.smoke ") == 1);
  CHECK(said.lines_with("remedy=\"run coturn 4.6.3 or newer") == 1);
  CHECK(alarm.text(at(second)).find("240 guesses worth 144.0 points were charged to nobody") == 0);
  CHECK(alarm.text(at(second)).find("120 in the last minute") != std::string::npos);
  // Over once, and what was told is not told again.
  for (; second < 50min; ++second) alarm.look(total, kBan, "", at(second));
  CHECK_FALSE(alarm.burning());
  CHECK(said.lines_with("detect.smoke ") == 1);
  CHECK(said.lines_with("detect.smoke_over ") == 1);
  CHECK(said.lines_with("ambiguous=240") == 1);
}

TEST_CASE("what is done in sessions that moved to unproven paths is smoke at a ban's worth, and says why",
          "[smoke]") {
  Log log(Log::Sink::terminal);
  SmokeAlarm alarm(log);
  const Overheard said;
  alarm.look({.moved = 2, .moved_milli = 2'999}, kBan, "", at(1s));
  CHECK_FALSE(alarm.burning());
  alarm.look({.moved = 3, .moved_milli = 3'000}, kBan, "", at(2s));
  CHECK(alarm.burning());
  CHECK(said.lines_with("text=\"mobile clients' sessions moved") == 1);
  CHECK(said.lines_with("moved=3 moved_points=3.0") == 1);
  CHECK(said.lines_with("remedy=\"leave mobility off") == 1);
  CHECK(alarm.text(at(2s)).find("3 offences worth 3.0 points were charged to nobody") == 0);
}

TEST_CASE("slow guessing behind forged sessions is smoke once a ban's worth is lost within an hour",
          "[smoke]") {
  Log log(Log::Sink::terminal);
  SmokeAlarm alarm(log);
  const Overheard said;
  SmokeCounts total;
  const auto lose_one_every = [&](std::chrono::minutes pause, std::chrono::seconds begin) {
    for (std::chrono::seconds second = begin; second < begin + 2h; ++second) {
      if ((second - begin) % pause == 0s) {
        ++total.ambiguous;
        total.ambiguous_milli += 600;
      }
      alarm.look(total, kBan, "", at(second));
    }
    return alarm.alarms();
  };
  CHECK(lose_one_every(20min, 0s) == 0);
  CHECK(lose_one_every(4min, 2h) == 1);
  CHECK(said.lines_with("ambiguous=5 ") == 1);
}
