// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/docker_log.hpp"

#include <charconv>
#include <chrono>

namespace coturn_guard {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD
constexpr char kUnknownByte = '?';

void append_utf8(std::string& text, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) {
    text += static_cast<char>(static_cast<unsigned char>(value));
  };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | code >> 6);
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
}

// RFC 8259 section 7, after the backslash. Docker writes control bytes, <, >, & and U+2028/9 as \u00XX; a
// character beyond the first 65 536 it writes as it is, so a half of a pair is a byte that was none.
bool take_escape(std::string_view& rest, std::string& text) {
  if (rest.empty()) return false;
  const char kind = rest[0];
  rest.remove_prefix(1);
  switch (kind) {
    case '"':
    case '\\':
    case '/': text += kind; return true;
    case 'b': text += '\b'; return true;
    case 'f': text += '\f'; return true;
    case 'n': text += '\n'; return true;
    case 'r': text += '\r'; return true;
    case 't': text += '\t'; return true;
    case 'u': break;
    default: return false;
  }
  std::uint32_t code = 0;
  const auto hex = rest.substr(0, 4);
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
  if (error != std::errc{} || hex.size() < 4 || end != hex.data() + 4) return false;
  rest.remove_prefix(4);
  const bool unknown = code == 0xfffd || (code >= 0xd800 && code < 0xe000);
  if (unknown)
    text += kUnknownByte;
  else
    append_utf8(text, code);
  return true;
}

// `,"stream":"stdout","time":"2026-11-22T12:15:03.123456789Z"}`: always UTC, fractions as many as need be.
std::int64_t time_of(std::string_view rest) {
  constexpr std::string_view kTime = R"("time":")";
  const std::size_t at = rest.rfind(kTime);
  if (at == std::string_view::npos) return 0;
  rest.remove_prefix(at + kTime.size());
  const auto number = [&](std::size_t from, std::size_t digits) {
    int value = 0;
    for (const char c : rest.substr(from, digits)) {
      if (c < '0' || c > '9') return -1;
      value = value * 10 + (c - '0');
    }
    return value;
  };
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (rest.size() <= kShape.size()) return 0;
  for (std::size_t i = 0; i < kShape.size(); ++i)
    if (kShape[i] != '0' && rest[i] != kShape[i]) return 0;
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0) return 0;
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return 0;
  std::int64_t milli = 0;
  std::size_t behind = kShape.size();
  if (rest[behind] == '.') {
    ++behind;
    for (int unit = 100; behind < rest.size() && rest[behind] >= '0' && rest[behind] <= '9'; ++behind) {
      milli += std::int64_t{unit} * (rest[behind] - '0');
      unit /= 10;
    }
  }
  if (rest.substr(behind) != "Z\"}") return 0;
  const auto moment = std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                      std::chrono::minutes(minute) + std::chrono::seconds(second);
  return moment / std::chrono::milliseconds(1) + milli;
}

}  // namespace

std::optional<DockerText> decode_docker_line(std::string_view line) {
  if (!line.starts_with(kDockerLogBegins) || !line.ends_with('}')) return std::nullopt;
  DockerText decoded;
  decoded.text.reserve(line.size());
  auto rest = line.substr(kDockerLogBegins.size());
  for (;;) {
    const auto plain = std::min(rest.find_first_of("\"\\"), rest.size());
    decoded.text.append(rest.substr(0, plain));
    if (plain == rest.size()) return std::nullopt;  // cut
    const bool end = rest[plain] == '"';
    rest.remove_prefix(plain + 1);
    if (end) break;
    if (!take_escape(rest, decoded.text)) return std::nullopt;
  }
  if (rest != "}" && !rest.starts_with(",\"")) return std::nullopt;
  decoded.written_milli = time_of(rest);
  decoded.doubtful = decoded.text.find(kReplacement) != std::string::npos;
  return decoded;
}

void DockerLog::begin() {
  splitter_.begin(0, false);
  expected_.reset();
}

// A line that was begun has lost its end, or its middle.
void DockerLog::leave_gap() {
  splitter_.begin(splitter_.offset() + kGapBytes, splitter_.inside_a_line());
}

}  // namespace coturn_guard
