// SPDX-License-Identifier: GPL-3.0-or-later
#include "doctor/coturn_version.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace coturn_guard::doctor {
namespace {

constexpr std::string_view kBanner = "Version Coturn-";

// coturn's ChangeLog and GitHub advisories, the CVE list.
constexpr std::array kHoles{
    Hole{{{4, 5, 1, 0}}, "CVE-2018-4056", "SQL injection in the web admin's login"},
    Hole{{{4, 5, 1, 0}}, "CVE-2018-4058", "relaying to the server's own loopback"},
    Hole{{{4, 5, 1, 0}}, "CVE-2018-4059", "a CLI without password"},
    Hole{{{4, 5, 1, 2}}, "CVE-2020-6061", "memory read through the web admin"},
    Hole{{{4, 5, 1, 2}}, "CVE-2020-6062", "crash through the web admin"},
    Hole{{{4, 5, 1, 3}}, "CVE-2020-4067", "memory leaked in padding"},
    Hole{{{4, 5, 2, 0}}, "CVE-2020-26262", "relaying to loopback as 0.0.0.0, ::1 or ::"},
    Hole{{{4, 8, 0, 0}}, "CVE-2025-69217", "predictable nonces and ports"},
    Hole{{{4, 9, 0, 0}}, "CVE-2026-27624", "::ffff:127.0.0.1 passes denied-peer-ip"},
    Hole{{{4, 9, 0, 0}}, "coturn #1802", "web-admin takes any password of an administrator", {{4, 6, 3, 0}}},
    Hole{{{4, 10, 0, 0}}, "CVE-2026-40613", "crash by misaligned attributes"},
    Hole{{{4, 10, 0, 0}}, "CVE-2026-43994", "stack overflow in OAuth tokens (option oauth)"},
    Hole{{{4, 12, 0, 0}}, "GHSA-v8hj-2xx7-xmp5", "SQL injection by an administrator"},
    Hole{{{4, 13, 0, 0}}, "GHSA-4g7c-p5wg-j4hp", "format injection into Redis statistics"},
    Hole{{{4, 17, 0, 0}}, "GHSA-5x2p-4vqj-f6m4", "DTLS state before the cookie"},
};

}  // namespace

std::optional<CoturnVersion> CoturnVersion::parse(std::string_view text) {
  CoturnVersion version;
  for (auto& part : version.parts) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.starts_with('.')) return version;
    text.remove_prefix(1);
  }
  return version;
}

std::optional<CoturnVersion> CoturnVersion::of_banner(std::string_view line) {
  const auto at = line.find(kBanner);
  return at == std::string_view::npos ? std::nullopt : parse(line.substr(at + kBanner.size()));
}

std::string CoturnVersion::to_string() const {
  auto text = fmt::format("{}.{}.{}", parts[0], parts[1], parts[2]);
  return parts[3] == 0 ? text : fmt::format("{}.{}", text, parts[3]);
}

std::vector<Hole> holes_of(const CoturnVersion& version) {
  std::vector<Hole> holes;
  std::copy_if(kHoles.begin(), kHoles.end(), std::back_inserter(holes),
               [&](const Hole& hole) { return hole.since <= version && version < hole.fixed; });
  return holes;
}

}  // namespace coturn_guard::doctor
