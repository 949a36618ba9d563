// SPDX-License-Identifier: GPL-3.0-or-later
// `list`: who is banned, why, for how long, and how much of what he sent was dropped.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <vector>

#include "util/duration.hpp"
#include "verbs/conversation.hpp"
#include "verbs/verb.hpp"

namespace coturn_guard {
namespace {

struct ListOptions {
  ControlOptions control;
  control::Command command;
  std::string sort;
  bool reverse = false;
  bool no_headers = false;
};

constexpr std::array<const char*, 4> kSortKeys{"time-left", "since", "packets", "address"};

// What a line is sorted by: a number, then its network.
struct Row {
  std::int64_t number = 0;
  std::optional<Prefix> prefix;
  std::string line;
};

std::int64_t number_of(const Json& line, const std::string& sort) {
  const Json& value = get(line, sort == "time-left" ? "left_seconds"
                                : sort == "since"   ? "since_epoch"
                                                    : "dropped_packets");
  if (sort == "address") return get(line, "family") == 4 ? 4 : 6;
  return value.is_number() ? value.get<std::int64_t>() : INT64_MAX;
}

// The most interesting first: the least time left, the latest, the most packets, the lowest address.
void sort_rows(std::vector<Row>& rows, const std::string& sort, bool reverse) {
  const bool falling = (sort == "since" || sort == "packets") != reverse;
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    if (a.number != b.number) return falling ? a.number > b.number : a.number < b.number;
    return sort == "address" && reverse ? b.prefix < a.prefix : a.prefix < b.prefix;
  });
}

void print_headers(const Paint& paint) {
  fmt::print("{}\n",
             paint.bold(fmt::format("{:<26} {:>10} {:<20} {:<22} {:<9} {:>5} {:>9}  {}", "NETWORK", "LEFT",
                                    "SINCE", "RULE", "EVIDENCE", "BANS", "DROPPED", "REASON")));
}

void print_row(const Json& line) {
  const bool by_rule = get(line, "rule").is_string();
  fmt::print("{:<26} {:>10} {:<20} {:<22} {:<9} {:>5} {:>9}  {}\n", text_of(get(line, "prefix")),
             span_of(get(line, "left_seconds")), text_of(get(line, "since")),
             by_rule ? text_of(get(line, "rule")) : '(' + text_of(get(line, "cause")) + ')',
             by_rule ? text_of(get(line, "evidence")) : "-",
             get(line, "earlier_bans").is_number() ? get(line, "earlier_bans").get<std::int64_t>() + 1 : 1,
             text_of(get(line, "dropped_packets")), text_of(get(line, "reason")));
}

int list(const ListOptions& options) {
  auto daemon = Conversation::open(options.control);
  if (!daemon) return daemon.error();
  const bool json = options.control.json;
  std::vector<Row> rows;
  if (!json && !options.no_headers) print_headers(Paint::of_standard_output());
  const int code = daemon->ask(options.command, [&](std::string_view line) {
    if (options.sort.empty()) return json ? print_raw(line) : print_row(parse_line(line));
    const Json object = parse_line(line);
    rows.push_back(
        {number_of(object, options.sort), Prefix::parse(text_of(get(object, "prefix"))), std::string(line)});
  });
  if (code != kExitOk) return code;
  sort_rows(rows, options.sort, options.reverse);
  for (const Row& row : rows) json ? print_raw(row.line) : print_row(parse_line(row.line));
  return kExitOk;
}

}  // namespace

void add_list_verb(CommandLine& line) {
  const auto options = std::make_shared<ListOptions>();
  options->command.verb = control::Verb::list;
  auto& filter = options->command.filter;
  auto* const verb = add_verb(line, "list", "who is banned, why, for how long, and what was dropped of him",
                              [options] { return list(*options); });
  add_control_options(*verb, options->control);
  verb->add_option("--rule", filter.rule, "only bans by this rule")->type_name("RULE");
  verb->add_option_function<std::string>(
          "--evidence",
          [options](const std::string& word) {
            options->command.filter.evidence = word == "proven" ? Evidence::proven : Evidence::claimed;
          },
          "only bans on this evidence: proven or claimed (nobody is banned on less)")
      ->check(CLI::IsMember({"proven", "claimed"}));
  verb->add_option_function<std::string>(
      "--network",
      [options](const std::string& text) {
        options->command.filter.network = Prefix::parse(text);
        if (!options->command.filter.network)
          throw CLI::ValidationError("--network", fmt::format("'{}' is no address or network", text));
      },
      "only bans inside this network, or around it");
  verb->add_option("--family", filter.family, "only IPv4 or IPv6 bans")->check(CLI::IsMember({4, 6}));
  verb->add_option("--reason", filter.reason,
                   "only bans by rule, manual, adopted (stood in the kernel before us), imported; or whose "
                   "reason holds this text");
  verb->add_option("--sort", options->sort, "by time-left, since, packets or address")
      ->check(CLI::IsMember(std::vector<std::string>(kSortKeys.begin(), kSortKeys.end())));
  verb->add_flag("--reverse", options->reverse, "the other way round");
  verb->add_flag("--no-headers", options->no_headers, "for scripts");
}

}  // namespace coturn_guard
