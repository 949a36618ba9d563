// SPDX-License-Identifier: GPL-3.0-or-later
// What an operator has called when something happens: a program, or a web server that is posted to. And what
// it is told. Passive; hook_queue bounds it, hook_runner and webhook carry it out.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace coturn_guard {

enum class HookOccasion : std::uint8_t {
  ban,
  unban,    // before its time: by hand, because the address is spared now, or to make room
  alarm,    // whatever is written to the journal as an error
  expired,  // a ban's own end
};
inline constexpr std::size_t kHookOccasions = 4;

struct WebAddress {
  std::string host;  // a name or an address; IPv6 without brackets
  std::uint16_t port = 80;
  std::string target;  // path and query
  std::string text;    // as it was written

  friend bool operator==(const WebAddress&, const WebAddress&) = default;
};

struct Hook {
  std::array<bool, kHookOccasions> on{};
  std::vector<std::string> run;  // the program's absolute path and its arguments; empty: `post`
  WebAddress post;
  std::chrono::seconds timeout{10};
  std::uint32_t per_second = 10;
  std::uint32_t burst = 100;
  std::string where;  // "file:line:column"

  // "run /usr/local/bin/tell" or "post http://…": for people.
  [[nodiscard]] std::string name() const { return run.empty() ? "post " + post.text : "run " + run.front(); }
  friend bool operator==(const Hook&, const Hook&) = default;
};

// One call's content: `fields` become CG_ variables (key in upper case), `json` is one line.
struct HookCall {
  HookOccasion occasion = HookOccasion::ban;
  std::vector<std::pair<std::string, std::string>> fields{};
  std::string json{};
};

}  // namespace coturn_guard
