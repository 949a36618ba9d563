// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/file_look.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace coturn_guard {
namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;

FileKind kind_of(unsigned mode) {
  if (S_ISREG(mode)) return FileKind::regular;
  if (S_ISDIR(mode)) return FileKind::directory;
  return S_ISFIFO(mode) ? FileKind::fifo : FileKind::other;
}

Result<FileFacts> facts_of(int directory, const char* path, int flags, const std::string& shown) {
  struct statx s {};
  if (::statx(directory, path, flags, STATX_BASIC_STATS | STATX_BTIME, &s) != 0)
    return fail(errno, "stat {}", shown);
  FileFacts facts;
  facts.identity.device = std::uint64_t{s.stx_dev_major} << 32 | s.stx_dev_minor;
  facts.identity.inode = s.stx_ino;
  if ((s.stx_mask & STATX_BTIME) != 0) {
    facts.identity.birth_nanoseconds = s.stx_btime.tv_sec * kNanoseconds + s.stx_btime.tv_nsec;
  }
  facts.kind = kind_of(s.stx_mode);
  facts.size = s.stx_size;
  facts.modified_nanoseconds = s.stx_mtime.tv_sec * kNanoseconds + s.stx_mtime.tv_nsec;
  return facts;
}

std::string user_name(uid_t user) {
  const passwd* const entry = ::getpwuid(user);
  return entry != nullptr ? entry->pw_name : std::to_string(user);
}

std::string group_name(gid_t group) {
  const ::group* const entry = ::getgrgid(group);
  return entry != nullptr ? entry->gr_name : std::to_string(group);
}

// The part of the path that keeps us out: the first directory that we may not pass, else the file itself.
std::string refused_part(const std::string& path) {
  for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    auto part = path.substr(0, slash);
    if (::faccessat(AT_FDCWD, part.c_str(), X_OK, AT_EACCESS) != 0) return part;
  }
  return path;
}

}  // namespace

Result<FileFacts> look_at(const std::string& path) {
  return facts_of(AT_FDCWD, path.c_str(), 0, path);
}

Result<FileFacts> look_at(int fd, const std::string& path) {
  return facts_of(fd, "", AT_EMPTY_PATH, path);
}

Result<UniqueFd> open_regular(const std::string& path) {
  const auto facts = look_at(path);
  if (!facts) return tl::make_unexpected(facts.error());
  if (facts->kind != FileKind::regular) return fail(EINVAL, "open {}", path);
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail(errno, "open {}", path);
  return fd;
}

Result<NamePattern> NamePattern::parse(const std::string& path) {
  constexpr auto kGlobCharacters = "*?[";
  const auto slash = path.rfind('/');
  NamePattern pattern{std::string("."), path, false};
  if (slash != std::string::npos) {
    pattern.directory = path.substr(0, std::max<std::size_t>(slash, 1));
    pattern.name = path.substr(slash + 1);
  }
  if (pattern.name.empty()) return fail(EINVAL, "log file \"{}\": names a directory, not a file", path);
  if (pattern.directory.find_first_of(kGlobCharacters) != std::string::npos) {
    return fail(EINVAL, "log file \"{}\": only the last part may hold * ? [", path);
  }
  pattern.is_glob = pattern.name.find_first_of(kGlobCharacters) != std::string::npos;
  return pattern;
}

bool NamePattern::matches(std::string_view file_name) const {
  if (!is_glob) return file_name == name;
  return ::fnmatch(name.c_str(), std::string(file_name).c_str(), FNM_PERIOD) == 0;
}

Result<std::vector<Sighting>> list_matches(const NamePattern& pattern, std::size_t limit,
                                           std::size_t& ignored) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(pattern.directory.c_str()), &::closedir);
  if (!directory) return fail(errno, "list {}", pattern.directory);
  std::vector<Sighting> found;
  ignored = 0;
  while (const dirent* const entry = ::readdir(directory.get())) {
    if (!pattern.matches(entry->d_name)) continue;
    auto path = fmt::format("{}/{}", pattern.directory, entry->d_name);
    const auto facts = look_at(path);
    if (!facts || facts->kind != FileKind::regular) continue;
    if (found.size() == limit)
      ++ignored;
    else
      found.push_back({std::move(path), *facts});
  }
  return found;
}

Refusal explain_refusal(const std::string& path) {
  const auto part = refused_part(path);
  const auto us = user_name(::geteuid());
  struct stat s {};
  if (::stat(part.c_str(), &s) != 0) {
    return {fmt::format("{} cannot be reached; we are {}", part, us), fmt::format("namei -l {}", path)};
  }
  const bool directory = S_ISDIR(s.st_mode);
  const auto group = group_name(s.st_gid);
  Refusal refusal;
  refusal.text = fmt::format("{} belongs to {}:{} with mode {:04o}; we are {}", part, user_name(s.st_uid),
                             group, s.st_mode & 07777, us);
  if (s.st_gid != 0 && (s.st_mode & (directory ? S_IXGRP : S_IRGRP)) != 0) {
    refusal.remedy = fmt::format("usermod -aG {} {}, then restart coturn-guard", group, us);
  } else {
    refusal.remedy = fmt::format(
        "setfacl -m u:{}:{} {} (and in logrotate `create 0640 <user> <group>` with a group of {})", us,
        directory ? "x" : "r", part, us);
  }
  return refusal;
}

}  // namespace coturn_guard
