// SPDX-License-Identifier: GPL-3.0-or-later
// Docker's json-file log: `{"log":"22: : msg\n","stream":"stdout","time":"…"}` a line. What the container
// wrote is put together again as the stream of bytes it was, and its lines are handed over with offsets in
// that stream: an attacker's text is bounded in coturn's bytes (taint), not in JSON's, where one byte may be
// six. A byte that was no UTF-8 is one byte here, too (Docker writes it as \ufffd). It reads no file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "source/line_splitter.hpp"

namespace coturn_guard {

// What a file of that kind begins with. Asked of its first bytes and not of any line: those are the writer's
// own, while an attacker may begin a line in coturn's plain log with anything.
inline constexpr std::string_view kDockerLogBegins = R"({"log":")";

// A line of such a file is longer than what it holds: six bytes for one, and stream, attributes and time.
inline constexpr std::size_t kMaxDockerLineBytes = std::size_t{16} * 1024;

// The text of one line's "log", decoded, and whether it may be longer than what was written: it holds a
// U+FFFD that somebody put for a byte and did not escape. Absent where the line is no such object.
struct DockerText {
  std::string text;
  bool doubtful = false;
  std::int64_t written_milli = 0;  // when Docker read it, since 1970; 0: it does not say
};
[[nodiscard]] std::optional<DockerText> decode_docker_line(std::string_view line);

class DockerLog {
 public:
  // Begins anew at a line's start.
  void begin();

  // Takes one line of the file, which begins at its byte `offset`; calls `on_line` as LineSplitter::feed
  // does. What cannot be decoded or was not shown to us is a gap in the stream of bytes: wide enough that
  // nothing behind it is believed on the word of what stood before. Returns false where on_line said stop;
  // all lines that this one gave were handed over nevertheless.
  template <class OnLine>
  bool take(std::string_view line, std::uint64_t offset, OnLine&& on_line);

  [[nodiscard]] std::int64_t written_milli() const { return written_milli_; }  // of the last line
  [[nodiscard]] std::uint64_t undecoded() const { return undecoded_; }         // lines, since construction
  [[nodiscard]] std::uint64_t overlong() const { return splitter_.overlong(); }

 private:
  static constexpr std::uint64_t kGapBytes = 65'536;
  void leave_gap();

  LineSplitter splitter_;                  // of the container's bytes
  std::optional<std::uint64_t> expected_;  // offset of the file's next line
  std::int64_t written_milli_ = 0;
  std::uint64_t undecoded_ = 0;
};

// --- Inline implementations ---

template <class OnLine>
bool DockerLog::take(std::string_view line, std::uint64_t offset, OnLine&& on_line) {
  if (expected_ && offset != *expected_) leave_gap();
  expected_ = offset + line.size() + 1;
  const auto decoded = decode_docker_line(line);
  if (!decoded) {
    ++undecoded_;
    leave_gap();
    return true;
  }
  written_milli_ = decoded->written_milli;
  if (decoded->doubtful) leave_gap();
  bool go_on = true;
  splitter_.feed(decoded->text,
                 [&](std::string_view text, std::uint64_t at) { go_on = on_line(text, at) && go_on; });
  if (decoded->doubtful) leave_gap();
  return go_on;
}

}  // namespace coturn_guard
