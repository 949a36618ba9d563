// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/state_db.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "control/state_codec.hpp"

namespace coturn_guard {
namespace {

constexpr const char* kSchema = R"(
CREATE TABLE head (name TEXT PRIMARY KEY, value ANY) WITHOUT ROWID, STRICT;
CREATE TABLE offender (
  network BLOB PRIMARY KEY,     -- 16 bytes of the address (IPv4 as ::ffff:a.b.c.d), 1 byte of its length
  last_seen INTEGER NOT NULL,   -- ticks: milliseconds, see head
  banned_until INTEGER NOT NULL,
  last_ban_seconds INTEGER NOT NULL,
  earlier_bans INTEGER NOT NULL,
  window BLOB NOT NULL          -- 8 bytes each, big endian: tick << 25 | joined << 24 | points * 1000
) WITHOUT ROWID, STRICT;
CREATE TABLE ban (
  network BLOB PRIMARY KEY,
  address BLOB NOT NULL,
  until INTEGER NOT NULL,
  since INTEGER NOT NULL,
  cause INTEGER NOT NULL,       -- SavedBan::Cause
  rule TEXT NOT NULL,
  evidence INTEGER NOT NULL,
  points_milli INTEGER NOT NULL,
  earlier_bans INTEGER NOT NULL,
  forced INTEGER NOT NULL,
  reason TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE record (kind INTEGER, key BLOB, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID, STRICT;
)";

StateFailure failure(Error error) {
  const bool broken = trouble_of(error) == DatabaseTrouble::broken;
  return {broken ? StateTrouble::broken : StateTrouble::unwritable, std::move(error)};
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint64_t unsigned_at(const Statement& row, int column) {
  return static_cast<std::uint64_t>(row.integer(column));
}

std::int64_t to_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

// Runs a statement once for each element.
template <class Elements, class Bind>
Result<> for_each(Database& database, std::string_view text, const Elements& elements, const Bind& bind) {
  if (elements.empty()) return {};
  auto statement = database.prepare(text);
  if (!statement) return tl::unexpected(statement.error());
  for (const auto& element : elements) {
    bind(*statement, element);
    if (auto done = statement->run(); !done) return done;
  }
  return {};
}

Error damaged(const std::string& file, const std::string& said) {
  return {{}, fmt::format("{}: {}", file, said)};
}

Result<std::string> one_text(Database& database, std::string_view query) {
  auto asked = database.prepare(query);
  if (!asked) return tl::unexpected(asked.error());
  const auto row = asked->step();
  if (!row) return tl::unexpected(row.error());
  return *row ? std::string(asked->text(0)) : std::string();
}

}  // namespace

StateResult<StateDb> StateDb::open(const std::string& file, std::chrono::milliseconds patience) {
  auto opened = Database::open(file, Database::Access::change, patience);
  if (!opened) return tl::unexpected(failure(opened.error()));
  Database& database = *opened;
  const auto version = database.version();
  if (!version) return tl::unexpected(failure(version.error()));
  if (*version > kVersion)
    return tl::unexpected(
        StateFailure{StateTrouble::newer,
                     damaged(file, fmt::format("was written by a later version (its format is {}, ours {})",
                                               *version, kVersion))});
  // A checkpoint each 1000 pages (4 MiB) bounds the log; NORMAL syncs only there.
  if (auto set = database.execute(
          "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY");
      !set)
    return tl::unexpected(failure(set.error()));
  if (*version == 0) {
    auto made = database.execute(
        fmt::format("BEGIN IMMEDIATE; {} PRAGMA user_version = {}; COMMIT", kSchema, kVersion));
    if (!made) {
      // Tables without our number are somebody else's, or the remains of a file that was cut.
      auto problem = failure(made.error());
      if (trouble_of(made.error()) == DatabaseTrouble::other &&
          made.error().what.find("already exists") != std::string::npos)
        problem.trouble = StateTrouble::broken;
      return tl::unexpected(std::move(problem));
    }
  }
  return StateDb(std::move(database), file);
}

StateResult<> StateDb::check() {
  const auto found = one_text(database_, "PRAGMA quick_check(1)");
  if (!found) return tl::unexpected(failure(found.error()));
  if (*found != "ok") return tl::unexpected(StateFailure{StateTrouble::broken, damaged(file_, *found)});
  return {};
}

Result<SavedHead> StateDb::read_head() {
  SavedHead head;
  auto rows = database_.prepare("SELECT name, value FROM head");
  if (!rows) return tl::unexpected(rows.error());
  for (;;) {
    const auto row = rows->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return head;
    const auto name = rows->text(0);
    if (name == "boot") head.mark.boot = rows->text(1);
    if (name == "mono") head.mark.mono_milli = rows->integer(1);
    if (name == "wall") head.mark.wall_milli = rows->integer(1);
    if (name == "tick") head.mark.tick = unsigned_at(*rows, 1);
    if (name == "seed0") head.seed[0] = unsigned_at(*rows, 1);
    if (name == "seed1") head.seed[1] = unsigned_at(*rows, 1);
    if (name == "findtime") head.findtime_seconds = rows->integer(1);
    if (name == "rules") head.rules = rows->text(1);
    if (name == "source") head.source = rows->text(1);
  }
}

StateResult<std::optional<SavedState>> StateDb::load() {
  SavedState state;
  auto head = read_head();
  if (!head) return tl::unexpected(failure(head.error()));
  if (head->mark.tick == 0) return std::optional<SavedState>();
  state.head = std::move(*head);
  const auto each = [this](std::string_view query, const auto& take) -> Result<> {
    auto rows = database_.prepare(query);
    if (!rows) return tl::unexpected(rows.error());
    for (;;) {
      const auto row = rows->step();
      if (!row) return tl::unexpected(row.error());
      if (!*row) return {};
      if (!take(*rows)) return tl::unexpected(damaged(file_, "holds a record that is none of ours"));
    }
  };
  auto done = each(
      "SELECT network, last_seen, banned_until, last_ban_seconds, earlier_bans, window FROM offender "
      "ORDER BY last_seen",
      [&](const Statement& row) {
        auto& offender = state.offenders.emplace_back();
        offender.last_seen = unsigned_at(row, 1);
        offender.banned_until = unsigned_at(row, 2);
        offender.last_ban_seconds = static_cast<std::uint32_t>(row.integer(3));
        offender.earlier_bans = static_cast<std::uint32_t>(row.integer(4));
        return decode_network(row.bytes(0), offender.network) && decode_window(row.bytes(5), offender.window);
      });
  if (done)
    done = each(
        "SELECT network, address, until, since, cause, rule, evidence, points_milli, earlier_bans, forced, "
        "reason FROM ban",
        [&](const Statement& row) {
          auto& ban = state.bans.emplace_back();
          ban.until = unsigned_at(row, 2);
          ban.since = unsigned_at(row, 3);
          ban.cause = static_cast<SavedBan::Cause>(row.integer(4));
          ban.rule = row.text(5);
          ban.evidence = static_cast<std::uint8_t>(row.integer(6));
          ban.points_milli = static_cast<std::int32_t>(row.integer(7));
          ban.earlier_bans = static_cast<std::uint32_t>(row.integer(8));
          ban.forced = row.integer(9) != 0;
          ban.reason = row.text(10);
          return ban.cause <= SavedBan::Cause::imported && decode_network(row.bytes(0), ban.network) &&
                 decode_address(row.bytes(1), ban.address);
        });
  if (done)
    done = each("SELECT kind, key, value FROM record", [&](const Statement& row) {
      state.records.push_back(
          {static_cast<SavedRecord::Kind>(row.integer(0)), text_of(row.bytes(1)), text_of(row.bytes(2))});
      return true;
    });
  if (!done) {
    auto problem = failure(done.error());
    if (!done.error().code) problem.trouble = StateTrouble::broken;
    return tl::unexpected(std::move(problem));
  }
  return std::optional<SavedState>(std::move(state));
}

StateResult<> StateDb::commit(const StateBatch& batch) {
  if (auto written = write(batch); !written) {
    static_cast<void>(database_.execute("ROLLBACK"));  // SQLite may have done so itself
    return tl::unexpected(failure(written.error()));
  }
  return {};
}

Result<> StateDb::write(const StateBatch& batch) {
  if (auto begun = database_.execute("BEGIN IMMEDIATE"); !begun) return begun;
  auto done = write_offenders(batch);
  if (done) done = write_bans(batch);
  if (done) done = write_records(batch);
  if (done) done = write_head(batch.head);
  return done ? database_.execute("COMMIT") : done;
}

Result<> StateDb::write_head(const SavedHead& head) {
  constexpr const char* kText = "INSERT OR REPLACE INTO head VALUES (?, ?)";
  const std::array<std::pair<std::string_view, std::int64_t>, 6> numbers{
      {{"mono", head.mark.mono_milli},
       {"wall", head.mark.wall_milli},
       {"tick", to_signed(head.mark.tick)},
       {"seed0", to_signed(head.seed[0])},
       {"seed1", to_signed(head.seed[1])},
       {"findtime", head.findtime_seconds}}};
  const std::array<std::pair<std::string_view, std::string_view>, 3> texts{
      {{"boot", head.mark.boot}, {"rules", head.rules}, {"source", head.source}}};
  const auto bind = [](Statement& statement, const auto& entry) {
    statement.bind(1, entry.first).bind(2, entry.second);
  };
  if (auto done = for_each(database_, kText, numbers, bind); !done) return done;
  return for_each(database_, kText, texts, bind);
}

Result<> StateDb::write_offenders(const StateBatch& batch) {
  if (batch.clear_offenders)
    if (auto done = database_.execute("DELETE FROM offender"); !done) return done;
  auto done = for_each(database_, "DELETE FROM offender WHERE network = ?", batch.offenders_gone,
                       [](Statement& statement, const Prefix& network) {
                         const auto key = encode_network(network);
                         statement.bind(1, key);
                       });
  if (!done) return done;
  return for_each(database_, "INSERT OR REPLACE INTO offender VALUES (?, ?, ?, ?, ?, ?)", batch.offenders,
                  [](Statement& statement, const SavedOffender& offender) {
                    const auto key = encode_network(offender.network);
                    const auto window = encode_window(offender.window);
                    statement.bind(1, key)
                        .bind(2, to_signed(offender.last_seen))
                        .bind(3, to_signed(offender.banned_until))
                        .bind(4, std::int64_t{offender.last_ban_seconds})
                        .bind(5, std::int64_t{offender.earlier_bans})
                        .bind(6, window);
                  });
}

Result<> StateDb::write_bans(const StateBatch& batch) {
  if (batch.clear_bans)
    if (auto done = database_.execute("DELETE FROM ban"); !done) return done;
  auto done = for_each(database_, "DELETE FROM ban WHERE network = ?", batch.bans_gone,
                       [](Statement& statement, const Prefix& network) {
                         const auto key = encode_network(network);
                         statement.bind(1, key);
                       });
  if (!done) return done;
  return for_each(database_, "INSERT OR REPLACE INTO ban VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  batch.bans, [](Statement& statement, const SavedBan& ban) {
                    const auto key = encode_network(ban.network);
                    statement.bind(1, key)
                        .bind(2, ban.address.bytes())
                        .bind(3, to_signed(ban.until))
                        .bind(4, to_signed(ban.since))
                        .bind(5, static_cast<std::int64_t>(ban.cause))
                        .bind(6, ban.rule)
                        .bind(7, std::int64_t{ban.evidence})
                        .bind(8, std::int64_t{ban.points_milli})
                        .bind(9, std::int64_t{ban.earlier_bans})
                        .bind(10, std::int64_t{ban.forced})
                        .bind(11, ban.reason);
                  });
}

Result<> StateDb::write_records(const StateBatch& batch) {
  auto done = for_each(database_, "DELETE FROM record WHERE kind = ?", batch.clear_records,
                       [](Statement& statement, SavedRecord::Kind kind) {
                         statement.bind(1, static_cast<std::int64_t>(kind));
                       });
  if (!done) return done;
  done = for_each(database_, "DELETE FROM record WHERE kind = ? AND key = ?", batch.records_gone,
                  [](Statement& statement, const SavedKey& key) {
                    statement.bind(1, static_cast<std::int64_t>(key.kind)).bind(2, bytes_of(key.key));
                  });
  if (!done) return done;
  return for_each(database_, "INSERT OR REPLACE INTO record VALUES (?, ?, ?)", batch.records,
                  [](Statement& statement, const SavedRecord& record) {
                    statement.bind(1, static_cast<std::int64_t>(record.kind))
                        .bind(2, bytes_of(record.key))
                        .bind(3, bytes_of(record.value));
                  });
}

std::uint64_t StateDb::bytes() const {
  std::uint64_t all = 0;
  for (const char* ending : {"", "-wal"}) {
    struct stat facts {};
    if (::stat((file_ + ending).c_str(), &facts) == 0) all += static_cast<std::uint64_t>(facts.st_size);
  }
  return all;
}

Result<> end_saved_bans(const std::string& file) {
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0 && errno == ENOENT) return {};
  auto database = Database::open(file, Database::Access::change, std::chrono::seconds(2));
  if (!database) return tl::unexpected(database.error());
  const auto version = database->version();
  if (!version) return tl::unexpected(version.error());
  if (*version == 0) return {};  // nothing was saved yet
  return database->execute("BEGIN; DELETE FROM ban; UPDATE offender SET banned_until = 0; COMMIT");
}

Result<std::string> set_aside(const std::string& file, std::int64_t seconds_since_1970) {
  const std::string aside = fmt::format("{}.broken-{}", file, seconds_since_1970);
  if (std::rename(file.c_str(), aside.c_str()) != 0) return fail(errno, "rename {} to {}", file, aside);
  // Another database must not find this one's log beside it.
  for (const char* ending : {"-wal", "-shm"}) {
    if (std::rename((file + ending).c_str(), (aside + ending).c_str()) != 0 && errno != ENOENT)
      return fail(errno, "rename {}{}", file, ending);
  }
  return aside;
}

}  // namespace coturn_guard
