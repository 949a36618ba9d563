// SPDX-License-Identifier: GPL-3.0-or-later
#include "report/page.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "report/plot.hpp"
#include "report/style.hpp"
#include "util/duration.hpp"

namespace coturn_guard {
namespace {

constexpr unsigned kOurs = 0, kRecipe = 1;

// By Evidence; what an operator needs to know of each.
struct EvidenceWords {
  std::string_view name, meaning;
  unsigned colour;
};
constexpr std::array<EvidenceWords, 4> kEvidence{{
    {"proven", "the kernel witnessed the connection, or the client answered coturn's challenge", 2},
    {"claimed", "the log says so and nobody contradicts it", 0},
    {"spoofable", "a forged packet can cause it: counted, never a ban", 5},
    {"tainted", "stands where an attacker can write: never a ban", 3},
}};

std::string long_time(WallTime time) {
  return fmt::format("{:%d %b %Y %H:%M}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string section(std::string_view title, std::string_view words, std::string_view body,
                    std::string_view style = "") {
  return fmt::format(R"(<section{}{}{}><h2>{}</h2><p>{}</p>{}</section>)", style.empty() ? "" : " class=\"",
                     style, style.empty() ? "" : "\"", title, words, body);
}

std::string tile(std::string_view name, std::uint64_t number, std::string_view note, std::string_view id) {
  return fmt::format(R"(<li><span>{}</span><b id="{}" data-count="{}">{}</b><small>{}</small></li>)", name,
                     id, number, with_separators(number), note);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "none";
  return fmt::format("{:.0f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string head(const ReportNumbers& numbers, const PageHead& head) {
  return fmt::format(
      R"(<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>coturn-guard on {0}, {1}</title>)"
      R"(<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer">)"
      R"(<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">)"
      R"(<link rel="icon" href="data:,"><style>{2}</style></head><body><main><header><h1>coturn-guard on {0}</h1>)"
      R"(<p>{3} to {4} UTC, the last {1}</p></header>)",
      html(head.host), html(head.asked), kStyle, long_time(numbers.from), long_time(numbers.until));
}

std::string tiles(const ReportNumbers& numbers) {
  const RecipeNumbers& recipe = numbers.recipe;
  std::string list = R"(<ul class="tiles">)";
  list +=
      tile("offences", numbers.offences_total,
           fmt::format("{} proven", percent(numbers.evidence[0], numbers.offences_total)), "offences-total");
  const std::string by_hand =
      numbers.bans_by_hand + numbers.unbans_by_hand == 0
          ? "begun in this time"
          : fmt::format("begun in this time; by hand {} were begun and {} ended",
                        with_separators(numbers.bans_by_hand), with_separators(numbers.unbans_by_hand));
  list += tile("bans", numbers.bans_total, by_hand, "bans-total");
  list += tile("dropped by the gate", numbers.dropped.total, "packets; what bans drop is not in it",
               "dropped-total");
  list += tile("lines read", numbers.lines,
               fmt::format("{} of them coturn's", percent(numbers.recognised, numbers.lines)), "lines-total");
  list += tile("the recipe's bans", recipe.bans.total,
               recipe.customers > 0 ? fmt::format(R"(<span class="bad">{} of customers</span>)",
                                                  with_separators(recipe.customers))
                                    : "none of them a customer",
               "recipe-total");
  return list + "</ul>";
}

std::string over_time(const ReportNumbers& numbers, const Axis& axis) {
  const std::string step = to_string(numbers.bucket);
  std::string text = section(
      "Offences",
      fmt::format("What was recognised, by rule; one column is {}. Most offences are no ban yet.", step),
      stacked_columns(numbers.offences, axis, "Offences by rule") + legend(numbers.offences));
  text += section(
      "Bans",
      fmt::format("What filled the measure, by the rule of the last offence; one column is {}.", step),
      numbers.bans_total == 0 ? "<p>Nobody was banned.</p>"
                              : stacked_columns(numbers.bans, axis, "Bans by rule") + legend(numbers.bans));
  return text;
}

std::string evidence(const ReportNumbers& numbers) {
  std::string mix = R"(<div class="mix" role="img" aria-label="Offences by evidence">)";
  std::string table = "<table>";
  for (std::size_t i = 0; i < kEvidence.size(); ++i) {
    const std::uint64_t count = numbers.evidence[i];
    const EvidenceWords& words = kEvidence[i];
    if (count > 0) mix += fmt::format(R"(<i class="c{}" style="flex:{} 1 0"></i>)", words.colour, count);
    table += fmt::format(
        R"(<tr><th><i class="key c{}"></i>{}</th><td class="n"><b data-evidence="{}" data-count="{}">{}</b></td><td>{}</td></tr>)",
        words.colour, words.name, words.name, count, with_separators(count), words.meaning);
  }
  return section("How sure it is", "The evidence behind the offences.", mix + "</div>" + table + "</table>");
}

std::string ladder(const ReportNumbers& numbers) {
  std::uint64_t most = 0;
  for (const RungNumbers& rung : numbers.ladder) most = std::max(most, rung.bans);
  std::string table = R"(<table><tr><th>lasts</th><th></th><th class="n">bans</th></tr>)";
  for (const RungNumbers& rung : numbers.ladder)
    table +=
        fmt::format(R"(<tr><td>{}</td><td class="wide" style="width:70%">{}</td><td class="n">{}</td></tr>)",
                    short_duration(rung.duration), bar(rung.bans, most, kOurs), with_separators(rung.bans));
  return section("How long", "Each further ban of the same network lasts twice as long: who stays, climbs.",
                 numbers.ladder.empty() ? "<p>Nobody was banned.</p>" : table + "</table>");
}

std::string networks(const ReportNumbers& numbers) {
  std::string table =
      R"(<div class="scroll"><table><tr><th>network</th><th class="n">bans</th><th class="hide"></th><th class="n">offenders</th><th class="hide">longest</th><th>mostly for</th></tr>)";
  const std::uint64_t most = numbers.networks.empty() ? 0 : numbers.networks.front().bans;
  for (const NetworkNumbers& each : numbers.networks)
    table += fmt::format(
        R"(<tr><td><code>{}</code></td><td class="n">{}</td><td class="wide hide">{}</td><td class="n">{}</td><td class="hide">{}</td><td>{}</td></tr>)",
        each.network.to_string(), with_separators(each.bans), bar(each.bans, most, kOurs),
        with_separators(each.networks), short_duration(each.longest), html(each.rule));
  std::string words =
      "IPv4 by /24, IPv6 by /48: where one provider's machines offend together, a ban of the network may be "
      "due.";
  if (numbers.bans_one_by_one < numbers.bans_total)
    words += fmt::format(
        " Of {} bans the newest {} are known one by one; this and how long they last is of those.",
        with_separators(numbers.bans_total), with_separators(numbers.bans_one_by_one));
  return section("Networks banned most", words,
                 numbers.networks.empty() ? "<p>Nobody was banned.</p>" : table + "</table></div>");
}

std::string dropped(const ReportNumbers& numbers, const Axis& axis) {
  if (numbers.dropped.total == 0) return "";
  return section("Packets dropped by the gate", "Before coturn had any work with them.",
                 stacked_columns({numbers.dropped}, axis, "Packets dropped", 6), "small");
}

std::string spared(const RecipeNumbers& recipe) {
  if (recipe.spared.empty()) return "";
  std::string table =
      R"(<p class="label">The last that only the recipe would have banned:</p><div class="scroll"><table><tr><th>address</th><th>when</th><th>for</th><th>who</th></tr>)";
  for (const RecipeBan& ban : recipe.spared)
    table += fmt::format(R"(<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td{}>{}</td></tr>)",
                         ban.address.to_string(), time_text(ban.when, true, true),
                         short_duration(ban.duration), ban.customer ? R"( class="bad")" : "",
                         ban.customer ? "a customer: logged in within the hour" : "nobody known");
  return table + "</table></div>";
}

std::string recipe(const ReportNumbers& numbers, Axis axis) {
  const RecipeNumbers& recipe = numbers.recipe;
  Series ours{.name = "coturn-guard",
              .values = std::vector<std::uint64_t>(numbers.buckets),
              .total = numbers.bans_total};
  for (const Series& rule : numbers.bans)
    for (std::size_t i = 0; i < numbers.buckets; ++i) ours.values[i] += rule.values[i];
  axis.top = std::max(highest({ours}), highest({recipe.bans}));
  const auto plot = [&](const Series& series, std::string_view name, unsigned colour) {
    return fmt::format(R"(<p class="label"><i class="key c{}"></i>{} <b data-count="{}">{}</b> bans</p>)",
                       colour, name, series.total, with_separators(series.total)) +
           stacked_columns({series}, axis, fmt::format("Bans by {}", name), colour);
  };
  const auto fact = [](std::uint64_t number, std::string_view words, std::string_view style) {
    return fmt::format(R"(<li><b class="{}">{}</b>{}</li>)", style, with_separators(number), words);
  };
  std::string body = plot(ours, "coturn-guard", kOurs) + plot(recipe.bans, "the recipe", kRecipe);
  body +=
      R"(<ul class="verdict">)" + fact(recipe.both, "addresses that both ban", "") +
      fact(recipe.only_ours, "networks that only coturn-guard banned", "good") +
      fact(recipe.only_recipe, "addresses that only the recipe would have banned", "") +
      fact(recipe.customers, "of its bans would have hit customers", recipe.customers > 0 ? "bad" : "good") +
      "</ul>";
  return section(
      "Beside the Fail2Ban recipe",
      "What the published recipe (one expression for connection resets, three within an hour, a minute at "
      "first) "
      "would have done with the same log. It is reckoned, not run; and whom coturn-guard had banned wrote no "
      "more lines for the recipe to count.",
      body + spared(recipe), "small");
}

std::string withheld(const ReportNumbers& numbers) {
  if (numbers.withheld == 0) return "";
  return section(
      "The circuit breaker was open",
      fmt::format(
          "{} bans were withheld, because customers had been banned in numbers. The journal has the times "
          "and whom it hit: journalctl -t coturn-guard CG_EVENT=breaker.open",
          with_separators(numbers.withheld)),
      "", "warn");
}

std::string nothing(const ReportNumbers& numbers) {
  return section(
      "Nothing is known of this time",
      fmt::format(
          "The history holds no line, no offence and no ban between {} and {} UTC. The daemon writes it "
          "once a minute while it runs: is it running, does coturn write its log, and does "
          "coturn-guard doctor find it?",
          long_time(numbers.from), long_time(numbers.until)),
      "");
}

}  // namespace

std::string make_page(const ReportNumbers& numbers, const PageHead& page) {
  const Axis axis{.from = numbers.from, .bucket = numbers.bucket, .buckets = numbers.buckets};
  std::string text = head(numbers, page);
  if (numbers.empty()) {
    text += nothing(numbers);
  } else {
    text += tiles(numbers) + withheld(numbers) + over_time(numbers, axis);
    text += R"(<div class="two"><div>)" + evidence(numbers) + dropped(numbers, axis) + "</div>" +
            ladder(numbers) + "</div>";
    text += networks(numbers) + recipe(numbers, axis);
  }
  return text + fmt::format("<footer>coturn-guard {}; all times are UTC.</footer></main></body></html>\n",
                            html(page.version));
}

}  // namespace coturn_guard
