// SPDX-License-Identifier: GPL-3.0-or-later
// Line -> Event: strips wrappers and coturn's prefix, asks the rules, and keeps per stream what one line says about the
// next: which prefix family the file is in, and which bytes an attacker may have written (taint). It does not judge.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

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
  std::uint64_t taints = 0;        // records that tainted what follows
  std::uint64_t undecided = 0;     // RE2 could not tell (out of memory): not the same as "no match"
};

class Recogniser {
 public:
  // `timestamp_format`: strftime text of coturn's new-log-timestamp-format, empty for coturn's own forms.
  [[nodiscard]] static Result<Recogniser> create(RuleSet rules, const std::string& timestamp_format);
  Recogniser(Recogniser&&) noexcept;
  Recogniser& operator=(Recogniser&&) noexcept;
  ~Recogniser();

  [[nodiscard]] std::optional<Event> take(const Line& line);
  // The stream has ended (file deleted, rotated away and drained): its state is dropped. Bounded otherwise, too.
  void forget(StreamId stream);

  // Coturn's own time text of the last recognised line ("590556" or a time stamp): for replay's virtual clock only.
  [[nodiscard]] std::string_view last_time_text() const;
  [[nodiscard]] const RuleSet& rules() const;
  [[nodiscard]] const DetectCounters& counters() const;

 private:
  struct State;
  explicit Recogniser(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace coturn_guard
