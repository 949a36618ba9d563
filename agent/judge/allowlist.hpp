// SPDX-License-Identifier: GPL-3.0-or-later
// Who is never judged: loopback, what the operator ignores, and what is ours (own addresses, gateways,
// resolvers). A ban of a network that contains such an address is refused as well. It does not find out what
// is ours: an edge tells.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/own_network.hpp"
#include "model/prefix.hpp"
#include "model/translated.hpp"

namespace coturn_guard {

class Allowlist {
 public:
  Allowlist();

  void set_ignored(const std::vector<Prefix>& prefixes);  // the operator's ignoreip
  void set_listed(std::vector<OwnNetwork> networks);      // the operator's lists and host names
  void set_own(std::vector<OwnNetwork> networks);         // what the host and coturn's configuration told

  // Who is spared by its IPv4 address is spared by IPv6, too, where it comes through a translator.
  void set_translated(TranslatedNetworks networks) { translated_ = std::move(networks); }

  // Why nothing in this network may be banned; absent where it may. O(log n) of the listed networks.
  [[nodiscard]] std::optional<std::string> spares(const Prefix& prefix) const;
  // Who sends to it reaches this host: an address of an interface's, coturn's listening-ip and external-ip.
  [[nodiscard]] bool is_here(const Address& address) const;

 private:
  void rebuild();
  [[nodiscard]] std::optional<std::string> listed(const Prefix& prefix) const;

  std::vector<OwnNetwork> ignored_;
  std::vector<OwnNetwork> listed_;
  std::vector<OwnNetwork> own_;
  TranslatedNetworks translated_;
  std::vector<OwnNetwork> sorted_;  // all of them; what lies inside another is left out, so no two overlap
  std::vector<Prefix> here_;        // of own_, sorted
};

}  // namespace coturn_guard
