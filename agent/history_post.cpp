// SPDX-License-Identifier: GPL-3.0-or-later
#include "history_post.hpp"

#include <algorithm>
#include <utility>

#include "control/history.hpp"
#include "events.hpp"

namespace coturn_guard {
namespace {

WallTime minute_of(const Now& now) {
  return std::chrono::floor<std::chrono::minutes>(now.wall);
}

std::uint64_t grown(std::uint64_t before, std::uint64_t now) {
  return now >= before ? now - before : now;
}

}  // namespace

void HistoryPost::open(const std::string& state_directory) {
  if (state_directory.empty()) return;
  writer_ = std::make_unique<HistoryWriter>(state_directory + "/" + kHistoryName);
}

// What another program or an earlier run had banned was no doing of ours in that minute.
void HistoryPost::ban_changed(const BanChange& change, const Now& now) {
  if (!writer_) return;
  const BanRecord& record = change.wish.record;
  if (change.kind == BanChange::Kind::ended && minute_.unbans.size() < Minute::kMostBans)
    minute_.unbans.push_back({now.wall, record.prefix, std::string(change.why)});
  const bool by_hand = record.cause == BanCause::manual;
  if (change.kind != BanChange::Kind::stands || (!by_hand && record.cause != BanCause::rule)) return;
  const std::string rule = by_hand ? kByHand : record.rule;
  ++minute_.counts.bans[rule];
  if (minute_.bans.size() >= Minute::kMostBans) return;
  minute_.bans.push_back({.when = now.wall,
                          .prefix = record.prefix,
                          .duration = record.duration,
                          .rule = rule,
                          .evidence = record.evidence,
                          .points = record.points,
                          .earlier_bans = record.earlier_bans});
}

void HistoryPost::recipe_banned(const std::vector<RecipeBan>& bans) {
  if (!writer_) return;
  for (const RecipeBan& ban : bans) {
    ++minute_.counts.recipe_bans;
    if (ban.customer) ++minute_.counts.recipe_customers;
    if (minute_.recipe_bans.size() < Minute::kMostBans) minute_.recipe_bans.push_back(ban);
  }
}

void HistoryPost::tick(const Pipeline& pipeline, std::uint64_t dropped, const Now& now) {
  if (!writer_) return;
  const WallTime minute = minute_of(now);
  if (minute_.start == WallTime{}) minute_.start = minute;
  if (minute == minute_.start) return;
  end_minute(pipeline, dropped);
  minute_.start = minute;
  tell_failure(now);
}

void HistoryPost::close(const Pipeline& pipeline, std::uint64_t dropped, const Now& now) {
  if (!writer_) return;
  if (minute_.start == WallTime{}) minute_.start = minute_of(now);
  end_minute(pipeline, dropped);
  writer_->finish();
  tell_failure(now);
  writer_.reset();
}

void HistoryPost::end_minute(const Pipeline& pipeline, std::uint64_t dropped) {
  Totals now{.lines = pipeline.recogniser().counters().lines,
             .recognised = pipeline.recogniser().counters().recognised,
             .dropped = dropped,
             .withheld = 0,
             .offences = {}};
  PipelineCounters counters = pipeline.counters();
  now.withheld = counters.withheld;
  now.offences = std::move(counters.offences);
  MinuteCounts& counts = minute_.counts;
  counts.lines = grown(told_.lines, now.lines);
  counts.recognised = grown(told_.recognised, now.recognised);
  counts.dropped = grown(told_.dropped, now.dropped);
  counts.withheld = grown(told_.withheld, now.withheld);
  for (const auto& [key, count] : now.offences) {
    const auto before = told_.offences.find(key);
    const std::uint64_t more = grown(before == told_.offences.end() ? 0 : before->second, count);
    if (more > 0) counts.offences[key] = more;
  }
  told_ = std::move(now);
  const bool worth_it = !minute_.empty();
  Minute over = std::exchange(minute_, {});
  if (worth_it) writer_->write(std::move(over));
}

void HistoryPost::tell_failure(const Now& now) {
  const auto failure = writer_->take_failure();
  if (failure && !told_failure_)
    log_.write(
        events::kHistoryFailed,
        {{"problem", failure->message()},
         {"left_out", std::to_string(writer_->left_out())},
         {"remedy", "bans go on; `coturn-guard report` lacks these minutes. Is the disk full or read-only?"}},
        now.mono);
  told_failure_ = failure.has_value();
}

}  // namespace coturn_guard
