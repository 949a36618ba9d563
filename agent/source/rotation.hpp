// SPDX-License-Identifier: GPL-3.0-or-later
// What happened to a log file, decided from facts alone: no descriptor, no clock, so that a test can play
// every rotation.
//   rename + create    another file stands under the name; the old one is read on until the new one has
//   received a
//                      record and the old one was quiet for 10 s (coturn writes to the old one until it is
//                      told)
//   copytruncate       fewer bytes than we have read, or other bytes just before our offset: the file began
//   anew delete + create    as rename; while we hold the old file its inode number cannot come again inode
//   reuse        same number, but another birth time or other bytes before our offset: a new file file
//   renamed back  same number, birth time and bytes: go on where we stopped
// Lost by nature, whoever reads: what was written and cut off again before anybody looked, and a file that
// grew back with the very bytes that stood before our offset (then it goes on in the middle, as if nothing
// had happened).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/clock.hpp"

namespace coturn_guard {

inline constexpr std::size_t kFingerprintBytes =
    256;                                             // more than one of coturn's lines: its end alone repeats
inline constexpr std::size_t kMaxOldFiles = 4;       // renamed or deleted ones that are still read
inline constexpr std::size_t kMaxCurrentFiles = 16;  // that one glob may name
inline constexpr std::chrono::seconds kOldFileQuiet{10};
inline constexpr std::chrono::seconds kReopenGrace{
    10};  // coturn notices a missing name within 5 s, a SIGHUP at once

struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t birth_nanoseconds = 0;  // 0: the file system does not tell (statx, STATX_BTIME)

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

enum class FileKind : std::uint8_t { regular, directory, fifo, other };

// As in FileFacts and FileIdentity.
[[nodiscard]] inline std::int64_t nanoseconds_since_1970(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

struct FileFacts {
  FileIdentity identity;
  FileKind kind = FileKind::regular;
  std::uint64_t size = 0;
  std::int64_t modified_nanoseconds = 0;  // since 1970
};

// The last bytes before an offset: what tells a file that grew from one that was truncated and grew back.
class Fingerprint {
 public:
  void append(std::string_view bytes);  // these were read next
  void clear() { size_ = 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kFingerprintBytes> bytes_{};
  std::size_t size_ = 0;
};

// How far a file was read; enough to find the place again later.
struct FilePosition {
  FileIdentity identity;
  std::uint64_t offset = 0;
  Fingerprint before;  // may be empty: nobody could read it
};

// `read`: what a read gave that began fingerprint.size() bytes before our offset. The bytes from the offset
// on, or nothing where the file began anew (rewind to 0).
[[nodiscard]] std::optional<std::string_view> fresh_bytes(const Fingerprint& before, std::string_view read);

// Where to begin in a file that appeared under the name. `known`: the position of an earlier file with this
// device and inode, if any; `bytes_before`: what stands in the file before known->offset now (up to 64
// bytes).
[[nodiscard]] std::uint64_t offset_to_begin(const std::optional<FilePosition>& known, const FileFacts& facts,
                                            std::string_view bytes_before);

// An open file that no name leads to any more.
struct OldFile {
  Now old_since;                                      // when we saw that
  std::chrono::steady_clock::time_point last_growth;  // when we last read bytes of it
  std::int64_t modified_nanoseconds = 0;              // its own word about its last write
  bool drained = false;                               // we have read what is there
  bool successor_received = false;                    // a file under the name has received a record since
  std::size_t newer_old_files = 0;                    // that became old after it
};
enum class OldFate : std::uint8_t { keep, close, close_early /* and warn: it may still be written to */ };
[[nodiscard]] OldFate fate_of(const OldFile& file, std::chrono::steady_clock::time_point now);
// coturn was not told to reopen: it goes on writing here although the new file waits.
[[nodiscard]] bool writer_stayed(const OldFile& file);

// Which of a glob's files are followed: the most recently written, at most `limit`. Indexes into `files`,
// oldest first.
[[nodiscard]] std::vector<std::size_t> newest(std::span<const FileFacts> files, std::size_t limit);

// Follows renames by their inotify events, so that a file which was created, written and renamed away again
// before anybody could open it by name is still found. Directories are inotify's watch numbers.
class RenameTrail {
 public:
  struct Place {
    int directory = 0;
    std::string name;
  };
  void moved_from(int directory, std::string_view name, std::uint32_t cookie, bool is_ours);
  void moved_to(int directory, std::string_view name, std::uint32_t cookie);
  // Where files that once had one of our names stand now, oldest first and at most `limit`; the rest waits.
  // What left the watched directories is not here; what has left one place and not arrived at the next is not
  // here yet.
  [[nodiscard]] std::vector<Place> take(std::size_t limit);
  void put_back(Place place);  // it is not there: it was moved on, and that event is still to come
  [[nodiscard]] bool empty() const { return steps_.empty(); }
  void tick();  // once a second: forgets what nothing came for

 private:
  struct Step {
    Place place;
    std::uint32_t cookie = 0;  // 0: arrived
    bool missed = false;       // arrived, but not there when looked for
    bool aged = false;         // was on its way or missed at the last tick
  };
  static constexpr std::size_t kMaxSteps = 4096;
  std::vector<Step> steps_;
};

}  // namespace coturn_guard
