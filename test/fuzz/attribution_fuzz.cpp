// SPDX-License-Identifier: GPL-3.0-or-later
// Lines of sessions, time, restarts and reloads out of bytes. Whatever comes: each offence taken is handed
// on, told by another rule of its misdeed, excused, unattributed or still waiting, once; nobody is charged
// whom no trusted line of that session named; the table stays within its bounds.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "detect/attribution.hpp"

using namespace coturn_guard;

namespace {

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// Every mixture of points, credit, misdeed, login and closing that a rule can have.
RuleSet make_rules(bool without_last) {
  RuleBook book;
  for (int i = 0; i < 32; ++i) {
    Rule rule;
    rule.name = "r" + std::to_string(i);
    rule.begins = {rule.name + " "};
    rule.pattern = rule.name + " {client}";
    rule.session = true;
    if ((i & 1) != 0) rule.trait.points = Points{100};
    if ((i & 2) != 0) rule.misdeed = (i & 16) != 0 ? "a" : "b";
    rule.login = (i & 4) != 0;
    rule.closes = (i & 8) != 0;
    if ((i & 16) != 0) rule.trait.credit = Credit::spares;
    rule.trait.distinct = static_cast<Distinct>(i % 4);
    if (!without_last || i < 30) book.rules.push_back(rule);
  }
  if (without_last) std::swap(book.rules[1], book.rules[7]);
  return RuleSet::create(std::move(book)).value();
}

class Bytes {
 public:
  explicit Bytes(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::uint8_t take() {
    if (bytes_.empty()) return 0;
    const std::uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

struct Story {
  const RuleSet* rules = nullptr;
  Attribution attribution{HashSeed{1, 2}};
  Now now{};
  std::uint64_t taken = 0, handed_on = 0;
  std::map<std::pair<std::uint32_t, std::string>, std::set<std::string>> named;

  void take(Bytes& bytes);
};

void Story::take(Bytes& bytes) {
  const std::uint8_t kind = bytes.take();
  const std::uint8_t who = bytes.take();
  const std::string session = "0000000000000000" + std::to_string(10 + kind / 32);
  const std::string user = std::to_string(who % 4) + ":name";
  Event event;
  event.rule = static_cast<RuleId>(kind % rules->rules().size());
  if ((who & 4) != 0) event.client = Endpoint{Address::v4(0xcb007100U + who / 64U), 1};
  if ((who & 8) == 0) event.session = session;
  if ((who & 16) != 0) event.user = user;
  if ((who & 32) != 0) event.peer = Address::v4(who);
  const std::uint8_t how = bytes.take();
  if ((how & 3) == 3) event.evidence = Evidence::tainted;
  event.log = (how >> 2U) & 1U;
  event.count = (how & 8) != 0 ? how : 1;
  const Rule& rule = rules->rules()[event.rule];
  if ((how & 16) == 0) event.points = rule.trait.points;

  std::set<std::string>& clients = named[{event.log, session}];
  if (event.client && !event.session.empty() && event.evidence != Evidence::tainted)
    clients.insert(event.client->address.to_string());
  const bool offence = event.points.milli > 0;
  if (offence) taken += event.count;
  std::vector<Attributed> out;
  attribution.take(event, *rules, now, out);
  for (const Attributed& one : out) {
    require(one.event.client.has_value(), "handed on without a client");
    const std::string client = one.event.client->address.to_string();
    require(clients.contains(client) || (event.client && event.client->address.to_string() == client),
            "charged somebody whom no trusted line of the session named");
    require(one.login || one.event.count > 0, "charged nothing");
    require(one.event.evidence == Evidence::tainted || event.evidence != Evidence::tainted,
            "a tainted line charged a session");
    if (!one.login) handed_on += one.event.count;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const RuleSet kFirst = make_rules(false);
  static const RuleSet kSecond = make_rules(true);
  Bytes bytes({data, size});
  Story story;
  story.rules = &kFirst;
  while (!bytes.empty()) {
    const std::uint8_t what = bytes.take();
    if (what == 255) {
      story.attribution.restarted(bytes.take() & 1U);
    } else if (what == 254) {
      const RuleSet* const next = story.rules == &kFirst ? &kSecond : &kFirst;
      story.attribution.rules_changed(*story.rules, *next);
      story.rules = next;
    } else if (what > 240) {
      story.now.mono += std::chrono::seconds{bytes.take() * (what - 240)} - std::chrono::seconds{10};
      story.attribution.tick(story.now);
    } else {
      story.take(bytes);
    }
    const AttributionCounters& counters = story.attribution.counters();
    require(story.taken == story.handed_on + counters.told_twice + counters.excused + counters.outdated +
                               counters.unattributed + story.attribution.waiting(),
            "an offence was lost or counted twice");
    require(story.attribution.sessions() <= 16, "more sessions than there are");
    require(story.attribution.bytes() < 40U << 20U, "too much memory");
  }
  return 0;
}
