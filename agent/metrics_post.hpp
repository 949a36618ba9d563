// SPDX-License-Identifier: GPL-3.0-or-later
// Where the agent's numbers are told: the server and the file, opened, moved and closed as the configuration
// says. A help, not a need: where it cannot be had, the operator is told, it is tried again each minute, and
// the rest goes on. What is counted comes from measurements.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <vector>

#include "config.hpp"
#include "control/metrics_file.hpp"
#include "control/metrics_server.hpp"
#include "util/log.hpp"

namespace coturn_guard {

class MetricsPost {
 public:
  using Collect = std::function<std::vector<MetricFamily>()>;

  MetricsPost(boost::asio::io_context& io, Log& log, const Collect& collect);

  void configure(const Config& config, const Now& now);
  void tick(const Now& now);  // once a second
  void close();

  // Somebody may ask: what costs something on the way is measured.
  [[nodiscard]] bool wanted() const { return !address_.off() || !file_.path().empty(); }
  [[nodiscard]] const MetricsServer& server() const { return server_; }
  [[nodiscard]] const MetricsFile& file() const { return file_; }

 private:
  void open(const Now& now);

  Log& log_;
  MetricsServer server_;
  MetricsFile file_;
  MetricsAddress address_;
  std::string told_;  // the last error, so that it is told once
  bool open_ = false;
  std::chrono::steady_clock::time_point tried_{};
};

}  // namespace coturn_guard
