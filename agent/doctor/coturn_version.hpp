// SPDX-License-Identifier: GPL-3.0-or-later
// Which coturn it is, and what is known to be wrong with it. A table of published holes; it does not know
// what a distribution has mended in its own package.
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coturn_guard::doctor {

struct CoturnVersion {
  std::array<unsigned, 4> parts{};  // "4.5.1.3", "4.6.1"

  // The number at the front: "4.6.1-1+deb12u1" is 4.6.1. Absent where there is none.
  [[nodiscard]] static std::optional<CoturnVersion> parse(std::string_view text);
  // From coturn's first words in its log: "Version Coturn-4.6.1 'Gorst'", "Coturn Version Coturn-4.17.0 …".
  [[nodiscard]] static std::optional<CoturnVersion> of_banner(std::string_view line);
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const CoturnVersion&, const CoturnVersion&) = default;
};

struct Hole {
  CoturnVersion fixed;  // the first version without it
  std::string_view id;
  std::string_view what;
  CoturnVersion since{};  // the first version that has it
};
// Those of `version`, the oldest first.
[[nodiscard]] std::vector<Hole> holes_of(const CoturnVersion& version);

}  // namespace coturn_guard::doctor
