// SPDX-License-Identifier: GPL-3.0-or-later
// Who is never judged: loopback, what the operator ignores, and what is ours (own addresses, gateways, resolvers).
// A ban of a network that contains such an address is refused as well. It does not find out what is ours: an edge tells.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/prefix.hpp"

namespace coturn_guard {

class Allowlist {
 public:
  struct Entry {
    Prefix prefix;
    std::string why;  // "ignoreip", "own address", "default gateway", "resolver", "loopback"
  };

  void set_ignored(std::vector<Prefix> prefixes);  // the operator's ignoreip
  void set_own(std::vector<Entry> entries);        // what the host told

  // Why nothing in this network may be banned; absent where it may.
  [[nodiscard]] std::optional<std::string> spares(const Prefix& prefix) const;

 private:
  std::vector<Entry> ignored_;
  std::vector<Entry> own_;
};

}  // namespace coturn_guard
