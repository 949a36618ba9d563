// SPDX-License-Identifier: GPL-3.0-or-later
// Why everybody is out who is: a record of each ban (model/ban_record), found by its network. Bounded: the
// one that was noted longest ago goes first, counted; the ban itself stands. What has ended stays until it
// must make room. Pure; it does not know which bans live (the enforcer does).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/ban_record.hpp"
#include "util/flat_index.hpp"
#include "util/siphash.hpp"
#include "util/text_pool.hpp"

namespace coturn_guard {

class BanBook {
 public:
  static constexpr std::size_t kMaxBans = 200'000;

  explicit BanBook(const HashSeed& seed, std::size_t bound = kMaxBans) : seed_(seed), bound_(bound) {}
  BanBook(const BanBook&) = delete;
  BanBook& operator=(const BanBook&) = delete;

  // Makes room for so many, at most the bound, at once.
  void expect(std::size_t bans);
  // The record of that network from now on, and the newest.
  void note(const BanRecord& record);
  [[nodiscard]] std::optional<BanRecord> find(const Prefix& prefix) const;
  [[nodiscard]] bool knows(const Prefix& prefix) const { return index_of(prefix) != kNone; }
  void forget(const Prefix& prefix);
  // What the kernel has counted for it in all. Returns how much of it is new since the last call; nothing
  // where it has no record.
  std::uint64_t count(const Prefix& prefix, std::uint64_t packets, std::uint64_t bytes);
  // The newest first, ended ones among them.
  [[nodiscard]] std::vector<BanRecord> latest(std::size_t most) const;

  [[nodiscard]] std::size_t size() const { return index_.size(); }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  using Index = FlatIndex::Index;
  static constexpr Index kNone = FlatIndex::kNone;
  struct Entry {
    Prefix prefix;
    BanCause cause = BanCause::rule;
    Evidence evidence = Evidence::claimed;
    bool forced = false;
    Address address;
    std::uint32_t earlier_bans = 0;
    Points points;
    std::uint32_t duration_seconds = 0;
    Index newer = kNone, older = kNone;
    std::chrono::system_clock::time_point since{};
    TextPool::Text rule = nullptr, reason = nullptr;
    std::uint64_t packets = 0, bytes = 0;
  };

  [[nodiscard]] std::uint32_t hash(const Prefix& prefix) const;
  [[nodiscard]] Index index_of(const Prefix& prefix) const;
  [[nodiscard]] static BanRecord record_of(const Entry& entry);
  [[nodiscard]] Index room();
  void unlink(Index index);
  void erase(Index index);

  HashSeed seed_;
  std::size_t bound_;
  FlatIndex index_;
  TextPool texts_;
  std::vector<Entry> entries_;
  std::vector<Index> free_;
  Index newest_ = kNone, oldest_ = kNone;
  std::uint64_t evicted_ = 0;
};

}  // namespace coturn_guard
