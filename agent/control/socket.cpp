// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/socket.hpp"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

namespace coturn_guard::control {
namespace {

constexpr int kBacklog = 128;
constexpr std::chrono::milliseconds kRest{10};
// Of twelve milliseconds the clients have ten at most, however many they are and whatever they ask. Others
// have their turn between any two slices all the same; this keeps the whole daemon from looking greedy to the
// scheduler, which on a busy machine makes who is greedy wait.
constexpr std::chrono::milliseconds kWork{10}, kPause{2};
constexpr std::chrono::seconds kLongRest{1};  // no descriptor is left
constexpr const char* kChangers = "coturn-guard";
constexpr const char* kReaders = "adm";

std::optional<gid_t> find_group(const char* name) {
  std::vector<char> buffer(std::size_t{64} * 1024);
  group found{};
  group* result = nullptr;
  if (::getgrnam_r(name, &found, buffer.data(), buffer.size(), &result) != 0 || result == nullptr)
    return std::nullopt;
  return found.gr_gid;
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail("the path of the control socket is longer than {} bytes: {}", sizeof address.sun_path - 1,
                path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// Whether somebody listens there. The kernel refuses a connection to a socket whose owner is gone.
bool is_alive(const sockaddr_un& address) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EAGAIN;
}

}  // namespace

Socket::Socket(boost::asio::io_context& io, Perform perform,
               std::function<void(const Caller&, Verb)> forbidden, const Connection::Patience& patience)
    : io_(io), patience_(patience), listener_(io), pace_(io), rest_(io) {
  events_.perform = std::move(perform);
  events_.forbidden = [this, forbidden = std::move(forbidden)](const Caller& caller, Verb verb) {
    ++counters_.forbidden;
    forbidden(caller, verb);
  };
  events_.wants_turn = [this](const std::shared_ptr<Connection>& client) {
    turns_.push_back(client);
    post_turn();
  };
  events_.ended = [this](const std::shared_ptr<Connection>& client) {
    if (clients_.erase(client) > 0 && client->caller().access == Access::read) --reading_clients_;
  };
}

Socket::~Socket() {
  for (const auto& client : std::set(clients_)) client->close();
  if (listener_.is_open()) ::unlink(path_.c_str());
}

Result<> Socket::open(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return tl::unexpected(address.error());
  const auto directory = std::filesystem::path(path).parent_path();
  // 0755 whatever the umask: the way to the socket is open, the socket looks at who comes.
  if (::mkdir(directory.c_str(), 0755) == 0) {
    if (::chmod(directory.c_str(), 0755) != 0) return fail(errno, "open {} to everybody", directory.string());
  } else if (errno != EEXIST) {
    return fail(errno, "make the directory {}", directory.string());
  }
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) return fail("{} is there and is no socket: remove it", path);
    if (is_alive(*address)) return fail("another coturn-guard listens on {}", path);
    if (::unlink(path.c_str()) != 0) return fail(errno, "remove the old socket {}", path);
  }
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) return fail(errno, "open a unix socket");
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return fail(errno, "bind {}", path);
  path_ = path;
  if (::chmod(path.c_str(), 0666) != 0 || ::listen(listener.get(), kBacklog) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return fail(error, "listen on {}", path);
  }
  changers_ = find_group(kChangers);
  readers_ = find_group(kReaders);
  listener_.assign(listener.release());
  await_client();
  return {};
}

bool Socket::admits_one_more() {
  const auto now = std::chrono::steady_clock::now();
  const std::chrono::duration<double> since = now - std::exchange(arrivals_filled_, now);
  arrivals_ = std::min(arrivals_ + since.count() * kArrivalsPerSecond, kBurst);
  if (arrivals_ < 1) return false;
  arrivals_ -= 1;
  return true;
}

void Socket::rest(std::chrono::milliseconds time) {
  rest_.expires_after(time);
  rest_.async_wait([this, alive = lifetime_.watch()](const boost::system::error_code& error) {
    if (!error && !alive.expired()) await_client();
  });
}

void Socket::await_client() {
  listener_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [this, alive = lifetime_.watch()](const boost::system::error_code& error) {
                         if (!alive.expired()) on_client(error);
                       });
}

// One a turn: a thousand who come at once wait in the kernel, not in our loop's way.
void Socket::on_client(const boost::system::error_code& error) {
  if (error) return;
  if (!admits_one_more()) return rest(kRest);
  UniqueFd client(::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  // Who waits stays readable, and we would turn in circles.
  if (!client && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
    return rest(kLongRest);
  if (client) welcome(std::move(client));
  await_client();
}

Access Socket::access_of(int client, uid_t uid, gid_t gid) const {
  if (uid == 0) return Access::change;
  std::vector<gid_t> groups(64);
  auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  while (::getsockopt(client, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) != 0) {
    if (errno != ERANGE) {
      bytes = 0;
      break;
    }
    groups.resize(bytes / sizeof(gid_t));  // the kernel said how many there are
  }
  groups.resize(bytes / sizeof(gid_t));
  groups.push_back(gid);
  const auto is_in = [&](const std::optional<gid_t>& wanted) {
    return wanted && std::find(groups.begin(), groups.end(), *wanted) != groups.end();
  };
  return is_in(changers_) ? Access::change : is_in(readers_) ? Access::read : Access::none;
}

void Socket::welcome(UniqueFd client) {
  ucred who{};
  socklen_t bytes = sizeof who;
  if (::getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &who, &bytes) != 0) return;
  const Caller caller{who.uid, who.pid, access_of(client.get(), who.uid, who.gid)};
  if (caller.access == Access::none) {
    ++counters_.refused;
    return turn_away(client, {kForbidden,
                              "this socket answers root, members of the group coturn-guard, and, to read, "
                              "members of the group adm"});
  }
  const bool reader = caller.access == Access::read;
  if (clients_.size() >= kMaxClients || (reader && reading_clients_ >= kMaxReaders)) {
    ++counters_.crowded;
    return turn_away(client, {kBusy, "too many clients are connected: try again"});
  }
  ++counters_.accepted;
  if (reader) ++reading_clients_;
  const auto connection = std::make_shared<Connection>(io_, std::move(client), caller, events_, patience_,
                                                       std::chrono::steady_clock::now());
  clients_.insert(connection);
  connection->start();
}

// Into the socket's own buffer, which is empty yet: nobody is waited for.
void Socket::turn_away(const UniqueFd& client, const Refusal& refusal) const {
  const std::string line = error_line(refusal);
  static_cast<void>(::send(client.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

void Socket::post_turn() {
  if (turn_posted_ || turns_.empty()) return;
  turn_posted_ = true;
  if (worked_ >= kWork) {
    worked_ = {};
    pace_.expires_after(kPause);
    pace_.async_wait([this, alive = lifetime_.watch()](const boost::system::error_code& error) {
      if (!error && !alive.expired()) turn();
    });
    return;
  }
  boost::asio::post(io_, [this, alive = lifetime_.watch()] {
    if (!alive.expired()) turn();
  });
}

void Socket::turn() {
  turn_posted_ = false;
  if (turns_.empty()) return;
  const auto client = std::move(turns_.front());
  turns_.pop_front();
  const auto begun = std::chrono::steady_clock::now();
  client->turn(begun);
  worked_ += std::chrono::steady_clock::now() - begun;
  post_turn();
}

void Socket::tick(Time now) {
  if (!listener_.is_open()) return;
  for (const auto& client : std::vector(clients_.begin(), clients_.end())) client->check(now);
}

}  // namespace coturn_guard::control
