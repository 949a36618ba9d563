// SPDX-License-Identifier: GPL-3.0-or-later
#include "operations.hpp"

#include <algorithm>
#include <utility>

#include "events.hpp"
#include "json_line.hpp"
#include "notice_words.hpp"
#include "pending_bans.hpp"
#include "source/clocks.hpp"
#include "util/random_seed.hpp"

namespace coturn_guard {
namespace {

using std::chrono::seconds;

constexpr seconds kTrafficFresh{1};
constexpr seconds kTrafficPatience{5};  // with a kernel that does not end its list
// How often the counters are read though nobody asks, so that `status` knows them: often where it costs
// nothing.
constexpr seconds kTrafficOften{10}, kTrafficSeldom{60};
constexpr std::size_t kManyBans = 20'000;
// Offences that are remembered of one batch. A flood of them is known by its first ones.
constexpr std::size_t kMostNoted = 256;
constexpr std::size_t kPrefixesInJournal = 5;

}  // namespace

Operations::Operations(Rooms rooms) : rooms_(std::move(rooms)), offences_(random_seed()) {
  const Now now = read_clocks();
  since_ = now.wall;
  begun_ = now.mono;
  rooms_.pipeline.set_tracing(true);  // for the offence book, and who tails
}
Operations::~Operations() = default;

std::unique_ptr<control::Reply> Operations::perform(const control::Command& command,
                                                    const control::Caller& caller, control::Wake wake) {
  using control::Verb;
  const Now now = read_clocks();
  const auto told = [](std::string text) {
    return std::make_unique<control::FixedReply>(std::move(text) + control::end_line());
  };
  if (control::needed(command.verb) == control::Access::change) audit(command, caller, now);
  switch (command.verb) {
    case Verb::status: return told(status(command.latest, now));
    case Verb::list: return list_bans(*this, command.filter, std::move(wake));
    case Verb::check: return told(check(command.prefixes, now));
    case Verb::why: return told(why(command.prefixes.front(), now));
    case Verb::tail: return feed_.subscribe(command.offences, std::move(wake));
    case Verb::ban: return make_bans(*this, command, std::move(wake));
    case Verb::unban:
    case Verb::flush: return end_bans(*this, command);
    case Verb::adopt: return adopt_bans(*this, command.bans);
    case Verb::reload: return std::make_unique<control::FixedReply>(reload());
    case Verb::close_breaker: return told(close_breaker());
  }
  return std::make_unique<control::FixedReply>(control::error_line({control::kFailed, "not done"}));
}

void Operations::audit(const control::Command& command, const control::Caller& caller, const Now& now) {
  std::string prefixes;
  for (std::size_t i = 0; i < std::min(command.prefixes.size(), kPrefixesInJournal); ++i)
    prefixes += (i == 0 ? "" : " ") + command.prefixes[i].to_string();
  const std::size_t count = command.prefixes.size() + command.bans.size();
  rooms_.log.write(events::kRequest,
                   {{"verb", std::string(to_string(command.verb))},
                    {"uid", std::to_string(caller.uid)},
                    {"pid", std::to_string(caller.pid)},
                    {"prefixes", prefixes},
                    {"count", std::to_string(count)},
                    {"all", command.all ? "yes" : "no"},
                    {"force", command.force ? "yes" : "no"},
                    {"reason", command.reason}},
                   now.mono);
}

void Operations::forbidden(const control::Caller& caller, control::Verb verb) {
  rooms_.log.write(events::kRequestForbidden,
                   {{"verb", std::string(to_string(verb))},
                    {"uid", std::to_string(caller.uid)},
                    {"pid", std::to_string(caller.pid)}},
                   std::chrono::steady_clock::now());
}

std::string Operations::reload() {
  const Problems problems = rooms_.reload();
  if (problems.empty()) return control::end_line();
  std::string text;
  for (const auto& problem : problems)
    text += Json{{"schema", control::kSchema}, {"event", "problem"}, {"text", problem}}.dump(
                -1, ' ', true, Json::error_handler_t::replace) +
            '\n';
  return text + control::error_line({control::kRejected, "the configuration before stays in force"});
}

// What stands in the journal's alarm is told once more: who closed it has to mend it.
std::string Operations::close_breaker() {
  Breaker& breaker = rooms_.pipeline.breaker();
  const bool open = breaker.open();
  breaker.close();
  const BreakerState& state = breaker.state();
  const Json object{{"schema", control::kSchema},
                    {"event", "breaker"},
                    {"was_open", open},
                    {"reason", open ? why_open(state) : ""},
                    {"customers", open ? customers_of(state) : ""},
                    {"withheld", open ? state.withheld : 0}};
  return object.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

void Operations::on_outcome(const Outcome& outcome, const Now& now) {
  const std::size_t noted = std::min(outcome.judged.size(), kMostNoted);
  offences_left_out_ += outcome.judged.size() - noted;
  for (std::size_t i = 0; i < noted; ++i) {
    const Judged& judged = outcome.judged[i];
    offences_.note(judged, rooms_.pipeline.ledger().network_of(judged.offence),
                   rooms_.pipeline.rules().name(judged.offence.rule));
  }
  for (const auto& verdict : outcome.verdicts) offences_.banned(verdict.prefix, now);
  if (feed_.listeners() > 0) publish(outcome, now);
}

void Operations::publish(const Outcome& outcome, const Now& now) {
  const RuleSet& rules = rooms_.pipeline.rules();
  const std::string time = control::rfc3339(now.wall);
  const auto epoch = std::chrono::floor<seconds>(now.wall).time_since_epoch().count();
  const auto say = [&](DecisionFeed::Kind kind, const char* event, const auto& fill) {
    if (!feed_.wanted(kind)) return feed_.leave_out(kind);
    Json line{{"schema", control::kSchema}, {"event", event}, {"time", time}, {"epoch", epoch}};
    fill(line);
    feed_.publish(kind, line.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n');
  };
  for (const auto& judged : outcome.judged)
    say(DecisionFeed::Kind::offence, "offence", [&](Json& line) {
      line["address"] = judged.offence.address.to_string();
      line["rule"] = rules.name(judged.offence.rule);
      line["evidence"] = to_string(judged.offence.evidence);
      line["effect"] = to_string(judged.effect);
      line["weight"] = judged.weight.milli / 1000.0;
      line["in_window"] = judged.in_window.milli / 1000.0;
    });
  for (const auto& quench : outcome.quenches)
    say(DecisionFeed::Kind::decision, "quench", [&](Json& line) {
      line["prefix"] = quench.prefix.to_string();
      line["seconds"] = quench.duration.count();
    });
  for (const auto& report : outcome.reports)
    say(DecisionFeed::Kind::decision, "report", [&](Json& line) {
      line["address"] = report.who();
      line["rule"] = rules.name(report.rule);
      if (report.kind != Notice::Kind::rule) line["text"] = text_of(report, rules);
    });
}

void Operations::ban_changed(const BanChange& change, const Now& now) {
  using Kind = BanChange::Kind;
  if (change.kind == Kind::stands) count_ban(now);
  if (change.kind == Kind::asked || feed_.listeners() == 0) return;
  if (!feed_.wanted(DecisionFeed::Kind::decision)) return feed_.leave_out(DecisionFeed::Kind::decision);
  const BanRecord& record = change.wish.record;
  if (change.kind == Kind::stands && record.cause != BanCause::rule) {
    std::string line;
    append_ban(line, record, BanTable::end_of(record.duration, now.mono), now);
    return feed_.publish(DecisionFeed::Kind::decision, line);
  }
  const bool simulated = rooms_.simulated();
  Json line{{"schema", control::kSchema},
            {"event", change.kind == Kind::stands    ? (simulated ? "would_ban" : "ban")
                      : change.kind == Kind::refused ? "ban_failed"
                      : change.kind == Kind::expired ? "expired"
                                                     : "unban"},
            {"time", control::rfc3339(now.wall)}};
  if (change.kind == Kind::stands)
    line["epoch"] = std::chrono::floor<seconds>(now.wall).time_since_epoch().count();
  line["prefix"] = record.prefix.to_string();
  if (change.kind == Kind::stands) {
    line["address"] = record.address.to_string();
    line["seconds"] = record.duration.count();
    line["rule"] = record.rule;
    line["evidence"] = to_string(record.evidence);
    line["points"] = record.points.milli / 1000.0;
    line["earlier_bans"] = record.earlier_bans;
  } else if (change.kind == Kind::ended) {
    line["reason"] = change.why;
  }
  feed_.publish(DecisionFeed::Kind::decision,
                line.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n');
}

void Operations::on_ban_done(const Prefix& prefix, Fate fate) {
  for (const auto& weak : pending_)
    if (const auto pending = weak.lock()) pending->settle(prefix, fate);
}

void Operations::count_ban(const Now& now) {
  ++bans_total_;
  const auto number = std::chrono::floor<std::chrono::hours>(now.wall).time_since_epoch().count();
  Hour& hour = hours_[static_cast<std::size_t>(number) % kHours];
  if (hour.number != number) hour = {number, 0};
  ++hour.bans;
}

std::uint64_t Operations::bans_of_a_day(const Now& now) const {
  const auto number = std::chrono::floor<std::chrono::hours>(now.wall).time_since_epoch().count();
  std::uint64_t bans = 0;
  for (const Hour& hour : hours_)
    if (number - hour.number < static_cast<std::int64_t>(kHours)) bans += hour.bans;
  return bans;
}

bool Operations::refresh_traffic(control::Wake wake) {
  const auto now = std::chrono::steady_clock::now();
  if (!reading_traffic_ && traffic_read_ != decltype(traffic_read_){} && now - traffic_read_ < kTrafficFresh)
    return false;
  if (!reading_traffic_) read_traffic();
  if (!reading_traffic_) return false;  // nothing counts
  traffic_waiters_.push_back(std::move(wake));
  return true;
}

void Operations::read_traffic() {
  traffic_begun_ = std::chrono::steady_clock::now();
  reading_traffic_ = rooms_.enforcer->read_traffic(
      [this](std::span<const BanTraffic> traffic) {
        for (const auto& [prefix, packets, bytes] : traffic)
          dropped_packets_ += bans().count(prefix, packets, bytes);
      },
      [this] {
        traffic_read_ = std::chrono::steady_clock::now();
        wake_readers();
      });
}

void Operations::wake_readers() {
  reading_traffic_ = false;
  for (const auto& wake : std::exchange(traffic_waiters_, {})) wake();
}

void Operations::tick(const Now& now) {
  const auto lines = rooms_.pipeline.recogniser().counters().lines;
  lines_per_second_ = lines - lines_before_;
  lines_before_ = lines;
  std::erase_if(pending_, [](const auto& weak) { return weak.expired(); });
  for (const auto& weak : pending_)
    if (const auto pending = weak.lock()) pending->look(now.mono);
  // A reading whose enforcer a reload took away does not end.
  if (reading_traffic_ && now.mono - traffic_begun_ >= kTrafficPatience) wake_readers();
  const bool many = rooms_.enforcer->live_bans() > kManyBans;
  if (!reading_traffic_ && now.mono - traffic_begun_ >= (many ? kTrafficSeldom : kTrafficOften))
    read_traffic();
}

}  // namespace coturn_guard
