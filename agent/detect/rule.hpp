// SPDX-License-Identifier: GPL-3.0-or-later
// A rule: a named pattern of one line of coturn, with how bad it is and lines that prove it. Rules come from YAML
// (rule_file), are compiled together (rule_set), and know nothing of windows or bans: that is judge/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/flow.hpp"

namespace coturn_guard {

struct Rule {
  std::string name;         // [a-z0-9-]+, what the operator sees
  std::string description;  // one sentence for people
  Points points;            // for one such line
  Evidence evidence = Evidence::claimed;  // claimed, or spoofable where the line can come from a forged UDP packet
  std::vector<std::string> begins;  // how the message can begin, literally: the prefilter. The pattern starts there too
  std::string pattern;              // RE2 over the whole message, anchored at both ends; {client} is the offender
  bool session = false;             // the line carries "session NNN: " before the message
  std::vector<std::string> examples;         // whole lines that must match
  std::vector<std::string> counterexamples;  // whole lines that must not
};

// A message that holds text of an attacker's, who could put newlines into it before coturn 4.17: the bytes that follow
// may be his (coturn up to 4.16 prints them raw).
struct Forgeable {
  std::string begins;         // literal start of the message
  std::string clean_end;      // RE2; where the message matches it to its end, it was not cut by a newline. May be empty
  std::uint32_t reach_bytes;  // how far his text can reach, counted from the start of the message
};

struct RuleBook {
  std::vector<Rule> rules;
  std::vector<Forgeable> forgeable;
};

}  // namespace coturn_guard
