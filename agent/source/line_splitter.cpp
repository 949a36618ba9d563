// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/line_splitter.hpp"

#include <algorithm>

namespace coturn_guard {

void LineSplitter::begin(std::uint64_t offset, bool inside_a_line) {
  tail_.clear();
  offset_ = offset;
  dropping_ = inside_a_line;
}

const char* LineSplitter::skip_nuls(const char* at, const char* end) {
  const char* const text = std::find_if(at, end, [](char c) { return c != '\0'; });
  nul_bytes_ += static_cast<std::uint64_t>(text - at);
  return text;
}

void LineSplitter::keep(std::string_view unfinished, std::uint64_t offset) {
  if (dropping_) return;
  if (tail_.empty()) tail_offset_ = offset;
  if (tail_.size() + unfinished.size() > longest_) {
    ++overlong_;
    dropping_ = true;
    tail_.clear();
    return;
  }
  tail_.append(unfinished);
}

bool LineSplitter::complete(std::string_view rest) {
  if (dropping_) {
    dropping_ = false;
    return false;
  }
  if (tail_.size() + rest.size() > longest_) {
    ++overlong_;
    tail_.clear();
    return false;
  }
  tail_.append(rest);
  return true;
}

}  // namespace coturn_guard
