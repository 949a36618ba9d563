// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/record.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

struct Expected {
  const char* line;
  RecordFamily family;
  TimeForm time_form;
  const char* time;
  const char* session;
  const char* message;
};

void check(const Expected& expected, Wrapper wrapper, const TimeFormat& custom = {}) {
  INFO(expected.line);
  const auto record = parse_record(expected.line, custom);
  REQUIRE(record);
  CHECK(record->format.family == expected.family);
  CHECK(record->format.time_form == expected.time_form);
  CHECK(record->format.wrapper == wrapper);
  CHECK(record->time == expected.time);
  CHECK(record->session == expected.session);
  CHECK(record->message == expected.message);
}

}  // namespace

TEST_CASE("each version's prefix is told from the others", "[detect][record]") {
  using F = RecordFamily;
  using T = TimeForm;
  const char* const stamp = "2026-11-22T12:15:03+0000";
  for (const Expected& expected : {
           Expected{"22: msg", F::plain, T::counter, "22", "", "msg"},
           Expected{"22: ERROR: msg", F::plain, T::counter, "22", "", "msg"},
           Expected{"22: session 000000000000000001: msg", F::plain, T::counter, "22", "000000000000000001",
                    "msg"},
           Expected{"4294967295: : msg", F::colon, T::counter, "4294967295", "", "msg"},
           Expected{"0: : ", F::colon, T::counter, "0", "", ""},
           Expected{"22: : ERROR: session 001000000000000026: msg: x", F::colon, T::counter, "22",
                    "001000000000000026", "msg: x"},
           Expected{"2026-11-22T12:15:03+0000: msg", F::colon, T::iso, stamp, "", "msg"},
           Expected{"2026-11-22T12:15:03+0000: ERROR: msg", F::colon, T::iso, stamp, "", "msg"},
           Expected{"22: (18659): INFO: msg", F::thread, T::counter, "22", "", "msg"},
           Expected{"22: (18446744073709551615): CONTROL: msg", F::thread, T::counter, "22", "", "msg"},
           Expected{"22: (18659): file.c(123):ERROR: msg", F::thread, T::counter, "22", "", "msg"},
           Expected{"2026-11-22T12:15:03+0000(18659): WARNING: msg", F::thread, T::iso, stamp, "", "msg"},
           Expected{"2026-11-22T11:59:05.581+0000 INFO msg", F::level, T::iso, "2026-11-22T11:59:05.581+0000",
                    "", "msg"},
           Expected{"2026-11-22T11:59:05.581-0130 ERROR session 000000000000000001: m", F::level, T::iso,
                    "2026-11-22T11:59:05.581-0130", "000000000000000001", "m"},
           Expected{"22 DEBUG msg", F::level, T::counter, "22", "", "msg"},
           Expected{"22 file.c(123) WARNING msg", F::level, T::counter, "22", "", "msg"},
       })
    check(expected, Wrapper::none);
}

TEST_CASE("what is no record of coturn's is none", "[detect][record]") {
  for (const char* const line :
       {"", "22", "22:", "22 msg", "22 TRACE msg", "x: : msg", ": : msg", "12345678901: : msg",
        "Version Coturn-4.6.1 'Gorst'", "2026-11-22T12:15:03: msg", "2026-11-22T11:59:05.581+0000: msg",
        "2026-11-22T12:1x:03+0000: msg", "2026-", "22(18659): INFO: msg",
        "Nov 22 12:15:06 host sshd[4]: 22: : msg", "Nov 22 12:15:06 host turnserver[4: 22: : msg",
        "<>Nov 22 12:15:06 turnserver: 22: : msg", "web  | 22: : msg",
        "message repeated 3 times: [ 22: : msg]"}) {
    INFO(line);
    CHECK_FALSE(parse_record(line, {}));
  }
  CHECK(parse_record("22: (18659) INFO: msg", {})->format.family == RecordFamily::plain);
}

TEST_CASE("a session is 18 digits or more and a colon", "[detect][record]") {
  CHECK(parse_record("22: : session 1000000000000000001: x", {})->session == "1000000000000000001");
  CHECK(parse_record("22: : session 00000000000000001: x", {})->session.empty());
  CHECK(parse_record("22: : session 000000000000000001 x", {})->session.empty());
  CHECK(parse_record("22: : session 00000000000000000x: x", {})->message == "session 00000000000000000x: x");
}

