// SPDX-License-Identifier: GPL-3.0-or-later
// Lines, connections, samples, overflows and time in any order. Whatever comes: no line is refuted whose
// connection the kernel told of, or while something may have been missed; every line is settled once, within
// its longest patience; no tainted line is proven by less than its very connection; memory is bounded.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "detect/testimony.hpp"

namespace {

using namespace coturn_guard;
using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

const RuleSet& rules() {
  static const RuleSet made = [] {
    RuleBook book;
    const auto add = [&](Witnessed witnessed, KernelSign kernel) {
      Rule rule;
      rule.name = "r" + std::to_string(book.rules.size());
      rule.trait.points = {1000};
      rule.trait.credit = Credit::spares;
      rule.witnessed = witnessed;
      rule.kernel = kernel;
      if (kernel == KernelSign::none) {
        rule.begins = {rule.name};
        rule.pattern = rule.name + " {client}";
      }
      book.rules.push_back(rule);
    };
    for (const auto witnessed : {Witnessed::no, Witnessed::seen, Witnessed::exactly})
      add(witnessed, KernelSign::none);
    for (const auto kernel :
         {KernelSign::reset_unread, KernelSign::brief, KernelSign::idle, KernelSign::unserved})
      add(Witnessed::no, kernel);
    return RuleSet::create(std::move(book)).value();
  }();
  return made;
}

class Story {
 public:
  Story(const std::uint8_t* bytes, std::size_t size) : at_(bytes), end_(bytes + size) {}

  void play() {
    while (at_ < end_) step();
    available_ = false;
    testimony_.set_witness(false, false, now());
    settled_.clear();
    testimony_.tick(rules(), now(), settled_);
    check();
    if (!waiting_.empty() || testimony_.waiting() != 0) std::abort();
  }

 private:
  struct Told {
    Time arrived;
    Endpoint client;
    bool tainted = false;
  };

  std::uint8_t next() { return at_ < end_ ? *at_++ : 0; }
  [[nodiscard]] Now now() const { return {Time(time_), {}}; }
  // Few addresses and ports, so that they meet.
  Endpoint client() {
    const std::uint8_t which = next();
    return {Address::v4(0xcb007100U + (which & 3U)), static_cast<std::uint16_t>(which >> 2 & 3)};
  }

  void step() {
    settled_.clear();
    switch (next() % 8) {
      case 0: time_ += std::chrono::milliseconds(next() * 20); break;
      case 1: line(); break;
      case 2: end(); break;
      case 3: sample(); break;
      case 4: {
        available_ = next() % 4 != 0;
        const bool begins = available_;
        testimony_.set_witness(available_, next() % 2 != 0, now());
        if (!begins || !was_available_) broken_ = Time(time_);
        was_available_ = available_;
        break;
      }
      case 5: testimony_.heard(now()); break;
      case 6:
        testimony_.tick(rules(), now(), settled_);
        check();
        for (const auto& [user, told] : waiting_)
          if (Time(time_) - told.arrived >= Testimony::kLongestPatience) std::abort();
        break;
      default: (void)testimony_.take_busy(); break;
    }
    check();
    if (testimony_.waiting() != waiting_.size()) std::abort();
    if (testimony_.bytes() > std::size_t{1} << 20) std::abort();
  }

  void line() {
    Event event;
    event.rule = next() % 3;
    event.client = client();
    event.points = {1000};
    event.evidence = next() % 2 != 0 ? Evidence::tainted : Evidence::claimed;
    event.fresh = next() % 8 != 0;
    const std::string user = std::to_string(++lines_);
    event.user = user;
    waiting_[user] = {Time(time_), *event.client, event.evidence == Evidence::tainted};
    testimony_.take(event, rules(), now(), settled_);
    check();
  }

  Connection connection() {
    Connection made{.client = client()};
    made.counted = made.client.port != 0 && next() % 8 != 0;
    if (made.counted) made.received_bytes = next() * 200U;
    if (made.counted) made.acked_bytes = next() * 200U;
    made.foreign = next() % 4 == 0;
    return made;
  }

  void end() {
    const Connection ended = connection();
    ended_[{ended.client.address, ended.client.port}] = Time(time_);
    testimony_.take(ended, rules(), now(), settled_);
  }

  void sample() {
    const Now begun = now();
    for (int many = next() % 4; many > 0; --many) {
      Connection living = connection();
      if (living.client.port == 0) living.client.port = 9;
      living.state = Connection::State::living;
      lived_.insert({living.client.address, living.client.port});
      testimony_.take(living, rules(), now(), settled_);
      check();
      settled_.clear();
    }
    testimony_.sampled(begun, rules(), now(), settled_);
  }

  void check() {
    for (const Settled& settled : settled_) {
      const Event& event = settled.event;
      if (event.points.milli < 0 || event.points.milli > 1000) std::abort();
      if (event.rule > 2) {  // the kernel's own
        if (event.evidence != Evidence::proven || settled.refuted) std::abort();
        continue;
      }
      const auto told = waiting_.find(std::string(event.user));
      if (told == waiting_.end() || event.client != told->second.client) std::abort();  // once, and as it was
      const std::pair key{event.client->address, event.client->port};
      const auto ended = ended_.find(key);
      if (settled.refuted) {
        const Time arrived = told->second.arrived;
        if (!available_ || broken_ > arrived - 2s || Time(time_) < arrived + 2s) std::abort();
        if (ended != ended_.end() && ended->second >= arrived - 2s && event.client->port != 0) std::abort();
      }
      if (event.evidence == Evidence::proven && ended == ended_.end() && !lived_.contains(key)) std::abort();
      waiting_.erase(told);
    }
    settled_.clear();
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  Testimony testimony_{HashSeed{1, 2}};
  std::vector<Settled> settled_;
  std::map<std::string, Told> waiting_;  // by the line's user, which is its number
  std::map<std::pair<Address, std::uint16_t>, Time> ended_;
  std::set<std::pair<Address, std::uint16_t>> lived_;
  std::chrono::steady_clock::duration time_ = 1000s;
  Time broken_{};
  std::uint64_t lines_ = 0;
  bool available_ = false, was_available_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Story(bytes, size).play();
  return 0;
}
