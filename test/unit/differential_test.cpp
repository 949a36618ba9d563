// SPDX-License-Identifier: GPL-3.0-or-later
// The same log read line by line as it is written, as a backlog after the daemon was stopped, and by replay:
// the same bans. Seeds are 1 to 200, or DIFFERENTIAL_SEED alone.
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <set>

#include "past_bans.hpp"
#include "pipeline.hpp"
#include "replay.hpp"
#include "support/catch.hpp"
#include "support/detect.hpp"
#include "support/made_log.hpp"

using namespace coturn_guard;
using namespace std::chrono;

namespace {

using test::MadeLine;
using test::MadeLog;

constexpr HashSeed kSeed{1, 2};

std::string text_of(const Verdict& verdict, const RuleSet& rules) {
  return fmt::format("{} {} {} {}s {} points {} earlier {}", to_string(verdict.deed),
                     verdict.prefix.to_string(), rules.name(verdict.rule), verdict.duration.count(),
                     to_string(verdict.points), verdict.earlier_bans, to_string(verdict.evidence));
}

// A daemon's loop with a clock of ours.
class Daemon {
 public:
  Daemon(const MadeLog& story, Now origin)
      : pipeline_(test::make_recogniser(story.timestamp_format), Policy{}, kSeed, Allowlist{}) {
    pipeline_.recogniser().clocks().set_zone(test::central_europe);
    pipeline_.begin(origin.mono);
  }

  // The steady clock began a day before 2026, so that nothing is as it is in a replay.
  static Now at(std::int64_t milli) {
    constexpr auto kBoot = sys_days(2025y / December / 31).time_since_epoch() / 1ms;
    return {steady_clock::time_point(milliseconds(milli - kBoot)),
            system_clock::time_point(milliseconds(milli))};
  }

  void read(const MadeLine& line, std::int64_t arrival, bool fresh, bool known = false) {
    pipeline_.take({.text = line.text,
                    .stream = line.stream,
                    .offset = line.offset,
                    .fresh = fresh,
                    .known = known,
                    .place = line.offset},
                   at(arrival), outcome_);
    note();
  }
  void tick(std::int64_t milli, bool caught_up) {
    pipeline_.tick(at(milli), caught_up, outcome_);
    note();
  }
  void pass(std::int64_t from, std::int64_t until) {
    constexpr std::int64_t kQuiet = 5000;
    for (std::int64_t next = from + 1000; next < until && next < from + kQuiet; next += 1000)
      tick(next, true);
    if (until > from + kQuiet) tick(until - 1, true);
  }

  // What is known as of then, as the state file has it.
  SavedState save(Now origin, std::int64_t milli) {
    StateBatch batch;
    pipeline_.note_everything();
    pipeline_.save_changes(batch);
    SavedState saved;
    saved.head.mark = LastingScale(origin).mark("", at(milli));
    saved.head.findtime_seconds = Policy{}.findtime.count();
    saved.offenders = batch.offenders;
    saved.records = batch.records;
    return saved;
  }
  void load(const SavedState& saved, std::int64_t milli) {
    std::vector<std::optional<RuleId>> rules;
    for (std::size_t id = 0; id < pipeline_.rules().rules().size(); ++id)
      rules.emplace_back(static_cast<RuleId>(id));
    pipeline_.load(saved, rules, true, at(milli));
  }

  [[nodiscard]] const std::vector<std::string>& bans() const { return bans_; }
  [[nodiscard]] std::vector<Verdict>& verdicts() { return verdicts_; }
  Pipeline& pipeline() { return pipeline_; }

 private:
  void note() {
    for (const Verdict& verdict : outcome_.verdicts) bans_.push_back(text_of(verdict, pipeline_.rules()));
    verdicts_.insert(verdicts_.end(), outcome_.verdicts.begin(), outcome_.verdicts.end());
    outcome_.clear();
  }

