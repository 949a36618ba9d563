// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/metrics_listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace coturn_guard {
namespace {

constexpr int kBacklog = 64;
constexpr mode_t kEverybody = 0666;  // on a loopback port everybody may ask, too
constexpr const char* kDropIn = "/usr/share/coturn-guard/dropins/metrics.conf";

// A sockaddr of either kind.
struct Place {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Place place_of(const Endpoint& endpoint) {
  Place place;
  const auto& bytes = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, bytes.data() + 12, sizeof in.sin_addr);
    std::memcpy(&place.storage, &in, sizeof in);
    place.length = sizeof in;
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(endpoint.port);
    std::memcpy(&in.sin6_addr, bytes.data(), sizeof in.sin6_addr);
    std::memcpy(&place.storage, &in, sizeof in);
    place.length = sizeof in;
  }
  return place;
}

Place place_of(const std::string& path) {
  Place place;
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), std::min(path.size(), sizeof un.sun_path - 1));
  std::memcpy(&place.storage, &un, sizeof un);
  place.length = sizeof un;
  return place;
}

Result<UniqueFd> open_socket(const MetricsAddress& address, int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd) return fd;
  if (errno == EAFNOSUPPORT)
    return fail(errno,
                "serve metrics at {}: the service may not use TCP; copy {} to "
                "/etc/systemd/system/coturn-guard.service.d/, then systemctl daemon-reload and systemctl "
                "restart coturn-guard; or use metrics: unix:/run/coturn-guard/metrics.sock",
                address.to_string(), kDropIn);
  return fail(errno, "open a socket for metrics at {}", address.to_string());
}

// Who was killed leaves his socket behind. Somebody who listens there, or a file that is none, stays.
Result<> clear_path(const std::string& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return {};
  if (!S_ISSOCK(facts.st_mode))
    return fail(EEXIST,
                "serve metrics at unix:{}: what stands there is no socket; remove it or change metrics",
                path);
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const Place place = place_of(path);
  if (probe && ::connect(probe.get(), place.address(), place.length) != 0 && errno == ECONNREFUSED)
    ::unlink(path.c_str());
  return {};
}

tl::unexpected<Error> refused(int error, const MetricsAddress& address) {
  if (error == EADDRINUSE)
    return fail(error, "serve metrics at {}: another program listens there; change metrics",
                address.to_string());
  return fail(error, "serve metrics at {}", address.to_string());
}

}  // namespace

Result<UniqueFd> listen_for_metrics(const MetricsAddress& address) {
  const bool local = !address.path.empty();
  const Place place = local ? place_of(address.path) : place_of(address.tcp);
  auto fd = open_socket(address, place.storage.ss_family);
  if (!fd) return fd;
  if (local) {
    if (auto clear = clear_path(address.path); !clear) return tl::unexpected(clear.error());
  } else {
    // Right after a restart the kernel still remembers our clients.
    const int on = 1;
    (void)::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  if (::bind(fd->get(), place.address(), place.length) != 0) return refused(errno, address);
  if (local && ::chmod(address.path.c_str(), kEverybody) != 0)
    return fail(errno, "open unix:{} to who reads metrics", address.path);
  if (::listen(fd->get(), kBacklog) != 0) return refused(errno, address);
  return fd;
}

}  // namespace coturn_guard
