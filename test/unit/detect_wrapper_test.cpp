// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/wrapper.hpp"

#include "detect/record.hpp"
#include "detect/time_guess.hpp"
#include "source/docker_log.hpp"
#include "source/journal_json.hpp"
#include "support/catch.hpp"
#include "support/detect.hpp"

using namespace coturn_guard;

namespace {

const std::string kMessage =
    "session 000000000000000001: TCP socket error: Connection reset by peer 203.0.113.61:45881";

std::string filled(std::string line) {
  const std::size_t at = line.find(": M") != std::string::npos   ? line.find(": M") + 2
                         : line.find("O M") != std::string::npos ? line.find("O M") + 2
                                                                 : std::string::npos;
  REQUIRE(at != std::string::npos);
  return line.replace(at, 1, kMessage);
}

}  // namespace

TEST_CASE("the record behind every prefix that people have is read", "[detect][wrapper]") {
  const std::vector<std::string> tags{"8f2b1d4c5e6a", "matrix-synapse-voip", "nextcloud-aio-talk"};
  const std::string all = test::read_file("test/data/honest/prefixes.txt");
  std::size_t lines = 0;
  for (std::size_t at = 0; at < all.size(); ++lines) {
    const std::size_t end = all.find('\n', at);
    std::string line = all.substr(at, end - at);
    at = end + 1;
    INFO(line);
    line = filled(line);
    if (const auto docker = decode_docker_line(line)) line = docker->text.substr(0, docker->text.find('\n'));
    if (const auto journal = decode_journal_line(line)) line = journal->text;
    const auto record = parse_record(line, {}, tags);
    REQUIRE(record);
    CHECK(record->session == "000000000000000001");
    CHECK(record->message == kMessage.substr(28));
  }
  CHECK(lines == 54);
}

TEST_CASE("a tag that does not name coturn is believed once the operator names it", "[detect][wrapper]") {
  const std::string line = "Oct 11 22:14:15 host 8f2b1d4c5e6a[830]: 31: : x";
  CHECK_FALSE(parse_record(line, {}));
  const std::vector<std::string> tags{"8f2b1d4c5e6a"};
  CHECK(parse_record(line, {}, tags));
  CHECK_FALSE(parse_record("Oct 11 22:14:15 host 8f2b1d4c5e6b[830]: 31: : x", {}, tags));
}

TEST_CASE("another program's message does not pass for coturn's", "[detect][wrapper]") {
  for (const char* const line :
       {"Oct 11 22:14:15 host sshd[1]: turnserver[811]: 31: : x",
        "Oct 11 22:14:15 host sshd: turnserver: 31: : x", "Oct 11 22:14:15 sshd: turnserver: 31: : x",
        "Oct 11 22:14:15 host nginx: 31: : x", "2023-10-11T22:14:15.003Z host nginx[7]: 31: : x",
        "nginx-1  | 31: : x", "[pod/nginx-7d9f/nginx] 31: : x",
        "<134>1 2023-10-11T22:14:15.003Z host nginx 811 - - 31: : x",
        "<134>1 2023-10-11T22:14:15.003Z turnserver nginx 811 - - 31: : x", "Oct 11 22:14:15 host 31: : x",
        "[ 1234.567890] host kernel: 31: : x", "Mon 2022-08-23 08:50:40 CEST host cron[1]: 31: : x"}) {
    INFO(line);
    CHECK_FALSE(parse_record(line, {}));
  }
}

TEST_CASE("a wrapper's time is told apart from its name", "[detect][wrapper]") {
  const auto stamp = [](const char* line) { return std::string(parse_record(line, {}).value().stamp); };
  CHECK(stamp("Mar 29 22:10:06.887610 jitsi turnserver[407]: 31: : x") == "Mar 29 22:10:06.887610");
  CHECK(stamp("coturn-1  | 2023-10-11T22:14:15.003123456Z 31: : x") == "2023-10-11T22:14:15.003123456Z");
  CHECK(stamp("[ 1234.567890] host turnserver[811]: 31: : x") == "[ 1234.567890]");
  CHECK(stamp("31: : x").empty());
}

TEST_CASE("journalctl's JSON is read as its lines", "[source][journal_json]") {
  const auto line = decode_journal_line(
      R"({"__REALTIME_TIMESTAMP":"1700000000123456","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"turnserver","_TRANSPORT":"syslog","MESSAGE":"31: : a\nb"})");
  REQUIRE(line);
  CHECK(line->text == "2023-11-14T22:13:20.123456+00:00 h turnserver: 31: : a\nb");
  CHECK(line->whole);
  const auto bytes = decode_journal_line(
      R"({"__REALTIME_TIMESTAMP":"1700000000000000","SYSLOG_IDENTIFIER":"turnserver","MESSAGE":[51,49,58,255]})");
  REQUIRE(bytes);
  CHECK(bytes->text.ends_with("turnserver: 31:\xff"));
  CHECK_FALSE(bytes->whole);
  CHECK_FALSE(
      parse_record(
          decode_journal_line(
              R"({"__REALTIME_TIMESTAMP":"1700000000000000","SYSLOG_IDENTIFIER":"x turnserver: 1","MESSAGE":"31: : a"})")
              ->text,
          {}, {})
          ->tag.empty());
  for (const char* const none : {"{}", "{", "[]", R"({"MESSAGE":7})", R"({"MESSAGE":"31: : a"})", "31: : a"})
    CHECK_FALSE(decode_journal_line(none));
}

TEST_CASE("a format of times that nobody names is found in the lines", "[detect][time_guess]") {
  const auto guess = [](const std::string& one, const std::string& other) {
    return guess_time_format(one + "session 000000000000000001: a\n" + other +
                             "session 000000000000000002: b\n" + one +
                             "ERROR: session 000000000000000003: c\n");
  };
  CHECK(guess("22/Nov/2026 12:15:03 : ", "22/Nov/2026 12:15:04 : ") == "%d/%b/%Y %H:%M:%S");
  CHECK(guess("[2026/11/22 12:15:03]: ", "[2026/11/22 12:15:04]: ") == "[%Y/%m/%d %H:%M:%S]");
  CHECK(guess("22.11.2026 12:15:03(77): INFO: ", "23.11.2026 12:15:04(77): INFO: ") == "%d.%m.%Y %H:%M:%S");
  CHECK(guess("31: : ", "32: : ").empty());
  CHECK(guess("no time: ", "none: ").empty());
}

TEST_CASE("a compose log of one service is coturn's where most of its lines are", "[detect][time_guess]") {
  CHECK(guess_compose_names("talk  | 31: : a\ntalk  | 31: : b\n") == std::vector<std::string>{"talk"});
  CHECK(guess_compose_names("web  | GET /\nweb  | 31: : a\nweb  | x\ntalk  | 31: : b\n") ==
        std::vector<std::string>{"talk"});
  CHECK(guess_compose_names("coturn-1  | 31: : a\nweb  | 31: : b\n").empty());
  CHECK(guess_compose_names("31: : a | 31: : b\n").empty());
}
