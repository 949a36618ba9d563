// SPDX-License-Identifier: GPL-3.0-or-later
// What systemd wants to hear (sd_notify(3)): ready, reloading, stopping, a status line, and the watchdog's
// food. Silent where no service manager listens, and never waits for one that does not read: what matters is
// sent again by tick(), a status that is not taken is dropped. It does not decide whether we are healthy.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "util/notify_socket.hpp"

namespace coturn_guard {

class Service {
 public:
  explicit Service(NotifySocket socket = NotifySocket::of_environment()) : socket_(std::move(socket)) {}

  void ready(const std::string& status);
  void reloading(std::chrono::steady_clock::time_point now);
  void stopping();
  void status(const std::string& text);  // sent only where it changed: an idle guard writes nothing
  // At most every half of the watchdog's interval (WATCHDOG_USEC, sd_watchdog_enabled(3)).
  void feed_watchdog(std::chrono::steady_clock::time_point now);
  // Sends what was not taken yet, in its order. Once a second.
  void tick();

  [[nodiscard]] std::size_t waiting() const { return unsent_.size(); }

 private:
  // `replaces`: what waits of an earlier turn of the same kind says nothing any more.
  void change_state(std::string message, bool replaces);

  NotifySocket socket_;
  std::vector<std::string> unsent_;  // at most one turn: RELOADING, READY and STOPPING
  std::string last_status_;
  std::chrono::steady_clock::time_point fed_{};
};

}  // namespace coturn_guard
