// SPDX-License-Identifier: GPL-3.0-or-later
#include "replay.hpp"

#include <utility>

#include "detect/time_guess.hpp"
#include "util/random_seed.hpp"

namespace coturn_guard {
namespace {

constexpr std::chrono::seconds kTick{1};  // as the daemon's

// Windows ask for distances only, so the steady clock may begin at zero.
Now virtual_now(std::chrono::milliseconds since_first, std::chrono::system_clock::time_point wall) {
  return {std::chrono::steady_clock::time_point(since_first), wall};
}

}  // namespace

Replay::Replay(Pipeline pipeline, LogClock clock)
    : pipeline_(std::move(pipeline)),
      clock_(std::move(clock)),
      wall_(std::chrono::system_clock::now()),
      now_(virtual_now({}, wall_)) {}

Result<Replay> Replay::create(Setup setup) {
  auto recogniser = Recogniser::create(std::move(setup.rules), setup.config.log_timestamp_format);
  if (!recogniser) return tl::unexpected(recogniser.error());
  auto clock = LogClock::create(setup.config.log_timestamp_format);
  if (!clock) return tl::unexpected(clock.error());
  Allowlist allowlist;
  allowlist.set_ignored(setup.config.ignoreip);
  allowlist.set_own(setup.config.coturn_networks);
  Pipeline pipeline(std::move(*recogniser), setup.config.policy, random_seed(), std::move(allowlist));
  pipeline.set_breaker(setup.config.breaker);
  pipeline.set_nat64(setup.config.nat64);
  pipeline.recogniser().set_tags(setup.config.log_tags);
  Replay made(std::move(pipeline), std::move(*clock));
  made.tags_ = setup.config.log_tags;
  made.guess_times_ = setup.config.log_timestamp_format.empty();
  return made;
}

Result<> Replay::read(LogFiles& logs, const ReplayEvents& events) {
  pipeline_.set_tracing(static_cast<bool>(events.judged));
  logs.on_sample([this](std::string_view sample) { learn(sample); });
  auto done = logs.read([&](const Line& line) { take(line, events); },
                        [&](std::uint64_t bytes) {
                          if (events.read) events.read(bytes);
                        });
  if (!done) return done;
  pipeline_.finish(now_, outcome_);
  tell(events);
  return {};
}

// A format of times or a container's name that nobody names shows in the lines.
void Replay::learn(std::string_view sample) {
  std::vector<std::string> tags = tags_;
  for (std::string& name : guess_compose_names(sample)) tags.push_back(std::move(name));
  pipeline_.recogniser().set_tags(std::move(tags));
  if (!guess_times_) return;
  const std::string format = guess_time_format(sample);
  if (format.empty()) return;
  // It compiled a moment ago.
  static_cast<void>(pipeline_.recogniser().set_timestamp_format(format));
  if (auto clock = LogClock::create(format)) clock_ = std::move(*clock);
}

void Replay::take(const Line& line, const ReplayEvents& events) {
  pipeline_.recognise(line, now_);
  // Where in the line its time stands, only the recogniser knows.
  const auto since_first = clock_.at(time());
  const Now then = virtual_now(
      since_first, clock_.moment().value_or(std::chrono::floor<std::chrono::milliseconds>(wall_)));
  const bool due = then.mono - now_.mono >= kTick;
  now_ = then;
  pipeline_.proceed(now_, outcome_);
  if (due) {
    pipeline_.let_pass(now_, outcome_);
    pipeline_.tick(now_, false, outcome_);
  }
  tell(events);
}

// It opens with a verdict that is withheld, and closes with time.
void Replay::tell_breaker(const ReplayEvents& events) {
  const BreakerState& state = pipeline_.breaker().state();
  if (state.openings == told_openings_ && state.open == told_open_) return;
  told_openings_ = state.openings;
  told_open_ = state.open;
  if (events.breaker) events.breaker(state, time());
}

void Replay::tell(const ReplayEvents& events) {
  tell_breaker(events);
  if (outcome_.verdicts.empty() && outcome_.judged.empty() && outcome_.reports.empty()) return;
  auto verdict = outcome_.verdicts.begin();
  const auto tell_next_ban = [&] {
    if (events.banned) events.banned(*verdict, time());
    ++verdict;
  };
  for (const Judged& judged : outcome_.judged) {
    events.judged(judged, time());
    if (judged.effect == Effect::banned && verdict != outcome_.verdicts.end()) tell_next_ban();
  }
  while (verdict != outcome_.verdicts.end()) tell_next_ban();
  for (const Notice& notice : outcome_.reports)
    if (events.reported) events.reported(notice, time());
  outcome_.clear();
}

}  // namespace coturn_guard
