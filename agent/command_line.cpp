// SPDX-License-Identifier: GPL-3.0-or-later
#include "command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "app.hpp"
#include "detected.hpp"
#include "doctor/doctor.hpp"
#include "events.hpp"
#include "explain.hpp"
#include "fail2ban/import.hpp"
#include "replay_report.hpp"
#include "report_command.hpp"
#include "util/duration.hpp"
#include "version.hpp"

namespace coturn_guard {
namespace {

int complain(const Problems& problems) {
  for (const auto& problem : problems) fmt::print(stderr, "{}\n", problem);
  return kExitBadConfig;
}

int complain(const Error& error) {
  fmt::print(stderr, "coturn-guard: {}\n", error.message());
  return kExitFailed;
}

int run(const RunOptions& options) {
  auto setup = load_setup(options.paths);
  if (!setup) return complain(setup.error());
  Log log(Log::detect_sink());
  auto app = App::create(options, std::move(*setup), log);
  if (!app) {
    log.write(events::kFailed, {{"problem", app.error().message()}}, std::chrono::steady_clock::now());
    return kExitFailed;
  }
  (*app)->run();
  return kExitOk;
}

// How many there are in both places together is known here only.
void check_names(const Config& config, AllowContents& allowed) {
  auto names = config.ignored_names;
  names.insert(names.end(), allowed.names.begin(), allowed.names.end());
  if (const auto too_many = NameBook{}.set_names(names); too_many > 0)
    allowed.problems.push_back(
        fmt::format("ignoreip and allow.d: more than {} host names: {} would not be looked up",
                    NameBook::kMostNames, too_many));
}

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

int check_config(const SetupPaths& paths) {
  const auto setup = load_setup(paths);
  auto allowed = read_allow_files(allow_directory(paths.config));
  if (!setup) {
    allowed.problems.insert(allowed.problems.begin(), setup.error().begin(), setup.error().end());
    return complain(allowed.problems);
  }
  check_names(setup->config, allowed);
  if (!allowed.problems.empty()) return complain(allowed.problems);
  const auto enforcer = choose_enforcer(setup->config.enforcer);
  fmt::print("{}: ok, {} rules, enforcer {} ({})\n", paths.config, setup->rules.rules().size(), enforcer.name,
             enforcer.why);
  return kExitOk;
}

int detect(const std::string& turnserver_conf, const std::string& output) {
  const auto found = detect_command(turnserver_conf, output);
  if (!found) return complain(found.error());
  fmt::print("{}\n", *found);
  return kExitOk;
}

int report(const ReportOptions& options) {
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

int flush() {
  auto removed = GateRule::remove();
  if (removed) removed = remove_everything();
  return removed ? static_cast<int>(kExitOk) : complain(removed.error());
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App cli(
      "coturn-guard keeps abusers off coturn: it follows coturn's log and drops offenders in the kernel.",
      "coturn-guard");
  cli.set_version_flag("--version", fmt::format("coturn-guard {}", kVersion));
  cli.require_subcommand(1);

  SetupPaths paths;
  const auto with_config = [&paths](CLI::App* verb) {
    verb->add_option_function<std::string>(
        "--config",
        [&paths](const std::string& file) {
          paths.config = file;
          paths.config_required = true;
        },
        fmt::format("configuration file (default {})", kConfigFile));
    return verb;
  };

  bool dry_run = false;
  auto* const run_verb = with_config(cli.add_subcommand("run", "guard coturn until told to stop"));
  run_verb->add_flag("--dry-run", dry_run, "say who would be banned, and ban nobody");

  ReplayOptions replay_options;
  auto* const replay_verb = with_config(
      cli.add_subcommand("replay", "read log files and say who would be banned, when, why and how long"));
  replay_verb->add_flag("--json", replay_options.json, "one JSON object a line");
  replay_verb->add_flag("--offences", replay_options.offences, "tell each offence, too, not only bans");
  replay_verb
      ->add_option("LOG", replay_options.files,
                   "log files in the order in which they were written; - is standard input")
      ->required();

  ExplainOptions explain;
  auto* const explain_verb = with_config(
      cli.add_subcommand("explain", "say what a line of coturn's log is, whose doing, and what it costs"));
  explain_verb->add_flag("--json", explain.json, "one JSON object a line");
  explain_verb
      ->add_option("LINE", explain.words, "a line as it stands in the log; - reads lines from standard input")
      ->required();

  WhyOptions why;
  auto* const why_verb = with_config(cli.add_subcommand(
      "why", "say what the logs tell of an address and its network, and where it stands at their end"));
  why_verb->add_flag("--json", why.json, "one JSON object a line");
  why_verb
      ->add_option_function<std::string>(
          "ADDRESS", [&why](const std::string& text) { why.network = read_network(text); },
          "an address, or a network of at most 65536 that are judged")
      ->required();
  why_verb->add_option("LOG", why.files,
                       "log files in the order in which they were written (default: log_file); - is standard "
                       "input");

  auto* const check_verb =
      with_config(cli.add_subcommand("check-config", "read configuration and rules, and tell every mistake"));

  std::string turnserver_conf = "/etc/turnserver.conf";
  std::string detected = kDetectedFile;
  auto* const detect_verb = cli.add_subcommand(
      "detect",
      "find log, ports and own addresses in coturn's configuration (needs to read it), for run to use");
  detect_verb->add_option("--turnserver-conf", turnserver_conf, "coturn's configuration")
      ->capture_default_str();
  detect_verb->add_option("--output", detected, "where to write what was found")->capture_default_str();

  DoctorOptions doctor;
  auto* const doctor_verb = with_config(cli.add_subcommand(
      "doctor",
      "look at coturn, its log and this host, and say what to mend (as root); exit 0 ok, 1 warn, 2 fail"));
  doctor_verb->add_flag("--json", doctor.json, "one JSON object a line");
  doctor_verb->add_option("--root", doctor.root, "look at the files below this directory instead of /")
      ->check(CLI::ExistingDirectory);

  ReportOptions report_options;
  auto* const report_verb =
      cli.add_subcommand("report", "make a page of what happened in the last days, with plots (as root)");
  report_verb->add_option_function<std::string>(
      "--since", [&](const std::string& text) { report_options.since = read_since(text); },
      "how far back, as in 12h or 30d (default 7d)");
  report_verb->add_option("--html", report_options.html, "where to write the page; - is standard output");
  report_verb->add_flag("--json", report_options.json, "one JSON object instead, or as well");
  report_verb->add_option("--file", report_options.file, "the history's file")->capture_default_str();

  auto* const flush_verb =
      cli.add_subcommand("flush", "end all bans: remove our sets and our drop rule from the kernel");

  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? kExitOk : kExitUsage;  // prints help, version, or what is wrong
  }

  if (run_verb->parsed()) return run({paths, dry_run});
  if (check_verb->parsed()) return check_config(paths);
  if (flush_verb->parsed()) return flush();
  if (report_verb->parsed()) {
    if (report_options.html.empty() && !report_options.json) {
      fmt::print(stderr, "coturn-guard: report needs --html FILE or --json\n");
      return kExitUsage;
    }
    return report(report_options);
  }
  if (doctor_verb->parsed()) {
    doctor.paths = paths;
    return doctor_command(doctor);
  }
  if (detect_verb->parsed()) return detect(turnserver_conf, detected);
  if (replay_verb->parsed()) return replay(replay_options, paths);
  if (explain_verb->parsed()) return answer(explain_lines, explain, paths);
  if (why_verb->parsed()) return answer(tell_why, why, paths);
  return kExitUsage;
}

}  // namespace coturn_guard
