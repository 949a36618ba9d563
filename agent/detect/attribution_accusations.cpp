// SPDX-License-Identifier: GPL-3.0-or-later
// What may have been done in one of several sessions.
#include <algorithm>
#include <string>
#include <utility>

#include "detect/attribution_state.hpp"

namespace coturn_guard {
namespace {

using Record = SessionTable::Record;

// As coturn writes it.
std::string digits_of(std::uint64_t session) {
  const std::string digits = std::to_string(session);
  return digits.size() < 18 ? std::string(18 - digits.size(), '0') + digits : digits;
}

}  // namespace

// Of sessions that were accused together.
void Attribution::State::put_decided(const RuleSet& rules, std::vector<Attributed>& out) {
  if (!shared.has_charges()) return;
  for (const SharedAccusations::Charge& charge : shared.take_charges()) {
    Record client;
    client.client = charge.client.endpoint.address;
    client.port = charge.client.endpoint.port;
    client.proven = charge.client.proven;
    client.fresh = charge.client.fresh;
    client.log = charge.accusation.like.log;
    Event event = charge.accusation.like;
    event.user = charge.accusation.user;
    counters.charged += charge.count;
    put(client, event.rule, charge.count, what(event, rules.trait(event.rule).distinct), rules, out);
    out.back().event.deed = event.deed;
  }
}

// What must have been one session's is charged to it, whatever its client; the rest waits until it is known
// whose the others are.
void Attribution::State::accuse(const Accusation& accusation, const RuleSet& rules, std::uint32_t time,
                                std::vector<Attributed>& out) {
  Accusation rest = accusation;
  const Rule& rule = rules.rule(accusation.like.rule);
  const auto charge = [&](Accusation::Suspect& suspect, std::uint32_t count) {
    const std::string digits = digits_of(suspect.session);
    Event event = accusation.like;
    event.session = digits;
    event.user = accusation.user;
    event.count = count;
    suspect.lines -= count;
    rest.lines -= std::min(count, rest.lines);
    rest.offences -= count;
    Record& record = obtain(event.log, suspect.session, time);
    if (goes_on(rule, event)) charge_late(event, rule, record, rules, time, out);
    table.note(record);
  };
  for (Accusation::Suspect& suspect : rest.suspects) {
    const Record* const record = table.find(accusation.like.log, suspect.session);
    if (record == nullptr || !record->handshaken) continue;
    const std::uint32_t count = std::min(suspect.lines, rest.offences);
    rest.lines -= std::min(suspect.lines - count, rest.lines);
    if (count != 0) charge(suspect, count);
    suspect.lines = 0;
  }
  const std::uint32_t offences = rest.offences, lines = rest.lines;
  for (Accusation::Suspect& suspect : rest.suspects) {
    const std::uint32_t count = rest.doubtful ? 0 : surely(offences, lines, suspect.lines);
    if (count != 0) charge(suspect, count);
  }
  if (rest.offences == 0) return;
  std::erase_if(rest.suspects, [](const Accusation::Suspect& suspect) { return suspect.lines == 0; });
  if (rest.suspects.empty()) {
    ambiguous += rest.offences;
    ambiguous_milli += worth_milli(rest.like, rest.offences);
    return;
  }
  const auto suspects = rest.suspects;
  const std::uint32_t log = rest.like.log;
  shared.add(std::move(rest), time);
  for (const Accusation::Suspect& suspect : suspects) {
    Record& record = obtain(log, suspect.session, time);
    if (record.handshaken) shared.shook_hands(log, suspect.session);
    if (record.logged_in || (record.tied && is_unproven_path(record)))
      shared.gone(log, suspect.session);
    else if (record.tied)
      shared.named(log, suspect.session, {{record.client, record.port}, record.proven, record.fresh});
    else
      record.shared = true;
  }
  put_decided(rules, out);
}

void Attribution::take(const Accusation& accusation, const RuleSet& rules, const Now& now,
                       std::vector<Attributed>& attributed) {
  State& state = *state_;
  // It is decided later than it was written.
  const Deed& deed = accusation.like.deed;
  const std::uint32_t time = state.seconds(deed.by == Deed::By::unknown ? now : deed.now);
  if (accusation.kind == Accusation::Kind::decided) {
    const std::size_t before = attributed.size();
    state.accuse(accusation, rules, time, attributed);
    for (std::size_t i = before; i < attributed.size(); ++i)
      if (attributed[i].event.deed.by == Deed::By::unknown) attributed[i].event.deed = deed;
    return;
  }
  const std::uint32_t log = accusation.like.log;
  for (const Accusation::Suspect& suspect : accusation.suspects) {
    if (accusation.kind == Accusation::Kind::awaited) {
      state.obtain(log, suspect.session, time).awaited = true;
      continue;
    }
    state.shared.shook_hands(log, suspect.session);
    if (Record* const record = state.table.find(log, suspect.session)) {
      record->handshaken = true;
      state.table.raise(*record, SessionTable::Kind::waiting);
    }
  }
}

void Attribution::take_decided(const RuleSet& rules, std::vector<Attributed>& attributed) {
  state_->put_decided(rules, attributed);
}

}  // namespace coturn_guard
