// SPDX-License-Identifier: GPL-3.0-or-later
// A rule: a named pattern of one line of coturn, with how bad it is and lines that prove it. Rules come from
// YAML (rule_file), are compiled together (rule_set), and know nothing of windows or bans: that is judge/.
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
  Evidence evidence =
      Evidence::claimed;  // claimed, or spoofable where the line can come from a forged UDP packet
  std::vector<std::string>
      begins;            // how the message can begin, literally: the prefilter. The pattern starts there too
  std::string pattern;   // RE2 over the whole message, anchored at both ends; {client} is the offender
  bool session = false;  // the line carries "session NNN: " before the message
  bool unless_counted =
      false;  // only where no other rule has counted this session already: one misdeed, one event
  std::vector<std::string> examples;         // whole lines that must match
  std::vector<std::string> counterexamples;  // whole lines that must not
};

// A message that holds text of an attacker's. Coturn up to 4.16 prints it raw, newlines included, so that
// what follows on the next lines may be his, too; never more than `text_bytes` of it. How the rest of the
// line looks proves nothing: he may have written that himself and put his newline after it.
struct Forgeable {
  std::string begins;  // literal start of the message
  std::string after;   // his text starts after the first of these in the message; empty: right after `begins`
  std::uint32_t text_bytes = 0;  // the longest text that coturn takes from him there
  std::uint32_t tail_bytes =
      0;               // the longest that coturn writes behind it: could the record be cut at its limit?
  bool usual = false;  // honest clients make this message, too: guarded against, not reported
};

struct RuleBook {
  std::vector<Rule> rules;  // the first that matches a line has it
  std::vector<Forgeable> forgeable;
};

}  // namespace coturn_guard
