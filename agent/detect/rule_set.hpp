// SPDX-License-Identifier: GPL-3.0-or-later
// All rules compiled together: literal prefilters first, then the few rules that can begin and end like this
// (through one RE2::Set where they are many), then what the one rule names. Stateless between messages; what
// depends on the lines before (format, taint) is the Recogniser's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "detect/rule.hpp"
#include "util/result.hpp"

namespace coturn_guard {

// Where an attacker's text may stand in a message.
struct ForgeableText {
  std::size_t begin = 0;       // bytes from the message's start
  std::size_t bytes = 0;       // at most that many are his, on this line and those that follow
  std::size_t tail_bytes = 0;  // Forgeable::tail_bytes
  bool usual = false;          // Forgeable::usual
  std::string_view tail;       // Forgeable::tail, borrowed from the set
};

class RuleSet {
 public:
  // Fails on a pattern that does not compile (rule_file has told it better) and on more rules than RuleId can
  // number.
  [[nodiscard]] static Result<RuleSet> create(RuleBook book);
  RuleSet(RuleSet&&) noexcept;
  RuleSet& operator=(RuleSet&&) noexcept;
  ~RuleSet();

  // `session` is empty where the line had none. Absent: no rule knows this message.
  [[nodiscard]] std::optional<Event> match(std::string_view message, std::string_view session) const;
  [[nodiscard]] std::optional<ForgeableText> forgeable(std::string_view message) const;
  // For text in which records may begin anywhere (glued to one that was cut): the offset where the last text
  // that could be an attacker's ends at the latest, which may lie behind the end of `text`; 0: there is none.
  [[nodiscard]] std::size_t forgeable_anywhere(std::string_view text) const;
  // Of a number that is no rule's (from before a reload, say) a rule without points, named "?".
  [[nodiscard]] const Rule& rule(RuleId rule) const;
  [[nodiscard]] const Trait& trait(RuleId id) const { return rule(id).trait; }
  [[nodiscard]] std::string_view name(RuleId id) const { return rule(id).name; }
  [[nodiscard]] std::optional<RuleId> find(std::string_view name) const;
  // The event is one of that rule's instead.
  void pass_on(Event& event, RuleId to) const;
  [[nodiscard]] std::optional<RuleId> own_peer(RuleId rule) const;  // Rule::own_peer
  // Rule::if_expired and if_unexpired.
  [[nodiscard]] std::optional<RuleId> if_expired(RuleId rule) const;
  [[nodiscard]] std::optional<RuleId> if_unexpired(RuleId rule) const;
  // Rule::announced_by, empty where nothing has to, and Rule::unannounced.
  [[nodiscard]] const std::vector<RuleId>& announced_by(RuleId rule) const;
  [[nodiscard]] std::optional<RuleId> unannounced(RuleId rule) const;
  // Whether some rule's lines are announced by this one's.
  [[nodiscard]] bool announces(RuleId rule) const;
  // Rule::taken_back_by and taken_back_after, empty for most.
  [[nodiscard]] const std::vector<RuleId>& taken_back_by(RuleId rule) const;
  [[nodiscard]] const std::vector<RuleId>& taken_back_after(RuleId rule) const;
  // Whether this one's lines take some rule's back, and whether they say that such may come.
  [[nodiscard]] bool takes_back(RuleId rule) const;
  [[nodiscard]] bool foretells(RuleId rule) const;
  // The rule that says what a sign of the kernel's is worth. Absent: the operator switched it off.
  [[nodiscard]] std::optional<RuleId> kernel_rule(KernelSign sign) const;
  [[nodiscard]] std::optional<RuleId> packet_rule(PacketSign sign) const;
  [[nodiscard]] const std::vector<Rule>& rules() const;
  // How often RE2::Set ran out of memory. Nothing was missed: the rules were then asked one by one.
  [[nodiscard]] std::uint64_t undecided() const;

 private:
  struct Compiled;
  explicit RuleSet(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace coturn_guard
