// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/connection.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace coturn_guard::control {
namespace {

using boost::asio::posix::descriptor_base;
using Clock = std::chrono::steady_clock;

constexpr unsigned kMostBadRequests = 20;  // of one client, then it is hung up on
constexpr std::size_t kReadBytes = std::size_t{16} * 1024;

}  // namespace

Connection::Connection(boost::asio::io_context& io, UniqueFd socket, const Caller& caller,
                       const Events& events, const Patience& patience, Time now)
    : socket_(io, socket.release()),
      caller_(caller),
      events_(events),
      patience_(patience),
      last_progress_(now),
      request_began_(now) {}

void Connection::start() {
  await(descriptor_base::wait_read);
}

void Connection::await(descriptor_base::wait_type what) {
  const bool read = what == descriptor_base::wait_read;
  bool& waiting = read ? reading_ : writing_;
  if (waiting || !socket_.is_open()) return;
  waiting = true;
  socket_.async_wait(what, [self = shared_from_this(), read](const boost::system::error_code& error) {
    read ? self->on_readable(error) : self->on_writable(error);
  });
}

void Connection::on_readable(const boost::system::error_code& error) {
  reading_ = false;
  if (error || !socket_.is_open()) return;
  if (!read()) return close();
  ask_for_turn();
}

void Connection::on_writable(const boost::system::error_code& error) {
  writing_ = false;
  if (error || !socket_.is_open()) return;
  ask_for_turn();
}

// False: the connection is gone.
bool Connection::read() {
  std::array<char, kReadBytes> bytes;
  const auto got = ::recv(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) {
    input_ended_ = true;
    return !streams_;
  }
  if (streams_) return true;
  if (input_.empty()) request_began_ = Clock::now();
  input_.append(bytes.data(), static_cast<std::size_t>(got));
  return true;
}

void Connection::ask_for_turn() {
  if (asked_ || !socket_.is_open()) return;
  asked_ = true;
  events_.wants_turn(shared_from_this());
}

// One step: send what waits, or have the answer go on, or begin with the next request.
void Connection::turn(Time now) {
  asked_ = false;
  if (!socket_.is_open()) return;
  if (!flush(now)) return;
  if (reply_) return proceed();
  if (last_) return close();
  if (take_request(now)) return ask_for_turn();
  if (!socket_.is_open()) return;
  if (input_ended_) return close();
  await(descriptor_base::wait_read);
}

// True: nothing waits any more.
bool Connection::flush(Time now) {
  if (sent_ == output_.size()) return true;
  const auto sent = ::send(socket_.native_handle(), output_.data() + sent_, output_.size() - sent_,
                           MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    close();
    return false;
  }
  if (sent > 0) {
    sent_ += static_cast<std::size_t>(sent);
    last_progress_ = now;
  }
  if (sent_ == output_.size()) {
    output_.clear();
    sent_ = 0;
    return true;
  }
  await(descriptor_base::wait_write);
  return false;
}

void Connection::proceed() {
  switch (reply_->write(output_)) {
    case Reply::State::more: return ask_for_turn();
    case Reply::State::done:
      reply_.reset();
      streams_ = false;
      return ask_for_turn();
    case Reply::State::waits:
      if (!output_.empty()) ask_for_turn();
      if (streams_) await(descriptor_base::wait_read);  // to hear that the client is gone
      return;
  }
}

// True: something is to be answered.
bool Connection::take_request(Time now) {
  const auto end = input_.find('\n');
  if (end == std::string::npos && input_.size() < kMaxRequestBytes) return false;
  if (end >= kMaxRequestBytes) {
    end_with({kBadRequest, "a request is one line of at most 65536 bytes"});
    return true;
  }
  const std::string line = input_.substr(0, end);
  input_.erase(0, end + 1);
  request_began_ = last_progress_ = now;
  perform(line);
  return true;
}

void Connection::perform(const std::string& line) {
  const auto command = parse_request(line);
  if (!command) {
    if (++bad_requests_ >= kMostBadRequests) return end_with(command.error());
    output_ += error_line(command.error());
    return;
  }
  bad_requests_ = 0;
  if (needed(command->verb) > caller_.access) {
    events_.forbidden(caller_, command->verb);
    output_ +=
        error_line({kForbidden, "changing anything needs root or membership in the group coturn-guard"});
    return;
  }
  streams_ = command->verb == Verb::tail;
  reply_ = events_.perform(*command, caller_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->ask_for_turn();
  });
}

void Connection::end_with(const Refusal& refusal) {
  output_ += error_line(refusal);
  input_.clear();
  last_ = true;
}

void Connection::check(Time now) {
  if (!socket_.is_open()) return;
  if (sent_ < output_.size()) {
    if (now - last_progress_ >= patience_.stalled) close();
    return;
  }
  if (reply_ || last_) return;
  if (!input_.empty() && now - request_began_ >= patience_.request) {
    end_with({kTooSlow, "a request must be complete within 10 s of its first byte"});
    return ask_for_turn();
  }
  if (input_.empty() && now - last_progress_ >= patience_.idle) close();
}

void Connection::close() {
  if (!socket_.is_open()) return;
  boost::system::error_code ignored;
  socket_.close(ignored);
  reply_.reset();
  events_.ended(shared_from_this());
}

}  // namespace coturn_guard::control
