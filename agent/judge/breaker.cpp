// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/breaker.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "util/duration.hpp"

namespace coturn_guard {
namespace {

using std::chrono::seconds;

std::int64_t second_of(const Now& now) {
  return std::chrono::floor<seconds>(now.mono.time_since_epoch()).count();
}

}  // namespace

bool Breaker::admits(const Prefix& network, std::string_view rule, const std::optional<FailedUser>& failed,
                     const Now& now) {
  tick(now);
  if (state_.open && state_.cause == BreakerState::Cause::rate) {
    ++state_.withheld;
    return false;
  }
  const std::int64_t second = second_of(now);
  std::optional<BreakerState::Cause> cause;
  if (failed && !state_.open) {
    std::erase_if(banned_, [&](const BannedCustomer& each) {
      return now.mono - each.when >= kWindow || each.user == failed->user;
    });
    banned_.push_back({failed->user, network, std::string(rule), now.mono});
    cause = too_many_customers(failed->of_all);
  }
  const std::uint32_t bans = bans_in_the_minute(second) + 1;
  if (policy_.bans_per_minute > 0 && bans > policy_.bans_per_minute) cause = BreakerState::Cause::rate;
  if (!cause) {
    Second& slot = seconds_[static_cast<std::size_t>(second) % kSeconds];
    if (slot.number != second) slot = {second, 0};
    ++slot.bans;
    return true;
  }
  state_ = {.open = true,
            .cause = *cause,
            .since = now,
            .customers = failed ? failed->of_all : 0,
            .bans = bans,
            .banned = *cause == BreakerState::Cause::rate ? std::vector<BannedCustomer>() : banned_,
            .withheld = 1,
            .closed = std::nullopt,
            .openings = state_.openings + 1};
  return false;
}

bool Breaker::spares_own_failures(const Now& now) {
  tick(now);
  return state_.open && state_.cause != BreakerState::Cause::rate;
}

std::optional<BreakerState::Cause> Breaker::too_many_customers(std::size_t of_all) const {
  if (banned_.size() > kMostCustomers) return BreakerState::Cause::customers;
  if (banned_.size() >= kFewestForShare && banned_.size() * 2 > of_all) return BreakerState::Cause::share;
  return std::nullopt;
}

std::uint32_t Breaker::bans_in_the_minute(std::int64_t second) const {
  std::uint32_t sum = 0;
  for (const Second& slot : seconds_)
    if (slot.number >= 0 && slot.number + static_cast<std::int64_t>(kSeconds) > second) sum += slot.bans;
  return sum;
}

void Breaker::tick(const Now& now) {
  if (state_.open && policy_.time.count() > 0 && now.mono - state_.since.mono >= policy_.time)
    end(BreakerState::Closing::by_time);
}

void Breaker::close() {
  if (state_.open) end(BreakerState::Closing::by_hand);
}

void Breaker::end(BreakerState::Closing how) {
  state_.open = false;
  state_.closed = how;
  banned_.clear();
  seconds_.fill({});
}

std::optional<seconds> Breaker::closes_in(const Now& now) const {
  if (!state_.open || policy_.time.count() == 0) return std::nullopt;
  const auto left = std::chrono::ceil<seconds>(policy_.time - (now.mono - state_.since.mono));
  return std::max(left, seconds(0));
}

std::string why_open(const BreakerState& state) {
  if (state.cause == BreakerState::Cause::rate)
    return fmt::format("{} bans within a minute, more than breaker_bans_per_minute", state.bans);
  return fmt::format(
      "{} users of {} that had logged in were due for a ban within {} for failing as themselves",
      state.banned.size(), state.customers, to_string(seconds(Breaker::kWindow)));
}

std::string_view withheld_for(BreakerState::Cause cause) {
  if (cause == BreakerState::Cause::rate) return "nobody is banned any more except by hand";
  return "who fails to log in as a user that had logged in from the same address is not banned for that; "
         "everything else counts as always";
}

std::string customers_of(const BreakerState& state) {
  std::string text;
  for (const BannedCustomer& each : state.banned)
    text += fmt::format("{}{} for {}", text.empty() ? "" : ", ", each.network.to_string(), each.rule);
  return text;
}

std::string_view remedy_of(BreakerState::Cause cause) {
  if (cause == BreakerState::Cause::rate)
    return "look who is banned and for what; if that is right, raise breaker_bans_per_minute; then: "
           "coturn-guard breaker close";
  return "look at what changed: coturn's users, passwords or shared secret, its realm, its version "
         "(coturn-guard doctor); unban whom it hit; then: coturn-guard breaker close";
}

}  // namespace coturn_guard
