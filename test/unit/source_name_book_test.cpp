// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/name_book.hpp"

#include <fmt/format.h>

#include <string>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

using Kind = NameAnswer::Kind;
const HostName kVpn{"vpn.example.org"};

std::vector<Address> addresses(std::initializer_list<const char*> texts) {
  std::vector<Address> all;
  for (const char* text : texts) all.push_back(*Address::parse(text));
  return all;
}

NameAnswer found(std::initializer_list<const char*> texts, std::chrono::seconds ttl = 60s) {
  return {Kind::addresses, addresses(texts), ttl, ""};
}
const NameAnswer kNothing{Kind::nothing, {}, {}, "the name has no address"};
const NameAnswer kFailed{Kind::failed, {}, {}, "no answer"};

std::string spared(const NameBook& book) {
  std::string text;
  for (const auto& network : book.networks()) text += network.prefix.to_string() + " ";
  return text;
}

// A book with one name whose two questions were asked at `now`.
struct Asked {
  NameBook book;
  NameBook::Time now{1000s};

  Asked() {
    CHECK(book.set_names({kVpn}) == 0);
    CHECK(book.due(16, now).size() == 2);
  }
  bool v4(const NameAnswer& answer) { return book.answered({kVpn, NameFamily::v4}, answer, now); }
  bool v6(const NameAnswer& answer) { return book.answered({kVpn, NameFamily::v6}, answer, now); }
  // Until the questions are due again.
  std::size_t later(std::chrono::seconds wait) { return book.due(16, now += wait).size(); }
};

}  // namespace

TEST_CASE("a name stands for the addresses of its last answer", "[source][names]") {
  Asked asked;
  CHECK(asked.v4(found({"192.0.2.2", "192.0.2.1", "192.0.2.2"})));
  CHECK(asked.v6(found({"2001:db8::1"})));
  CHECK(spared(asked.book) == "192.0.2.1/32 192.0.2.2/32 2001:db8::1/128 ");
  CHECK(asked.book.networks()[0].why == "vpn.example.org");
  CHECK(asked.later(61s) == 2);
  CHECK(!asked.v4(found({"192.0.2.1", "192.0.2.2"})));  // in another order
  CHECK(asked.v6(found({"2001:db8::2"})));
  CHECK(spared(asked.book) == "192.0.2.1/32 192.0.2.2/32 2001:db8::2/128 ");
}

TEST_CASE("a name is asked again after its time to live, between half a minute and an hour",
          "[source][names]") {
  for (const auto& [ttl, again] :
       {std::pair{0s, 30s}, {29s, 30s}, {300s, 300s}, {3600s, 3600s}, {604800s, 3600s}}) {
    INFO(ttl.count());
    Asked asked;
    asked.v4(found({"192.0.2.1"}, ttl));
    asked.v6(found({"2001:db8::1"}, ttl));
    CHECK(asked.later(again - 1s) == 0);
    CHECK(asked.later(1s) == 2);
    CHECK(asked.later(1s) == 0);  // until the answer came
  }
}

TEST_CASE("the last good answer stays when none comes, and the trouble is told once", "[source][names]") {
  Asked asked;
  asked.v4(found({"192.0.2.1"}));
  asked.v6(kNothing);
  CHECK(asked.book.news(asked.now).empty());
  std::size_t told = 0;
  for (int round = 0; round < 50; ++round) {
    for (int second = 0; second < 1000; second += 10)
      if (asked.later(10s) > 0) break;
    CHECK(!asked.v4(kFailed));
    asked.v6(kFailed);
    for (const auto& news : asked.book.news(asked.now)) {
      ++told;
      CHECK(news.problem == "no answer");
      CHECK(news.kept == 1);
    }
    CHECK(spared(asked.book) == "192.0.2.1/32 ");
  }
  CHECK(told == 1);
  CHECK(asked.later(16min) == 2);
  CHECK(asked.v4(found({"192.0.2.9"})));
  asked.v6(kNothing);
  const auto news = asked.book.news(asked.now);
  REQUIRE(news.size() == 1);
  CHECK(news[0].problem.empty());
  CHECK(spared(asked.book) == "192.0.2.9/32 ");
}

TEST_CASE("a name that lost one family loses its addresses, one that lost both keeps them",
          "[source][names]") {
  Asked asked;
  asked.v4(found({"192.0.2.1"}));
  asked.v6(found({"2001:db8::1"}));
  CHECK(asked.later(400s) == 2);
  SECTION("one family, told in either order") {
    if (GENERATE(true, false)) {
      asked.v4(found({"192.0.2.1"}));
      CHECK(asked.v6(kNothing));
    } else {
      asked.v6(kNothing);
      asked.v4(found({"192.0.2.1"}));
    }
    CHECK(spared(asked.book) == "192.0.2.1/32 ");
    CHECK(asked.book.news(asked.now).empty());
  }
  SECTION("both") {
    asked.v6(kNothing);
    asked.v4(kNothing);
    CHECK(asked.later(300s) == 2);
    asked.v6(kNothing);
    asked.v4(kNothing);
    CHECK(asked.book.networks().size() == 2);
    CHECK(asked.book.news(asked.now).size() == 1);
  }
}

TEST_CASE("an answer that names no host spares nobody", "[source][names]") {
  Asked asked;
  CHECK(!asked.v4(found({"0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255"})));
  CHECK(!asked.v6(found({"::", "ff02::1"})));
  CHECK(asked.book.networks().empty());
  const auto news = asked.book.news(asked.now);
  REQUIRE(news.size() == 1);
  CHECK(news[0].problem.find("names no host") != std::string::npos);
  CHECK(news[0].kept == 0);
}

TEST_CASE("names, addresses and open questions have their bounds", "[source][names]") {
  NameBook book;
  std::vector<HostName> names;
  for (int i = 0; i < 300; ++i) names.push_back({fmt::format("h{:03}.example.org", i)});
  CHECK(book.set_names(names) == 44);
  CHECK(book.size() == NameBook::kMostNames);
  NameBook::Time now{1000s};
  const auto open = book.due(16, now);
  CHECK(open.size() == 16);
  CHECK(book.due(16, now).empty());
  NameAnswer many{Kind::addresses, {}, 60s, ""};
  for (std::uint32_t i = 0; i < 1000; ++i) many.addresses.push_back(Address::v4(0xc0000200 + i));
  CHECK(book.answered(open[0], many, now));
  CHECK(book.networks().size() == NameBook::kMostAddresses);
  CHECK(!book.answered(open[0], many, now));  // nobody waits for it
  CHECK(book.due(16, now).size() == 1);
}

TEST_CASE("a name that is listed no longer is forgotten, one that stays keeps its addresses",
          "[source][names]") {
  Asked asked;
  asked.v4(found({"192.0.2.1"}));
  asked.book.set_names({kVpn, {"b.example.org"}});
  CHECK(spared(asked.book) == "192.0.2.1/32 ");
  asked.book.set_names({{"b.example.org"}});
  CHECK(asked.book.networks().empty());
  CHECK(!asked.v6(found({"2001:db8::1"})));  // the answer to a question of before
  CHECK(asked.book.due(16, asked.now).size() == 2);
}
