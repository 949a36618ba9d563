// SPDX-License-Identifier: GPL-3.0-or-later
// What is said on the control socket: a request is one JSON object on one line, an answer is lines of JSON
// objects, the last of which is {"event":"end"} or {"event":"error"}. Text to values and back; no socket, no
// clock. What asks is hostile until the socket has looked at who it is, so everything is bounded and unknown
// keys are refused.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "model/ban_record.hpp"
#include "model/prefix.hpp"

namespace coturn_guard::control {

inline constexpr int kSchema = 1;  // of every line of an answer; grows when the meaning of a key changes
inline constexpr std::size_t kMaxRequestBytes = std::size_t{64} * 1024;  // its newline included
inline constexpr std::size_t kMaxPrefixes = 1000;  // of one request: it is done in one turn of the loop
inline constexpr std::size_t kMaxKnownBans = 500;  // of one request, so that it fits into kMaxRequestBytes
inline constexpr std::uint32_t kMaxEarlierBans = 65'535;  // of one of them
inline constexpr std::size_t kMaxReasonBytes = 200;
inline constexpr std::uint32_t kMaxLatest = 100;
inline constexpr const char* kSocketPath = "/run/coturn-guard/control.sock";

enum class Verb : std::uint8_t {
  status,
  list,
  check,
  why,
  tail,
  ban,
  unban,
  adopt,
  reload,
  flush,
  close_breaker
};
[[nodiscard]] std::string_view to_string(Verb verb);

// What somebody may do; each includes the one before.
enum class Access : std::uint8_t { none, read, change };
[[nodiscard]] Access needed(Verb verb);

// Which bans `list` is to tell; what is absent does not matter.
struct ListFilter {
  std::optional<std::string> rule;
  std::optional<Evidence> evidence;
  std::optional<Prefix> network;      // bans inside it, and around it
  std::optional<int> family;          // 4 or 6
  std::optional<std::string> reason;  // the word of a BanCause, or a part of the operator's words

  friend bool operator==(const ListFilter&, const ListFilter&) = default;
};

// A ban that another program has remembered.
struct KnownBan {
  Prefix prefix;
  std::chrono::seconds left{};     // 0: it is over, and only counts for how long the next one lasts
  std::uint32_t earlier_bans = 0;  // this one included

  friend bool operator==(const KnownBan&, const KnownBan&) = default;
};

struct Command {
  Verb verb = Verb::status;
  std::vector<Prefix> prefixes{};                  // check, why, ban, unban
  std::optional<std::chrono::seconds> duration{};  // ban
  std::string reason{};                            // ban: an operator's words, any bytes
  bool force = false;                              // ban: also what is never banned otherwise
  bool all = false;                                // unban
  bool forget = false;                             // unban: the earlier bans, too
  bool offences = false;                           // tail: each offence, too
  std::uint32_t latest = 0;                        // status: so many of the latest bans
  ListFilter filter{};                             // list
  std::vector<KnownBan> bans{};                    // adopt

  friend bool operator==(const Command&, const Command&) = default;
};

// Why a request is not done.
struct Refusal {
  std::string_view code;  // one of kRefusals
  std::string text;       // for people
};
inline constexpr std::string_view kBadRequest = "bad-request", kForbidden = "forbidden", kBusy = "busy",
                                  kTooSlow = "too-slow", kFailed = "failed", kRejected = "rejected";

// One line, without its newline.
[[nodiscard]] tl::expected<Command, Refusal> parse_request(std::string_view line);
// One line, with its newline, which parse_request() reads back. May be longer than kMaxRequestBytes where it
// names many prefixes: who asks splits them.
[[nodiscard]] std::string format_request(const Command& command);

// {"schema":1,"event":"error",...} with its newline.
[[nodiscard]] std::string error_line(const Refusal& refusal);
// {"schema":1,"event":"end"} with its newline.
[[nodiscard]] std::string end_line();

// A text as JSON writes it, in ASCII, quotes included. What is no UTF-8 is replaced.
[[nodiscard]] std::string json_text(std::string_view text);
// "2026-11-25T01:02:03Z" (RFC 3339); years 0 to 9999.
[[nodiscard]] std::string rfc3339(std::chrono::system_clock::time_point time);

}  // namespace coturn_guard::control
