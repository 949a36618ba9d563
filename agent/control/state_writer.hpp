// SPDX-License-Identifier: GPL-3.0-or-later
// The one thread besides the loop: it owns the state file once that is open, and gets batches by value, one
// at a time. An fsync on a disk that hangs blocks for seconds, and no ban may wait for it. What changes
// meanwhile is not queued here: its owners note it, and the next batch holds all of it. It decides nothing:
// what went wrong is asked of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "control/state_db.hpp"
#include "model/saved_state.hpp"

namespace coturn_guard {

class StateWriter {
 public:
  // What became of a batch.
  struct Outcome {
    std::optional<StateFailure> failure;
    std::string set_aside;    // where a broken file went, if it did
    std::uint64_t bytes = 0;  // of the file now
    std::chrono::microseconds took{};
  };

  // `db`: absent where it could not be opened; then the first batch opens it.
  StateWriter(std::string file, std::optional<StateDb> db);
  // Waits for what is being written, kLongestStop at most. A thread that hangs in the kernel beyond it is
  // left to the end of the process.
  ~StateWriter();
  StateWriter(const StateWriter&) = delete;
  StateWriter& operator=(const StateWriter&) = delete;

  static constexpr std::chrono::seconds kLongestStop{2};

  [[nodiscard]] bool idle() const;
  // Only while idle. `anew`: the file is opened again before, a broken one (at `seconds_since_1970`) is set
  // aside first; the batch then has to hold everything.
  void write(StateBatch batch, bool anew, std::int64_t seconds_since_1970);
  // Once for each batch, when it is done.
  [[nodiscard]] std::optional<Outcome> take_outcome();
  // True where it was idle in time.
  [[nodiscard]] bool wait(std::chrono::milliseconds at_most);

 private:
  struct Shared;
  static void work(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;  // the thread may outlive us
};

}  // namespace coturn_guard
