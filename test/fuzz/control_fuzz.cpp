// SPDX-License-Identifier: GPL-3.0-or-later
// What a client of the control socket says, whatever it is: refused with a known code and a text, or
// understood as a command that says the same when it is written and read again. Nothing in it is beyond its
// bounds, and both answers are lines of JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "control/protocol.hpp"

namespace {

using namespace coturn_guard::control;

void demand(bool condition) {
  if (!condition) std::abort();
}

void check_refusal(const Refusal& refusal) {
  demand(refusal.code == kBadRequest && !refusal.text.empty());
  const auto line = error_line(refusal);
  demand(std::count(line.begin(), line.end(), '\n') == 1 && line.back() == '\n');
  const auto object = nlohmann::json::parse(line, nullptr, false);
  demand(object.is_object() && object["event"] == "error" && object["schema"] == kSchema);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(bytes), size);
  const auto command = parse_request(line);
  if (!command) {
    check_refusal(command.error());
    return 0;
  }
  demand(command->prefixes.size() <= kMaxPrefixes && command->bans.size() <= kMaxPrefixes);
  demand(command->reason.size() <= kMaxReasonBytes && command->latest <= kMaxLatest);
  auto again = format_request(*command);
  demand(again.back() == '\n');
  again.pop_back();
  demand(again.find('\n') == std::string::npos);
  // What it names may be longer when it is written in full, and only then is it refused.
  const auto read = parse_request(again);
  demand(read ? *read == *command : again.size() >= kMaxRequestBytes);
  return 0;
}
