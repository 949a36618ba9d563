// SPDX-License-Identifier: GPL-3.0-or-later
// What the operator reads: one line an event, `event.name key=value …`, to the journal with each value as a
// CG_ field, or to a terminal as text. Bounded per event, so that no attack fills the journal. Pure layers
// never see it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace coturn_guard {

// A kind of event: a stable name, a priority of syslog(3), and a journal message id where it has one.
struct LogEvent {
  std::string_view name;
  int priority;
  std::string_view message_id = {};  // 32 hex digits
};

// `key` in lower case: "address" is printed as address=… and sent as CG_ADDRESS. Values are escaped by the
// log.
struct LogField {
  std::string_view key;
  std::string value;
};

class Log {
 public:
  enum class Sink : std::uint8_t { journal, terminal };

  // The journal where systemd connected our standard error to it (JOURNAL_STREAM, systemd.exec(5)), else
  // standard error.
  [[nodiscard]] static Sink detect_sink();
  explicit Log(Sink sink) : sink_(sink) {}

  void write(const LogEvent& event, std::initializer_list<LogField> fields,
             std::chrono::steady_clock::time_point now);
  // Whether the event's budget is used up; then the line counts as suppressed and need not be written. For
  // who would build costly fields a hundred thousand times for nothing.
  [[nodiscard]] bool suppresses(const LogEvent& event, std::chrono::steady_clock::time_point now);
  // Calls back with each line that is written as an error or worse, from within write(); nothing ends it.
  using Alarm = std::function<void(const LogEvent&, std::initializer_list<LogField>)>;
  void set_alarm(Alarm alarm) { alarm_ = std::move(alarm); }
  // Once a second: says how many lines of an event were suppressed since the last time.
  void tick(std::chrono::steady_clock::time_point now);

  // Lines since the beginning, by event name.
  struct Count {
    std::uint64_t written = 0;
    std::uint64_t suppressed = 0;
  };
  [[nodiscard]] std::map<std::string, Count, std::less<>> counts() const;

 private:
  // Per event: 200 lines at once, 50 a second on average.
  struct Budget {
    double lines = kBurstLines;
    std::chrono::steady_clock::time_point filled{};
    std::uint64_t suppressed = 0;  // since the last time that it was told
    Count count;
    int priority = 0;
  };
  static constexpr double kBurstLines = 200;
  static constexpr double kLinesPerSecond = 50;

  void send(const LogEvent& event, std::initializer_list<LogField> fields) const;

  Budget& budget_of(std::string_view event);

  Sink sink_;
  Alarm alarm_;
  std::map<std::string, Budget, std::less<>> budgets_;  // by event name: as many as there are kinds
};

}  // namespace coturn_guard
