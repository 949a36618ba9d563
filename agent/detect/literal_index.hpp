// SPDX-License-Identifier: GPL-3.0-or-later
// Which of some literals does a text begin with? By its first byte, then by comparing: nearly every message
// of coturn's is sent away after a look at one byte. Where one literal begins another, the longer one
// answers.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace coturn_guard {

class LiteralIndex {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  // Literals must not be empty; the same one twice answers with the first. At most 65535 of them.
  explicit LiteralIndex(std::vector<std::string> literals) : literals_(std::move(literals)) {
    for (std::size_t i = 0; i < literals_.size(); ++i) order_.push_back(static_cast<std::uint16_t>(i));
    std::stable_sort(order_.begin(), order_.end(), [this](std::uint16_t a, std::uint16_t b) {
      const unsigned char first_a = first_byte(literals_[a]);
      const unsigned char first_b = first_byte(literals_[b]);
      return first_a != first_b ? first_a < first_b : literals_[a].size() > literals_[b].size();
    });
    for (const std::uint16_t i : order_) ++from_[first_byte(literals_[i]) + 1U];
    for (std::size_t byte = 1; byte < from_.size(); ++byte)
      from_[byte] = static_cast<std::uint16_t>(from_[byte] + from_[byte - 1]);
  }

  // Index of the longest literal that `text` begins with, else kNone.
  [[nodiscard]] std::size_t find(std::string_view text) const {
    if (text.empty()) return kNone;
    const unsigned char first = first_byte(text);
    for (std::size_t i = from_[first]; i < from_[first + 1U]; ++i) {
      const std::string& literal = literals_[order_[i]];
      if (text.size() >= literal.size() && std::memcmp(text.data(), literal.data(), literal.size()) == 0)
        return order_[i];
    }
    return kNone;
  }
  [[nodiscard]] const std::vector<std::string>& literals() const { return literals_; }

 private:
  static unsigned char first_byte(std::string_view text) { return static_cast<unsigned char>(text.front()); }

  std::vector<std::string> literals_;
  std::vector<std::uint16_t> order_;       // by first byte, then longest first
  std::array<std::uint16_t, 257> from_{};  // where each first byte starts in order_
};

}  // namespace coturn_guard
