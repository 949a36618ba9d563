// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/notify_socket.hpp"

#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "support/catch.hpp"
#include "support/notified.hpp"
#include "support/scratch_directory.hpp"

using namespace coturn_guard;
using Sent = NotifySocket::Sent;

TEST_CASE("a message arrives under a path and under an abstract name", "[util][notify]") {
  const test::ScratchDirectory place;
  for (const std::string& name : {place / "notify", "@coturn-guard-test-" + std::to_string(::getpid())}) {
    const test::Notified manager(name);
    NotifySocket socket(name);
    CHECK(socket.usable());
    CHECK(socket.send("READY=1") == Sent::taken);
    CHECK(manager.read() == "READY=1");
    CHECK(manager.read().empty());
  }
}

TEST_CASE("a socket that nobody reads is full at once, not waited for", "[util][notify]") {
  const test::ScratchDirectory place;
  const test::Notified manager(place / "notify");
  NotifySocket socket(place / "notify");
  const int taken = test::fill(socket);
  CHECK(taken > 0);
  CHECK(socket.send("WATCHDOG=1") == Sent::full);
  CHECK(manager.read() == "STATUS=0");
  CHECK(socket.send("WATCHDOG=1") == Sent::taken);
}

TEST_CASE("a manager that is gone is found again under its name", "[util][notify]") {
  const test::ScratchDirectory place;
  NotifySocket socket(place / "notify");
  CHECK(socket.send("READY=1") == Sent::full);  // not there as yet
  {
    const test::Notified manager(place / "notify");
    CHECK(socket.send("READY=1") == Sent::taken);
  }
  CHECK(socket.send("WATCHDOG=1") == Sent::full);
  const test::Notified anew(place / "notify");
  CHECK(socket.send("WATCHDOG=1") == Sent::taken);
  CHECK(anew.read() == "WATCHDOG=1");
}

TEST_CASE("no address, another kind and one that is too long are no manager", "[util][notify]") {
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path);
  for (const std::string& name : {std::string(), std::string("@"), std::string("/"), std::string("relative"),
                                  std::string("vsock:2:1234"), "/" + std::string(kLongest - 1, 'x'),
                                  "@" + std::string(kLongest, 'x'), "/" + std::string(100'000, 'x')}) {
    NotifySocket socket(name);
    CHECK_FALSE(socket.usable());
    CHECK(socket.send("READY=1") == Sent::nowhere);
  }
  const std::string longest = "@" + std::string(kLongest - 1, 'y');
  const test::Notified manager(longest);
  CHECK(NotifySocket(longest).send("READY=1") == Sent::taken);
  CHECK(NotifySocket("/" + std::string(kLongest - 2, 'x')).usable());
}
