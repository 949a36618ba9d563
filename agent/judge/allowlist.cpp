// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/allowlist.hpp"

#include <algorithm>
#include <utility>

namespace coturn_guard {
namespace {

// By family first: an IPv6 network from :: on would otherwise have all of IPv4 (::ffff:0:0/96) among its
// addresses.
bool before(const Prefix& a, const Prefix& b) {
  return a.is_v4() != b.is_v4() ? a.is_v4() < b.is_v4() : a < b;
}

}  // namespace

Allowlist::Allowlist() {
  rebuild();
}

void Allowlist::set_ignored(const std::vector<Prefix>& prefixes) {
  ignored_.clear();
  ignored_.reserve(prefixes.size());
  for (const Prefix& prefix : prefixes) ignored_.push_back({prefix, "ignoreip"});
  rebuild();
}

void Allowlist::set_listed(std::vector<OwnNetwork> networks) {
  listed_ = std::move(networks);
  rebuild();
}

void Allowlist::set_own(std::vector<OwnNetwork> networks) {
  own_ = std::move(networks);
  here_.clear();
  for (const OwnNetwork& network : own_)
    if (network.here) here_.push_back(network.prefix);
  std::sort(here_.begin(), here_.end());
  rebuild();
}

void Allowlist::rebuild() {
  std::vector<OwnNetwork> all{{Prefix(Address::v4(0x7f000000), 8), "loopback"},
                              {*Prefix::parse("::1"), "loopback"}};
  all.insert(all.end(), own_.begin(), own_.end());
  all.insert(all.end(), ignored_.begin(), ignored_.end());
  all.insert(all.end(), listed_.begin(), listed_.end());
  // A network comes before the networks inside it: they begin at its beginning or later and are longer.
  // Stable, so of two equal ones the first reason stays.
  std::stable_sort(all.begin(), all.end(),
                   [](const OwnNetwork& a, const OwnNetwork& b) { return before(a.prefix, b.prefix); });
  sorted_.clear();
  for (OwnNetwork& entry : all)
    if (sorted_.empty() || !sorted_.back().prefix.overlaps(entry.prefix)) sorted_.push_back(std::move(entry));
}

bool Allowlist::is_here(const Address& address) const {
  return std::binary_search(here_.begin(), here_.end(), Prefix(address, kWholeAddress));
}

std::optional<std::string> Allowlist::spares(const Prefix& prefix) const {
  if (auto why = listed(prefix)) return why;
  const auto translated = translated_.find(prefix.network());
  if (!translated || !translated->host.is_v4() || prefix.length() < translated->arrives.length())
    return std::nullopt;
  return listed(Prefix(translated->host, kWholeAddress));
}

std::optional<std::string> Allowlist::listed(const Prefix& prefix) const {
  // What contains `prefix` is the last that comes before it; what lies in `prefix` comes at it or after it.
  const auto after = std::partition_point(
      sorted_.begin(), sorted_.end(), [&](const OwnNetwork& entry) { return before(entry.prefix, prefix); });
  if (after != sorted_.end() && after->prefix.overlaps(prefix)) return after->why;
  if (after != sorted_.begin() && std::prev(after)->prefix.overlaps(prefix)) return std::prev(after)->why;
  return std::nullopt;
}

}  // namespace coturn_guard
