// SPDX-License-Identifier: GPL-3.0-or-later
// Which of some literals does a text begin with? By its first byte, then by its first eight as one number,
// and only then by comparing: nearly every message of coturn's is sent away without. Where one literal begins
// another, the longer one answers.
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
    for (std::size_t i = 0; i < literals_.size(); ++i) {
      const std::string all_ones(std::min(literals_[i].size(), kHeadBytes), '\xff');
      order_.push_back({head(literals_[i]), head(all_ones), static_cast<std::uint16_t>(i)});
    }
    std::stable_sort(order_.begin(), order_.end(), [this](const Entry& a, const Entry& b) {
      const std::string& literal_a = literals_[a.literal];
      const std::string& literal_b = literals_[b.literal];
      return first_byte(literal_a) != first_byte(literal_b) ? first_byte(literal_a) < first_byte(literal_b)
                                                            : literal_a.size() > literal_b.size();
    });
    for (const std::string& literal : literals_) ++from_[first_byte(literal) + 1U];
    for (std::size_t byte = 1; byte < from_.size(); ++byte)
      from_[byte] = static_cast<std::uint16_t>(from_[byte] + from_[byte - 1]);
  }

  // Index of the longest literal that `text` begins with, else kNone.
  [[nodiscard]] std::size_t find(std::string_view text) const {
    if (text.empty()) return kNone;
    const unsigned char first = first_byte(text);
    if (from_[first] == from_[first + 1U]) return kNone;
    const std::uint64_t begins = head(text);
    for (std::size_t i = from_[first]; i < from_[first + 1U]; ++i) {
      const Entry& entry = order_[i];
      if ((begins & entry.mask) != entry.head) continue;
      const std::string& literal = literals_[entry.literal];
      if (literal.size() <= kHeadBytes ? text.size() >= literal.size() : text.starts_with(literal))
        return entry.literal;
    }
    return kNone;
  }
  [[nodiscard]] const std::vector<std::string>& literals() const { return literals_; }

 private:
  static constexpr std::size_t kHeadBytes = sizeof(std::uint64_t);
  struct Entry {
    std::uint64_t head, mask;  // of the literal's first eight bytes, or as many as it has
    std::uint16_t literal;
  };

  // Of a shorter text the rest is zero.
  static std::uint64_t head(std::string_view text) {
    std::uint64_t bytes = 0;
    if (text.size() >= kHeadBytes)
      std::memcpy(&bytes, text.data(), kHeadBytes);
    else
      std::memcpy(&bytes, text.data(), text.size());
    return bytes;
  }
  static unsigned char first_byte(std::string_view text) { return static_cast<unsigned char>(text.front()); }

  std::vector<std::string> literals_;
  std::vector<Entry> order_;               // by first byte, then longest first
  std::array<std::uint16_t, 257> from_{};  // where each first byte starts in order_
};

}  // namespace coturn_guard
