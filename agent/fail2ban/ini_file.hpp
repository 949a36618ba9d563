// SPDX-License-Identifier: GPL-3.0-or-later
// One of fail2ban's configuration files as sections of raw options, each of which knows its line: the grammar
// of Python's configparser as fail2ban sets it up (client/configparserinc.py: ';' begins a comment after a
// blank, options may go on in indented lines, nothing stands twice). What references mean is settings.hpp's.
// Text in, values out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "util/problems.hpp"

namespace coturn_guard::fail2ban {

inline constexpr std::size_t kMostIniBytes = 1U << 20;
inline constexpr std::size_t kMostIniProblems = 100;  // of one file

struct IniOption {
  std::string name;             // lower case
  std::string value;            // raw; its lines joined by '\n', blanks at the ends cut
  std::vector<unsigned> lines;  // of the file, one for each line of the value; never empty
};

struct IniSection {
  std::string name;  // as written: case counts
  unsigned line = 0;
  std::vector<IniOption> options;

  [[nodiscard]] const IniOption* find(std::string_view option) const;
};

struct IniFile {
  IniSection defaults{"DEFAULT", 0, {}};
  std::vector<IniSection> sections;  // in the order of the file, without DEFAULT

  [[nodiscard]] const IniSection* find(std::string_view section) const;
};

// Adds "file:line: what" for everything for which fail2ban would refuse the file. What could be read is
// returned nevertheless.
[[nodiscard]] IniFile parse_ini(std::string_view text, std::string_view file_name, Problems& problems);

}  // namespace coturn_guard::fail2ban
