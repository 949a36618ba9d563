// SPDX-License-Identifier: GPL-3.0-or-later
// One line -> the parts of coturn's record in it: what others wrapped around it, coturn's own prefix, the
// session, the message. Every line passes here, so it is written by hand and allocates nothing. It remembers
// nothing either: what one line says about the next is the Recogniser's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "detect/time_format.hpp"

namespace coturn_guard {

// The longest record that coturn writes, prefix and newline included. Up to 4.16 a longer one is cut without
// a newline and the next is glued to it (MAX_RTPPRINTF_BUFFER_SIZE in ns_turn_utils.c): at 1023 bytes up
// to 4.6.1, then at 1022.
inline constexpr std::size_t kRecordLimitBytes = 1023;
inline constexpr std::size_t kShortestCutBytes = 1022;

// What stands before coturn's message, by version.
enum class RecordFamily : std::uint8_t {
  plain,   // 4.5.0 to 4.5.1.3   "22: msg"
  colon,   // 4.5.2 to 4.6.1     "22: : msg"
  thread,  // 4.6.2 to 4.16      "22: (18659): INFO: msg"
  level,   // from 4.17 on       "2026-11-22T11:59:05.581+0000 INFO msg". Newlines in a message become blanks
           // here
};

// How the time is written.
enum class TimeForm : std::uint8_t {
  counter,  // seconds since coturn's start
  iso,      // coturn's default for new-log-timestamp
  custom,   // new-log-timestamp-format
};

// What others put before the record.
enum class Wrapper : std::uint8_t {
  none,
  syslog,      // "<14>Nov 22 12:15:06 host turnserver[123]: ", all but the time and the tag optional
  iso_syslog,  // "2023-11-27T10:20:08.458142+01:00 host turnserver: ", journald's short-iso too
  stamp,       // "2023-11-27T10:20:08.458142Z ", as `docker logs --timestamps` has it
  compose,     // "coturn   | "
  cri,         // "2023-11-27T10:20:08.458142Z stdout F "
  dated,       // another time: "2022-08-23 08:50:40 ", "Mon 2022-08-23 08:50:40 CEST host turnserver[811]: ",
               // "1661237440.123456 host turnserver[811]: ", "[ 1234.567890] …", "@400000006523a1b5 "
  rfc5424,     // "<134>1 2023-10-11T22:14:15.003Z host turnserver 811 - - "
  container,   // "[pod/coturn-7d9f/coturn] ", "coturn-7d9f coturn ", "default/coturn-0[coturn]: "
  quoted,      // "> " or blanks, as in a mail or on a page
};

// The three together: a stream of lines has one, and a line of another is suspect.
struct LineFormat {
  RecordFamily family = RecordFamily::plain;
  TimeForm time_form = TimeForm::counter;
  Wrapper wrapper = Wrapper::none;

  friend bool operator==(const LineFormat&, const LineFormat&) = default;
};

// All texts are borrowed from the line.
struct Record {
  LineFormat format;
  std::uint32_t wrapper_bytes = 0;  // before the record itself
  // Of a wrapper, whose line it is: "host turnserver[123]", or a container's name. Empty where it does not
  // say.
  std::string_view tag;
  std::uint32_t repeat = 1;  // rsyslog's "message repeated N times: [ ... ]", at most kMaxRepeat
  std::string_view stamp;    // the wrapper's time, empty where it has none
  std::string_view time;     // coturn's own: "590556" or a time stamp
  std::string_view session;  // the digits of "session 000000000000000001: ", empty where there is none
  std::string_view message;  // after prefix, level and session
};

inline constexpr std::uint32_t kMaxRepeat = 1000;

// Programs' names, containers' ids and the like that the operator says are coturn's. Others must hold "turn":
// in a log that programs share, a line of another's must not pass for coturn's.
using LogTags = std::span<const std::string>;

// Absent: no record of coturn's starts in this line. `custom` is the operator's time format, empty for none.
[[nodiscard]] std::optional<Record> parse_record(std::string_view line, const TimeFormat& custom,
                                                 LogTags tags = {});

// How many bytes of `line` a wrapper takes, whatever follows it; 0: it has none.
[[nodiscard]] std::size_t wrapper_bytes(std::string_view line, LogTags tags = {});

}  // namespace coturn_guard
