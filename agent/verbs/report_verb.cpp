// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <memory>

#include "report_command.hpp"
#include "util/duration.hpp"
#include "verbs/verb.hpp"

namespace coturn_guard {
namespace {

int report(const ReportOptions& options) {
  if (options.html.empty() && !options.json) {
    fmt::print(stderr, "coturn-guard: report needs --html FILE or --json\n");
    return kExitUsage;
  }
  const auto told = report_command(options);
  return told ? static_cast<int>(kExitOk) : complain(told.error());
}

// Throws what CLI11 tells as a mistake in usage.
std::chrono::seconds read_since(const std::string& text) {
  const auto since = parse_duration(text);
  if (!since) throw CLI::ValidationError("--since", fmt::format("'{}': {}", text, since.error().what));
  if (since->count() < 60 || *since > std::chrono::hours(90 * 24))
    throw CLI::ValidationError("--since", "the history holds 90 days: 1m to 90d");
  return *since;
}

}  // namespace

void add_report_verb(CommandLine& line) {
  const auto options = std::make_shared<ReportOptions>();
  auto* const verb =
      add_verb(line, "report", "make a page of what happened in the last days, with plots (as root)",
               [options] { return report(*options); });
  verb->add_option_function<std::string>(
      "--since", [options](const std::string& text) { options->since = read_since(text); },
      "how far back, as in 12h or 30d (default 7d)");
  verb->add_option("--html", options->html, "where to write the page; - is standard output")
      ->type_name("FILE");
  verb->add_flag("--json", options->json, "one JSON object instead, or as well");
  verb->add_option("--file", options->file, "the history's file")->type_name("FILE")->capture_default_str();
}

}  // namespace coturn_guard
