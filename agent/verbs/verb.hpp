// SPDX-License-Identifier: GPL-3.0-or-later
// What every verb of the program is made with: its place on the command line, the configuration's paths, and
// how it complains. One function a group of verbs adds them; command_line.cpp has the table of groups.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "command_line.hpp"
#include "setup.hpp"
#include "util/problems.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct CommandLine {
  CLI::App& cli;
  SetupPaths paths{};
  std::function<int()> action{};  // of the verb that was given; its exit code
};

// A verb that does this. What its options write to must live in `action`.
CLI::App* add_verb(CommandLine& line, const std::string& name, const std::string& description,
                   std::function<int()> action);
// Gives the verb the option --config.
CLI::App* with_config(CommandLine& line, CLI::App* verb);

// Print to standard error; the exit code that belongs to it.
int complain(const Problems& problems);
int complain(const Error& error);

void add_service_verbs(CommandLine& line);  // run, check-config, detect, doctor, flush
void add_log_verbs(CommandLine& line);      // replay, explain, why
void add_status_verbs(CommandLine& line);   // status, top, tail
void add_list_verb(CommandLine& line);
void add_change_verbs(CommandLine& line);  // ban, unban, check, reload
void add_report_verb(CommandLine& line);   // report
void add_import_verbs(CommandLine& line);  // adopt, import-fail2ban
// completion: the package's build asks it for what bash and zsh are told.
void add_completion_verb(CommandLine& line);

}  // namespace coturn_guard
