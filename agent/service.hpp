// SPDX-License-Identifier: GPL-3.0-or-later
// What systemd wants to hear (sd_notify(3)): ready, reloading, stopping, a status line, and the watchdog's
// food. Silent where no service manager listens. It does not decide whether we are healthy.
#pragma once

#include <chrono>
#include <string>

namespace coturn_guard {

class Service {
 public:
  void ready(const std::string& status);
  void reloading(std::chrono::steady_clock::time_point now);
  void stopping();
  void status(const std::string& text);  // sent only where it changed: an idle guard writes nothing
  // At most every half of the watchdog's interval (WATCHDOG_USEC, sd_watchdog_enabled(3)).
  void feed_watchdog(std::chrono::steady_clock::time_point now);

 private:
  std::string last_status_;
  std::chrono::steady_clock::time_point fed_{};
};

}  // namespace coturn_guard
