// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

namespace coturn_guard {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kHour = 3600;
// Of another process: a report that reads, or sqlite3 of the operator's.
constexpr std::chrono::milliseconds kPatience{2000};

constexpr const char* kSchema = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS slot (span INTEGER, at INTEGER, lines INTEGER, recognised INTEGER, dropped INTEGER,
    withheld INTEGER, recipe_bans INTEGER, recipe_customers INTEGER, PRIMARY KEY (span, at)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS offences (span INTEGER, at INTEGER, rule TEXT, evidence INTEGER, count INTEGER,
    PRIMARY KEY (span, at, rule, evidence)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS bans (span INTEGER, at INTEGER, rule TEXT, count INTEGER,
    PRIMARY KEY (span, at, rule)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ban (id INTEGER PRIMARY KEY, at INTEGER, prefix TEXT, seconds INTEGER, rule TEXT,
    evidence INTEGER, milli INTEGER, earlier_bans INTEGER);
  CREATE TABLE IF NOT EXISTS recipe_ban (id INTEGER PRIMARY KEY, at INTEGER, address TEXT, seconds INTEGER,
    customer INTEGER);
  CREATE TABLE IF NOT EXISTS unban (id INTEGER PRIMARY KEY, at INTEGER, prefix TEXT, reason TEXT);
  PRAGMA user_version = 1;
  COMMIT;
)";

// Parameter 1: minutes before it become hours; 2: what is before it goes. Each statement names both: the same
// are bound to all.
constexpr const char* kTidy[] = {
    "INSERT INTO slot SELECT 3600, at / 3600 * 3600, sum(lines), sum(recognised), sum(dropped), "
    "sum(withheld), "
    "sum(recipe_bans), sum(recipe_customers) FROM slot WHERE span = 60 AND at < ?1 AND ?2 = ?2 GROUP BY at / "
    "3600 "
    "ON CONFLICT DO UPDATE SET lines = lines + excluded.lines, recognised = recognised + "
    "excluded.recognised, "
    "dropped = dropped + excluded.dropped, withheld = withheld + excluded.withheld, "
    "recipe_bans = recipe_bans + excluded.recipe_bans, "
    "recipe_customers = recipe_customers + excluded.recipe_customers",
    "INSERT INTO offences SELECT 3600, at / 3600 * 3600, rule, evidence, sum(count) FROM offences "
    "WHERE span = 60 AND at < ?1 AND ?2 = ?2 GROUP BY at / 3600, rule, evidence "
    "ON CONFLICT DO UPDATE SET count = count + excluded.count",
    "INSERT INTO bans SELECT 3600, at / 3600 * 3600, rule, sum(count) FROM bans "
    "WHERE span = 60 AND at < ?1 AND ?2 = ?2 GROUP BY at / 3600, rule ON CONFLICT DO UPDATE SET count = "
    "count + "
    "excluded.count",
    "DELETE FROM slot WHERE (span = 60 AND at < ?1) OR at < ?2",
    "DELETE FROM offences WHERE (span = 60 AND at < ?1) OR at < ?2",
    "DELETE FROM bans WHERE (span = 60 AND at < ?1) OR at < ?2",
    "DELETE FROM ban WHERE at < ?2 AND ?1 = ?1",
    "DELETE FROM recipe_ban WHERE at < ?2 AND ?1 = ?1",
    "DELETE FROM unban WHERE at < ?2 AND ?1 = ?1",
};

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<seconds>(time.time_since_epoch()).count();
}
WallTime time_of(std::int64_t count) {
  return WallTime(seconds(count));
}
std::int64_t number(std::uint64_t count) {
  return static_cast<std::int64_t>(count);
}
std::uint64_t count_of(const Statement& row, int column) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(row.integer(column), 0));
}
// A file may be damaged: what is no evidence of ours is the weakest.
Evidence evidence_of(std::int64_t number) {
  return number >= 0 && number < 4 ? static_cast<Evidence>(number) : Evidence::tainted;
}

// Runs a query and hands each row on.
template <class Take>
Result<> each_row(Database& database, const char* query, std::int64_t from, std::int64_t until,
                  const Take& take) {
  auto rows = database.prepare(query);
  if (!rows) return tl::unexpected(rows.error());
  rows->bind(1, from).bind(2, until);
  for (;;) {
    const auto row = rows->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
    take(*rows);
  }
}

}  // namespace

Result<History> History::open(const std::string& file) {
  auto history = begin(file);
  std::error_code error;
  if (history || !std::filesystem::is_regular_file(file, error)) return history;
  const std::string said = history.error().message();
  const bool broken =
      said.find("not a database") != std::string::npos || said.find("malformed") != std::string::npos;
  if (!broken) return history;
  for (const char* part : {"", "-wal", "-shm"})
    std::filesystem::rename(file + part, file + ".broken" + part, error);
  return begin(file);
}

