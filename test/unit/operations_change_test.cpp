// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <boost/asio/io_context.hpp>

#include "announcer.hpp"
#include "operations.hpp"
#include "source/clocks.hpp"
#include "support/catch.hpp"
#include "support/detect.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

Prefix prefix(const char* text) {
  return Prefix::parse(text).value();
}

// The verbs with what they work on, and an enforcer that tells nobody.
struct Desk {
  boost::asio::io_context io;
  Config config;
  Log log{Log::Sink::terminal};
  Pipeline pipeline{test::make_recogniser(), Policy{}, {1, 2}, Allowlist{}};
  std::unique_ptr<Enforcer> enforcer =
      make_enforcer(io, "dry-run", {.max_bans = 1000, .ports = {}}, {}).value();
  EnforcerChoice enforcer_choice;
  std::unique_ptr<LineSource> source;
  SourceChoice source_choice;
  std::unique_ptr<Witness> witness;
  Announcer announcer{log};
  GatePost gate{io, log, announcer, {}};
  SmokeAlarm smoke{log};
  Bans bans_door{{.ban = [this](const Prefix& dropped, std::chrono::seconds duration,
                                const Now& now) { enforcer->ban(dropped, duration, now); },
                  .unban = [this](const Prefix& dropped) { enforcer->unban(dropped); },
                  .end_of = [this](const Prefix& dropped) { return enforcer->bans().expiry(dropped); },
                  .full = [](bool) { return false; },
                  .soonest = [](bool, const BanKernel::MayGo&) { return std::optional<Prefix>(); },
                  .is_first = [](const Prefix&) { return false; }},
                 {1, 2}};
  Operations operations{{.config = config,
                         .log = log,
                         .pipeline = pipeline,
                         .enforcer = enforcer,
                         .enforcer_choice = enforcer_choice,
                         .bans = bans_door,
                         .source = source,
                         .source_choice = source_choice,
                         .witness = witness,
                         .gate = gate,
                         .smoke = smoke,
                         .simulated = [] { return true; },
                         .reload = [] { return Problems(); }}};

  Desk() { REQUIRE(enforcer->start(read_clocks())); }

  void bans(const char* dropped) {
    const Now now = read_clocks();
    enforcer->ban(prefix(dropped), 1h, now);
    pipeline.adopt(prefix(dropped), 1h, now);
  }
  std::string unbans(const char* wanted) {
    return says({.verb = control::Verb::unban, .prefixes = {prefix(wanted)}});
  }
  std::string says(control::Command command) {
    const auto reply = end_bans(operations, std::move(command));
    std::string out;
    while (reply->write(out) == control::Reply::State::more) {
    }
    return out;
  }
  [[nodiscard]] bool pardoned(const char* host) {
    return pipeline.ledger().ban_left(prefix(host), read_clocks()) == 0s;
  }
};

}  // namespace

TEST_CASE("who is pardoned by its IPv4 address is freed of all that it came by", "[operations][translated]") {
  Desk desk;
  for (const char* dropped : {"203.0.113.5/32", "64:ff9b::cb00:7105/128", "2002:cb00:7105::/48",
                              "2001:0:4136:e378:8000:63bf:34ff:8efa/128", "64:ff9b::cb00:7106/128"})
    desk.bans(dropped);
  CHECK(desk.unbans("203.0.113.5").find("\"freed\":4,\"not_banned\":0") != std::string::npos);
  CHECK(desk.enforcer->banned() == std::vector<Prefix>{prefix("64:ff9b::cb00:7106/128")});
  CHECK_FALSE(desk.pardoned("203.0.113.6/32"));
}

TEST_CASE("an address within what is dropped frees its host, by IPv4 too", "[operations][translated]") {
  Desk desk;
  desk.bans("203.0.113.5/32");
  desk.bans("2002:cb00:7105::/48");
  desk.bans("64:ff9b::cb00:7105/128");
  CHECK(desk.unbans("2002:cb00:7105:1::5").find("\"freed\":3,\"not_banned\":0") != std::string::npos);
  CHECK(desk.enforcer->banned().empty());
  CHECK(desk.pardoned("203.0.113.5/32"));
}

