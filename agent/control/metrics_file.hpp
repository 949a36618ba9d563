// SPDX-License-Identifier: GPL-3.0-or-later
// Metrics in a file for node_exporter's textfile collector, where no port is wanted: written anew every 15 s
// in one step, readable for everybody, gone when the guard stops, because what it said last is true no more.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "util/result.hpp"

namespace coturn_guard {

struct MetricsFileCounters {
  std::uint64_t written = 0;
  std::uint64_t failed = 0;
};

class MetricsFile {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kInterval{15};

  // `collect`: in the text format 0.0.4, which that collector reads.
  explicit MetricsFile(std::function<std::string()> collect) : collect_(std::move(collect)) {}
  ~MetricsFile() { move_to({}); }
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  // Empty: nowhere. The file at the old place is removed.
  void move_to(const std::string& path);
  // Once a second. The error is told the first time and again after a success, not each time.
  [[nodiscard]] Result<> tick(Time now);
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const MetricsFileCounters& counters() const { return counters_; }

 private:
  std::function<std::string()> collect_;
  MetricsFileCounters counters_;
  std::string path_;
  Time next_{};
  bool written_ = false;  // it is ours to remove
  bool failing_ = false;
};

}  // namespace coturn_guard
