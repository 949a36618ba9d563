// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/request_meter.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct Clocked {
  RequestMeter meter{QuenchPolicy{}, {1, 2}};
  Now now{std::chrono::steady_clock::time_point(std::chrono::hours(1)), {}};
  Quench quench;

  RequestMeter::Answer asks(const Address& address, std::uint32_t milli = 1000, std::uint32_t percent = 100) {
    return meter.count(address, {milli, 48, 120}, percent, now, quench);
  }
  // How many requests at this pace until it is too much; `most` where it never is.
  unsigned until_quenched(const Address& address, milliseconds pause, unsigned most,
                          std::uint32_t milli = 1000, std::uint32_t percent = 100) {
    for (unsigned n = 1; n <= most; ++n, now.mono += pause)
      if (asks(address, milli, percent) == RequestMeter::Answer::too_many) return n;
    return most;
  }
};

const Address kVictim = *Address::parse("192.0.2.77");

}  // namespace

TEST_CASE("the request after the limit is one too many, and says what it saved from", "[judge][meter]") {
  Clocked clocked;
  CHECK(clocked.until_quenched(kVictim, milliseconds(2), 10'000) == 401);
  CHECK(clocked.quench.prefix.to_string() == "192.0.2.77/32");
  CHECK(clocked.quench.duration == seconds(60));
  CHECK(clocked.quench.requests == 401);
  CHECK(clocked.quench.request_bytes == 401 * 48);
  CHECK(clocked.quench.answer_bytes == 401 * 120);
  CHECK(clocked.asks(kVictim) == RequestMeter::Answer::quenched);
  CHECK(clocked.meter.counters().late == 1);
}

TEST_CASE("five hundred requests a second are noticed within one", "[judge][meter]") {
  Clocked clocked;
  const auto began = clocked.now.mono;
  CHECK(clocked.until_quenched(kVictim, milliseconds(2), 1000) < 1000);
  CHECK(clocked.now.mono - began < seconds(1));
}

TEST_CASE("forty a second may go on for ever", "[judge][meter]") {
  Clocked clocked;
  CHECK(clocked.until_quenched(kVictim, milliseconds(25), 100'000) == 100'000);
}

TEST_CASE("fifty clients behind one NAT that all begin in the same second pass", "[judge][meter]") {
  Clocked clocked;
  // ICE asks for its own address on two components with a repetition, TURN for a relay twice, then for
  // permissions and channels with a nonce.
  for (int client = 0; client < 50; ++client) {
    clocked.now.mono += milliseconds(20);
    for (int plain = 0; plain < 5; ++plain) CHECK(clocked.asks(kVictim) == RequestMeter::Answer::within);
    for (int signed_one = 0; signed_one < 10; ++signed_one)
      CHECK(clocked.asks(kVictim, 250) == RequestMeter::Answer::within);
  }
}

TEST_CASE("when the quench is over, counting begins anew", "[judge][meter]") {
  Clocked clocked;
  CHECK(clocked.until_quenched(kVictim, milliseconds(1), 1000) == 401);
  clocked.now.mono += seconds(61);
  CHECK(clocked.until_quenched(kVictim, milliseconds(1), 1000) == 401);
  CHECK(clocked.meter.counters().quenched == 2);
}

TEST_CASE("a window that was made longer slides all the same", "[judge][meter]") {
  Clocked clocked;
  CHECK(clocked.asks(kVictim) == RequestMeter::Answer::within);
  QuenchPolicy longer;
  longer.window = 3 * longer.window;
  clocked.meter.set_policy(longer);
  CHECK(clocked.until_quenched(kVictim, milliseconds(100), 10'000) == 10'000);
}

TEST_CASE("a good name gives room, probation takes it", "[judge][meter]") {
  Clocked clocked;
  CHECK(clocked.until_quenched(kVictim, milliseconds(1), 10'000, 1000, 300) == 1201);
  CHECK(clocked.until_quenched(*Address::parse("192.0.2.78"), milliseconds(1), 10'000, 1000, 10) == 41);
}

TEST_CASE("the addresses of one /64 are one source, two IPv4 addresses are two", "[judge][meter]") {
  Clocked clocked;
  unsigned n = 0;
  for (; n < 1000; ++n) {
    auto bytes = Address::parse("2001:db8:0:7::")->bytes();
    bytes[15] = static_cast<std::uint8_t>(n);
    bytes[14] = static_cast<std::uint8_t>(n >> 8);
    if (clocked.asks(Address(bytes)) == RequestMeter::Answer::too_many) break;
  }
  CHECK(n == 400);
  CHECK(clocked.quench.prefix.to_string() == "2001:db8:0:7::/64");
  CHECK(clocked.asks(*Address::parse("2001:db8:0:8::1")) == RequestMeter::Answer::within);
  CHECK(clocked.asks(*Address::parse("192.0.2.76")) == RequestMeter::Answer::within);
}

TEST_CASE("a source that was pushed out is counted anew, and owes nothing", "[judge][meter][hostile]") {
  Clocked clocked;
  for (int i = 0; i < 400; ++i) CHECK(clocked.asks(kVictim) == RequestMeter::Answer::within);
  for (std::uint32_t n = 0; n <= RequestMeter::kMaxSources; ++n)
    CHECK(clocked.asks(Address::v4(0x0a000000 + n)) == RequestMeter::Answer::within);
  CHECK(clocked.meter.size() == RequestMeter::kMaxSources);
  CHECK(clocked.asks(kVictim) == RequestMeter::Answer::within);
}

TEST_CASE("a flood of ever new sources does not hide the one that comes again, and memory is bounded",
          "[judge][meter]") {
  Clocked clocked;
  bool found = false;
  for (std::uint32_t n = 0; n < 200'000 && !found; ++n) {
    static_cast<void>(clocked.asks(Address::v4(0x0a000000 + n)));
    if (n % 400 == 0) {
      clocked.now.mono += milliseconds(8);  // 50 000 packets a second, 125 of them the victim's
      found = clocked.asks(kVictim) == RequestMeter::Answer::too_many;
    }
  }
  CHECK(found);
  CHECK(clocked.meter.size() <= RequestMeter::kMaxSources);
  CHECK(clocked.meter.counters().evicted > 0);
}
