// SPDX-License-Identifier: GPL-3.0-or-later
// What stands at a path, asked of the kernel: facts for rotation.hpp, and for people who, whose and which
// right is missing when it cannot be read. Opens and stats; reads no log and follows nothing.
#pragma once

#include <string>
#include <vector>

#include "source/rotation.hpp"
#include "util/result.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {

[[nodiscard]] Result<FileFacts> look_at(const std::string& path);  // follows symbolic links
[[nodiscard]] Result<FileFacts> look_at(int fd, const std::string& path);
// A regular file for reading. Anything else is not opened: opening a FIFO would wake its writer.
[[nodiscard]] Result<UniqueFd> open_regular(const std::string& path);

// A path whose last part may hold * ? [..].
struct NamePattern {
  std::string directory;  // "." where the name has none
  std::string name;       // the last part
  bool is_glob = false;

  // Fails where an earlier part is a glob: a directory that is not known cannot be watched.
  [[nodiscard]] static Result<NamePattern> parse(const std::string& path);
  [[nodiscard]] bool matches(std::string_view file_name) const;
  [[nodiscard]] std::string path() const { return directory + (directory == "/" ? "" : "/") + name; }
};

struct Sighting {
  std::string path;
  FileFacts facts;
};
// The regular files that a glob names now, at most `limit` (the rest is counted in `ignored`), in no order.
[[nodiscard]] Result<std::vector<Sighting>> list_matches(const NamePattern& pattern, std::size_t limit,
                                                         std::size_t& ignored);

struct Refusal {
  std::string text;    // "turnserver:adm 0640; we are _coturn-guard"
  std::string remedy;  // what to type
};
// Why `path` cannot be read, after an EACCES.
[[nodiscard]] Refusal explain_refusal(const std::string& path);

}  // namespace coturn_guard
