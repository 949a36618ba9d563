// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/coturn_marks.hpp"

#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <map>
#include <optional>

#include "source/file_look.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMostLogs = 64;

std::optional<struct stat> stat_of(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return std::nullopt;
  return facts;
}

// The number that sock_diag gives of a control group is its directory's inode (the kernel's cgroup_id()).
// Only below system.slice: a user's own manager may name a unit as it likes.
void find_cgroups(const std::string& root, const std::string& unit, std::set<std::uint64_t>& found) {
  if (unit.empty() || unit.find('/') != std::string::npos) return;
  const std::string name = unit.find('.') == std::string::npos ? unit + ".service" : unit;
  for (const char* const hierarchy : {"", "/unified"})
    for (const char* const slice : {"/system.slice/", "/system.slice/system-*.slice/"}) {
      glob_t paths{};
      const std::string pattern = fmt::format("{}{}{}{}", root, hierarchy, slice, name);
      if (::glob(pattern.c_str(), GLOB_ONLYDIR, nullptr, &paths) == 0)
        for (std::size_t i = 0; i < paths.gl_pathc; ++i)
          if (const auto facts = stat_of(paths.gl_pathv[i])) found.insert(facts->st_ino);
      ::globfree(&paths);
    }
}

std::vector<std::string> files_of(const NamePattern& pattern) {
  if (!pattern.is_glob) return {pattern.path()};
  std::vector<std::string> files;
  std::size_t ignored = 0;
  if (const auto found = list_matches(pattern, kMostLogs, ignored))
    for (const Sighting& each : *found) files.push_back(each.path);
  return files;
}

}  // namespace

CoturnMarks find_marks(const CoturnTraces& traces) {
  CoturnMarks marks;
  for (const std::string& unit : traces.units) find_cgroups(traces.cgroups, unit, marks.cgroups);
  std::set<std::uint32_t> in_public;  // owners of logs where anybody can make one
  for (const std::string& log : traces.logs) {
    const auto pattern = NamePattern::parse(log);
    if (!pattern || log.ends_with("-json.log")) continue;  // a container's, written by Docker
    const auto directory = stat_of(pattern->directory);
    const bool anybodys = !directory || (directory->st_mode & S_IWOTH) != 0;
    for (const std::string& file : files_of(*pattern)) {
      const auto facts = stat_of(file);
      if (!facts || !S_ISREG(facts->st_mode)) continue;
      if (facts->st_uid == 0 && !traces.written_by_coturn) continue;
      (anybodys ? in_public : marks.owners).insert(facts->st_uid);
    }
  }
  // Of several owners in such a place nobody knows which is coturn.
  if (marks.owners.empty() && in_public.size() == 1) marks.owners = in_public;
  return marks;
}

}  // namespace coturn_guard
