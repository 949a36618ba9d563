// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as a log: cut into reads of any size, split into lines, asked of the shipped rules. What must
// hold: the split does not depend on the reads; texts of an event of the line's own are borrowed from it, and
// all are printable at once; counters add up; a session's number is one; nothing untainted ends within a user
// name's reach; with the last call everything that waited has come; patterns find by themselves what RE2
// finds.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detect/banner.hpp"
#include "detect/pattern.hpp"
#include "detect/recogniser.hpp"
#include "detect/record.hpp"
#include "detect/rule_file.hpp"
#include "source/line_splitter.hpp"

using namespace coturn_guard;

namespace {

constexpr std::string_view kForgeable = "check_stun_auth: wrong username: ";
constexpr std::size_t kForgeableBytes = 512;
constexpr StreamId kStream = 1;

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

const RuleBook& rules() {
  static const RuleBook book = load_rules(SOURCE_ROOT "/rules/coturn.yaml").value();
  return book;
}

using Lines = std::vector<std::pair<std::string, std::uint64_t>>;

Lines split(std::string_view text, std::size_t read_bytes) {
  Lines lines;
  LineSplitter splitter;
  splitter.begin(0, false);
  while (!text.empty()) {
    const std::string_view chunk = text.substr(0, read_bytes);
    splitter.feed(chunk,
                  [&](std::string_view line, std::uint64_t offset) { lines.emplace_back(line, offset); });
    text.remove_prefix(chunk.size());
  }
  return lines;
}

// Where the reach of a wrong user name ends, as far as lines tell it without a doubt.
class NameReach {
 public:
  void see(std::string_view text, std::uint64_t offset) {
    if (const auto record = parse_record(text, {})) {
      if (record->format.family == RecordFamily::level) certain_ = false;
      if (record->message.starts_with(kForgeable))
        end_ = offset + static_cast<std::size_t>(record->message.data() - text.data()) + kForgeable.size() +
               kForgeableBytes;
    } else {
      // may be 4.17's in the other time format
      for (const std::string_view level : {"INFO", "ERROR", "DEBUG", "WARNING"})
        if (text.find(level) != std::string_view::npos) certain_ = false;
    }
  }
  [[nodiscard]] bool holds(std::uint64_t line_end) const { return certain_ && line_end <= end_; }

 private:
  bool certain_ = true;  // no line of 4.17's format was seen: newlines are forgeable
  std::uint64_t end_ = 0;
};

// One pattern a line, in turn: all of them would take too long.
void compare_with_re2(std::string_view message) {
  static const std::vector<Pattern> patterns = [] {
    std::vector<Pattern> all;
    for (const Rule& rule : rules().rules)
      if (!rule.pattern.empty()) all.push_back(Pattern::compile(rule.pattern).value());
    return all;
  }();
  static std::size_t turn = 0;
  const Pattern& pattern = patterns[++turn % patterns.size()];
  const auto quick = pattern.match(message);
  const auto re2 = pattern.match_by_re2(message);
  must(quick.has_value() == re2.has_value(), "a pattern matches what RE2 does");
  if (quick)
    must(quick->client == re2->client && quick->local == re2->local && quick->peer == re2->peer &&
             quick->user == re2->user,
         "and captures the same");
}

bool is_in(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void check(const Event& event, const RuleBook& book) {
  must(event.rule < book.rules.size(), "the rule is one of ours");
  must(event.count >= 1 && event.count <= kMaxRepeat, "a count is within bounds");
  must(!event.client || event.client->address != Address(), "the client is an address");
  must(event.session.empty() || (event.session.size() >= 18 && event.session.size() <= 20),
       "a session has 18 to 20 digits");
  must(std::all_of(event.session.begin(), event.session.end(), [](char c) { return c >= '0' && c <= '9'; }),
       "a session is a number");  // reads its text: the sanitizers see whether it lives
  must(event.user.size() <= Pattern::kMaxUserBytes && event.user.find(' ') == std::string_view::npos,
       "a user is a word");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static const RuleBook& book = rules();
  // The first byte chooses the time format, whether the source keeps records apart, and how much it reads at
  // once; a set is compiled once for each format, streams are forgotten between runs.
  static Recogniser plain = Recogniser::create(RuleSet::create(book).value(), "").value();
  static Recogniser custom = Recogniser::create(RuleSet::create(book).value(), "%d/%b/%Y %H:%M:%S ").value();
  Recogniser& recogniser = (data[0] & 1) != 0 ? custom : plain;
  const bool whole = (data[0] & 2) != 0;
  const bool ticks = (data[0] & 4) != 0;
  const std::string_view log(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Lines lines = split(log, log.size());
  must(lines == split(log, std::size_t{data[0]} + 1), "lines do not depend on the reads");

  std::vector<Event> events;
  recogniser.forget(kStream);
  recogniser.finish(events);
  events.clear();
  const DetectCounters before = recogniser.counters();
  std::uint64_t told = 0;
  std::uint64_t tainted = 0;
  NameReach reach;
  Now now{{}, std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000))};
  const auto count = [&] {
    for (const Event& event : events) {
      check(event, book);
      ++told;
      if (event.evidence == Evidence::tainted) ++tainted;
    }
  };

  for (const auto& [text, offset] : lines) {
    must(text.size() <= kMaxLineBytes && text.find('\n') == std::string::npos, "a line is a line");
    events.clear();
    recogniser.take({.text = text, .stream = kStream, .offset = offset, .log = 3, .whole = whole}, now,
                    events);
    must(recogniser.last_time_text().size() <= TimeFormat::kMaxBytes, "a time text is at most 47 bytes");
    must(recogniser.version(3).size() <= kMaxVersionBytes, "a version is bounded");
    reach.see(text, offset);
    if (const auto record = parse_record(text, {})) compare_with_re2(record->message);
    count();
    for (const Event& event : events) {
      must(event.log == 3, "the log is the line's");
      if (!event.client) continue;
      const bool own = !event.session.empty() && is_in(event.session, text);
      if (!whole && own && reach.holds(offset + text.size()))
        must(event.evidence == Evidence::tainted, "what ends within an attacker's reach is tainted");
    }
    if (!ticks) continue;
    now.mono += std::chrono::milliseconds(300);
    events.clear();
    recogniser.tick(now, events);
    count();
  }
  events.clear();
  recogniser.finish(events);
  count();
  events.clear();
  recogniser.finish(events);
  must(events.empty(), "what waited comes once");
  const DetectCounters& after = recogniser.counters();
  must(after.lines - before.lines == lines.size(), "every line is counted");
  must(after.recognised - before.recognised + after.unrecognised - before.unrecognised == lines.size(),
       "recognised or not");
  must(after.events - before.events == told, "every event is counted");
  must(after.tainted - before.tainted == tainted, "every tainted event is counted");
  return 0;
}
