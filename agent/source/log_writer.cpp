// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/log_writer.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "source/file_look.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {
namespace {

constexpr std::string_view kProgram = "turnserver";
constexpr std::int64_t kXfsMagic = 0x58465342;  // fs/xfs/libxfs/xfs_format.h, not in <linux/magic.h>

// Here a file's end moves behind the bytes that were written and not before them, and page by page at most
// (generic_perform_write; xfs lets no reader in meanwhile).
bool shows_writes_whole(int fd) {
  struct statfs s {};
  if (::fstatfs(fd, &s) != 0) return false;
  constexpr std::array<std::int64_t, 5> kKnown{EXT4_SUPER_MAGIC, kXfsMagic, BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
                                               OVERLAYFS_SUPER_MAGIC};
  return std::find(kKnown.begin(), kKnown.end(), static_cast<std::int64_t>(s.f_type)) != kKnown.end();
}

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

bool is_coturn(const std::string& process) {
  std::string name;
  return std::getline(std::ifstream(process + "/comm"), name) && name == kProgram;
}

bool is_open_for_writing(const std::string& process, const std::string& number) {
  std::ifstream facts(process + "/fdinfo/" + number);
  for (std::string word; facts >> word;) {
    if (word != "flags:" || !(facts >> word)) continue;
    constexpr int kOctal = 8;
    return (std::strtoul(word.c_str(), nullptr, kOctal) & O_ACCMODE) != O_RDONLY;
  }
  return false;
}

// As a file of its own, and not as its standard output, too: of that it writes a block at a time.
bool writes(const std::string& process, const FileIdentity& file) {
  const Directory open_files(::opendir((process + "/fd").c_str()), &::closedir);
  if (!open_files) return false;
  bool found = false;
  while (const dirent* const entry = ::readdir(open_files.get())) {
    const std::string number = entry->d_name;
    if (number.front() == '.') continue;
    std::string path = process;
    const auto facts = look_at(path.append("/fd/").append(number));
    if (!facts || facts->identity.device != file.device || facts->identity.inode != file.inode) continue;
    if (std::strtol(number.c_str(), nullptr, 10) <= STDERR_FILENO) return false;
    found = found || is_open_for_writing(process, number);
  }
  return found;
}

bool coturn_holds(const FileIdentity& file) {
  const Directory processes(::opendir("/proc"), &::closedir);
  if (!processes) return false;
  while (const dirent* const entry = ::readdir(processes.get())) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    const std::string process = std::string("/proc/") + entry->d_name;
    if (is_coturn(process) && writes(process, file)) return true;
  }
  return false;
}

}  // namespace

LogWriter writer_of(int fd, const FileIdentity& identity, bool configured) {
  if (!shows_writes_whole(fd)) return LogWriter::other;
  return configured || coturn_holds(identity) ? LogWriter::coturn : LogWriter::unknown;
}

}  // namespace coturn_guard
