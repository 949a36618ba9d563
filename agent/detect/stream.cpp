// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/stream.hpp"

#include "detect/banner.hpp"

namespace coturn_guard {

bool Stream::follow(const Line& line) {
  const std::uint64_t expected = next_offset_;
  next_offset_ = line.offset + line.text.size() + 1;
  if (line.offset == expected || expected == kNowhere) return false;
  if (line.offset < expected) {
    taint.distrust();
    taint.forget_reach();  // truncated: what was tainted is no longer in the file
    glued_until_ = 0;
    return false;
  }
  if (line.offset - expected <= 1) return false;  // a carriage return that the source took away
  // They (an overlong line, a hole) may have held the start of a record that is not over.
  taint.distrust();
  const std::uint64_t end = line.offset + kRecordLimitBytes;
  taint.add({end, end, 0}, false);
  may_be_cut(line.offset);
  return true;
}

bool Stream::has_own_format(const Record& record, bool tainted) {
  if (format_known_ && record.format == format_) {
    if (!tainted) candidate_lines_ = 0;
    return true;
  }
  if (tainted) return false;
  if (format_known_ && (opens_log(record.message) || !banner_version(record.message).empty())) begin_anew();
  if (!format_known_) {
    format_known_ = true;
    format_ = record.format;
    return true;
  }
  if (candidate_lines_ == 0 || candidate_ != record.format) {
    candidate_ = record.format;
    candidate_lines_ = 0;
  }
  if (++candidate_lines_ < kLinesToChangeFormat) return false;
  format_ = record.format;
  candidate_lines_ = 0;
  return true;
}

void Stream::begin_anew() {
  format_known_ = false;
  candidate_lines_ = 0;
  forget_sessions();
}

}  // namespace coturn_guard
