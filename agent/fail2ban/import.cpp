// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/import.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "command_line.hpp"
#include "config.hpp"
#include "fail2ban/ban_rows.hpp"
#include "fail2ban/bans.hpp"
#include "fail2ban/farewell.hpp"
#include "fail2ban/files.hpp"
#include "fail2ban/translation.hpp"
#include "json_line.hpp"
#include "util/atomic_file.hpp"
#include "util/duration.hpp"
#include "util/nearest.hpp"
#include "util/text.hpp"

namespace coturn_guard {
namespace {

using namespace fail2ban;

constexpr mode_t kReadableByAll = 0644;
constexpr std::array<const char*, 3> kOutcomes{"taken", "implied", "lost"};  // by Outcome

void complain(std::string_view what) {
  fmt::print(stderr, "coturn-guard: {}\n", what);
}

int complain_all(const Notes& notes) {
  for (const std::string& warning : notes.warnings) fmt::print(stderr, "{}\n", warning);
  for (const std::string& error : notes.errors) fmt::print(stderr, "{}\n", error);
  return notes.errors.empty() ? kExitOk : kExitBadInput;
}

// The jail that is meant, or the exit code after saying why none is.
tl::expected<std::string, int> choose_jail(const Settings& jails, const ImportFail2banOptions& options) {
  const auto names = jails.sections();
  if (!options.jail.empty()) {
    if (std::find(names.begin(), names.end(), options.jail) != names.end()) return options.jail;
    const std::vector<std::string_view> known(names.begin(), names.end());
    const auto near = nearest(options.jail, known);
    complain(fmt::format("{} has no jail [{}]{}", escape(options.config_directory), escape(options.jail),
                         near.empty() ? "" : fmt::format("; is [{}] meant?", escape(near))));
    return tl::unexpected<int>(kExitFailed);
  }
  auto found = coturn_jails(jails);
  if (found.size() > 1 &&
      std::count_if(found.begin(), found.end(), [](const Candidate& one) { return one.enabled; }) == 1)
    std::erase_if(found, [](const Candidate& one) { return !one.enabled; });
  if (found.size() == 1) return found.front().jail;
  if (found.empty()) {
    complain(fmt::format("no jail in {} is coturn's by its name, filter, logpath or port; name one by --jail",
                         escape(options.config_directory)));
    return tl::unexpected<int>(kExitFailed);
  }
  complain("several jails may be coturn's; choose one by --jail NAME:");
  for (const Candidate& one : found)
    fmt::print(stderr, "  {}{} (by {})\n", escape(one.jail), one.enabled ? "" : ", switched off", one.why);
  return tl::unexpected<int>(kExitUsage);
}

struct Found {
  Jail jail;
  Translation translation;
  std::string database;
  std::vector<std::string> farewell;
};

// What fail2ban's files say, or the exit code after saying what is wrong.
tl::expected<Found, int> read_configuration(const ImportFail2banOptions& options) {
  const FileSource source = real_files();
  const std::string& directory = options.config_directory;
  Notes notes;
  Settings jails = read_settings(directory, "jail", source, notes);
  if (!notes.errors.empty()) return tl::unexpected<int>(complain_all(notes));
  const auto name = choose_jail(jails, options);
  if (!name) return tl::unexpected<int>(name.error());
  const Jail jail = read_jail(jails, *name, directory, source, notes);
  // Without it, defaults hold: what is wrong with it is a warning.
  Notes global_notes;
  const Settings global = read_settings(directory, "fail2ban", source, global_notes);
  notes.warnings.insert(notes.warnings.end(), global_notes.warnings.begin(), global_notes.warnings.end());
  notes.warnings.insert(notes.warnings.end(), global_notes.errors.begin(), global_notes.errors.end());
  if (const int code = complain_all(notes); code != kExitOk) return tl::unexpected<int>(code);
  Found found{jail, translate(jail, global, real_port_of), options.database, {}};
  if (found.database.empty()) found.database = kDatabase;
  Notes untold;
  if (const auto file = global.get("Definition", "dbfile", untold); file && options.database.empty())
    found.database = file->value;
  found.farewell = farewell(jail, directory, source);
  return found;
}

Result<Bans> read_bans(const Found& found) {
  const auto read = read_ban_rows(found.database, found.jail.name, found.translation.overall_jails);
  if (!read) return tl::unexpected<Error>(read.error());
  if (read->more)
    complain(fmt::format("{} holds more bans than {}; the others are left out", escape(found.database),
                         kMostRows));
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  auto bans = imported_bans(read->rows, static_cast<std::int64_t>(found.translation.bantime), now.count());
  if (bans.no_addresses > 0)
    complain(fmt::format("{} of its bans are of something else than addresses, and are left out",
                         bans.no_addresses));
  if (read->rows.empty() &&
      std::find(read->jails.begin(), read->jails.end(), found.jail.name) == read->jails.end())
    complain(fmt::format("{} knows no jail {}: it never ran with this database", escape(found.database),
                         escape(found.jail.name)));
  return bans;
}

std::string count_text(const Bans& bans) {
  const auto living = std::count_if(bans.bans.begin(), bans.bans.end(),
                                    [](const ImportedBan& ban) { return ban.left.count() > 0; });
  return fmt::format("{} living bans, and {} addresses with earlier ones", living,
                     bans.bans.size() - static_cast<std::size_t>(living));
}

int print_bans(const Found& found) {
  const auto bans = read_bans(found);
  if (!bans) return complain(bans.error().message()), kExitFailed;
  for (const ImportedBan& ban : bans->bans) fmt::print("{}\n", ban_json(ban));
  fmt::print(stderr, "[{}] in {}: {}\n", escape(found.jail.name), escape(found.database), count_text(*bans));
  return kExitOk;
}

int adopt_bans(const Found& found, const AdoptBans& adopt) {
  const auto bans = read_bans(found);
  if (!bans) return complain(bans.error().message()), kExitFailed;
  if (auto done = hand_over(bans->bans, adopt); !done) return complain(done.error().message()), kExitFailed;
  fmt::print("{} were taken over\n", count_text(*bans));
  return kExitOk;
}

void print_json(const Found& found, const std::string& yaml, const Result<Bans>& bans) {
  Json settings = Json::array();
  for (const Told& told : found.translation.told)
    settings.push_back({{"option", told.option},
                        {"value", told.value},
                        {"where", told.place},
                        {"outcome", kOutcomes[static_cast<std::size_t>(told.outcome)]},
                        {"yaml", told.yaml},
                        {"reason", told.reason}});
  Json values = Json::object();
  for (const auto& [option, setting] : found.jail.settings)
    values[option] = {{"value", setting.value}, {"where", setting.place()}};
  Json object{{"jail", found.jail.name},
              {"values", values},
              {"settings", settings},
              {"yaml", yaml},
              {"database", found.database}};
  if (bans) object["bans"] = bans->bans.size();
  object["switch_off"] = found.farewell;
  print_line(object);
}

int write_out(const ImportFail2banOptions& options, const std::string& yaml) {
  const auto written = options.force ? replace_file(options.output, yaml, kReadableByAll)
                                     : create_file(options.output, yaml, kReadableByAll);
  if (written) return kExitOk;
  const bool there = written.error().code == std::errc::file_exists;
  complain(there ? fmt::format("{} is there already; --force replaces it", escape(options.output))
                 : written.error().message());
  return kExitFailed;
}

int import_settings(const ImportFail2banOptions& options, const Found& found) {
  const std::string yaml =
      yaml_text(found.translation,
                {fmt::format("What fail2ban's jail [{}] said ({}), by `coturn-guard import-fail2ban`.",
                             escape(found.jail.name), escape(options.config_directory)),
                 "A file of /etc/coturn-guard/conf.d, such as 50-fail2ban.yaml; yours to change."});
  // Our own text must be ours to read; a mistake of ours must not stop a daemon at its next start.
  if (const auto config = parse_config(yaml, "the import"); !config) {
    for (const auto& problem : config.error()) fmt::print(stderr, "{}\n", problem);
    complain("the import came out wrong and was not written; please report this with your jail's text");
    return kExitFailed;
  }
  if (!options.output.empty())
    if (const int code = write_out(options, yaml); code != kExitOk) return code;
  const auto bans = read_bans(found);
  if (options.json)
    print_json(found, yaml, bans);
  else if (options.output.empty())
    fmt::print("{}", yaml);
  if (!options.output.empty())
    fmt::print(stderr,
               "{} is written; it holds after: coturn-guard check-config && systemctl reload coturn-guard\n",
               escape(options.output));
  for (const Told& told : found.translation.told)
    if (told.outcome == Outcome::lost)
      fmt::print(stderr, "{}{} = {}: {}{}\n", told.place.empty() ? "" : told.place + ": ",
                 escape(told.option), escape(told.value, 64), told.reason,
                 told.yaml.empty() ? "" : ": " + told.yaml);
  if (bans)
    fmt::print(stderr,
               "{}: {}; shown by --bans, taken over by: coturn-guard import-fail2ban --jail {} --adopt\n",
               escape(found.database), count_text(*bans), shell_word(found.jail.name));
  else
    complain(fmt::format("no bans are known: {}", bans.error().message()));
  for (const std::string& line : found.farewell) fmt::print(stderr, "{}\n", line);
  return kExitOk;
}

}  // namespace

int import_fail2ban(const ImportFail2banOptions& options, const AdoptBans& adopt) {
  const auto found = read_configuration(options);
  if (!found) return found.error();
  if (options.adopt) return adopt_bans(*found, adopt);
  return options.bans ? print_bans(*found) : import_settings(options, *found);
}

}  // namespace coturn_guard
