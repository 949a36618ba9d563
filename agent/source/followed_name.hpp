// SPDX-License-Identifier: GPL-3.0-or-later
// One of the configured names, a path or a glob, and which files it leads to now. A glob's directory is
// listed only when something happened in it. It opens nothing and knows nothing of what is open; which
// problem was told last is kept here so that each is said once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/clock.hpp"
#include "source/file_look.hpp"
#include "util/result.hpp"

namespace coturn_guard {

class FollowedName {
 public:
  struct Look {
    bool as_before = false;            // nothing happened since the last look: the rest is empty
    std::vector<Sighting> found;       // regular files
    std::vector<std::size_t> current;  // of these, which are to be followed, oldest first
    std::size_t ignored = 0;           // what stands there too
  };

  explicit FollowedName(NamePattern pattern) : pattern_(std::move(pattern)) {}

  // Fails where the path, or the glob's directory, cannot be asked; EINVAL where the path is no regular file.
  [[nodiscard]] Result<Look> look(const Now& now);
  void relist() { relist_ = true; }  // something happened in the directory

  static constexpr const char* kWaiting = "waiting";  // the problem that nothing stands there

  // True where `problem` is another one than before: it is to be told.
  [[nodiscard]] bool is_news(std::string problem);
  void solved() { problem_.clear(); }
  // Something stood there that could not be opened.
  [[nodiscard]] bool was_refused() const { return !problem_.empty() && problem_ != kWaiting; }

  [[nodiscard]] const NamePattern& pattern() const { return pattern_; }

 private:
  [[nodiscard]] Result<Look> look_at_path() const;
  [[nodiscard]] Result<Look> look_at_glob(const Now& now);

  NamePattern pattern_;
  std::string problem_;
  bool relist_ = true;
  std::int64_t listed_nanoseconds_ = 0;  // the directory's mtime when it was listed
};

}  // namespace coturn_guard
