// SPDX-License-Identifier: GPL-3.0-or-later
// A source's next turn, after everybody else's: at most one waits in the io_context at a time. Asio cannot
// take back what was posted, so a turn that waits outlives its owner and must then do nothing.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <utility>

#include "util/lifetime.hpp"

namespace coturn_guard {

class NextTurn {
 public:
  NextTurn(boost::asio::io_context& io, std::function<void()> turn) : io_(io), turn_(std::move(turn)) {}

  void post() {
    if (posted_) return;
    posted_ = true;
    boost::asio::post(io_, [this, alive = lifetime_.watch()] {
      if (alive.expired()) return;
      posted_ = false;
      turn_();
    });
  }

 private:
  boost::asio::io_context& io_;
  std::function<void()> turn_;
  bool posted_ = false;
  Lifetime lifetime_;
};

}  // namespace coturn_guard
