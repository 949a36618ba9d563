// SPDX-License-Identifier: GPL-3.0-or-later
// All rules compiled together: literal prefilter first, one RE2::Set over what passes it, then the one rule's captures.
// Stateless between messages; what depends on the lines before (format, taint) is the Recogniser's.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "detect/rule.hpp"
#include "util/result.hpp"

namespace coturn_guard {

class RuleSet {
 public:
  [[nodiscard]] static Result<RuleSet> create(RuleBook book);
  RuleSet(RuleSet&&) noexcept;
  RuleSet& operator=(RuleSet&&) noexcept;
  ~RuleSet();

  // `session` is empty where the line had none. Absent: no rule knows this message.
  [[nodiscard]] std::optional<Event> match(std::string_view message, std::string_view session) const;
  // How many bytes from the message's start may be an attacker's; 0: none.
  [[nodiscard]] std::uint32_t forgeable_reach(std::string_view message) const;
  [[nodiscard]] std::string_view name(RuleId rule) const;
  [[nodiscard]] const std::vector<Rule>& rules() const;

 private:
  struct Compiled;
  explicit RuleSet(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace coturn_guard
