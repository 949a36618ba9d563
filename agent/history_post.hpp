// SPDX-License-Identifier: GPL-3.0-or-later
// Gathers what the pipeline did into minutes and hands each, once it is over, to the history's writer. The
// loop pays for a comparison a second and a copy of some counters a minute.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bans/bans.hpp"
#include "control/history_writer.hpp"
#include "model/history.hpp"
#include "pipeline.hpp"
#include "util/log.hpp"

namespace coturn_guard {

class HistoryPost {
 public:
  explicit HistoryPost(Log& log) : log_(log) {}

  // Nothing is kept without a directory: systemd makes and names it ($STATE_DIRECTORY).
  void open(const std::string& state_directory);
  [[nodiscard]] bool is_open() const { return writer_ != nullptr; }

  void ban_changed(const BanChange& change, const Now& now);
  void recipe_banned(const std::vector<RecipeBan>& bans);
  // Once a second. `dropped`: packets in all so far; where it falls, its counters were made anew.
  void tick(const Pipeline& pipeline, std::uint64_t dropped, const Now& now);
  // The end: what there is of the last minute is written, too.
  void close(const Pipeline& pipeline, std::uint64_t dropped, const Now& now);

 private:
  // What the counters of the run showed when the minute began.
  struct Totals {
    std::uint64_t lines = 0, recognised = 0, dropped = 0, withheld = 0;
    OffenceCounts offences;
  };

  void end_minute(const Pipeline& pipeline, std::uint64_t dropped);
  void tell_failure(const Now& now);

  Log& log_;
  std::unique_ptr<HistoryWriter> writer_;
  Minute minute_;
  Totals told_;
  bool told_failure_ = false;
};

}  // namespace coturn_guard
