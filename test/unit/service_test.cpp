// SPDX-License-Identifier: GPL-3.0-or-later
#include "service.hpp"

#include <cstdlib>
#include <string>

#include "support/catch.hpp"
#include "support/notified.hpp"
#include "support/scratch_directory.hpp"

using namespace coturn_guard;

namespace {

// A manager that reads nothing, and its queue full.
struct Deaf {
  test::ScratchDirectory place;
  test::Notified manager{place / "notify"};
  NotifySocket filler{place / "notify"};
  Service service{NotifySocket(place / "notify")};
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};

  Deaf() { test::fill(filler); }
  void reads_all() const { static_cast<void>(manager.read_last()); }
};

// systemd's, as long as it stands.
struct Watchdog {
  explicit Watchdog(const char* microseconds) { ::setenv("WATCHDOG_USEC", microseconds, 1); }
  ~Watchdog() { ::unsetenv("WATCHDOG_USEC"); }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
};

}  // namespace

TEST_CASE("readiness is told again until it is taken, in the order in which it was said", "[service]") {
  Deaf deaf;
  deaf.service.ready("first");
  CHECK(deaf.service.waiting() == 1);
  deaf.service.reloading(deaf.now);
  deaf.service.ready("reloaded");
  CHECK(deaf.service.waiting() == 2);  // the first word says nothing any more
  deaf.service.tick();
  CHECK(deaf.service.waiting() == 2);
  deaf.reads_all();
  deaf.service.tick();
  CHECK(deaf.service.waiting() == 0);
  CHECK(deaf.manager.read().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(deaf.manager.read() == "READY=1\nSTATUS=reloaded");
}

TEST_CASE("a thousand reloads that nobody reads wait as one", "[service]") {
  Deaf deaf;
  for (int i = 0; i < 1000; ++i) {
    deaf.service.reloading(deaf.now);
    deaf.service.ready(std::to_string(i));
  }
  CHECK(deaf.service.waiting() == 2);
  deaf.service.stopping();
  CHECK(deaf.service.waiting() == 1);
  deaf.reads_all();
  deaf.service.tick();
  CHECK(deaf.manager.read_last() == "STOPPING=1");
}

TEST_CASE("a status that is not taken is dropped, and the next one is sent", "[service]") {
  Deaf deaf;
  deaf.service.status("old");
  CHECK(deaf.service.waiting() == 0);
  deaf.reads_all();
  deaf.service.tick();
  CHECK(deaf.manager.read().empty());
  deaf.service.status("old");  // dropped is not told
  CHECK(deaf.manager.read() == "STATUS=old");
  deaf.service.status("old");
  CHECK(deaf.manager.read().empty());
}

TEST_CASE("a watchdog that was not fed is fed as soon as it reads", "[service]") {
  const Watchdog watchdog("30000000");
  Deaf deaf;
  deaf.service.feed_watchdog(deaf.now);
  deaf.reads_all();
  deaf.now += std::chrono::seconds(1);
  deaf.service.feed_watchdog(deaf.now);
  CHECK(deaf.manager.read() == "WATCHDOG=1");
  deaf.now += std::chrono::seconds(1);
  deaf.service.feed_watchdog(deaf.now);
  CHECK(deaf.manager.read().empty());
}

TEST_CASE("where no service manager is, nothing waits for it", "[service]") {
  Service service{NotifySocket("")};
  service.ready("x");
  service.reloading({});
  service.stopping();
  CHECK(service.waiting() == 0);
}
