// SPDX-License-Identifier: GPL-3.0-or-later
#include "explain.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "explanation.hpp"
#include "json_line.hpp"
#include "judge/credit.hpp"
#include "source/line_splitter.hpp"
#include "util/duration.hpp"
#include "util/text.hpp"

namespace coturn_guard {
namespace {

constexpr std::string_view kAlone =
    "Each line is judged alone: what came before it (an attacker's text, failed logins, a good name) is not "
    "known here; replay and why know it.";

std::string_view in_words(RecordFamily family) {
  switch (family) {
    case RecordFamily::plain: return "coturn 4.5.0 to 4.5.1";
    case RecordFamily::colon: return "coturn 4.5.2 to 4.6.1";
    case RecordFamily::thread: return "coturn 4.6.2 to 4.16";
    case RecordFamily::level: return "coturn 4.17 or newer";
  }
  return "?";
}

std::string_view in_words(TimeForm form) {
  switch (form) {
    case TimeForm::counter: return "seconds since coturn's start";
    case TimeForm::iso: return "new-log-timestamp";
    case TimeForm::custom: return "log_timestamp_format";
  }
  return "?";
}

std::string_view in_words(Wrapper wrapper) {
  switch (wrapper) {
    case Wrapper::none: return "none";
    case Wrapper::syslog: return "syslog";
    case Wrapper::iso_syslog: return "syslog with ISO time, or journalctl -o short-iso";
    case Wrapper::stamp: return "docker logs --timestamps";
    case Wrapper::compose: return "docker compose";
    case Wrapper::cri: return "CRI (Kubernetes)";
    case Wrapper::dated: return "another time, or another of journalctl's forms";
    case Wrapper::rfc5424: return "syslog (RFC 5424)";
    case Wrapper::container: return "kubectl or stern";
    case Wrapper::quoted: return "quoted or indented";
  }
  return "?";
}

std::string_view one_of(Distinct distinct) {
  switch (distinct) {
    case Distinct::nothing: return "offence";
    case Distinct::user: return "user";
    case Distinct::peer: return "peer";
    case Distinct::session: return "session";
  }
  return "?";
}

std::string_view word_for(Credit credit) {
  switch (credit) {
    case Credit::none: return "none";
    case Credit::spares: return "spares";
    case Credit::shared: return "shared";
  }
  return "?";
}

// As in the rule file.
std::vector<std::string_view> words_for(const Causes& causes) {
  constexpr std::array<std::pair<Cause, std::string_view>, 5> kWords{{{Cause::client, "client"},
                                                                      {Cause::page, "page"},
                                                                      {Cause::partner, "partner"},
                                                                      {Cause::forger, "forger"},
                                                                      {Cause::operated, "operator"}}};
  std::vector<std::string_view> words;
  for (const auto& [cause, word] : kWords)
    if (causes.has(cause)) words.push_back(word);
  return words;
}

std::string causes_text(const Trait& trait) {
  std::string text = fmt::format("{}", fmt::join(words_for(trait.caused_by), ", "));
  if (!trait.by_others() || trait.points.milli == 0) return text;
  const Trait measured = for_good_name(trait, {});
  text += fmt::format("; so where it has a good name {} each", to_string(measured.points));
  if (measured.free > 0)
    text += fmt::format(" beyond {}{}", measured.free,
                        measured.distinct == Distinct::nothing
                            ? std::string()
                            : fmt::format(" different {}s", one_of(measured.distinct)));
  return text + ", counted apart, and a ban of the first length at most";
}

std::string text_of(const Endpoint& endpoint) {
  return endpoint.port == 0 ? endpoint.address.to_string()
                            : fmt::format("{} port {}", endpoint.address.to_string(), endpoint.port);
}

bool names_nobody(const Explanation& explained) {
  return !explained.client && explained.session.empty();
}

std::string no_record(const Explanation& explained) {
  return explained.wrapper_bytes > 0
             ? "no record of coturn's: what follows the syslog or container prefix does not begin with a time"
             : "no record of coturn's: it does not begin with a time as coturn writes it (if turnserver.conf "
               "has new-log-timestamp-format, set log_timestamp_format), or another program wrote it";
}

std::string record_text(const Explanation& explained) {
  std::string text = fmt::format("{}, time {} ({})", in_words(explained.format->family),
                                 escape(explained.time), in_words(explained.format->time_form));
  if (explained.format->wrapper != Wrapper::none)
    text += fmt::format(", in {}", in_words(explained.format->wrapper));
  if (!explained.session.empty()) text += ", session " + explained.session;
  if (explained.count > 1) text += fmt::format(", {} times", explained.count);
  return text;
}

std::string address_text(const Explanation& explained) {
  if (!explained.never_judged.empty())
    return text_of(*explained.client) + ", from the line; never judged: " + explained.never_judged;
  if (explained.client) return text_of(*explained.client) + ", from the line";
  if (!explained.session.empty())
    return "not in the line: it waits for one that names the session's client, the closing line at the "
           "latest";
  return "nobody: neither the line nor a session names a client; it is counted as unattributed";
}

std::string evidence_text(const Explanation& explained, const Rule& rule) {
  std::string text(to_string(explained.evidence));
  switch (explained.evidence) {
    case Evidence::proven: return text + ": only a client that answered coturn at its address can cause it";
    case Evidence::spoofable:
      return text + ": a UDP packet with a forged source can cause it, and the address may be the victim's";
    case Evidence::tainted:
      text += ": it stands where text of an attacker's can stand";
      if (rule.witnessed == Witnessed::exactly)
        text += "; proven all the same if the kernel saw this very connection";
      return text;
    case Evidence::claimed: break;
  }
  if (rule.witnessed == Witnessed::exactly)
    text += "; with a witness: proven if the kernel saw this very connection within 2 s, else refuted";
  if (rule.witnessed == Witnessed::seen)
    text += "; with a witness: proven if the kernel saw a connection of that address, else refuted";
  if (explained.format->family != RecordFamily::level)
    text +=
        "; tainted if an attacker's text in a line before can reach over it (a file of coturn up to 4.16)";
  return text;
}

std::string points_text(const Rule& rule, std::chrono::seconds findtime) {
  const Trait& trait = rule.trait;
  if (rule.off) return "none: the rule is switched off";
  if (rule.tells_only()) return "none: the rule only tells";
  const auto window = trait.window.count() > 0 ? std::min(trait.window, findtime) : findtime;
  const std::string_view one = one_of(trait.distinct);
  std::string text = fmt::format("{} for {}", to_string(trait.points), to_string(window));
  if (trait.free > 0 && trait.distinct == Distinct::nothing)
    text += fmt::format("; the first {} in that time are free", trait.free);
  else if (trait.free > 0)
    text += fmt::format("; the first {} different {}s in that time are free, and a known one always",
                        trait.free, one);
  if (trait.distinct != Distinct::nothing && trait.from > 0)
    text +=
        fmt::format("; {} for a new {}, from number {} on", to_string(trait.points_from), one, trait.from);
  if (trait.credit == Credit::spares)
    text += "; none for who logged in within the hour, half for who had a busy connection";
  if (trait.credit == Credit::shared)
    text += "; divided by the users that logged in from there within the hour, if five or more";
  return text;
}

std::string measure_text(const Measure& measure, std::string_view what) {
  if (measure.offences == 0) return fmt::format("{} never a ban by itself", what);
  if (measure.offences == 1) return fmt::format("{} at once a ban of {}", what, to_string(measure.ban));
  return fmt::format("{} nothing alone; with {} more a ban of {}", what, measure.offences - 1,
                     to_string(measure.ban));
}

std::string outcome_text(const Explanation& explained, const Rule& rule) {
  if (rule.off) return "nothing";
  if (rule.tells_only()) {
    if (rule.login) return "no offence: a login, which earns credit";
    if (rule.closes) return "no offence: the session ends, and what waited for its client is charged";
    return "no offence: it says whose a session is, or is told to the operator";
  }
  if (!explained.never_judged.empty()) return "counted as spared, never a ban";
  if (names_nobody(explained)) return "counted as unattributed, never a ban";
  if (explained.evidence == Evidence::spoofable || explained.evidence == Evidence::tainted)
    return "counted and shown, never a ban";
  std::string text = measure_text(explained.alike, "of the same:");
  if (rule.trait.distinct != Distinct::nothing)
    text += "; " +
            measure_text(explained.different, fmt::format("of different {}s:", one_of(rule.trait.distinct)));
  return text;
}

void print_text(const Explanation& explained, const RuleSet& rules, const Config& config) {
  const auto row = [](std::string_view name, const std::string& text) {
    fmt::print("  {:<9} {}\n", name, text);
  };
  fmt::print("{}\n", escape(explained.line, explained.line.size()));
  if (!explained.format) return row("line", no_record(explained));
  row("line", record_text(explained));
  if (explained.taints_bytes > 0)
    row("taints",
        fmt::format("text of an attacker's, up to {} bytes, can stand in it: what it reaches over is "
                    "tainted",
                    explained.taints_bytes));
  if (!explained.rule) {
    row("rule", "none: " + explained.near_miss.why);
    if (!explained.near_miss.rule.empty()) row("nearest", explained.near_miss.rule);
    return;
  }
  const Rule& rule = rules.rule(*explained.rule);
  row("rule", rule.name + ": " + rule.description);
  row("address", address_text(explained));
  if (explained.local) row("coturn", text_of(*explained.local));
  if (explained.peer) row("peer", explained.peer->to_string() + ", whom the client wanted to reach");
  if (!explained.user.empty()) row("user", fmt::format("\"{}\"", escape(explained.user)));
  row("evidence", evidence_text(explained, rule));
  row("points", points_text(rule, config.policy.findtime));
  row("caused by", causes_text(rule.trait));
  row("outcome", outcome_text(explained, rule));
  if (!rule.report.empty()) row("remedy", rule.report);
}

Json json_of(const Measure& measure) {
  if (measure.offences == 0) return nullptr;
  return {{"offences", measure.offences}, {"seconds", measure.ban.count()}};
}

// What it costs an address with a good name: null where that makes no difference.
Json good_name_of(const Trait& trait) {
  if (!trait.by_others() || trait.points.milli == 0) return nullptr;
  const Trait measured = for_good_name(trait, {});
  return {{"points", measured.points.milli / 1000.0}, {"free", measured.free}, {"first_length_only", true}};
}

void add_rule(Json& object, const Explanation& explained, const Rule& rule, const Config& config) {
  const Trait& trait = rule.trait;
  const auto endpoint = [](const std::optional<Endpoint>& from) -> Json {
    if (!from) return nullptr;
    return {{"address", from->address.to_string()}, {"port", from->port}};
  };
  const bool judged = explained.evidence != Evidence::spoofable && explained.evidence != Evidence::tainted &&
                      explained.never_judged.empty() && !names_nobody(explained);
  const auto window =
      trait.window.count() > 0 ? std::min(trait.window, config.policy.findtime) : config.policy.findtime;
  object.update(
      {{"rule", rule.name},
       {"description", rule.description},
       {"offence", rule.is_offence()},
       {"client", endpoint(explained.client)},
       {"client_from", explained.client            ? "line"
                       : explained.session.empty() ? "nobody"
                                                   : "session"},
       {"never_judged", explained.never_judged},
       {"local", endpoint(explained.local)},
       {"peer", explained.peer ? Json(explained.peer->to_string()) : Json(nullptr)},
       {"user", explained.user},
       {"count", explained.count},
       {"evidence", to_string(explained.evidence)},
       {"evidence_text", evidence_text(explained, rule)},
       {"points", trait.points.milli / 1000.0},
       {"window_seconds", window.count()},
       {"distinct", trait.distinct == Distinct::nothing ? Json(nullptr) : Json(one_of(trait.distinct))},
       {"free", trait.free},
       {"from", trait.from},
       {"points_from", trait.points_from.milli / 1000.0},
       {"credit", word_for(trait.credit)},
       {"caused_by", words_for(trait.caused_by)},
       {"good_name", good_name_of(trait)},
       {"outcome", outcome_text(explained, rule)},
       {"ban_after", judged ? json_of(explained.alike) : Json(nullptr)},
       {"ban_after_different", judged ? json_of(explained.different) : Json(nullptr)},
       {"report", rule.report}});
}

void print_json(const Explanation& explained, const RuleSet& rules, const Config& config) {
  Json object{{"event", "line"}, {"line", explained.line}, {"coturn", explained.format.has_value()}};
  if (!explained.format) {
    object.update({{"rule", nullptr}, {"nearest_rule", ""}, {"why_not", no_record(explained)}});
    return print_line(object);
  }
  object.update({{"version", in_words(explained.format->family)},
                 {"time", explained.time},
                 {"time_form", in_words(explained.format->time_form)},
                 {"wrapper", in_words(explained.format->wrapper)},
                 {"session", explained.session},
                 {"message", explained.message},
                 {"taints_bytes", explained.taints_bytes},
                 {"alone", true}});
  if (explained.rule) {
    add_rule(object, explained, rules.rule(*explained.rule), config);
  } else {
    object.update({{"rule", nullptr},
                   {"nearest_rule", explained.near_miss.rule},
                   {"why_not", explained.near_miss.why}});
  }
  print_line(object);
}

template <class OnBytes>
Result<> read_standard_input(const OnBytes& on_bytes) {
  std::array<char, std::size_t{64} * 1024> block{};
  for (;;) {
    const auto got = ::read(STDIN_FILENO, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(errno, "read standard input");
    if (got == 0) return {};
    on_bytes(std::string_view(block.data(), static_cast<std::size_t>(got)));
  }
}

}  // namespace

Result<bool> explain_lines(const ExplainOptions& options, Setup setup) {
  auto recogniser = Recogniser::create(std::move(setup.rules), setup.config.log_timestamp_format);
  if (!recogniser) return tl::unexpected(recogniser.error());
  TimeFormat time_format;
  if (!setup.config.log_timestamp_format.empty()) {
    auto compiled = TimeFormat::compile(setup.config.log_timestamp_format);
    if (!compiled) return tl::unexpected(compiled.error());
    time_format = std::move(*compiled);
  }
  Explainer explainer(std::move(*recogniser), std::move(time_format), setup.config);
  std::uint64_t lines = 0, known = 0;
  const Now now{std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
  const auto explain = [&](std::string_view line) {
    if (line.empty()) return;
    const Explanation explained = explainer.explain(line, now);
    ++lines;
    if (explained.rule) ++known;
    if (options.json)
      print_json(explained, explainer.rules(), setup.config);
    else
      print_text(explained, explainer.rules(), setup.config);
  };
  const std::string text = fmt::format("{}", fmt::join(options.words, " "));
  LineSplitter splitter;
  const auto split = [&](std::string_view bytes) {
    splitter.feed(bytes, [&](std::string_view line, std::uint64_t) { explain(line); });
  };
  if (text != "-")
    split(text);
  else if (auto done = read_standard_input(split); !done)
    return tl::unexpected(done.error());
  if (splitter.inside_a_line()) split("\n");
  if (splitter.overlong() > 0)
    return fail("a line is longer than {} bytes, more than coturn ever writes", kMaxLineBytes);
  if (lines == 0) return fail("there is no line to explain");
  if (!options.json) fmt::print("{}\n", kAlone);
  return known > 0;
}

}  // namespace coturn_guard
