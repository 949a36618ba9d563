// SPDX-License-Identifier: GPL-3.0-or-later
#include "gate_judge.hpp"

#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <vector>

#include "detect/packet_inspection.hpp"
#include "detect/packet_text.hpp"
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
TextLook texts(const Bytes& packet) {
  const auto headers = read_headers(packet, packet.size());
  REQUIRE(headers);
  return look_at_texts(headers->payload, headers->payload_bytes, headers->transport);
}

struct Gate {
  Pipeline pipeline{Recogniser::create(RuleSet::create(test::shipped_rules()).value(), "").value(),
                    Policy{},
                    {1, 2},
                    Allowlist{}};
  GateJudge judge{pipeline, {1, 2}};
  Outcome outcome;
  Now now{std::chrono::steady_clock::time_point(std::chrono::hours(1)), {}};

  // Over TCP, what coturn's socket took, as the first or behind `before` bytes.
  PacketFate takes(const Bytes& bytes, SegmentProof proof = {.before = 0, .taken = true}) {
    const Packet packet{bytes, bytes.size()};
    const auto decision = judge.take(packet, now, outcome);
    if (decision.asked) judge.taken(packet, proof, now, outcome);
    return decision.fate;
  }
};

// An attribute, padded with 0.
Bytes attribute(std::uint16_t type, const std::string& value, std::size_t claimed = 0) {
  Bytes out;
  packets::put_u16(out, type);
  packets::put_u16(out, claimed != 0 ? claimed : value.size());
  out.insert(out.end(), value.begin(), value.end());
  out.resize((out.size() + 3) & ~std::size_t{3});
  return out;
}
Bytes stun(std::uint16_t type, const std::vector<Bytes>& attributes, bool cookie = true) {
  Bytes body;
  for (const auto& one : attributes) body.insert(body.end(), one.begin(), one.end());
  Bytes out;
  packets::put_u16(out, type);
  packets::put_u16(out, body.size());
  for (const int byte : {0x21, 0x12, 0xa4, 0x42}) out.push_back(static_cast<std::uint8_t>(cookie ? byte : 7));
  out.resize(20, 'x');
  out.insert(out.end(), body.begin(), body.end());
  return out;
}
constexpr std::uint16_t kUsername = 0x0006, kIntegrity = 0x0008, kRealm = 0x0014, kOrigin = 0x802f;
const std::string kEvil = "a\n1: : session 1: forged";

}  // namespace

TEST_CASE("a foreign beginning that was taken is an offence, and a known one is none", "[pipeline][gate]") {
  for (const auto* name : {"http-curl.tcp", "ssh.tcp", "rdp-nmap.tcp", "redis-cli.tcp"}) {
    Gate gate;
    CHECK(gate.takes(segment(recorded(name))) == PacketFate::accept);
    CHECK(gate.pipeline.packets().foreign.size() == 1);
    CHECK(gate.judge.take_heard().size() == 1);
  }
  for (const auto* name : {"tls-openssl.tcp", "stun-turn_client.tcp", "proxy1-curl.tcp"}) {
    Gate gate;
    CHECK(gate.takes(segment(recorded(name))) == PacketFate::accept);
    CHECK(gate.pipeline.packets().foreign.empty());
    CHECK(gate.judge.take_heard().size() == 1);
  }
}

TEST_CASE("a segment that no socket took charges nobody, and its connection goes on being heard",
          "[pipeline][gate]") {
  Gate gate;
  for (int i = 0; i < 10; ++i)
    CHECK(gate.takes(segment(recorded("http-curl.tcp")), {.before = 0, .taken = false}) ==
          PacketFate::accept);
  CHECK(gate.outcome.verdicts.empty());
  CHECK(gate.judge.take_heard().empty());
  CHECK(gate.pipeline.packets().foreign.empty());
}

TEST_CASE("a segment beside a connection that has spoken charges nobody, taken or not", "[pipeline][gate]") {
  Gate gate;
  for (const bool taken : {true, false})
    for (int i = 0; i < 10; ++i)
      static_cast<void>(gate.takes(segment(recorded("http-curl.tcp")), {.before = 28, .taken = taken}));
  CHECK(gate.outcome.verdicts.empty());
  CHECK(gate.pipeline.packets().foreign.empty());
  CHECK(gate.judge.take_heard().size() == 20);
}

