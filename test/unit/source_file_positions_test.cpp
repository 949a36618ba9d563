// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/file_positions.hpp"

#include "support/catch.hpp"

namespace coturn_guard {
namespace {

SavedFile some_file() {
  SavedFile file;
  file.position.identity = {8, 123'456, 1'700'000'000'123'456'789};
  file.position.offset = 70'000;
  file.position.before.append("the bytes before");
  file.counted = 69'990;
  file.waiting = {12, 500, 69'000};
  file.name = "/var/log/coturn.log";
  file.path = "/var/log/coturn.log.1";
  file.order = 3;
  return file;
}

}  // namespace

TEST_CASE("a file's place is read back as it was written", "[source][file_positions]") {
  const auto file = some_file();
  const auto read = SavedFile::decode(SavedFile::encode(file));
  REQUIRE(read);
  CHECK(*read == file);
  CHECK(read->position.identity == file.position.identity);
  CHECK(read->position.before.view() == "the bytes before");
  CHECK(read->waiting == file.waiting);
  CHECK(read->path == file.path);
}

TEST_CASE("what is cut or makes no sense is no place", "[source][file_positions]") {
  const auto whole = SavedFile::encode(some_file());
  for (std::size_t size = 0; size < whole.value.size(); ++size) {
    auto cut = whole;
    cut.value.resize(size);
    const auto read = SavedFile::decode(cut);
    // Only where it ends between two of the lines that wait it is one, with fewer of them.
    CHECK((!read || read->waiting.size() < 3));
  }
  auto file = some_file();
  file.counted = file.position.offset + 1;
  CHECK_FALSE(SavedFile::decode(SavedFile::encode(file)));
  file = some_file();
  file.waiting = {500, 12};
  CHECK_FALSE(SavedFile::decode(SavedFile::encode(file)));
}

TEST_CASE("of the lines that wait, each file has its own, once", "[source][file_positions]") {
  const std::vector<LinePlace> waiting{{1, 5}, {2, 7}, {2, 7}, {2, 90}, {3, 1}};
  CHECK(places_in(1, waiting) == std::vector<std::uint64_t>{5});
  CHECK(places_in(2, waiting) == std::vector<std::uint64_t>{7, 90});
  CHECK(places_in(4, waiting).empty());
}

TEST_CASE("a rotated log has a number or a date behind its name", "[source][file_positions]") {
  for (const char* name : {"coturn.log.1", "coturn.log.12", "coturn.log-20260314", "coturn.log.2026-03-14",
                           "coturn.log-20260314.1", "coturn.log-2026-03-14T12:00:00"})
    CHECK(may_be_rotated(name, "coturn.log"));
  for (const char* name : {"coturn.log", "coturn.log.1.gz", "coturn.log.bak", "coturn.log~", "coturn.log.",
                           "coturn.log2", "coturn.log.1.swp", "other.log.1", "coturn.log.d1"})
    CHECK_FALSE(may_be_rotated(name, "coturn.log"));
}

TEST_CASE("the files of one coturn have one name without their rotation, those of two have two",
          "[source][file]") {
  for (const char* name : {"coturn.log", "coturn.log.1", "coturn.log.12", "coturn.log-20260314",
                           "coturn.log.2026-03-14T00", "coturn_2026-03-14.log", "coturn-20260314.log",
                           "coturn-20260314.log.1", "coturn.1.log", "coturn.log.old"})
    CHECK(without_rotation(name) == "coturn.log");
  CHECK(without_rotation("turn_811_2026-11-30.log") == "turn_811.log");
  CHECK(without_rotation("turn_812_2026-11-30.log") == "turn_812.log");
  CHECK(without_rotation("turn-1.log") == "turn-1.log");
  CHECK(without_rotation("turn-10.0.0.1.log") == "turn-10.0.0.1.log");
  CHECK(without_rotation("turn-10.0.0.2.log.1") == "turn-10.0.0.2.log");
  CHECK(without_rotation("turn") == "turn");
  CHECK(without_rotation("").empty());
  CHECK(without_rotation(".log") == ".log");
}

}  // namespace coturn_guard
