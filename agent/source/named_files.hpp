// SPDX-License-Identifier: GPL-3.0-or-later
// Which files stand behind the configured names, kept true through every rotation: looks at the names, opens
// what is new, follows files that were renamed before anybody could open them, closes old ones when
// rotation.hpp says so, and tells the operator. It reads no line and has no clock; file_tail.cpp says when.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "source/followed_name.hpp"
#include "source/inotify.hpp"
#include "source/open_files.hpp"
#include "source/source.hpp"
#include "source/watched_directories.hpp"

namespace coturn_guard {

class NamedFiles {
 public:
  // `from_start`: read what is there already, otherwise only what comes. Inotify, events (all callable) and
  // counters are borrowed.
  NamedFiles(Inotify& inotify, const std::vector<NamePattern>& names, bool from_start,
             const SourceEvents& events, SourceCounters& counters);

  // Before start(): go on where an earlier run stopped, `saved_milli` after 1970.
  void go_on(std::vector<SavedFile> saved, std::int64_t saved_milli);
  [[nodiscard]] std::vector<SavedFile> positions(const std::vector<LinePlace>& waiting) const;
  void start(const Now& now);
  void tick(const Now& now);  // once a second: asks everything that no event tells

  // True where look_again() is due.
  [[nodiscard]] bool happened(const Inotify::Happening& happening);
  void doubt_everything();  // events were lost
  // True where a file was opened.
  bool look_again(const Now& now);
  // Closes old files that are drained, and opens those of the trail that waited for room.
  void make_room(const Now& now);

  // Line::log: of a path its number; of a glob one for each coturn whose files it names.
  [[nodiscard]] std::uint32_t log_of(const OpenFile& open) const;
  [[nodiscard]] OpenFiles& open_files() { return files_; }
  [[nodiscard]] const OpenFiles& open_files() const { return files_; }
  [[nodiscard]] bool healthy() const { return healthy_; }  // since the last tick no name was refused

 private:
  // A file that stands there now, and what it is to us.
  struct Found {
    Sighting sighting;
    std::size_t name = 0;
    bool current = false;              // a name leads there
    const SavedFile* saved = nullptr;  // it, or what it is a copy of, was read so far
    std::uint64_t order = 0;
  };
  void resume(const Now& now);
  [[nodiscard]] std::vector<Found> find_beside(std::size_t name);
  [[nodiscard]] static bool holds(const Sighting& sighting, const SavedFile& saved);
  [[nodiscard]] const SavedFile* copied_from(const Found& found) const;
  void tell_missing(const std::vector<Found>& all);
  void relist();
  void look(const Now& now, bool at_start);
  void look_at_name(std::size_t index, const Now& now, bool at_start);
  void follow_trail(const Now& now);
  void open(const std::string& path, const OpenFiles::Opening& how, const Now& now, bool at_start);
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> end_seen(const FollowedFile& file,
                                                                              const OpenFiles::Opening& how,
                                                                              const Now& now,
                                                                              bool at_start) const;
  void judge_old_files(const Now& now);
  void refuse(std::size_t index, const std::string& path, const Error& error);

  const SourceEvents& events_;
  SourceCounters& counters_;
  std::vector<FollowedName> names_;
  WatchedDirectories directories_;
  OpenFiles files_;
  std::int64_t started_nanoseconds_ = 0;  // since 1970
  std::vector<SavedFile> saved_;          // by an earlier run, until start()
  std::int64_t saved_nanoseconds_ = 0;    // when, since 1970
  Now looked_;                            // at all names, the last time
  unsigned ticks_ = 0;
  bool from_start_;
  bool resuming_ = false;
  bool opened_ = false;  // by the present look
  bool healthy_ = true;
};

}  // namespace coturn_guard
