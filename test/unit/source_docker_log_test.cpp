// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/docker_log.hpp"

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;
using Lines = std::vector<std::pair<std::string, std::uint64_t>>;

namespace {

// As Docker's daemon/logger/jsonfilelog writes it; `text` with its escapes.
std::string wrap(const std::string& text, const std::string& stream = "stdout") {
  return R"({"log":")" + text + R"(","stream":")" + stream + R"(","time":"2026-11-22T12:15:03.123456789Z"})";
}

std::string decoded(const std::string& text) {
  const auto line = decode_docker_line(wrap(text));
  REQUIRE(line);
  return line->text;
}

// A file of Docker's, its lines given one after the other.
class File {
 public:
  void add(const std::string& line) {
    log_.take(line, offset_, [this](std::string_view text, std::uint64_t at) {
      lines.emplace_back(text, at);
      return true;
    });
    offset_ += line.size() + 1;
  }
  void lose(std::uint64_t bytes) { offset_ += bytes; }

  Lines lines;
  DockerLog& log() { return log_; }

 private:
  DockerLog log_;
  std::uint64_t offset_ = 0;
};

}  // namespace

TEST_CASE("escapes are what they stand for", "[source][docker]") {
  CHECK(decoded(R"(22: : msg\n)") == "22: : msg\n");
  CHECK(decoded(R"(user \u003calice\u003e \u0026 \"x\" \\ \/)") == R"(user <alice> & "x" \ /)");
  CHECK(decoded(R"(\b\f\r\t)") == "\b\f\r\t");
  CHECK(decoded(R"(\u0000\u001b[31m)") == std::string("\0\x1b[31m", 6));
  CHECK(decoded(R"(\u00fc \u20AC \u2028)") == "\xc3\xbc \xe2\x82\xac \xe2\x80\xa8");
  CHECK(decoded("\xc3\xbc\xf0\x9f\x98\x80") == "\xc3\xbc\xf0\x9f\x98\x80");
}

TEST_CASE("a byte that was no UTF-8 is one byte again", "[source][docker]") {
  CHECK(decoded(R"(a\ufffd\ufffdb)") == "a??b");
  CHECK(decoded(R"(\ud800)") == "?");
}

TEST_CASE("what is no line of Docker's is not decoded", "[source][docker]") {
  for (const auto* line :
       {"", "{", "22: : msg", R"({"log":"})", R"({"log":"a\"})", R"({"log":"a\q","stream":"stdout"})",
        R"({"log":"a\u12","stream":"stdout"})", R"({"log":"a\u12","x":"y"})", R"({"log":"a"garbage})",
        R"({"log":"a","stream":"stdout")", R"( {"log":"a"})", R"({"log":"\u-123"})", R"({"log":"a\)"}) {
    INFO(line);
    CHECK_FALSE(decode_docker_line(line));
  }
  CHECK(decode_docker_line(R"({"log":""})")->text.empty());
}

TEST_CASE("the container's lines come with offsets in what it wrote", "[source][docker]") {
  File file;
  file.add(wrap(R"(0: : wrong username: \u003ca\u003e b\n)"));
  file.add(wrap(R"(7: : forged\n)"));
  file.add(wrap(R"(8: : true\r\n)"));
  CHECK(file.lines == Lines{{"0: : wrong username: <a> b", 0}, {"7: : forged", 27}, {"8: : true", 39}});
  CHECK(file.log().undecoded() == 0);
}

TEST_CASE("a record that Docker cut is one line", "[source][docker]") {
  File file;
  file.add(wrap("22: : one "));
  file.add(wrap(R"(record\nand )"));
  file.add(wrap(R"(more\n)"));
  CHECK(file.lines == Lines{{"22: : one record", 0}, {"and more", 17}});
}

TEST_CASE("what was not shown or cannot be decoded is a gap", "[source][docker]") {
  File file;
  file.add(wrap(R"(a\n)"));
  file.lose(10);
  file.add(wrap(R"(b\n)"));
  file.add("garbage");
  file.add(wrap(R"(c\n)"));
  REQUIRE(file.lines.size() == 3);
  CHECK(file.lines[1].second > file.lines[0].second + 2000);
  CHECK(file.lines[2].second > file.lines[1].second + 2000);
  CHECK(file.log().undecoded() == 1);
}

TEST_CASE("behind a gap the rest of a line is not taken for a line", "[source][docker]") {
  File file;
  file.add(wrap("begun"));
  file.lose(10);
  file.add(wrap(R"(22: : its end\n)"));
  file.add(wrap(R"(next\n)"));
  REQUIRE(file.lines.size() == 1);
  CHECK(file.lines[0].first == "next");
}

TEST_CASE("a replaced byte that was not escaped makes its line stand alone", "[source][docker]") {
  File file;
  file.add(wrap(R"(a\n)"));
  file.add(wrap("\xef\xbf\xbd\\n"));
  file.add(wrap(R"(b\n)"));
  REQUIRE(file.lines.size() == 3);
  CHECK(file.lines[1].second > file.lines[0].second + 2000);
  CHECK(file.lines[2].second > file.lines[1].second + 2000);
}

TEST_CASE("when Docker read a line stands behind it", "[source][docker]") {
  const auto time_of = [](const std::string& time) {
    const auto line = decode_docker_line(R"({"log":"x\n","stream":"stdout",)" + time + "}");
    REQUIRE(line);
    return line->written_milli;
  };
  CHECK(decode_docker_line(wrap("x"))->written_milli == 1'795'349'703'123);
  CHECK(time_of(R"("time":"2026-11-22T12:15:03Z")") == 1'795'349'703'000);
  CHECK(time_of(R"("time":"2026-11-22T12:15:03.5Z")") == 1'795'349'703'500);
  for (const char* const other : {R"("time":"2026-11-22T12:15:03")", R"("time":"2026-11-22T12:15:03+02:00")",
                                  R"("time":"2026-13-22T12:15:03Z")", R"("time":"2026-02-30T12:15:03Z")",
                                  R"("time":"x026-11-22T12:15:03Z")", R"("time":"2026-11-22T12:15:03.5")",
                                  R"("time":"")", R"("time":7)", R"("attrs":{})"})
    CHECK(time_of(other) == 0);
  // Not what the container wrote.
  CHECK(decode_docker_line(wrap(R"(\"time\":\"2001-11-22T12:15:03Z\"})"))->written_milli ==
        1'795'349'703'123);
}
