// SPDX-License-Identifier: GPL-3.0-or-later
// SQLite (https://sqlite.org/c3ref/intro.html) with our errors and owners: a connection and its statements.
// Used by one thread at a time. It knows no schema.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "util/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace coturn_guard {

// Parameters are counted from 1, columns from 0, as SQLite counts them. What is bound is copied. A parameter
// that does not exist is a fault of ours, told by the next step().
class Statement {
 public:
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, std::span<const std::uint8_t> bytes);

  // True: a row is there. False: done, and it may be bound and run again.
  [[nodiscard]] Result<bool> step();
  // For what gives no rows: bound, run, ready for the next.
  [[nodiscard]] Result<> run();

  [[nodiscard]] std::int64_t integer(int column) const;
  // Both valid until the next step.
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] std::span<const std::uint8_t> bytes(int column) const;

 private:
  friend class Database;
  struct Finalise {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalise> statement_;
  int wrong_ = 0;  // SQLite's code of a bind that failed
};

// What kind of trouble an error of the database's is, for who can do something about it.
enum class DatabaseTrouble : std::uint8_t {
  broken,    // SQLITE_CORRUPT, SQLITE_NOTADB: what stands there is no database, or no longer
  full,      // no room on the disk
  readonly,  // it may be read and not written
  other,     // the system's error, or a lock that another process holds
};
[[nodiscard]] DatabaseTrouble trouble_of(const Error& error);

class Database {
 public:
  enum class Access : std::uint8_t {
    read,    // the file must be there; nothing is written, not even beside it where that is possible
    change,  // made where it is not
  };

  // `patience`: how long to wait for another process's lock; after it, here and below, the error's code is
  // device_or_resource_busy. Errors name the file.
  [[nodiscard]] static Result<Database> open(const std::string& file, Access access,
                                             std::chrono::milliseconds patience);

  [[nodiscard]] Result<> execute(const std::string& statements);  // several, separated by ;
  [[nodiscard]] Result<Statement> prepare(std::string_view statement);
  // PRAGMA user_version: a number of ours in the file's head, 0 in a new one.
  [[nodiscard]] Result<std::int64_t> version();

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  explicit Database(sqlite3* connection) : connection_(connection) {}

  std::unique_ptr<sqlite3, Close> connection_;
};

}  // namespace coturn_guard
