// SPDX-License-Identifier: GPL-3.0-or-later
// What one line of a stream says about the next: where it stands, which format lines have, what is tainted,
// which sessions were counted. It recognises nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

#include "detect/record.hpp"
#include "detect/session_number.hpp"
#include "detect/taint.hpp"
#include "model/flow.hpp"

namespace coturn_guard {

class Stream {
 public:
  // So many lines in a row in another format make it the stream's own (coturn was upgraded without our seeing
  // its banner).
  static constexpr std::uint32_t kLinesToChangeFormat = 20;

  // Takes note of where the line stands after the one before. Whether bytes between them were never shown.
  bool follow(const Line& line);
  // `tainted`: the record may be an attacker's, and has no vote.
  bool has_own_format(const Record& record, bool tainted);
  // A new coturn: any format, and session numbers begin again.
  void begin_anew();
  // From 4.17 on a record is one line, whatever is in it.
  [[nodiscard]] bool newlines_forgeable() const {
    return !format_known_ || format_.family != RecordFamily::level;
  }

  // Others put something before its lines; what looks so in an attacker's text is the attacker's own.
  [[nodiscard]] bool may_be_wrapped() const { return !format_known_ || format_.wrapper != Wrapper::none; }

  // `offset`: where a record begins that coturn may have cut.
  void may_be_cut(std::uint64_t offset) { glued_until_ = std::max(glued_until_, offset + kRecordLimitBytes); }
  // A line that begins there may hold the start of another record.
  [[nodiscard]] bool may_be_glued(std::uint64_t offset) const { return offset < glued_until_; }
  // Line::ends_record: whatever is written next is the start of a record. Not where another program wrote
  // the lines one by one. Whether anything was in doubt.
  bool end_record() {
    if (format_known_ && format_.wrapper != Wrapper::none) return false;
    const bool doubtful = taint.concerns(next_offset_) || next_offset_ < glued_until_;
    taint.end_record();
    glued_until_ = 0;
    return doubtful;
  }
  // By what others wrapped around a line within an attacker's text.
  void stretch_glue(std::size_t wrapper_bytes) { glued_until_ += wrapper_bytes; }

  // Of one of the logs that the stream has.
  void count_session(std::uint32_t log, std::string_view digits) {
    counted_sessions_[next_session_] = key(log, digits);
    next_session_ = (next_session_ + 1) % kRecentSessions;
  }
  [[nodiscard]] bool has_counted(std::uint32_t log, std::string_view digits) const {
    return std::find(counted_sessions_.begin(), counted_sessions_.end(), key(log, digits)) !=
           counted_sessions_.end();
  }
  void forget_sessions() { counted_sessions_.fill(0); }

  StreamId id = 0;
  std::uint64_t last_used = 0;
  Taint taint;

 private:
  // Sessions of the last events, for Rule::unless_counted: a session's lines stand close together.
  static constexpr std::size_t kRecentSessions = 16;
  static constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();

  // Session numbers leave the highest bits unused.
  static std::uint64_t key(std::uint32_t log, std::string_view digits) {
    return session_number(digits) ^ (std::uint64_t{log} << 32U);
  }

  bool format_known_ = false;
  LineFormat format_;
  LineFormat candidate_;               // of the last foreign lines
  std::uint32_t candidate_lines_ = 0;  // how many in a row
  std::uint64_t next_offset_ = kNowhere;
  std::uint64_t glued_until_ = 0;
  std::array<std::uint64_t, kRecentSessions> counted_sessions_{};
  std::size_t next_session_ = 0;
};

}  // namespace coturn_guard
