// SPDX-License-Identifier: GPL-3.0-or-later
// The state file: what a run knew, in SQLite (WAL), written in whole transactions so that each moment of it
// is one moment of the run. It knows the schema and its version; what the records mean is their owners'. Used
// by one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/saved_state.hpp"
#include "util/database.hpp"
#include "util/result.hpp"

namespace coturn_guard {

// Why there is no state: decides what becomes of the file.
enum class StateTrouble : std::uint8_t {
  broken,      // no database, or a damaged one: to be set aside
  newer,       // a later version of ours wrote it: to be left alone
  unwritable,  // full disk, read-only, no right: the file may be good, and may be written later
};

struct StateFailure {
  StateTrouble trouble = StateTrouble::unwritable;
  Error error;
};

template <class T = void>
using StateResult = tl::expected<T, StateFailure>;

class StateDb {
 public:
  static constexpr std::int64_t kVersion = 1;

  // Opens it, or makes it where it is not. Another process that holds its lock is waited for, `patience` at
  // most.
  [[nodiscard]] static StateResult<StateDb> open(const std::string& file, std::chrono::milliseconds patience);

  // Looks through all of it for damage (SQLite's quick_check): what load() does not stumble over.
  [[nodiscard]] StateResult<> check();
  // Everything that was saved; absent in a new file.
  [[nodiscard]] StateResult<std::optional<SavedState>> load();
  // All of it or nothing. Returns when the transaction is in the write-ahead log: it outlives us, and an
  // outage of power only together with what came within the seconds before it (synchronous NORMAL).
  [[nodiscard]] StateResult<> commit(const StateBatch& batch);
  // Of the file and its write-ahead log together.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  StateDb(Database database, std::string file) : database_(std::move(database)), file_(std::move(file)) {}

  [[nodiscard]] Result<> write(const StateBatch& batch);
  [[nodiscard]] Result<> write_head(const SavedHead& head);
  [[nodiscard]] Result<SavedHead> read_head();
  [[nodiscard]] Result<> write_offenders(const StateBatch& batch);
  [[nodiscard]] Result<> write_bans(const StateBatch& batch);
  [[nodiscard]] Result<> write_records(const StateBatch& batch);

  Database database_;
  std::string file_;
};

// What `flush` does while no daemon runs: no ban of the file is put back by the next start. What was counted
// and who was banned how often stays. No file is no error.
[[nodiscard]] Result<> end_saved_bans(const std::string& file);

// Renames a broken file, with its write-ahead log, to <file>.broken-<seconds since 1970>, and returns that
// name.
[[nodiscard]] Result<std::string> set_aside(const std::string& file, std::int64_t seconds_since_1970);

}  // namespace coturn_guard
