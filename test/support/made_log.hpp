// SPDX-License-Identifier: GPL-3.0-or-later
// Logs made up from a seed: all versions' forms, honest clients and offenders, pauses, restarts of coturn,
// rotations, zones, a line with a wrong clock now and then. Each line knows when it was really written.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "model/flow.hpp"

namespace coturn_guard::test {

struct MadeLine {
  std::int64_t written = 0;  // milliseconds since 1970
  std::string text;
  StreamId stream = 1;
  std::uint64_t offset = 0;
};

enum class MadeClock : std::uint8_t { uptime, iso, custom, syslog, iso_syslog, stamp };

struct MadeLog {
  std::uint64_t seed = 0;
  MadeClock clock = MadeClock::uptime;
  std::string timestamp_format;  // log_timestamp_format
  std::vector<MadeLine> lines;   // in the order in which they were written
};

// The zone of CET-1CEST,M3.5.0,M10.5.0/3 in 2026: seconds ahead of UTC.
inline std::int32_t central_europe(std::int64_t moment) {
  using namespace std::chrono;
  constexpr auto kSpring = (sys_days(2026y / March / 29) + 1h).time_since_epoch() / 1s;
  constexpr auto kAutumn = (sys_days(2026y / October / 25) + 1h).time_since_epoch() / 1s;
  return moment >= kSpring && moment < kAutumn ? 7200 : 3600;
}

class LogMaker {
 public:
  explicit LogMaker(std::uint64_t seed) : random_(seed) { story_.seed = seed; }

  MadeLog tell() {
    family_ = pick(4);
    story_.clock = static_cast<MadeClock>(pick(6));
    // 4.5.0 to 4.5.1 know no time stamps of their own.
    if (family_ == 0 && (story_.clock == MadeClock::iso || story_.clock == MadeClock::custom))
      story_.clock = MadeClock::uptime;
    if (story_.clock == MadeClock::custom) story_.timestamp_format = "%d/%b/%Y %H:%M:%S ";
    constexpr std::array<int, 4> kZones{0, 60, -330, 765};
    zone_minutes_ = kZones[static_cast<std::size_t>(pick(4))];
    using namespace std::chrono;
    // Around a change of the clocks as often as not.
    const auto begin = pick(2) == 0 ? sys_days(2026y / October / 24) + 20h
                                    : sys_days(2026y / January / 7) + hours(24 * pick(200));
    begun_ = milli_ = begin.time_since_epoch() / 1ms + pick(3'600'000);
    start();
    plan();
    return story_;
  }

 private:
  struct Saying {
    std::int64_t at;
    std::string level, text;
    bool restart = false;
  };

  std::int64_t pick(std::int64_t below) {
    return std::uniform_int_distribution<std::int64_t>(0, below - 1)(random_);
  }

  // Everybody's doings, then in the order of time.
  void plan() {
    const std::int64_t length = (2 + pick(30)) * 3'600'000;
    const auto clients = 4 + pick(14);
    for (std::int64_t client = 0; client < clients; ++client) {
      const std::string address = pick(5) == 0 ? fmt::format("[2001:db8:{:x}::{}]", 16 + client, 1 + pick(3))
                                               : fmt::format("203.0.113.{}", 1 + client);
      switch (pick(5)) {
        case 0: resets(address, length, 1 + pick(40)); break;
        case 1: guesses(address, length, 1 + pick(15)); break;
        case 2: customer(address, length); break;
        case 3: probes(address, length); break;
        case 4:
          customer(address, length);
          resets(address, length, pick(6));
          break;
      }
    }
    for (auto left = pick(4); left > 0; --left) planned_.push_back({pick(length), "", "", true});
    std::stable_sort(planned_.begin(), planned_.end(),
                     [](const Saying& a, const Saying& b) { return a.at < b.at; });
    for (const Saying& saying : planned_) {
      milli_ = std::max(milli_, begun_ + saying.at);
      if (saying.restart) {
        // For longer, only a wall clock knows, and how long coturn said nothing before.
        if (story_.clock == MadeClock::uptime) say("INFO", "Total General servers: 2");
        const std::int64_t down = story_.clock == MadeClock::uptime ? 1000 : pick(2) * pick(4 * 3'600'000);
        milli_ += 1000 + down;
        start();
        continue;
      }
      if (pick(400) == 0) wrong_line();
      say(saying.level, saying.text);
      if (family_ < 3 && saying.text.find("user") != std::string::npos) draw_apart();
      if (pick(60) == 0) rotate();
    }
    // Where nothing follows, nobody knows whether the last clock was right.
    say("INFO", "Total auth threads: 2");
    milli_ += 500;
    say("INFO", "Total auth threads: 2");
  }