TEST_CASE("who says it letter by letter says it all the same", "[pipeline][gate]") {
  Gate gate;
  // What begins as TLS or as the PROXY protocol and then is neither: only together the letters tell.
  const Bytes tls{0x16, 3, 1, 0, 9, 'h', 'e', 'l', 'l', 'o'};
  const std::string proxy = "PROXY TCP9 nobody\r\n";
  for (int connection = 0; connection < 3; ++connection) {
    const Bytes text = connection == 0 ? tls : Bytes(proxy.begin(), proxy.end());
    for (std::size_t i = 0; i < text.size(); ++i)
      for (const bool v6 : {false, true}) {
        const Bytes upper = packets::tcp(4000, 3478, {text[i]});
        const Bytes packet =
            v6 ? packets::v6(upper, {.protocol = 6, .extensions = {}}) : packets::v4(upper, {.protocol = 6});
        static_cast<void>(gate.takes(packet, {.before = i, .taken = true}));
      }
  }
  CHECK(gate.pipeline.packets().malformed == 0);
  CHECK(gate.pipeline.packets().foreign.at("unknown") == 6);
  CHECK(gate.outcome.verdicts.size() == 2);
}

TEST_CASE("a segment that ends its connection is judged, but the connection needs no place among the heard",
          "[pipeline][gate]") {
  Gate gate;
  Bytes packet = segment(recorded("http-curl.tcp"));
  packet[20 + 13] |= 1;
  static_cast<void>(gate.takes(packet));
  CHECK(gate.pipeline.packets().foreign.size() == 1);
  CHECK(gate.judge.take_heard().empty());
}

TEST_CASE("control bytes in a name, realm or origin are dropped in any STUN message", "[detect][packet]") {
  for (const std::uint16_t type : std::initializer_list<std::uint16_t>{0x0001, 0x0003, 0x0004, 0x0008, 0x0009,
                                                                       0x0011, 0x0017, 0x0101, 0x0113})
    for (const std::uint16_t text : {kUsername, kRealm, kOrigin})
      for (const char byte : {'\0', '\n', '\r', '\t', '\x1f', '\x7f'}) {
        const std::string value = std::string("ab") + byte + "c";
        const auto message = stun(type, {attribute(text, value)});
        for (const auto& packet : {datagram(message), segment(message)}) {
          CHECK(texts(packet).control_bytes);
        }
      }
  const auto message = stun(0x0003, {attribute(kOrigin, kEvil)});
  CHECK(texts(packets::v6(packets::udp(4000, 3478, message))).control_bytes);
  CHECK(
      texts(packets::v6(packets::tcp(4000, 3478, message), {.protocol = 6, .extensions = {}})).control_bytes);
}

TEST_CASE("control bytes are found wherever coturn would find them", "[detect][packet]") {
  const auto good = attribute(kUsername, "alice");
  const Bytes signature = attribute(kIntegrity, std::string(20, '\0'));
  Bytes dirty = attribute(0x8022, "abc");
  dirty.back() = 0x7f;  // padding may be anything
  Bytes behind = dirty;
  const auto evil = attribute(kOrigin, kEvil);
  for (const auto& message :
       {stun(3, {good, attribute(kUsername, kEvil)}), stun(3, {signature, evil}), stun(3, {dirty, evil}),
        stun(3, {attribute(0x8022, std::string(1000, 'p')), evil}), stun(1, {evil}, false),
        stun(3, {good, attribute(kOrigin, "a\nb", 60000)})})
    CHECK(texts(datagram(message)).control_bytes);
  CHECK_FALSE(texts(datagram(stun(3, {dirty, good}))).control_bytes);
  // A length that lies: what the packet does not hold makes it no STUN, which coturn refuses, too.
  Bytes lie = stun(3, {evil});
  lie[3] = static_cast<std::uint8_t>(lie[3] + 4);
  CHECK(inspected(datagram(lie)).fate == PacketFate::drop);
  lie[3] = 0;
  CHECK(inspected(datagram(lie)).fate == PacketFate::drop);
}

TEST_CASE("what follows the first message in a TCP segment is looked at, too", "[detect][packet]") {
  const auto both = [](Bytes first, const Bytes& second) {
    first.insert(first.end(), second.begin(), second.end());
    return texts(segment(first)).control_bytes;
  };
  const auto evil = stun(3, {attribute(kUsername, kEvil)});
  CHECK(both(stun(1, {}), evil));
  CHECK(both({0x40, 0, 0, 3, 'a', 'b', 'c', 0}, evil));  // ChannelData, padded
  CHECK(both(stun(4, {attribute(kUsername, "alice")}), evil));
  CHECK_FALSE(both(stun(1, {}), stun(3, {attribute(kUsername, "alice")})));
  CHECK_FALSE(both({0x40, 0, 0, 40}, evil));  // that is what the channel carries
}

