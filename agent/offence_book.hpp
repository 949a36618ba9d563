// SPDX-License-Identifier: GPL-3.0-or-later
// The last few things that each offender did, for who asks why. Those of banned networks are kept apart, so
// that a flood of first offenders does not wash away what a ban rests on. Bounded both ways, the least
// recently seen goes first, counted. Pure, and no part of any judgement.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "model/recent_table.hpp"
#include "pipeline.hpp"
#include "util/text_pool.hpp"

namespace coturn_guard {

struct RecentOffence {
  std::chrono::system_clock::time_point when{};
  Address address;
  std::string rule{};
  Evidence evidence = Evidence::claimed;
  Effect effect = Effect::counted;
  std::uint32_t count = 1;
  Points weight{};     // what it cost, before the ladder's weight
  Points in_window{};  // of its network, afterwards; 0 after a ban
};

class OffenceBook {
 public:
  static constexpr std::size_t kKept = 8;  // of one network
  static constexpr std::size_t kMaxSuspects = 4096;
  static constexpr std::size_t kMaxBanned = 8192;

  explicit OffenceBook(const HashSeed& seed) : suspects_(seed), banned_(seed) {}
  OffenceBook(const OffenceBook&) = delete;
  OffenceBook& operator=(const OffenceBook&) = delete;

  // `network`: whom it counts against.
  void note(const Judged& judged, const Prefix& network, std::string_view rule);
  void banned(const Prefix& network, const Now& now);
  void forget(const Prefix& network);
  // The oldest first.
  [[nodiscard]] std::vector<RecentOffence> of(const Prefix& network);
  // How many were noted of it, those that are forgotten included.
  [[nodiscard]] std::uint64_t noted(const Prefix& network);

  [[nodiscard]] std::size_t size() const { return suspects_.size() + banned_.size(); }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  struct Kept {
    std::chrono::system_clock::time_point when{};
    Address address;
    TextPool::Text rule = nullptr;
    std::uint32_t count = 1;
    Points weight, in_window;
    Evidence evidence = Evidence::claimed;
    Effect effect = Effect::counted;
  };
  struct Dossier {
    std::array<Kept, kKept> last;
    std::uint64_t noted = 0;  // the newest stands at (noted - 1) % kKept
  };
  using Table = RecentTable<Dossier>;

  // A network as the table's key: its length stands for the port.
  [[nodiscard]] static Endpoint key_of(const Prefix& network) {
    return {network.network(), static_cast<std::uint16_t>(network.length())};
  }
  [[nodiscard]] const Dossier* find(const Prefix& network);
  void make_room(Table& table, std::size_t bound);
  void clear(Dossier& dossier);

  TextPool rules_;
  Table suspects_, banned_;
  std::uint64_t evicted_ = 0;
};

}  // namespace coturn_guard
