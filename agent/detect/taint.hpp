// SPDX-License-Identifier: GPL-3.0-or-later
// Which bytes of a stream an attacker may have written. Coturn up to 4.16 writes some attackers' texts raw,
// newlines included, so that a line of their own can look like any of coturn's. Such a text has an end,
// though: coturn bounds its length. Up to there it reaches.
//
// Some texts have a tail of coturn's behind them on the same record (Forgeable::tail). Such a line is held
// back until a line begins beyond its reach, or ends a record for certain: if a line that begins within it
// shows the tail where the text could end, the text had a newline and both lines may be the attacker's; if
// none does, the line is coturn's own to its end. What follows within the reach is held back behind it. It
// knows offsets and events, no rules, and tells nobody.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/clock.hpp"
#include "model/flow.hpp"

namespace coturn_guard {

// How far texts of attackers' reach, in offsets of the stream.
struct Reach {
  std::uint64_t until = 0;  // behind the last byte that may be his
  // A line that begins before this may begin with his bytes and end with coturn's: the rest of a record.
  std::uint64_t front = 0;
  std::uint64_t owner = 0;  // number of the session whose texts alone these are; 0: not known
};

// What an event's rule says about whom it accuses.
enum class Speech : std::uint8_t {
  names_client,  // ends with the client's address or with what coturn writes behind it
  accuses,       // the session that stands before any attacker's text, and nobody else
  other,         // a login, an end: an attacker could gain from it
};

// Where a line stands, from its first byte to its newline, and the how many-th it is of all that were read.
struct Extent {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t line = 0;
  std::uint64_t previous = 0;    // the line before of the same thread (Announcements::pass)
  bool shows_handshake = false;  // no forged packet can cause this line
};

// What a line says of its time, until it is clear whether coturn wrote it.
struct LineTime {
  bool told = true;
  bool doubtful = false;  // an attacker may have written it
  std::string stamp, own;
  Line line;                      // but for its text
  std::uint32_t log = 0;          // of a coturn within that of the line
  std::uint64_t line_number = 0;  // Extent::line
  Now arrival{};
};

// An event that waits, with its texts.
class HeldEvent {
 public:
  HeldEvent() = default;
  HeldEvent(const HeldEvent& other) { keep(other.event, other.speech, other.extent); }
  HeldEvent& operator=(const HeldEvent&) = delete;

  void keep(const Event& from, Speech its_speech, Extent its_extent);

  Event event;
  Speech speech = Speech::other;
  Extent extent;

 private:
  std::string texts_;  // of the event's session, then its user
};

// Lowers an event's evidence, or takes its session away, by what an attacker may have written of its line.
// `earlier` is of texts that stand before it.
void weigh(Event& event, Speech speech, Extent extent, const Reach& earlier);
// The same for the text in the line itself, which reaches until `own_until`.
void weigh_own(Event& event, Speech speech, Extent extent, std::uint64_t own_until);

class Taint {
 public:
  static constexpr std::chrono::seconds kPatience{1};
  // More lines with something to tell do not fit between a text and its end; a bound all the same.
  static constexpr std::size_t kMaxHeld = 30;

  Taint() = default;
  Taint(Taint&&) = default;
  Taint& operator=(Taint&&) = default;

  // Called for each line, before anything else is asked about it. `wrapper_bytes`: what others put in front
  // of it, none of which is the attacker's. Whether the line begins within the reach of a text.
  bool begin_line(std::string_view text, std::uint64_t offset, std::size_t wrapper_bytes);
  // Whether begin_line() has anything to do for a line at this offset.
  [[nodiscard]] bool concerns(std::uint64_t offset) const { return offset < reach_.until || count_ != 0; }

  [[nodiscard]] const Reach& reach() const { return reach_; }
  // A text that stands in a line. `clean`: the line does not begin within another's reach.
  void add(const Reach& text, bool clean);

  // Something waits: what comes after it must wait, too.
  [[nodiscard]] bool is_holding() const { return count_ != 0; }
  void hold(const Event& event, Speech speech, Extent extent);
  // The last line's time: while something waits, or the line itself was held.
  void hold_time(const LineTime& time);
  // A text whose line shows its tail. `event` may be absent (null).
  void hold_text(const Reach& text, std::string_view tail, const Event* event, Speech speech, Extent extent,
                 const Now& now);
  // Nothing will come any more that could prove the waiting lines forged: all of them, or those that waited
  // for kPatience.
  void believe();
  void believe_patient(const Now& now);
  // Bytes are missing: whatever waits cannot be proven.
  void distrust();
  void forget_reach() { reach_ = {}; }
  // Line::ends_record: no text reaches beyond here, and none that waits had a newline, or its tail would have
  // come with it.
  void end_record() {
    believe();
    forget_reach();
  }

  // Each event that need not wait any more goes to `take`, whose texts are kept until two more are held. It
  // was done when `date` says for its line's time.
  template <class Date, class Take>
  void release(Date date, Take take) {
    while (count_ != 0 && !at(0).unproven) {
      Held& held = at(0);
      if (held.time.told) {
        const Deed deed = date(held.time);
        held.event.event.deed = deed;
      }
      if (held.has_event) take(held.event);
      if (held.later.told && !held.later.doubtful) (void)date(held.later);
      ++first_;
      --count_;
    }
  }
  // Those that wait, for a change of rules.
  template <class Change>
  void each_held(Change change) {
    for (std::size_t i = 0; i < count_; ++i)
      if (at(i).has_event) at(i).has_event = change(at(i).event.event);
  }
  template <class Visit>
  void each_waiting(Visit visit) const {
    for (std::size_t i = 0; i < count_; ++i) {
      const Held& held = slots_[(first_ + i) % kSlots];
      if (held.has_event) visit(held.event.event);
    }
  }
  // Texts that proved to hold newlines, since the stream began.
  [[nodiscard]] std::uint64_t forged() const { return forged_; }

 private:
  struct Held {
    HeldEvent event;
    bool has_event = false;
    LineTime time, later;   // its own, and that of the last line before the next one that is held
    bool unproven = false;  // the three below count
    Reach own;
    std::string tail;
    std::chrono::steady_clock::time_point since;
  };
  // A ring, so that nothing is allocated again: closings are every tenth line of a busy log.
  static constexpr std::size_t kSlots = 32;
  static_assert(kSlots >= kMaxHeld + 2);
  [[nodiscard]] Held& at(std::size_t index) { return slots_[(first_ + index) % kSlots]; }
  Held& hold_next();
  void distrust(std::size_t index);

  Reach reach_;
  std::vector<Held> slots_;  // none before the first is held
  std::size_t first_ = 0, count_ = 0;
  std::uint64_t forged_ = 0;
};

}  // namespace coturn_guard
