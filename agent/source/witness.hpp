// SPDX-License-Identifier: GPL-3.0-or-later
// The kernel's own word about coturn's TCP connections: every one that ends (NETLINK_SOCK_DIAG's destroy
// groups, linux/sock_diag.h) and, every few seconds, those that live (an INET_DIAG dump). Needs CAP_NET_ADMIN
// for a socket that holds many of them. It knows which of them a listener of coturn's accepted, and nothing
// of what they mean.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/clock.hpp"
#include "model/flow.hpp"
#include "model/port_range.hpp"
#include "source/coturn_marks.hpp"
#include "util/result.hpp"

namespace coturn_guard {

// Somebody listens on coturn's ports in our network namespace, and we hear of every connection that ends.
struct WitnessState {
  bool available = false;
  bool sure = false;     // they are not root's: docker-proxy, which is no coturn, would be
  std::string why;       // why it is not available, for people
  bool dropped = false;  // only because the kernel dropped words for us; it ends as soon as we have caught up
  bool undecided = false;  // somebody listens there, and whether it is coturn is not known
};

struct WitnessEvents {
  std::function<void(const Connection&, const Now&)> connection;
  std::function<void(const Now&)> batch_end;  // after each turn's connections, and each sample
  std::function<void(const WitnessState&, const Now&)> state;  // at each change, and around each overflow
  // The two without which nothing can be refuted; may be left out where nobody judges.
  // Every end until that time has been handed over, unless the state said otherwise since.
  std::function<void(const Now&)> heard;
  // All who lived from `begun` until now have been handed over.
  std::function<void(const Now& begun, const Now& now)> sampled;
};

struct WitnessCounters {
  std::uint64_t closed = 0;     // destroy events of coturn's ports
  std::uint64_t foreign = 0;    // of other ports in our network namespace that somebody listens on
  std::uint64_t samples = 0;    // living connections told of
  std::uint64_t overflows = 0;  // the kernel dropped events for us (ENOBUFS)
  std::uint64_t malformed = 0;  // messages that could not be read
};

class Witness {
 public:
  // What of the kernel's word may wait for us: some ten thousand ends.
  static constexpr int kReceiveBytes = 8 * 1024 * 1024;

  // Coturn's are the connections that came to an endpoint on which it listens right now: on a known port, and
  // on a listed one where its user is not root. Who is coturn: coturn_user.hpp, from what `traces` lead to.
  // Ends of connections to other listeners' ports are handed over as foreign, and so are living ones where
  // the listener is coturn (not root): a coturn with one more port must not make its lines look forged. So
  // are relay ports, and what this host opened.
  Witness(boost::asio::io_context& io, CoturnPorts ports, CoturnTraces traces, WitnessEvents events,
          int receive_bytes = kReceiveBytes);
  ~Witness();
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Fails where the kernel refuses the socket; everything else is a state. The first state comes from the
  // loop, at once. After a failure it may be called again.
  [[nodiscard]] Result<> start();
  void set_ports(CoturnPorts ports);
  void set_traces(CoturnTraces traces);
  void tick(const Now& now);  // once a second: who listens, and every second time who lives
  [[nodiscard]] const WitnessState& state() const;
  [[nodiscard]] const WitnessCounters& counters() const;
  // Coturn's, by something that only coturn has; empty while it is not there, or is not told by that.
  [[nodiscard]] const std::set<std::uint32_t>& users() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace coturn_guard
