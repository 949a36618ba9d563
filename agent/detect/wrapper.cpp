// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/wrapper.hpp"

#include <algorithm>

namespace coturn_guard {
namespace {

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kMostBlanks = 64;

bool is_blank(char c) {
  return c == ' ';
}
bool is_word(char c) {
  return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == '/' || c == '@';
}
bool is_utf8(char c) {
  return (static_cast<unsigned char>(c) & 0x80U) != 0;
}
bool is_letter_of_any(char c) {
  return is_letter(c) || is_utf8(c);
}

bool names_coturn(std::string_view name, LogTags tags) {
  return name.find("turn") != std::string_view::npos ||
         std::find(tags.begin(), tags.end(), name) != tags.end();
}

std::string_view between(const char* from, const Cursor& cursor) {
  return {from, static_cast<std::size_t>(cursor.position() - from)};
}

// Colours of a terminal: ESC [ 36 m
void take_colour(Cursor& cursor) {
  for (Cursor ahead = cursor; ahead.take("\x1b[");) {
    ahead.take_while([](char c) { return is_digit(c) || c == ';'; }, 16);
    if (!ahead.take('m')) return;
    cursor = ahead;
  }
}

bool take_clock(Cursor& cursor) {
  if (!cursor.take_shape("00:00:00")) return false;
  Cursor ahead = cursor;
  if ((ahead.take('.') || ahead.take(',')) && ahead.take_digits(9) != 0) cursor = ahead;
  return true;
}

void take_zone(Cursor& cursor) {
  if (cursor.take('Z') || cursor.take_shape("+00:00") || cursor.take_shape("-00:00")) return;
  if (!cursor.take_shape("+0000")) static_cast<void>(cursor.take_shape("-0000"));
}

// A day of the week, as somebody's language has it: "Mon ", "Mo. ".
void take_weekday(Cursor& cursor) {
  Cursor ahead = cursor;
  if (ahead.take_while(is_letter_of_any, 12) < 2) return;
  ahead.take('.');
  if (ahead.take(' ')) cursor = ahead;
}

// "Nov 22 12:15:06", "oct. 23 22:14:15.003", "Oct 11 2023 22:14:15", "10月  3 22:14:15", "Oct 11 22:14:15
// 2023"
bool take_classic_time(Cursor& cursor) {
  Cursor ahead = cursor;
  ahead.take_digits(2);
  if (ahead.take_while(is_letter_of_any, 16) < 2) return false;
  ahead.take('.');
  if (!ahead.take(' ')) return false;
  ahead.take(' ');
  if (const std::size_t digits = ahead.take_digits(2); digits == 0 || !ahead.take(' ')) return false;
  ahead.take_shape("0000 ");
  if (!take_clock(ahead)) return false;
  cursor = ahead;
  if (ahead.take_shape(" 0000") && ahead.left() > 0 && *ahead.position() == ' ') cursor = ahead;
  return true;
}

// "2023-11-27T10:20:08.458142+01:00", and with a blank or a line instead of the T
bool take_iso_time(Cursor& cursor, bool& by_t) {
  Cursor ahead = cursor;
  if (!ahead.take_shape("0000-00-00")) return false;
  by_t = ahead.take('T');
  if (!by_t && !ahead.take(' ') && !ahead.take('_')) return false;
  if (!take_clock(ahead)) return false;
  take_zone(ahead);
  return cursor = ahead, true;
}

// Others: a week's day before it, seconds since 1970, since the machine started, TAI64 of multilog and
// svlogd.
bool take_odd_time(Cursor& cursor) {
  Cursor ahead = cursor;
  if (ahead.take('@'))
    return ahead.take_while([](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }, 24) >= 16 &&
           (cursor = ahead, true);
  if (ahead.take('[')) {
    ahead.take_while(is_blank, kMostBlanks);
    return ahead.take_digits(12) != 0 && ahead.take('.') && ahead.take_digits(9) != 0 && ahead.take(']') &&
           (cursor = ahead, true);
  }
  if (ahead.take_digits(10) == 10)
    return ahead.take('.') && ahead.take_digits(9) != 0 && (cursor = ahead, true);
  ahead = cursor;
  take_weekday(ahead);
  if (ahead.position() == cursor.position()) return false;
  bool by_t = false;
  if (take_iso_time(ahead, by_t)) {
    cursor = ahead;
    // "CEST", "+02"
    if (ahead.take(' ') &&
        ahead.take_while([](char c) { return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '+' || c == '-'; },
                         6) >= 2 &&
        ahead.left() > 0 && *ahead.position() == ' ')
      cursor = ahead;
    return true;
  }
  return take_classic_time(ahead) && (cursor = ahead, true);
}

// Behind a time.
bool take_gap(Cursor& cursor) {
  if (cursor.take(": ")) return true;
  return cursor.take_while(is_blank, kMostBlanks) != 0;
}

// "turnserver[123]: "
bool take_program(Cursor& cursor, LogTags tags) {
  Cursor ahead = cursor;
  const char* const from = ahead.position();
  ahead.take_while(is_word, kLongestName);
  const std::string_view word = between(from, ahead);
  if (ahead.take('[') && (ahead.take_digits(10) == 0 || !ahead.take(']'))) return false;
  if (!ahead.take(": ") || !names_coturn(word, tags)) return false;
  return cursor = ahead, true;
}

// A host's name or its address. What ends in a colon is a program's tag: of another program's message nothing
// may pass for coturn's.
bool take_host(Cursor& cursor) {
  Cursor ahead = cursor;
  const char* const from = ahead.position();
  ahead.take_while([](char c) { return is_word(c) || c == ':'; }, kLongestName);
  const std::string_view word = between(from, ahead);
  if (word.empty() || word.back() == ':' || !ahead.take(' ')) return false;
  return cursor = ahead, true;
}

// "daemon.info "
bool take_facility(Cursor& cursor) {
  Cursor ahead = cursor;
  const auto in_name = [](char c) { return is_letter(c) || is_digit(c); };
  if (ahead.take_while(in_name, 16) == 0 || !ahead.take('.')) return false;
  if (ahead.take_while(is_letter, 16) == 0 || !ahead.take(' ')) return false;
  return cursor = ahead, true;
}

// "host turnserver[123]: ", "turnserver: ", "host daemon.info turnserver[123]: "
bool take_tag(Cursor& cursor, LogTags tags, std::string_view& tag) {
  Cursor ahead = cursor;
  bool found = take_program(ahead, tags);
  if (!found && take_facility(ahead)) found = take_program(ahead, tags);
  if (!found) {
    ahead = cursor;
    if (!take_host(ahead)) return false;
    found = take_program(ahead, tags) || (take_facility(ahead) && take_program(ahead, tags));
  }
  if (!found) return false;
  tag = between(cursor.position(), ahead);
  tag.remove_suffix(std::string_view(": ").size());
  cursor = ahead;
  static_cast<void>(take_program(cursor, tags));  // "turnserver[811]: turnserver: "
  return true;
}

// "<134>1 2023-10-11T22:14:15.003Z host turnserver 811 - [origin ip="192.0.2.1"] ", without the priority
bool take_rfc5424(Cursor& cursor, LogTags tags, Wrapped& wrapped) {
  Cursor ahead = cursor;
  bool by_t = false;
  const auto take_field = [&](std::string_view& field) {
    const char* const from = ahead.position();
    ahead.take_while([](char c) { return c > ' ' && c < 0x7f; }, kLongestName);
    field = between(from, ahead);
    return !field.empty() && ahead.take(' ');
  };
  if (!ahead.take("1 ")) return false;
  const char* const stamp = ahead.position();
  if (take_iso_time(ahead, by_t))
    wrapped.stamp = between(stamp, ahead);
  else if (!ahead.take('-'))
    return false;
  if (!ahead.take(' ')) return false;
  const char* const from = ahead.position();
  std::string_view host, program, process, message;
  if (!take_field(host) || !take_field(program) || !take_field(process)) return false;
  wrapped.tag = between(from, ahead).substr(0, between(from, ahead).size() - 1);
  if (!take_field(message) || !names_coturn(program, tags)) return false;
  if (!ahead.take("- ")) {
    // Elements in brackets; a bracket in a value has a backslash before it.
    while (ahead.take('[')) {
      bool escaped = false;
      ahead.take_while(
          [&](char c) {
            const bool ends = c == ']' && !escaped;
            escaped = c == '\\' && !escaped;
            return !ends;
          },
          2048);
      if (!ahead.take(']')) return false;
    }
    if (!ahead.take(' ')) return false;
  }
  wrapped.wrapper = Wrapper::rfc5424;
  return cursor = ahead, true;
}

// "coturn-1  | ", "0|turnserver  | "
bool take_compose(Cursor& cursor, LogTags tags, std::string_view& tag) {
  Cursor ahead = cursor;
  if (ahead.take_digits(5) == 0 || !ahead.take('|')) ahead = cursor;
  const char* const from = ahead.position();
  ahead.take_while(is_word, 128);
  const std::string_view name = between(from, ahead);
  if (name.empty() || !names_coturn(name, tags)) return false;
  ahead.take_while(is_blank, kMostBlanks);
  if (!ahead.take('|')) return false;
  take_colour(ahead);
  if (!ahead.take(' ') && ahead.left() != 0) return false;
  tag = name;
  return cursor = ahead, true;
}

// kubectl's "[pod/coturn-7d9f/coturn] ", stern's "coturn-7d9f coturn " and "default/coturn-0[coturn]: "
bool take_container(Cursor& cursor, LogTags tags, std::string_view& tag) {
  Cursor ahead = cursor;
  const bool bracketed = ahead.take('[');
  const char* const from = ahead.position();
  ahead.take_while(is_word, kLongestName);
  const std::string_view name = between(from, ahead);
  if (name.empty() || is_digit(name.front())) return false;
  if (bracketed) {
    if (!name.starts_with("pod/") || !ahead.take("] ")) return false;
  } else if (ahead.take('[')) {
    if (ahead.take_while(is_word, kLongestName) == 0 || !ahead.take("]: ")) return false;
  } else if (!ahead.take(' ') || ahead.take_while(is_word, kLongestName) == 0 || !ahead.take(' ')) {
    return false;
  }
  const std::string_view whole = between(from, ahead);
  if (!names_coturn(whole, tags) && !names_coturn(name, tags)) return false;
  tag = name;
  return cursor = ahead, true;
}

// "stdout F "
bool take_cri(Cursor& cursor) {
  Cursor ahead = cursor;
  if (!ahead.take("stdout ") && !ahead.take("stderr ")) return false;
  if (!ahead.take("F ") && !ahead.take("P ")) return false;
  return cursor = ahead, true;
}

// What begins with a time.
bool take_timed(Cursor& cursor, LogTags tags, Wrapped& wrapped) {
  Cursor ahead = cursor;
  const char* const from = ahead.position();
  bool by_t = false, may_lack_tag = true;
  if (take_classic_time(ahead)) {
    wrapped.wrapper = Wrapper::syslog;
    may_lack_tag = false;
  } else if (take_iso_time(ahead, by_t)) {
    wrapped.wrapper = by_t ? Wrapper::stamp : Wrapper::dated;
  } else if (take_odd_time(ahead)) {
    wrapped.wrapper = Wrapper::dated;
    may_lack_tag = *from == '@';
  } else {
    return false;
  }
  wrapped.stamp = between(from, ahead);
  if (!take_gap(ahead)) return false;
  if (wrapped.wrapper == Wrapper::stamp && take_cri(ahead)) {
    wrapped.wrapper = Wrapper::cri;
  } else if (take_tag(ahead, tags, wrapped.tag)) {
    if (wrapped.wrapper == Wrapper::stamp) wrapped.wrapper = Wrapper::iso_syslog;
  } else if (!may_lack_tag) {
    return false;
  }
  return cursor = ahead, true;
}

// A time of its own behind a container's name (docker compose logs --timestamps).
void take_inner_time(Cursor& cursor, Wrapped& wrapped) {
  Cursor ahead = cursor;
  const char* const from = ahead.position();
  bool by_t = false;
  if (!take_iso_time(ahead, by_t)) return;
  const std::string_view stamp = between(from, ahead);
  if (!ahead.take(' ')) return;  // it is coturn's own: "…+0000: msg"
  // From 4.17 on coturn's own time has a level behind it.
  for (const std::string_view level : {"INFO ", "ERROR ", "WARNING ", "DEBUG "})
    if (ahead.rest().starts_with(level)) return;
  wrapped.stamp = stamp;
  cursor = ahead;
}

}  // namespace

std::optional<Wrapped> take_wrapper(Cursor& cursor, LogTags tags) {
  Cursor ahead = cursor;
  Wrapped wrapped;
  if (ahead.take("> ") || ahead.take_while(is_blank, kMostBlanks) != 0) wrapped.wrapper = Wrapper::quoted;
  take_colour(ahead);
  const auto done = [&] { return cursor = ahead, wrapped; };
  if (ahead.take('<')) {
    if (ahead.take_digits(3) == 0 || !ahead.take('>')) return std::nullopt;
    if (take_rfc5424(ahead, tags, wrapped)) return done();
    if (!take_timed(ahead, tags, wrapped)) return std::nullopt;
    return done();
  }
  if (take_timed(ahead, tags, wrapped)) return done();
  if (take_compose(ahead, tags, wrapped.tag)) {
    wrapped.wrapper = Wrapper::compose;
    take_inner_time(ahead, wrapped);
    return done();
  }
  if (take_container(ahead, tags, wrapped.tag)) {
    wrapped.wrapper = Wrapper::container;
    take_inner_time(ahead, wrapped);
    return done();
  }
  if (wrapped.wrapper == Wrapper::none) return std::nullopt;
  return done();
}

}  // namespace coturn_guard
