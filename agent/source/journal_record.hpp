// SPDX-License-Identifier: GPL-3.0-or-later
// What the journal source does to an entry, without the journal: a message becomes one line, and the entries
// of one process are one stream with its own count of bytes. It opens nothing and asks no clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/flow.hpp"

namespace coturn_guard {

// Makes a journal message one line, in place: coturn ends each with a newline, which goes; those within are
// an attacker's or the banner's and become blanks, as coturn does itself from 4.17 on. NULs, too: no message
// of coturn's has one.
void make_one_line(std::string& message);

// Numbers the processes that write. A coturn that is restarted is a new stream; an operator has a handful at
// a time, so the least recently heard of is given up when there are more.
class JournalStreams {
 public:
  static constexpr std::size_t kMaxStreams = 16;
  // Above all numbers of followed files: what is known of a file's stream must not be taken for ours when the
  // source changes.
  static constexpr StreamId kFirst = 0x8000'0000;

  struct Stream {
    StreamId id = 0;
    std::uint64_t offset = 0;  // of its next line's first byte
  };
  using Boot = std::array<std::uint8_t, 16>;

  // The stream of a process, until the next call. `ended` is told of the one that made room.
  [[nodiscard]] Stream& of(const Boot& boot, std::uint32_t process,
                           const std::function<void(StreamId)>& ended);
  // Something is missing in each of them: what follows does not stand where it would.
  void leave_gap(std::uint64_t bytes);
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  struct Known {
    Boot boot{};
    std::uint32_t process = 0;
    Stream stream;
  };
  std::vector<Known> known_;  // the most recently used last
  StreamId next_ = kFirst;
};

}  // namespace coturn_guard
