// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/banner.hpp"

#include <algorithm>

namespace coturn_guard {
namespace {

bool is_of_version(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
         c == '+' || c == '~';
}

}  // namespace

std::string_view banner_version(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  if (text.starts_with("RFC ")) {  // "RFC 3489/5389/5766/5780/6062/6156 STUN/TURN Server"
    constexpr std::string_view kServer = " STUN/TURN Server ";
    const std::size_t server = text.find(kServer);
    if (server == std::string_view::npos) return {};
    text.remove_prefix(server + kServer.size());
  } else if (text.starts_with("Coturn ")) {
    text.remove_prefix(7);
  }
  constexpr std::string_view kVersion = "Version Coturn-";
  if (!text.starts_with(kVersion)) return {};
  text.remove_prefix(kVersion.size());
  const auto end = std::find_if_not(text.begin(), text.end(), is_of_version);
  const auto bytes = static_cast<std::size_t>(end - text.begin());
  return bytes <= kMaxVersionBytes ? text.substr(0, bytes) : std::string_view();
}

}  // namespace coturn_guard
