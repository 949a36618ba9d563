// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/shared_accusations.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace coturn_guard {
namespace {

std::uint32_t sum(std::uint32_t a, std::uint32_t b) {
  return a + std::min(b, std::numeric_limits<std::uint32_t>::max() - a);
}

}  // namespace

void SharedAccusations::add(Accusation accusation, std::uint32_t time) {
  // The same sessions are suspected again and again while they last.
  const auto same = std::find_if(cases_.begin(), cases_.end(), [&](const Case& known) {
    const Accusation& other = known.accusation;
    return other.like.log == accusation.like.log && other.like.rule == accusation.like.rule &&
           other.doubtful == accusation.doubtful && other.user == accusation.user &&
           std::equal(known.parties.begin(), known.parties.end(), accusation.suspects.begin(),
                      accusation.suspects.end(), [](const Party& party, const Accusation::Suspect& suspect) {
                        return party.open && party.session == suspect.session;
                      });
  });
  if (same != cases_.end()) {
    same->accusation.offences = sum(same->accusation.offences, accusation.offences);
    same->accusation.lines = sum(same->accusation.lines, accusation.lines);
    for (std::size_t i = 0; i < same->parties.size(); ++i)
      same->parties[i].lines = sum(same->parties[i].lines, accusation.suspects[i].lines);
    return;
  }
  if (cases_.size() >= kMost) {
    for (Party& party : cases_.front().parties) party.open = false;
    decide(cases_.front());
    cases_.pop_front();
  }
  Case& made = cases_.emplace_back();
  made.since = time;
  for (const Accusation::Suspect& suspect : accusation.suspects)
    made.parties.push_back({.session = suspect.session, .lines = suspect.lines, .client = {}});
  accusation.suspects.clear();
  made.accusation = std::move(accusation);
}

template <class Change>
void SharedAccusations::change(std::uint32_t log, std::uint64_t session, Change change) {
  std::erase_if(cases_, [&](Case& one) {
    if (one.accusation.like.log != log) return false;
    bool found = false;
    for (Party& party : one.parties) {
      if (party.session != session || !party.open) continue;
      found = true;
      change(party);
    }
    const auto is_open = [](const Party& party) { return party.open; };
    if (!found || std::any_of(one.parties.begin(), one.parties.end(), is_open)) return false;
    decide(one);
    return true;
  });
}

void SharedAccusations::named(std::uint32_t log, std::uint64_t session, const Client& client) {
  change(log, session, [&](Party& party) {
    party.named = true;
    party.open = false;
    party.client = client;
  });
}

void SharedAccusations::shook_hands(std::uint32_t log, std::uint64_t session) {
  change(log, session, [](Party& party) { party.handshaken = true; });
}

void SharedAccusations::gone(std::uint32_t log, std::uint64_t session) {
  change(log, session, [](Party& party) { party.open = false; });
}

void SharedAccusations::tick(std::uint32_t log, std::uint32_t time) {
  std::erase_if(cases_, [&](Case& one) {
    if (one.accusation.like.log != log || !is_over(one, time)) return false;
    decide(one);
    return true;
  });
}

void SharedAccusations::clear() {
  for (const Case& one : cases_) lose(one.accusation);
  cases_.clear();
  charges_.clear();
}

void SharedAccusations::charge(Case& one, const Client& client, std::uint32_t count) {
  if (count == 0) return;
  one.accusation.offences -= count;
  one.accusation.lines -= std::min(count, one.accusation.lines);
  charges_.push_back({one.accusation, client, count});
}

void SharedAccusations::decide(Case& one) {
  Accusation& accusation = one.accusation;
  // No forged packet is among the lines of who completed a handshake, and a client that guesses nothing has
  // none: they come first.
  for (Party& party : one.parties) {
    if (!party.named || !party.handshaken) continue;
    const std::uint32_t count = std::min(party.lines, accusation.offences);
    accusation.lines -= std::min(party.lines - count, accusation.lines);
    charge(one, party.client, count);
    party.named = false;
  }
  if (!accusation.doubtful) {
    // Sessions of one address are one suspect. All are reckoned before one is charged.
    std::vector<std::pair<const Party*, std::uint32_t>> suspects;
    for (const Party& party : one.parties) {
      if (!party.named) continue;
      const auto known = std::find_if(suspects.begin(), suspects.end(), [&](const auto& suspect) {
        return suspect.first->client.endpoint.address == party.client.endpoint.address;
      });
      if (known != suspects.end())
        known->second = sum(known->second, party.lines);
      else
        suspects.emplace_back(&party, party.lines);
    }
    const std::uint32_t offences = accusation.offences, lines = accusation.lines;
    for (const auto& [party, own] : suspects) charge(one, party->client, surely(offences, lines, own));
  }
  lose(accusation);
}

void SharedAccusations::lose(const Accusation& rest) {
  lost_ += rest.offences;
  lost_milli_ += worth_milli(rest.like, rest.offences);
}

std::vector<SharedAccusations::Charge> SharedAccusations::take_charges() {
  return std::exchange(charges_, {});
}

}  // namespace coturn_guard
