// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/record.hpp"

#include <cstring>

#include "detect/digits.hpp"

namespace coturn_guard {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Eats the line from its front. Each `take` either succeeds and moves on, or fails and leaves everything as
// it was.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] std::string_view rest() const { return {at_, left()}; }
  [[nodiscard]] const char* position() const { return at_; }
  void skip(std::size_t bytes) { at_ += bytes; }

  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  template <std::size_t N>
  bool take(const char (&literal)[N]) {
    if (left() < N - 1 || std::memcmp(at_, literal, N - 1) != 0) return false;
    at_ += N - 1;
    return true;
  }
  std::size_t take_digits(std::size_t longest) {
    const char* const stop = left() < longest ? end_ : at_ + longest;
    const char* const from = at_;
    while (static_cast<std::size_t>(stop - at_) >= kDigitsAtOnce) {
      const std::size_t digits = leading_digits(word_of(at_));
      at_ += digits;
      if (digits < kDigitsAtOnce) return static_cast<std::size_t>(at_ - from);
    }
    while (at_ != stop && is_digit(*at_)) ++at_;
    return static_cast<std::size_t>(at_ - from);
  }
  // Fixed shape: '0' stands for any digit, everything else for itself.
  template <std::size_t N>
  bool take_shape(const char (&shape)[N]) {
    if (left() < N - 1) return false;
    for (std::size_t i = 0; i < N - 1; ++i)
      if (shape[i] == '0' ? !is_digit(at_[i]) : at_[i] != shape[i]) return false;
    at_ += N - 1;
    return true;
  }
  template <class Accepts>
  std::size_t take_while(Accepts accepts, std::size_t longest) {
    const char* const from = at_;
    while (at_ != end_ && static_cast<std::size_t>(at_ - from) < longest && accepts(*at_)) ++at_;
    return static_cast<std::size_t>(at_ - from);
  }

 private:
  const char* at_;
  const char* end_;
};

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
  if (!ahead.take('(') || ahead.take_digits(20) == 0 || !ahead.take("): ")) return false;
  if (take_file_and_line(ahead) && !ahead.take(':')) return false;
  if (!take_level(ahead, ':') || !ahead.take(' ')) return false;
  return cursor = ahead, true;
}

// After a time (and, for the counter, its ": "): ": msg"
bool take_colon_family(Cursor& cursor) {
  if (!cursor.take(": ")) return false;
  cursor.take("ERROR: ");
  return true;
}

std::optional<Family> after_counter(Cursor& cursor) {
  if (cursor.take(": ")) {
    if (take_colon_family(cursor)) return Family::colon;
    if (take_thread_family(cursor)) return Family::thread;
    cursor.take("ERROR: ");
    return Family::plain;
  }
  if (take_level_family(cursor)) return Family::level;
  return std::nullopt;
}

std::optional<Family> after_stamp(Cursor& cursor) {
  if (take_colon_family(cursor)) return Family::colon;
  if (take_thread_family(cursor)) return Family::thread;
  if (take_level_family(cursor)) return Family::level;
  return std::nullopt;
}

// Coturn's defaults: %FT%T%z up to 4.16 and %FT%T.%f%z from 4.17 on.
bool take_iso(Cursor& cursor, bool& milliseconds) {
  Cursor ahead = cursor;
  if (!ahead.take_shape("0000-00-00T00:00:00")) return false;
  milliseconds = ahead.take_shape(".000");
  if (!ahead.take_shape("+0000") && !ahead.take_shape("-0000")) return false;
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
      std::optional<Family> family = after_stamp(ahead);
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
    const std::optional<Family> family = after_stamp(cursor);
    // Each version has its own form of stamp: with milliseconds from 4.17 on, without before.
    if (!family || (*family == Family::level) != milliseconds) return false;
    record.format.family = *family;
    record.format.time_form = TimeForm::iso;
    return true;
  }
  record.time = {start.position(), digits};
  const std::optional<Family> family = after_counter(cursor);
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

bool is_word(char c) {
  return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == '/';
}

// Whose lines these are, by program or container name. In a log that programs share, a line of another's must
// not pass for coturn's.
bool names_coturn(std::string_view tag) {
  return tag.find("turn") != std::string_view::npos;
}

