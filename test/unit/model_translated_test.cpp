// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/translated.hpp"

#include <fmt/format.h>

#include "support/catch.hpp"
#include "support/story.hpp"

using namespace coturn_guard;

namespace {

std::string told(const TranslatedNetworks& networks, const char* address) {
  const auto found = networks.find(Address::parse(address).value());
  return found ? found->host.to_string() + " by " + found->arrives.to_string() : "-";
}

void resets(test::LogStory& story, const std::string& client, int times, int from = 1) {
  for (int i = 0; i < times; ++i)
    story.says(fmt::format("5: : ERROR: session {:018}: TCP socket error: Connection reset by peer {}:{}",
                           from + i, client, 40000 + from + i));
}

}  // namespace

TEST_CASE("translated addresses name their IPv4 host and what arrives of it", "[model][translated]") {
  TranslatedNetworks networks;
  CHECK(told(networks, "64:ff9b::cb00:7101") == "203.0.113.1 by 64:ff9b::cb00:7101/128");
  CHECK(told(networks, "64:ff9b:1::cb00:7101") == "203.0.113.1 by 64:ff9b:1::cb00:7101/128");
  CHECK(told(networks, "64:ff9b:1:fffe::cb00:7101") == "203.0.113.1 by 64:ff9b:1:fffe::cb00:7101/128");
  CHECK(told(networks, "64:ff9b:1:cb00:71:100::") == "203.0.113.1 by 64:ff9b:1:cb00:71:100::/88");
  CHECK(told(networks, "2002:cb00:7101::1") == "203.0.113.1 by 2002:cb00:7101::/48");
  CHECK(told(networks, "2001:0:4136:e378:8000:63bf:34ff:8efe") ==
        "203.0.113.1 by 2001:0:4136:e378:8000:63bf:34ff:8efe/128");
  CHECK(told(networks, "2001:db8::1") == "-");
  CHECK(told(networks, "64:ff9b:2::cb00:7101") == "-");
  CHECK(told(networks, "203.0.113.1") == "-");
}

TEST_CASE("the examples of RFC 6052 are read, each with its length", "[model][translated]") {
  TranslatedNetworks networks;
  for (const auto& [prefix, address, arrives] :
       {std::tuple{"2001:db8::/32", "2001:db8:c000:221::", "2001:db8:c000:221::/64"},
        std::tuple{"2001:db8:100::/40", "2001:db8:1c0:2:21::", "2001:db8:1c0:2:21::/80"},
        std::tuple{"2001:db8:122::/48", "2001:db8:122:c000:2:2100::", "2001:db8:122:c000:2:2100::/88"},
        std::tuple{"2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::", "2001:db8:122:3c0:0:221::/96"},
        std::tuple{"2001:db8:122:344::/64",
                   "2001:db8:122:344:c0:2:2100::", "2001:db8:122:344:c0:2:2100::/104"},
        std::tuple{"2001:db8:122:344::/96", "2001:db8:122:344::c000:221",
                   "2001:db8:122:344::c000:221/128"}}) {
    networks.set_nat64({Prefix::parse(prefix).value()});
    CHECK(told(networks, address) == "192.0.2.33 by " + Prefix::parse(arrives)->to_string());
  }
}

TEST_CASE("nobody passes for loopback or a neighbour by an address of its own making",
          "[model][translated]") {
  TranslatedNetworks networks;
  CHECK(told(networks, "2002:7f00:1::1") == "-");
  CHECK(told(networks, "2002:a00:1::1") == "-");
  CHECK(told(networks, "2001:0:4136:e378:8000:63bf:80ff:fffe") == "-");  // 127.0.0.1
  CHECK(told(networks, "64:ff9b::7f00:1") ==
        "64:ff9b::7f00:1 by 64:ff9b::7f00:1/128");  // itself, not the /64
}

TEST_CASE("hosts behind a NAT64 are judged one by one", "[pipeline][translated]") {
  test::LogStory story;
  for (int host = 1; host <= 9; ++host)
    resets(story, fmt::format("[64:ff9b::cb00:71{:02x}]", host), 2, host * 10);
  CHECK(story.bans.empty());
  resets(story, "[64:ff9b::cb00:7105]", 1, 200);
  CHECK(story.bans == std::vector<std::string>{"64:ff9b::cb00:7105/128"});
}

TEST_CASE("a host counts as one, whichever way it comes, and each way is shut", "[pipeline][translated]") {
  test::LogStory story;
  resets(story, "203.0.113.1", 1);
  resets(story, "[2002:cb00:7101::7]", 1, 20);
  resets(story, "[64:ff9b::cb00:7101]", 1, 30);
  CHECK(story.bans == std::vector<std::string>{"64:ff9b::cb00:7101/128"});
  resets(story, "203.0.113.1", 2, 40);
  CHECK(story.bans.back() == "203.0.113.1/32");
  resets(story, "[2002:cb00:7101:5::7]", 2, 50);
  CHECK(story.bans.back() == "2002:cb00:7101::/48");
  CHECK(story.bans.size() == 3);  // each once
}