  void resets(const std::string& address, std::int64_t length, std::int64_t count) {
    std::int64_t at = pick(length);
    const std::int64_t gap = 1 + pick(pick(2) == 0 ? 30'000 : 2'400'000);
    for (; count > 0 && at < length; --count, at += gap / 2 + pick(gap))
      planned_.push_back({at, "ERROR",
                          fmt::format("session {:018}: TCP socket error: Connection reset by peer {}:{}",
                                      next_session(), address, 1024 + pick(60'000))});
  }
  void guesses(const std::string& address, std::int64_t length, std::int64_t count) {
    std::int64_t at = pick(length);
    for (; count > 0 && at < length; --count, at += pick(1'200'000)) {
      const auto session = next_session();
      const auto user = fmt::format("user{}", pick(8));
      for (auto tries = 1 + pick(6); tries > 0; --tries, at += pick(3000)) {
        planned_.push_back(
            {at, "ERROR", fmt::format("check_stun_auth: user {} credentials are incorrect", user)});
        planned_.push_back({at + 1, "INFO",
                            fmt::format("session {:018}: realm <example.org> user <{}>: incoming packet "
                                        "message processed, error 401: Unauthorized",
                                        session, user)});
      }
      at += pick(200'000);  // attribution's patience ends after two minutes
      closed(at, session, user, address, "allocation watchdog determined stale session state");
    }
  }
  void customer(const std::string& address, std::int64_t length) {
    for (auto calls = 1 + pick(8); calls > 0; --calls) {
      const std::int64_t at = pick(length);
      const auto session = next_session();
      const auto user = fmt::format("user{}", pick(20));
      planned_.push_back(
          {at, "INFO",
           fmt::format("session {:018}: realm <example.org> user <{}>: incoming packet ALLOCATE "
                       "processed, success",
                       session, user)});
      planned_.push_back({at + 1, "INFO",
                          fmt::format("session {:018}: new, realm=<example.org>, username=<{}>, lifetime=600",
                                      session, user)});
      closed(at + pick(3 * 3'600'000), session, user, address, "allocation timeout");
    }
  }
  void probes(const std::string& address, std::int64_t length) {
    std::int64_t at = pick(length);
    for (auto count = 1 + pick(20); count > 0; --count, at += pick(900'000))
      closed(at, next_session(), "", address, "general");
  }
  void closed(std::int64_t at, std::int64_t session, const std::string& user, const std::string& address,
              const char* reason) {
    planned_.push_back(
        {at, "INFO",
         fmt::format("session {:018}: closed (2nd stage), user <{}> realm <example.org> origin "
                     "<>, local 198.51.100.10:3478, remote {}:{}, reason: {}",
                     session, user, address, 1024 + pick(60'000), reason)});
  }
  std::int64_t next_session() { return (1 + pick(3)) * 1'000'000'000'000'000 + ++sessions_; }

  void start() {
    started_ = milli_;
    say("INFO", "log file opened: /var/log/coturn/coturn.log");
    if (family_ == 3)
      say("INFO", "Coturn Version Coturn-4.17.1 'Gorst'");
    else
      say("INFO", fmt::format("Version Coturn-{} 'dan Eider'",
                              std::array{"4.5.1.1", "4.5.2", "4.16.0"}[static_cast<std::size_t>(family_)]));
    for (int i = 0; i < 3; ++i) say("INFO", "Listener address to use: 198.51.100.10");
  }

  // Whether a line is a client's text that goes on, is told live by when it comes (Taint::kPatience), which
  // no client can forge, and else by nothing: where one may be another's, a backlog believes less. So more of
  // coturn's own stands between two of them than such a text can reach.
  void draw_apart() {
    for (int i = 0; i < 4; ++i) say("INFO", "Cipher suites: " + std::string(290, 'x'));
  }

  // Of a clock that is wrong for this line alone. Somebody writes a little later, with the right one.
  void wrong_line() {
    if (story_.clock == MadeClock::uptime || story_.clock == MadeClock::syslog) return;
    const std::int64_t right = milli_;
    const std::int64_t by = (6 + pick(1000)) * 3'600'000;
    shown_offset_ = pick(2) == 0 ? by : -by;
    say("INFO", "Total General servers: 2");
    shown_offset_ = 0;
    milli_ = right + pick(20'000);
    say("INFO", "Total General servers: 2");
  }

  void rotate() {
    ++stream_;
    offset_ = 0;
  }

  static std::string civil(const char* format, std::int64_t local_milli) {
    const auto seconds = static_cast<std::time_t>(local_milli / 1000);
    std::tm tm{};
    gmtime_r(&seconds, &tm);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), format, &tm)};
  }
  [[nodiscard]] std::string iso(bool milliseconds, bool colon) const {
    const std::int64_t shown = milli_ + shown_offset_;
    const auto ahead = std::abs(zone_minutes_);
    return civil("%FT%T", shown + zone_minutes_ * 60'000) +
           (milliseconds ? fmt::format(".{:03}", shown % 1000) : "") +
           fmt::format("{}{:02}{}{:02}", zone_minutes_ < 0 ? '-' : '+', ahead / 60, colon ? ":" : "",
                       ahead % 60);
  }
  [[nodiscard]] std::string local(const char* format) const {
    const std::int64_t shown = milli_ + shown_offset_;
    return civil(format, shown + central_europe(shown / 1000) * 1000LL);
  }

  void say(const std::string& level, const std::string& message) {
    std::string line;
    switch (story_.clock) {
      case MadeClock::syslog: line = local("%b %e %H:%M:%S vm turnserver[811]: "); break;
      case MadeClock::iso_syslog: line = iso(true, true) + " vm turnserver: "; break;
      case MadeClock::stamp: line = iso(true, true) + " "; break;
      case MadeClock::uptime:
      case MadeClock::iso:
      case MadeClock::custom: break;
    }
    const bool counter = story_.clock != MadeClock::iso && story_.clock != MadeClock::custom;
    std::string time = fmt::format("{}", (milli_ - started_) / 1000);
    if (story_.clock == MadeClock::iso) time = iso(family_ == 3, false);
    if (story_.clock == MadeClock::custom) time = local("%d/%b/%Y %H:%M:%S ");
    const std::string error = level == "ERROR" ? "ERROR: " : "";
    switch (family_) {
      case 0: line += fmt::format("{}: {}", time, message); break;
      case 1: line += fmt::format("{}{}: {}{}", time, counter ? ": " : "", error, message); break;
      case 2: line += fmt::format("{}{}(18659): {}: {}", time, counter ? ": " : "", level, message); break;
      default: line += fmt::format("{} {} {}", time, level, message); break;
    }
    story_.lines.push_back({milli_, line, stream_, offset_});
    offset_ += line.size() + 1;
  }

  std::mt19937_64 random_;
  MadeLog story_;
  std::vector<Saying> planned_;
  std::int64_t family_ = 0;
  int zone_minutes_ = 0;
  std::int64_t begun_ = 0, milli_ = 0, started_ = 0;
  std::int64_t shown_offset_ = 0;
  std::int64_t sessions_ = 0;
  StreamId stream_ = 1;
  std::uint64_t offset_ = 0;
};

}  // namespace coturn_guard::test
