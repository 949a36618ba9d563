// SPDX-License-Identifier: GPL-3.0-or-later
// For tests of detect/: the shipped rules, and logs of test/data run through a Recogniser as a source would
// feed them.
#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "detect/recogniser.hpp"
#include "detect/rule_file.hpp"
#include "source/line_splitter.hpp"
#include "support/catch.hpp"

namespace coturn_guard::test {

inline std::string read_file(const std::string& below_root) {
  std::ifstream file(std::string(SOURCE_ROOT) + "/" + below_root, std::ios::binary);
  INFO(below_root);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline const RuleBook& shipped_rules() {
  static const RuleBook book = [] {
    auto loaded = load_rules(std::string(SOURCE_ROOT) + "/rules/coturn.yaml");
    for (const std::string& problem : loaded ? Problems() : loaded.error()) UNSCOPED_INFO(problem);
    REQUIRE(loaded);
    return *std::move(loaded);
  }();
  return book;
}

inline Recogniser make_recogniser(const std::string& timestamp_format = "") {
  auto made = Recogniser::create(RuleSet::create(shipped_rules()).value(), timestamp_format);
  REQUIRE(made);
  return *std::move(made);
}

struct SeenEvent {
  std::string rule, client, session, user;
  std::string line;  // the last one read when it was told
  Evidence evidence = Evidence::claimed;
  Points points;
};

// Feeds a whole log, line by line, through the line splitter of the sources.
inline std::vector<SeenEvent> feed(Recogniser& recogniser, std::string_view log, StreamId stream = 1) {
  std::vector<SeenEvent> seen;
  std::vector<Event> events;
  std::string_view last;
  const auto note = [&] {
    for (const Event& event : events)
      seen.push_back({std::string(recogniser.rules().name(event.rule)),
                      event.client ? event.client->address.to_string() : "", std::string(event.session),
                      std::string(event.user), std::string(last), event.evidence, event.points});
    events.clear();
  };
  LineSplitter splitter;
  splitter.begin(0, false);
  splitter.feed(log, [&](std::string_view text, std::uint64_t offset) {
    last = text;
    recogniser.take(Line{text, stream, offset}, Now{}, events);
    note();
  });
  last = {};
  recogniser.finish(events);
  note();
  return seen;
}

}  // namespace coturn_guard::test
