// SPDX-License-Identifier: GPL-3.0-or-later
#include "notice_words.hpp"

#include <fmt/format.h>

namespace coturn_guard {

std::string text_of(const Notice& notice, const RuleSet& rules) {
  switch (notice.kind) {
    case Notice::Kind::rule: break;
    case Notice::Kind::health_check:
      return fmt::format(
          "a health check, told by its regularity: every {:.1f} s the same. While it goes on like that it is "
          "not banned; whatever else comes from there ends that",
          static_cast<double>(notice.interval.count()) / 1000);
    case Notice::Kind::private_source:
      return "a private address misbehaves so much that a public one would be banned. Many may stand behind "
             "it (a balancer, a container bridge, a NAT), so it is not: only guessing, scans of the network "
             "behind and floods can have it banned, measured by the number of its users";
    case Notice::Kind::own_address:
      return "so many logins from an address of this host fail that another one would be banned: somebody "
             "guesses through a relay of coturn's own, or a program here has a wrong password";
  }
  return rules.rule(notice.rule).description;
}

std::string remedy_of(const Notice& notice, const RuleSet& rules) {
  switch (notice.kind) {
    case Notice::Kind::rule: break;
    case Notice::Kind::health_check: return "where it is yours, list it in ignoreip; else ban it by hand";
    case Notice::Kind::private_source:
      return "a balancer: switch its PROXY protocol on, towards tcp-proxy-port alone (send-proxy-v2); a "
             "container bridge or a NAT: let coturn see the clients' own addresses (host network, "
             "externalTrafficPolicy: Local, no source NAT); else list it in ignoreip";
    case Notice::Kind::own_address:
      return "coturn's verbose log has that relay's port (Local relay addr) and its user: take the account "
             "away. Where coturn runs as a user of its own, and not as root, its relays are kept from it; "
             "else, where no two customers call each other through this server, set denied-peer-ip to its "
             "own addresses";
  }
  return rules.rule(notice.rule).report;
}

}  // namespace coturn_guard
