// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/packet_inspection.hpp"

#include <fstream>
#include <iterator>
#include <string>

#include "pipeline.hpp"
#include "support/catch.hpp"
#include "support/detect.hpp"
#include "support/packets.hpp"

using namespace coturn_guard;
using packets::Bytes;
using packets::datagram;
using packets::segment;

namespace {

Bytes recorded(const std::string& name) {
  std::ifstream file(SOURCE_ROOT "/test/data/packets/" + name, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}
Inspection inspected(const Bytes& packet) {
  return inspect({packet, packet.size()});
}

struct Gate {
  Pipeline pipeline{Recogniser::create(RuleSet::create(test::shipped_rules()).value(), "").value(),
                    Policy{},
                    {1, 2},
                    Allowlist{}};
  Outcome outcome;
  Now now{std::chrono::steady_clock::time_point(std::chrono::hours(1)), {}};

  PacketFate takes(const Bytes& packet) { return pipeline.take(Packet{packet, packet.size()}, now, outcome); }
};

}  // namespace

TEST_CASE("garbage over UDP is dropped, what coturn speaks is not", "[detect][packet]") {
  for (const auto* name : {"stun-turnutils.udp", "stun-turn_client.udp", "dtls-openssl.udp"})
    CHECK(inspected(datagram(recorded(name))).fate == PacketFate::accept);
  for (const auto* name : {"dns-dig.udp", "sip-sipsak.udp", "ntp-ntpdig.udp", "ipmi-nmap.udp"}) {
    const auto seen = inspected(datagram(recorded(name)));
    CHECK(seen.fate == PacketFate::drop);
    CHECK(seen.sign == PacketSign::foreign_udp);
    CHECK_FALSE(seen.protocol.empty());
  }
  CHECK(inspected(datagram({})).fate == PacketFate::accept);
}

TEST_CASE("a foreign first segment is an offence and travels on", "[detect][packet]") {
  for (const auto* name : {"http-curl.tcp", "ssh.tcp", "rdp-nmap.tcp", "redis-cli.tcp"}) {
    const auto seen = inspected(segment(recorded(name)));
    CHECK(seen.fate == PacketFate::accept);
    CHECK(seen.sign == PacketSign::foreign_tcp);
  }
  for (const auto* name : {"tls-openssl.tcp", "stun-turn_client.tcp", "proxy1-curl.tcp"})
    CHECK(inspected(segment(recorded(name))).sign == PacketSign::none);
}

TEST_CASE("what asks for an answer is weighed, what coturn is silent about is not", "[detect][packet]") {
  CHECK(inspected(datagram(recorded("stun-turnutils.udp"))).asked_milli == 1000);
  Bytes indication = recorded("stun-turnutils.udp");
  indication[1] = 0x11;
  CHECK(inspected(datagram(indication)).asked_milli == 0);
  CHECK(inspected(datagram({0x40, 0, 0, 1, 9})).asked_milli == 0);
  CHECK(inspected(datagram(recorded("dtls-openssl.udp"))).asked_milli == 0);
}

TEST_CASE("three foreign connections are a ban that names what they spoke", "[pipeline][gate]") {
  Gate gate;
  for (int i = 0; i < 3; ++i) CHECK(gate.takes(segment(recorded("ssh.tcp"))) == PacketFate::accept);
  REQUIRE(gate.outcome.verdicts.size() == 1);
  const Verdict& verdict = gate.outcome.verdicts.front();
  CHECK(verdict.prefix.to_string() == "203.0.113.66/32");
  CHECK(verdict.evidence == Evidence::proven);
  CHECK(verdict.protocol == "SSH");
  CHECK(gate.pipeline.rules().name(verdict.rule) == "foreign-protocol");
  CHECK(gate.pipeline.packets().foreign.at("SSH") == 3);
}

TEST_CASE("where the witness knows of no connection from there, a foreign segment is a forgery",
          "[pipeline][gate]") {
  Gate gate;
  gate.pipeline.set_witness(true, true, gate.now);
  const auto let_time_pass = [&](int seconds) {
    for (int second = 0; second < seconds; ++second) {
      const Now begun = gate.now;
      gate.now.mono += std::chrono::seconds(1);
      gate.pipeline.heard(gate.now);
      gate.pipeline.sampled(begun, gate.now, gate.outcome);
      gate.pipeline.tick(gate.now, true, gate.outcome);
    }
  };
  let_time_pass(5);
  for (int i = 0; i < 5; ++i) static_cast<void>(gate.takes(segment(recorded("ssh.tcp"))));
  CHECK(gate.outcome.verdicts.empty());
  let_time_pass(5);
  CHECK(gate.outcome.verdicts.empty());
  CHECK(gate.pipeline.testimony().counters().refuted == 5);
}

TEST_CASE("garbage over UDP is dropped and nothing else: it bans and quenches nobody", "[pipeline][gate]") {
  Gate gate;
  for (int i = 0; i < 1000; ++i) CHECK(gate.takes(datagram(recorded("sip-sipsak.udp"))) == PacketFate::drop);
  CHECK(gate.outcome.verdicts.empty());
  CHECK(gate.outcome.quenches.empty());
  CHECK(gate.pipeline.packets().garbage == 1000);
  CHECK(gate.pipeline.counters().offences.at({"udp-garbage", Evidence::spoofable}) == 1000);
}

TEST_CASE("a source that asks for too much is quenched, and its packets dropped from then on",
          "[pipeline][gate]") {
  Gate gate;
  const Bytes binding = datagram(recorded("stun-turnutils.udp"), "192.0.2.99");
  for (int i = 0; i < 400; ++i) CHECK(gate.takes(binding) == PacketFate::accept);
  CHECK(gate.outcome.quenches.empty());
  CHECK(gate.takes(binding) == PacketFate::drop);
  REQUIRE(gate.outcome.quenches.size() == 1);
  const Quench& quench = gate.outcome.quenches.front();
  CHECK(quench.prefix.to_string() == "192.0.2.99/32");
  CHECK(quench.answer_bytes > 2 * quench.request_bytes);
  CHECK(gate.takes(binding) == PacketFate::drop);
  CHECK(gate.outcome.quenches.size() == 1);
  CHECK(gate.takes(datagram(recorded("stun-turnutils.udp"), "192.0.2.98")) == PacketFate::accept);
  // What flows through a relay asks for no answer.
  CHECK(gate.takes(datagram({0x40, 0, 0, 1, 9}, "192.0.2.99")) == PacketFate::accept);
}

TEST_CASE("whoever is never judged is not quenched either", "[pipeline][gate]") {
  Gate gate;
  gate.pipeline.allowlist().set_ignored({*Prefix::parse("192.0.2.0/24")});
  const Bytes binding = datagram(recorded("stun-turnutils.udp"), "192.0.2.99");
  for (int i = 0; i < 1000; ++i) CHECK(gate.takes(binding) == PacketFate::accept);
  CHECK(gate.outcome.quenches.empty());
}

TEST_CASE("after a ban an address is on probation for ten minutes", "[pipeline][gate]") {
  Gate gate;
  const auto requests_until_quenched = [&] {
    const Bytes binding = datagram(recorded("stun-turnutils.udp"));
    for (int n = 1; n <= 1000; ++n)
      if (gate.takes(binding) == PacketFate::drop) return n;
    return 0;
  };
  for (int i = 0; i < 3; ++i) static_cast<void>(gate.takes(segment(recorded("http-curl.tcp"))));
  REQUIRE(gate.outcome.verdicts.size() == 1);
  gate.now.mono += gate.outcome.verdicts.front().duration + std::chrono::seconds(1);
  gate.outcome.clear();
  CHECK(requests_until_quenched() == 41);
  CHECK(gate.pipeline.packets().probation == 41);
  // Twice for the ban it had, and twice for being on probation: one offence is enough.
  static_cast<void>(gate.takes(segment(recorded("http-curl.tcp"))));
  CHECK(gate.outcome.verdicts.size() == 1);
  gate.now.mono += std::chrono::hours(1);
  CHECK(requests_until_quenched() == 401);
}

TEST_CASE("a pardoned address is not on probation", "[pipeline][gate]") {
  Gate gate;
  for (int i = 0; i < 3; ++i) static_cast<void>(gate.takes(segment(recorded("http-curl.tcp"))));
  (void)gate.pipeline.forgive(*Prefix::parse("203.0.113.66"), false);
  static_cast<void>(gate.takes(datagram(recorded("stun-turnutils.udp"))));
  CHECK(gate.pipeline.packets().probation == 0);
}

TEST_CASE("what cannot be read is counted: fragments pass, contradictions do not", "[pipeline][gate]") {
  Gate gate;
  CHECK(gate.takes(packets::v4(packets::udp(1, 2, {1}), {.fragment = 0x0010})) == PacketFate::accept);
  CHECK(gate.takes({}) == PacketFate::accept);
  CHECK(gate.takes({0x45}) == PacketFate::accept);
  Bytes lie = datagram({1, 2, 3});
  lie[25] = 2;
  CHECK(gate.takes(lie) == PacketFate::drop);
  CHECK(gate.pipeline.packets().unread == 3);
  CHECK(gate.pipeline.packets().malformed == 1);
}
