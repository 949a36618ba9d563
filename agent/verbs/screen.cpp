// SPDX-License-Identifier: GPL-3.0-or-later
#include "verbs/screen.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace coturn_guard {
namespace {

volatile std::sig_atomic_t told = 0;

void note_signal(int) {
  told = 1;
}

}  // namespace

bool told_to_end() {
  static const bool installed = [] {
    struct sigaction action {};
    action.sa_handler = note_signal;  // without SA_RESTART: who waits is to wake
    return ::sigaction(SIGINT, &action, nullptr) == 0 && ::sigaction(SIGTERM, &action, nullptr) == 0;
  }();
  static_cast<void>(installed);
  return told != 0;
}

TerminalScreen::TerminalScreen() {
  static_cast<void>(told_to_end());
  if (::tcgetattr(STDIN_FILENO, &before_) == 0) {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  fmt::print("\x1b[?1049h\x1b[?25l");  // the other screen, no cursor
  std::fflush(stdout);
}

TerminalScreen::~TerminalScreen() {
  std::fputs("\x1b[?25h\x1b[?1049l", stdout);
  std::fflush(stdout);
  if (raw_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void TerminalScreen::draw(const std::string& text) const {
  winsize size{};
  const std::size_t rows =
      ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
  std::string shown = "\x1b[H\x1b[?7l";  // home; what is too long is cut, not wrapped
  std::size_t begin = 0;
  for (std::size_t row = 0; row + 1 < rows && begin < text.size(); ++row) {
    const std::size_t end = text.find('\n', begin);
    shown += text.substr(begin, end - begin) + "\x1b[K\n";
    begin = end == std::string::npos ? text.size() : end + 1;
  }
  shown += "\x1b[J\x1b[?7h";
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  std::fflush(stdout);
}

bool TerminalScreen::rest(std::chrono::milliseconds time) const {
  pollfd keyboard{STDIN_FILENO, POLLIN, 0};
  const int ready = ::poll(&keyboard, 1, static_cast<int>(time.count()));
  if (told_to_end()) return false;
  if (ready <= 0) return true;
  char key = 0;
  if (::read(STDIN_FILENO, &key, 1) != 1) return false;  // the terminal is gone
  return key != 'q' && key != 'Q';
}

}  // namespace coturn_guard
