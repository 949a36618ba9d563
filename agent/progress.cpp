// SPDX-License-Identifier: GPL-3.0-or-later
#include "progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "util/duration.hpp"

namespace coturn_guard {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kShownAfter{2000};
constexpr milliseconds kRedrawnAfter{200};
constexpr std::size_t kLongestBar = 40;
constexpr std::size_t kShortestBar = 5;
constexpr double kLongestLeft = 1e6;  // seconds

std::string in_mebibytes(double bytes) {
  return fmt::format("{:.0f} MiB", bytes / (1024.0 * 1024.0));
}

std::size_t columns_of_terminal() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string progress_text(std::uint64_t done, std::uint64_t total, milliseconds elapsed,
                          std::size_t columns) {
  const double seconds = std::max(static_cast<double>(elapsed.count()), 1.0) / 1000;
  const double rate = static_cast<double>(done) / seconds;
  std::string text;
  if (total == 0) {
    text = fmt::format("{} read, {}/s", in_mebibytes(static_cast<double>(done)), in_mebibytes(rate));
    return text.substr(0, columns);
  }
  const double share = std::min(static_cast<double>(done) / static_cast<double>(total), 1.0);
  const double left =
      rate > 0 ? std::min(static_cast<double>(total - std::min(done, total)) / rate, kLongestLeft) : 0;
  const std::string before = fmt::format("{:3.0f} % ", share * 100);
  const std::string after = fmt::format("{}/s, {} left", in_mebibytes(rate),
                                        to_string(std::chrono::seconds(static_cast<long>(left))));
  const std::size_t taken = before.size() + after.size() + 3;  // two brackets and a blank
  if (columns < taken + kShortestBar) return (before + after).substr(0, columns);
  const std::size_t width = std::min(columns - taken, kLongestBar);
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(width));
  std::string bar(filled, '=');
  if (filled < width) bar += '>';
  bar.resize(width, ' ');
  return fmt::format("{}[{}] {}", before, bar, after);
}

Progress::Progress(std::uint64_t total_bytes)
    : wanted_(::isatty(STDERR_FILENO) == 1),
      total_bytes_(total_bytes),
      began_(steady_clock::now()),
      next_(began_ + kShownAfter) {}

void Progress::advanced(std::uint64_t bytes_so_far) {
  if (!wanted_) return;
  const Time now = steady_clock::now();
  if (now < next_) return;
  next_ = now + kRedrawnAfter;
  const auto text =
      progress_text(bytes_so_far, total_bytes_, std::chrono::duration_cast<milliseconds>(now - began_),
                    columns_of_terminal() - 1);
  fmt::print(stderr, "\r{}\x1b[K", text);  // and nothing behind it
  std::fflush(stderr);
  shown_ = true;
}

void Progress::hide() {
  if (!shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace coturn_guard
