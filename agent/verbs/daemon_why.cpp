// SPDX-License-Identifier: GPL-3.0-or-later
#include "verbs/daemon_why.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "command_line.hpp"
#include "verbs/status_text.hpp"

namespace coturn_guard {
namespace {

std::string credit_text(const Json& credit) {
  std::string text;
  if (get(credit, "login") == true)
    text += fmt::format("; logged in within the hour ({} users)", text_of(get(credit, "users")));
  if (get(credit, "bytes") == true) text += "; had a busy connection within the hour";
  return text;
}

std::string standing_text(const Json& line) {
  const Json& earlier = get(line, "earlier_bans");
  return fmt::format(
      "{}: {}, {} offences noted, {} of {} points in the window, {} earlier ban{}{}{}",
      text_of(get(line, "prefix")), get(line, "banned") == true ? "banned" : "not banned",
      text_of(get(line, "offences")), text_of(get(line, "in_window")), text_of(get(line, "maxretry")),
      text_of(earlier), earlier == 1 ? "" : "s", credit_text(get(line, "credit")),
      get(line, "never_judged").is_string() ? "; never judged: " + text_of(get(line, "never_judged")) : "");
}

}  // namespace

std::optional<int> tell_what_the_daemon_knows(const ControlOptions& options, const Prefix& network) {
  auto daemon = Conversation::open_quietly(options);
  if (!daemon) return std::nullopt;
  control::Command question;
  question.verb = control::Verb::why;
  question.prefixes = {network};
  std::vector<std::string> lines;
  Json standing;
  const int code = daemon->ask(question, [&](std::string_view line) {
    lines.emplace_back(line);
    standing = parse_line(line);  // the last one is
  });
  if (code != kExitOk || get(standing, "known") != true) return std::nullopt;
  const Paint paint = Paint::of_standard_output();
  for (const auto& line : lines) {
    const Json object = parse_line(line);
    if (options.json)
      print_raw(line);
    else
      fmt::print("{}\n",
                 get(object, "event") == "standing" ? standing_text(object) : decision_text(object, paint));
  }
  return kExitOk;
}

}  // namespace coturn_guard
