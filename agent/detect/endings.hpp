// SPDX-License-Identifier: GPL-3.0-or-later
// How can a message end? Literals, compared by their last eight bytes as one number before anything else: the
// cheap second look at messages that begin alike (all of coturn's "incoming packet" lines do) before RE2 is
// asked.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace coturn_guard {

// The last eight bytes of a message. Of a shorter one the rest is zero, which no literal of the rule book
// holds.
class MessageTail {
 public:
  static constexpr std::size_t kBytes = sizeof(std::uint64_t);

  explicit MessageTail(std::string_view message) {
    const std::size_t bytes = message.size() < kBytes ? message.size() : kBytes;
    char last[kBytes] = {};
    std::memcpy(last + kBytes - bytes, message.data() + message.size() - bytes, bytes);
    std::memcpy(&number_, last, kBytes);
  }
  [[nodiscard]] std::uint64_t number() const { return number_; }

 private:
  std::uint64_t number_ = 0;
};

// Of one rule. None at all: any ending will do.
class Endings {
 public:
  explicit Endings(const std::vector<std::string>& literals) {
    for (const std::string& literal : literals) {
      const std::size_t bytes = literal.size() < MessageTail::kBytes ? literal.size() : MessageTail::kBytes;
      unsigned char mask[MessageTail::kBytes] = {};
      std::memset(mask + MessageTail::kBytes - bytes, 0xff, bytes);
      Ending ending{literal, 0, MessageTail(literal).number()};
      std::memcpy(&ending.mask, mask, sizeof(mask));
      endings_.push_back(std::move(ending));
    }
  }

  // `tail` is that of `message`.
  [[nodiscard]] bool fit(std::string_view message, const MessageTail& tail) const {
    if (endings_.empty()) return true;
    for (const Ending& ending : endings_)
      if ((tail.number() & ending.mask) == ending.last && message.ends_with(ending.literal)) return true;
    return false;
  }

 private:
  struct Ending {
    std::string literal;
    std::uint64_t mask, last;
  };
  std::vector<Ending> endings_;
};

}  // namespace coturn_guard
