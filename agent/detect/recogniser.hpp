// SPDX-License-Identifier: GPL-3.0-or-later
// Line -> Events: strips wrappers and coturn's prefix, asks the rules, and keeps per stream what one line
// says about the next: which format the lines have, and which bytes an attacker may have written (taint). It
// does not judge.
//
// An event is tainted where the end of its line lies within the reach of an attacker's text. A line that
// begins within and ends behind it is coturn's own at its end: all patterns are anchored there. The first
// line of a stream is trusted, because coturn writes a record with one write(2) and a stream begins where the
// file begins or where it ended when we came: between two records. What a line with such a text itself says
// may wait for the lines behind it (detect/taint). For the same reason the reach of a text ends where coturn
// itself writes the file and the file ended right behind a line (Line::ends_record): with all of an
// attacker's newlines a record comes at once, so what was not there yet belongs to another.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "detect/accusation.hpp"
#include "detect/log_clocks.hpp"
#include "detect/rule_set.hpp"
#include "model/clock.hpp"
#include "model/flow.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct DetectCounters {
  std::uint64_t lines = 0;         // every line taken
  std::uint64_t read_again = 0;    // of these: an earlier run counted what they tell (Line::known)
  std::uint64_t recognised = 0;    // had coturn's prefix
  std::uint64_t unrecognised = 0;  // had not: continuation lines, other programs, garbage
  std::uint64_t events = 0;        // matched a rule
  std::uint64_t tainted = 0;       // events that stood in tainted bytes or in a foreign format
  std::uint64_t taints =
      0;  // records with text that no honest client sends, and that could reach over its line
  std::uint64_t blinded_bytes = 0;  // of lines that begin within the reach of such a text
  std::uint64_t reaches_cut = 0;    // reaches of texts that the end of the file cut short
  std::uint64_t foreign = 0;        // lines in another format than their stream's
  std::uint64_t gaps = 0;  // bytes of a stream that we were not shown: what follows is tainted for one record
  std::uint64_t repeated =
      0;  // events without points: their session was counted already (Rule::unless_counted)
  std::uint64_t unannounced = 0;      // events that lacked the line before them (Rule::announced_by)
  std::uint64_t held = 0;             // events that waited for the lines behind theirs
  std::uint64_t forged = 0;           // of the texts that they waited for, those that proved to hold newlines
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

  // Appends what is known with the line: an event of its own, or some of lines before it that waited. Texts
  // of the line's own event are borrowed from it, those of others are valid until the next call.
  void take(const Line& line, const Now& now, std::vector<Event>& events);
  // Once a second, while the source has nothing more to give (not while it is paused, or reads behind): lines
  // that waited for Taint::kPatience are believed, for coturn writes a record at once.
  void tick(const Now& now, std::vector<Event>& events);
  // The end of a replay: nothing more comes.
  void finish(std::vector<Event>& events);
  // The last words of streams that are gone, without waiting for a line.
  void take_last_words(std::vector<Event>& events);
  // What is told of lines that may be about one or another: to be asked for with each call's events, which
  // come after it.
  void take_accusations(std::vector<Accusation>& accusations);
  // What may still be charged to that session once it is clear whose it is, about.
  [[nodiscard]] std::uint64_t milli_on_trial(std::uint32_t log, std::uint64_t session) const;
  // Lines whose events wait for those behind them, appended.
  void waiting(std::vector<LinePlace>& lines) const;
  // The stream has ended (file deleted, rotated away and drained): its state is dropped, and what waited
  // comes with the next call. Bounded otherwise, too.
  void forget(StreamId stream);
  void forget_all();

  // Line::log, where the last line taken was coturn's banner: it began anew, and so did session numbers.
  // Events of the same call stand before it.
  [[nodiscard]] std::optional<std::uint32_t> take_restarted_log();
  // "4.6.1", by the last banner of that log; empty where none was seen.
  [[nodiscard]] std::string version(std::uint32_t log) const;

  // Coturn's own time text of the last recognised line ("590556" or a time stamp).
  [[nodiscard]] std::string_view last_time_text() const;
  // When the last line was written.
  [[nodiscard]] const Deed& deed() const;
  // When what stood in doubt before the last call (Deed::in_doubt) was written, as far as it told.
  [[nodiscard]] const std::vector<Dating>& datings() const;
  [[nodiscard]] LogClocks& clocks();
  [[nodiscard]] const LogClocks& clocks() const;
  // So much later than it is written a line of that log comes (Event::log, or Deed::log), by its last one, or
  // a little sooner.
  [[nodiscard]] std::chrono::steady_clock::duration late(std::uint32_t log, const Now& now) const;
  // An earlier run read until then. Until a log's first line comes, at most for kFirstLine, it stands there:
  // a source that cannot be read yet, or has not looked, says that it has nothing more to give.
  static constexpr std::chrono::minutes kFirstLine{10};
  void unread_since(std::chrono::steady_clock::time_point then, const Now& now);
  // All sources are read up: what is in doubt is decided now.
  void read_up(const Now& now);
  // For who shows lines out of their context (explain): each counts as announced.
  void believe_announced() const;
  // For a reload: what is known of the streams stays, so that no taint is forgotten.
  void set_rules(RuleSet rules);
  [[nodiscard]] Result<> set_timestamp_format(const std::string& timestamp_format);
  // Names of programs and containers whose lines are coturn's, besides those that hold "turn".
  void set_tags(std::vector<std::string> tags);
  [[nodiscard]] const RuleSet& rules() const;
  [[nodiscard]] const DetectCounters& counters() const;

 private:
  struct State;
  explicit Recogniser(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace coturn_guard
