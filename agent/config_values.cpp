// SPDX-License-Identifier: GPL-3.0-or-later
#include "config_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "model/translated.hpp"
#include "util/duration.hpp"
#include "util/text.hpp"

namespace coturn_guard {
namespace {

constexpr unsigned kDecimals = 3;
constexpr std::size_t kLongestPath = 4096;  // PATH_MAX of linux/limits.h
constexpr std::size_t kLongestUnit = 255;   // systemd.unit(5)

template <class... Args>
tl::unexpected<ValueProblem> wrong(fmt::format_string<Args...> what, Args&&... args) {
  return tl::unexpected<ValueProblem>({fmt::format(what, std::forward<Args>(args)...)});
}

std::string milli_text(std::int32_t milli) {
  return to_string(Points{milli});
}

}  // namespace

Value<std::uint64_t> read_integer(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument)
    return wrong("\"{}\" is not a whole number", escape(text));
  if (error != std::errc{} || number < least || number > most)
    return wrong("{} is out of range: {} to {}", escape(text), least, most);
  return number;
}

Value<std::int32_t> read_milli(std::string_view text, std::int32_t least, std::int32_t most) {
  const auto dot = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, dot);
  const std::string_view fraction = dot < text.size() ? text.substr(dot + 1) : std::string_view("0");
  const auto digits = [](std::string_view part) {
    return !part.empty() &&
           std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (!digits(whole) || !digits(fraction)) return wrong("\"{}\" is not a decimal number", escape(text));
  if (fraction.size() > kDecimals) return wrong("{} has more than {} decimals", escape(text), kDecimals);
  std::int64_t milli = 0;
  for (const char digit : whole) milli = std::min<std::int64_t>(milli * 10 + (digit - '0'), most);
  for (unsigned i = 0; i < kDecimals; ++i) milli = milli * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  if (milli < least || milli > most)
    return wrong("{} is out of range: {} to {}", escape(text), milli_text(least), milli_text(most));
  return static_cast<std::int32_t>(milli);
}

Value<std::chrono::seconds> read_duration(std::string_view text, std::chrono::seconds least,
                                          std::chrono::seconds most) {
  const auto duration = parse_duration(text);
  if (!duration) return tl::unexpected<ValueProblem>({duration.error().what, duration.error().position});
  if (*duration < least || *duration > most)
    return wrong("{} is out of range: {} to {}", escape(text), to_string(least), to_string(most));
  return *duration;
}

Value<AllowEntry> read_ignored(std::string_view text) {
  auto entry = parse_allow_entry(text);
  if (!entry) return tl::unexpected<ValueProblem>({std::move(entry.error())});
  return std::move(*entry);
}

Value<std::string> read_log_tag(std::string_view text) {
  constexpr std::size_t kLongest = 128;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./@").find(c) != std::string_view::npos;
  };
  if (text.empty() || text.size() > kLongest || !std::all_of(text.begin(), text.end(), fits))
    return wrong("{} is no tag: the program's name in its lines, without [number] and colon", escape(text));
  return std::string(text);
}

Value<Prefix> read_nat64(std::string_view text) {
  const std::optional<Prefix> prefix = Prefix::parse(text);
  if (!prefix || prefix->is_v4() || !TranslatedNetworks::is_nat64_length(prefix->length()))
    return wrong(
        "{} is no NAT64 prefix: an IPv6 network of 32, 40, 48, 56, 64 or 96 bits (RFC 6052), as "
        "2001:db8:64::/96",
        escape(text));
  return *prefix;
}

Value<PortRange> read_ports(std::string_view text) {
  const auto dash = std::min(text.find('-'), text.size());
  const auto first = read_integer(text.substr(0, dash), 1, 65535);
  const auto last = dash < text.size() ? read_integer(text.substr(dash + 1), 1, 65535) : first;
  if (!first || !last)
    return wrong("\"{}\" is no port (1 to 65535) and no range like 5349-5350", escape(text));
  if (*first > *last) return wrong("{} ends before it begins", escape(text));
  return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

Value<std::string> read_unit(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(":-_.\\@").find(c) != std::string_view::npos;
  };
  if (text.size() <= std::string_view(".service").size() || text.size() > kLongestUnit ||
      !text.ends_with(".service") || !std::all_of(text.begin(), text.end(), allowed))
    return wrong("\"{}\" is no service of systemd's: write it as coturn.service", escape(text));
  return std::string(text);
}

Value<std::string> read_path(std::string_view text) {
  if (!text.starts_with('/')) return wrong("\"{}\" is no absolute path: it must begin with /", escape(text));
  if (text.size() >= kLongestPath) return wrong("a path of more than {} bytes", kLongestPath);
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }))
    return wrong("\"{}\" holds a control character", escape(text));
  return std::string(text);
}

}  // namespace coturn_guard
