// SPDX-License-Identifier: GPL-3.0-or-later
// Values packed into bytes for a file of ours: numbers in as many bytes as they need (LEB128), texts with
// their length. Read back with every bound checked: what does not fit is told once, at the end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace coturn_guard {

class PackedWriter {
 public:
  PackedWriter& number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
    return *this;
  }
  PackedWriter& text(std::string_view text) {
    number(text.size());
    bytes_.append(text);
    return *this;
  }
  PackedWriter& raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class PackedReader {
 public:
  explicit PackedReader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80) == 0) return value;
    }
    good_ = false;
    return 0;
  }
  std::string_view raw(std::uint64_t size) {
    if (size > rest_.size()) {
      good_ = false;
      return {};
    }
    const auto bytes = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  std::string_view text() { return raw(number()); }
  [[nodiscard]] bool good() const { return good_; }                       // so far
  [[nodiscard]] bool complete() const { return good_ && rest_.empty(); }  // and nothing is left

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace coturn_guard
