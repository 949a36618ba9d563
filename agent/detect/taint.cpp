// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/taint.hpp"

#include <algorithm>
#include <utility>

#include "detect/session_number.hpp"

namespace coturn_guard {
namespace {

void blind(Event& event) {
  if (event.evidence == Evidence::tainted) return;  // another format than its stream's, or cut
  event.evidence = Evidence::tainted;
  event.blinded = true;
}

}  // namespace

void HeldEvent::keep(const Event& from, Speech its_speech, Extent its_extent) {
  event = from;
  speech = its_speech;
  extent = its_extent;
  texts_.assign(from.session).append(from.user);
  const std::string_view texts = texts_;
  event.session = texts.substr(0, from.session.size());
  event.user = texts.substr(from.session.size());
}

void weigh(Event& event, Speech speech, Extent extent, const Reach& earlier) {
  const bool inside = extent.end <= earlier.until;
  const bool front = extent.begin < earlier.front;
  if (!inside && !front) return;
  // What somebody writes about his own session is his own affair.
  const bool own = earlier.owner != 0 && session_number(event.session) == earlier.owner;
  if (speech == Speech::accuses && own) return;
  if (speech != Speech::names_client || inside) {
    blind(event);
  } else if (!own) {
    // The end is coturn's, and with it the client; the session stands in front.
    event.blinded = true;
    event.lost_session = session_number(event.session);
    event.session = {};
  }
}

void weigh_own(Event& event, Speech speech, Extent extent, std::uint64_t own_until) {
  if (speech != Speech::accuses && extent.end <= own_until) blind(event);
}

bool Taint::begin_line(std::string_view text, std::uint64_t offset, std::size_t wrapper_bytes) {
  bool within = offset < reach_.until;
  if (within) {
    reach_.until += wrapper_bytes;
    if (reach_.front != 0) reach_.front += wrapper_bytes;
  }
  for (std::size_t i = 0; i < count_; ++i) {
    Held& held = at(i);
    if (!held.unproven) continue;
    // A text that ends in a newline ends at its reach at the latest, and then its tail begins there.
    if (offset > held.own.until) {
      held.unproven = false;
      continue;
    }
    within = true;
    held.own.until += wrapper_bytes;
    held.own.front += wrapper_bytes;
  }
  for (std::size_t i = 0; i < count_; ++i) {
    const Held& held = at(i);
    if (!held.unproven) continue;
    const auto longest = static_cast<std::size_t>(held.own.until - offset) + held.tail.size();
    if (text.substr(0, longest).find(held.tail) != std::string_view::npos) distrust(i);
  }
  if (count_ >= kMaxHeld) distrust();
  return within;
}

void Taint::add(const Reach& text, bool clean) {
  reach_.owner = clean || text.owner == reach_.owner ? text.owner : 0;
  reach_.until = std::max(reach_.until, text.until);
  reach_.front = std::max(reach_.front, text.front);
}

// There is room: begin_line() saw to it, and a line holds one.
Taint::Held& Taint::hold_next() {
  if (slots_.empty()) slots_.resize(kSlots);
  Held& held = at(count_++);
  held.time.told = held.later.told = false;
  return held;
}

void Taint::hold(const Event& event, Speech speech, Extent extent) {
  Held& held = hold_next();
  held.event.keep(event, speech, extent);
  held.has_event = true;
  held.unproven = false;
}

void Taint::hold_time(const LineTime& time) {
  if (count_ == 0) return;
  Held& last = at(count_ - 1);
  const bool own = last.event.extent.line == time.line_number;
  (own ? last.time : last.later) = time;
}

void Taint::hold_text(const Reach& text, std::string_view tail, const Event* event, Speech speech,
                      Extent extent, const Now& now) {
  Held& held = hold_next();
  held.event.keep(event != nullptr ? *event : Event{}, speech, extent);
  held.has_event = event != nullptr;
  held.unproven = true;
  held.own = text;
  held.tail.assign(tail);
  held.since = now.mono;
}

void Taint::believe() {
  for (std::size_t i = 0; i < count_; ++i) at(i).unproven = false;
}

void Taint::believe_patient(const Now& now) {
  for (std::size_t i = 0; i < count_; ++i)
    if (at(i).unproven && now.mono - at(i).since >= kPatience) at(i).unproven = false;
}

void Taint::distrust() {
  for (std::size_t i = 0; i < count_; ++i)
    if (at(i).unproven) distrust(i);
}

// The text at `index` holds newlines: what stands behind it began within its reach.
void Taint::distrust(std::size_t index) {
  ++forged_;
  bool clean = reach_.until <= at(index).event.extent.begin;
  const Reach text = at(index).own;
  for (std::size_t i = index; i < count_; ++i) {
    Held& held = at(i);
    if (i != index) {
      weigh(held.event.event, held.event.speech, held.event.extent, text);
      held.time.doubtful = true;
    }
    held.later.doubtful = true;
    if (!held.unproven) continue;
    held.unproven = false;
    weigh_own(held.event.event, held.event.speech, held.event.extent, held.own.until);
    add(held.own, clean);
    clean = false;
  }
}

}  // namespace coturn_guard
