// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/coturn_user.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace coturn_guard {
namespace {

constexpr std::size_t kNamed = 4;  // users, in a message for people

// A service on loopback alone has no clients that anybody bans, and 127.0.0.0/8 has room for everybody's.
std::vector<TcpListener> reachable(const std::vector<TcpListener>& listeners) {
  std::vector<TcpListener> found;
  for (const TcpListener& each : listeners)
    if (!each.local.address.is_loopback()) found.push_back(each);
  return found.empty() ? listeners : found;
}

bool is_root(const CoturnUser::Who& who) {
  return who.cgroups.empty() && who.users == std::set<std::uint32_t>{0};
}

std::string named(const std::vector<TcpListener>& listeners) {
  std::map<std::uint32_t, Endpoint> users;
  for (const TcpListener& each : listeners) users.try_emplace(each.uid, each.local);
  std::string text;
  std::size_t number = 0;
  for (const auto& [uid, local] : users) {
    if (number == kNamed) return text + ", ...";
    text += fmt::format("{}user {} on {}{}{}:{}", number++ == 0 ? "" : ", ", uid,
                        local.address.is_v4() ? "" : "[", local.address.to_string(),
                        local.address.is_v4() ? "" : "]", local.port);
  }
  return text;
}

}  // namespace

std::optional<CoturnUser::Who> CoturnUser::look(const std::vector<TcpListener>& known,
                                                const std::vector<TcpListener>& listed,
                                                const CoturnMarks& marks) {
  why_.clear();
  std::optional<Who> found = known.empty() ? std::nullopt : among(reachable(known), marks);
  if (known.empty()) {
    // What root has there is more likely another service's.
    std::vector<TcpListener> others;
    for (const TcpListener& each : listed)
      if (each.uid != 0 || (each.cgroup != 0 && marks.cgroups.contains(each.cgroup))) others.push_back(each);
    if (!others.empty()) found = among(reachable(others), marks);
  }
  // That nobody but root listens for a while makes it no other user's place.
  if (found && (found->marked || !last_ || !is_root(*found))) last_ = found;
  return found;
}

std::optional<CoturnUser::Who> CoturnUser::among(const std::vector<TcpListener>& listeners,
                                                 const CoturnMarks& marks) {
  Who by_cgroup{{}, {}, true}, by_owner{{}, {}, true};
  std::set<std::uint32_t> users;
  for (const TcpListener& each : listeners) {
    users.insert(each.uid);
    if (each.cgroup != 0 && marks.cgroups.contains(each.cgroup)) {
      by_cgroup.cgroups.insert(each.cgroup);
      by_cgroup.users.insert(each.uid);
    }
    if (marks.owners.contains(each.uid)) by_owner.users.insert(each.uid);
  }
  if (!by_cgroup.cgroups.empty()) return by_cgroup;
  // A log of root's may be one that root only made for coturn's user, who listens, too.
  if (by_owner.users.size() > 1) by_owner.users.erase(0);
  if (!by_owner.users.empty()) return by_owner;
  if (last_) {
    const auto is_still_there = [&](const TcpListener& each) { return last_->is(each); };
    if (std::any_of(listeners.begin(), listeners.end(), is_still_there)) return last_;
    if (Who alone{{}, users, false}; is_root(alone)) return alone;  // root is no tenant
    why_ = "who listens on coturn's ports is not who did so as coturn before (" + named(listeners) +
           "): coturn is not running, or runs as another user now";
    return std::nullopt;
  }
  if (users.size() == 1) return Who{{}, users, false};
  why_ = "several users listen on coturn's ports, and nothing tells which of them is coturn: " +
         named(listeners);
  return std::nullopt;
}

}  // namespace coturn_guard
