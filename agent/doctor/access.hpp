// SPDX-License-Identifier: GPL-3.0-or-later
// May our user read a file? Root, who runs `doctor`, may read everything, so it is worked out from owners and
// modes on the way there. ACLs are not looked at: who set one knows.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace coturn_guard::doctor {

struct User {
  std::string name;
  uid_t id = 0;
  std::vector<gid_t> groups;
};

struct PathPart {
  std::string path;
  uid_t owner = 0;
  gid_t group = 0;
  mode_t mode = 0;
};

// The first part of the way (directories from /, the file last) that `user` cannot pass or read; absent where
// he can read the file.
[[nodiscard]] std::optional<PathPart> first_barrier(const std::vector<PathPart>& way, const User& user);

}  // namespace coturn_guard::doctor
