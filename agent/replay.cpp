// SPDX-License-Identifier: GPL-3.0-or-later
#include "replay.hpp"

#include <utility>

#include "detect/time_guess.hpp"
#include "util/local_zone.hpp"
#include "util/random_seed.hpp"

namespace coturn_guard {
namespace {

constexpr std::chrono::seconds kTick{1};  // as the daemon's

}  // namespace

Replay::Replay(Pipeline pipeline)
    : pipeline_(std::move(pipeline)), today_{{}, std::chrono::system_clock::now()} {
  pipeline_.recogniser().clocks().set_replaying();
}

Result<Replay> Replay::create(Setup setup) {
  auto recogniser = Recogniser::create(std::move(setup.rules), setup.config.log_timestamp_format);
  if (!recogniser) return tl::unexpected(recogniser.error());
  recogniser->clocks().set_zone(local_zone);
  Allowlist allowlist;
  allowlist.set_ignored(setup.config.ignoreip);
  allowlist.set_own(setup.config.coturn_networks);
  Pipeline pipeline(std::move(*recogniser), setup.config.policy, random_seed(), std::move(allowlist));
  pipeline.set_breaker(setup.config.breaker);
  pipeline.set_nat64(setup.config.nat64);
  pipeline.recogniser().set_tags(setup.config.log_tags);
  Replay made(std::move(pipeline));
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
  pipeline_.finish(today_, outcome_);
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
}

void Replay::take(const Line& line, const ReplayEvents& events) {
  pipeline_.take(line, today_, outcome_);
  // Another coturn's log begins where its own time stands, before the end of the last one as often as not.
  if (const auto then = now().mono; then - ticked_ >= kTick || then < ticked_) {
    ticked_ = then;
    pipeline_.tick(now(), false, outcome_);
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
    if (events.banned) events.banned(*verdict, to_string(verdict->deed));
    ++verdict;
  };
  for (const Judged& judged : outcome_.judged) {
    events.judged(judged, to_string(judged.offence.deed));
    if (judged.effect == Effect::banned && verdict != outcome_.verdicts.end()) tell_next_ban();
  }
  while (verdict != outcome_.verdicts.end()) tell_next_ban();
  for (const Notice& notice : outcome_.reports)
    if (events.reported) events.reported(notice, to_string(notice.deed));
  outcome_.clear();
}

}  // namespace coturn_guard
