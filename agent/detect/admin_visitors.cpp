// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/admin_visitors.hpp"

#include <algorithm>
#include <limits>

namespace coturn_guard {
namespace {

// Lines that come that near to each other are one entry.
constexpr std::chrono::milliseconds kSlot{10};
// Of a connection whose bytes nobody counted.
constexpr std::uint64_t kAnyNumber = std::uint64_t{1} << 40;

bool tell_of_the_same(const Rule& a, const Rule& b) {
  return !a.misdeed.empty() && a.misdeed == b.misdeed;
}

}  // namespace

void AdminVisitors::add(Share& sum, const Share& share) {
  sum = {std::min(sum.asked + share.asked, kAnyNumber), std::min(sum.answered + share.answered, kAnyNumber)};
}

void AdminVisitors::note(const Address& address, const Share& share) {
  if (active_.size() >= kMaxVisits && !active_.contains(address))
    broken_ = true;
  else
    add(active_[address], share);
}

// One more may be on its way, and another acknowledged in part.
AdminVisitors::Share AdminVisitors::share_of(const Connection& connection, const Visit& before) {
  if (!connection.counted) return {kAnyNumber, kAnyNumber};
  return {(connection.received_bytes - before.received) / kRequestBytes + 1,
          (connection.acked_bytes - before.acked) / kAnswerBytes + 2};
}

void AdminVisitors::seen(const Connection& connection, Time now) {
  const Endpoint& client = connection.client;
  if (visits_.size() >= kMaxVisits && visits_.find(client) == nullptr) {
    broken_ = true;
    return;
  }
  Visit& visit = visits_.touch(client, now);
  // The port was used again between two samples.
  if (connection.received_bytes < visit.received || connection.acked_bytes < visit.acked) visit = {};
  const bool moved = connection.received_bytes > visit.received || connection.acked_bytes > visit.acked;
  if (!connection.counted || !visit.known || moved) note(client.address, share_of(connection, visit));
  visit = {connection.received_bytes, connection.acked_bytes, sample_, true};
}

void AdminVisitors::ended(const Connection& connection) {
  const Endpoint& client = connection.client;
  // Coturn ended it in the normal way: which of its address's it was is not told, nor what it said.
  if (client.port == 0) return note(client.address, {kAnyNumber, kAnyNumber});
  const Visit* const known = visits_.find(client);
  Visit before = known != nullptr ? *known : Visit();
  if (connection.received_bytes < before.received || connection.acked_bytes < before.acked) before = {};
  note(client.address, share_of(connection, before));
  if (known != nullptr) visits_.erase(client);
}

void AdminVisitors::take(const Event& event, Time now) {
  Requests* const last = lines_.empty() ? nullptr : &lines_.back();
  const auto merges = [&](const Requests& entry) {
    return entry.like.rule == event.rule && entry.like.log == event.log && entry.until >= now;
  };
  // Two rules take turns.
  if (last != nullptr && merges(*last)) {
    last->count += event.count;
    return;
  }
  if (lines_.size() > 1 && merges(lines_[lines_.size() - 2])) {
    lines_[lines_.size() - 2].count += event.count;
    return;
  }
  Requests entry{event, now + kSlot, event.count};
  entry.like.user = entry.like.session = {};
  if (lines_.size() < kMaxLines) {
    lines_.push_back(entry);
    return;
  }
  broken_ = true;
  lines_.back().count += event.count;
}

void AdminVisitors::sampled(Time begun, Time now) {
  while (visits_.size() != 0 && visits_.oldest().value.sample != sample_) {
    // It ended, and somebody tells, or told, of it.
    note(visits_.oldest().key.address, {kAnyNumber, kAnyNumber});
    visits_.drop_oldest();
  }
  ++sample_;
  if (enclosed_.empty()) {
    suspects_.clear();
    uncertain_ = false;
  }
  for (const Shares* const active : {&active_, &active_before_})
    for (const auto& [address, share] : *active) add(suspects_[address], share);
  uncertain_ = uncertain_ || broken_ || broken_before_;
  const auto later = std::stable_partition(lines_.begin(), lines_.end(),
                                           [&](const Requests& entry) { return entry.until <= begun; });
  enclosed_.insert(enclosed_.end(), lines_.begin(), later);
  lines_.erase(lines_.begin(), later);
  due_ = now;
  active_before_ = std::move(active_);
  active_.clear();
  broken_before_ = broken_;
  broken_ = false;
}

// By rule, the cheapest first; of those that tell of the same only the one that told most.
std::vector<AdminVisitors::Requests> AdminVisitors::summed(const std::vector<Requests>& lines,
                                                           const RuleSet& rules) {
  std::vector<Requests> sums;
  for (const Requests& entry : lines) {
    const auto known = std::find_if(sums.begin(), sums.end(),
                                    [&](const Requests& sum) { return sum.like.rule == entry.like.rule; });
    if (known == sums.end()) {
      sums.push_back(entry);
    } else {
      known->count += entry.count;
      known->like = entry.like;
    }
  }
  std::stable_sort(sums.begin(), sums.end(),
                   [](const Requests& a, const Requests& b) { return a.count > b.count; });
  for (auto most = sums.begin(); most != sums.end(); ++most)
    sums.erase(std::remove_if(most + 1, sums.end(),
                              [&](const Requests& other) {
                                return tell_of_the_same(rules.rule(most->like.rule),
                                                        rules.rule(other.like.rule));
                              }),
               sums.end());
  std::stable_sort(sums.begin(), sums.end(),
                   [](const Requests& a, const Requests& b) { return a.like.points < b.like.points; });
  return sums;
}

void AdminVisitors::tell(const Requests& requests, std::uint64_t count, const Address* client,
                         std::vector<Event>& decided) {
  if (count == 0) return;
  Event event = requests.like;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  event.count = static_cast<std::uint32_t>(std::min(count, kMost));
  if (client != nullptr) {
    event.client = Endpoint{*client, 0};
    event.evidence = Evidence::proven;
  }
  decided.push_back(event);
}

void AdminVisitors::decide(Time heard_until, const RuleSet& rules, std::vector<Event>& decided) {
  if (enclosed_.empty() || heard_until < due_) return;
  const std::vector<Requests> requests = summed(enclosed_, rules);
  enclosed_.clear();
  // Who ended before the sample, and was told of after it.
  for (const auto& [address, share] : active_) add(suspects_[address], share);
  std::uint64_t lines = 0, asked = 0;
  for (const Requests& each : requests) lines += each.count;
  for (const auto& [address, share] : suspects_) asked += share.asked;
  std::vector<Requests> left = requests;
  if (!uncertain_ && !broken_)
    for (const auto& [address, share] : suspects_) {
      const std::uint64_t others = asked - share.asked;
      std::uint64_t own = std::min({share.asked, share.answered, lines - std::min(lines, others)});
      for (std::size_t i = 0; i < requests.size(); ++i) {
        const std::uint64_t count = std::min(own, left[i].count);
        tell(requests[i], count, &address, decided);
        own -= count;
        left[i].count -= count;
      }
    }
  for (const Requests& each : left) tell(each, each.count, nullptr, decided);
}

void AdminVisitors::give_up(std::vector<Event>& decided) {
  for (const std::vector<Requests>* const waiting : {&enclosed_, &lines_})
    for (const Requests& each : *waiting) tell(each, each.count, nullptr, decided);
  forget_lines();
}

void AdminVisitors::forget_lines() {
  enclosed_.clear();
  lines_.clear();
}

std::size_t AdminVisitors::bytes() const {
  constexpr std::size_t kNode = sizeof(Shares::value_type) + 4 * sizeof(void*);
  return visits_.bytes() + (active_.size() + active_before_.size() + suspects_.size()) * kNode +
         (lines_.capacity() + enclosed_.capacity()) * sizeof(Requests);
}

}  // namespace coturn_guard
