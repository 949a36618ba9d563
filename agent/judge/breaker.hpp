// SPDX-License-Identifier: GPL-3.0-or-later
// The circuit breaker: when customers are banned in numbers, something is wrong with coturn or with us
// (changed passwords, a proxy in front, a new coturn that writes other lines), not with the customers. Then
// no verdict passes any more until somebody looked, or a while went by. It counts bans and nothing else: it
// ends none, and what an operator bans by hand does not come by here.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/clock.hpp"
#include "model/prefix.hpp"

namespace coturn_guard {

struct BreakerPolicy {
  std::uint32_t bans_per_minute = 0;                  // of anybody; 0: any number
  std::chrono::seconds time = std::chrono::hours(1);  // how long it stays open by itself; 0: until closed
};

// A customer whose ban was passed, or withheld when it opened.
struct BannedCustomer {
  Prefix network;
  std::string rule;
  std::chrono::steady_clock::time_point when;
};

struct BreakerState {
  enum class Cause : std::uint8_t { customers, share, rate };
  enum class Closing : std::uint8_t { by_time, by_hand };

  bool open = false;
  // Of the last opening; it means something once `openings` is no longer 0.
  Cause cause = Cause::customers;
  Now since;
  std::size_t customers = 0;           // there were so many in all
  std::uint32_t bans = 0;              // within the minute, where the cause is the rate
  std::vector<BannedCustomer> banned;  // oldest first, the last one's was withheld
  std::uint64_t withheld = 0;          // offences that would have been bans
  std::optional<Closing> closed;       // how it ended
  std::uint64_t openings = 0;
};

class Breaker {
 public:
  static constexpr std::chrono::minutes kWindow{10};
  static constexpr std::uint32_t kMostCustomers =
      5;  // different ones banned in the window; one more opens it
  // More than half of all customers open it, too, if they are at least so many: 1 of 1 and 2 of 3 do not.
  static constexpr std::uint32_t kFewestForShare = 3;
  // The second and further bans of one network within the window are no other customer, and so are those of
  // its neighbours in a network of this length: who has one has all 65536 /64s in it, and must not open the
  // breaker alone.
  static constexpr unsigned kIpv6Customer = 48;

  void set_policy(const BreakerPolicy& policy) { policy_ = policy; }

  // Whether a ban that is due may pass; false opens the breaker where it was closed, and is counted. `rule`
  // is what it would be for, `customers` how many good names there are in all, where `network` has one;
  // absent where it has none.
  [[nodiscard]] bool admits(const Prefix& network, std::string_view rule,
                            std::optional<std::size_t> customers, const Now& now);
  // At least once a second: closes it when its time is over.
  void tick(const Now& now);
  // An operator looked. What was counted is forgotten: it opens anew only for what comes.
  void close();

  [[nodiscard]] bool open() const { return state_.open; }
  [[nodiscard]] const BreakerState& state() const { return state_; }
  // Until it closes by itself; absent while it is closed, and where it does not.
  [[nodiscard]] std::optional<std::chrono::seconds> closes_in(const Now& now) const;

 private:
  // Bans by the second, so that the last sixty are known.
  struct Second {
    std::int64_t number = -1;
    std::uint32_t bans = 0;
  };
  static constexpr std::size_t kSeconds = 60;

  [[nodiscard]] bool too_many_customers(std::size_t customers, BreakerState::Cause& cause) const;
  [[nodiscard]] std::uint32_t bans_in_the_minute(std::int64_t second) const;
  void end(BreakerState::Closing how);

  BreakerPolicy policy_;
  BreakerState state_;
  std::vector<BannedCustomer> banned_;  // different ones in the window; at most kMostCustomers + 1
  std::array<Second, kSeconds> seconds_;
};

// "6 customers of 20 were to be banned within 10m", for the journal and for status.
[[nodiscard]] std::string why_open(const BreakerState& state);
// "192.0.2.1/32 for password-guess, …"; empty where it opened for the rate.
[[nodiscard]] std::string customers_of(const BreakerState& state);
// What an operator does about it.
[[nodiscard]] std::string_view remedy_of(BreakerState::Cause cause);

}  // namespace coturn_guard
