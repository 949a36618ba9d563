// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/log.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "util/text.hpp"

namespace coturn_guard {
namespace {

// Long enough for a file name with its remedy; whatever an attacker wrote was cut to kMaxPrintedBytes where
// it came in.
constexpr std::size_t kMaxValueBytes = 512;

std::string message_of(const LogEvent& event, std::initializer_list<LogField> fields) {
  std::string message(event.name);
  for (const auto& [key, value] : fields) {
    if (value.empty()) continue;
    const std::string safe = escape(value, kMaxValueBytes);
    const bool plain = safe.find_first_of(" \\\"=") == std::string::npos;
    message += plain ? fmt::format(" {}={}", key, safe) : fmt::format(" {}=\"{}\"", key, safe);
  }
  return message;
}

std::string_view level_name(int priority) {
  if (priority <= LOG_ERR) return "error: ";
  if (priority == LOG_WARNING) return "warning: ";
  return "";
}

}  // namespace

Log::Sink Log::detect_sink() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat facts {};
  if (stream == nullptr || fstat(STDERR_FILENO, &facts) != 0) return Sink::terminal;
  return fmt::format("{}:{}", facts.st_dev, facts.st_ino) == stream ? Sink::journal : Sink::terminal;
}

void Log::write(const LogEvent& event, std::initializer_list<LogField> fields,
                std::chrono::steady_clock::time_point now) {
  if (suppresses(event, now)) return;
  auto& budget = budget_of(event.name);
  budget.lines -= 1;
  ++budget.count.written;
  send(event, fields);
  if (alarm_ && event.priority <= LOG_ERR) alarm_(event, fields);
}

Log::Budget& Log::budget_of(std::string_view event) {
  const auto known = budgets_.find(event);
  return known != budgets_.end() ? known->second : budgets_.emplace(event, Budget{}).first->second;
}

bool Log::suppresses(const LogEvent& event, std::chrono::steady_clock::time_point now) {
  auto& budget = budget_of(event.name);
  const std::chrono::duration<double> since = now - budget.filled;
  budget.lines = std::min(kBurstLines, budget.lines + since.count() * kLinesPerSecond);
  budget.filled = now;
  budget.priority = event.priority;
  if (budget.lines >= 1) return false;
  ++budget.suppressed;
  ++budget.count.suppressed;
  return true;
}

void Log::tick(std::chrono::steady_clock::time_point now) {
  for (auto& [name, budget] : budgets_) {
    if (budget.suppressed == 0) continue;
    const std::chrono::duration<double> since = now - budget.filled;
    if (since.count() * kLinesPerSecond < 1 && budget.lines < 1) continue;
    send({"log.suppressed", budget.priority},
         {{"event", name}, {"lines", std::to_string(budget.suppressed)}});
    budget.suppressed = 0;
  }
}

std::map<std::string, Log::Count, std::less<>> Log::counts() const {
  std::map<std::string, Count, std::less<>> counts;
  for (const auto& [name, budget] : budgets_) counts.emplace_hint(counts.end(), name, budget.count);
  return counts;
}

void Log::send(const LogEvent& event, std::initializer_list<LogField> fields) const {
  const std::string message = message_of(event, fields);
  if (sink_ == Sink::terminal) {
    const std::string line = fmt::format("{}{}\n", level_name(event.priority), message);
    std::fwrite(line.data(), 1, line.size(), stderr);
    return;
  }
  std::vector<std::string> entries{"MESSAGE=" + message, fmt::format("PRIORITY={}", event.priority),
                                   fmt::format("CG_EVENT={}", event.name)};
  if (!event.message_id.empty()) entries.push_back(fmt::format("MESSAGE_ID={}", event.message_id));
  for (const auto& [key, value] : fields) {
    if (value.empty()) continue;
    std::string entry = "CG_";
    for (const char c : key) entry += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    entries.push_back(std::move(entry) + "=" + escape(value, kMaxValueBytes));
  }
  std::vector<iovec> parts;
  parts.reserve(entries.size());
  for (auto& entry : entries) parts.push_back({entry.data(), entry.size()});
  // A journal that is down loses the line: the guard goes on banning.
  (void)sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

}  // namespace coturn_guard
