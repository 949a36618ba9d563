// SPDX-License-Identifier: GPL-3.0-or-later
// Single values of a rule file: each is read, held against its bounds, and every mistake noted with its place
// in the file. What the values mean together is the reader's (rule_file) and the proof's (rule_proof).
#pragma once

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/flow.hpp"
#include "util/problems.hpp"

namespace coturn_guard {

template <class Value, std::size_t N>
using Choices = std::array<std::pair<std::string_view, Value>, N>;

class RuleFields {
 public:
  using Keys = std::span<const std::string_view>;
  static constexpr std::size_t kMaxNameBytes = 64;
  static constexpr std::size_t kMaxEntries = 64;  // in any list of a rule
  // Of any text: a record is at most 1023 bytes, its wrapper some more.
  static constexpr std::size_t kMaxTextBytes = 2048;

  explicit RuleFields(std::string_view file_name) : file_name_(file_name) {}

  // "rules.yaml:3:5"
  [[nodiscard]] std::string place(const YAML::Mark& mark) const {
    return fmt::format("{}:{}:{}", file_name_, mark.line + 1, mark.column + 1);
  }
  template <class... Args>
  void problem(const YAML::Mark& mark, fmt::format_string<Args...> what, Args&&... args) {
    problems.push_back(place(mark) + ": " + fmt::format(what, std::forward<Args>(args)...));
  }

  // Whether it is a map that holds all of `required`; unknown and repeated keys are noted.
  bool is_map_of(const YAML::Node& node, std::string_view subject, Keys known, Keys required);
  std::string text(const YAML::Node& node, std::string_view key);
  std::string name(const YAML::Node& node, std::string_view key);  // [a-z0-9-]+
  bool boolean(const YAML::Node& node, std::string_view key);
  Points points(const YAML::Node& node, std::string_view key);
  std::chrono::seconds duration(const YAML::Node& node, std::string_view key);  // above zero
  std::uint32_t count(const YAML::Node& node, std::string_view key);            // 1 to 1000
  // One of some words.
  template <class Value, std::size_t N>
  Value choice(const YAML::Node& node, std::string_view key, const Choices<Value, N>& choices) {
    std::array<std::string_view, N> words;
    for (std::size_t i = 0; i < N; ++i) words[i] = choices[i].first;
    const std::size_t chosen = chosen_word(node, key, words);
    return chosen < N ? choices[chosen].second : Value{};
  }
  // One or several of some words, each once: `note` gets each.
  template <class Value, std::size_t N, class Note>
  void choices(const YAML::Node& node, std::string_view key, const Choices<Value, N>& all, Note note) {
    if (!node.IsSequence()) return note(choice(node, key, all));
    if (node.size() == 0 || node.size() > N) problem(node.Mark(), "\"{}\" must be 1 to {} words", key, N);
    for (const auto& entry : node) note(choice(entry, key, all));
  }
  std::uint32_t bytes(const YAML::Node& node, std::string_view key);  // 1 to a record's length
  // At least one text; `places` gets where each stands.
  std::vector<std::string> texts(const YAML::Node& node, std::string_view key,
                                 std::vector<std::string>& places);

  Problems problems;

 private:
  std::size_t chosen_word(const YAML::Node& node, std::string_view key, Keys words);
  std::uint32_t number(const YAML::Node& node, std::string_view key, std::uint32_t most);

  std::string file_name_;
};

}  // namespace coturn_guard
