// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/time_span.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "fail2ban/words.hpp"

namespace coturn_guard::fail2ban {
namespace {

constexpr std::size_t kLongestSpan = 256;
constexpr unsigned kDeepest = 32;  // brackets

constexpr double kYear = 365.25 * 24 * 60 * 60;

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr std::array kUnits{
    Unit{"d", 86400},
    Unit{"dd", 86400},
    Unit{"da", 86400},
    Unit{"day", 86400},
    Unit{"days", 86400},
    Unit{"w", 604800},
    Unit{"ww", 604800},
    Unit{"we", 604800},
    Unit{"wee", 604800},
    Unit{"week", 604800},
    Unit{"weeks", 604800},
    Unit{"mo", kYear / 12},
    Unit{"mon", kYear / 12},
    Unit{"month", kYear / 12},
    Unit{"months", kYear / 12},
    Unit{"y", kYear},
    Unit{"yy", kYear},
    Unit{"ye", kYear},
    Unit{"yea", kYear},
    Unit{"year", kYear},
    Unit{"years", kYear},
    Unit{"s", 1},
    Unit{"ss", 1},
    Unit{"se", 1},
    Unit{"sec", 1},
    Unit{"second", 1},
    Unit{"seconds", 1},
    Unit{"m", 60},
    Unit{"mm", 60},
    Unit{"mi", 60},
    Unit{"min", 60},
    Unit{"minute", 60},
    Unit{"minutes", 60},
    Unit{"h", 3600},
    Unit{"hh", 3600},
    Unit{"ho", 3600},
    Unit{"hou", 3600},
    Unit{"hour", 3600},
    Unit{"hours", 3600},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return c >= 'a' && c <= 'z';
}

class Reader {
 public:
  Reader(std::string_view text, bool units) : text_(lower(text)), units_(units) {}

  std::optional<double> whole() {
    auto value = sum();
    blanks();
    if (at_ != text_.size() || !value || !std::isfinite(*value)) return std::nullopt;
    return value;
  }

 private:
  void blanks() {
    while (at_ < text_.size() && kBlanks.find(text_[at_]) != std::string_view::npos) ++at_;
  }
  [[nodiscard]] char look() {
    blanks();
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  std::optional<double> sum() {
    auto value = product();
    while (value) {
      const char next = look();
      // Numbers side by side are added: 1h 30m.
      const bool beside = units_ && ended_in_digit_ && is_digit(next);
      if (next != '+' && next != '-' && !beside) break;
      if (!beside) ++at_;
      const auto more = product();
      if (!more) return std::nullopt;
      *value += next == '-' ? -*more : *more;
    }
    return value;
  }

  std::optional<double> product() {
    auto value = factor();
    while (value) {
      if (const auto times = unit()) {
        *value *= *times;
        continue;
      }
      const char next = look();
      if (next != '*' && next != '/') break;
      ++at_;
      const auto more = factor();
      if (!more || (next == '/' && *more == 0)) return std::nullopt;
      *value = next == '/' ? *value / *more : *value * *more;
    }
    return value;
  }

  std::optional<double> factor() {
    if (++depth_ > kDeepest) return std::nullopt;
    auto value = bare_factor();
    --depth_;
    return value;
  }

  std::optional<double> bare_factor() {
    const char next = look();
    if (next == '-' || next == '+') {
      ++at_;
      const auto value = factor();
      return value && next == '-' ? std::optional<double>(-*value) : value;
    }
    if (next == '(') {
      ++at_;
      const auto value = sum();
      if (look() != ')') return std::nullopt;
      ++at_;
      ended_in_digit_ = false;
      return value;
    }
    const std::size_t begin = at_;
    while (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
    const std::string number = text_.substr(begin, at_ - begin);
    if (number.find_first_of("0123456789") == std::string::npos || number.find('.') != number.rfind('.'))
      return std::nullopt;
    // Python has no numbers like 010, only zeros.
    if (number.size() > 1 && number[0] == '0' && number.find_first_not_of('0') != std::string::npos &&
        number.find('.') == std::string::npos)
      return std::nullopt;
    ended_in_digit_ = number.back() != '.';
    return std::strtod(number.c_str(), nullptr);
  }

  // Directly after a digit or a blank, and a whole word.
  std::optional<double> unit() {
    if (!units_ || !ended_in_digit_) return std::nullopt;
    const std::size_t before = at_;
    if (!is_letter(look())) return at_ = before, std::nullopt;
    std::size_t end = at_;
    while (end < text_.size() && is_letter(text_[end])) ++end;
    const std::string_view word = std::string_view(text_).substr(at_, end - at_);
    for (const Unit& unit : kUnits)
      if (unit.name == word) {
        at_ = end;
        return unit.seconds;
      }
    return std::nullopt;
  }

  std::string text_;
  bool units_;
  std::size_t at_ = 0;
  unsigned depth_ = 0;
  bool ended_in_digit_ = false;
};

}  // namespace

std::optional<double> parse_time_span(std::string_view text) {
  return text.size() > kLongestSpan ? std::nullopt : Reader(text, true).whole();
}

std::optional<double> parse_number(std::string_view text) {
  return text.size() > kLongestSpan ? std::nullopt : Reader(text, false).whole();
}

}  // namespace coturn_guard::fail2ban