  Pipeline pipeline_;
  Outcome outcome_;
  std::vector<std::string> bans_;
  std::vector<Verdict> verdicts_;
};

// Reads [from, until) as they are written; the delay of each is its own.
void read_live(Daemon& daemon, const MadeLog& story, std::size_t from, std::size_t until) {
  std::mt19937_64 delays(story.seed);
  std::int64_t before = 0;
  for (std::size_t i = from; i < until; ++i) {
    const std::int64_t arrival =
        std::max(before, story.lines[i].written + static_cast<std::int64_t>(delays() % 900));
    if (before != 0) daemon.pass(before, arrival);
    daemon.read(story.lines[i], arrival, true);
    before = arrival;
  }
  if (before != 0) daemon.pass(before, before + 10'000);
}

Now origin_of(const MadeLog& story) {
  return Daemon::at(story.lines.front().written);
}

std::vector<std::string> live(const MadeLog& story) {
  Daemon daemon(story, origin_of(story));
  read_live(daemon, story, 0, story.lines.size());
  return daemon.bans();
}

// Stopped at some line; what was written meanwhile and until `late` after the end is read at once.
std::vector<std::string> stopped(const MadeLog& story, std::size_t stop, std::int64_t late) {
  Daemon before(story, origin_of(story));
  read_live(before, story, 0, stop);
  const SavedState saved = before.save(origin_of(story), story.lines[stop].written);
  std::vector<LinePlace> waiting = before.pipeline().waiting();

  Daemon after(story, origin_of(story));
  std::int64_t now = story.lines.back().written + late;
  after.load(saved, now);
  for (std::size_t i = stop - std::min<std::size_t>(stop, 256); i < story.lines.size(); ++i) {
    const MadeLine& line = story.lines[i];
    const bool waited =
        std::binary_search(waiting.begin(), waiting.end(), LinePlace{line.stream, line.offset});
    after.read(line, now, false, i < stop && !waited);
    if (i % 500 == 499) after.tick(now += 1000, false);
  }
  after.pass(now, now + 10'000);
  std::vector<std::string> bans = before.bans();
  bans.insert(bans.end(), after.bans().begin(), after.bans().end());
  return bans;
}

std::vector<std::string> replayed(const MadeLog& story) {
  std::vector<std::string> files;
  StreamId stream = 0;
  std::ofstream out;
  for (const MadeLine& line : story.lines) {
    if (line.stream != stream) {
      stream = line.stream;
      files.push_back(fmt::format("/tmp/coturn-guard-differential.{}.log.{}", ::getpid(), stream));
      out = std::ofstream(files.back(), std::ios::binary);
    }
    out << line.text << '\n';
  }
  out.close();
  auto logs = LogFiles::open(files);
  for (const std::string& file : files) ::unlink(file.c_str());
  REQUIRE(logs);
  Config config;
  config.log_timestamp_format = story.timestamp_format;
  auto replay = Replay::create({std::move(config), RuleSet::create(test::shipped_rules()).value()});
  REQUIRE(replay);
  std::vector<std::string> bans;
  ReplayEvents events;
  events.banned = [&](const Verdict& verdict, std::string_view) {
    bans.push_back(text_of(verdict, replay->pipeline().rules()));
  };
  REQUIRE(replay->read(*logs, events));
  return bans;
}

// Bans of one moment have no order.
std::vector<std::string> sorted(std::vector<std::string> bans) {
  std::sort(bans.begin(), bans.end());
  return bans;
}

// It has lines of the hour that comes twice when clocks are set back, and their stamps do not say of which:
// who reads them then knows, and nobody later.
bool tells_twice(const MadeLog& story) {
  if (story.clock != test::MadeClock::custom && story.clock != test::MadeClock::syslog) return false;
  constexpr auto kFirst = sys_days(2026y / October / 25).time_since_epoch() / 1ms;
  return std::any_of(story.lines.begin(), story.lines.end(), [](const MadeLine& line) {
    return line.written >= kFirst && line.written < kFirst + 7'200'000;
  });
}

// Of 200 logs: whom an error line accuses is not always decided at the same of two lines.
constexpr std::size_t kKnownToDiffer = 3;

std::string difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::size_t same = 0;
  while (same < a.size() && same < b.size() && a[same] == b[same]) ++same;
  return fmt::format("{} and {} bans; after {} equal ones:\n  {}\n  {}", a.size(), b.size(), same,
                     same < a.size() ? a[same] : "-", same < b.size() ? b[same] : "-");
}

}  // namespace

TEST_CASE("read live, as a backlog or by replay, a log gives the same bans", "[differential][clock]") {
  ::setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  ::tzset();
  const char* const only = std::getenv("DIFFERENTIAL_SEED");
  const std::uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  const std::uint64_t last = only != nullptr ? first : 200;
  std::size_t bans = 0, lines = 0, differ = 0, differ_in_the_hour = 0;
  std::set<test::MadeClock> clocks;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const MadeLog story = test::LogMaker(seed).tell();
    const auto by_replay = sorted(replayed(story));
    const auto by_live = sorted(live(story));
    std::mt19937_64 random(seed);
    const std::size_t stop = random() % story.lines.size();
    const std::int64_t late = random() % 2 == 0 ? 3'600'000 : 7 * 86'400'000;
    const auto by_backlog = sorted(stopped(story, stop, late));
    std::string differs;
    if (by_replay != by_live) differs += "\nreplay and live: " + difference(by_replay, by_live);
    if (by_replay != by_backlog)
      differs +=
          fmt::format("\nreplay and a stop after line {}: {}", stop, difference(by_replay, by_backlog));
    if (!differs.empty()) {
      ++(tells_twice(story) ? differ_in_the_hour : differ);
      WARN(fmt::format("DIFFERENTIAL_SEED={}, clock {}: {}", seed, static_cast<int>(story.clock), differs));
    }
    bans += by_replay.size();
    lines += story.lines.size();
    clocks.insert(story.clock);
  }
  ::unsetenv("TZ");
  ::tzset();
  WARN(fmt::format("{} bans in {} lines", bans, lines));
  CHECK(differ <= kKnownToDiffer);
  CHECK(differ_in_the_hour <= kKnownToDiffer);
  if (only == nullptr) {
    CHECK(bans > 500);
    CHECK(clocks.size() == 6);
  }
}

