// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/journal_notices.hpp"

#include <fmt/format.h>

namespace coturn_guard::journal_notice {
namespace {

using Level = SourceNotice::Level;
constexpr const char* kJournal = "journal";

}  // namespace

SourceNotice following(const std::string& units, JournalTransport transport, std::uint64_t again) {
  const std::string known =
      again == 0 ? "" : fmt::format("; {} entries that an earlier run counted are only read again", again);
  if (transport == JournalTransport::syslog)
    return {Level::info, "source.following", kJournal, "what " + units + " writes to syslog" + known, {}};
  return {
      Level::warning, "source.following", kJournal,
      "the standard output of " + units +
          ", which coturn fills in blocks of 4096 bytes: offenders are seen late, and attackers' text can "
          "stand in lines of its own" +
          known,
      "set coturn's option 'syslog' (remove log-file=stdout) and restart coturn"};
}

SourceNotice forbidden() {
  return {
      Level::error, "source.unreadable", kJournal,
      "coturn logs to the journal, which this process may not read: nothing is guarded",
      "run it with group systemd-journal: SupplementaryGroups=systemd-journal in the unit (systemctl edit "
      "coturn-guard, then restart it)"};
}

SourceNotice absent() {
  return {Level::warning, "source.waiting", kJournal, "there is no journal yet; waiting for it",
          "is systemd-journald running? Without it, set coturn's log-file and simple-log"};
}

SourceNotice failed(const Error& error) {
  return {Level::error, "source.read_failed", kJournal, error.message() + "; it is opened again each second",
          "journalctl --verify names a damaged file"};
}

SourceNotice suppressed(const std::string& units, std::uint64_t messages) {
  return {Level::warning, "source.suppressed", kJournal,
          fmt::format("journald left out {} messages of {} because there were too many at once; offences in "
                      "them are not seen",
                      messages, units),
          "systemctl edit coturn: [Service] LogRateLimitIntervalSec=0, then restart coturn"};
}

}  // namespace coturn_guard::journal_notice
