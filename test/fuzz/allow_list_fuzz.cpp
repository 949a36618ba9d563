// SPDX-License-Identifier: GPL-3.0-or-later
// A list of who is never judged: whatever it holds, nothing in the result is everybody, bounds hold, and each
// mistake stands where there is text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/allow_list.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace coturn_guard;
  constexpr std::size_t kMost = 50;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const AllowList list = parse_allow_list(text, kMost);
  if (list.size() > kMost || list.mistakes.size() > AllowList::kMostMistakes) std::abort();
  for (const auto& prefix : list.networks)
    if (prefix.length() == 0 || Prefix::parse(prefix.to_string()) != prefix) std::abort();
  for (const auto& name : list.names) {
    const auto again = parse_allow_entry(name.text);  // what was taken is taken again, and is the same
    if (!again || std::get<HostName>(*again) != name || name.text.size() > 253) std::abort();
  }
  std::size_t lines = 1;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  for (const auto& mistake : list.mistakes)
    if (mistake.line < 1 || mistake.line > lines || mistake.column < 1 || mistake.column > size ||
        mistake.what.empty())
      std::abort();
  return 0;
}
