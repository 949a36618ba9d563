// SPDX-License-Identifier: GPL-3.0-or-later
#include "doctor/access.hpp"

#include <sys/stat.h>

#include <algorithm>

namespace coturn_guard::doctor {
namespace {

// The first class that fits decides (path_resolution(7)): an owner without the right is refused even where
// others have it.
bool allows(const PathPart& part, const User& user, mode_t owner, mode_t group, mode_t others) {
  if (user.id == 0) return true;
  if (part.owner == user.id) return (part.mode & owner) != 0;
  if (std::find(user.groups.begin(), user.groups.end(), part.group) != user.groups.end())
    return (part.mode & group) != 0;
  return (part.mode & others) != 0;
}

}  // namespace

std::optional<PathPart> first_barrier(const std::vector<PathPart>& way, const User& user) {
  for (const auto& part : way) {
    const bool passed = S_ISDIR(part.mode) ? allows(part, user, S_IXUSR, S_IXGRP, S_IXOTH)
                                           : allows(part, user, S_IRUSR, S_IRGRP, S_IROTH);
    if (!passed) return part;
  }
  return std::nullopt;
}

}  // namespace coturn_guard::doctor