Result<History> History::begin(const std::string& file) {
  auto database = Database::open(file, Database::Access::change, kPatience);
  if (!database) return tl::unexpected(database.error());
  const auto version = database->version();
  if (!version) return tl::unexpected(version.error());
  if (*version > kVersion)
    return fail("{}: a later version of coturn-guard wrote it; no history is kept until it is moved away",
                file);
  if (auto made = database->execute(kSchema); !made) return tl::unexpected(made.error());
  return History(std::move(*database));
}

Result<> History::add(const Minute& minute) {
  if (auto begun = database_.execute("BEGIN IMMEDIATE"); !begun) return begun;
  auto done = write(minute);
  if (done) done = database_.execute("COMMIT");
  if (!done) static_cast<void>(database_.execute("ROLLBACK"));
  return done;
}

Result<> History::write(const Minute& minute) {
  const std::int64_t at = seconds_of(minute.start);
  if (auto done = write_counts(at, minute.counts); !done) return done;
  if (auto done = write_bans(minute); !done) return done;
  return tidy(at);
}

Result<> History::write_counts(std::int64_t at, const MinuteCounts& counts) {
  auto slot = database_.prepare(
      "INSERT INTO slot VALUES (60, ?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET lines = lines + "
      "?2, "
      "recognised = recognised + ?3, dropped = dropped + ?4, withheld = withheld + ?5, "
      "recipe_bans = recipe_bans + ?6, recipe_customers = recipe_customers + ?7");
  if (!slot) return tl::unexpected(slot.error());
  slot->bind(1, at).bind(2, number(counts.lines)).bind(3, number(counts.recognised));
  slot->bind(4, number(counts.dropped)).bind(5, number(counts.withheld));
  slot->bind(6, number(counts.recipe_bans)).bind(7, number(counts.recipe_customers));
  if (auto done = slot->run(); !done) return done;
  auto offences = database_.prepare(
      "INSERT INTO offences VALUES (60, ?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET count = count + ?4");
  if (!offences) return tl::unexpected(offences.error());
  for (const auto& [key, count] : counts.offences) {
    offences->bind(1, at)
        .bind(2, key.first)
        .bind(3, static_cast<std::int64_t>(key.second))
        .bind(4, number(count));
    if (auto done = offences->run(); !done) return done;
  }
  auto bans = database_.prepare(
      "INSERT INTO bans VALUES (60, ?1, ?2, ?3) ON CONFLICT DO UPDATE SET count = count + ?3");
  if (!bans) return tl::unexpected(bans.error());
  for (const auto& [rule, count] : counts.bans) {
    if (auto done = bans->bind(1, at).bind(2, rule).bind(3, number(count)).run(); !done) return done;
  }
  return {};
}

Result<> History::write_bans(const Minute& minute) {
  auto ban = database_.prepare("INSERT INTO ban VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)");
  if (!ban) return tl::unexpected(ban.error());
  for (const PastBan& each : minute.bans) {
    ban->bind(1, seconds_of(each.when)).bind(2, each.prefix.to_string()).bind(3, each.duration.count());
    ban->bind(4, each.rule).bind(5, static_cast<std::int64_t>(each.evidence));
    ban->bind(6, std::int64_t{each.points.milli}).bind(7, std::int64_t{each.earlier_bans});
    if (auto done = ban->run(); !done) return done;
  }
  auto recipe = database_.prepare("INSERT INTO recipe_ban VALUES (NULL, ?, ?, ?, ?)");
  if (!recipe) return tl::unexpected(recipe.error());
  for (const RecipeBan& each : minute.recipe_bans) {
    recipe->bind(1, seconds_of(each.when)).bind(2, each.address.to_string()).bind(3, each.duration.count());
    if (auto done = recipe->bind(4, std::int64_t{each.customer}).run(); !done) return done;
  }
  auto unban = database_.prepare("INSERT INTO unban VALUES (NULL, ?, ?, ?)");
  if (!unban) return tl::unexpected(unban.error());
  for (const PastUnban& each : minute.unbans) {
    unban->bind(1, seconds_of(each.when)).bind(2, each.prefix.to_string()).bind(3, each.reason);
    if (auto done = unban->run(); !done) return done;
  }
  // Numbers grow with each row, so the newest are the highest.
  for (const char* table : {"ban", "recipe_ban", "unban"}) {
    const std::string query =
        fmt::format("DELETE FROM {0} WHERE id <= (SELECT max(id) FROM {0}) - {1}", table, kMostBans);
    if (auto done = database_.execute(query); !done) return done;
  }
  return {};
}

