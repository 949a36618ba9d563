// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/taken_back.hpp"

#include <algorithm>
#include <limits>

#include "detect/session_number.hpp"
#include "model/prefix.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMaxExpected = 64;  // pairs of log and rule; an operator has a handful

bool has(const std::vector<RuleId>& rules, RuleId rule) {
  return std::find(rules.begin(), rules.end(), rule) != rules.end();
}

const Address& client_of(const Attributed& offence) {
  return offence.event.client->address;
}

// Where only the time of that log goes on.
TakenBack::TimeAt until(const Deed& of, TakenBack::Time now) {
  return [of, now](const Deed& deed) {
    const bool same = deed.log == of.log && (deed.by == Deed::By::unknown) == (of.by == Deed::By::unknown);
    return same ? now : deed.now.mono;
  };
}

}  // namespace

// A host's temporary addresses are one client's. Those of a translator are not: they are all the IPv4 hosts
// behind it.
bool TakenBack::same_host(const Address& a, const Address& b) const {
  constexpr unsigned kHost = 64;
  const std::optional<Translated> host_a = translated_.find(a), host_b = translated_.find(b);
  if (host_a || host_b) return (host_a ? host_a->host : a) == (host_b ? host_b->host : b);
  return a == b || (!a.is_v4() && !b.is_v4() && Prefix(a, kHost) == Prefix(b, kHost));
}

// Takes back one connection of this address. False: the word has done its part, or is another's.
bool TakenBack::use(Word& word, const Address& address) {
  if (word.used_up) return false;
  if (word.client) {
    if (!same_host(*word.client, address)) return false;
    word.used_up = true;
  } else {
    const auto is_same = [&](const Address& claim) { return same_host(claim, address); };
    if (word.claims.size() >= kMaxClaims || std::any_of(word.claims.begin(), word.claims.end(), is_same))
      return false;
    word.claims.push_back(address);
  }
  ++taken_back_;
  return true;
}

void TakenBack::note_expected(std::uint32_t log, RuleId rule, Time now) {
  for (Expected& known : expected_)
    if (known.log == log && known.rule == rule) {
      known.since = now;
      return;
    }
  if (expected_.size() >= kMaxExpected) expected_.erase(expected_.begin());
  expected_.push_back({log, rule, now});
}

bool TakenBack::expects(const Attributed& offence, const RuleSet& rules, Time now) const {
  const std::vector<RuleId>& after = rules.taken_back_after(offence.event.rule);
  if (after.empty()) return true;
  return std::any_of(expected_.begin(), expected_.end(), [&](const Expected& known) {
    return known.log == offence.event.log && has(after, known.rule) && now - known.since <= kExpected;
  });
}

TakenBack::Fate TakenBack::take(const Attributed& offence, std::optional<Time> when, const RuleSet& rules,
                                const Now& now, const Charge& charge) {
  const std::vector<RuleId>& by = rules.taken_back_by(offence.event.rule);
  if (by.empty() || !offence.event.client || offence.event.points.milli == 0) return Fate::charged;
  // What may be forged uses up nobody's word.
  if (offence.event.evidence == Evidence::tainted) return Fate::charged;
  if (!expects(offence, rules, now.mono)) return Fate::charged;
  Attributed rest = offence;
  rest.event.count = 1;
  // The nearest first.
  for (auto word = words_.rbegin(); word != words_.rend(); ++word) {
    if (word->log != offence.event.log || !has(by, word->rule)) continue;
    if (now.mono - word->when > kWordHolds || !use(*word, client_of(rest))) continue;
    if (offence.event.count == 1) return Fate::taken_back;
    rest.event.count = offence.event.count - 1;
    charge(rest, when);
    return Fate::taken_back;
  }
  const bool beside = std::any_of(by.begin(), by.end(), [&](RuleId id) { return rules.rule(id).session; });
  if (waiting_.size() >= kMaxWaiting) {
    const Waiting longest = waiting_.front();
    waiting_.pop_front();
    charge(longest.offence, longest.when);
  }
  waiting_.push_back({offence, now.mono, when, beside});
  return Fate::waits;
}

