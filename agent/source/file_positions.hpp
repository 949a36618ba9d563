// SPDX-License-Identifier: GPL-3.0-or-later
// How far each file was read, as the state file keeps it, and which of the files that stand there now goes on
// where an earlier one stopped. Decides by facts alone, as rotation.hpp does; it opens nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/flow.hpp"
#include "model/saved_state.hpp"
#include "source/rotation.hpp"

namespace coturn_guard {

struct SavedFile {
  FilePosition position;               // as far as bytes were read
  std::uint64_t counted = 0;           // as far as whole lines were handed over
  std::vector<std::uint64_t> waiting;  // of these, where those begin that waited; sorted
  std::string name;                    // the configured one that led there
  std::string path;
  std::uint64_t order = 0;  // of the lines: files with less come first
  bool open = true;         // false: closed before, or never read

  friend bool operator==(const SavedFile& a, const SavedFile& b) { return encode(a) == encode(b); }
  [[nodiscard]] static SavedRecord encode(const SavedFile& file);
  [[nodiscard]] static std::optional<SavedFile> decode(const SavedRecord& record);
};

// Of those of `waiting` (sorted) in this stream.
[[nodiscard]] std::vector<std::uint64_t> places_in(StreamId stream, const std::vector<LinePlace>& waiting);

// Whether a file beside the log, called so, can be an earlier one of it: rotation puts a number or a date
// behind the name. Compressed ones and what people and editors leave there are not.
[[nodiscard]] bool may_be_rotated(std::string_view file_name, std::string_view log_name);

// A file's name without what a rotation put there, a number or a day: all files of one coturn have the same.
// "turn-a.log.1" -> "turn-a.log", "turn_2026-03-14.log" -> "turn.log"; but "turn_811_2026-03-14.log" ->
// "turn_811.log", for that is a process, with sessions of its own, and "turn-1.log" may be an instance.
[[nodiscard]] std::string without_rotation(std::string_view file_name);

}  // namespace coturn_guard
