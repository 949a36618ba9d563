// SPDX-License-Identifier: GPL-3.0-or-later
#include "report_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "control/history.hpp"
#include "json_line.hpp"
#include "report/page.hpp"
#include "util/atomic_file.hpp"
#include "util/duration.hpp"
#include "version.hpp"

namespace coturn_guard {
namespace {

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

Json json_of(const std::vector<Series>& series) {
  Json rules = Json::object();
  for (const Series& each : series) rules[each.name] = {{"total", each.total}, {"values", each.values}};
  return rules;
}

Json json_of(const ReportNumbers& numbers) {
  Json evidence = Json::object(), networks = Json::array(), ladder = Json::array();
  for (std::size_t i = 0; i < numbers.evidence.size(); ++i)
    evidence[std::string(to_string(static_cast<Evidence>(i)))] = numbers.evidence[i];
  for (const NetworkNumbers& each : numbers.networks)
    networks.push_back({{"network", each.network.to_string()},
                        {"bans", each.bans},
                        {"offenders", each.networks},
                        {"longest_seconds", each.longest.count()},
                        {"rule", each.rule}});
  for (const RungNumbers& rung : numbers.ladder)
    ladder.push_back({{"seconds", rung.duration.count()}, {"bans", rung.bans}});
  return {{"event", "report"},
          {"from", seconds_of(numbers.from)},
          {"until", seconds_of(numbers.until)},
          {"bucket_seconds", numbers.bucket.count()},
          {"lines", numbers.lines},
          {"recognised", numbers.recognised},
          {"offences", {{"total", numbers.offences_total}, {"rules", json_of(numbers.offences)}}},
          {"bans", {{"total", numbers.bans_total}, {"rules", json_of(numbers.bans)}}},
          {"by_hand", {{"bans", numbers.bans_by_hand}, {"unbans", numbers.unbans_by_hand}}},
          {"unbans_not_by_hand", numbers.unbans_other},
          {"withheld", numbers.withheld},
          {"dropped", {{"total", numbers.dropped.total}, {"values", numbers.dropped.values}}},
          {"evidence", evidence},
          {"ladder", ladder},
          {"networks", networks},
          {"recipe",
           {{"bans", numbers.recipe.bans.total},
            {"values", numbers.recipe.bans.values},
            {"customers", numbers.recipe.customers},
            {"both", numbers.recipe.both},
            {"only_coturn_guard", numbers.recipe.only_ours},
            {"only_recipe", numbers.recipe.only_recipe}}}};
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0' ? name.data() : "this host";
}

// In days where it is some: nobody asks for 12w6d.
std::string asked_for(std::chrono::seconds since) {
  const auto days = std::chrono::duration_cast<std::chrono::days>(since);
  return days == since && days.count() > 1 ? fmt::format("{} days", days.count()) : to_string(since);
}

}  // namespace

Result<> report_command(const ReportOptions& options) {
  const WallTime now = std::chrono::system_clock::now();
  const WallTime from = now - options.since;
  const auto past = read_history(options.file, first_bucket(from, now), now);
  if (!past)
    return fail(
        "{}; the daemon writes it once a minute into its state directory, and only root may read it there",
        past.error().message());
  const ReportNumbers numbers = summarise(*past, from, now);
  if (options.json) print_line(json_of(numbers));
  if (options.html.empty()) return {};
  const std::string page =
      make_page(numbers, {.host = host_name(), .asked = asked_for(options.since), .version = kVersion});
  if (options.html != "-") return replace_file(options.html, page, 0640);
  fmt::print("{}", page);
  return {};
}

}  // namespace coturn_guard
