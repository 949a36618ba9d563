// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/flow_sweep.hpp"

#include <unistd.h>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace coturn_guard {
namespace {

constexpr int kPiecesPerTurn = 2;
constexpr std::size_t kRequestBytes = 16384;  // of deletions, in one send(2)

}  // namespace

FlowSweep::~FlowSweep() {
  if (answers_.is_open()) answers_.release();  // socket_ owns it
}

// A question to a conntrack that is not loaded would load it. (/proc/sys is not to be seen from the unit.)
Result<bool> FlowSweep::any_flows() {
  if (::access("/sys/module/nf_conntrack", F_OK) != 0) return false;
  Bytes request;
  conntrack::put_count(request, socket_->next_sequence());
  std::optional<std::uint32_t> count;
  const auto answer = socket_->ask(request, [&](const Message& message) {
    if (const auto told = conntrack::decode_count(message)) count = told;
  });
  if (!answer) return tl::unexpected(Error{answer.error().code, "ask for the number of the kernel's flows"});
  return count != 0;  // not told: then the list will tell
}

void FlowSweep::begin(Goes goes, Done done) {
  goes_ = std::move(goes);
  done_ = std::move(done);
  busy_ = true;
  deleted_ = 0;
  deletions_.clear();
  if (!socket_) {
    auto socket = NetlinkSocket::create();
    if (!socket) return end(tl::unexpected(socket.error()));
    socket_ = std::move(*socket);
    answers_.assign(socket_->fd());
  }
  const auto any = any_flows();
  if (!any) return end(tl::unexpected(any.error()));
  if (!*any) return end({});
  Bytes request;
  sequence_ = socket_->next_sequence();
  conntrack::put_list(request, sequence_);
  if (auto sent = socket_->send(request); !sent) return end(sent);
  wait();
}

void FlowSweep::wait() {
  answers_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this, alive = lifetime_.watch()](const boost::system::error_code& error) {
                        if (!error && !alive.expired() && busy_) step();
                      });
}

void FlowSweep::step() {
  for (int piece = 0; piece < kPiecesPerTurn; ++piece) {
    const auto received = NetlinkSocket::receive(socket_->fd(), buffer_, false);
    if (!received) return end(tl::unexpected(received.error()));
    if (received->empty()) break;
    ByteView rest = *received;
    while (const auto message = next_message(rest)) {
      if (message->sequence != sequence_) continue;
      if (const auto last = decode_acknowledgement(*message)) {
        if (last->error == 0) return end({});
        return end(fail(last->error, "list the kernel's flows"));
      }
      const auto flow = conntrack::decode_flow(*message);
      if (!flow || deleted_ >= kMost || !goes_(*flow)) continue;
      ++deleted_;
      if (deletions_.empty() || deletions_.back().size() > kRequestBytes) deletions_.emplace_back();
      conntrack::put_delete(deletions_.back(), socket_->next_sequence(), *flow);
    }
  }
  wait();
}

void FlowSweep::end(Result<> listed) {
  listed_ = std::move(listed);
  delete_some();
}

// Behind the list, because the kernel works on one request at a time; one piece in each turn of the loop,
// because ten thousands of them must not keep a ban waiting.
void FlowSweep::delete_some() {
  // The answers are of no use: an entry that is gone already is as good.
  if (deletions_.empty() || !socket_->send(deletions_.back())) return finish();
  deletions_.pop_back();
  for (auto more = NetlinkSocket::receive(socket_->fd(), buffer_, false); more && !more->empty();)
    more = NetlinkSocket::receive(socket_->fd(), buffer_, false);
  boost::asio::post(answers_.get_executor(), [this, alive = lifetime_.watch()] {
    if (!alive.expired() && busy_) delete_some();
  });
}

void FlowSweep::finish() {
  deletions_.clear();
  busy_ = false;
  const Done done = std::exchange(done_, {});
  done(listed_ ? Result<std::size_t>(deleted_) : Result<std::size_t>(tl::unexpected(listed_.error())));
}

}  // namespace coturn_guard
