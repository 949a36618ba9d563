// SPDX-License-Identifier: GPL-3.0-or-later
// The directories in which log files are created, renamed and deleted, watched by inotify: those of the names
// and those to which symbolic links lead. It tells that something happened to one of our names and where
// files went that were renamed meanwhile. It opens no log file, and it may miss everything: whoever uses it
// looks again once a second.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "source/file_look.hpp"
#include "source/inotify.hpp"
#include "source/rotation.hpp"
#include "source/source.hpp"

namespace coturn_guard {

class WatchedDirectories {
 public:
  using Tell = std::function<void(const SourceNotice&)>;

  WatchedDirectories(Inotify& inotify, const std::vector<NamePattern>& names, Tell tell);

  // Watches what is not watched yet: directories appear, are replaced, and links turn elsewhere.
  void refresh();
  // True where a name may lead elsewhere now. Call it for every happening, in the kernel's order.
  [[nodiscard]] bool happened(const Inotify::Happening& happening);

  // Visits the files that once had one of our names and stand under another one now, oldest first and at most
  // `limit`. One by one, looked at right before its visit: it may be moved on at any time. `name`: which of
  // our names it had, an index.
  using Visit = std::function<void(std::size_t name, const std::string& path, const FileFacts& facts)>;
  void follow_trail(std::size_t limit, const Visit& visit);
  [[nodiscard]] bool trail_waits() const { return !trail_.empty(); }
  void tick() { trail_.tick(); }  // once a second

 private:
  struct Name {
    NamePattern pattern;
    std::optional<NamePattern> target;  // where a symbolic link led when last seen: it may dangle for a while
  };
  struct Expected {
    NamePattern pattern;
    std::size_t name = 0;
  };
  struct Directory {
    std::string path;
    int watch = -1;
    FileIdentity identity;
    std::string problem;             // why it is not watched, so that it is said once
    std::vector<Expected> expected;  // what may appear in it
  };

  void watch(std::size_t name, const NamePattern& pattern);

  Inotify& inotify_;
  std::vector<Name> names_;
  Tell tell_;
  std::vector<Directory> directories_;
  RenameTrail trail_;
};

}  // namespace coturn_guard
