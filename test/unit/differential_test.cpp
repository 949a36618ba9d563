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
  // An entry that stands in the journal since then.
  void read_journal(std::int64_t written, const std::string& text, std::int64_t arrival) {
    pipeline_.take({.text = text,
                    .stream = 1,
                    .offset = entries_,
                    .whole = true,
                    .fresh = false,
                    .place = entries_,
                    .written_milli = written},
                   at(arrival), outcome_);
    entries_ += text.size() + 1;
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
  std::uint64_t entries_ = 0;
};

// Reads [from, until) as they are written; the delay of each is its own. It is stopped when the next line is
// written.
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
  std::int64_t end = before + 10'000;
  if (until < story.lines.size()) end = std::min(end, story.lines[until].written);
  if (before != 0 && end > before) daemon.pass(before, end);
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
  const auto waited = [&](const MadeLine& line) {
    return std::binary_search(waiting.begin(), waiting.end(), LinePlace{line.stream, line.offset});
  };
  // As FollowedFile::read_again(): from some before the oldest line that waits.
  const auto oldest = static_cast<std::size_t>(
      std::find_if(story.lines.begin(), story.lines.begin() + static_cast<std::ptrdiff_t>(stop), waited) -
      story.lines.begin());
  for (std::size_t i = oldest - std::min<std::size_t>(oldest, 256); i < story.lines.size(); ++i) {
    const MadeLine& line = story.lines[i];
    after.read(line, now, false, i < stop && !waited(line));
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
  const std::uint64_t last_seed = only != nullptr ? first : 200;
  std::size_t bans = 0, lines = 0, differ = 0;
  std::set<test::MadeClock> clocks;
  for (std::uint64_t seed = first; seed <= last_seed; ++seed) {
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
      ++differ;
      WARN(fmt::format("DIFFERENTIAL_SEED={}, clock {}: {}", seed, static_cast<int>(story.clock), differs));
    }
    bans += by_replay.size();
    lines += story.lines.size();
    clocks.insert(story.clock);
  }
  ::unsetenv("TZ");
  ::tzset();
  WARN(fmt::format("{} bans in {} lines", bans, lines));
  CHECK(differ == 0);
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
  bool looks_late = false;        // only after some ticks the source finds that there is more to read
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
  if (restart.looks_late) after.pass(now - 5 * kSecond, now);
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
                     .looks_late = true,
                     .stopped_for = 20 * kSecond,
                     .resets = {5 * kSecond, 6 * kSecond, 15 * kSecond, 16 * kSecond}})
                .size() == 1);
    }
}

TEST_CASE("hours of uptimes that were written while the daemon was stopped are no moment",
          "[differential][clock]") {
  for (const bool knows_clock : {true, false})
    for (const bool coturn_restarted : {true, false})
      for (const bool looks_late : {true, false}) {
        INFO("knows its clock: " << knows_clock << ", coturn restarted: " << coturn_restarted
                                 << ", looks late: " << looks_late);
        CHECK(bans_of({.knows_clock = knows_clock,
                       .coturn_restarted = coturn_restarted,
                       .looks_late = looks_late,
                       .stopped_for = 12 * kHour,
                       .resets = {kHour, kHour + 5 * kSecond, 5 * kHour, 5 * kHour + kSecond, 11 * kHour}})
                  .empty());
      }
}

namespace {

std::string iso(std::int64_t milli) {
  const auto seconds = static_cast<std::time_t>(milli / 1000);
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}+0000", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                     tm.tm_hour, tm.tm_min, tm.tm_sec);
}

// Writes one log with wall clocks.
class Writer {
 public:
  MadeLine line(std::int64_t written, std::int64_t shown, const std::string& text) {
    MadeLine made{written, iso(shown) + ": " + text, 1, offset_};
    offset_ += made.text.size() + 1;
    return made;
  }
  MadeLine line(std::int64_t written, const std::string& text) { return line(written, written, text); }
  MadeLine reset(std::int64_t written, std::int64_t shown, const std::string& address) {
    ++sessions_;
    return line(written, shown,
                fmt::format("ERROR: session {:018}: TCP socket error: Connection reset by peer {}:{}",
                            sessions_, address, 1024 + sessions_));
  }

 private:
  std::uint64_t offset_ = 0;
  int sessions_ = 0;
};

// The two lines of a failed login in a session whose client is not known yet.
void guess(std::vector<MadeLine>& lines, Writer& writer, std::int64_t at) {
  lines.push_back(writer.line(at, "ERROR: check_stun_auth: user alice credentials are incorrect"));
  lines.push_back(writer.line(at,
                              "session 001000000000000001: realm <example.org> user <alice>: incoming packet "
                              "message processed, error 401: Unauthorized"));
}

}  // namespace

