// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as a log, through the line splitter and the recogniser with the shipped rules. What must hold: an
// event borrows from its line, its time text is bounded, counters add up, and nothing untainted ends within a
// user name's reach.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "detect/recogniser.hpp"
#include "detect/record.hpp"
#include "detect/rule_file.hpp"
#include "source/line_splitter.hpp"

using namespace coturn_guard;

namespace {

constexpr std::string_view kForgeable = "check_stun_auth: wrong username: ";
constexpr std::size_t kForgeableBytes = 512;

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

const RuleBook& rules() {
  static const RuleBook book = load_rules(SOURCE_ROOT "/rules/coturn.yaml").value();
  return book;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const RuleBook& book = rules();
  // The first byte chooses the time format; a set is compiled once for each, streams are forgotten between
  // runs.
  static Recogniser plain = Recogniser::create(RuleSet::create(book).value(), "").value();
  static Recogniser custom = Recogniser::create(RuleSet::create(book).value(), "%d/%b/%Y %H:%M:%S ").value();
  Recogniser& recogniser = (data[0] & 1) != 0 ? custom : plain;
  const std::string_view log(reinterpret_cast<const char*>(data) + 1, size - 1);
  recogniser.forget(1);
  const DetectCounters before = recogniser.counters();
  std::uint64_t lines = 0;
  std::uint64_t events = 0;
  bool only_old = true;  // no line of 4.17's format was seen: newlines are forgeable
  std::uint64_t reach = 0;

  LineSplitter splitter;
  splitter.begin(0, false);
  splitter.feed(log, [&](std::string_view text, std::uint64_t offset) {
    ++lines;
    const std::optional<Event> event = recogniser.take(Line{text, 1, offset});
    must(recogniser.last_time_text().size() <= TimeFormat::kMaxBytes, "a time text is at most 47 bytes");
    if (const auto record = parse_record(text, {})) {
      if (record->format.family == Family::level) only_old = false;
      if (record->message.starts_with(kForgeable))
        reach = offset + static_cast<std::size_t>(record->message.data() - text.data()) + kForgeable.size() +
                kForgeableBytes;
    } else if (text.find("INFO") != std::string_view::npos || text.find("ERROR") != std::string_view::npos ||
               text.find("DEBUG") != std::string_view::npos ||
               text.find("WARNING") != std::string_view::npos) {
      only_old = false;  // may be 4.17's in the other time format
    }
    if (!event) return;
    ++events;
    const char* const end = text.data() + text.size();
    must(event->session.empty() ||
             (event->session.data() >= text.data() && event->session.data() + event->session.size() <= end),
         "the session is borrowed from the line");
    must(event->count >= 1 && event->count <= kMaxRepeat, "a count is within bounds");
    must(event->client->address != Address(), "the client is an address");
    must(event->rule < book.rules.size(), "the rule is one of ours");
    if (only_old && offset + text.size() <= reach)
      must(event->evidence == Evidence::tainted, "what ends within an attacker's reach is tainted");
  });
  const DetectCounters& after = recogniser.counters();
  must(after.lines - before.lines == lines, "every line is counted");
  must(after.recognised - before.recognised + after.unrecognised - before.unrecognised == lines,
       "recognised or not");
  must(after.events - before.events == events, "every event is counted");
  return 0;
}
