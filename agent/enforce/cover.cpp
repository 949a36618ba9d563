// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/cover.hpp"

#include <iterator>
#include <optional>

namespace coturn_guard {
namespace {

using Kind = Cover::Step::Kind;

bool within(const Prefix& inner, const Prefix& outer) {
  return inner.length() >= outer.length() && outer.contains(inner.network());
}

}  // namespace

Cover::Cover(const BanTable& bans) : bans_(bans) {
  for (const auto family : kFamilies) reset(family, {});
}

void Cover::reset(Family family, std::span<const Element> held) {
  undo_.clear();
  auto& [kernel, covered] = sides_[static_cast<std::size_t>(family)];
  kernel.clear();
  covered.clear();
  for (const auto& element : held) kernel.insert(element.prefix);
  // The canary stands by itself, or inside what was found.
  const auto next = kernel.upper_bound(canary(family));
  const bool inside = next != kernel.begin() && within(canary(family), *std::prev(next));
  (inside ? covered : kernel).insert(canary(family));
}

bool Cover::live(const Prefix& prefix) const {
  return prefix == canary(family_of(prefix)) || bans_.expiry(prefix).has_value();
}

bool Cover::any_within(const Prefixes& prefixes, const Prefix& prefix) {
  const auto first = prefixes.lower_bound(prefix);
  return first != prefixes.end() && within(*first, prefix);
}

void Cover::insert(Prefixes& where, const Prefix& prefix) {
  if (where.insert(prefix).second) undo_.push_back({&where, prefix, true});
}

void Cover::erase(Prefixes& where, const Prefix& prefix) {
  if (where.erase(prefix) > 0) undo_.push_back({&where, prefix, false});
}

void Cover::undo() {
  for (; !undo_.empty(); undo_.pop_back()) {
    const auto& [where, prefix, inserted] = undo_.back();
    if (inserted)
      where->erase(prefix);
    else
      where->insert(prefix);
  }
}

void Cover::hold(Side& side, const Prefix& prefix, std::vector<Step>& steps) {
  insert(side.held, prefix);
  steps.push_back({Kind::add, prefix, any_within(side.covered, prefix)});
}

void Cover::plan(const Prefix& prefix, std::vector<Step>& steps) {
  Side& mine = side(prefix);
  const auto next = mine.held.upper_bound(prefix);
  std::optional<Prefix> holder;  // itself, or a wider one
  if (next != mine.held.begin() && within(prefix, *std::prev(next))) holder = *std::prev(next);

  if (!live(prefix)) {
    erase(mine.covered, prefix);
    if (holder != prefix) return;
    erase(mine.held, prefix);
    steps.push_back({Kind::remove, prefix});
    return uncover(mine, prefix, steps);
  }
  if (holder == prefix) {
    steps.push_back({Kind::renew, prefix, any_within(mine.covered, prefix)});
  } else if (holder) {
    insert(mine.covered, prefix);
    if (live(*holder)) return steps.push_back({Kind::renew, *holder, true});
    // The wider one is over, and nobody has said so to the kernel yet.
    erase(mine.held, *holder);
    steps.push_back({Kind::remove, *holder});
    uncover(mine, *holder, steps);
  } else {
    for (auto inner = mine.held.lower_bound(prefix); inner != mine.held.end() && within(*inner, prefix);
         inner = mine.held.lower_bound(prefix)) {
      const Prefix narrower = *inner;
      erase(mine.held, narrower);
      if (live(narrower)) insert(mine.covered, narrower);
      steps.push_back({Kind::remove, narrower});
    }
    hold(mine, prefix, steps);
  }
}

void Cover::uncover(Side& side, const Prefix& ended, std::vector<Step>& steps) {
  std::optional<Prefix> last;  // the widest so far
  for (auto at = side.covered.lower_bound(ended); at != side.covered.end() && within(*at, ended);) {
    const Prefix prefix = *at++;
    if (last && within(prefix, *last)) continue;
    erase(side.covered, prefix);
    if (!live(prefix)) continue;
    hold(side, prefix, steps);
    last = prefix;
  }
}

bool Cover::expired(const Prefix& prefix, Time now) {
  for (; !fading_.empty() && fading_.front().first <= now; fading_.pop_front())
    if (const auto& faded = fading_.front().second; !live(faded) && !any_within(side(faded).covered, faded))
      side(faded).held.erase(faded);
  Side& mine = side(prefix);
  mine.covered.erase(prefix);
  if (!mine.held.contains(prefix)) return false;
  if (any_within(mine.covered, prefix)) return true;
  fading_.emplace_back(now + kFading, prefix);
  return false;
}

}  // namespace coturn_guard
