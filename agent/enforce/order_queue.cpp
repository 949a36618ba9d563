// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/order_queue.hpp"

#include <algorithm>
#include <utility>

namespace coturn_guard {
namespace {

constexpr std::size_t kLimit = 65536;
// The kernel works inside sendmsg(2), and newer kernels write a whole set of nf_tables anew for each
// transaction (10 ms for 100 000 bans). Where a few orders took that long, the next ones gather for a while.
constexpr std::chrono::milliseconds kLongTurn{5};

}  // namespace

OrderQueue::OrderQueue(boost::asio::io_context& io, const BanTable& bans, OrderWire& wire, Events events)
    : bans_(bans), wire_(wire), events_(std::move(events)), answers_(io), rest_(io) {}

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
  if (road(family_of(prefix)).state == State::closed) return events_.deferred(order);
  queue_.push_back(order);
  set_pause();
}

void OrderQueue::put_back(const Order& order) {
  if (road(family_of(order.prefix)).state == State::closed) return events_.deferred(order);
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
    if (family_of(order.prefix) == family)
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
      if (prefix != nullptr && family_of(*prefix) == family) return Order{*prefix, Order::Why::refill};
    }
  }
  return std::nullopt;
}

bool OrderQueue::resting() {
  if (resting_ || std::chrono::steady_clock::now() >= rested_) return resting_;
  resting_ = true;
  rest_.expires_at(rested_);
  rest_.async_wait([this, alive = lifetime_.watch()](const boost::system::error_code& error) {
    if (error || alive.expired()) return;
    resting_ = false;
    send(std::chrono::steady_clock::now());
  });
  return true;
}

void OrderQueue::send(Time now) {
  if (!socket_ || !flight_.empty() || suspect(Family::v4) || suspect(Family::v6) || resting()) return;
  write_turn(now);
  set_pause();
  if (flight_.empty()) return;
  const auto begun = std::chrono::steady_clock::now();
  const auto sent = socket_->send(send_buffer_);
  const auto end = std::chrono::steady_clock::now();
  if (end - begun >= kLongTurn && flight_.size() < wire_.most_orders()) rested_ = end + (end - begun);
  if (!sent) {
    // Nothing of it was seen by the kernel.
    wire_.give_up(flight_, fates_, false);
    for (; !flight_.empty(); flight_.pop_back()) put_back(flight_.back());
    events_.not_sent(sent.error());
  }
}

void OrderQueue::write_turn(Time now) {
  send_buffer_.clear();
  while (flight_.size() < wire_.most_orders()) {
    const auto order = next_order();
    if (!order) break;
    flight_.push_back(*order);
  }
  if (flight_.empty()) return;
  const auto written = wire_.write(
      send_buffer_, [this] { return socket_->next_sequence(); }, flight_, now);
  for (; flight_.size() > written; flight_.pop_back()) put_back(flight_.back());
  fates_.assign(written, OrderFate{});
}

void OrderQueue::await_answers() {
  answers_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this, alive = lifetime_.watch()](const boost::system::error_code& error) {
                        if (!alive.expired()) on_answers(error);
                      });
}

void OrderQueue::on_answers(const boost::system::error_code& error) {
  if (error == boost::asio::error::operation_aborted) return;
  for (;;) {
    const auto received = NetlinkSocket::receive(socket_->fd(), receive_buffer_, false);
    if (!received) {  // ENOBUFS: some answers are lost
      wire_.give_up(flight_, fates_, true);
      break;
    }
    if (received->empty()) break;
    ByteView rest = *received;
    while (const auto message = next_message(rest)) wire_.read(*message, flight_, fates_);
  }
  if (!flight_.empty() && std::none_of(fates_.begin(), fates_.end(), [](const OrderFate& fate) {
        return fate.kind == OrderFate::Kind::waits;
      }))
    settle();
  await_answers();
}

// All of the turn was answered.
void OrderQueue::settle() {
  const auto flight = std::exchange(flight_, {});
  for (std::size_t i = 0; i < flight.size(); ++i) {
    if (fates_[i].kind == OrderFate::Kind::done) events_.succeeded(flight[i]);
    if (fates_[i].kind == OrderFate::Kind::failed) events_.failed(flight[i], fates_[i].code);
    if (fates_[i].kind != OrderFate::Kind::suspect) continue;
    auto& state = road(family_of(flight[i].prefix)).state;
    if (state == State::open) state = State::suspect;
  }
  for (std::size_t i = flight.size(); i > 0; --i) {
    const auto& fate = fates_[i - 1];
    if (fate.kind != OrderFate::Kind::again && fate.kind != OrderFate::Kind::suspect) continue;
    Order order = flight[i - 1];
    order.alone = fate.alone;
    put_back(order);
  }
  fates_.clear();
  set_pause();
  events_.answered();
}

}  // namespace coturn_guard
