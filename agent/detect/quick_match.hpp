// SPDX-License-Identifier: GPL-3.0-or-later
// Matches the plain expressions that rules are made of (literals, runs of a class, alternatives) ten times as
// fast as RE2 finds what is captured: in a busy log nearly every second line is some rule's. It goes back and
// forth as Perl does, with the same result as RE2, but only so many steps; what takes more (somebody wrote a
// line to that end), and every expression with anything else in it, is RE2's. It never guesses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coturn_guard {

class QuickMatch {
 public:
  static constexpr std::size_t kMaxGroups = 4;
  using Groups = std::array<std::string_view, kMaxGroups>;
  enum class Answer : std::uint8_t { no, yes, unknown };

  // Absent: the expression holds what this does not know, or does not mean as RE2 does.
  [[nodiscard]] static std::optional<QuickMatch> compile(std::string_view expression);

  // Of the whole text. `groups` is filled where the answer is yes; borrowed from the text.
  [[nodiscard]] Answer match(std::string_view text, Groups& groups) const;

 private:
  friend class QuickCompiler;
  using Members = std::array<bool, 256>;  // of a class, by character
  enum class Kind : std::uint8_t { literal, run, fork, mark, end };
  struct Node {
    Kind kind = Kind::end;
    std::uint8_t mark = 0;       // mark: twice the group's number, and one where it ends
    std::uint16_t next = 0;      // what follows
    std::uint16_t other = 0;     // fork: what is tried where that fails
    std::uint16_t shortest = 0;  // run
    bool goes_back = true;       // run: what follows could also begin within it
    std::string text;            // literal
    Members members{};           // run
  };
  class Attempt;

  QuickMatch() = default;

  std::vector<Node> nodes_;  // the end is the first
  std::uint16_t start_ = 0;
};

}  // namespace coturn_guard
