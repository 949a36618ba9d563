// SPDX-License-Identifier: GPL-3.0-or-later
// The daemon's own pipeline over log files that are complete, in the log's time instead of ours: the loop of
// the verbs `replay` and `why`. Needs no root, touches no kernel, and prints nothing itself.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "log_files.hpp"
#include "pipeline.hpp"
#include "setup.hpp"
#include "util/result.hpp"

namespace coturn_guard {

// `time` is when it was: wall clock where the line has one, else coturn's number of seconds.
struct ReplayEvents {
  std::function<void(const Judged&, std::string_view time)> judged;  // absent: nothing is traced
  std::function<void(const Verdict&, std::string_view time)> banned;
  std::function<void(const Notice&, std::string_view time)> reported;
  std::function<void(const BreakerState&, std::string_view time)> breaker;  // it opened or closed
  std::function<void(std::uint64_t bytes)> read;                            // so far
};

class Replay {
 public:
  [[nodiscard]] static Result<Replay> create(Setup setup);

  // Once: a ban comes after the offence that filled the measure.
  [[nodiscard]] Result<> read(LogFiles& logs, const ReplayEvents& events);

  [[nodiscard]] const Pipeline& pipeline() const { return pipeline_; }
  [[nodiscard]] Now now() const { return last().now; }  // of the last line
  [[nodiscard]] std::string time() const { return to_string(last()); }

 private:
  explicit Replay(Pipeline pipeline);
  [[nodiscard]] const Deed& last() const { return pipeline_.recogniser().deed(); }
  void learn(std::string_view sample);
  void take(const Line& line, const ReplayEvents& events);
  void tell(const ReplayEvents& events);
  void tell_breaker(const ReplayEvents& events);

  Pipeline pipeline_;
  // The present: coturn's counter of seconds tells no date, and a credential that has expired by today is
  // milder judged than one that has not.
  Now today_;
  std::chrono::steady_clock::time_point ticked_{};
  Outcome outcome_;
  bool guess_times_ = false;
  std::vector<std::string> tags_;  // as configured
  std::uint64_t told_openings_ = 0;
  bool told_open_ = false;
};

}  // namespace coturn_guard
