// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/database.hpp"

#include <filesystem>
#include <fstream>
#include <vector>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

namespace coturn_guard {
namespace {

Database opened(const std::string& file) {
  auto database = Database::open(file, Database::Access::change, std::chrono::milliseconds(0));
  REQUIRE(database);
  return std::move(*database);
}

}  // namespace

TEST_CASE("what is bound is found again, NUL and all", "[util][database]") {
  const TemporaryDirectory place;
  auto database = opened(place / "a.db");
  REQUIRE(database.execute("CREATE TABLE t (number INTEGER, text TEXT, bytes BLOB)"));
  auto insert = database.prepare("INSERT INTO t VALUES (?, ?, ?)");
  REQUIRE(insert);
  const std::vector<std::uint8_t> bytes{0, 1, 255};
  REQUIRE(insert->bind(1, -7).bind(2, std::string_view("a\0b", 3)).bind(3, bytes).run());
  REQUIRE(insert->bind(1, 8).bind(2, "").bind(3, std::span<const std::uint8_t>{}).run());
  auto select = database.prepare("SELECT number, text, bytes FROM t ORDER BY number");
  REQUIRE(select);
  REQUIRE(select->step() == true);
  CHECK(select->integer(0) == -7);
  CHECK(select->text(1) == std::string_view("a\0b", 3));
  CHECK(std::vector<std::uint8_t>(select->bytes(2).begin(), select->bytes(2).end()) == bytes);
  REQUIRE(select->step() == true);
  CHECK(select->text(1).empty());
  CHECK(select->bytes(2).empty());
  CHECK(select->step() == false);
}

TEST_CASE("an error of the database names the file and what is wrong", "[util][database]") {
  const TemporaryDirectory place;
  const std::string missing = place / "none.db";
  const auto absent = Database::open(missing, Database::Access::read, std::chrono::milliseconds(0));
  REQUIRE_FALSE(absent);
  CHECK(absent.error().message().find(missing) != std::string::npos);

  const std::string broken = place / "broken.db";
  std::ofstream(broken) << std::string(5000, 'x');
  auto garbage = opened(broken);
  const auto asked = garbage.execute("SELECT * FROM sqlite_schema");
  REQUIRE_FALSE(asked);
  CHECK(asked.error().message().find(broken) != std::string::npos);
  CHECK(asked.error().message().find("not a database") != std::string::npos);
}

TEST_CASE("a parameter that does not exist is told by the step", "[util][database]") {
  const TemporaryDirectory place;
  auto database = opened(place / "a.db");
  auto select = database.prepare("SELECT 1");
  REQUIRE(select);
  CHECK_FALSE(select->bind(3, 1).run());
  CHECK(select->run());
}

TEST_CASE("the version of a file is a number of its writer's", "[util][database]") {
  const TemporaryDirectory place;
  auto database = opened(place / "a.db");
  CHECK(database.version() == 0);
  REQUIRE(database.execute("PRAGMA user_version = 3"));
  CHECK(database.version() == 3);
}

}  // namespace coturn_guard
