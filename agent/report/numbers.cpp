// SPDX-License-Identifier: GPL-3.0-or-later
#include "report/numbers.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace coturn_guard {
namespace {

using std::chrono::seconds;

constexpr std::array<std::int64_t, 15> kBuckets{
    60, 120, 300, 600, 900, 1800, 3600, 7200, 10'800, 21'600, 43'200, 86'400, 172'800, 345'600, 604'800};

seconds bucket_for(seconds span) {
  for (const std::int64_t length : kBuckets)
    if (span.count() / length + 2 <= static_cast<std::int64_t>(kMostBuckets)) return seconds(length);
  return seconds(span.count() / static_cast<std::int64_t>(kMostBuckets) + 1);
}

class Rules {
 public:
  explicit Rules(std::size_t buckets) : buckets_(buckets) {}

  void add(const std::string& rule, std::size_t bucket, std::uint64_t count) {
    Series& series = by_rule_[rule];
    series.values.resize(buckets_);
    series.values[bucket] += count;
    series.total += count;
  }

  // The most frequent first, and what is too much for the eye in one.
  [[nodiscard]] std::vector<Series> ranked() {
    std::vector<Series> all;
    for (auto& [name, series] : by_rule_) {
      series.name = name;
      all.push_back(std::move(series));
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Series& a, const Series& b) { return a.total > b.total; });
    if (all.size() <= kMostRules + 1) return all;
    Series others{.name = "other rules", .values = std::vector<std::uint64_t>(buckets_), .total = 0};
    for (std::size_t i = kMostRules; i < all.size(); ++i) {
      for (std::size_t b = 0; b < buckets_; ++b) others.values[b] += all[i].values[b];
      others.total += all[i].total;
    }
    all.resize(kMostRules);
    all.push_back(std::move(others));
    return all;
  }

 private:
  std::size_t buckets_;
  std::map<std::string, Series> by_rule_;
};

std::vector<NetworkNumbers> networks_of(const std::vector<PastBan>& bans) {
  struct Seen {
    NetworkNumbers numbers;
    std::set<Prefix> networks;
    std::map<std::string, std::uint64_t> rules;
  };
  std::map<Prefix, Seen> seen;
  for (const PastBan& ban : bans) {
    const Prefix around(ban.prefix.network(), std::min(ban.prefix.length(), ban.prefix.is_v4() ? 24U : 48U));
    Seen& one = seen[around];
    one.numbers.network = around;
    ++one.numbers.bans;
    one.numbers.longest = std::max(one.numbers.longest, ban.duration);
    one.networks.insert(ban.prefix);
    ++one.rules[ban.rule];
  }
  std::vector<NetworkNumbers> all;
  for (auto& [network, one] : seen) {
    one.numbers.networks = one.networks.size();
    one.numbers.rule = std::max_element(one.rules.begin(), one.rules.end(), [](const auto& a, const auto& b) {
                         return a.second < b.second;
                       })->first;
    all.push_back(one.numbers);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const NetworkNumbers& a, const NetworkNumbers& b) { return a.bans > b.bans; });
  if (all.size() > kMostNetworks) all.resize(kMostNetworks);
  return all;
}

void compare(const Past& past, RecipeNumbers& recipe) {
  std::set<Prefix> ours;
  for (const PastBan& ban : past.bans)
    if (ban.rule != kByHand) ours.insert(ban.prefix);
  // An IPv6 network that was banned as one holds the recipe's single address.
  const auto banned_by_us = [&](const Address& address) -> const Prefix* {
    for (unsigned length = address.is_v4() ? 32 : 128; length >= 8; --length)
      if (const auto found = ours.find(Prefix(address, length)); found != ours.end()) return &*found;
    return nullptr;
  };
  std::set<Prefix> shared;
  std::set<Address> both, alone;
  for (auto ban = past.recipe_bans.rbegin(); ban != past.recipe_bans.rend(); ++ban) {
    if (const Prefix* network = banned_by_us(ban->address)) {
      both.insert(ban->address);
      shared.insert(*network);
    } else if (alone.insert(ban->address).second && recipe.spared.size() < kMostSpared) {
      recipe.spared.push_back(*ban);
    }
  }
  recipe.both = both.size();
  recipe.only_recipe = alone.size();
  recipe.only_ours = ours.size() - shared.size();
}

}  // namespace

WallTime first_bucket(WallTime from, WallTime until) {
  const seconds bucket = bucket_for(std::chrono::ceil<seconds>(until - from));
  const auto since_epoch = std::chrono::floor<seconds>(from.time_since_epoch());
  return WallTime(since_epoch - since_epoch % bucket);
}

ReportNumbers summarise(const Past& past, WallTime from, WallTime until) {
  ReportNumbers report;
  report.bucket = bucket_for(std::chrono::ceil<seconds>(until - from));
  report.from = first_bucket(from, until);
  report.until = until;
  report.buckets = static_cast<std::size_t>((until - report.from) / report.bucket) + 1;
  report.dropped = {.name = "packets", .values = std::vector<std::uint64_t>(report.buckets), .total = 0};
  report.recipe.bans = {
      .name = "the recipe", .values = std::vector<std::uint64_t>(report.buckets), .total = 0};
  Rules offences(report.buckets), bans(report.buckets);
  const auto add = [](Series& series, std::size_t bucket, std::uint64_t count) {
    series.values[bucket] += count;
    series.total += count;
  };
  for (const PastSlot& slot : past.slots) {
    if (slot.start < report.from || slot.start > until) continue;
    const auto bucket = static_cast<std::size_t>((slot.start - report.from) / report.bucket);
    const MinuteCounts& counts = slot.counts;
    report.lines += counts.lines;
    report.recognised += counts.recognised;
    report.withheld += counts.withheld;
    report.recipe.customers += counts.recipe_customers;
    add(report.dropped, bucket, counts.dropped);
    add(report.recipe.bans, bucket, counts.recipe_bans);
    for (const auto& [key, count] : counts.offences) {
      offences.add(key.first, bucket, count);
      report.evidence[static_cast<std::size_t>(key.second)] += count;
      report.offences_total += count;
    }
    for (const auto& [rule, count] : counts.bans) {
      bans.add(rule, bucket, count);
      report.bans_total += count;
      if (rule == kByHand) report.bans_by_hand += count;
    }
  }
  report.offences = offences.ranked();
  report.bans = bans.ranked();
  report.bans_one_by_one = past.bans.size();
  report.networks = networks_of(past.bans);
  std::map<seconds, std::uint64_t> ladder;
  for (const PastBan& ban : past.bans)
    if (ban.rule != kByHand) ++ladder[ban.duration];
  for (const PastUnban& unban : past.unbans)
    ++(unban.reason == "manual" ? report.unbans_by_hand : report.unbans_other);
  for (const auto& [duration, count] : ladder) report.ladder.push_back({duration, count});
  compare(past, report.recipe);
  return report;
}

}  // namespace coturn_guard