namespace {

constexpr std::int64_t kSecond = 1000, kHour = 3'600'000;
constexpr std::int64_t kNoon = 1'795'348'800'000;  // 2026-11-22, when coturn was started

// A daemon that reads what stands in a log of uptimes since it was stopped at noon and an hour.
struct Restart {
  bool knows_clock = true;        // the state file has it
  bool coturn_restarted = false;  // meanwhile
  std::int64_t stopped_for = 0;
  std::vector<std::int64_t> resets;  // milliseconds after the stop
};

std::vector<Verdict> bans_of(const Restart& restart) {
  constexpr std::int64_t kStop = kNoon + kHour;
  std::uint64_t offset = 0;
  const auto line = [&](std::int64_t started, std::int64_t written, const std::string& text) {
    MadeLine made{written, fmt::format("{}: : {}", (written - started) / 1000, text), 1, offset};
    offset += made.text.size() + 1;
    return made;
  };
  const MadeLog story;
  const Now origin = Daemon::at(kNoon);
  Daemon before(story, origin);
  before.read(line(kNoon, kNoon, "Coturn Version Coturn-4.5.2 'dan Eider'"), kNoon, true);
  before.read(line(kNoon, kStop - 60'000, "Listener address to use: 198.51.100.10"), kStop - 60'000, true);
  before.tick(kStop, true);
  SavedState saved = before.save(origin, kStop);
  if (!restart.knows_clock)
    std::erase_if(saved.records, [](const SavedRecord& one) { return one.kind == SavedRecord::Kind::clock; });

  const std::int64_t now = kStop + restart.stopped_for;
  Daemon after(story, origin);
  after.load(saved, now);
  const std::int64_t started = restart.coturn_restarted ? kStop + kSecond : kNoon;
  if (restart.coturn_restarted)
    after.read(line(started, started, "Version Coturn-4.5.2 'dan Eider'"), now, false);
  for (std::size_t i = 0; i < restart.resets.size(); ++i)
    after.read(
        line(started, kStop + restart.resets[i],
             fmt::format("ERROR: session {:018}: TCP socket error: Connection reset by peer 203.0.113.5:{}",
                         i + 1, i + 1024)),
        now, false);
  after.tick(now + kSecond, true);
  CHECK(take_past(after.verdicts(), Daemon::at(now + kSecond)).empty());
  return after.verdicts();
}

}  // namespace

TEST_CASE("who attacks while the daemon is started anew is banned", "[differential][clock]") {
  for (const bool knows_clock : {true, false})
    for (const bool coturn_restarted : {true, false}) {
      INFO("knows its clock: " << knows_clock << ", coturn restarted: " << coturn_restarted);
      CHECK(bans_of({.knows_clock = knows_clock,
                     .coturn_restarted = coturn_restarted,
                     .stopped_for = 20 * kSecond,
                     .resets = {5 * kSecond, 6 * kSecond, 15 * kSecond, 16 * kSecond}})
                .size() == 1);
    }
}

TEST_CASE("hours of uptimes that were written while the daemon was stopped are no moment",
          "[differential][clock]") {
  for (const bool knows_clock : {true, false})
    for (const bool coturn_restarted : {true, false}) {
      INFO("knows its clock: " << knows_clock << ", coturn restarted: " << coturn_restarted);
      CHECK(bans_of({.knows_clock = knows_clock,
                     .coturn_restarted = coturn_restarted,
                     .stopped_for = 12 * kHour,
                     .resets = {kHour, kHour + 5 * kSecond, 5 * kHour, 5 * kHour + kSecond, 11 * kHour}})
                .empty());
    }
}
