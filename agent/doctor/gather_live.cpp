// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "detect/rule_file.hpp"
#include "doctor/gather.hpp"
#include "doctor/log_tail.hpp"
#include "doctor/program.hpp"
#include "enforce/ipset_backing.hpp"
#include "enforce/nftables_backing.hpp"
#include "json_line.hpp"

namespace coturn_guard::doctor {
namespace {

namespace fs = std::filesystem;
std::string unit_state(const char* unit) {
  return first_line_of({"systemctl", "is-active", unit});
}

ino_t network_of(const fs::path& process) {
  struct stat facts {};
  return ::stat((process / "ns/net").c_str(), &facts) == 0 ? facts.st_ino : 0;
}

std::vector<Process> running_coturns() {
  std::vector<Process> found;
  const auto ours = network_of("/proc/self");
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::string program;
    std::getline(std::ifstream(entry->path() / "comm") >> std::ws, program);
    if (program != "turnserver") continue;
    const auto network = network_of(entry->path());
    found.push_back({std::stoi(name), network != 0 && ours != 0 && network != ours});
  }
  return found;
}

void ask_witness(const CoturnPorts& ports, CoturnTraces traces, Facts::Live& live) {
  boost::asio::io_context io{1};
  WitnessEvents events;
  events.state = [&](const WitnessState& state, const Now&) { live.witness = state; };
  Witness witness(io, ports, std::move(traces), std::move(events));
  if (const auto started = witness.start(); !started) {
    live.witness_problem = started.error().message();
    return;
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  while (!live.witness && std::chrono::steady_clock::now() < end)
    io.run_one_for(std::chrono::milliseconds(50));
  if (!live.witness) live.witness_problem = "no answer";
}

std::unique_ptr<Backing> backing_of(const Config& config, boost::asio::io_context& io) {
  const EnforcerOptions options{.max_bans = config.max_bans, .ports = config.ports};
  if (choose_enforcer(config.enforcer).name == "ipset") return std::make_unique<IpsetBacking>(io, options);
  auto nftables = std::make_unique<NftablesBacking>();
  nftables->set_options(options);
  return nftables;
}

Result<> ask_kernel(const Config& config, KernelFacts& facts) {
  boost::asio::io_context io;
  const auto backing = backing_of(config, io);
  if (auto opened = backing->open(); !opened) return opened;
  for (const auto family : kFamilies) {
    const auto place = static_cast<std::size_t>(family);
    const auto canary = backing->set_stands(family, false);
    facts.canary[place] = canary && *canary;
    const auto stands = backing->rule_stands(family);  // an error: no such set, so no rule that could name it
    facts.rule[place] = stands && *stands;
  }
  return {};
}

void look_at_journal_lines(Facts& facts, const SetupPaths& paths) {
  const auto book = load_rules(facts.config.rules_file, own_rules_directory(paths.config));
  if (!book) return;  // told with the configuration
  const auto rules = RuleSet::create(*book);
  const auto format = TimeFormat::compile(facts.config.log_timestamp_format);
  const auto lines =
      last_entries(facts.source.names, facts.source.kind == "journal" ? JournalTransport::syslog
                                                                      : JournalTransport::standard_output);
  if (rules && lines) facts.tail = look_at_lines(*lines, *rules, format.value_or(TimeFormat()));
}

// What the running daemon knows of its customers.
void ask_daemon(Facts::Live& live) {
  constexpr std::size_t kMostBytes = 65'536;
  const auto line = first_line_of({"/proc/self/exe", "status", "--json"}, kMostBytes);
  const Json status = Json::parse(line, nullptr, false);
  if (!status.is_object()) return;
  const auto text_of = [&](const char* key) {
    const auto found = status.find(key);
    return found != status.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  live.gateway = text_of("gateway");
  live.breaker = text_of("breaker");
  const auto some_of = [&](const char* key) {
    constexpr std::size_t kMost = 5;
    std::string text;
    const auto found = status.find(key);
    if (found == status.end() || !found->is_array()) return text;
    for (std::size_t i = 0; i < std::min(found->size(), kMost); ++i)
      if ((*found)[i].is_string()) text += (i == 0 ? "" : "; ") + (*found)[i].get<std::string>();
    if (found->size() > kMost) text += fmt::format("; and {} more", found->size() - kMost);
    return text;
  };
  live.health_checks = some_of("health_checks");
  live.private_sources = some_of("private_sources");
}

}  // namespace

void gather_live(Facts& facts, const SetupPaths& paths) {
  Facts::Live live;
  live.service = unit_state("coturn-guard.service");
  live.coturn = unit_state("coturn.service");
  live.fail2ban = unit_state("fail2ban.service");
  live.coturns = running_coturns();
  if (const auto look = look_at_journal(facts.config.journal_units)) live.journal = *look;
  facts.source = choose_source(facts.config, live.journal);
  if (facts.source.kind != "file") look_at_journal_lines(facts, paths);
  if (!facts.version && facts.tail && facts.tail->version) {
    facts.version = facts.tail->version;
    facts.version_from = "its log";
  }
  ask_witness(coturn_ports(facts.config), coturn_traces(facts.config, facts.source), live);
  if (const auto asked = ask_kernel(facts.config, live.kernel); !asked)
    live.kernel.problem = asked.error().message();
  ask_daemon(live);
  facts.live = std::move(live);
}

}  // namespace coturn_guard::doctor
