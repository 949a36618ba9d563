// SPDX-License-Identifier: GPL-3.0-or-later
// One written value -> one typed value, or the sentence that tells the operator what is wrong with it. Pure
// text; which key it belongs to and where it stands is the caller's.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "enforce/enforcer.hpp"
#include "model/allow_list.hpp"
#include "model/flow.hpp"

namespace coturn_guard {

// What a slot of the ledger's window can hold, rounded down: 10 000 points.
inline constexpr std::int32_t kMostPointsMilli = 10'000'000;

struct ValueProblem {
  std::string what;
  std::size_t position = 0;  // byte of the text where it went wrong
};
template <class T>
using Value = tl::expected<T, ValueProblem>;

// A decimal number without sign.
[[nodiscard]] Value<std::uint64_t> read_integer(std::string_view text, std::uint64_t least,
                                                std::uint64_t most);
// "3" or "0.25": at most three decimals, in thousandths; the bounds too.
[[nodiscard]] Value<std::int32_t> read_milli(std::string_view text, std::int32_t least, std::int32_t most);
[[nodiscard]] Value<std::chrono::seconds> read_duration(std::string_view text, std::chrono::seconds least,
                                                        std::chrono::seconds most);
// An address, a network or a host name; the whole world of a family is refused.
[[nodiscard]] Value<AllowEntry> read_ignored(std::string_view text);
// A program's or container's name as it stands in a syslog line.
[[nodiscard]] Value<std::string> read_log_tag(std::string_view text);
// An IPv6 network of a length that RFC 6052 knows.
[[nodiscard]] Value<Prefix> read_nat64(std::string_view text);
// "3478" or "5349-5350".
[[nodiscard]] Value<PortRange> read_ports(std::string_view text);
// A service of systemd's, "coturn.service" (systemd.unit(5)).
[[nodiscard]] Value<std::string> read_unit(std::string_view text);
// An absolute path, of one line.
[[nodiscard]] Value<std::string> read_path(std::string_view text);

}  // namespace coturn_guard
