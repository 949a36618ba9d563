// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/traffic_reader.hpp"

#include <utility>

namespace coturn_guard {

TrafficReader::~TrafficReader() {
  if (answers_.is_open()) answers_.release();
}

bool TrafficReader::start(Take take, Done done) {
  if (answers_.is_open()) return false;
  auto socket = NetlinkSocket::create();
  if (!socket) return false;
  socket_ = std::move(*socket);
  answers_.assign(socket_->fd());
  take_ = std::move(take);
  done_ = std::move(done);
  ask(Family::v4);
  return true;
}

void TrafficReader::ask(Family family) {
  family_ = family;
  Bytes request;
  listing_.ask(request, socket_->next_sequence(), family);
  if (!socket_->send(request)) return end();
  await();
}

void TrafficReader::await() {
  answers_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this, alive = lifetime_.watch()](const boost::system::error_code& error) {
                        if (!alive.expired()) on_answer(error);
                      });
}

void TrafficReader::on_answer(const boost::system::error_code& error) {
  if (error || !answers_.is_open()) return;
  const auto received = NetlinkSocket::receive(answers_.native_handle(), buffer_, false);
  if (!received) return end();  // what overflowed is told by the next reading
  bool ended = false;
  ByteView rest = *received;
  elements_.clear();
  while (const auto message = next_message(rest)) {
    // A list that has ended, or a refusal: no such set holds nothing.
    if (decode_acknowledgement(*message))
      ended = true;
    else
      listing_.read(*message, family_, elements_);
  }
  traffic_.clear();
  for (const Element& element : elements_)
    if (element.prefix != canary(family_) && !element.exempt)
      traffic_.push_back({element.prefix, element.packets, element.bytes});
  if (!traffic_.empty()) take_(traffic_);
  ended ? next_family() : await();
}

void TrafficReader::next_family() {
  family_ == Family::v4 ? ask(Family::v6) : end();
}

void TrafficReader::end() {
  answers_.release();
  socket_.reset();
  take_ = nullptr;
  // Last: it may begin another one.
  if (const auto done = std::exchange(done_, nullptr)) done();
}

}  // namespace coturn_guard
