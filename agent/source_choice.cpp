// SPDX-License-Identifier: GPL-3.0-or-later
#include "source_choice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace coturn_guard {
namespace {

SourceChoice file(const Config& config, std::string_view why, bool settled = true) {
  return {"file", config.log_file, fmt::format("coturn's log file is followed: {}", why), settled};
}

SourceChoice journal(const Config& config, std::string_view why) {
  return {
      "journal", config.journal_units,
      fmt::format("the journal is followed, messages of {}: {}", fmt::join(config.journal_units, ", "), why)};
}

SourceChoice output(const Config& config, std::string_view why) {
  return {"journal-output", config.journal_units,
          fmt::format("the journal is followed, standard output of {}: {}",
                      fmt::join(config.journal_units, ", "), why)};
}

SourceChoice by_journal(const Config& config, const JournalLook& seen) {
  if (seen.has_syslog) return journal(config, "coturn's messages are there");
  if (seen.has_standard_output) return output(config, "coturn's lines are there");
  return file(config,
              seen.access == JournalAccess::forbidden
                  ? "no turnserver.conf says where coturn logs, and the journal may not be read (that needs "
                    "group systemd-journal)"
                  : "no turnserver.conf says where coturn logs, and the journal has nothing of it yet",
              false);
}

SourceChoice automatic(const Config& config, const JournalLook& seen) {
  if (!config.log_file_automatic) return file(config, "log_file names it");
  switch (config.coturn_log) {
    case CoturnLog::file: return file(config, "turnserver.conf names it");
    case CoturnLog::syslog: return journal(config, "turnserver.conf says syslog");
    case CoturnLog::standard_output:
      if (seen.has_standard_output) return output(config, "turnserver.conf says log-file=stdout");
      return file(config,
                  "turnserver.conf says log-file=stdout, but the journal has no such lines of its unit yet",
                  false);
    case CoturnLog::unknown: break;
  }
  return by_journal(config, seen);
}

}  // namespace

SourceChoice choose_source(const Config& config, const JournalLook& seen) {
  switch (config.source) {
    case LogSource::file: return file(config, "source: file");
    case LogSource::journal: {
      const bool only_output =
          config.coturn_log == CoturnLog::standard_output ||
          (config.coturn_log == CoturnLog::unknown && seen.has_standard_output && !seen.has_syslog);
      return only_output ? output(config, "source: journal") : journal(config, "source: journal");
    }
    case LogSource::automatic: break;
  }
  return automatic(config, seen);
}

CoturnTraces coturn_traces(const Config& config, const SourceChoice& choice) {
  CoturnTraces traces;
  traces.units = config.journal_units;
  if (choice.kind == "file") traces.logs = choice.names;
  traces.written_by_coturn = config.coturn_writes_log_file;
  return traces;
}

}  // namespace coturn_guard
