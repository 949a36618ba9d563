// SPDX-License-Identifier: GPL-3.0-or-later
#include "verbs/status_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace coturn_guard {
namespace {

constexpr std::size_t kMostRules = 12;  // on one screen

std::uint64_t count_of(const Json& object, const char* key) {
  const Json& value = get(object, key);
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

class Screen {
 public:
  explicit Screen(const Paint& paint) : paint_(paint) {}
  void row(const char* label, const std::string& text) {
    fmt::format_to(std::back_inserter(text_), "{} {}\n", paint_.bold(fmt::format("{:<10}", label)), text);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  const Paint& paint_;
  std::string text_;
};

std::string offences_text(const Json& offences) {
  std::vector<std::pair<std::uint64_t, std::string>> rules;
  for (const auto& [rule, kinds] : get(offences, "by_rule").items()) {
    std::uint64_t sum = 0;
    for (const auto& [kind, count] : kinds.items())
      if (count.is_number_unsigned()) sum += count.get<std::uint64_t>();
    rules.emplace_back(sum, text_of(Json(rule)));
  }
  if (rules.empty()) return "none yet";
  std::sort(rules.rbegin(), rules.rend());
  std::string text;
  for (std::size_t i = 0; i < std::min(rules.size(), kMostRules); ++i)
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", rules[i].second, rules[i].first);
  if (rules.size() > kMostRules) text += fmt::format(", and {} more rules", rules.size() - kMostRules);
  return text;
}

std::string share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-"
                    : fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string witness_text(const Json& witness, const Paint& paint) {
  if (get(witness, "available") == true) return paint.green("the kernel tells of every connection");
  return paint.yellow("none: " + text_of(get(witness, "why")));
}

// The first few, and how many more there are.
std::string some_of(const Json& list) {
  constexpr std::size_t kMost = 5;
  std::string text;
  if (!list.is_array()) return text;
  for (std::size_t i = 0; i < std::min(list.size(), kMost); ++i)
    text += (i == 0 ? "" : "; ") + text_of(list[i]);
  if (list.size() > kMost) text += fmt::format("; and {} more", list.size() - kMost);
  return text;
}

std::string gate_text(const Json& gate) {
  if (get(gate, "open") != true) return "closed";
  return fmt::format("open, {} packets seen, {} dropped", count_of(gate, "packets"),
                     count_of(gate, "dropped"));
}

}  // namespace

std::string status_text(const Json& status, const Paint& paint) {
  const Json &enforcer = get(status, "enforcer"), &source = get(status, "source"),
             &lines = get(status, "lines"), &bans = get(status, "bans"), &offences = get(status, "offences");
  const bool observing = get(status, "mode") == "observe";
  Screen screen(paint);
  screen.row("running", fmt::format("since {} ({}), version {}", text_of(get(status, "since")),
                                    span_of(get(status, "uptime_seconds")), text_of(get(status, "version"))));
  screen.row("mode", observing ? paint.yellow("observe: nobody is dropped") : paint.green("enforce"));
  screen.row("rule", get(enforcer, "in_place") == true
                         ? fmt::format("{} by {} ({})",
                                       observing ? "none, as it should be," : paint.green("in place"),
                                       text_of(get(enforcer, "name")), text_of(get(enforcer, "why")))
                         : paint.red("NOT IN PLACE: bans do not hold; the journal says why"));
  screen.row("source",
             fmt::format("{}; lag {} bytes{}", text_of(get(source, "text")), count_of(source, "lag_bytes"),
                         get(source, "healthy") == true ? "" : paint.red(" (it cannot be read)")));
  const auto again = count_of(lines, "read_again");
  screen.row("lines", fmt::format("{}/s, {} in all, {} coturn's{}", count_of(lines, "per_second"),
                                  count_of(lines, "total"),
                                  share(count_of(lines, "recognised"), count_of(lines, "total")),
                                  again == 0 ? "" : fmt::format("; {} only read again", again)));
  screen.row("forgery",
             fmt::format("{} tainted, {} refuted by the kernel, {} accusing lines lost",
                         count_of(lines, "tainted"), count_of(lines, "refuted"), count_of(lines, "blinded")));
  screen.row("offences", offences_text(offences));
  screen.row("spared",
             fmt::format("{} never judged, {} by a good name, {} at a gateway", count_of(offences, "spared"),
                         count_of(offences, "credited"), count_of(offences, "at_gateway")));
  screen.row("bans", fmt::format("{} now, {} in the last 24 hours", count_of(bans, "now"),
                                 count_of(bans, "last_24_hours")));
  screen.row("dropped", fmt::format("{} packets of who was banned", count_of(status, "dropped_packets")));
  screen.row("witness", witness_text(get(status, "witness"), paint));
  screen.row("gate", gate_text(get(status, "gate")));
  if (get(status, "gateway").is_string())
    screen.row("gateway",
               paint.yellow(text_of(get(status, "gateway")) +
                            " carries most logins: a proxy in front of coturn? It is measured per user"));
  if (const std::string checks = some_of(get(status, "health_checks")); !checks.empty())
    screen.row("checks", checks + ": told by their regularity, not banned while they go on like that");
  if (const std::string sources = some_of(get(status, "private_sources")); !sources.empty())
    screen.row("private",
               paint.yellow(sources + ": not banned, for many may stand behind a private address: is a "
                                      "PROXY protocol missing?"));
  if (get(status, "breaker").is_string()) screen.row("breaker", paint.red(text_of(get(status, "breaker"))));
  if (get(status, "smoke").is_string()) screen.row("smoke", paint.red(text_of(get(status, "smoke"))));
  return screen.take();
}

std::string decision_text(const Json& line, const Paint& paint) {
  const Json& event = get(line, "event");
  const std::string time = text_of(get(line, get(line, "time").is_string() ? "time" : "since"));
  const std::string who = text_of(get(line, get(line, "prefix").is_string() ? "prefix" : "address"));
  if (event == "left_out")
    return paint.yellow(fmt::format("({} left out: read faster)", text_of(get(line, "count"))));
  if (event == "ban" || event == "would_ban") {
    const Json& left = get(line, get(line, "seconds").is_number() ? "seconds" : "left_seconds");
    const std::string reason = text_of(get(line, "reason"));
    const std::string why =
        get(line, "rule").is_string()
            ? fmt::format("{} ({}, {} points, {} earlier bans)", text_of(get(line, "rule")),
                          text_of(get(line, "evidence")), text_of(get(line, "points")),
                          text_of(get(line, "earlier_bans")))
            : text_of(get(line, "cause")) + (reason.empty() ? "" : ": " + reason);
    return fmt::format("{}  {} {}  {}  {}", time, paint.red(event == "ban" ? "ban" : "would ban"), who,
                       span_of(left), why);
  }
  if (event == "offence")
    return fmt::format("{}  offence {}  {}  {}, {}, {} points, {} in the window", time,
                       text_of(get(line, "address")), text_of(get(line, "rule")),
                       text_of(get(line, "evidence")), text_of(get(line, "effect")),
                       text_of(get(line, "weight")), text_of(get(line, "in_window")));
  if (event == "unban")
    return fmt::format("{}  {} {}  {}", time, paint.green("unban"), who, text_of(get(line, "reason")));
  return fmt::format("{}  {} {}  {}", time, text_of(event), who, text_of(get(line, "rule")));
}

}  // namespace coturn_guard
