// SPDX-License-Identifier: GPL-3.0-or-later
// How often a measured value fell into which range: a histogram with fixed bounds. Adding costs a walk over
// them; nothing is allocated after construction. It knows no unit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coturn_guard {

class Distribution {
 public:
  // `bounds`: the greatest value of each range, rising; beyond the last lies one range more. Borrowed.
  explicit Distribution(std::span<const double> bounds) : bounds_(bounds), counts_(bounds.size() + 1) {}

  void add(double value) {
    const auto range = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
    ++counts_[static_cast<std::size_t>(range)];
    sum_ += value;
  }

  [[nodiscard]] std::span<const double> bounds() const { return bounds_; }
  [[nodiscard]] std::span<const std::uint64_t> counts() const { return counts_; }  // of each range alone
  [[nodiscard]] double sum() const { return sum_; }

 private:
  std::span<const double> bounds_;
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
};

}  // namespace coturn_guard