TEST_CASE("a host that came by more ways than are remembered is freed of them all",
          "[operations][translated]") {
  Desk desk;
  for (unsigned port = 1; port <= 3 * Doors::kMaxDoors; ++port)
    desk.bans(fmt::format("2001:0:4136:e378:8000:{:x}:34ff:8efa/128", port).c_str());
  CHECK(desk.enforcer->banned().size() == 3 * Doors::kMaxDoors);
  desk.unbans("203.0.113.5");
  CHECK(desk.enforcer->banned().empty());
}

TEST_CASE("a network frees its hosts of what they came by, and what lies in it frees its host",
          "[operations][translated]") {
  Desk desk;
  for (const char* dropped :
       {"203.0.113.5/32", "64:ff9b::cb00:7105/128", "2002:cb00:7106::/48", "2002:c000:201::/48"})
    desk.bans(dropped);
  desk.unbans("203.0.113.0/24");
  CHECK(desk.enforcer->banned() == std::vector<Prefix>{prefix("2002:c000:201::/48")});
  CHECK(desk.pardoned("203.0.113.6/32"));
  desk.bans("192.0.2.1/32");
  desk.bans("192.0.2.2/32");
  desk.unbans("2002::/16");
  CHECK(desk.enforcer->banned() == std::vector<Prefix>{prefix("192.0.2.2/32")});
  CHECK(desk.pardoned("192.0.2.1/32"));
  CHECK_FALSE(desk.pardoned("192.0.2.2/32"));
}

TEST_CASE("a translator's prefix frees and pardons whoever comes by it", "[operations][translated]") {
  for (const char* wanted : {"64:ff9b::/96", "64:ff9b::/104", "64:ff9b::cb00:7100/120"}) {
    Desk desk;
    desk.bans("64:ff9b::cb00:7105/128");
    desk.bans("64:ff9b::cb00:7106/128");
    desk.bans("203.0.113.7/32");
    const bool inside = std::string(wanted) != "64:ff9b::/104";
    desk.unbans(wanted);
    CHECK(desk.enforcer->banned().size() == (inside ? 1 : 3));
    CHECK(desk.pardoned("203.0.113.5/32") == inside);
    CHECK_FALSE(desk.pardoned("203.0.113.7/32"));
  }
}

TEST_CASE("an unban frees no neighbour behind the same translator", "[operations][translated]") {
  for (const char* wanted : {"64:ff9b::cb00:7105", "203.0.113.5", "2002:cb00:7105::9"}) {
    Desk desk;
    for (const char* dropped : {"64:ff9b::cb00:7105/128", "64:ff9b::cb00:7104/128", "2002:cb00:7104::/48",
                                "203.0.113.4/32", "2001:0:4136:e378:8000:63bf:34ff:8efb/128"})
      desk.bans(dropped);
    desk.unbans(wanted);
    CHECK(desk.enforcer->banned().size() == 4);
    CHECK_FALSE(desk.pardoned("203.0.113.4/32"));
  }
}

TEST_CASE("a host is freed of all its ways where more hosts came than are remembered",
          "[operations][translated]") {
  Desk desk;
  const Now now = read_clocks();
  desk.bans("64:ff9b::cb00:7105/128");
  for (unsigned host = 0; host < Doors::kMaxHosts; ++host)
    desk.pipeline.note_dropped(Prefix(*Address::parse(fmt::format("64:ff9b::0a00:{:x}", host)), 128), 1h,
                               now);
  CHECK_FALSE(desk.pipeline.knows_all_dropped(now));
  desk.unbans("203.0.113.5");
  CHECK(desk.enforcer->banned().empty());
}

TEST_CASE("after a flush nobody is banned or dropped", "[operations][translated]") {
  Desk desk;
  for (const char* dropped :
       {"203.0.113.5/32", "64:ff9b::cb00:7105/128", "2002:cb00:7106::/48", "2001:db8::/64"})
    desk.bans(dropped);
  CHECK(desk.says({.verb = control::Verb::flush}).find("\"freed\":4") != std::string::npos);
  CHECK(desk.enforcer->banned().empty());
  CHECK(desk.pardoned("203.0.113.5/32"));
  CHECK(desk.pardoned("203.0.113.6/32"));
}