// "host turnserver[123]: ", "turnserver: "
bool take_tag(Cursor& cursor, std::string_view& tag) {
  Cursor ahead = cursor;
  const auto take_one = [&] {
    const char* const from = ahead.position();
    const std::size_t bytes = ahead.take_while(is_word, 255);
    const std::string_view word(from, bytes);
    if (ahead.take('[') && (ahead.take_digits(10) == 0 || !ahead.take(']'))) return false;
    if (!ahead.take(": ") || !names_coturn(word)) return false;
    const auto end = static_cast<std::size_t>(ahead.position() - cursor.position());
    tag = std::string_view(cursor.position(), end - std::string_view(": ").size());
    return true;
  };
  if (take_one()) return cursor = ahead, true;
  ahead = cursor;
  // a host may be an address, too
  const auto in_host = [](char c) { return is_word(c) || c == ':'; };
  if (ahead.take_while(in_host, 255) == 0 || !ahead.take(' ') || !take_one()) return false;
  return cursor = ahead, true;
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

// "2023-11-27T10:20:08.458142+01:00 ", and Z or +0100 for the zone
bool take_rfc3339(Cursor& cursor) {
  Cursor ahead = cursor;
  if (!ahead.take_shape("0000-00-00T00:00:00")) return false;
  if (ahead.take('.') && ahead.take_digits(9) == 0) return false;
  if (!ahead.take('Z') && !ahead.take_shape("+00:00") && !ahead.take_shape("-00:00") &&
      !ahead.take_shape("+0000") && !ahead.take_shape("-0000"))
    return false;
  if (!ahead.take(' ')) return false;
  return cursor = ahead, true;
}

// "Nov 22 12:15:06 "; days below 10 are padded with a blank.
bool take_classic_time(Cursor& cursor) {
  Cursor ahead = cursor;
  if (ahead.take_while(is_letter, 3) != 3 || !ahead.take(' ')) return false;
  if (!ahead.take_shape("00 ") && !ahead.take_shape(" 0 ")) return false;
  if (!ahead.take_shape("00:00:00 ")) return false;
  return cursor = ahead, true;
}

std::optional<Wrapper> take_wrapper(Cursor& cursor, std::string_view& tag) {
  Cursor ahead = cursor;
  if (ahead.take('<') && (ahead.take_digits(3) == 0 || !ahead.take('>'))) return std::nullopt;
  if (take_classic_time(ahead)) {
    if (!take_tag(ahead, tag)) return std::nullopt;
    return cursor = ahead, Wrapper::syslog;
  }
  if (take_rfc3339(ahead)) {
    if (ahead.take("stdout F ") || ahead.take("stderr F ")) return cursor = ahead, Wrapper::cri;
    if (take_tag(ahead, tag)) return cursor = ahead, Wrapper::iso_syslog;
    return cursor = ahead, Wrapper::stamp;
  }
  ahead = cursor;
  const char* const from = ahead.position();
  const std::size_t bytes = ahead.take_while(is_word, 128);
  if (bytes != 0 && names_coturn({from, bytes})) {
    ahead.take_while([](char c) { return c == ' '; }, 64);
    if (ahead.take('|') && (ahead.take(' ') || ahead.left() == 0)) {
      tag = {from, bytes};
      return cursor = ahead, Wrapper::compose;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Record> parse_record(std::string_view line, const TimeFormat& custom) {
  std::optional<Record> parsed(std::in_place);  // the one that is returned, so that it is not copied
  Record& record = *parsed;
  Cursor cursor(line);
  // Unwrapped lines first: they are the most, and none of coturn's own prefixes reads as a wrapper before a
  // record.
  if (!take_prefix(cursor, custom, record)) {
    cursor = Cursor(line);
    const std::optional<Wrapper> wrapper = take_wrapper(cursor, record.tag);
    if (!wrapper) {
      parsed.reset();
      return parsed;
    }
    record.format.wrapper = *wrapper;
    if (*wrapper == Wrapper::syslog || *wrapper == Wrapper::iso_syslog) take_repeat(cursor, record);
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

std::size_t wrapper_bytes(std::string_view line) {
  Cursor cursor(line);
  std::string_view tag;
  return take_wrapper(cursor, tag) ? static_cast<std::size_t>(cursor.position() - line.data()) : 0;
}

}  // namespace coturn_guard
