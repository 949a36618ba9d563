// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/waiting_lines.hpp"

#include <utility>

namespace coturn_guard {

void WaitingLines::add(const Event& event, const Endpoint& key, std::chrono::steady_clock::time_point now) {
  WaitingLine line{event, std::string(event.session), std::string(event.user), now};
  line.event.session = line.event.user = {};
  append(std::move(line), key);
}

void WaitingLines::append(WaitingLine line, const Endpoint& key) {
  const std::uint64_t number = first_number_ + slots_.size();
  text_bytes_ += line.session.size() + line.user.size();
  ++waiting_;
  slots_.push_back({std::move(line), key});
  Chain& chain = first_of_[key];
  if (chain.first == kNone)
    chain.first = number;
  else
    slot(chain.last).next = number;
  chain.last = number;
}

void WaitingLines::take_if(const std::function<bool(WaitingLine&)>& chosen, std::vector<WaitingLine>& taken) {
  std::deque<Slot> all = std::exchange(slots_, {});
  first_of_.clear();
  waiting_ = text_bytes_ = 0;
  for (Slot& each : all) {
    if (each.taken) continue;
    if (chosen(each.line))
      taken.push_back(std::move(each.line));
    else
      append(std::move(each.line), each.key);
  }
}

WaitingLine WaitingLines::remove(Slot& from) {
  from.taken = true;
  --waiting_;
  text_bytes_ -= from.line.session.size() + from.line.user.size();
  return std::move(from.line);
}

void WaitingLines::take(const Endpoint& key, std::vector<WaitingLine>& taken) {
  const auto chain = first_of_.find(key);
  if (chain == first_of_.end()) return;
  for (std::uint64_t number = chain->second.first; number != kNone; number = slot(number).next)
    taken.push_back(remove(slot(number)));
  first_of_.erase(chain);
  drop_taken();
}

WaitingLine WaitingLines::take_oldest() {
  // What is oldest of all is the first of its key's.
  const auto chain = first_of_.find(slots_.front().key);
  chain->second.first = slots_.front().next;
  if (chain->second.first == kNone) first_of_.erase(chain);
  WaitingLine line = remove(slots_.front());
  drop_taken();
  return line;
}

void WaitingLines::drop_taken() {
  while (!slots_.empty() && slots_.front().taken) {
    slots_.pop_front();
    ++first_number_;
  }
}

}  // namespace coturn_guard
