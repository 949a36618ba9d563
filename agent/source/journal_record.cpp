// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/journal_record.hpp"

#include <algorithm>

namespace coturn_guard {

void make_one_line(std::string& message) {
  while (!message.empty() && (message.back() == '\n' || message.back() == '\r')) message.pop_back();
  std::replace_if(
      message.begin(), message.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
}

JournalStreams::Stream& JournalStreams::of(const Boot& boot, std::uint32_t process,
                                           const std::function<void(StreamId)>& ended) {
  if (!known_.empty() && known_.back().process == process && known_.back().boot == boot)
    return known_.back().stream;
  const auto known = std::find_if(known_.begin(), known_.end(), [&](const Known& candidate) {
    return candidate.process == process && candidate.boot == boot;
  });
  if (known != known_.end()) {
    std::rotate(known, known + 1, known_.end());
    return known_.back().stream;
  }
  if (known_.size() == kMaxStreams) {
    ended(known_.front().stream.id);
    known_.erase(known_.begin());
  }
  known_.push_back({boot, process, {next_++, 0}});
  return known_.back().stream;
}

void JournalStreams::leave_gap(std::uint64_t bytes) {
  for (auto& known : known_) known.stream.offset += bytes;
}

}  // namespace coturn_guard
