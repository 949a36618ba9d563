// SPDX-License-Identifier: GPL-3.0-or-later
// Live decisions for whoever listens (`tail`). Nobody waits for a listener: each has a buffer of 64 KiB, what
// finds no room in it is left out, and he is told how much that was. Made of lines; it knows nothing of what
// they tell.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/reply.hpp"

namespace coturn_guard {

class DecisionFeed {
 public:
  static constexpr std::size_t kBufferBytes = std::size_t{64} * 1024;
  enum class Kind : std::uint8_t { decision, offence };  // who listens may do without the latter

  // The feed must outlive it.
  [[nodiscard]] std::unique_ptr<control::Reply> subscribe(bool offences, control::Wake wake);
  // Whether somebody has room for it: lines are costly to make.
  [[nodiscard]] bool wanted(Kind kind) const;
  void publish(Kind kind, const std::string& line);
  void leave_out(Kind kind);  // one that was not even made
  [[nodiscard]] std::size_t listeners() const { return listeners_.size(); }
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 private:
  class Subscription;
  std::vector<Subscription*> listeners_;
  std::uint64_t left_out_ = 0;
};

}  // namespace coturn_guard
