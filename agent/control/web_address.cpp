// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/web_address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "model/allow_list.hpp"
#include "util/text.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kLongestAddress = 2048;

bool is_host(std::string_view text) {
  if (Address::parse(text)) return true;
  if (text == "localhost") return true;
  const auto entry = parse_allow_entry(text);
  return entry && std::holds_alternative<HostName>(*entry);
}

}  // namespace

tl::expected<WebAddress, std::string> parse_web_address(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  const auto wrong = [&](std::string_view why) {
    return tl::unexpected(fmt::format("\"{}\" {}", escape(text), why));
  };
  if (text.starts_with("https://"))
    return wrong(
        "is https, which is not spoken here; have curl post what it reads: run: [/usr/bin/curl, -sS, --fail, "
        "--max-time, \"8\", --json, \"@-\", URL], or use a local proxy");
  if (!text.starts_with(kScheme))
    return wrong("is no address of a web server, as http://127.0.0.1:8080/hook is");
  if (text.size() > kLongestAddress) return wrong("is too long");
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127 && c != '#'; }))
    return wrong("holds a blank, a # or a byte that must be written as %XX");
  WebAddress address;
  address.text = text;
  const std::string_view rest = text.substr(kScheme.size());
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view host = rest.substr(0, end);
  address.target = rest.substr(end);
  if (!address.target.starts_with('/')) address.target.insert(0, 1, '/');
  if (host.find('@') != std::string_view::npos)
    return wrong("holds a user or a password, which is not spoken here; have curl post instead");
  std::string_view port;
  if (host.starts_with('[')) {
    const auto close = host.find(']');
    if (close == std::string_view::npos) return wrong("has a [ without its ]");
    port = host.substr(close + 1);
    host = host.substr(1, close - 1);
    if (!Address::parse(host)) return wrong("holds no IPv6 address between [ and ]");
  } else {
    port = host.substr(std::min(host.find(':'), host.size()));
    host = host.substr(0, host.size() - port.size());
    if (!is_host(host)) return wrong("names no host: an address or a full name, as hooks.example.org");
  }
  address.host = host;
  if (port.empty()) return address;
  const auto [last, error] = std::from_chars(port.data() + 1, port.data() + port.size(), address.port);
  if (!port.starts_with(':') || error != std::errc{} || last != port.data() + port.size() ||
      address.port == 0)
    return wrong("names no port from 1 to 65535");
  return address;
}

}  // namespace coturn_guard
