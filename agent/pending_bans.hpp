// SPDX-License-Identifier: GPL-3.0-or-later
// The bans of one request whose fate the kernel is still to tell.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "operations.hpp"

namespace coturn_guard {

struct Operations::PendingBans {
  static constexpr std::chrono::seconds kPatience{5};  // then the answer goes without

  explicit PendingBans(control::Wake waker) : wake(std::move(waker)) {}

  std::map<Prefix, std::optional<Fate>> fates;
  std::size_t waiting = 0;
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  bool late = false;
  control::Wake wake;

  void expect(const Prefix& prefix) {
    if (fates.try_emplace(prefix).second) ++waiting;
  }
  void settle(const Prefix& prefix, Fate fate) {
    const auto found = fates.find(prefix);
    if (found == fates.end() || found->second) return;
    found->second = fate;
    if (--waiting == 0) wake();
  }
  void look(std::chrono::steady_clock::time_point now) {
    if (waiting == 0 || now - begun < kPatience) return;
    late = true;
    wake();
  }
};

}  // namespace coturn_guard
