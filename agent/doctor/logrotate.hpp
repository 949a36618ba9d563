// SPDX-License-Identifier: GPL-3.0-or-later
// logrotate's configuration, as far as it matters to a log's writer: is the file copied or renamed, and is
// anybody told. Text in, stanzas out; logrotate.conf(5) says the grammar.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace coturn_guard::doctor {

struct Rotation {
  std::string file;                   // where it is configured
  std::vector<std::string> patterns;  // of the logs, as written
  bool copytruncate = false;
  bool create = false;  // an empty file is put under the name
  std::string script;   // all that is run after or before

  // The log, a path or itself a pattern, is one of those that are rotated.
  [[nodiscard]] bool rotates(const std::string& log) const;
  // The script sends SIGHUP to coturn.
  [[nodiscard]] bool hangs_up_coturn() const;
  // The script does anything with coturn: a signal or a restart.
  [[nodiscard]] bool tells_coturn() const;
};

// `defaults`: what logrotate.conf says outside of stanzas, given to each; what this text says outside of them
// is added to it.
struct RotationDefaults {
  bool copytruncate = false;
  bool create = false;
};
[[nodiscard]] std::vector<Rotation> parse_logrotate(std::string_view text, const std::string& file,
                                                    RotationDefaults& defaults);

}  // namespace coturn_guard::doctor
