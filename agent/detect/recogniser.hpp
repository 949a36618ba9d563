// SPDX-License-Identifier: GPL-3.0-or-later
// Line -> Event: strips wrappers and coturn's prefix, asks the rules, and keeps per stream what one line says
// about the next: which format the lines have, and which bytes an attacker may have written (taint). It does
// not judge.
//
// Coturn up to 4.16 writes some attackers' texts raw, newlines included, so that a line of their own can look
// like any of coturn's. Such text has an end, though: coturn bounds its length. An event is tainted where the
// end of its line lies within the reach of such a text. A line that begins within and ends behind it is
// coturn's own: all patterns are anchored at their end, and there coturn wrote. The first line of a stream is
// trusted, because coturn writes a record with one write(2) and a stream begins where the file begins or
// where it ended when we came: between two records.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "detect/rule_set.hpp"
#include "model/flow.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct DetectCounters {
  std::uint64_t lines = 0;         // every line taken
  std::uint64_t recognised = 0;    // had coturn's prefix
  std::uint64_t unrecognised = 0;  // had not: continuation lines, other programs, garbage
  std::uint64_t events = 0;        // matched a rule
  std::uint64_t tainted = 0;       // events that stood in tainted bytes or in a foreign format
  std::uint64_t taints =
      0;  // records with text that no honest client sends, and that could reach over its line
  std::uint64_t foreign = 0;  // lines in another format than their stream's
  std::uint64_t gaps = 0;  // bytes of a stream that we were not shown: what follows is tainted for one record
  std::uint64_t repeated =
      0;  // events left out because their session was counted already (Rule::unless_counted)
  std::uint64_t undecided = 0;        // RE2::Set ran out of memory; the rules were asked one by one instead
  std::uint64_t streams_dropped = 0;  // least recently used streams whose state made room for another's
};

class Recogniser {
 public:
  // So many streams are remembered; an operator has a handful.
  static constexpr std::size_t kMaxStreams = 64;

  // `timestamp_format`: strftime text of coturn's new-log-timestamp-format, empty for coturn's own forms.
  [[nodiscard]] static Result<Recogniser> create(RuleSet rules, const std::string& timestamp_format);
  Recogniser(Recogniser&&) noexcept;
  Recogniser& operator=(Recogniser&&) noexcept;
  ~Recogniser();

  [[nodiscard]] std::optional<Event> take(const Line& line);
  // The stream has ended (file deleted, rotated away and drained): its state is dropped. Bounded otherwise,
  // too.
  void forget(StreamId stream);

  // Coturn's own time text of the last recognised line ("590556" or a time stamp): for replay's virtual clock
  // only. Borrowed from that line: valid as long as the line's text is.
  [[nodiscard]] std::string_view last_time_text() const;
  // For a reload: what is known of the streams stays, so that no taint is forgotten.
  void set_rules(RuleSet rules);
  [[nodiscard]] Result<> set_timestamp_format(const std::string& timestamp_format);
  [[nodiscard]] const RuleSet& rules() const;
  [[nodiscard]] const DetectCounters& counters() const;

 private:
  struct State;
  explicit Recogniser(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace coturn_guard
