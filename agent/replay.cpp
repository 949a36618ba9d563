// SPDX-License-Identifier: GPL-3.0-or-later
#include "replay.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "detect/log_clock.hpp"
#include "pipeline.hpp"
#include "source/line_splitter.hpp"
#include "util/duration.hpp"
#include "util/random_seed.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBlockBytes = std::size_t{256} * 1024;
constexpr std::chrono::seconds kTick{1};  // as the daemon's

// Prints what the pipeline decided: for people, or one JSON object a line.
class Report {
 public:
  Report(bool json, const RuleSet& rules) : json_(json), rules_(rules) {}

  void ban(const Verdict& verdict, std::string_view time) {
    ++bans_;
    const auto rule = rules_.name(verdict.rule);
    if (json_) {
      print({{"event", "ban"},
             {"time", time},
             {"address", verdict.address.to_string()},
             {"prefix", verdict.prefix.to_string()},
             {"rule", rule},
             {"evidence", to_string(verdict.evidence)},
             {"seconds", verdict.duration.count()},
             {"points", verdict.points.milli / 1000.0},
             {"earlier_bans", verdict.earlier_bans}});
    } else {
      fmt::print("{}  ban {} for {}  {} ({}, {} points, {} earlier bans)\n", time, verdict.prefix.to_string(),
                 to_string(verdict.duration), rule, to_string(verdict.evidence), to_string(verdict.points),
                 verdict.earlier_bans);
    }
  }

  void summary(const Pipeline& pipeline) const {
    const auto& seen = pipeline.recogniser().counters();
    const auto counted = pipeline.counters();
    if (json_) {
      Json offences = Json::object();
      for (const auto& [key, count] : counted.offences)
        offences[key.first][std::string(to_string(key.second))] = count;
      print({{"event", "summary"},
             {"lines", seen.lines},
             {"recognised", seen.recognised},
             {"offences", offences},
             {"tainted", seen.tainted},
             {"spared", counted.spared},
             {"bans", bans_}});
      return;
    }
    fmt::print("{} lines, {} of them coturn's; {} bans\n", seen.lines, seen.recognised, bans_);
    for (const auto& [key, count] : counted.offences)
      fmt::print("  {:>10}  {} ({})\n", count, key.first, to_string(key.second));
    if (counted.spared > 0) fmt::print("  {:>10}  of addresses that are never banned\n", counted.spared);
  }

 private:
  static void print(const Json& object) {
    // Texts in it are ours or coturn's times; should one not be UTF-8, it is replaced, not thrown.
    fmt::print("{}\n", object.dump(-1, ' ', true, Json::error_handler_t::replace));
  }

  bool json_;
  const RuleSet& rules_;
  std::uint64_t bans_ = 0;
};

Result<UniqueFd> open_log(const std::string& name) {
  UniqueFd fd(name == "-" ? ::dup(STDIN_FILENO) : ::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(errno, "open {}", name);
  return fd;
}

// Windows ask for distances only, so the steady clock may begin at zero. The wall's is today's: a counter of
// coturn's tells no date, and a credential that has expired by today is milder judged than one that has not.
Now virtual_now(std::chrono::milliseconds since_first, std::chrono::system_clock::time_point wall) {
  return {std::chrono::steady_clock::time_point(since_first), wall};
}

}  // namespace

Result<> replay_logs(const ReplayOptions& options, Setup setup) {
  auto recogniser = Recogniser::create(std::move(setup.rules), setup.config.log_timestamp_format);
  if (!recogniser) return tl::unexpected(recogniser.error());
  Allowlist allowlist;
  allowlist.set_ignored(setup.config.ignoreip);
  allowlist.set_own(setup.config.coturn_networks);
  Pipeline pipeline(std::move(*recogniser), setup.config.policy, random_seed(), std::move(allowlist));
  Report report(options.json, pipeline.recogniser().rules());
  auto clock = LogClock::create(setup.config.log_timestamp_format);
  if (!clock) return tl::unexpected(clock.error());
  const auto wall = std::chrono::system_clock::now();
  Now now = virtual_now({}, wall);
  Outcome outcome;
  std::vector<char> block(kBlockBytes);
  StreamId stream = 0;
  for (const auto& name : options.files) {
    auto fd = open_log(name);
    if (!fd) return tl::unexpected(fd.error());
    LineSplitter splitter;
    ++stream;
    for (;;) {
      const auto got = ::read(fd->get(), block.data(), block.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(errno, "read {}", name);
      if (got == 0) break;
      splitter.feed(
          {block.data(), static_cast<std::size_t>(got)}, [&](std::string_view text, std::uint64_t offset) {
            pipeline.recognise({text, stream, offset}, now);
            const auto time =
                pipeline.recogniser().last_time_text();  // where in the line it stands, only he knows
            const Now then = virtual_now(clock->at(time), wall);
            pipeline.proceed(then, outcome);
            if (then.mono - now.mono >= kTick) pipeline.tick(then, false, outcome);
            now = then;
            for (const auto& verdict : outcome.verdicts) report.ban(verdict, time);
            outcome.clear();
          });
    }
  }
  pipeline.finish(now, outcome);
  for (const auto& verdict : outcome.verdicts) report.ban(verdict, pipeline.recogniser().last_time_text());
  report.summary(pipeline);
  return {};
}

}  // namespace coturn_guard