void TakenBack::add_word(Word word, const RuleSet& rules, const Charge& charge) {
  std::vector<Waiting> rests;
  for (std::size_t i = waiting_.size(); i-- > 0 && !word.used_up;) {  // the nearest first
    Attributed one = waiting_[i].offence;
    if (!waiting_[i].beside || one.event.log != word.log) continue;
    if (!has(rules.taken_back_by(one.event.rule), word.rule)) continue;
    one.event.count = 1;
    if (!use(word, client_of(one))) continue;
    if (waiting_[i].offence.event.count > 1) {
      rests.push_back(waiting_[i]);
      --rests.back().offence.event.count;
    }
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (const Waiting& rest : rests) charge(rest.offence, rest.when);
  if (word.used_up) return;
  const auto of_session = [&](const Word& other) {
    return other.log == word.log && other.session == word.session;
  };
  if (static_cast<std::size_t>(std::count_if(words_.begin(), words_.end(), of_session)) >=
      kMaxWordsOfSession) {
    words_.erase(std::find_if(words_.begin(), words_.end(), of_session));
  } else if (words_.size() >= kMaxWords) {
    words_.pop_front();
  }
  words_.push_back(std::move(word));
}

void TakenBack::hear(const Event& event, const std::optional<Address>& client, const RuleSet& rules,
                     const Now& now, const Charge& charge) {
  // Who writes lines into the log must not give back what it did.
  if (event.evidence == Evidence::tainted) return;
  const bool about_client = event.client && !rules.rule(event.rule).session;
  if (rules.foretells(event.rule)) note_expected(event.log, event.rule, now.mono);
  if (about_client) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) {
      return !waiting.beside && waiting.offence.event.log == event.log &&
             *waiting.offence.event.client == *event.client;
    });
    if (found == waiting_.end()) return;
    Attributed rest = found->offence;
    const std::optional<Time> when = found->when;
    const bool takes = has(rules.taken_back_by(rest.event.rule), event.rule);
    if (!takes && !rules.rule(event.rule).closes) return;
    waiting_.erase(found);
    if (takes) {
      ++taken_back_;
      --rest.event.count;
    }
    if (rest.event.count != 0) charge(rest, when);
    return;
  }
  const std::uint64_t session = session_number(event.session);
  if (session == 0 || !rules.takes_back(event.rule)) return;
  forget_old(until(event.deed, now.mono));
  const std::uint32_t words = std::min<std::uint32_t>(event.count, kMaxWordsOfSession);
  for (std::uint32_t i = 0; i < words; ++i)
    add_word({event.log, session, event.rule, now.mono, event.deed, client, {}, false}, rules, charge);
}

void TakenBack::named(std::uint32_t log, std::uint64_t session, const Address& client) {
  const auto is_clients = [&](const Address& claim) { return same_host(claim, client); };
  for (Word& word : words_) {
    if (word.log != log || word.session != session || word.client) continue;
    word.client = client;
    word.used_up = std::any_of(word.claims.begin(), word.claims.end(), is_clients);
  }
}

void TakenBack::forget_old(const TimeAt& time_at) {
  std::erase_if(words_, [&](const Word& word) { return time_at(word.deed) - word.when > kWordHolds; });
}

// Once in a second of the log's: there may be many.
void TakenBack::pass(std::uint32_t log, Time now, const Charge& charge) {
  const std::pair at(log, Time(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch())));
  if (std::exchange(passed_, at) == at) return;
  tick(until({.by = Deed::By::arrival, .log = log}, now), charge);
}

void TakenBack::tick(const TimeAt& time_at, const Charge& charge) {
  forget_old(time_at);
  std::vector<Waiting> charged;
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    const Time now = time_at(waiting.offence.event.deed);
    if (now - waiting.since <= (waiting.beside ? kBeside : kPatience)) return false;
    charged.push_back(waiting);
    return true;
  });
  for (const Waiting& each : charged) charge(each.offence, each.when);
}

void TakenBack::finish(const Charge& charge) {
  while (!waiting_.empty()) {
    const Waiting first = waiting_.front();
    waiting_.pop_front();
    charge(first.offence, first.when);
  }
}

void TakenBack::restarted(std::uint32_t log) {
  std::erase_if(words_, [log](const Word& word) { return word.log == log; });
}

void TakenBack::rules_changed(const RuleSet& from, const RuleSet& to) {
  constexpr RuleId kGone = std::numeric_limits<RuleId>::max();
  const auto number = [&](RuleId id) { return to.find(from.name(id)).value_or(kGone); };
  const auto is_gone = [&](Attributed& offence) {
    offence.event.rule = number(offence.event.rule);
    return offence.event.rule == kGone;
  };
  std::erase_if(waiting_, [&](Waiting& waiting) { return is_gone(waiting.offence); });
  std::erase_if(words_, [&](Word& word) { return (word.rule = number(word.rule)) == kGone; });
  std::erase_if(expected_, [&](Expected& known) { return (known.rule = number(known.rule)) == kGone; });
}

void TakenBack::waiting(std::vector<LinePlace>& lines) const {
  for (const Waiting& waiting : waiting_) lines.push_back(waiting.offence.event.at);
}

}  // namespace coturn_guard
