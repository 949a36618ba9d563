// SPDX-License-Identifier: GPL-3.0-or-later
// What a kernel said (test/data/netlink) is understood; what cannot come from one is refused.
#include "enforce/ipset_codec.hpp"

#include <linux/netfilter.h>

#include <algorithm>

#include "support/catch.hpp"
#include "support/recorded.hpp"

using namespace coturn_guard;
using ipset::Element;
using ipset::Family;

namespace {

Prefix prefix(const char* text) {
  return Prefix::parse(text).value();
}

std::vector<Element> elements_of(const Recorded& answer) {
  std::vector<Element> all;
  for (const auto& message : answer.messages) ipset::decode_elements(message, all);
  return all;
}

}  // namespace

TEST_CASE("the kernel's protocol, revisions and numbers of sets are read", "[enforce][ipset_codec]") {
  CHECK(ipset::decode_protocol(Recorded("protocol").messages.at(0)) == 7);
  CHECK(ipset::decode_type(Recorded("type").messages.at(0)) == ipset::RevisionRange{0, 7});
  CHECK(ipset::decode_index(Recorded("index").messages.at(0)) == 1);
}

TEST_CASE("the header of a set is read", "[enforce][ipset_codec]") {
  const ipset::SetHeader four{.name = "four",
                              .type = "hash:net",
                              .revision = 7,
                              .family = NFPROTO_IPV4,
                              .timeout_seconds = 0,
                              .counters = true,
                              .hash_size = 64,
                              .max_elements = 3,
                              .elements = 2,
                              .references = 0,
                              .memory_bytes = 648};
  CHECK(ipset::decode_header(Recorded("header-4").messages.at(0)) == four);
  CHECK(ipset::decode_header(Recorded("list-4").messages.at(0)) == four);
  const auto six = ipset::decode_header(Recorded("list-6").messages.at(0));
  REQUIRE(six);
  CHECK(six->name == "six");
  CHECK(six->family == NFPROTO_IPV6);
}

TEST_CASE("the elements of a set are read with time left and counters", "[enforce][ipset_codec]") {
  CHECK(elements_of(Recorded("list-4")) ==
        std::vector<Element>{
            {.prefix = prefix("198.51.100.254/31")},
            {.prefix = prefix("192.0.2.1/32"), .timeout_seconds = 600, .packets = 7, .bytes = 700}});
  auto six = elements_of(Recorded("list-6"));
  std::sort(six.begin(), six.end(), [](const auto& a, const auto& b) { return a.prefix < b.prefix; });
  CHECK(six ==
        std::vector<Element>{{.prefix = prefix("2001:db8:1::/64"), .timeout_seconds = 2147483},
                             {.prefix = prefix("2001:db8:2::1/128"), .timeout_seconds = 60, .exempt = true}});
  CHECK(elements_of(Recorded("header-4")).empty());
}

TEST_CASE("a list ends with an acknowledgement", "[enforce][ipset_codec]") {
  CHECK(Recorded("list-4").acknowledgement().error == 0);
}

TEST_CASE("a list of no set is refused at once", "[enforce][ipset_codec]") {
  const Recorded answer("list-missing");
  CHECK(decode_acknowledgement(answer.messages.at(0))->error == ENOENT);
}

TEST_CASE("what succeeded is acknowledged with 0", "[enforce][ipset_codec]") {
  for (const auto* name : {"created", "added", "removed", "test-in", "swapped", "renamed"}) {
    INFO(name);
    const Recorded answer(name);
    CHECK(answer.acknowledgement().error == 0);
    CHECK_FALSE(ipset::failed_element(answer.acknowledgement()));
  }
}

TEST_CASE("a full set tells which element found no room", "[enforce][ipset_codec]") {
  const Recorded answer("add-full");
  CHECK(answer.acknowledgement().error == ipset::kFull);
  CHECK(ipset::failed_element(answer.acknowledgement()) == 2);
}

TEST_CASE("an error about the whole message names no element", "[enforce][ipset_codec]") {
  const Recorded answer("add-missing");
  CHECK(answer.acknowledgement().error == ENOENT);
  CHECK_FALSE(ipset::failed_element(answer.acknowledgement()));
}

TEST_CASE("refusals keep the kernel's code", "[enforce][ipset_codec]") {
  CHECK(Recorded("create-exists").acknowledgement().error == EEXIST);
  CHECK(Recorded("test-out").acknowledgement().error == ipset::kExists);
  CHECK(ipset::make_error(Recorded("swap-mismatch").acknowledgement().error).message() ==
        "the two sets are of different types");
  CHECK(ipset::make_error(Recorded("destroy-in-use").acknowledgement().error).message() ==
        "a set is in use by the kernel");
  CHECK(Recorded("not-permitted").acknowledgement().error == EPERM);
}

