// SPDX-License-Identifier: GPL-3.0-or-later
// Connections that ended before they were seen living, each waiting a moment for a line of coturn's that
// tells better what it was: one misdeed, one event. A line may come a little before the end, too. The kernel
// does not tell the port of such an end, so lines and ends are matched by number per address. Bounded: beyond
// kMaxWaiting an end waits for nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "model/address.hpp"
#include "model/recent_table.hpp"

namespace coturn_guard {

struct BriefEnd {
  Address client;
  std::optional<Endpoint> local;
  std::chrono::steady_clock::time_point at;
  bool vague = false;  // it was some time before
};

class BriefEnds {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMaxWaiting = 65'536;
  static constexpr std::chrono::milliseconds kWaits{250};
  static constexpr std::chrono::seconds kLineExcusesFor{2};

  explicit BriefEnds(const HashSeed& seed) : places_(seed) {}

  // A line told what a connection of this address did, or that its user logged in.
  void line_told(const Address& client, Time now);
  void add(const BriefEnd& end, std::vector<BriefEnd>& due);
  // Appends those that waited long enough and that no line told of.
  void take_due(Time now, std::vector<BriefEnd>& due);
  [[nodiscard]] std::uint64_t excused() const { return excused_; }
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }
  [[nodiscard]] std::size_t bytes() const { return places_.bytes() + waiting_.size() * sizeof(BriefEnd); }

 private:
  struct Place {
    Time line_at{};
    std::uint32_t lines = 0;    // that came before their end
    std::uint32_t waiting = 0;  // ends
    std::uint32_t excused = 0;  // of them
  };

  Place& place_of(const Address& client, Time now);

  RecentTable<Place> places_;
  std::deque<BriefEnd> waiting_;
  std::uint64_t excused_ = 0;
};

}  // namespace coturn_guard
