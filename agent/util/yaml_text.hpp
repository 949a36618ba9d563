// SPDX-License-Identifier: GPL-3.0-or-later
// Values as YAML that reads them back unchanged, for the files that we write ourselves.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace coturn_guard {

// Of one line, without control characters.
[[nodiscard]] inline std::string yaml_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

// [a, b], each element as `text` writes it.
template <class List, class Text>
[[nodiscard]] std::string yaml_list(const List& list, Text text) {
  std::vector<std::string> words;
  std::transform(list.begin(), list.end(), std::back_inserter(words), text);
  return fmt::format("[{}]", fmt::join(words, ", "));
}

}  // namespace coturn_guard