TEST_CASE("an unknown private code keeps its number", "[enforce][ipset_codec]") {
  CHECK(ipset::make_error(4399).message() == "ipset error 4399");
  CHECK(ipset::make_error(ENOENT) == std::errc::no_such_file_or_directory);
  CHECK_FALSE(ipset::make_error(0));
}

TEST_CASE("answers to other questions are not mistaken", "[enforce][ipset_codec]") {
  const Recorded list("list-4");
  CHECK_FALSE(ipset::decode_protocol(list.messages.at(0)));
  CHECK_FALSE(ipset::decode_type(list.messages.at(0)));
  CHECK_FALSE(ipset::decode_index(list.messages.at(0)));
  CHECK_FALSE(ipset::decode_header(Recorded("type").messages.at(0)));
  CHECK_FALSE(decode_acknowledgement(list.messages.at(0)));
}

TEST_CASE("an answer cut at any byte is read up to there", "[enforce][ipset_codec]") {
  const Recorded whole("list-6");
  for (std::size_t length = 0; length < whole.bytes().size(); ++length) {
    ByteView rest = ByteView(whole.bytes()).first(length);
    std::vector<Element> all;
    while (const auto message = next_message(rest)) {
      static_cast<void>(ipset::decode_header(*message));
      ipset::decode_elements(*message, all);
      if (const auto acknowledgement = decode_acknowledgement(*message))
        CHECK_FALSE(ipset::failed_element(*acknowledgement));
    }
    CHECK(all.size() == (length < whole.messages[0].whole.size() ? 0 : 2));
  }
}

TEST_CASE("attributes that lie about their length end the reading", "[enforce][netlink_bytes]") {
  Bytes bytes{8, 0, 1, 0, 1, 2, 3, 4, 200, 0, 2, 0, 5, 6};
  ByteView rest = bytes;
  const auto first = next_attribute(rest);
  REQUIRE(first);
  CHECK(first->network_u32() == 0x01020304U);
  CHECK_FALSE(first->u8());
  CHECK_FALSE(next_attribute(rest));
  bytes[8] = 3;  // shorter than its own header
  rest = ByteView(bytes).subspan(8);
  CHECK_FALSE(next_attribute(rest));
}

TEST_CASE("a request holds all its elements, aligned and numbered from one", "[enforce][ipset_codec]") {
  const Element elements[] = {{.prefix = prefix("192.0.2.0/24"), .timeout_seconds = 5},
                              {.prefix = prefix("192.0.2.9")}};
  Bytes out;
  ipset::put_add(out, 42, "coturn-guard-4", elements);
  ipset::put_test(out, 43, "coturn-guard-4", prefix("192.0.2.9"));
  ByteView rest = out;
  const auto add = next_message(rest);
  REQUIRE(add);
  CHECK(add->sequence == 42);
  CHECK(find_attribute(add->attributes(), 2)->text() == "coturn-guard-4");
  ByteView all = find_attribute(add->attributes(), 8)->value;  // IPSET_ATTR_ADT
  const auto first = next_attribute(all), second = next_attribute(all);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(find_attribute(first->value, 3)->u8() == 24);           // IPSET_ATTR_CIDR
  CHECK(find_attribute(first->value, 6)->network_u32() == 5U);  // IPSET_ATTR_TIMEOUT
  CHECK(find_attribute(first->value, 9)->host_u32() == 1U);     // IPSET_ATTR_LINENO
  CHECK_FALSE(find_attribute(second->value, 3));
  CHECK(find_attribute(second->value, 9)->host_u32() == 2U);
  CHECK_FALSE(next_attribute(all));
  const auto test = next_message(rest);
  REQUIRE(test);
  CHECK(test->sequence == 43);
  CHECK(rest.empty());
}

TEST_CASE("the largest message fits the 16 bits of an attribute's length", "[enforce][ipset_codec]") {
  const std::vector<Element> elements(ipset::kMostElements, {.prefix = prefix("2001:db8::/64"),
                                                             .timeout_seconds = 5,
                                                             .packets = UINT64_MAX,
                                                             .bytes = UINT64_MAX,
                                                             .exempt = true});
  Bytes out;
  ipset::put_add(out, 1, "coturn-guard-6-new", elements);
  ByteView rest = out;
  const auto message = next_message(rest);
  REQUIRE(message);
  ByteView all = find_attribute(message->attributes(), 8)->value;
  std::size_t count = 0;
  while (next_attribute(all)) ++count;
  CHECK(count == ipset::kMostElements);
}
