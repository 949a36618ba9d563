// SPDX-License-Identifier: GPL-3.0-or-later
// Writes minutes into the history's file on a thread of its own: an fsync on a disk that hangs blocks for
// seconds, and no ban may wait for it. It gets each minute by value and never looks at anything of the
// loop's. What does not fit its short queue is left out and counted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "model/history.hpp"
#include "util/result.hpp"

namespace coturn_guard {

class HistoryWriter {
 public:
  static constexpr std::size_t kMostWaiting = 5;
  static constexpr std::chrono::seconds kLongestStop{3};

  explicit HistoryWriter(std::string file);
  ~HistoryWriter() { finish(); }
  HistoryWriter(const HistoryWriter&) = delete;
  HistoryWriter& operator=(const HistoryWriter&) = delete;

  void write(Minute minute);
  // Waits until what was given is written, kLongestStop at most; nothing may be given after it. A thread that
  // hangs in the kernel beyond that is left to the end of the process.
  void finish();
  // What went wrong since it was asked last; the file is opened again for the next minute.
  [[nodiscard]] std::optional<Error> take_failure();
  [[nodiscard]] std::uint64_t left_out() const;  // minutes

 private:
  struct Shared;
  static void work(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;  // the thread may outlive us
};

}  // namespace coturn_guard
