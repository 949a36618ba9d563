// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/order_queue.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "enforce/kernel_sets.hpp"

namespace coturn_guard {
namespace {

using ipset::Family;

constexpr Family kFamilies[] = {Family::v4, Family::v6};
constexpr std::size_t kLimit = 65536;
constexpr std::size_t kMessageEntries = 256;   // in one message
constexpr std::size_t kTurnMessages = 8;       // in one send(2): the kernel works some 2 ms on that many
constexpr std::size_t kTurnLoneMessages = 64;  // where each entry travels alone, after a failure

}  // namespace

OrderQueue::OrderQueue(boost::asio::io_context& io, const BanTable& bans, Events events)
    : bans_(bans), events_(std::move(events)), answers_(io) {}

OrderQueue::~OrderQueue() {
  if (answers_.is_open()) answers_.release();  // socket_ owns it
}

Result<> OrderQueue::open() {
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(socket.error());
  socket_ = std::move(*socket);
  answers_.assign(socket_->fd());
  await_answers();
  return {};
}

bool OrderQueue::overfull() const {
  return queue_.size() >= 2 * kLimit;
}

bool OrderQueue::idle() const {
  return queue_.empty() && flight_.empty() && !roads_[0].refilling && !roads_[1].refilling;
}

void OrderQueue::push(const Prefix& prefix, Order::Why why) {
  const Order order{prefix, why};
  if (road(ipset::family_of(prefix)).state == State::closed) return events_.deferred(order);
  queue_.push_back(order);
  set_pause();
}

void OrderQueue::put_back(const Order& order) {
  if (road(ipset::family_of(order.prefix)).state == State::closed) return events_.deferred(order);
  queue_.push_front(order);
}

void OrderQueue::refill(Family family) {
  road(family) = {.state = State::open, .refilling = true, .next_slot = 0};
}

void OrderQueue::close(Family family) {
  if (road(family).state == State::closed) return;
  road(family) = {.state = State::closed};
  std::deque<Order> others;
  for (const auto& order : std::exchange(queue_, {})) {
    if (ipset::family_of(order.prefix) == family)
      events_.deferred(order);
    else
      others.push_back(order);
  }
  queue_.insert(queue_.begin(), others.begin(), others.end());
  set_pause();
}

void OrderQueue::set_pause() {
  const bool full = paused_ ? queue_.size() > kLimit / 2 : queue_.size() >= kLimit;
  if (full == paused_) return;
  paused_ = full;
  events_.pause(full);
}

// From the queue first; what a repair has to put back comes behind, straight from the table.
std::optional<Order> OrderQueue::next_order() {
  if (!queue_.empty()) {
    const Order order = queue_.front();
    queue_.pop_front();
    return order;
  }
  for (const auto family : kFamilies) {
    auto& [state, refilling, next_slot] = road(family);
    while (refilling) {
      if (next_slot >= bans_.slots()) {
        refilling = false;
        break;
      }
      const Prefix* const prefix = bans_.at(next_slot++);
      if (prefix != nullptr && ipset::family_of(*prefix) == family) return Order{*prefix, Order::Why::refill};
    }
  }
  return std::nullopt;
}

void OrderQueue::send(Time now) {
  if (!socket_ || !flight_.empty() || suspect(Family::v4) || suspect(Family::v6)) return;
  write_turn(now);
  set_pause();
  if (flight_.empty()) return;
  if (auto done = socket_->send(send_buffer_); !done) {
    // Nothing of it was seen by the kernel.
    for (; !flight_.empty(); flight_.pop_back()) put_back(flight_.back());
    events_.not_sent(done.error());
  }
}

void OrderQueue::write_turn(Time now) {
  send_buffer_.clear();
  sent_.clear();
  std::vector<ipset::Element> elements;
  std::optional<Order> order;
  std::optional<Time> until;
  const auto take = [&] {
    order = next_order();
    if (order) until = bans_.expiry(order->prefix);
  };
  bool lone = false;
  for (take(); order && sent_.size() < (lone ? kTurnLoneMessages : kTurnMessages);) {
    // One message: as many orders as are of one family and of one verb.
    elements.clear();
    const auto family = ipset::family_of(order->prefix);
    const bool adding = until.has_value();
    lone = order->alone;
    const std::size_t first = flight_.size();
    do {
      if (ipset::family_of(order->prefix) != family || until.has_value() != adding || order->alone != lone)
        break;
      elements.push_back(
          {.prefix = order->prefix, .timeout_seconds = until ? bans_.kernel_timeout(*until, now) : 0});
      flight_.push_back(*order);
      take();
    } while (order && elements.size() < (lone ? 1 : kMessageEntries));
    const auto sequence = socket_->next_sequence();
    if (adding)
      ipset::put_add(send_buffer_, sequence, set_name(family), elements);
    else
      ipset::put_remove(send_buffer_, sequence, set_name(family), elements);
    sent_.push_back({sequence, first, elements.size()});
  }
  if (order) put_back(*order);
}

void OrderQueue::await_answers() {
  answers_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this](const boost::system::error_code& error) { on_answers(error); });
}

