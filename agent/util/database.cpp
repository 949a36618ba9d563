// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/database.hpp"

#include <sqlite3.h>

namespace coturn_guard {
namespace {

// SQLite's primary result codes (https://sqlite.org/rescode.html).
class SqliteCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "sqlite"; }
  [[nodiscard]] std::string message(int code) const override { return sqlite3_errstr(code); }
};

const std::error_category& sqlite_category() {
  static const SqliteCategory category;
  return category;
}

Error failure(sqlite3* connection, int code, std::string_view what) {
  const int cause = connection != nullptr ? sqlite3_system_errno(connection) : 0;
  const int kind = code & 0xff;
  const bool system = kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN;
  if (system && cause != 0) return {{cause, std::generic_category()}, std::string(what)};
  if (kind == SQLITE_BUSY || kind == SQLITE_LOCKED)
    return {std::make_error_code(std::errc::device_or_resource_busy), std::string(what)};
  const std::string said = connection != nullptr ? sqlite3_errmsg(connection) : "";
  // What it adds to its own code's words (a table's name, say).
  const bool more = !said.empty() && said != sqlite3_errstr(kind) && said != "not an error";
  return {{kind, sqlite_category()}, more ? fmt::format("{} ({})", what, said) : std::string(what)};
}

std::string file_of(sqlite3* connection) {
  const char* const name = sqlite3_db_filename(connection, "main");
  return name != nullptr && *name != '\0' ? name : "the database";
}

}  // namespace

DatabaseTrouble trouble_of(const Error& error) {
  if (error.code == std::errc::no_space_on_device) return DatabaseTrouble::full;
  if (error.code == std::errc::read_only_file_system) return DatabaseTrouble::readonly;
  if (error.code.category() != sqlite_category()) return DatabaseTrouble::other;
  switch (error.code.value()) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return DatabaseTrouble::broken;
    case SQLITE_FULL: return DatabaseTrouble::full;
    case SQLITE_READONLY: return DatabaseTrouble::readonly;
    default: return DatabaseTrouble::other;
  }
}

void Statement::Finalise::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void Database::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  if (const int done = sqlite3_bind_int64(statement_.get(), parameter, value); done != SQLITE_OK)
    wrong_ = done;
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  if (const int done = sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(),
                                           SQLITE_TRANSIENT, SQLITE_UTF8);
      done != SQLITE_OK)
    wrong_ = done;
  return *this;
}

Statement& Statement::bind(int parameter, std::span<const std::uint8_t> bytes) {
  if (const int done = sqlite3_bind_blob64(statement_.get(), parameter,
                                           bytes.empty() ? "" : static_cast<const void*>(bytes.data()),
                                           bytes.size(), SQLITE_TRANSIENT);
      done != SQLITE_OK)
    wrong_ = done;
  return *this;
}

Result<bool> Statement::step() {
  const int done = wrong_ != 0 ? wrong_ : sqlite3_step(statement_.get());
  if (done == SQLITE_ROW) return true;
  auto* const connection = sqlite3_db_handle(statement_.get());
  wrong_ = 0;
  if (done == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  Error error = failure(connection, done, file_of(connection));
  sqlite3_reset(statement_.get());
  return tl::unexpected(std::move(error));
}

Result<> Statement::run() {
  auto row = step();
  while (row && *row) row = step();
  if (!row) return tl::unexpected(row.error());
  return {};
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
  const auto* const text = sqlite3_column_text(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return text != nullptr ? std::string_view(reinterpret_cast<const char*>(text), size) : std::string_view();
}

std::span<const std::uint8_t> Statement::bytes(int column) const {
  const auto* const bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  return {bytes,
          bytes != nullptr ? static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)) : 0};
}

Result<Database> Database::open(const std::string& file, Access access, std::chrono::milliseconds patience) {
  const int flags =
      access == Access::change ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  sqlite3* connection = nullptr;
  const int done = sqlite3_open_v2(file.c_str(), &connection, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(connection);  // to be closed even where it did not open
  if (done != SQLITE_OK) return tl::unexpected(failure(connection, done, fmt::format("open {}", file)));
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_busy_timeout(connection, static_cast<int>(patience.count()));
  return database;
}

Result<> Database::execute(const std::string& statements) {
  const int done = sqlite3_exec(connection_.get(), statements.c_str(), nullptr, nullptr, nullptr);
  if (done != SQLITE_OK) return tl::unexpected(failure(connection_.get(), done, file_of(connection_.get())));
  return {};
}

Result<Statement> Database::prepare(std::string_view statement) {
  sqlite3_stmt* made = nullptr;
  const int done = sqlite3_prepare_v2(connection_.get(), statement.data(), static_cast<int>(statement.size()),
                                      &made, nullptr);
  if (done != SQLITE_OK) return tl::unexpected(failure(connection_.get(), done, file_of(connection_.get())));
  return Statement(made);
}

Result<std::int64_t> Database::version() {
  auto asked = prepare("PRAGMA user_version");
  if (!asked) return tl::unexpected(asked.error());
  const auto row = asked->step();
  if (!row) return tl::unexpected(row.error());
  return *row ? asked->integer(0) : 0;
}

}  // namespace coturn_guard
