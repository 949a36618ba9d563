// SPDX-License-Identifier: GPL-3.0-or-later
// The log files that are open, in the order in which their lines were written, and how far the closed ones
// were read. It opens, closes and answers questions; which names lead where is named_files.hpp's business,
// when an old file may go is rotation.hpp's, and reading is file_tail.cpp's.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/flow.hpp"
#include "source/file_positions.hpp"
#include "source/followed_file.hpp"
#include "source/fresh.hpp"
#include "source/inotify.hpp"
#include "source/log_writer.hpp"
#include "source/rotation.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct OpenFile {
  std::unique_ptr<FollowedFile> file;
  std::size_t name = 0;  // which of our names led here, an index
  int watch = -1;
  bool dirty = true;
  bool reached = true;           // a name leads here, found by the last look
  std::optional<Now> old_since;  // no name has since
  std::chrono::steady_clock::time_point last_growth;
  // When all that was written had been read; what comes next was written since. Absent: not yet.
  std::optional<std::chrono::steady_clock::time_point> end_seen;
  bool warned = false;  // that the writer stayed
  LogWriter writer = LogWriter::unknown;
  std::optional<std::chrono::steady_clock::time_point> writer_asked;

  // Whether what is read now was written just now. Not so where we were stopped or paused, where we began
  // with what stood there, or where the reading has not kept up with the writing for that long.
  [[nodiscard]] bool reads_fresh(const Now& now) const { return end_seen && is_fresh(*end_seen, now); }
};

class OpenFiles {
 public:
  struct Opening {
    std::size_t name = 0;
    bool from_end = false;  // only what comes from now on is new, unless we have read this file before
    bool as_old = false;    // no name leads there any more: its lines stand before those of the current ones
  };

  explicit OpenFiles(Inotify& inotify) : inotify_(inotify) {}

  // The new one, valid until the next call; nullptr where nothing is to be done: it is open already, there is
  // no room, or it was replaced while we looked (the next look will see).
  [[nodiscard]] Result<OpenFile*> open(const std::string& path, const Opening& how, const Now& now);
  // One that an earlier run had read so far (`saved` was found here by its identity, or is a copy of it).
  [[nodiscard]] Result<OpenFile*> open_again(const std::string& path, const Opening& how,
                                             const SavedFile& saved, const Now& now);
  // `name_of`: the text of a name's number.
  [[nodiscard]] std::vector<SavedFile> positions(
      const std::vector<LinePlace>& waiting, const std::function<std::string(std::size_t)>& name_of) const;
  // The stream that ended: no line of it will follow. The file's place is remembered.
  StreamId close(std::size_t index);
  // After FollowedFile::Turn::began_anew; the stream that ended.
  StreamId begin_anew(OpenFile& open);
  // Should this file be opened later, it is read from there.
  void remember(const FilePosition& position);

  [[nodiscard]] OpenFile* find(const FileIdentity& identity);
  // Marks it as reached; false where it is not open.
  bool reach(const FileIdentity& identity);
  [[nodiscard]] bool has(std::size_t name) const;
  [[nodiscard]] OpenFile* next_dirty();  // the oldest one, so that lines come as they were written
  void mark_dirty(int watch);            // those that this inotify watch belongs to
  void mark_all_dirty();
  [[nodiscard]] OldFile old_file(std::size_t index) const;  // asks about one that is old
  [[nodiscard]] std::uint64_t lag_bytes() const;
  // LineSource::end_reached()
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> end_reached() const;

  [[nodiscard]] std::size_t room() const;  // how many more may be opened
  [[nodiscard]] std::size_t size() const { return files_.size(); }
  [[nodiscard]] OpenFile& operator[](std::size_t index) { return files_[index]; }
  [[nodiscard]] auto begin() { return files_.begin(); }
  [[nodiscard]] auto end() { return files_.end(); }

 private:
  [[nodiscard]] bool successor_received(const OpenFile& old) const;
  [[nodiscard]] Result<OpenFile*> take_in(UniqueFd fd, const std::string& path, const Opening& how,
                                          const std::optional<FilePosition>& position, const Now& now);

  Inotify& inotify_;
  std::vector<OpenFile> files_;
  struct Closed {
    FilePosition position;
    StreamId stream = 0;
    std::uint64_t counted = 0;
    std::size_t name = 0;
    std::string path;
  };
  std::vector<Closed> positions_;  // of files that are closed or could not be read yet
  StreamId next_stream_ = 1;
};

}  // namespace coturn_guard
