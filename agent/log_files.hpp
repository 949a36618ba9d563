// SPDX-License-Identifier: GPL-3.0-or-later
// Log files that are complete, read one after the other from their beginnings: what the verbs that look back
// (replay, why) work on. It does not follow anything that grows; that is source/.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/flow.hpp"
#include "util/result.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {

class LogFiles {
 public:
  // All are opened at once, so that a wrong name is told before anything is printed. "-": standard input.
  [[nodiscard]] static Result<LogFiles> open(const std::vector<std::string>& names);

  // Of all files together; 0: a pipe is among them, nobody knows.
  [[nodiscard]] std::uint64_t total_bytes() const { return total_bytes_; }
  // Each file is a stream of its own (Line::stream, from 1 on); those that are rotations of one another are
  // one log, and others are other coturns'. `after_block` hears how many bytes were read so far. Fails where
  // a file cannot be read any further.
  [[nodiscard]] Result<> read(const std::function<void(const Line&)>& on_line,
                              const std::function<void(std::uint64_t)>& after_block);
  // Before read(): shows each file's first bytes to `look`, where they are plain text.
  void on_sample(std::function<void(std::string_view)> look) { on_sample_ = std::move(look); }

 private:
  struct File {
    std::string name;
    UniqueFd fd;
  };

  std::vector<File> files_;
  std::function<void(std::string_view)> on_sample_;
  std::uint64_t total_bytes_ = 0;
};

// Paths and globs -> the files that exist, oldest first, as rotation leaves them. A path without wildcards
// stays, existing or not.
[[nodiscard]] std::vector<std::string> find_logs(const std::vector<std::string>& patterns);

}  // namespace coturn_guard
