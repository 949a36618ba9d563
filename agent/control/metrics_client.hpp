// SPDX-License-Identifier: GPL-3.0-or-later
// One connection of who asks for metrics: reads a request, writes an answer, and again, each within its time.
// HTTP is Boost.Beast's, which takes long to compile and is included by this class alone.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "control/metrics_server.hpp"
#include "control/metrics_text.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {

class MetricsClient {
 public:
  using Clock = std::chrono::steady_clock;
  using Text = std::shared_ptr<const std::string>;
  // What the server does for all of them; it outlives none of the calls.
  struct Server {
    std::function<Text(MetricFormat)> text;
    std::function<void(const MetricsClient&)> gone;  // it said all: let go of it
    MetricsServerCounters* counters = nullptr;
  };
  // Between an answer and the next question of the same client; the server rests as long between two turns of
  // accepting. So a thousand connections are no thousand turns of the loop.
  static constexpr std::chrono::milliseconds kRest{20};

  // `family`: of the socket, AF_INET say. It begins at once.
  MetricsClient(boost::asio::io_context& io, int family, UniqueFd fd, const Server& server);
  // Nothing of the server's is called from here on.
  ~MetricsClient();
  MetricsClient(const MetricsClient&) = delete;
  MetricsClient& operator=(const MetricsClient&) = delete;

  [[nodiscard]] bool writing() const;             // an answer is on its way
  [[nodiscard]] Clock::time_point since() const;  // its last answer, or its beginning

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with its own handlers
};

}  // namespace coturn_guard
