// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/actions.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "fail2ban/words.hpp"

namespace coturn_guard::fail2ban {
namespace {

constexpr std::size_t kMostActions = 100;

class ActionReader {
 public:
  explicit ActionReader(std::string_view text) : rest_(text) {}

  std::vector<Action> all() {
    std::vector<Action> actions;
    for (skip(kBlanks); !rest_.empty() && actions.size() < kMostActions; skip(kBlanks))
      actions.push_back(one());
    return actions;
  }

 private:
  void skip(std::string_view these) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(these), rest_.size()));
  }
  std::string_view take(std::size_t bytes) {
    const auto part = rest_.substr(0, bytes);
    rest_.remove_prefix(part.size());
    return part;
  }

  Action one() {
    Action action;
    action.name = take(std::min(rest_.find_first_of("[ \t\n\r\v\f"), rest_.size()));
    for (;;) {
      const auto bracket = rest_.find_first_not_of(kBlanks);
      if (bracket == std::string_view::npos || rest_[bracket] != '[') break;
      rest_.remove_prefix(bracket + 1);
      if (!options(action)) {
        // Where it goes on cannot be known.
        action.whole = false;
        rest_ = {};
      }
    }
    if (action.name.empty() && action.options.empty()) action.whole = false;
    return action;
  }

  // From behind a bracket to behind the one that closes it.
  bool options(Action& action) {
    for (;;) {
      skip(" \t\n\r\v\f,");
      if (rest_.empty()) return false;
      if (rest_.front() == ']') {
        rest_.remove_prefix(1);
        return true;
      }
      const auto equals = rest_.find_first_of("=]");
      if (equals == std::string_view::npos || rest_[equals] == ']') return false;
      const std::string name(strip(take(equals)));
      rest_.remove_prefix(1);
      const char quote = rest_.empty() ? '\0' : rest_.front();
      std::string value;
      if (quote == '"' || quote == '\'') {
        rest_.remove_prefix(1);
        const auto end = rest_.find(quote);
        if (end == std::string_view::npos) return false;
        value = strip(take(end));
        rest_.remove_prefix(1);
      } else {
        value = strip(take(std::min(rest_.find_first_of(",]"), rest_.size())));
      }
      action.options.insert_or_assign(name, value);
    }
  }

  std::string_view rest_;
};

}  // namespace

std::vector<Action> parse_actions(std::string_view text) {
  return ActionReader(text).all();
}

bool is_firewall(const Action& action) {
  // Of Debian's action.d: what keeps packets away, by whatever program.
  static constexpr std::array<std::string_view, 14> kFirewalls{
      "iptables",  "ip6tables", "nftables", "firewallcmd", "ufw", "shorewall", "route",
      "hostsdeny", "ipfw",      "bsd-ipfw", "ipfilter",    "npf", "pf",        "apf"};
  return std::any_of(kFirewalls.begin(), kFirewalls.end(), [&](std::string_view firewall) {
    const std::string_view name = action.name;
    return name.starts_with(firewall) && (name.size() == firewall.size() || name[firewall.size()] == '-');
  });
}

}  // namespace coturn_guard::fail2ban
