// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/journal_record.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

std::string one_line(std::string message) {
  make_one_line(message);
  return message;
}

}  // namespace

TEST_CASE("a journal message becomes one line without its newline", "[source][journal]") {
  CHECK(one_line("22: : ERROR: x\n") == "22: : ERROR: x");
  CHECK(one_line("22: : x\r\n") == "22: : x");
  CHECK(one_line("\n").empty());
  CHECK(one_line("").empty());
}

TEST_CASE("newlines and NULs within a journal message become blanks", "[source][journal]") {
  using namespace std::string_literals;
  CHECK(one_line("wrong username: a\n7: : ERROR: session 1\r\n") ==
        "wrong username: a 7: : ERROR: session 1");
  CHECK(one_line("a\r\nb\0c"s) == "a  b c");
}

TEST_CASE("each process that writes is a stream with an offset of its own", "[source][journal]") {
  JournalStreams streams;
  std::vector<StreamId> ended;
  const auto end = [&](StreamId stream) { ended.push_back(stream); };
  const JournalStreams::Boot boot{1}, later{2};
  streams.of(boot, 100, end).offset = 50;
  const auto first = streams.of(boot, 100, end).id;
  CHECK(first == JournalStreams::kFirst);
  CHECK(streams.of(boot, 101, end).id != first);
  CHECK(streams.of(later, 100, end).offset == 0);
  CHECK(streams.of(boot, 100, end).id == first);
  CHECK(streams.of(boot, 100, end).offset == 50);
  streams.leave_gap(1000);
  CHECK(streams.of(boot, 100, end).offset == 1050);
  CHECK(streams.of(boot, 101, end).offset == 1000);
  CHECK(ended.empty());
}

TEST_CASE("of too many processes the one that was silent for longest is given up", "[source][journal]") {
  JournalStreams streams;
  std::vector<StreamId> ended;
  const auto end = [&](StreamId stream) { ended.push_back(stream); };
  const JournalStreams::Boot boot{};
  const auto silent = streams.of(boot, 2, end).id;
  for (std::uint32_t i = 0; i < JournalStreams::kMaxStreams; ++i) {
    static_cast<void>(streams.of(boot, 1, end));  // goes on writing
    static_cast<void>(streams.of(boot, 10 + i, end));
  }
  CHECK(streams.size() == JournalStreams::kMaxStreams);
  REQUIRE(ended.size() == 2);
  CHECK(ended[0] == silent);
  CHECK(streams.of(boot, 2, end).id > JournalStreams::kFirst + JournalStreams::kMaxStreams);  // a new one
}
