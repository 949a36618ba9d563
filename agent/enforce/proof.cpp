// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/proof.hpp"

#include <utility>

namespace coturn_guard {
namespace {

constexpr std::chrono::seconds kHeaderInterval{30};

}  // namespace

Proof::Proof(Backing& backing, const EnforcerOptions& options, const BanTable& bans, OrderQueue& queue,
             Events events)
    : backing_(backing), options_(options), bans_(bans), queue_(queue), events_(std::move(events)) {}

Result<> Proof::open() {
  auto opened = backing_.open();
  open_ = opened.has_value();
  return opened;
}

Result<> Proof::start(Time now) {
  for (const auto family : kFamilies) {
    const auto adopted = backing_.adopt(family, Backing::Misfit::is_an_error);
    if (!adopted) return tl::unexpected(adopted.error());
    events_.found(family, *adopted);
    if (adopted->incomplete) queue_.refill(family);
  }
  withdrawn_ = false;
  for (const auto family : kFamilies) {
    const auto stands = backing_.rule_stands(family);
    if (stands && *stands) continue;  // ours from before: left as it is, with its counters
    if (auto done = backing_.install_rule(family); !done) return done;
  }
  rule_suspect_ = false;
  next_header_ = now + kHeaderInterval;
  return {};
}

Result<> Proof::prove(Time now) {
  const bool look_closer = queue_.idle() && now >= next_header_;
  if (look_closer) next_header_ = now + kHeaderInterval;
  rule_suspect_ = backing_.disturbed() || rule_suspect_;
  Result<> all;
  for (const auto family : kFamilies) {
    auto done = prove_set(family, look_closer, now);
    // No rule for a set that is not ours: it would drop whomever somebody else put there.
    if (done) done = prove_rule(family, now);
    if (!done && all) all = std::move(done);
  }
  if (all && !withdrawn_) rule_suspect_ = false;
  return all;
}

Result<> Proof::prove_set(Family family, bool look_closer, Time now) {
  const auto right = backing_.set_stands(family, look_closer);
  if (right && *right && queue_.open(family)) return {};
  Result<> done;
  if (!right)
    done = tl::unexpected(right.error());
  else if (!limit_.allows(now))
    done = fail("the set {} is not what it should be", backing_.set_name(family));
  else
    done = repair_set(family, now);
  // Where the kernel could not be asked, a set that nothing speaks against keeps its orders.
  if (!done && (right || !queue_.open(family))) queue_.close(family);
  return done;
}

Result<> Proof::repair_set(Family family, Time now) {
  const auto adopted = backing_.adopt(family, Backing::Misfit::is_replaced);
  if (!adopted) return tl::unexpected(adopted.error());
  events_.found(family, *adopted);
  queue_.refill(family);
  rule_suspect_ = true;  // a new set has a new number
  repaired(fmt::format("the set {} was {}; {} {} bans are put back", backing_.set_name(family),
                       adopted->created    ? "gone"
                       : adopted->replaced ? "exchanged for another"
                                           : "emptied, exchanged or changed",
                       bans_.size(family == Family::v4), family_word(family)),
           now);
  return {};
}

Result<> Proof::prove_rule(Family family, Time now) {
  if (withdrawn_ || !rule_suspect_) return {};
  const auto stands = backing_.rule_stands(family);
  if (!stands) return tl::unexpected(stands.error());
  if (*stands) return {};
  if (!limit_.allows(now)) return fail("the drop rule for {} is not what it should be", family_word(family));
  if (auto done = backing_.install_rule(family); !done) return done;
  repaired(fmt::format("the drop rule for {} was removed or changed; it is back", family_word(family)), now);
  return {};
}

void Proof::repaired(const std::string& what, Time now) {
  events_.repaired(what);
  if (const auto wait = limit_.count(now)) events_.contested(limit_.lately(), *wait);
}

Result<> Proof::withdraw() {
  withdrawn_ = true;
  if (!is_open()) return {};
  Result<> all;
  for (const auto family : kFamilies)
    if (auto done = backing_.remove_rule(family); !done) all = done;
  return all;
}

Result<> Proof::change(const EnforcerOptions& options, Time now) {
  const auto old = std::exchange(options_, options);
  backing_.set_options(options_);
  if (!is_open()) return {};
  auto changed = change_kernel(old);
  if (changed) return changed;
  options_ = old;
  backing_.set_options(options_);
  rule_suspect_ = true;  // one family may have the new rule already
  next_header_ = now;    // or the new size
  return changed;
}

Result<> Proof::change_kernel(const EnforcerOptions& old) {
  for (const auto family : kFamilies) {
    if (!queue_.open(family)) {  // its repair will make both as they should be now
      rule_suspect_ = true;
      continue;
    }
    if (options_.max_bans != old.max_bans) {
      const auto right = backing_.set_stands(family, true);
      if (!right) return tl::unexpected(right.error());
      const auto adopted =
          *right ? Result<Backing::Adopted>{} : backing_.adopt(family, Backing::Misfit::is_replaced);
      if (!adopted) return tl::unexpected(adopted.error());
      if (adopted->created || adopted->incomplete) queue_.refill(family);
    }
    if (withdrawn_ || options_.ports == old.ports) continue;
    if (auto done = backing_.install_rule(family); !done) return done;
  }
  return {};
}

}  // namespace coturn_guard
