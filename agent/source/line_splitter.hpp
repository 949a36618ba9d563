// SPDX-License-Identifier: GPL-3.0-or-later
// Bytes -> bounded lines. Whole lines are handed over where they lie; only the last, unfinished one is
// copied. What it will not do: split a line that is too long (its tail could parse as a line of its own, so
// it is dropped up to its newline), end a line at a NUL, or hand over a last line that never got its newline:
// such a line was cut while it was written, and half a line may match what the whole one would not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace coturn_guard {

// coturn's longest record is 1023 bytes (two of them glued where the first was cut); the rest is room for
// what syslog, journald, docker or CRI write around it.
inline constexpr std::size_t kMaxLineBytes = 4096;

class LineSplitter {
 public:
  // Begins anew: the next byte fed is the stream's byte `offset`. `inside_a_line`: what comes before the next
  // newline is the end of a line whose beginning nobody saw; it is dropped and not counted. A line begun
  // earlier is forgotten.
  void begin(std::uint64_t offset, bool inside_a_line);

  // Calls `on_line(std::string_view text, std::uint64_t offset)` for each line that `bytes` ends: without its
  // newline and without a CR before it; offset is that of its first byte. NULs before a line (the hole that a
  // truncated file gets from a writer that does not append) are skipped. Where on_line returns false, feeding
  // stops after that line. Returns how many bytes were taken; feed the rest again.
  template <class OnLine>
  std::size_t feed(std::string_view bytes, OnLine&& on_line);

  // For who wraps lines into longer ones. At the start of a line only.
  void allow(std::size_t line_bytes) { longest_ = line_bytes; }

  [[nodiscard]] std::uint64_t offset() const { return offset_; }  // of the next byte to feed
  // Behind the last whole line (or the part of one that was dropped).
  [[nodiscard]] std::uint64_t line_begin() const { return tail_.empty() ? offset_ : tail_offset_; }
  [[nodiscard]] bool inside_a_line() const { return dropping_ || !tail_.empty(); }
  [[nodiscard]] std::uint64_t overlong() const { return overlong_; }    // lines dropped, since construction
  [[nodiscard]] std::uint64_t nul_bytes() const { return nul_bytes_; }  // skipped, since construction

 private:
  const char* skip_nuls(const char* at, const char* end);
  void keep(std::string_view unfinished, std::uint64_t offset);
  bool complete(std::string_view rest);  // false: there is no line to hand over
  template <class OnLine>
  static bool hand_over(OnLine& on_line, std::string_view text, std::uint64_t offset);

  std::size_t longest_ = kMaxLineBytes;
  std::string tail_;               // the unfinished line, empty at the start of a line
  std::uint64_t tail_offset_ = 0;  // of its first byte
  std::uint64_t offset_ = 0;
  std::uint64_t overlong_ = 0;
  std::uint64_t nul_bytes_ = 0;
  bool dropping_ = false;  // up to the next newline
};

template <class OnLine>
bool LineSplitter::hand_over(OnLine& on_line, std::string_view text, std::uint64_t offset) {
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if constexpr (std::is_void_v<std::invoke_result_t<OnLine&, std::string_view, std::uint64_t>>) {
    on_line(text, offset);
    return true;
  } else {
    return on_line(text, offset);
  }
}

template <class OnLine>
std::size_t LineSplitter::feed(std::string_view bytes, OnLine&& on_line) {
  const char* const first = bytes.data();
  const char* const end = first + bytes.size();
  const char* at = first;
  for (bool go_on = true; go_on && at != end;) {
    if (*at == '\0' && !inside_a_line()) {
      at = skip_nuls(at, end);
      if (at == end) break;
    }
    const auto left = static_cast<std::size_t>(end - at);
    const auto here = offset_ + static_cast<std::uint64_t>(at - first);
    const auto* const newline = static_cast<const char*>(std::memchr(at, '\n', left));
    if (newline == nullptr) {
      keep({at, left}, here);
      at = end;
      break;
    }
    const std::string_view text(at, static_cast<std::size_t>(newline - at));
    at = newline + 1;
    if (inside_a_line()) {
      if (complete(text)) {
        go_on = hand_over(on_line, tail_, tail_offset_);
        tail_.clear();
      }
    } else if (text.size() <= longest_) {
      go_on = hand_over(on_line, text, here);
    } else {
      ++overlong_;
    }
  }
  const auto taken = static_cast<std::size_t>(at - first);
  offset_ += taken;
  return taken;
}

}  // namespace coturn_guard
