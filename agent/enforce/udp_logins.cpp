// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/udp_logins.hpp"

#include <boost/asio/error.hpp>
#include <cerrno>
#include <utility>

#include "enforce/explain.hpp"

namespace coturn_guard {
namespace {

constexpr std::chrono::seconds kLookInterval{5};
constexpr int kMessagesPerTurn = 64;
constexpr const char* kWhere = "the nf_tables table inet coturn-guard-logins";

bool is(const Error& error, std::errc code) {
  return error.code == code;
}

template <class Put>
Result<> change(NetlinkSocket& socket, Put put) {
  Bytes request;
  const auto last = put(request, socket.next_sequence());
  while (socket.next_sequence() != last) {
  }
  return socket.ask(request);
}

}  // namespace

UdpLogins::~UdpLogins() {
  if (installed_) static_cast<void>(remove());
}

Result<> UdpLogins::start(std::vector<PortRange> ports, Time now) {
  wish_.ports = std::move(ports);
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(explain(Request::open_socket, socket.error().what, socket.error()));
  changes_ = std::move(*socket);
  // Somebody must listen before the kernel has anything to tell.
  if (auto heard = listen(); !heard) return heard;
  if (auto done = install(now); !done) return done;
  wait();
  return {};
}

// The kernel says "not permitted" also of a group that is another program's.
Result<> UdpLogins::listen() {
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(explain(Request::open_socket, socket.error().what, socket.error()));
  Result<> bound;
  for (std::uint16_t i = 0; i < kGroups; ++i) {
    wish_.group = static_cast<std::uint16_t>(kFirstGroup + i);
    Bytes request;
    logins_table::put_bind(request, socket->next_sequence(), wish_.group);
    bound = socket->ask(request);
    if (bound) {
      packets_.assign(socket->release());
      return {};
    }
    if (!is(bound.error(), std::errc::operation_not_permitted) &&
        !is(bound.error(), std::errc::device_or_resource_busy))
      break;
  }
  return tl::unexpected(Error{bound.error().code,
                              "listen to the kernel's packet log (it may lack the module nfnetlink_log, or "
                              "other programs have the groups, see /proc/net/netfilter/nfnetlink_log)"});
}

Result<> UdpLogins::install(Time now) {
  next_look_ = now + kLookInterval;
  const auto done = change(*changes_, [this](Bytes& out, std::uint32_t sequence) {
    return logins_table::put_install(out, sequence, wish_);
  });
  if (!done)
    return tl::unexpected(explain(Request::change_rule, fmt::format("write {}", kWhere), done.error()));
  installed_ = true;
  lost_some_ = false;
  return {};
}

Result<bool> UdpLogins::stands() {
  Bytes request;
  logins_table::put_list_rules(request, changes_->next_sequence());
  std::vector<std::string> found;
  bool interrupted = false;
  const auto asked = changes_->ask(request, [&](const Message& message) {
    interrupted = interrupted || (message.flags & NLM_F_DUMP_INTR) != 0;
    if (auto line = logins_table::describe(message)) found.push_back(std::move(*line));
  });
  if (!asked && is(asked.error(), std::errc::no_such_file_or_directory)) return false;
  if (!asked) return tl::unexpected(asked.error());
  if (interrupted) return true;  // somebody changes something now: the next look tells
  return found == logins_table::describe(wish_);
}

// Whose answer was lost would not be told for ten minutes: all are, once more.
void UdpLogins::tick(Time now) {
  if (!installed_ || (now < next_look_ && !lost_some_)) return;
  next_look_ = now + kLookInterval;
  if (!lost_some_) {
    const auto right = stands();
    if (!right || *right) return;
  }
  if (!limit_.allows(now)) return;
  static_cast<void>(limit_.count(now));
  ++counters_.repairs;
  static_cast<void>(install(now));
}

void UdpLogins::wait() {
  packets_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this, alive = lifetime_.watch()](const auto& error) {
                        if (error == boost::asio::error::operation_aborted || alive.expired()) return;
                        take_turn();
                        wait();
                      });
}

void UdpLogins::take_turn() {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    const auto received = NetlinkSocket::receive(packets_.native_handle(), buffer_, false);
    if (!received) {  // ENOBUFS
      ++counters_.overflows;
      lost_some_ = true;
      continue;
    }
    if (received->empty()) return;
    ByteView rest = *received;
    while (const auto message = next_message(rest)) {
      const auto packet = logins_table::packet_of(*message);
      if (!packet) continue;
      ++counters_.answers;
      answered_({.bytes = *packet, .wire_bytes = packet->size()});
    }
  }
}

Result<> UdpLogins::remove() {
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(socket.error());
  const auto done = change(*socket, logins_table::put_delete);
  // Linux says so of a kernel without nf_tables.
  if (!done && !is(done.error(), std::errc::operation_not_supported))
    return tl::unexpected(explain(Request::change_rule, fmt::format("remove {}", kWhere), done.error()));
  return {};
}

}  // namespace coturn_guard
