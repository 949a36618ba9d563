// SPDX-License-Identifier: GPL-3.0-or-later
// Which files fail2ban reads for "jail" or "fail2ban" and in which order (client/configreader.py and
// configparserinc.py): NAME.conf, NAME.d/*.conf, NAME.local, NAME.d/*.local; before each what its [INCLUDES]
// `before` names, after it what `after` names, beside each included x.conf also x.local. The later wins. It
// opens nothing: texts come from a function.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fail2ban/ini_file.hpp"
#include "fail2ban/notes.hpp"
#include "util/result.hpp"

namespace coturn_guard::fail2ban {

inline constexpr std::size_t kMostFiles = 1000;  // read one after the other, an included one counts each time
inline constexpr std::size_t kMostIncludeDepth = 32;
inline constexpr std::size_t kMostBytesTogether = 16U << 20;

struct FileSource {
  // The file's text; absent where it does not exist. An Error where it exists and cannot be read.
  std::function<Result<std::optional<std::string>>(const std::string& path)> text;
  // The names (without directory) in a directory; empty where there is none.
  std::function<std::vector<std::string>(const std::string& directory)> list;
};

struct FileOrder {
  std::map<std::string, IniFile> files;  // by path
  std::vector<std::string> order;        // of their merging; what is included twice stands here twice
};

// Empty, with an error, where there is neither NAME.conf nor NAME.local nor anything in NAME.d.
[[nodiscard]] FileOrder read_in_order(const std::string& directory, const std::string& name,
                                      const FileSource& source, Notes& notes);

}  // namespace coturn_guard::fail2ban
