// SPDX-License-Identifier: GPL-3.0-or-later
// Reads a line from its front, piece by piece, without copying.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#include "detect/digits.hpp"

namespace coturn_guard {

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_letter(char c) {
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

}  // namespace coturn_guard
