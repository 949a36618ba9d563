// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/files.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "util/text.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard::fail2ban {
namespace {

constexpr std::size_t kMostNames = 10'000;  // in one directory

Result<std::optional<std::string>> read_text(const std::string& path) {
  // Not to be kept waiting by a pipe that lies there.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::string>();
    return fail(errno, "read {}", escape(path));
  }
  struct stat facts {};
  if (::fstat(file.get(), &facts) < 0) return fail(errno, "look at {}", escape(path));
  if (!S_ISREG(facts.st_mode)) return std::optional<std::string>();
  std::string text(kMostIniBytes + 1, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t bytes = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return fail(errno, "read {}", escape(path));
    if (bytes == 0) break;
    filled += static_cast<std::size_t>(bytes);
  }
  text.resize(filled);  // one byte too many is told by who reads it
  return std::optional<std::string>(std::move(text));
}

std::vector<std::string> list_names(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end;
       !error && at != end && names.size() < kMostNames; at.increment(error))
    names.push_back(at->path().filename().string());
  return names;
}

}  // namespace

FileSource real_files() {
  return {read_text, list_names};
}

std::optional<std::uint16_t> real_port_of(const std::string& name) {
  servent entry{};
  servent* found = nullptr;
  std::array<char, 1024> room{};
  if (::getservbyname_r(name.c_str(), nullptr, &entry, room.data(), room.size(), &found) != 0 ||
      found == nullptr)
    return std::nullopt;
  return ntohs(static_cast<std::uint16_t>(found->s_port));
}

}  // namespace coturn_guard::fail2ban
