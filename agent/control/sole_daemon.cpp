// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/sole_daemon.hpp"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>

namespace coturn_guard {
namespace {

constexpr std::string_view kName("\0coturn-guard/run", 17);  // the NUL makes it abstract
constexpr const char* kPackagesUser = "_coturn-guard";
constexpr int kMostWaiting = 64;

struct Name {
  sockaddr_un address{};
  socklen_t bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + kName.size());
  Name() {
    address.sun_family = AF_UNIX;
    std::copy(kName.begin(), kName.end(), address.sun_path);
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

UniqueFd make_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

bool is_ours(uid_t user) {
  if (user == 0 || user == ::geteuid()) return true;
  const passwd* const packages = ::getpwnam(kPackagesUser);
  return packages != nullptr && user == packages->pw_uid;
}

bool held_by_one_of_us() {
  const UniqueFd socket = make_socket();
  const Name name;
  ucred holder{};
  socklen_t bytes = sizeof holder;
  return socket && ::connect(socket.get(), name.get(), name.bytes) == 0 &&
         ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &holder, &bytes) == 0 && is_ours(holder.uid);
}

}  // namespace

Result<SoleDaemon> SoleDaemon::claim() {
  UniqueFd socket = make_socket();
  if (!socket) return fail(errno, "open a UNIX socket");
  const Name name;
  if (::bind(socket.get(), name.get(), name.bytes) == 0) {
    if (::listen(socket.get(), kMostWaiting) != 0) return fail(errno, "listen to a UNIX socket");
    return SoleDaemon(std::move(socket));
  }
  if (errno != EADDRINUSE || !held_by_one_of_us()) return SoleDaemon(UniqueFd());
  return fail(
      "another coturn-guard runs in this network namespace, and its sets and drop rule are the same: stop it "
      "first (systemctl stop coturn-guard), or run this one with --dry-run");
}

void SoleDaemon::tick() const {
  for (int i = 0; fd_ && i < kMostWaiting; ++i)
    if (const UniqueFd gone(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)); !gone) return;
}

}  // namespace coturn_guard
