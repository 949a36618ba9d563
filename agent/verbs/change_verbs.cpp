// SPDX-License-Identifier: GPL-3.0-or-later
// The verbs that have the running daemon change something: ban, unban, reload; and check, which only asks.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>

#include "model/ban_record.hpp"
#include "util/duration.hpp"
#include "verbs/addresses.hpp"
#include "verbs/conversation.hpp"
#include "verbs/verb.hpp"

namespace coturn_guard {
namespace {

using control::Command;
using control::Verb;

struct AddressOptions {
  ControlOptions control;
  std::vector<std::string> addresses;
  Command command;
  bool yes = false;
};

// What the answers to all the requests of one call come to.
struct Totals {
  Json sums = Json::object();
  void add(const Json& end) {
    for (const auto& [key, value] : end.items())
      if (value.is_number_unsigned() && key != "schema")
        sums[key] = sums.value(key, std::uint64_t{0}) + value.get<std::uint64_t>();
  }
  void print_json(Verb verb) const {
    Json line{{"schema", control::kSchema}, {"event", "end"}, {"verb", to_string(verb)}};
    line.update(sums);
    print_line(line);
  }
  [[nodiscard]] std::uint64_t of(const char* key) const { return sums.value(key, std::uint64_t{0}); }
};

int complain_of_input(const Problems& problems) {
  for (const auto& problem : problems) fmt::print(stderr, "coturn-guard: {}\n", problem);
  fmt::print(stderr, "coturn-guard: nothing was done\n");
  return kExitBadInput;
}

// As many requests as it takes: each is one turn of the daemon's.
int ask_for_all(const AddressOptions& options, const std::vector<Prefix>& prefixes,
                const std::function<void(const Json&)>& take, Totals& totals) {
  auto daemon = Conversation::open(options.control);
  if (!daemon) return daemon.error();
  Command command = options.command;
  for (std::size_t begin = 0; begin < std::max<std::size_t>(prefixes.size(), 1);
       begin += control::kMaxPrefixes) {
    const auto end = std::min(begin + control::kMaxPrefixes, prefixes.size());
    command.prefixes.assign(prefixes.begin() + static_cast<std::ptrdiff_t>(begin),
                            prefixes.begin() + static_cast<std::ptrdiff_t>(end));
    const int code = daemon->ask(command, [&](std::string_view line) {
      options.control.json ? print_raw(line) : take(parse_line(line));
    });
    if (code != kExitOk) return code;
    totals.add(daemon->end());
  }
  return kExitOk;
}

void say_banned(const Json& line) {
  const std::string prefix = text_of(get(line, "prefix"));
  if (get(line, "event") == "refused") {
    fmt::print(stderr, "{}: refused, {} (--force bans it all the same)\n", prefix,
               text_of(get(line, "text")));
  } else if (get(line, "fate") == "failed") {
    fmt::print(
        stderr,
        "{}: not banned, for the kernel did not take it; it is tried again, and the journal says why\n",
        prefix);
  } else {
    const std::string fate = text_of(get(line, "fate"));
    const char* const also = fate == "unchanged"    ? " (as before: an earlier ban lasts longer)"
                             : fate == "lengthened" ? " (was banned already, is so for longer)"
                             : fate == "simulated"  ? " (not really: the mode is observe)"
                             : fate == "deferred" || fate == "pending" ? " (the kernel has yet to take it)"
                                                                       : "";
    const Json& left = get(line, "left_seconds");
    fmt::print("{}: banned, {}{}{}\n", prefix, span_of(left), left.is_number() ? " left" : "", also);
  }
}

int ban(AddressOptions& options) {
  const auto prefixes = read_addresses(options.addresses, std::cin);
  if (!prefixes) return complain_of_input(prefixes.error());
  if (prefixes->empty()) return kExitOk;  // an empty list is done at once
  Totals totals;
  const int code = ask_for_all(options, *prefixes, say_banned, totals);
  if (code != kExitOk) return code;
  if (options.control.json) totals.print_json(Verb::ban);
  return totals.of("refused") + totals.of("failed") > 0 ? kExitFailed : kExitOk;
}

void say_freed(const Json& line) {
  const std::string prefix = text_of(get(line, "prefix"));
  if (get(line, "event") == "freed")
    fmt::print("{}: free\n", prefix);
  else if (get(line, "inside").is_string())
    fmt::print(stderr, "{}: is inside {}, which is banned: unban that\n", prefix,
               text_of(get(line, "inside")));
  else
    fmt::print("{}: was not banned\n", prefix);
}

bool is_sure() {
  if (::isatty(STDIN_FILENO) == 0) return true;
  fmt::print("This ends every ban. Go on? [y/N] ");
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int unban(AddressOptions& options) {
  if (options.command.all != options.addresses.empty()) {
    fmt::print(stderr, "coturn-guard: unban needs addresses, or --all: one of the two\n");
    return kExitUsage;
  }
  if (options.command.all && !options.yes && !is_sure()) return kExitFailed;
  const auto prefixes = read_addresses(options.addresses, std::cin);
  if (!prefixes) return complain_of_input(prefixes.error());
  if (prefixes->empty() && !options.command.all) return kExitOk;
  Totals totals;
  bool inside = false;
  const int code = ask_for_all(
      options, *prefixes,
      [&](const Json& line) {
        inside = inside || get(line, "inside").is_string();
        say_freed(line);
      },
      totals);
  if (code != kExitOk) return code;
  if (options.control.json)
    totals.print_json(Verb::unban);
  else if (options.command.all)
    fmt::print("{} bans ended\n", totals.of("freed"));
  return inside ? kExitFailed : kExitOk;
}

int check(AddressOptions& options) {
  const auto prefixes = read_addresses(options.addresses, std::cin);
  if (!prefixes) return complain_of_input(prefixes.error());
  if (prefixes->empty()) return kExitFailed;
  auto daemon = Conversation::open(options.control);
  if (!daemon) return daemon.error();
  bool any = false;
  Command command = options.command;
  for (std::size_t begin = 0; begin < prefixes->size(); begin += control::kMaxPrefixes) {
    const auto end = std::min(begin + control::kMaxPrefixes, prefixes->size());
    command.prefixes.assign(prefixes->begin() + static_cast<std::ptrdiff_t>(begin),
                            prefixes->begin() + static_cast<std::ptrdiff_t>(end));
    const int code = daemon->ask(command, [&](std::string_view text) {
      const Json line = parse_line(text);
      const bool banned = get(line, "banned") == true;
      any = any || banned;
      if (options.control.json) return print_raw(text);
      const std::string by = text_of(get(line, "by"));
      const bool itself = by == text_of(get(line, "prefix"));
      if (banned)
        fmt::print("{}: banned{}, {} left\n", text_of(get(line, "prefix")), itself ? "" : " by " + by,
                   span_of(get(line, "left_seconds")));
      else
        fmt::print("{}: not banned\n", text_of(get(line, "prefix")));
    });
    if (code != kExitOk) return code;
  }
  return any ? kExitOk : kExitFailed;
}

int reload(const ControlOptions& options) {
  auto daemon = Conversation::open(options);
  if (!daemon) return daemon.error();
  Command command;
  command.verb = Verb::reload;
  const int code = daemon->ask(command, [&](std::string_view line) {
    options.json ? print_raw(line) : fmt::print(stderr, "{}\n", text_of(parse_line(line)["text"]));
  });
  if (code != kExitOk) return code;
  options.json ? print_line({{"schema", control::kSchema}, {"event", "end"}, {"verb", "reload"}})
               : fmt::print("the configuration is in force\n");
  return kExitOk;
}

int close_breaker(const ControlOptions& options) {
  auto daemon = Conversation::open(options);
  if (!daemon) return daemon.error();
  Command command;
  command.verb = Verb::close_breaker;
  const int code = daemon->ask(command, [&](std::string_view line) {
    if (options.json) return print_raw(line);
    const Json told = parse_line(line);
    if (get(told, "was_open") == true)
      fmt::print("closed; everything counts again. It was open because {}: {}\n",
                 text_of(get(told, "reason")), text_of(get(told, "customers")));
    else
      fmt::print("it was not open\n");
  });
  if (code == kExitOk && options.json) print_line(daemon->end());
  return code;
}

std::shared_ptr<AddressOptions> add_addresses(CommandLine& line, const char* name, const char* description,
                                              int (*action)(AddressOptions&), Verb command, bool required) {
  auto options = std::make_shared<AddressOptions>();
  options->command.verb = command;
  auto* const verb = add_verb(line, name, description, [options, action] { return action(*options); });
  add_control_options(*verb, options->control);
  auto* const addresses =
      verb->add_option("ADDRESS", options->addresses,
                       "addresses, networks and ranges (192.0.2.5-192.0.2.9); - reads them from "
                       "standard input");
  if (required) addresses->required();
  return options;
}

void add_ban(CommandLine& line) {
  const auto options =
      add_addresses(line, "ban", "have the running daemon ban addresses or networks", ban, Verb::ban, true);
  auto* const verb = line.cli.get_subcommand("ban");
  verb->add_option_function<std::string>(
      "--for",
      [options](const std::string& text) {
        if (text == "forever") {
          options->command.duration = kForeverBan;
          return;
        }
        const auto duration = parse_duration(text);
        if (!duration)
          throw CLI::ValidationError(
              "--for", fmt::format("'{}', character {}: {}", text, duration.error().position + 1,
                                   duration.error().what));
        if (duration->count() == 0) throw CLI::ValidationError("--for", "a ban lasts at least 1s");
        options->command.duration = *duration;
      },
      "how long: 90s, 1h30m, 5w, or forever: until it is ended by unban (default 1h)");
  verb->add_option_function<std::string>(
      "--reason",
      [options](const std::string& text) {
        if (text.size() > control::kMaxReasonBytes)
          throw CLI::ValidationError("--reason", fmt::format("at most {} bytes", control::kMaxReasonBytes));
        options->command.reason = text;
      },
      "why, in your words; list and why show it");
  verb->add_flag("--force", options->command.force,
                 "also what is never banned otherwise: own and ignored addresses, networks wider than /8 or, "
                 "of IPv6, /19");
}

void add_breaker(CommandLine& line) {
  struct Options {
    ControlOptions control;
    std::string action;
  };
  const auto options = std::make_shared<Options>();
  auto* const verb =
      add_verb(line, "breaker",
               "close: let everything count again, after bans were withheld because customers were hit",
               [options] { return close_breaker(options->control); });
  add_control_options(*verb, options->control);
  verb->add_option("ACTION", options->action, "close")->required()->check(CLI::IsMember({"close"}));
}

}  // namespace

void add_change_verbs(CommandLine& line) {
  add_ban(line);
  const auto freeing = add_addresses(line, "unban", "end bans, and forget the offences behind them", unban,
                                     Verb::unban, false);
  auto* const unban_verb = line.cli.get_subcommand("unban");
  unban_verb->add_flag("--all", freeing->command.all, "every ban there is; asks on a terminal");
  unban_verb->add_flag("--yes", freeing->yes, "do not ask");
  unban_verb->add_flag("--forget", freeing->command.forget,
                       "forget the earlier bans, too: the next one begins at the bottom of the ladder");
  add_addresses(line, "check", "say whether addresses are banned; exit 0 if any is, 1 if none", check,
                Verb::check, true);
  const auto options = std::make_shared<ControlOptions>();
  add_control_options(
      *add_verb(line, "reload", "have the daemon read its configuration again; tells what is wrong with it",
                [options] { return reload(*options); }),
      *options);
  add_breaker(line);
}

}  // namespace coturn_guard