TEST_CASE("wrappers of others are stripped first", "[detect][record]") {
  const Expected colon{"", RecordFamily::colon, TimeForm::counter, "22", "", "msg"};
  const auto wrapped = [&](const char* line) {
    return Expected{line, colon.family, colon.time_form, "22", "", "msg"};
  };
  for (const char* const line :
       {"Nov 22 12:15:06 host turnserver[123]: 22: : msg", "Nov  2 12:15:06 host turnserver: 22: : msg",
        "Nov 22 12:15:06 turnserver: 22: : msg", "<14>Nov 22 12:15:06 turnserver: 22: : msg",
        "<191>Nov 22 12:15:06 2001:db8::1 matrix-coturn[6717]: 22: : msg"})
    check(wrapped(line), Wrapper::syslog);
  for (const char* const line : {"2023-11-27T10:20:08.458142+01:00 host turnserver: 22: : msg",
                                 "2023-11-27T10:20:08+0100 host turnserver[1]: 22: : msg",
                                 "<30>2023-11-27T10:20:08Z turnserver: 22: : msg"})
    check(wrapped(line), Wrapper::iso_syslog);
  for (const char* const line : {"coturn   | 22: : msg", "coturn-1| 22: : msg"})
    check(wrapped(line), Wrapper::compose);
  check(wrapped("2023-11-27T10:20:08.458142123Z stdout F 22: : msg"), Wrapper::cri);
  check(wrapped("2023-11-27T10:20:08.458142123Z 22: : msg"), Wrapper::stamp);
  check({"Nov 22 12:21:47 t turnserver: 2026-11-22T12:21:47.927+0000 INFO msg", RecordFamily::level,
         TimeForm::iso, "2026-11-22T12:21:47.927+0000", "", "msg"},
        Wrapper::syslog);
  CHECK(parse_record("coturn   | 22: : msg", {})->wrapper_bytes == 11);
  CHECK(wrapper_bytes("coturn  | what ever") == 10);
  CHECK(wrapper_bytes("coturn  |") == 9);
  CHECK(wrapper_bytes("what ever") == 0);
}

TEST_CASE("rsyslog's repetition counts, within bounds, and only where rsyslog writes", "[detect][record]") {
  const auto times = [](std::string_view line) {
    const auto record = parse_record(line, {});
    REQUIRE(record);
    CHECK(record->message == "msg");
    return record->repeat;
  };
  CHECK(times("Nov 22 12:15:06 host turnserver[123]: message repeated 5 times: [ 22: : msg]") == 5);
  CHECK(times("2023-11-27T10:20:08.458142+01:00 host turnserver: message repeated 5 times: [22: : msg]") ==
        5);
  CHECK(times("Nov 22 12:15:06 host turnserver[123]: message repeated 999999999 times: [ 22: : msg]") ==
        kMaxRepeat);
  CHECK(times("Nov 22 12:15:06 host turnserver[123]: message repeated 0 times: [ 22: : msg]") == 1);
  CHECK_FALSE(
      parse_record("Nov 22 12:15:06 host turnserver[123]: message repeated 5 times: [ 22: : msg", {}));
  CHECK_FALSE(parse_record("coturn  | message repeated 5 times: [ 22: : msg]", {}));
}

TEST_CASE("an own time format stands before each family's rest", "[detect][record]") {
  const auto format = TimeFormat::compile("%d/%b/%Y %H:%M:%S ");
  REQUIRE(format);
  const auto custom = TimeForm::custom;
  const char* const time = "22/Nov/2026 12:14:58 ";
  check({"22/Nov/2026 12:14:58 : msg", RecordFamily::colon, custom, time, "", "msg"}, Wrapper::none, *format);
  check({"22/Nov/2026 12:14:58 : ERROR: session 000000000000000001: msg", RecordFamily::colon, custom, time,
         "000000000000000001", "msg"},
        Wrapper::none, *format);
  check({"22/Nov/2026 12:14:58 (18659): INFO: msg", RecordFamily::thread, custom, time, "", "msg"},
        Wrapper::none, *format);
  check({"22/Nov/2026 12:14:58  INFO msg", RecordFamily::level, custom, time, "", "msg"}, Wrapper::none,
        *format);
  check({"coturn | 22/Nov/2026 12:14:58 : msg", RecordFamily::colon, custom, time, "", "msg"},
        Wrapper::compose, *format);
  check({"22: : msg", RecordFamily::colon, TimeForm::counter, "22", "", "msg"}, Wrapper::none, *format);
  const auto without_blank = TimeFormat::compile("%d/%b/%Y %H:%M:%S");
  check({"22/Nov/2026 12:14:58 : msg", RecordFamily::colon, custom, "22/Nov/2026 12:14:58", "", "msg"},
        Wrapper::none, *without_blank);
}