// Once an hour: in whole hours, so that none is half minutes and half an hour.
Result<> History::tidy(std::int64_t now) {
  const std::int64_t hour = now / kHour;
  if (hour == tidied_) return {};
  const std::int64_t minutes_from = (now - seconds(kMinutesKept).count()) / kHour * kHour;
  const std::int64_t kept_from = now - seconds(kKept).count();
  for (const char* statement : kTidy) {
    auto prepared = database_.prepare(statement);
    if (!prepared) return tl::unexpected(prepared.error());
    if (auto done = prepared->bind(1, minutes_from).bind(2, kept_from).run(); !done) return done;
  }
  tidied_ = hour;
  return {};
}

Result<Past> read_history(const std::string& file, WallTime from, WallTime until) {
  auto database = Database::open(file, Database::Access::read, kPatience);
  if (!database) return tl::unexpected(database.error());
  const auto version = database->version();
  if (!version) return tl::unexpected(version.error());
  if (*version != History::kVersion)
    return fail("{}: no history of this version of coturn-guard (its number is {}, not {})", file, *version,
                History::kVersion);
  if (auto begun = database->execute("BEGIN"); !begun)
    return tl::unexpected(begun.error());  // one moment of it
  const std::int64_t first = seconds_of(from), last = seconds_of(until);
  std::map<std::int64_t, MinuteCounts> slots;
  Past past;
  const auto done = [&]() -> Result<> {
    auto read =
        each_row(*database,
                 "SELECT at, lines, recognised, dropped, withheld, recipe_bans, recipe_customers FROM slot "
                 "WHERE at >= ? AND at <= ?",
                 first, last, [&](const Statement& row) {
                   MinuteCounts& counts = slots[row.integer(0)];
                   counts.lines += count_of(row, 1);
                   counts.recognised += count_of(row, 2);
                   counts.dropped += count_of(row, 3);
                   counts.withheld += count_of(row, 4);
                   counts.recipe_bans += count_of(row, 5);
                   counts.recipe_customers += count_of(row, 6);
                 });
    if (!read) return read;
    read =
        each_row(*database, "SELECT at, rule, evidence, count FROM offences WHERE at >= ? AND at <= ?", first,
                 last, [&](const Statement& row) {
                   slots[row.integer(0)].offences[{std::string(row.text(1)), evidence_of(row.integer(2))}] +=
                       count_of(row, 3);
                 });
    if (!read) return read;
    read = each_row(*database, "SELECT at, rule, count FROM bans WHERE at >= ? AND at <= ?", first, last,
                    [&](const Statement& row) {
                      slots[row.integer(0)].bans[std::string(row.text(1))] += count_of(row, 2);
                    });
    if (!read) return read;
    read = each_row(
        *database,
        "SELECT at, prefix, seconds, rule, evidence, milli, earlier_bans FROM ban WHERE at >= ? AND at "
        "<= ? ORDER BY id",
        first, last, [&](const Statement& row) {
          const auto prefix = Prefix::parse(row.text(1));
          if (!prefix) return;
          past.bans.push_back({.when = time_of(row.integer(0)),
                               .prefix = *prefix,
                               .duration = seconds(row.integer(2)),
                               .rule = std::string(row.text(3)),
                               .evidence = evidence_of(row.integer(4)),
                               .points = {static_cast<std::int32_t>(row.integer(5))},
                               .earlier_bans = static_cast<std::uint32_t>(row.integer(6))});
        });
    if (!read) return read;
    // A file of 0.1.0 that no later daemon has opened yet has no such table.
    bool tells_unbans = false;
    read = each_row(*database,
                    "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'unban' AND ?1 <= ?2", first,
                    last, [&](const Statement&) { tells_unbans = true; });
    if (read && tells_unbans)
      read = each_row(*database, "SELECT at, prefix, reason FROM unban WHERE at >= ? AND at <= ? ORDER BY id",
                      first, last, [&](const Statement& row) {
                        const auto prefix = Prefix::parse(row.text(1));
                        if (prefix)
                          past.unbans.push_back({time_of(row.integer(0)), *prefix, std::string(row.text(2))});
                      });
    if (!read) return read;
    return each_row(
        *database,
        "SELECT at, address, seconds, customer FROM recipe_ban WHERE at >= ? AND at <= ? ORDER BY id", first,
        last, [&](const Statement& row) {
          const auto address = Address::parse(row.text(1));
          if (!address) return;
          past.recipe_bans.push_back({.when = time_of(row.integer(0)),
                                      .address = *address,
                                      .duration = seconds(row.integer(2)),
                                      .customer = row.integer(3) != 0});
        });
  }();
  if (!done) return tl::unexpected(done.error());
  for (auto& [at, counts] : slots) past.slots.push_back({time_of(at), std::move(counts)});
  return past;
}

}  // namespace coturn_guard
