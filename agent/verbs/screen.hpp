// SPDX-License-Identifier: GPL-3.0-or-later
// A terminal that is drawn anew every second and looks as before when it is over, however that comes about:
// q, Ctrl-C, SIGTERM, or the daemon's end. Plain escape sequences that every terminal knows.
#pragma once

#include <termios.h>

#include <chrono>
#include <string>

namespace coturn_guard {

class TerminalScreen {
 public:
  TerminalScreen();
  ~TerminalScreen();
  TerminalScreen(const TerminalScreen&) = delete;
  TerminalScreen& operator=(const TerminalScreen&) = delete;

  // As much of it as there is room for.
  void draw(const std::string& text) const;
  // False: somebody wants to leave.
  [[nodiscard]] bool rest(std::chrono::milliseconds time) const;

 private:
  termios before_{};
  bool raw_ = false;
};

// Whether a signal has asked us to end. From the first call on, SIGINT and SIGTERM only set this.
[[nodiscard]] bool told_to_end();

}  // namespace coturn_guard
