// SPDX-License-Identifier: GPL-3.0-or-later
// A row of the tables that give each counter of a struct its public name. A struct with a counter that stands
// in no table does not compile.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace coturn_guard {

template <class Counters>
struct CounterName {
  std::string_view name;  // of the family: its sample has _total behind it
  std::string_view help;
  std::uint64_t Counters::*counter;
  std::string_view unit = {};
};

// All fields of these are counters of 8 bytes: as many as the table has rows, or one was forgotten. Where
// this fails, give the new counter a row, and coturn-guard-metrics(7) its name.
template <class Counters, std::size_t kRows>
constexpr bool names_all(const std::array<CounterName<Counters>, kRows>&, std::size_t named_elsewhere = 0) {
  return sizeof(Counters) == (kRows + named_elsewhere) * sizeof(std::uint64_t);
}

}  // namespace coturn_guard
