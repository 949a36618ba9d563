// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/brief_ends.hpp"

namespace coturn_guard {

BriefEnds::Place& BriefEnds::place_of(const Address& client, Time now) {
  Place& place = places_.touch({client, 0}, now);
  if (places_.size() > kMaxWaiting) places_.drop_oldest();
  return place;
}

void BriefEnds::line_told(const Address& client, Time now) {
  Place& place = place_of(client, now);
  if (place.waiting > place.excused) {
    ++place.excused;
    return;
  }
  if (now - place.line_at > kLineExcusesFor) place.lines = 0;
  place.line_at = now;
  ++place.lines;
}

void BriefEnds::add(const BriefEnd& end, std::vector<BriefEnd>& due) {
  Place& place = place_of(end.client, end.at);
  if (place.lines > 0 && end.at - place.line_at <= kLineExcusesFor) {
    --place.lines;
    ++excused_;
  } else if (waiting_.size() >= kMaxWaiting) {
    due.push_back(end);
  } else {
    ++place.waiting;
    waiting_.push_back(end);
  }
}

void BriefEnds::take_due(Time now, std::vector<BriefEnd>& due) {
  for (; !waiting_.empty() && now - waiting_.front().at >= kWaits; waiting_.pop_front()) {
    const BriefEnd& end = waiting_.front();
    Place* const place = places_.find({end.client, 0});
    if (place != nullptr && place->waiting > 0) --place->waiting;
    if (place != nullptr && place->excused > 0) {
      --place->excused;
      ++excused_;
    } else {
      due.push_back(end);
    }
  }
}

}  // namespace coturn_guard
