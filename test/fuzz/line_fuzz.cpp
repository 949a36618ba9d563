// SPDX-License-Identifier: GPL-3.0-or-later
// What coturn's log may hold: bytes, cut into reads of any size, split into lines and asked of the shipped
// rules. The split must not depend on the reads, and no event may point outside its line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detect/recogniser.hpp"
#include "detect/rule_file.hpp"
#include "source/line_splitter.hpp"

namespace {

using namespace coturn_guard;

Recogniser with_shipped_rules() {
  auto book = load_rules(SOURCE_ROOT "/rules/coturn.yaml");
  if (!book) std::abort();
  auto rules = RuleSet::create(std::move(*book));
  if (!rules) std::abort();
  auto recogniser = Recogniser::create(std::move(*rules), "");
  if (!recogniser) std::abort();
  return std::move(*recogniser);
}

std::vector<std::pair<std::string, std::uint64_t>> split(std::string_view text, std::size_t read_bytes) {
  std::vector<std::pair<std::string, std::uint64_t>> lines;
  LineSplitter splitter;
  splitter.begin(0, false);
  while (!text.empty()) {
    auto chunk = text.substr(0, read_bytes);
    splitter.feed(chunk,
                  [&](std::string_view line, std::uint64_t offset) { lines.emplace_back(line, offset); });
    text.remove_prefix(chunk.size());
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const auto lines = split(text, text.size());
  if (lines != split(text, std::size_t{bytes[0]} + 1)) std::abort();

  static Recogniser recogniser = with_shipped_rules();
  constexpr StreamId kStream = 1;
  recogniser.forget(kStream);  // each input is a file of its own
  for (const auto& [line, offset] : lines) {
    if (line.size() > kMaxLineBytes || line.find('\n') != std::string::npos) std::abort();
    const auto event = recogniser.take({.text = line, .stream = kStream, .offset = offset});
    if (!event) continue;
    if (event->rule >= recogniser.rules().rules().size()) std::abort();
    if (!event->session.empty() &&
        (event->session.data() < line.data() ||
         event->session.data() + event->session.size() > line.data() + line.size()))
      std::abort();
  }
  return 0;
}
