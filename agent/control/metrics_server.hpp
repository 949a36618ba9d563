// SPDX-License-Identifier: GPL-3.0-or-later
// GET /metrics over HTTP/1.1, for Prometheus and whoever else asks, in the agent's own loop. Bounded in
// everything that a client decides: how many there are, how long they take, how much they send and how often
// they ask; no client delays a ban by more than the writing of one answer. It does not know what is counted.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "control/metrics_address.hpp"
#include "control/metrics_text.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct MetricsServerCounters {
  std::uint64_t requests = 0;     // answered with metrics
  std::uint64_t rejected = 0;     // answered with an error: another path, another method, no HTTP
  std::uint64_t clients = 0;      // accepted
  std::uint64_t displaced = 0;    // of them, those that made room for another one
  std::uint64_t timed_out = 0;    // took too long to ask or to read
  std::uint64_t collections = 0;  // the others got a text that was not older than kFresh
};

class MetricsServer {
 public:
  static constexpr std::size_t kMaxClients = 16;
  using Collect = std::function<std::string(MetricFormat)>;

  MetricsServer(boost::asio::io_context& io, Collect collect);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // Listens from here on. The error says what the kernel refused and what to do about it. A socket that a
  // killed guard left is replaced; that of a running program and any other file is not.
  [[nodiscard]] Result<> start(const MetricsAddress& address);
  void stop();  // and forgets all clients
  [[nodiscard]] std::size_t clients() const;
  [[nodiscard]] const MetricsServerCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace coturn_guard
