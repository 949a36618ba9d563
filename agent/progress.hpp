// SPDX-License-Identifier: GPL-3.0-or-later
// One line on standard error that says how far a long reading is, how fast, and how long it will take. Only
// on a terminal, and only where it takes longer than two seconds; never anything in a pipe or a journal.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace coturn_guard {

// " 37 % [=======>          ] 412 MiB/s, 12s left". `total` 0: unknown, then how much and how fast. Never
// wider than `columns`.
[[nodiscard]] std::string progress_text(std::uint64_t done, std::uint64_t total,
                                        std::chrono::milliseconds elapsed, std::size_t columns);

class Progress {
 public:
  explicit Progress(std::uint64_t total_bytes);
  ~Progress() { hide(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advanced(std::uint64_t bytes_so_far);
  void hide();  // before anything else is printed

 private:
  using Time = std::chrono::steady_clock::time_point;

  bool wanted_;
  bool shown_ = false;
  std::uint64_t total_bytes_;
  Time began_, next_;
};

}  // namespace coturn_guard
