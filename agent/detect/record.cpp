// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/record.hpp"

#include "detect/cursor.hpp"
#include "detect/wrapper.hpp"

namespace coturn_guard {
namespace {

// "file.c(123)": the code for it exists from 4.6.2 on, though no option turns it on yet (set_log_file_line).
bool take_file_and_line(Cursor& cursor) {
  Cursor ahead = cursor;
  const auto in_name = [](char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '/' || c == '-';
  };
  if (ahead.take_while(in_name, 128) == 0 || !ahead.take('(') || ahead.take_digits(6) == 0 ||
      !ahead.take(')'))
    return false;
  cursor = ahead;
  return true;
}

// One of the level names, then `after`.
bool take_level(Cursor& cursor, char after) {
  Cursor ahead = cursor;
  if (!ahead.take("INFO") && !ahead.take("ERROR") && !ahead.take("WARNING") && !ahead.take("DEBUG") &&
      !ahead.take("CONTROL"))
    return false;
  if (!ahead.take(after)) return false;
  cursor = ahead;
  return true;
}

// "ERROR: " stands before an error alone; patched builds write the other levels, too.
void take_any_level(Cursor& cursor) {
  Cursor ahead = cursor;
  if (take_level(ahead, ':') && ahead.take(' ')) cursor = ahead;
}

// After a time: " INFO msg"
bool take_level_family(Cursor& cursor) {
  Cursor ahead = cursor;
  if (!ahead.take(' ')) return false;
  if (take_level(ahead, ' ')) return cursor = ahead, true;
  if (!take_file_and_line(ahead) || !ahead.take(' ') || !take_level(ahead, ' ')) return false;
  return cursor = ahead, true;
}

// After a time (and, for the counter, its ": "): "(18659): INFO: msg"
bool take_thread_family(Cursor& cursor) {
  Cursor ahead = cursor;
  // musl and macOS print any 64-bit number as the thread's
  if (ahead.take('[')) {
    if (ahead.take_digits(20) == 0 || !ahead.take("] ")) return false;
  } else if (!ahead.take('(') || ahead.take_digits(20) == 0 || !ahead.take("): ")) {
    return false;
  }
  if (take_file_and_line(ahead) && !ahead.take(':')) return false;
  if (!take_level(ahead, ':') || !ahead.take(' ')) return false;
  return cursor = ahead, true;
}

// After a time (and, for the counter, its ": "): ": msg"
bool take_colon_family(Cursor& cursor) {
  if (!cursor.take(": ")) return false;
  take_any_level(cursor);
  return true;
}

std::optional<RecordFamily> after_counter(Cursor& cursor) {
  if (cursor.take(": ")) {
    if (take_colon_family(cursor)) return RecordFamily::colon;
    if (take_thread_family(cursor)) return RecordFamily::thread;
    take_any_level(cursor);
    return RecordFamily::plain;
  }
  if (take_level_family(cursor)) return RecordFamily::level;
  return std::nullopt;
}

std::optional<RecordFamily> after_stamp(Cursor& cursor) {
  if (take_colon_family(cursor)) return RecordFamily::colon;
  if (take_thread_family(cursor)) return RecordFamily::thread;
  if (take_level_family(cursor)) return RecordFamily::level;
  return std::nullopt;
}

// Coturn's defaults: %FT%T%z up to 4.16 and %FT%T.%f%z from 4.17 on; and what others make of the zone.
bool take_iso(Cursor& cursor, bool& milliseconds) {
  Cursor ahead = cursor;
  if (!ahead.take_shape("0000-00-00T00:00:00")) return false;
  milliseconds = ahead.take_shape(".000");
  if (!ahead.take_shape("+0000") && !ahead.take_shape("-0000") && !ahead.take('Z') &&
      !ahead.take_shape("+00:00") && !ahead.take_shape("-00:00"))
    return false;
  return cursor = ahead, true;
}

bool take_prefix(Cursor& cursor, const TimeFormat& custom, Record& record) {
  const Cursor start = cursor;
  if (!custom.empty()) {
    if (const std::size_t bytes = custom.match(cursor.rest()); bytes != 0) {
      cursor.skip(bytes);
      record.time = {start.position(), bytes};
      // The format may end in a blank that got lost between coturn's configuration and ours.
      Cursor ahead = cursor;
      std::optional<RecordFamily> family = after_stamp(ahead);
      if (!family && ahead.take(' ')) family = after_stamp(ahead);
      if (family) {
        record.format.family = *family;
        record.format.time_form = TimeForm::custom;
        return cursor = ahead, true;
      }
      cursor = start;
    }
  }
  const std::size_t digits = cursor.take_digits(10);  // an unsigned 32-bit number
  if (digits == 0) return false;
  if (digits == 4 && cursor.left() > 0 && *cursor.position() == '-') {
    cursor = start;
    bool milliseconds = false;
    if (!take_iso(cursor, milliseconds)) return false;
    record.time = {start.position(), static_cast<std::size_t>(cursor.position() - start.position())};
    const std::optional<RecordFamily> family = after_stamp(cursor);
    // Milliseconds there are from 4.17 on.
    if (!family || (milliseconds && *family != RecordFamily::level)) return false;
    record.format.family = *family;
    record.format.time_form = TimeForm::iso;
    return true;
  }
  record.time = {start.position(), digits};
  const std::optional<RecordFamily> family = after_counter(cursor);
  if (!family) return false;
  record.format.family = *family;
  record.format.time_form = TimeForm::counter;
  return true;
}

// "session 000000000000000001: " (%018llu: more than 18 digits where there are over 999 relay threads)
void take_session(Cursor& cursor, Record& record) {
  Cursor ahead = cursor;
  if (!ahead.take("session ")) return;
  const char* const from = ahead.position();
  const std::size_t digits = ahead.take_digits(20);
  if (digits < 18 || !ahead.take(": ")) return;
  record.session = {from, digits};
  cursor = ahead;
}

// rsyslog: "message repeated 5 times: [ 22: : msg]". The bracket at the end belongs to it.
void take_repeat(Cursor& cursor, Record& record) {
  Cursor ahead = cursor;
  if (!ahead.take("message repeated ")) return;
  const char* const from = ahead.position();
  const std::size_t digits = ahead.take_digits(9);
  if (digits == 0 || !ahead.take(" times: [") || ahead.left() == 0 || ahead.rest().back() != ']') return;
  std::uint32_t times = 0;
  for (std::size_t i = 0; i < digits; ++i) times = times * 10 + static_cast<std::uint32_t>(from[i] - '0');
  ahead.take(' ');
  record.repeat = times < 1 ? 1 : times > kMaxRepeat ? kMaxRepeat : times;
  cursor = Cursor(ahead.rest().substr(0, ahead.left() - 1));
}

}  // namespace

std::optional<Record> parse_record(std::string_view line, const TimeFormat& custom, LogTags tags) {
  std::optional<Record> parsed(std::in_place);  // the one that is returned, so that it is not copied
  Record& record = *parsed;
  Cursor cursor(line);
  // Unwrapped lines first: they are the most, and none of coturn's own prefixes reads as a wrapper before a
  // record.
  if (!take_prefix(cursor, custom, record)) {
    cursor = Cursor(line);
    const std::optional<Wrapped> wrapped = take_wrapper(cursor, tags);
    if (!wrapped) {
      parsed.reset();
      return parsed;
    }
    record.format.wrapper = wrapped->wrapper;
    record.tag = wrapped->tag;
    record.stamp = wrapped->stamp;
    const bool of_containers = wrapped->wrapper == Wrapper::compose || wrapped->wrapper == Wrapper::container;
    if (!wrapped->tag.empty() && !of_containers) take_repeat(cursor, record);
    record.wrapper_bytes = static_cast<std::uint32_t>(cursor.position() - line.data());
    if (!take_prefix(cursor, custom, record)) {
      parsed.reset();
      return parsed;
    }
  }
  take_session(cursor, record);
  record.message = cursor.rest();
  return parsed;
}

std::size_t wrapper_bytes(std::string_view line, LogTags tags) {
  Cursor cursor(line);
  return take_wrapper(cursor, tags) ? static_cast<std::size_t>(cursor.position() - line.data()) : 0;
}

}  // namespace coturn_guard
