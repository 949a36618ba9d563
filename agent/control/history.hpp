// SPDX-License-Identifier: GPL-3.0-or-later
// The history's file: minutes of the run in SQLite, for `report`. Minutes older than two days become hours,
// hours older than ninety days go, and of bans one by one the newest 200 000 stay. It knows the schema; one
// object is one connection, used by one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "model/history.hpp"
#include "util/database.hpp"
#include "util/result.hpp"

namespace coturn_guard {

inline constexpr const char* kHistoryName = "history.db";  // in the state directory

class History {
 public:
  static constexpr std::int64_t kVersion = 1;
  static constexpr std::chrono::hours kMinutesKept{48};
  static constexpr std::chrono::hours kKept{90 * 24};
  static constexpr std::int64_t kMostBans = 200'000;

  // Made where it is not. A file that is no database of ours any more is renamed to FILE.broken, once, and
  // begun anew; one that a later version wrote is left alone: an error that says so.
  [[nodiscard]] static Result<History> open(const std::string& file);
  // All of it or nothing. What is there for the same minute already (we were restarted) is added to.
  [[nodiscard]] Result<> add(const Minute& minute);

 private:
  explicit History(Database database) : database_(std::move(database)) {}
  [[nodiscard]] static Result<History> begin(const std::string& file);

  [[nodiscard]] Result<> write(const Minute& minute);
  [[nodiscard]] Result<> write_counts(std::int64_t at, const MinuteCounts& counts);
  [[nodiscard]] Result<> write_bans(const Minute& minute);
  [[nodiscard]] Result<> tidy(std::int64_t now);

  Database database_;
  std::int64_t tidied_ = 0;  // the hour
};

// Reads only; the daemon may write meanwhile. Errors name the file, and what to do about it.
[[nodiscard]] Result<Past> read_history(const std::string& file, WallTime from, WallTime until);

}  // namespace coturn_guard
