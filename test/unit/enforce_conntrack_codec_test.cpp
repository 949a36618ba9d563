// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/conntrack_codec.hpp"

#include <netinet/in.h>
// Behind the one above.
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <algorithm>

#include "support/catch.hpp"
#include "support/recorded.hpp"

using namespace coturn_guard;

TEST_CASE("flows are read from the kernel's list", "[enforce][conntrack]") {
  const Recorded answer("flows");
  std::vector<std::string> told;
  for (const auto& message : answer.messages)
    if (const auto flow = conntrack::decode_flow(message)) {
      told.push_back(flow->source.to_string() + " to " + std::to_string(flow->port));
      CHECK(flow->protocol == IPPROTO_UDP);
      CHECK(flow->id.has_value());
    }
  std::sort(told.begin(), told.end());
  CHECK(told == std::vector<std::string>{"127.0.0.1 to 3478", "::1 to 3478"});
}

TEST_CASE("the kernel tells how many flows there are", "[enforce][conntrack]") {
  CHECK(conntrack::decode_count(Recorded("flow-count").messages.at(0)) == 2U);
  CHECK_FALSE(conntrack::decode_count(Recorded("flows").messages.at(0)));
}

TEST_CASE("a deletion names the very entry", "[enforce][conntrack]") {
  const Recorded answer("flows");
  const auto flow = conntrack::decode_flow(answer.messages.at(0));
  REQUIRE(flow);
  Bytes bytes;
  conntrack::put_delete(bytes, 7, *flow);
  ByteView rest = bytes;
  const auto request = next_message(rest);
  REQUIRE(request);
  CHECK(request->sequence == 7);
  CHECK(request->payload[0] == flow->family);
  const auto tuple = find_attribute(request->attributes(), CTA_TUPLE_ORIG);
  REQUIRE(tuple);
  CHECK(std::equal(tuple->value.begin(), tuple->value.end(), flow->tuple.begin(), flow->tuple.end()));
  CHECK(find_attribute(request->attributes(), CTA_ID)->host_u32() == flow->id);
}

TEST_CASE("what is cut short is no flow", "[enforce][conntrack]") {
  const Recorded answer("flows");
  const auto& message = answer.messages.at(0);
  REQUIRE(conntrack::decode_flow(message));
  std::size_t refused = 0;
  for (std::size_t length = 0; length < message.payload.size(); ++length) {
    Message cut = message;
    cut.payload = message.payload.first(length);
    refused += !conntrack::decode_flow(cut);
  }
  CHECK(refused > 20);  // up to the ports, and no look past the end (the sanitizers watch)
}
