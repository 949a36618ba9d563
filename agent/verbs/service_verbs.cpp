// SPDX-License-Identifier: GPL-3.0-or-later
// The verbs of the service: `run`, what comes before it, and what is left to do when it is stopped.
#include <fmt/format.h>

#include <memory>

#include "app.hpp"
#include "control/state_db.hpp"
#include "detected.hpp"
#include "doctor/doctor.hpp"
#include "enforce/gate_rule.hpp"
#include "enforce/udp_logins.hpp"
#include "events.hpp"
#include "source/allow_files.hpp"
#include "verbs/conversation.hpp"
#include "verbs/verb.hpp"

namespace coturn_guard {
namespace {

constexpr const char* kStateFile = "/var/lib/coturn-guard/state.db";  // the packaged service's

int run(const RunOptions& options) {
  auto setup = load_setup(options.paths);
  if (!setup) return complain(setup.error());
  Log log(Log::detect_sink());
  for (const auto& note : setup->notes)
    log.write(events::kNote, {{"note", note}}, std::chrono::steady_clock::now());
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

int check_config(const SetupPaths& paths) {
  const auto setup = load_setup(paths);
  auto allowed = read_allow_files(allow_directory(paths.config));
  if (!setup) {
    allowed.problems.insert(allowed.problems.begin(), setup.error().begin(), setup.error().end());
    return complain(allowed.problems);
  }
  check_names(setup->config, allowed);
  if (!allowed.problems.empty()) return complain(allowed.problems);
  for (const auto& note : setup->notes) fmt::print(stderr, "coturn-guard: note: {}\n", note);
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

// A running daemon ends its bans itself: behind its back it would put them back within a second.
int flush(const ControlOptions& options) {
  if (auto daemon = Conversation::open_quietly(options)) {
    control::Command command;
    command.verb = control::Verb::flush;
    const int code = daemon->ask(command, [](std::string_view) {});
    if (code != kExitOk) return code;
    options.json ? print_line(daemon->end())
                 : fmt::print("{} bans ended\n", text_of(get(daemon->end(), "freed")));
    return kExitOk;
  }
  auto removed = GateRule::remove();
  if (removed) removed = UdpLogins::remove();
  if (removed) removed = remove_everything();
  if (removed) removed = end_saved_bans(kStateFile);
  return removed ? static_cast<int>(kExitOk) : complain(removed.error());
}

void add_detect(CommandLine& line) {
  struct Options {
    std::string turnserver_conf = "/etc/turnserver.conf";
    std::string output = kDetectedFile;
  };
  const auto options = std::make_shared<Options>();
  auto* const verb = add_verb(
      line, "detect",
      "find log, ports and own addresses in coturn's configuration (needs to read it), for run to use",
      [options] { return detect(options->turnserver_conf, options->output); });
  verb->add_option("--turnserver-conf", options->turnserver_conf, "coturn's configuration")
      ->type_name("FILE")
      ->capture_default_str();
  verb->add_option("--output", options->output, "where to write what was found")
      ->type_name("FILE")
      ->capture_default_str();
}

void add_doctor(CommandLine& line) {
  const auto options = std::make_shared<DoctorOptions>();
  auto* const verb = with_config(
      line,
      add_verb(line, "doctor",
               "look at coturn, its log and this host, and say what to mend (as root); exit 0 ok, 1 warn, 2 "
               "fail",
               [&line, options] {
                 options->paths = line.paths;
                 return doctor_command(*options);
               }));
  verb->add_flag("--json", options->json, "one JSON object a line");
  verb->add_option("--root", options->root, "look at the files below this directory instead of /")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
}

}  // namespace

void add_service_verbs(CommandLine& line) {
  const auto running = std::make_shared<RunOptions>();
  auto* const run_verb =
      with_config(line, add_verb(line, "run", "guard coturn until told to stop", [&line, running] {
                    running->paths = line.paths;
                    return run(*running);
                  }));
  run_verb->add_flag("--dry-run", running->dry_run, "say who would be banned, and ban nobody");
  run_verb
      ->add_option("--socket", running->control_socket, "where status, list, ban and the other verbs find us")
      ->type_name("FILE")
      ->capture_default_str();
  with_config(line, add_verb(line, "check-config", "read configuration and rules, and tell every mistake",
                             [&line] { return check_config(line.paths); }));
  add_detect(line);
  add_doctor(line);
  const auto options = std::make_shared<ControlOptions>();
  add_control_options(
      *add_verb(line, "flush",
                "end all bans; with the daemon stopped, also remove our sets and our drop rule "
                "from the kernel",
                [options] { return flush(*options); }),
      *options);
}

}  // namespace coturn_guard
