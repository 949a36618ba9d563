// SPDX-License-Identifier: GPL-3.0-or-later
// Texts of which many records have the same few (names of rules, an operator's reasons): each is held once,
// for as long as somebody uses it. It has no bound of its own: its users have.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

namespace coturn_guard {

class TextPool {
 public:
  using Text = const std::string*;  // never null; valid until it was given back as often as it was taken

  [[nodiscard]] Text take(std::string_view text) {
    const auto [found, fresh] = uses_.try_emplace(std::string(text), 0);
    ++found->second;
    return &found->first;
  }
  void give_back(Text text) {
    const auto found = uses_.find(*text);
    if (--found->second == 0) uses_.erase(found);
  }
  [[nodiscard]] std::size_t size() const { return uses_.size(); }

 private:
  std::unordered_map<std::string, std::size_t> uses_;
};

}  // namespace coturn_guard
