// SPDX-License-Identifier: GPL-3.0-or-later
#include "breaker_alarm.hpp"

#include <fmt/format.h>

#include "events.hpp"
#include "util/duration.hpp"

namespace coturn_guard {

void BreakerAlarm::look(const Breaker& breaker, const Now& now) {
  const BreakerState& state = breaker.state();
  const bool anew = state.openings != told_openings_;
  if (state.open && (anew || now.mono - told_at_ >= kRepeat)) return tell_open(breaker, now);
  if (!state.open && anew) tell_open(breaker, now);  // it did not last a second
  if (!state.open && told_open_) tell_closed(state, now);
}

void BreakerAlarm::tell_open(const Breaker& breaker, const Now& now) {
  const BreakerState& state = breaker.state();
  told_openings_ = state.openings;
  told_open_ = true;
  told_at_ = now.mono;
  const auto left = breaker.closes_in(now);
  log_.write(events::kBreakerOpen,
             {{"text", std::string(withheld_for(state.cause)) + ": " + why_open(state)},
              {"customers", customers_of(state)},
              {"withheld", std::to_string(state.withheld)},
              {"closes_in", left ? to_string(*left) : "never by itself"},
              {"remedy", std::string(remedy_of(state.cause))}},
             now.mono);
}

void BreakerAlarm::tell_closed(const BreakerState& state, const Now& now) {
  told_open_ = false;
  const bool by_time = state.closed == BreakerState::Closing::by_time;
  log_.write(
      events::kBreakerClosed,
      {{"text", by_time
                    ? "everything counts again: breaker_time is over; whoever still offends is banned, and "
                      "it opens again if that hits customers"
                    : "everything counts again: closed by hand; whoever still offends is banned"},
       {"withheld", std::to_string(state.withheld)}},
      now.mono);
}

}  // namespace coturn_guard
