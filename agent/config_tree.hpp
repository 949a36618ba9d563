// SPDX-License-Identifier: GPL-3.0-or-later
// YAML text as a small tree in which every node knows where it stands, duplicate keys included. Bounded in
// bytes, nodes and depth; aliases are refused, so nothing multiplies. It knows no key of ours: config_reader
// does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "util/problems.hpp"

namespace coturn_guard {

struct ConfigNode {
  enum class Kind : std::uint8_t {
    nothing,
    scalar,
    list,
    map,
    refused
  };  // refused: a problem was told already

  Kind kind = Kind::nothing;
  bool replace = false;  // tagged !replace
  bool quoted = false;
  unsigned line = 1, column = 1;
  std::string text;               // of a scalar
  std::vector<ConfigNode> keys;   // of a map, in the order of the file; keys[i] belongs to items[i]
  std::vector<ConfigNode> items;  // of a list or a map
};

inline constexpr std::size_t kMostConfigBytes = 1U << 20;
inline constexpr std::size_t kMostConfigNodes = 200'000;
inline constexpr std::size_t kMostConfigDepth = 8;
inline constexpr std::size_t kMostProblems =
    100;  // of one file: beyond it a sentence says that there are more

// Adds "file:line:column: what" to the problems, and no more than kMostProblems of one collection.
void complain(Problems& problems, std::string_view file_name, const ConfigNode& where, std::string_view what);

// An empty file is Kind::nothing. What is wrong with the text itself is told in `problems`.
[[nodiscard]] ConfigNode parse_config_tree(std::string_view yaml, std::string_view file_name,
                                           Problems& problems);

}  // namespace coturn_guard
