// SPDX-License-Identifier: GPL-3.0-or-later
#include "replay_report.hpp"

#include "notice_words.hpp"
#include "progress.hpp"
#include "util/duration.hpp"
#include "util/text.hpp"

namespace coturn_guard {
namespace {

std::string_view in_words(Effect effect) {
  switch (effect) {
    case Effect::counted: return "counted";
    case Effect::banned: return "fills the measure";
    case Effect::withheld: return "withheld: the breaker is open";
    case Effect::health_check: return "fills the measure, and is a health check by its regularity";
    case Effect::private_source: return "a weak one of a private address: alarmed about, never banned for";
    case Effect::while_banned: return "while the ban runs";
    case Effect::free: return "costs nothing yet";
    case Effect::credited: return "costs nothing with its good name";
    case Effect::not_bannable: return "never banned for";
    case Effect::spared: return "never judged: ignoreip, or an address of ours";
    case Effect::taken_back: return "taken back: a line beside it says that it was none";
    case Effect::harmless: return "harmless: the connection had carried real traffic";
    case Effect::refuted: return "refuted by the kernel";
  }
  return "?";
}

Json json_of(const Pipeline& pipeline, std::uint64_t bans) {
  const DetectCounters& seen = pipeline.recogniser().counters();
  const PipelineCounters counted = pipeline.counters();
  Json offences = Json::object();
  for (const auto& [key, count] : counted.offences)
    offences[key.first][std::string(to_string(key.second))] = count;
  return {{"event", "summary"},
          {"lines", seen.lines},
          {"recognised", seen.recognised},
          {"offences", offences},
          {"tainted", seen.tainted},
          {"unattributed", pipeline.attribution().counters().unattributed},
          {"ambiguous", pipeline.attribution().counters().ambiguous},
          {"refuted", pipeline.testimony().counters().refuted},
          {"spared", counted.spared},
          {"credited", counted.credited},
          {"gateway", counted.gateway},
          {"switched_off", counted.switched_off},
          {"withheld", counted.withheld},
          {"bans", bans}};
}

Json json_of(const BreakerState& state, std::string_view time) {
  Json customers = Json::array();
  for (const BannedCustomer& each : state.banned)
    customers.push_back({{"prefix", each.network.to_string()}, {"rule", each.rule}});
  return {{"event", "breaker"},        {"time", time},           {"open", state.open},
          {"reason", why_open(state)}, {"customers", customers}, {"withheld", state.withheld}};
}

void print_summary(const Pipeline& pipeline, std::uint64_t bans) {
  const DetectCounters& seen = pipeline.recogniser().counters();
  const PipelineCounters counted = pipeline.counters();
  fmt::print("{} lines, {} of them coturn's; {} bans\n", seen.lines, seen.recognised, bans);
  for (const auto& [key, count] : counted.offences)
    fmt::print("  {:>10}  {} ({})\n", count, key.first, to_string(key.second));
  const auto also = [](std::uint64_t count, std::string_view what) {
    if (count > 0) fmt::print("  {:>10}  {}\n", count, what);
  };
  also(pipeline.attribution().counters().unattributed, "events that name nobody");
  also(pipeline.attribution().counters().ambiguous,
       "charged to nobody: they may have been one client's or another's");
  also(pipeline.attribution().counters().moved,
       "charged to nobody: their session moved to a path that is not proven");
  also(pipeline.testimony().counters().refuted, "refuted by the kernel");
  also(counted.spared, "of addresses that are never banned");
  also(counted.credited, "that a good name made nothing");
  also(counted.taken_back, "taken back by a line beside them: a login, a data connection");
  also(counted.gateway, "measured per user: of an address that most customers come from");
  also(counted.switched_off, "of rules that are switched off");
  also(counted.withheld, "withheld while the breaker was open");
  also(counted.health_checks, "withheld of health checks");
  also(counted.private_sources, "weak ones of private addresses");
}

// Prints what the replay tells, and keeps the progress out of its way.
class Printer {
 public:
  Printer(const ReplayOptions& options, const Replay& replay, std::uint64_t total_bytes)
      : options_(options), replay_(replay), progress_(total_bytes) {}

  [[nodiscard]] ReplayEvents events() {
    ReplayEvents events;
    events.banned = [this](const Verdict& verdict, std::string_view time) { banned(verdict, time); };
    events.reported = [this](const Notice& notice, std::string_view time) { reported(notice, time); };
    events.breaker = [this](const BreakerState& state, std::string_view time) { breaker(state, time); };
    events.read = [this](std::uint64_t bytes) { progress_.advanced(bytes); };
    if (options_.offences)
      events.judged = [this](const Judged& judged, std::string_view time) { offended(judged, time); };
    return events;
  }

  void summary() {
    progress_.hide();
    if (options_.json)
      print_line(json_of(replay_.pipeline(), bans_));
    else
      print_summary(replay_.pipeline(), bans_);
  }

