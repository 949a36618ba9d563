// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/line_splitter.hpp"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;
using Split = std::vector<std::pair<std::string, std::uint64_t>>;
using namespace std::string_literals;

namespace {

Split split(const std::vector<std::string>& pieces, LineSplitter& splitter) {
  Split lines;
  for (const auto& piece : pieces) {
    const auto taken =
        splitter.feed(piece, [&](std::string_view text, std::uint64_t at) { lines.emplace_back(text, at); });
    CHECK(taken == piece.size());
  }
  return lines;
}

Split split(const std::vector<std::string>& pieces) {
  LineSplitter splitter;
  return split(pieces, splitter);
}

}  // namespace

TEST_CASE("lines are handed over with their offsets", "[source][line_splitter]") {
  const std::string longest(kMaxLineBytes, 'x');
  const std::vector<std::pair<std::vector<std::string>, Split>> table{
      {{""}, {}},
      {{"a\n"}, {{"a", 0}}},
      {{"a\nbc\n\nd\n"}, {{"a", 0}, {"bc", 2}, {"", 5}, {"d", 6}}},
      {{"a\r\nb\r\r\n"}, {{"a", 0}, {"b\r", 3}}},
      {{"a\r", "\nb"}, {{"a", 0}}},
      {{"on", "e\ntw", "o", "\n"}, {{"one", 0}, {"two", 4}}},
      {{"never ended"}, {}},
      {{longest + "\nb\n"}, {{longest, 0}, {"b", kMaxLineBytes + 1}}},
      {{longest + "x\nb\n"}, {{"b", kMaxLineBytes + 2}}},
      {{longest, "x", "evil\nb\n"}, {{"b", kMaxLineBytes + 6}}},
      {{"\0\0\0a\n"s}, {{"a", 3}}},
      {{"\0\0"s, "\0a"s, "\n"}, {{"a", 3}}},
      {{"a\0b\nc\n"s}, {{"a\0b"s, 0}, {"c", 4}}},
      {{"a", "\0b\n"s}, {{"a\0b"s, 0}}},
  };
  for (const auto& [pieces, lines] : table) CHECK(split(pieces) == lines);
}

TEST_CASE("what is dropped is counted", "[source][line_splitter]") {
  LineSplitter splitter;
  split({"\0\0"s, "\0a\n"s, std::string(3 * kMaxLineBytes, 'x'), "y\n",
         std::string(kMaxLineBytes + 1, 'x') + "\n"},
        splitter);
  CHECK(splitter.nul_bytes() == 3);
  CHECK(splitter.overlong() == 2);
}

TEST_CASE("a stream that begins inside a line begins at the next one", "[source][line_splitter]") {
  LineSplitter splitter;
  splitter.begin(100, true);
  CHECK(split({"tail", " of it\nnext\n"}, splitter) == Split{{"next", 111}});
  CHECK(splitter.overlong() == 0);
  split({"unfinished"}, splitter);
  CHECK(splitter.inside_a_line());
  splitter.begin(0, false);
  CHECK(split({"new\n"}, splitter) == Split{{"new", 0}});
}

TEST_CASE("feeding stops where the receiver says so, and goes on there", "[source][line_splitter]") {
  LineSplitter splitter;
  splitter.feed("o", [](std::string_view, std::uint64_t) {});
  std::string text = "ne\ntwo\nthree\n";
  Split lines;
  const auto one_line = [&](std::string_view line, std::uint64_t at) {
    lines.emplace_back(line, at);
    return false;
  };
  CHECK(splitter.feed(text, one_line) == 3);
  CHECK(splitter.feed(text.substr(3), one_line) == 4);
  CHECK(splitter.offset() == 8);
  CHECK(splitter.feed(text.substr(7), one_line) == 6);
  CHECK(lines == Split{{"one", 0}, {"two", 4}, {"three", 8}});
}

TEST_CASE("lines are the same however the bytes arrive", "[source][line_splitter]") {
  std::mt19937 random(7);  // a fixed seed: a failure can be repeated
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      const auto length = random() % 50 == 0 ? kMaxLineBytes - 1 + random() % 3 : random() % 20;
      for (std::size_t k = 0; k < length; ++k)
        text += "ab\0\r"[random() % 8 < 6 ? random() % 2 : 2 + random() % 2];
      text += '\n';
    }
    LineSplitter whole;
    LineSplitter pieces;
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < text.size();) {
      const auto size = std::min<std::size_t>(1 + random() % 700, text.size() - at);
      parts.push_back(text.substr(at, size));
      at += size;
    }
    REQUIRE(split({text}, whole) == split(parts, pieces));
    REQUIRE(whole.overlong() == pieces.overlong());
    REQUIRE(whole.nul_bytes() == pieces.nul_bytes());
    REQUIRE(whole.offset() == text.size());
  }
}
