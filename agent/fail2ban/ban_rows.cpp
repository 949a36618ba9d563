// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/ban_rows.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <string_view>

#include "util/database.hpp"
#include "util/text.hpp"

namespace coturn_guard::fail2ban {
namespace {

constexpr std::chrono::seconds kPatience{5};  // for a lock: fail2ban's transactions take far less
constexpr std::size_t kLongestText = 4096;    // bytes of an address or a name

constexpr std::string_view kTables =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('bips', 'jails')";
constexpr std::string_view kJails = "SELECT name FROM jails ORDER BY name LIMIT 1000";
constexpr std::string_view kOneJail =
    "SELECT ip, timeofban, bantime, bancount FROM bips WHERE jail = ?1 ORDER BY ip";
// fail2ban adds up the bans of all jails, but an address that this jail never banned is not its business.
constexpr std::string_view kAllJails =
    "SELECT ip, timeofban, CASE jail WHEN ?1 THEN bantime ELSE 0 END, bancount FROM bips "
    "WHERE ip IN (SELECT ip FROM bips WHERE jail = ?1) ORDER BY ip";

std::string bounded(std::string_view text) {
  return std::string(text.size() > kLongestText ? std::string_view() : text);
}

// Absent tables tell that it is another program's, or an old fail2ban's.
Result<> check_tables(Database& database) {
  auto tables = database.prepare(kTables);
  if (!tables) return tl::unexpected(tables.error());
  const auto row = tables->step();
  if (!row) return tl::unexpected(row.error());
  if (!*row || tables->integer(0) != 2)
    return fail("it has no tables \"bips\" and \"jails\", so it is no database of fail2ban 0.11 or later");
  return {};
}

Result<BanRows> read_rows(const std::string& file, Database::Access access, const std::string& jail,
                          bool all_jails) {
  auto database = Database::open(file, access, kPatience);
  if (!database) return tl::unexpected(database.error());
  // The file may be anybody's: nothing in its schema is to run. One transaction: what is read belongs
  // together.
  if (auto done = database->execute("PRAGMA trusted_schema = OFF; BEGIN"); !done)
    return tl::unexpected(done.error());
  if (auto known = check_tables(*database); !known) return tl::unexpected(known.error());
  BanRows found;
  auto names = database->prepare(kJails);
  if (!names) return tl::unexpected(names.error());
  auto row = names->step();
  for (; row && *row; row = names->step()) found.jails.push_back(bounded(names->text(0)));
  if (!row) return tl::unexpected(row.error());

  auto rows = database->prepare(all_jails ? kAllJails : kOneJail);
  if (!rows) return tl::unexpected(rows.error());
  row = rows->bind(1, jail).step();
  for (; row && *row && found.rows.size() < kMostRows; row = rows->step())
    found.rows.push_back({bounded(rows->text(0)), rows->integer(1), rows->integer(2), rows->integer(3)});
  if (!row) return tl::unexpected(row.error());
  found.more = *row;
  return found;
}

Error advised(const std::string& file, const Error& error) {
  const char* remedy = "; is it fail2ban's, and whole? (sqlite3 FILE 'PRAGMA integrity_check')";
  if (error.code == std::errc::device_or_resource_busy) remedy = "; somebody keeps it locked: try again";
  if (error.code == std::errc::permission_denied) remedy = "; only root may read it";
  return {{}, fmt::format("read {}: {}{}", escape(file), error.message(), remedy)};
}

}  // namespace

Result<BanRows> read_ban_rows(const std::string& file, const std::string& jail, bool all_jails) {
  struct stat facts {};
  if (::stat(file.c_str(), &facts) < 0) {
    if (errno == ENOENT)
      return fail(
          "read {}: it is not there. fail2ban keeps no database (dbfile in fail2ban.conf), or elsewhere: say "
          "where by --database",
          escape(file));
    return fail(errno, "look at {}", escape(file));
  }
  if (!S_ISREG(facts.st_mode)) return fail("read {}: it is no regular file", escape(file));
  auto rows = read_rows(file, Database::Access::read, jail, all_jails);
  if (!rows && rows.error().code != std::errc::device_or_resource_busy &&
      ::stat((file + "-wal").c_str(), &facts) < 0 && errno == ENOENT) {
    // In WAL mode even reading needs a file beside it, which a backup on a read-only disk cannot have.
    // Nothing waits in a log, so the file alone is all of it.
    if (auto alone = read_rows(file, Database::Access::sealed, jail, all_jails)) return alone;
  }
  if (!rows) return tl::unexpected(advised(file, rows.error()));
  return rows;
}

}  // namespace coturn_guard::fail2ban
