// SPDX-License-Identifier: GPL-3.0-or-later
// What the kernel counted for each ban, read from the sets in the loop: one piece of a list (32 KiB, some
// hundred elements) a turn, so that a set of a million holds up nobody. On a socket of its own: orders and
// proofs do not wait behind it. It keeps nothing.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "enforce/element.hpp"
#include "enforce/enforcer.hpp"
#include "enforce/netlink_socket.hpp"
#include "util/lifetime.hpp"

namespace coturn_guard {

// How one backend lists a set. `ask` comes before the first `read` of a family.
struct SetListing {
  std::function<void(Bytes&, std::uint32_t sequence, Family)> ask;
  std::function<void(const Message&, Family, std::vector<Element>&)> read;  // appends
};

class TrafficReader {
 public:
  using Take = TakeTraffic;            // a piece, without the canaries
  using Done = std::function<void()>;  // all was read, or as much as the kernel told

  TrafficReader(boost::asio::io_context& io, SetListing listing)
      : listing_(std::move(listing)), answers_(io) {}
  ~TrafficReader();
  TrafficReader(const TrafficReader&) = delete;
  TrafficReader& operator=(const TrafficReader&) = delete;

  // Begins; false: one reading is under way, or the kernel refuses the socket.
  [[nodiscard]] bool start(Take take, Done done);

 private:
  void ask(Family family);
  void await();
  void on_answer(const boost::system::error_code& error);
  void next_family();
  void end();

  SetListing listing_;
  std::optional<NetlinkSocket> socket_;
  boost::asio::posix::stream_descriptor answers_;  // the same descriptor, which socket_ owns
  Family family_ = Family::v4;
  Take take_;
  Done done_;
  Bytes buffer_;
  std::vector<Element> elements_;
  std::vector<BanTraffic> traffic_;
  Lifetime lifetime_;
};

}  // namespace coturn_guard
