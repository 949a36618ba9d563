// SPDX-License-Identifier: GPL-3.0-or-later
// What is to stand after a restart: every live ban with its true end and why it is. The enforcer bans; this
// notes what of it the state file does not hold yet. It reads no clock; its times are ticks
// (model/lasting_scale).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/flow.hpp"
#include "model/saved_state.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

class SavedBans {
 public:
  explicit SavedBans(const HashSeed& seed) : entries_(0, PrefixHash{seed}) {}

  // A ban that was made, found in the kernel, or taken over. Where one that ends later stands already,
  // nothing changes.
  void put(const SavedBan& ban, std::uint64_t now);
  void ended(const Prefix& network);
  // Forgets bans that ran out, a bounded number of them: once a second.
  void prune(std::uint64_t now);

  void load(const std::vector<SavedBan>& saved);
  // Appends what changed since the last call, or everything.
  void save_changes(StateBatch& batch, bool everything);
  [[nodiscard]] bool changed() const { return !noted_.empty() || !gone_.empty(); }
  template <class Visit>
  void each_end(Visit visit) const {  // visit(network, until)
    for (const auto& [network, entry] : entries_) visit(network, entry.until);
  }
  template <class Visit>
  void each_by_age(Visit visit) const {  // visit(SavedBan&&), the oldest first
    for (const auto* const ban : by_age()) visit(saved(ban->first, ban->second));
  }
  // Until when it lasts; absent where it is not known.
  [[nodiscard]] std::optional<std::uint64_t> end_of(const Prefix& network) const;
  // A rule's ban, of somebody who was never banned before.
  [[nodiscard]] bool is_first(const Prefix& network) const {
    const auto known = entries_.find(network);
    return known != entries_.end() && known->second.cause == SavedBan::Cause::rule &&
           known->second.earlier_bans == 0;
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct PrefixHash {
    HashSeed seed;
    std::size_t operator()(const Prefix& network) const {
      return siphash13(network.network().bytes(), seed) ^ network.length();
    }
  };
  // A million of them are to fit.
  struct Entry {
    Address address;
    std::uint64_t until = 0, since = 0;
    std::int32_t points_milli = 0;
    std::uint32_t earlier_bans = 0;
    std::uint16_t rule = 0;  // in names_
    std::uint8_t evidence = 0;
    SavedBan::Cause cause = SavedBan::Cause::adopted;
    bool forced = false;
    bool noted = false;  // in noted_
    bool saved = false;  // some state of it
  };

  using Entries = std::unordered_map<Prefix, Entry, PrefixHash>;

  [[nodiscard]] std::vector<const Entries::value_type*> by_age() const;
  [[nodiscard]] std::uint16_t name(std::string_view rule);
  [[nodiscard]] SavedBan saved(const Prefix& network, const Entry& entry) const;
  void note(const Prefix& network, Entry& entry);
  void fill(Entry& entry, const SavedBan& ban);

  Entries entries_;
  std::vector<std::string> names_{""};  // of rules, also of those that are gone
  std::unordered_map<Prefix, std::string, PrefixHash> reasons_{0, entries_.hash_function()};  // few have one
  std::vector<Prefix> noted_, gone_;
  std::size_t next_bucket_ = 0;  // to be pruned
};

}  // namespace coturn_guard
