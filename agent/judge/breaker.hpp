// SPDX-License-Identifier: GPL-3.0-or-later
// The circuit breaker: when a secret or the passwords were changed, honest customers fail by the dozen, each
// as itself. It opens when many different users, who had logged in within the hour, are due for a ban for
// failing as themselves from an address where they had logged in. While it is open exactly that is withheld:
// the failure of an address as a user that had logged in from there. Everything else counts as always. So who
// opens it with accounts of his own, however many and under whatever names, may fail as himself and gains no
// guess at anybody else's password; who fails as others is banned, and stays it.
//
// Only where an operator set a limit of bans a minute, of anybody: beyond it no ban at all passes.
//
// What it does not know: users of the same name in two realms are one to it. It ends no ban, and what an
// operator bans by hand does not come by here.
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
#include "model/user_number.hpp"

namespace coturn_guard {

struct BreakerPolicy {
  std::uint32_t bans_per_minute = 0;                  // of anybody; 0: any number
  std::chrono::seconds time = std::chrono::hours(1);  // how long it stays open by itself; 0: until closed
};

// A customer whose ban was passed, or withheld when it opened.
struct BannedCustomer {
  UserNumber user = 0;
  Prefix network;
  std::string rule;
  std::chrono::steady_clock::time_point when;
};

// Who is due for a ban for failing as itself, and how many users there are in all that logged in within the
// hour.
struct FailedUser {
  UserNumber user = 0;
  std::size_t of_all = 0;
};

struct BreakerState {
  enum class Cause : std::uint8_t { customers, share, rate };
  enum class Closing : std::uint8_t { by_time, by_hand };

  bool open = false;
  // Of the last opening; it means something once `openings` is no longer 0.
  Cause cause = Cause::customers;
  Now since;
  std::size_t customers = 0;           // users there were in all
  std::uint32_t bans = 0;              // within the minute, where the cause is the rate
  std::vector<BannedCustomer> banned;  // oldest first, the last one's was withheld
  std::uint64_t withheld = 0;          // offences that were not counted, or were no bans
  std::optional<Closing> closed;       // how it ended
  std::uint64_t openings = 0;
};

class Breaker {
 public:
  static constexpr std::chrono::minutes kWindow{10};
  // Different users that were due in the window; one more opens it. A user is one from however many
  // addresses.
  static constexpr std::uint32_t kMostCustomers = 5;
  // More than half of all users open it, too, if they are at least so many: 1 of 1 and 2 of 3 do not.
  static constexpr std::uint32_t kFewestForShare = 3;

  void set_policy(const BreakerPolicy& policy) { policy_ = policy; }

  // Whether a ban that is due may pass; false is counted, and may open the breaker where it was closed.
  // `rule` is what it would be for; `failed` where somebody failed as itself.
  [[nodiscard]] bool admits(const Prefix& network, std::string_view rule,
                            const std::optional<FailedUser>& failed, const Now& now);
  // It is open for its users: their failures as themselves are to be withheld. note_withheld() counts one.
  [[nodiscard]] bool spares_own_failures(const Now& now);
  void note_withheld() { ++state_.withheld; }
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

  [[nodiscard]] std::optional<BreakerState::Cause> too_many_customers(std::size_t of_all) const;
  [[nodiscard]] std::uint32_t bans_in_the_minute(std::int64_t second) const;
  void end(BreakerState::Closing how);

  BreakerPolicy policy_;
  BreakerState state_;
  std::vector<BannedCustomer> banned_;  // different ones in the window; at most kMostCustomers + 1
  std::array<Second, kSeconds> seconds_;
};

// "6 users of 20 that had logged in were due for a ban within 10m for failing as themselves", for the journal
// and for status.
[[nodiscard]] std::string why_open(const BreakerState& state);
// What does not happen while it is open for this.
[[nodiscard]] std::string_view withheld_for(BreakerState::Cause cause);
// "192.0.2.1/32 for password-guess, …"; empty where it opened for the rate.
[[nodiscard]] std::string customers_of(const BreakerState& state);
// What an operator does about it.
[[nodiscard]] std::string_view remedy_of(BreakerState::Cause cause);

}  // namespace coturn_guard
