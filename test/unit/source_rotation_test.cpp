// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/rotation.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

Fingerprint print_of(const std::string& bytes) {
  Fingerprint print;
  print.append(bytes);
  return print;
}

Now at(std::chrono::seconds seconds) {
  return {std::chrono::steady_clock::time_point(seconds), std::chrono::system_clock::time_point(seconds)};
}
std::int64_t wall(std::chrono::nanoseconds time) {
  return time.count();
}

std::vector<std::string> names(const std::vector<RenameTrail::Place>& places) {
  std::vector<std::string> all;
  for (const auto& place : places) all.push_back(std::to_string(place.directory) + "/" + place.name);
  return all;
}
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a fingerprint is the last bytes, however they came", "[source][rotation]") {
  std::string all;
  Fingerprint print;
  for (std::size_t i = 0; i < 100; ++i) {
    const std::string piece(i * 7 % 31, static_cast<char>('a' + i % 26));
    all += piece;
    print.append(piece);
    REQUIRE(print.view() == all.substr(all.size() - std::min(all.size(), kFingerprintBytes)));
  }
  print.append(std::string(5000, 'z'));
  CHECK(print.view() == std::string(kFingerprintBytes, 'z'));
  print.clear();
  CHECK(print.view().empty());
}

TEST_CASE("a file that grew gives its new bytes, any other began anew", "[source][rotation]") {
  const auto before = print_of("line one\n");
  CHECK(fresh_bytes(before, "line one\nline two\n") == "line two\n");
  CHECK(fresh_bytes(before, "line one\n") == "");
  CHECK(fresh_bytes(before, "") == std::nullopt);                      // truncated
  CHECK(fresh_bytes(before, "line o") == std::nullopt);                // truncated, and written a little
  CHECK(fresh_bytes(before, "LINE ONE\nline two\n") == std::nullopt);  // truncated, and grown past our place
  CHECK(fresh_bytes({}, "anything") == "anything");  // at the beginning there is nothing to compare
}

TEST_CASE("a file seen before goes on where it stopped, its namesake begins at 0", "[source][rotation]") {
  const FilePosition known{{1, 2, 3}, 9, print_of("line one\n")};
  FileFacts facts;
  facts.identity = {1, 2, 3};
  facts.size = 100;
  CHECK(offset_to_begin(known, facts, "line one\n") == 9);
  CHECK(offset_to_begin(std::nullopt, facts, "") == 0);
  CHECK(offset_to_begin(known, facts, "LINE ONE\n") == 0);  // the inode number again, other bytes
  auto shorter = facts;
  shorter.size = 8;
  CHECK(offset_to_begin(known, shorter, "line one") == 0);
  auto younger = facts;
  younger.identity.birth_nanoseconds = 4;  // the inode number again, born later
  CHECK(offset_to_begin(known, younger, "line one\n") == 0);
  const FilePosition unread{{1, 2, 3}, 50, {}};  // it could not be read then
  CHECK(offset_to_begin(unread, facts, "whatever") == 50);
}

TEST_CASE("an old file is read until its successor received a record and it was quiet",
          "[source][rotation]") {
  OldFile old;
  old.old_since = at(100s);
  old.last_growth = at(105s).mono;
  old.drained = true;
  CHECK(fate_of(old, at(100000s).mono) == OldFate::keep);  // for ever while the new one is empty
  old.successor_received = true;
  CHECK(fate_of(old, at(114s).mono) == OldFate::keep);
  CHECK(fate_of(old, at(115s).mono) == OldFate::close);
  old.last_growth = at(50s).mono;  // quiet since long before: still 10 s from the rotation on
  CHECK(fate_of(old, at(109s).mono) == OldFate::keep);
  CHECK(fate_of(old, at(110s).mono) == OldFate::close);
  old.drained = false;
  CHECK(fate_of(old, at(100000s).mono) == OldFate::keep);
}

TEST_CASE("of more than four old files the oldest goes, with a warning if it may still be written to",
          "[source][rotation]") {
  OldFile old;
  old.old_since = at(100s);
  old.drained = true;
  old.newer_old_files = kMaxOldFiles - 1;
  CHECK(fate_of(old, at(101s).mono) == OldFate::keep);
  old.newer_old_files = kMaxOldFiles;
  CHECK(fate_of(old, at(101s).mono) == OldFate::close_early);
  old.successor_received = true;
  CHECK(fate_of(old, at(101s).mono) == OldFate::close);
  old.drained = false;
  CHECK(fate_of(old, at(101s).mono) == OldFate::keep);
}

TEST_CASE("a writer that goes on in the old file is noticed after ten seconds", "[source][rotation]") {
  OldFile old;
  old.old_since = at(100s);
  old.modified_nanoseconds = wall(109s);
  CHECK_FALSE(writer_stayed(old));
  old.modified_nanoseconds = wall(110s);
  CHECK(writer_stayed(old));
  old.successor_received = true;
  CHECK_FALSE(writer_stayed(old));
}

TEST_CASE("the newest of a glob's files are followed, oldest first", "[source][rotation]") {
  std::vector<FileFacts> files(4);
  files[0].modified_nanoseconds = 30;
  files[1].modified_nanoseconds = 10;
  files[2].modified_nanoseconds = 40;
  files[3].modified_nanoseconds = 20;
  CHECK(newest(files, 16) == std::vector<std::size_t>{1, 3, 0, 2});
  CHECK(newest(files, 2) == std::vector<std::size_t>{0, 2});
  CHECK(newest({}, 2).empty());
}

TEST_CASE("renames are followed to where the file stands now", "[source][rotation]") {
  RenameTrail trail;
  trail.moved_from(1, "log", 7, true);
  CHECK(trail.take(10).empty());  // on its way
  trail.moved_to(1, "log.1", 7);
  trail.moved_from(1, "other", 8, false);
  trail.moved_to(1, "other.1", 8);
  trail.moved_from(1, "log.1", 9, false);
  trail.moved_to(2, "archive", 9);
  trail.moved_from(1, "log", 10, true);
  trail.moved_to(1, "log.1", 10);
  CHECK(names(trail.take(1)) == Names{"2/archive"});
  CHECK(names(trail.take(10)) == Names{"1/log.1"});
  CHECK(trail.empty());
}

TEST_CASE("a renamed file that another one replaces is gone", "[source][rotation]") {
  RenameTrail trail;
  trail.moved_from(1, "log", 1, true);
  trail.moved_to(1, "log.1", 1);
  trail.moved_from(1, "log", 2, true);
  trail.moved_to(1, "log.1", 2);
  CHECK(names(trail.take(10)) == Names{"1/log.1"});
}

TEST_CASE("a file that is not where it went is expected for a second more", "[source][rotation]") {
  RenameTrail trail;
  trail.put_back({1, "log.1"});
  CHECK(trail.take(10).empty());
  trail.tick();
  trail.moved_from(1, "log.1", 3, false);
  trail.moved_to(1, "log.2", 3);
  CHECK(names(trail.take(10)) == Names{"1/log.2"});
  trail.put_back({1, "log.1"});
  trail.moved_from(1, "log", 4, true);  // left the directory
  trail.tick();
  trail.tick();
  CHECK(trail.empty());
}