TEST_CASE("what a session did before a stop is charged by the end that a backlog tells, whenever it is found",
          "[differential][clock]") {
  for (const bool looks_late : {false, true}) {
    Writer writer;
    std::vector<MadeLine> lines{writer.line(kNoon, "Version Coturn-4.5.2 'dan Eider'")};
    for (int i = 0; i < 6; ++i) guess(lines, writer, kNoon + 1000 + i * 100);
    const std::size_t stop = lines.size();
    constexpr std::int64_t kStop = kNoon + 10'000;
    lines.push_back(writer.line(kStop + 20'000,
                                "session 001000000000000001: closed (2nd stage), user <alice> realm "
                                "<example.org> origin <>, local 198.51.100.10:3478, remote 203.0.113.5:4000, "
                                "reason: allocation watchdog determined stale session state"));
    lines.push_back(writer.line(kStop + 3 * kHour, "Total auth threads: 2"));
    lines.push_back(writer.line(kStop + 3 * kHour, "Total auth threads: 2"));

    const MadeLog story;
    const Now origin = Daemon::at(kNoon);
    Daemon before(story, origin);
    for (std::size_t i = 0; i < stop; ++i) before.read(lines[i], lines[i].written + 10, true);
    before.pass(kNoon + 2000, kStop);
    Daemon after(story, origin);
    const std::int64_t now = kStop + 24 * kHour;
    after.load(before.save(origin, kStop), now);
    if (looks_late) after.pass(now - 5 * kSecond, now);
    for (std::size_t i = 0; i < lines.size(); ++i) after.read(lines[i], now, false, i < stop);
    after.pass(now, now + 10 * kSecond);
    CHECK(before.bans().empty());
    INFO("looks late: " << looks_late);
    REQUIRE(after.verdicts().size() == 1);
    CHECK(to_string(after.verdicts().front().deed) == iso(kStop + 20'000));
  }
}

TEST_CASE("a clock that steps both ways by hours while lines come bans whom it bans without",
          "[differential][clock]") {
  const std::vector<std::int64_t> steps{0, 6, -9, 1, -500, 7000, 0};
  const auto bans = [&](std::int64_t gap, bool wrong) {
    Writer writer;
    Daemon daemon({}, Daemon::at(kNoon));
    for (std::int64_t second = 0; second < 6 * 3600; ++second) {
      const std::int64_t written = kNoon + second * kSecond;
      const std::int64_t step = steps[static_cast<std::size_t>(second / 700) % steps.size()];
      const std::int64_t shown = written + (wrong ? step * kHour : 0);
      if (second % 10 == 0)
        daemon.read(writer.line(written, shown, "Total auth threads: 2"), written + 300, true);
      if (second % gap == 0) daemon.read(writer.reset(written, shown, "203.0.113.5"), written + 300, true);
      daemon.tick(written + 900, true);
    }
    return daemon.verdicts().size();
  };
  CHECK(bans(2400, true) == 0);  // two within the hour
  CHECK(bans(2400, false) == 0);
  CHECK(bans(1500, true) == bans(1500, false));
  CHECK(bans(60, true) == bans(60, false));
}

TEST_CASE("what the journal tells late is judged by when it was written", "[differential][clock]") {
  const auto told = [](std::int64_t gap, bool ticks) {
    Daemon daemon({}, Daemon::at(kNoon));
    constexpr std::int64_t kArrival = kNoon + 9 * kHour;
    for (int i = 0; i < 4; ++i) {
      daemon.read_journal(kNoon + i * gap,
                          fmt::format("{}: session {:018}: TCP socket error: Connection reset by peer "
                                      "203.0.113.5:{}",
                                      i, i + 1, i + 1024),
                          kArrival + i * kSecond);
      if (ticks) daemon.tick(kArrival + i * kSecond + 500, true);
    }
    daemon.pass(kArrival + 4 * kSecond, kArrival + 20 * kSecond);
    return daemon.verdicts();
  };
  for (const bool ticks : {false, true}) {
    INFO("ticks: " << ticks);
    CHECK(told(2 * kHour, ticks).empty());
    std::vector<Verdict> verdicts = told(60 * kSecond, ticks);
    REQUIRE(verdicts.size() == 1);
    CHECK(to_string(verdicts.front().deed) == iso(kNoon + 120'000));
    CHECK(take_past(verdicts, Daemon::at(kNoon + 9 * kHour)).size() == 1);
  }
}

TEST_CASE("a session that the journal tells late is not forgotten by the time of the reading",
          "[differential][clock]") {
  Daemon daemon({}, Daemon::at(kNoon));
  std::int64_t arrival = kNoon + 9 * kHour;
  const auto read = [&](std::int64_t after, const std::string& text) {
    daemon.read_journal(kNoon + after, "1: " + text, arrival += kSecond);
    daemon.tick(arrival + 500, true);
  };
  for (int i = 0; i < 6; ++i) {
    read(i * 100, "check_stun_auth: user alice credentials are incorrect");
    read(i * 100,
         "session 001000000000000001: realm <example.org> user <alice>: incoming packet message processed, "
         "error 401: Unauthorized");
  }
  read(20 * kSecond,
       "session 001000000000000001: closed (2nd stage), user <alice> realm <example.org> origin <>, local "
       "198.51.100.10:3478, remote 203.0.113.5:4000, reason: allocation watchdog determined stale session "
       "state");
  daemon.pass(arrival, arrival + 20 * kSecond);
  CHECK(daemon.verdicts().size() == 1);
}

TEST_CASE("a ban is over before it is told only where a wall clock says so", "[differential][clock]") {
  const auto past = [](Deed::By by, std::int64_t late, bool fresh) {
    Verdict verdict;
    verdict.duration = 300s;
    verdict.deed.by = by;
    verdict.deed.now = Daemon::at(kNoon);
    verdict.deed.fresh = fresh;
    std::vector<Verdict> verdicts{verdict};
    const std::size_t over = take_past(verdicts, Daemon::at(kNoon + late)).size();
    return std::pair(over, verdicts.empty() ? 0s : verdicts.front().duration);
  };
  CHECK(past(Deed::By::wall, kHour, false) == std::pair<std::size_t, seconds>(1, 0s));
  CHECK(past(Deed::By::wall, 100 * kSecond, false) == std::pair<std::size_t, seconds>(0, 200s));
  CHECK(past(Deed::By::wall, 30 * kSecond, false) == std::pair<std::size_t, seconds>(0, 300s));
  CHECK(past(Deed::By::wall, kHour, true) == std::pair<std::size_t, seconds>(0, 300s));
  for (const auto by : {Deed::By::uptime, Deed::By::arrival, Deed::By::unknown})
    CHECK(past(by, kHour, false) == std::pair<std::size_t, seconds>(0, 300s));
}
