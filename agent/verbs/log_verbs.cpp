// SPDX-License-Identifier: GPL-3.0-or-later
// The verbs that read coturn's logs and need no daemon.
#include <fmt/format.h>

#include <memory>

#include "explain.hpp"
#include "replay_report.hpp"
#include "source/allow_files.hpp"
#include "verbs/daemon_why.hpp"
#include "verbs/verb.hpp"
#include "why.hpp"

namespace coturn_guard {
namespace {

// The lists of allow.d spare whoever they name in what the logs tell, too. Host names do not: what they meant
// when the lines were written is not known.
tl::expected<Setup, Problems> load_setup_with_lists(const SetupPaths& paths) {
  auto setup = load_setup(paths);
  if (!setup) return setup;
  for (const auto& listed : read_allow_files(allow_directory(paths.config)).networks)
    setup->config.ignoreip.push_back(listed.prefix);
  return setup;
}

int replay(const ReplayOptions& options, const SetupPaths& paths) {
  auto setup = load_setup_with_lists(paths);
  if (!setup) return complain(setup.error());
  const auto done = replay_logs(options, std::move(*setup));
  if (done) return kExitOk;
  complain(done.error());
  return kExitBadInput;
}

// What `why` and `explain` answer: known, unknown, or no answer.
template <class Options>
int answer(Result<bool> (*verb)(const Options&, Setup), const Options& options, const SetupPaths& paths) {
  auto setup = load_setup_with_lists(paths);
  if (!setup) return complain(setup.error());
  const auto known = verb(options, std::move(*setup));
  if (known) return *known ? kExitOk : kExitFailed;
  complain(known.error());
  return kExitBadInput;
}

// Throws what CLI11 tells as a mistake in usage.
Prefix read_network(const std::string& text) {
  const auto network = Prefix::parse(text);
  if (!network) throw CLI::ValidationError("ADDRESS", fmt::format("'{}' is no address", text));
  if (network->length() < (network->is_v4() ? 16U : 48U))
    throw CLI::ValidationError("ADDRESS", "of so many networks at once, replay --offences tells");
  return *network;
}

void add_replay(CommandLine& line) {
  const auto options = std::make_shared<ReplayOptions>();
  auto* const verb = with_config(
      line, add_verb(line, "replay", "read log files and say who would be banned, when, why and how long",
                     [&line, options] { return replay(*options, line.paths); }));
  verb->add_flag("--json", options->json, "one JSON object a line");
  verb->add_flag("--offences", options->offences, "tell each offence, too, not only bans");
  verb->add_option("LOG", options->files,
                   "log files in the order in which they were written; - is standard input")
      ->type_name("FILE")
      ->required();
}

void add_explain(CommandLine& line) {
  const auto options = std::make_shared<ExplainOptions>();
  auto* const verb = with_config(
      line, add_verb(line, "explain", "say what a line of coturn's log is, whose doing, and what it costs",
                     [&line, options] { return answer(explain_lines, *options, line.paths); }));
  verb->add_flag("--json", options->json, "one JSON object a line");
  verb->add_option("LINE", options->words,
                   "a line as it stands in the log; - reads lines from standard input")
      ->required();
}

struct Why {
  WhyOptions logs;
  ControlOptions control;
};

// The daemon first, unless logs are named: what it knows is of now.
int why(Why& options, const SetupPaths& paths) {
  options.control.json = options.logs.json;
  if (options.logs.files.empty())
    if (const auto code = tell_what_the_daemon_knows(options.control, options.logs.network)) return *code;
  return answer(tell_why, options.logs, paths);
}

void add_why(CommandLine& line) {
  const auto all = std::make_shared<Why>();
  const std::shared_ptr<WhyOptions> options(all, &all->logs);
  auto* const verb = with_config(
      line,
      add_verb(line, "why",
               "say what is known of an address and its network: by the running daemon, else what the logs "
               "tell, and where it stands at their end",
               [&line, all] { return why(*all, line.paths); }));
  add_socket_option(*verb, all->control);
  verb->add_flag("--json", options->json, "one JSON object a line");
  verb->add_option_function<std::string>(
          "ADDRESS", [options](const std::string& text) { options->network = read_network(text); },
          "an address, or a network of at most 65536 that are judged")
      ->required();
  verb->add_option("LOG", options->files,
                   "log files in the order in which they were written (default: what the daemon knows, else "
                   "log_file); - is standard "
                   "input")
      ->type_name("FILE");
}

}  // namespace

void add_log_verbs(CommandLine& line) {
  add_replay(line);
  add_explain(line);
  add_why(line);
}

}  // namespace coturn_guard
