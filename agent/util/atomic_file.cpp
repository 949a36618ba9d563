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

}  // namespace

Result<> replace_file(const std::string& path, std::string_view text, mode_t mode) {
  std::string name = path + ".XXXXXX";
  const UniqueFd file(
      ::mkostemp(name.data(), O_CLOEXEC));  // a name of its own: nobody can put a link in the way
  if (!file) return fail(errno, "create a file beside {}", path);
  Result<> done = fill(file, name, text, mode);
  if (done && ::rename(name.c_str(), path.c_str()) < 0) done = fail(errno, "rename {} to {}", name, path);
  if (!done) ::unlink(name.c_str());
  return done;
}

}  // namespace coturn_guard
