// SPDX-License-Identifier: GPL-3.0-or-later
// Events that wait for the kernel's word, in the order in which they came, found by their client. An event's
// texts are kept with it. Taking the lines of a client, and the oldest one, costs the same however many an
// attacker makes wait. It does not know what they wait for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/flow.hpp"
#include "model/recent_table.hpp"

namespace coturn_guard {

struct WaitingLine {
  Event event;  // `session` and `user` are empty until they are lent out again
  std::string session, user;
  std::chrono::steady_clock::time_point arrived;
};

class WaitingLines {
 public:
  explicit WaitingLines(const HashSeed& seed) : first_of_(0, EndpointHash{seed}) {}

  // `key`: by what take() finds it, the client's endpoint or its address alone.
  void add(const Event& event, const Endpoint& key, std::chrono::steady_clock::time_point now);
  // Appends the lines of this client, in order, and forgets them.
  void take(const Endpoint& key, std::vector<WaitingLine>& taken);
  // Appends those of which `chosen` is true, in order, and forgets them. Looks at all; `chosen` may change
  // the events of those that stay.
  void take_if(const std::function<bool(WaitingLine&)>& chosen, std::vector<WaitingLine>& taken);
  [[nodiscard]] bool empty() const { return waiting_ == 0; }
  [[nodiscard]] std::size_t size() const { return waiting_; }
  [[nodiscard]] std::size_t text_bytes() const { return text_bytes_; }
  template <class Visit>
  void each(Visit visit) const {
    for (const Slot& slot : slots_)
      if (!slot.taken) visit(slot.line);
  }
  // Of memory, about.
  [[nodiscard]] std::size_t bytes() const {
    constexpr std::size_t kNode = sizeof(Endpoint) + sizeof(Chain) + 3 * sizeof(void*);
    return slots_.size() * sizeof(Slot) + text_bytes_ + first_of_.size() * kNode +
           first_of_.bucket_count() * sizeof(void*);
  }
  // Only where one waits.
  [[nodiscard]] const WaitingLine& oldest() const { return slots_.front().line; }
  WaitingLine take_oldest();

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  struct Slot {
    WaitingLine line;
    Endpoint key;
    std::uint64_t next = kNone;  // number of the key's next line
    bool taken = false;
  };
  struct Chain {
    std::uint64_t first = kNone, last = kNone;
  };

  [[nodiscard]] Slot& slot(std::uint64_t number) {
    return slots_[static_cast<std::size_t>(number - first_number_)];
  }
  void append(WaitingLine line, const Endpoint& key);
  WaitingLine remove(Slot& from);
  void drop_taken();

  std::deque<Slot> slots_;  // never begins with one that was taken
  std::uint64_t first_number_ = 0;
  std::unordered_map<Endpoint, Chain, EndpointHash> first_of_;
  std::size_t waiting_ = 0;
  std::size_t text_bytes_ = 0;
};

}  // namespace coturn_guard
