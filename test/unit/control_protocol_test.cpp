// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/protocol.hpp"

#include <nlohmann/json.hpp>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace coturn_guard::control;
using namespace std::chrono_literals;

namespace {

std::string mistake_in(std::string_view line) {
  const auto command = parse_request(line);
  REQUIRE_FALSE(command);
  CHECK(command.error().code == kBadRequest);
  return command.error().text;
}

Prefix prefix(std::string_view text) {
  return *Prefix::parse(text);
}

}  // namespace

TEST_CASE("a request is read with everything that it says", "[control][protocol]") {
  const auto ban = parse_request(
      R"({"verb":"ban","prefixes":["192.0.2.1","2001:db8::/64"],"seconds":90,"reason":"a \"b\"","force":true})");
  REQUIRE(ban);
  CHECK(ban->verb == Verb::ban);
  CHECK(ban->prefixes == std::vector{prefix("192.0.2.1/32"), prefix("2001:db8::/64")});
  CHECK(ban->duration == 90s);
  CHECK(ban->reason == "a \"b\"");
  CHECK(ban->force);

  const auto list = parse_request(
      R"({"verb":"list","rule":"x","evidence":"proven","network":"192.0.2.0/24","family":6,"reason":"manual"})");
  REQUIRE(list);
  CHECK(list->filter.rule == "x");
  CHECK(list->filter.evidence == Evidence::proven);
  CHECK(list->filter.network == prefix("192.0.2.0/24"));
  CHECK(list->filter.family == 6);
  CHECK(list->filter.reason == "manual");
  CHECK(list->reason.empty());

  const auto adopt = parse_request(
      R"({"verb":"adopt","bans":[{"prefix":"192.0.2.1","seconds":600,"earlier_bans":3},{"prefix":"192.0.2.2","seconds":0}]})");
  REQUIRE(adopt);
  CHECK(adopt->bans == std::vector<KnownBan>{{prefix("192.0.2.1"), 600s, 3}, {prefix("192.0.2.2"), 0s, 1}});
}

TEST_CASE("a request that is written is read back as it was", "[control][protocol]") {
  Command command;
  command.verb = Verb::unban;
  command.prefixes = {prefix("192.0.2.0/24"), prefix("2001:db8::1")};
  command.forget = true;
  auto line = format_request(command);
  REQUIRE(line.back() == '\n');
  line.pop_back();
  CHECK(parse_request(line) == command);
}

TEST_CASE("what a request lacks, or has too much, is told", "[control][protocol]") {
  CHECK(mistake_in("") == "a request is one JSON object on one line");
  CHECK(mistake_in("[]") == "a request is one JSON object on one line");
  CHECK(mistake_in("{}") == "a request needs \"verb\", a text");
  CHECK(mistake_in(R"({"verb":"explode\n"})") == R"(there is no verb "explode\n")");
  CHECK(mistake_in(R"({"verb":"status","force":true})") == R"(the key "force" is not known here)");
  CHECK(mistake_in(R"({"verb":"ban"})") == R"("ban" needs "prefixes")");
  CHECK(mistake_in(R"({"verb":"unban"})") == R"("unban" needs "prefixes", or "all": one of the two)");
  CHECK(mistake_in(R"({"verb":"unban","prefixes":["192.0.2.1"],"all":true})") ==
        R"("unban" needs "prefixes", or "all": one of the two)");
  CHECK(mistake_in(R"({"verb":"check","prefixes":["192.0.2"]})") ==
        R"("192.0.2" in "prefixes" is no address or network)");
  CHECK(mistake_in(R"({"verb":"ban","prefixes":["192.0.2.1"],"seconds":5,"forever":true})") ==
        R"("seconds" or "forever": one of the two)");
  CHECK(mistake_in(R"({"verb":"ban","prefixes":["192.0.2.1"],"seconds":0})") ==
        R"("seconds" must be a whole number from 1 to 314496000)");
  CHECK(mistake_in(R"({"verb":"ban","prefixes":["192.0.2.1"],"force":1})") ==
        R"("force" must be true or false)");
  CHECK(mistake_in(R"({"verb":"list","family":5})") == R"("family" must be 4 or 6)");
  CHECK(mistake_in(R"({"verb":"adopt","bans":[{"prefix":"192.0.2.1"}]})") ==
        R"(each of "bans" needs "prefix" and "seconds")");
}

TEST_CASE("a request is bounded", "[control][protocol]") {
  std::string many = R"({"verb":"check","prefixes":["192.0.2.1")";
  for (std::size_t i = 1; i < kMaxPrefixes; ++i) many += R"(,"192.0.2.1")";
  CHECK(parse_request(many + "]}"));
  CHECK(mistake_in(many + R"(,"192.0.2.1"]})") == R"("prefixes" must be a list of at most 1000)");
  CHECK(mistake_in(R"({"verb":"list","rule":")" + std::string(kMaxReasonBytes + 1, 'x') + "\"}") ==
        R"("rule" must be a text of at most 200 bytes)");
  CHECK(mistake_in(std::string(kMaxRequestBytes, ' ')) == "a request is at most 65536 bytes long");
  CHECK_FALSE(parse_request(std::string(kMaxRequestBytes - 1, '[')));
}

TEST_CASE("looking needs less than changing", "[control][protocol]") {
  for (const Verb verb : {Verb::status, Verb::list, Verb::check, Verb::why, Verb::tail})
    CHECK(needed(verb) == Access::read);
  for (const Verb verb :
       {Verb::ban, Verb::unban, Verb::adopt, Verb::reload, Verb::flush, Verb::close_breaker})
    CHECK(needed(verb) == Access::change);
}

TEST_CASE("texts in an answer are JSON in ASCII, whatever they hold", "[control][protocol]") {
  CHECK(json_text("plain") == "\"plain\"");
  CHECK(json_text("a\"b\\\n\x1b") == R"("a\"b\\\n\u001b")");
  CHECK(json_text("\xff") == R"("\ufffd")");
  const auto error = nlohmann::json::parse(error_line({kBusy, "two \"words\"\n"}));
  CHECK(error["text"] == "two \"words\"\n");
  CHECK(error["code"] == "busy");
}

TEST_CASE("times are told as RFC 3339 wants them", "[control][protocol]") {
  CHECK(rfc3339(std::chrono::system_clock::time_point(0s)) == "1970-01-01T00:00:00Z");
  CHECK(rfc3339(std::chrono::system_clock::time_point(1764032523s + 999ms)) == "2025-11-25T01:02:03Z");
}

TEST_CASE("a ban for ever is one in the request and back", "[control][protocol]") {
  control::Command command;
  command.verb = control::Verb::ban;
  command.prefixes = {*Prefix::parse("192.0.2.1")};
  command.duration = kForeverBan;
  const std::string line = control::format_request(command);
  CHECK(line.find("\"forever\":true") != std::string::npos);
  const auto read = control::parse_request(line);
  REQUIRE(read);
  CHECK(read->duration == kForeverBan);
}
