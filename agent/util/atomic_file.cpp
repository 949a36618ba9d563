// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "util/unique_fd.hpp"

namespace coturn_guard {
namespace {

Result<> fill(const UniqueFd& file, const std::string& name, std::string_view text, mode_t mode) {
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(errno, "write {}", name);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fchmod(file.get(), mode) < 0) return fail(errno, "set the mode of {}", name);
  return {};
}

// Sets `name`, of a new file in the same directory; empty where it could not be made.
Result<> write_beside(const std::string& path, std::string_view text, mode_t mode, std::string& name) {
  std::string made = path + ".XXXXXX";
  const UniqueFd file(
      ::mkostemp(made.data(), O_CLOEXEC));  // a name of its own: nobody can put a link in the way
  if (!file) return fail(errno, "create a file beside {}", path);
  name = made;
  return fill(file, name, text, mode);
}

}  // namespace

Result<> replace_file(const std::string& path, std::string_view text, mode_t mode) {
  std::string name;
  Result<> done = write_beside(path, text, mode, name);
  if (done && ::rename(name.c_str(), path.c_str()) < 0) done = fail(errno, "rename {} to {}", name, path);
  if (!done && !name.empty()) ::unlink(name.c_str());
  return done;
}

}  // namespace coturn_guard
