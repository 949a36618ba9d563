// SPDX-License-Identifier: GPL-3.0-or-later
// One walk through the kernel's table of flows (conntrack) that deletes what is to go, in steps that never
// block the loop: the kernel makes the next piece of the list inside each recvmsg(2). Knows nothing of who is
// to go.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <optional>

#include "enforce/conntrack_codec.hpp"
#include "enforce/netlink_socket.hpp"
#include "util/lifetime.hpp"

namespace coturn_guard {

class FlowSweep {
 public:
  using Goes = std::function<bool(const conntrack::Flow&)>;
  // How many entries were deleted; the error: what the kernel refused.
  using Done = std::function<void(const Result<std::size_t>& deleted)>;
  // So many at most in one walk; the others run out by themselves.
  static constexpr std::size_t kMost = 65536;

  explicit FlowSweep(boost::asio::io_context& io) : answers_(io) {}
  ~FlowSweep();
  FlowSweep(const FlowSweep&) = delete;
  FlowSweep& operator=(const FlowSweep&) = delete;

  // One walk at a time; none at all where the kernel counts no flows at present.
  void begin(Goes goes, Done done);
  [[nodiscard]] bool busy() const { return busy_; }

 private:
  [[nodiscard]] Result<bool> any_flows();
  void wait();
  void step();
  void end(Result<> listed);
  void delete_some();
  void finish();

  std::optional<NetlinkSocket> socket_;  // its descriptor is borrowed by answers_
  boost::asio::posix::stream_descriptor answers_;
  Lifetime lifetime_;
  Bytes buffer_;
  std::vector<Bytes> deletions_;  // each some requests
  std::size_t deleted_ = 0;
  Result<> listed_;
  Goes goes_;
  Done done_;
  std::uint32_t sequence_ = 0;
  bool busy_ = false;
};

}  // namespace coturn_guard
