// SPDX-License-Identifier: GPL-3.0-or-later
#include "service.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdint>
#include <utility>

namespace coturn_guard {

void Service::change_state(std::string message, bool replaces) {
  if (!socket_.usable()) return;
  if (replaces) unsent_.clear();
  unsent_.push_back(std::move(message));
  tick();
}

void Service::ready(const std::string& status) {
  last_status_ = status;
  // After a reload that nobody has heard of as yet it belongs to that reload; else it is the newer word.
  const bool belongs = unsent_.size() == 1 && unsent_.front().starts_with("RELOADING=1");
  change_state("READY=1\nSTATUS=" + status, !belongs);
}

void Service::reloading(std::chrono::steady_clock::time_point now) {
  // MONOTONIC_USEC is CLOCK_MONOTONIC, which steady_clock reads; systemd 253 wants it with
  // Type=notify-reload.
  const auto since_boot = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  change_state(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", since_boot.count()), true);
}

void Service::stopping() {
  change_state("STOPPING=1", true);
}

void Service::status(const std::string& text) {
  if (text == last_status_) return;
  // One that is not taken is dropped: the next one is newer anyway.
  if (!unsent_.empty() || socket_.send("STATUS=" + text) == NotifySocket::Sent::full) return;
  last_status_ = text;
}

void Service::feed_watchdog(std::chrono::steady_clock::time_point now) {
  std::uint64_t interval = 0;
  if (sd_watchdog_enabled(0, &interval) <= 0 || now - fed_ < std::chrono::microseconds(interval / 2)) return;
  // Not taken: it is hungry still, and the next call tries again.
  if (socket_.send("WATCHDOG=1") == NotifySocket::Sent::taken) fed_ = now;
}

void Service::tick() {
  while (!unsent_.empty() && socket_.send(unsent_.front()) != NotifySocket::Sent::full)
    unsent_.erase(unsent_.begin());
}

}  // namespace coturn_guard
