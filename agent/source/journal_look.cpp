// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/journal_look.hpp"

namespace coturn_guard {
namespace {

Result<bool> has_entry(const std::vector<std::string>& units, JournalTransport transport) {
  JournalReader reader(units, transport);
  if (auto opened = reader.open(false); !opened) return tl::make_unexpected(opened.error());
  return reader.has_entries_of_units();
}

}  // namespace

Result<JournalLook> look_at_journal(const std::vector<std::string>& units) {
  JournalLook look;
  look.access = look_at_journal_files();
  if (look.access != JournalAccess::readable || units.empty()) return look;
  const auto syslog = has_entry(units, JournalTransport::syslog);
  if (!syslog) return tl::make_unexpected(syslog.error());
  const auto output = has_entry(units, JournalTransport::standard_output);
  if (!output) return tl::make_unexpected(output.error());
  look.has_syslog = *syslog;
  look.has_standard_output = *output;
  return look;
}

}  // namespace coturn_guard
