// SPDX-License-Identifier: GPL-3.0-or-later
// Coming over from another program: adopt has the running daemon take over bans that stand on standard input,
// and import-fail2ban runs the program that reads fail2ban's files and feeds it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "util/duration.hpp"
#include "verbs/conversation.hpp"
#include "verbs/verb.hpp"

namespace coturn_guard {
namespace {

using control::KnownBan;

constexpr std::size_t kMostBans = 1'048'576;
constexpr std::size_t kMostProblems = 20;
constexpr std::size_t kMostLineBytes = 1024;
constexpr const char* kImportProgram = "/usr/libexec/coturn-guard/import-fail2ban";

// One line of adopt's input: {"prefix":"192.0.2.1/32","seconds":600,"earlier_bans":3}.
Result<KnownBan> read_known_ban(const std::string& line) {
  const Json object =
      line.size() > kMostLineBytes ? Json() : Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return fail("no JSON object");
  const Json &prefix = get(object, "prefix"), &seconds = get(object, "seconds"),
             &earlier = get(object, "earlier_bans");
  const auto network = Prefix::parse(prefix.is_string() ? prefix.get<std::string>() : "");
  if (!network) return fail(R"("prefix" is no address or network)");
  if (!seconds.is_number_unsigned() ||
      seconds.get<std::uint64_t>() > static_cast<std::uint64_t>(kLongestDuration.count()))
    return fail(R"("seconds" is no number from 0 to {})", kLongestDuration.count());
  if (!earlier.is_number_unsigned() || earlier.get<std::uint64_t>() > control::kMaxEarlierBans)
    return fail(R"("earlier_bans" is no number from 0 to {})", control::kMaxEarlierBans);
  return KnownBan{*network, std::chrono::seconds(seconds.get<std::int64_t>()), earlier.get<std::uint32_t>()};
}

tl::expected<std::vector<KnownBan>, Problems> read_known_bans(std::istream& input) {
  std::vector<KnownBan> bans;
  Problems problems;
  std::size_t number = 0;
  for (std::string line; problems.size() < kMostProblems && std::getline(input, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto ban = read_known_ban(line);
    if (bans.size() >= kMostBans)
      problems.push_back(fmt::format("standard input:{}: more than {} bans", number, kMostBans));
    else if (ban)
      bans.push_back(*ban);
    else
      problems.push_back(fmt::format("standard input:{}: {}", number, ban.error().what));
  }
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return bans;
}

// In portions, each of which is one turn of the daemon's.
int adopt(const ControlOptions& options) {
  const auto bans = read_known_bans(std::cin);
  if (!bans) {
    for (const auto& problem : bans.error()) fmt::print(stderr, "coturn-guard: {}\n", problem);
    fmt::print(stderr, "coturn-guard: nothing was done\n");
    return kExitBadInput;
  }
  auto daemon = Conversation::open(options);
  if (!daemon) return daemon.error();
  std::uint64_t adopted = 0, known = 0, refused = 0;
  for (std::size_t begin = 0; begin < bans->size(); begin += control::kMaxKnownBans) {
    const auto end = std::min(begin + control::kMaxKnownBans, bans->size());
    control::Command command;
    command.verb = control::Verb::adopt;
    command.bans.assign(bans->begin() + static_cast<std::ptrdiff_t>(begin),
                        bans->begin() + static_cast<std::ptrdiff_t>(end));
    const int code = daemon->ask(command, [&](std::string_view line) {
      if (options.json) return print_raw(line);
      const Json told = parse_line(line);
      fmt::print(stderr, "{}: refused, {}\n", text_of(get(told, "prefix")), text_of(get(told, "text")));
    });
    if (code != kExitOk) return code;
    const auto of = [&](const char* key) { return daemon->end().value(key, std::uint64_t{0}); };
    adopted += of("adopted");
    known += of("ladder");
    refused += of("refused");
  }
  if (options.json)
    print_line({{"schema", control::kSchema},
                {"event", "end"},
                {"verb", "adopt"},
                {"adopted", adopted},
                {"ladder", known},
                {"refused", refused}});
  else
    fmt::print("{} bans were taken over, and {} addresses with earlier ones; {} refused\n", adopted, known,
               refused);
  return kExitOk;
}

struct ImportOptions {
  std::vector<std::string> given{};  // as they go on to the program
};

// Becomes the program; returns only where that fails.
int become_importer(const ImportOptions& options) {
  std::vector<std::string> texts{kImportProgram};
  texts.insert(texts.end(), options.given.begin(), options.given.end());
  std::vector<char*> words;
  words.reserve(texts.size() + 1);
  for (std::string& text : texts) words.push_back(text.data());
  words.push_back(nullptr);
  std::error_code none;
  if (const auto own = std::filesystem::read_symlink("/proc/self/exe", none); !none)
    ::setenv("COTURN_GUARD", own.c_str(), 1);
  (void)::execv(kImportProgram, words.data());
  if (errno == ENOENT && ::access(kImportProgram, F_OK) == 0) errno = ENOEXEC;
  const char* const remedy = errno == ENOEXEC
                                 ? "it needs Python and fail2ban's own reader: apt install fail2ban"
                                 : "is the package installed whole? apt install --reinstall coturn-guard";
  fmt::print(stderr, "coturn-guard: {} cannot be run; {}\n", kImportProgram, remedy);
  return kExitFailed;
}

}  // namespace

void add_import_verbs(CommandLine& line) {
  const auto control = std::make_shared<ControlOptions>();
  auto* const adopt_verb =
      add_verb(line, "adopt", "have the running daemon take over another program's bans, from standard input",
               [control] { return adopt(*control); });
  add_control_options(*adopt_verb, *control);

  const auto options = std::make_shared<ImportOptions>();
  auto* const verb = add_verb(line, "import-fail2ban",
                              "write fail2ban's jail for coturn down as our configuration, and show its bans",
                              [options] { return become_importer(*options); });
  const auto value = [&](const char* name, const char* what, const char* type) {
    verb->add_option_function<std::string>(
            name,
            [options, name](const std::string& text) {
              options->given.push_back(fmt::format("{}={}", name, text));
            },
            what)
        ->type_name(type);
  };
  const auto flag = [&](const char* name, const char* what) {
    verb->add_flag_callback(
        name, [options, name] { options->given.emplace_back(name); }, what);
  };
  value("--jail", "the jail (default: the one that is coturn's)", "TEXT");
  value("--config-dir", "fail2ban's configuration (default: /etc/fail2ban)", "DIR");
  value("--database", "fail2ban's database (default: dbfile of its configuration)", "FILE");
  value("--output", "write to this file, as /etc/coturn-guard/conf.d/50-fail2ban.yaml", "FILE");
  flag("--force", "replace that file if it is there");
  flag("--bans", "show whom the jail has banned instead, one JSON object a line");
  flag("--adopt", "have the running daemon take over its bans, and who was banned how often");
  flag("--json", "one JSON object with everything that is known of the jail");
  value("--socket", "the daemon's socket", "PATH");
}

}  // namespace coturn_guard