void OrderQueue::on_answers(const boost::system::error_code& error) {
  if (error == boost::asio::error::operation_aborted) return;
  for (;;) {
    const auto received = NetlinkSocket::receive(socket_->fd(), receive_buffer_, false);
    if (!received) {
      put_back_unanswered();
      break;
    }
    if (received->empty()) break;
    ByteView rest = *received;
    while (const auto message = next_message(rest)) {
      const auto acknowledgement = decode_acknowledgement(*message);
      const auto sent = std::find_if(sent_.begin(), sent_.end(),
                                     [&](const Sent& one) { return one.sequence == message->sequence; });
      if (acknowledgement && sent != sent_.end() && !sent->answered) settle(*sent, *acknowledgement);
    }
  }
  if (!flight_.empty() &&
      std::all_of(sent_.begin(), sent_.end(), [](const Sent& one) { return one.answered; }))
    end_of_flight();
  await_answers();
}

void OrderQueue::settle(Sent& sent, const Acknowledgement& acknowledgement) {
  sent.answered = true;
  const auto orders = std::span(flight_).subspan(sent.first, sent.count);
  if (acknowledgement.error == 0) {
    for (const auto& order : orders) events_.succeeded(order);
    return;
  }
  const auto code = ipset::make_error(acknowledgement.error);
  std::size_t at = std::min(ipset::failed_element(acknowledgement).value_or(0), orders.size() - 1);
  for (const auto& order : orders.first(at)) events_.succeeded(order);
  // No set, or one that somebody exchanged: all of it again, once the set is ours again.
  if (code == std::errc::no_such_file_or_directory || code == ipset::make_error(ipset::kNoTimeouts)) {
    auto& state = road(ipset::family_of(orders[0].prefix)).state;
    if (state == State::open) state = State::suspect;
  } else if (ipset::failed_element(acknowledgement) || orders.size() == 1) {
    events_.failed(orders[at], code);
    ++at;
  }
  // What stands behind the failed one was not looked at. It goes alone: a full set refuses nearly all of
  // them, and with one answer a message that stays linear.
  for (std::size_t i = orders.size(); i > at; --i) {
    orders[i - 1].alone = true;
    put_back(orders[i - 1]);
  }
}

// The socket's buffer overflowed (ENOBUFS): adding twice is harmless, so whatever was not answered goes
// again.
void OrderQueue::put_back_unanswered() {
  for (auto& sent : sent_) {
    for (std::size_t i = sent.count; !sent.answered && i > 0; --i) put_back(flight_[sent.first + i - 1]);
    sent.answered = true;
  }
}

void OrderQueue::end_of_flight() {
  flight_.clear();
  sent_.clear();
  set_pause();
  events_.answered();
}

}  // namespace coturn_guard