 private:
  [[nodiscard]] const RuleSet& rules() const { return replay_.pipeline().rules(); }

  void banned(const Verdict& verdict, std::string_view time) {
    progress_.hide();
    ++bans_;
    if (options_.json)
      print_line(json_of(verdict, rules(), time));
    else
      fmt::print("{}\n", text_of(verdict, rules(), time));
  }

  void offended(const Judged& judged, std::string_view time) {
    progress_.hide();
    if (options_.json)
      print_line(json_of(judged, replay_.pipeline().ledger(), rules(), time));
    else
      fmt::print("{}\n", text_of(judged, rules(), time));
  }

  void reported(const Notice& notice, std::string_view time) {
    progress_.hide();
    const std::string_view rule = rules().name(notice.rule);
    const std::string remedy = remedy_of(notice, rules());
    if (options_.json)
      print_line({{"event", "report"},
                  {"time", time},
                  {"address", notice.who()},
                  {"rule", rule},
                  {"remedy", remedy}});
    else
      fmt::print("{}  report {}  {}: {}{}\n", escape(time), notice.who(), rule,
                 notice.kind == Notice::Kind::rule ? "" : text_of(notice, rules()) + ": ", remedy);
  }

  void breaker(const BreakerState& state, std::string_view time) {
    progress_.hide();
    if (options_.json) return print_line(json_of(state, time));
    if (!state.open) {
      fmt::print("{}  breaker closes by itself\n", escape(time));
      return;
    }
    fmt::print("{}  breaker opens, {}: {}{}{}\n", escape(time), withheld_for(state.cause), why_open(state),
               state.banned.empty() ? "" : ": ", customers_of(state));
  }

  const ReplayOptions& options_;
  const Replay& replay_;
  Progress progress_;
  std::uint64_t bans_ = 0;
};

}  // namespace

Json json_of(const Verdict& verdict, const RuleSet& rules, std::string_view time) {
  return {{"event", "ban"},
          {"time", time},
          {"address", verdict.address.to_string()},
          {"prefix", verdict.prefix.to_string()},
          {"rule", rules.name(verdict.rule)},
          {"evidence", to_string(verdict.evidence)},
          {"seconds", verdict.duration.count()},
          {"points", verdict.points.milli / 1000.0},
          {"earlier_bans", verdict.earlier_bans}};
}

Json json_of(const Judged& judged, const Ledger& ledger, const RuleSet& rules, std::string_view time) {
  const Offence& offence = judged.offence;
  return {{"event", "offence"},
          {"time", time},
          {"address", offence.address.to_string()},
          {"prefix", ledger.network_of(offence).to_string()},
          {"rule", rules.name(offence.rule)},
          {"evidence", to_string(offence.evidence)},
          {"count", offence.count},
          {"effect", to_string(judged.effect)},
          {"points", judged.weight.milli / 1000.0},
          {"in_window", judged.in_window.milli / 1000.0},
          {"credit", json_of(judged.standing)}};
}

std::string text_of(const Verdict& verdict, const RuleSet& rules, std::string_view time) {
  return fmt::format("{}  ban {} for {}  {} ({}, {} points, {} earlier bans)", escape(time),
                     verdict.prefix.to_string(), to_string(verdict.duration), rules.name(verdict.rule),
                     to_string(verdict.evidence), to_string(verdict.points), verdict.earlier_bans);
}

std::string text_of(const Judged& judged, const RuleSet& rules, std::string_view time) {
  const Offence& offence = judged.offence;
  std::string text =
      fmt::format("{}  {}  {}", escape(time), offence.address.to_string(), rules.name(offence.rule));
  if (offence.count > 1) text += fmt::format(" x {}", offence.count);
  text += fmt::format(" ({}, {} points, {} in the window): {}", to_string(offence.evidence),
                      to_string(judged.weight), to_string(judged.in_window), in_words(judged.effect));
  if (const std::string standing = text_of(judged.standing); !standing.empty()) text += "; " + standing;
  return text;
}

Json json_of(const Standing& standing) {
  return {{"login", standing.by_login}, {"bytes", standing.by_bytes}, {"users", standing.users}};
}

std::string text_of(const Standing& standing) {
  std::string text;
  if (standing.by_login)
    text = fmt::format("logged in within the hour ({} {})", standing.users,
                       standing.users == 1 ? "user" : "users");
  if (standing.by_bytes) text += text.empty() ? "a busy connection within the hour" : ", a busy connection";
  return text;
}

Result<> replay_logs(const ReplayOptions& options, Setup setup) {
  auto logs = LogFiles::open(options.files);
  if (!logs) return tl::unexpected(logs.error());
  auto replay = Replay::create(std::move(setup));
  if (!replay) return tl::unexpected(replay.error());
  Printer printer(options, *replay, logs->total_bytes());
  if (auto done = replay->read(*logs, printer.events()); !done) return done;
  printer.summary();
  return {};
}

}  // namespace coturn_guard