TEST_CASE("honest names pass: UTF-8, the REST API's, empty ones, control bytes elsewhere",
          "[detect][packet]") {
  for (const std::string& name :
       {std::string("1763905062:bj\xc3\xb6rn"), std::string("\xe7\x94\xb0\xe4\xb8\xad"), std::string(),
        std::string("a b~!\\\"<>"), std::string("\xc2\x85\xff")})
    for (const std::uint16_t text : {kUsername, kRealm, kOrigin})
      for (const auto& packet :
           {datagram(stun(3, {attribute(text, name)})), segment(stun(3, {attribute(text, name)}))})
        CHECK_FALSE(texts(packet).control_bytes);
  for (const std::uint16_t other : std::initializer_list<std::uint16_t>{0x0015, 0x8022, 0x0013, 0x0009})
    CHECK_FALSE(texts(datagram(stun(3, {attribute(other, "a\nb")}))).control_bytes);
}

TEST_CASE("STUN of which not all is here is dropped over UDP: the rest could hold such a text",
          "[detect][packet]") {
  const auto message = stun(3, {attribute(kOrigin, std::string(400, 'o')), attribute(kUsername, kEvil)});
  const Bytes whole = datagram(message);
  const Bytes copied(whole.begin(), whole.begin() + 200);
  Gate gate;
  const auto cut = gate.judge.take(Packet{copied, whole.size()}, gate.now, gate.outcome);
  CHECK(cut.why == PacketDecision::Why::cut_short);
  CHECK(cut.fate == PacketFate::drop);
  const Bytes fragment = packets::v4(Bytes(whole.begin() + 20, whole.begin() + 120), {.fragment = 0x2000});
  CHECK(texts(fragment).cut_short);
}

TEST_CASE("what the gate drops because it could forge a line is counted and its sender remembered",
          "[pipeline][gate]") {
  Gate gate;
  const auto evil = stun(3, {attribute(kOrigin, kEvil)});
  for (int i = 0; i < 3; ++i) CHECK(gate.takes(datagram(evil)) == PacketFate::drop);
  CHECK(gate.takes(segment(evil, "192.0.2.7")) == PacketFate::drop);
  CHECK(gate.pipeline.packets().garbage == 0);
  CHECK(gate.outcome.verdicts.empty());
  CHECK(gate.outcome.quenches.empty());
  CHECK(gate.judge.smoke_senders().in_words({}) ==
        "203.0.113.66 (3 packets over UDP), 192.0.2.7 (1 packets over TCP), as the packets claim");
}

TEST_CASE("only Binding and unsigned Allocate requests are limited", "[detect][packet]") {
  const Bytes signature = attribute(kIntegrity, std::string(20, '\0'));
  for (const auto& message : {stun(1, {}), stun(1, {}, false), stun(3, {})})
    CHECK(inspected(datagram(message)).asked_milli == 1000);
  CHECK(inspected(datagram(stun(3, {signature}))).asked_milli == 0);
  // Refresh, CreatePermission, ChannelBind, Connect, ConnectionBind; indications, answers.
  for (const std::uint16_t type :
       std::initializer_list<std::uint16_t>{4, 8, 9, 10, 11, 0x0011, 0x0016, 0x0017, 0x0101, 0x0103, 0x0113})
    for (const auto& message : {stun(type, {}), stun(type, {signature})})
      CHECK(inspected(datagram(message)).asked_milli == 0);
}

TEST_CASE("the calls of a quenched source go on", "[pipeline][gate]") {
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
  // A running call goes on.
  const Bytes signature = attribute(kIntegrity, std::string(20, '\0'));
  for (const std::uint16_t type : std::initializer_list<std::uint16_t>{3, 4, 8, 9, 0x0016})
    CHECK(gate.takes(datagram(stun(type, {signature}), "192.0.2.99")) == PacketFate::accept);
  CHECK(gate.takes(datagram({0x40, 0, 0, 1, 9}, "192.0.2.99")) == PacketFate::accept);
}
