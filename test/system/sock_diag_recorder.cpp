// SPDX-License-Identifier: GPL-3.0-or-later
// Records what this machine's kernel tells of TCP sockets, as the unit tests and the fuzz target read it:
//   unshare --net sh -c 'ip link set lo up; build/test/system/sock_diag_recorder test/data/netlink'
// It makes the connections itself. Each file holds the bytes of one message, or of one whole list.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include "source/diag_socket.hpp"

namespace {

using namespace coturn_guard;

constexpr std::uint16_t kServerPort = 3478;
constexpr std::uint16_t kClientPort = 40'001;

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string(what) + ": " + std::generic_category().message(errno));
}

sockaddr_in6 at(const char* address, std::uint16_t port) {
  sockaddr_in6 where{};
  where.sin6_family = AF_INET6;
  where.sin6_port = htons(port);
  inet_pton(AF_INET6, address, &where.sin6_addr);
  return where;
}

sockaddr_in at4(const char* address, std::uint16_t port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  inet_pton(AF_INET, address, &where.sin_addr);
  return where;
}

template <class Where>
UniqueFd make(const Where& where, bool listening) {
  const int family = reinterpret_cast<const sockaddr*>(&where)->sa_family;
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  check(fd && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, "socket");
  check(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0, "bind");
  if (listening) check(::listen(fd.get(), 16) == 0, "listen");
  return fd;
}

template <class Where>
void connect_to(const UniqueFd& client, const Where& where) {
  check(::connect(client.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0, "connect");
}

void reset(UniqueFd client) {
  const linger hard{1, 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

class Recorder {
 public:
  explicit Recorder(std::string directory) : directory_(std::move(directory)) {
    auto opened = open_sock_diag(sock_diag::kTcpEnds, 1 << 20);
    if (!opened) throw std::runtime_error(opened.error().message());
    ends_ = std::move(*opened);
  }

  // The end of the connection's socket at the server's side; the client's own is told of, too.
  void end(const std::string& name) {
    ::usleep(100'000);
    for (;;) {
      const std::string_view received = receive(ends_.get());
      if (received.empty()) return;
      std::vector<sock_diag::Socket> sockets;
      (void)sock_diag::take_answer(received, 0, sockets);
      if (!sockets.empty() && sockets[0].local.port == kServerPort) write(name, std::string(received));
    }
  }

  void list(const std::string& name, sock_diag::Family family, std::uint32_t states) {
    const auto fd = open_sock_diag(0, 1 << 20);
    const std::string request = sock_diag::list_request(family, states, true, 7);
    check(fd && ::send(fd->get(), request.data(), request.size(), 0) > 0, "ask");
    std::string all;
    for (;;) {
      const std::string_view received = receive(fd->get());
      if (received.empty()) break;
      all += received;
    }
    write(name, all);
  }

 private:
  std::string_view receive(int fd) {
    const auto received = receive_from_kernel(fd, buffer_);
    if (!received) throw std::runtime_error(received.error().message());
    return *received;
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(directory_ + "/" + name + ".bin", std::ios::binary) << bytes;
    std::cout << name << ": " << bytes.size() << " bytes\n";
  }

  std::string directory_;
  UniqueFd ends_;
  std::array<char, 32'768> buffer_{};
};

void record(const std::string& directory) {
  Recorder recorder(directory);
  const auto server4 = at4("127.0.0.1", kServerPort);
  const UniqueFd listener4 = make(server4, true);
  const UniqueFd listener6 = make(at("::1", kServerPort), true);
  const UniqueFd both = make(at("::ffff:127.0.0.2", kServerPort), true);
  recorder.list("listening-4", sock_diag::Family::v4, sock_diag::kListening);
  recorder.list("listening-6", sock_diag::Family::v6, sock_diag::kListening);

  UniqueFd client = make(at4("127.0.0.1", kClientPort), false);
  connect_to(client, server4);
  reset(std::move(client));
  UniqueFd served(::accept(listener4.get(), nullptr, nullptr));  // until then it waits, reset as it is
  served.reset();
  recorder.end("end-reset-unread");

  client = make(at("::1", kClientPort), false);
  connect_to(client, at("::1", kServerPort));
  check(::send(client.get(), "12345", 5, 0) == 5, "send");
  served = UniqueFd(::accept(listener6.get(), nullptr, nullptr));
  check(served && ::send(served.get(), "1234567", 7, 0) == 7, "send");
  ::usleep(50'000);
  recorder.list("living-6", sock_diag::Family::v6, sock_diag::kLiving);
  reset(std::move(client));
  served.reset();
  recorder.end("end-reset-6");

  client = make(at4("127.0.0.1", kClientPort), false);
  connect_to(client, at4("127.0.0.2", kServerPort));
  reset(std::move(client));
  served = UniqueFd(::accept(both.get(), nullptr, nullptr));
  served.reset();
  recorder.end("end-mapped");

  // As coturn closes: the association goes first, and its port and counters with it.
  client = make(at4("127.0.0.1", kClientPort), false);
  connect_to(client, server4);
  served = UniqueFd(::accept(listener4.get(), nullptr, nullptr));
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  check(::connect(served.get(), &nobody, sizeof nobody) == 0, "dissolve");
  served.reset();
  recorder.end("end-dissolved");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("usage: sock_diag_recorder DIRECTORY");
    record(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
