// SPDX-License-Identifier: GPL-3.0-or-later
#include "service.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdint>

namespace coturn_guard {
namespace {

void notify(const std::string& state) {
  (void)sd_notify(0, state.c_str());
}

}  // namespace

void Service::ready(const std::string& status) {
  last_status_ = status;
  notify("READY=1\nSTATUS=" + status);
}

void Service::reloading(std::chrono::steady_clock::time_point now) {
  // MONOTONIC_USEC is CLOCK_MONOTONIC, which steady_clock reads; systemd 253 wants it with
  // Type=notify-reload.
  const auto since_boot = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", since_boot.count()));
}

void Service::stopping() {
  notify("STOPPING=1");
}

void Service::status(const std::string& text) {
  if (text == last_status_) return;
  last_status_ = text;
  notify("STATUS=" + text);
}

void Service::feed_watchdog(std::chrono::steady_clock::time_point now) {
  std::uint64_t interval = 0;
  if (sd_watchdog_enabled(0, &interval) <= 0 || now - fed_ < std::chrono::microseconds(interval / 2)) return;
  fed_ = now;
  notify("WATCHDOG=1");
}

}  // namespace coturn_guard