TEST_CASE("a ban by IPv4 is one by NAT64 as soon as the host comes that way", "[pipeline][translated]") {
  test::LogStory story;
  resets(story, "203.0.113.1", 3);
  CHECK(story.bans == std::vector<std::string>{"203.0.113.1/32"});
  resets(story, "[64:ff9b::cb00:7101]", 1, 30);
  CHECK(story.bans.back() == "64:ff9b::cb00:7101/128");
}

TEST_CASE("who is spared by IPv4 is spared behind a translator, and the other way round",
          "[pipeline][translated]") {
  Allowlist list;
  list.set_ignored({Prefix::parse("203.0.113.0/28").value(), Prefix::parse("64:ff9b::cb00:7155").value()});
  test::LogStory story(std::move(list));
  resets(story, "[64:ff9b::cb00:7101]", 5);
  resets(story, "[64:ff9b::cb00:7155]", 5, 20);
  CHECK(story.bans.empty());
  resets(story, "[64:ff9b::cb00:7144]", 5, 40);
  CHECK(story.bans == std::vector<std::string>{"64:ff9b::cb00:7144/128"});
  CHECK(story.pipeline.allowlist().spares(Prefix::parse("64:ff9b::cb00:7101").value()) == "ignoreip");
  CHECK_FALSE(story.pipeline.allowlist().spares(Prefix::parse("64:ff9b::cb00:7177").value()));
}

TEST_CASE("a login by IPv4 is the good name of the host behind NAT64", "[pipeline][translated]") {
  test::LogStory story;
  story.says(
      "5: : session 000000000000000900: realm <example.org> user <alice>: incoming packet ALLOCATE "
      "processed, "
      "success");
  story.says("5: : session 000000000000000900: TCP socket closed remotely 203.0.113.1:5000");
  resets(story, "[64:ff9b::cb00:7101]", 9);
  CHECK(story.bans.empty());
}

TEST_CASE("a pardon of what is dropped is one of the host", "[pipeline][translated]") {
  test::LogStory story;
  resets(story, "[64:ff9b::cb00:7101]", 3);
  REQUIRE(story.bans.size() == 1);
  (void)story.pipeline.forgive(Prefix::parse("64:ff9b::cb00:7101/128").value(), true);
  resets(story, "[64:ff9b::cb00:7101]", 2, 20);
  CHECK(story.bans.size() == 1);
  resets(story, "[64:ff9b::cb00:7101]", 1, 30);
  CHECK(story.bans.size() == 2);
}

TEST_CASE("a pardon tells all that is dropped of the host, and each way is shut anew",
          "[pipeline][translated]") {
  for (const char* pardoned : {"203.0.113.1/32", "203.0.113.0/24", "0.0.0.0/0"}) {
    test::LogStory story;
    resets(story, "[64:ff9b::cb00:7101]", 3);
    resets(story, "[2002:cb00:7101::7]", 1, 10);
    REQUIRE(story.bans.size() == 2);
    const auto doors = story.pipeline.forgive(Prefix::parse(pardoned).value(), true);
    CHECK(doors == std::vector<Prefix>{Prefix::parse("64:ff9b::cb00:7101/128").value(),
                                       Prefix::parse("2002:cb00:7101::/48").value()});
    resets(story, "203.0.113.1", 3, 20);
    CHECK(story.bans.back() == "203.0.113.1/32");
    resets(story, "[64:ff9b::cb00:7101]", 1, 30);
    CHECK(story.bans.back() == "64:ff9b::cb00:7101/128");
  }
}

TEST_CASE("a ban by a translator that stood before is one by IPv4 as soon as the host comes that way",
          "[pipeline][translated]") {
  const Prefix door = Prefix::parse("2002:cb00:7101::/48").value();
  test::LogStory story;
  SECTION("adopted") {
    story.pipeline.adopt(door, std::chrono::hours(1), story.now);
  }
  SECTION("an earlier run's") {
    test::LogStory earlier;
    const auto origin = earlier.now.mono;
    earlier.pipeline.begin(origin);
    resets(earlier, "[2002:cb00:7101::7]", 3);
    REQUIRE(earlier.bans == std::vector<std::string>{"2002:cb00:7101::/48"});
    StateBatch batch;
    earlier.pipeline.save_changes(batch);
    SavedState saved;
    saved.offenders = batch.offenders;
    story.pipeline.begin(origin);
    story.pipeline.load(saved, {}, false, story.now);
    story.pipeline.note_dropped(door, std::chrono::hours(1), story.now);
  }
  resets(story, "[2002:cb00:7101::7]", 1, 10);
  CHECK(story.bans.empty());
  resets(story, "203.0.113.1", 2, 20);
  CHECK(story.bans == std::vector<std::string>{"203.0.113.1/32"});
}
