// SPDX-License-Identifier: GPL-3.0-or-later
#include "lasting_memory.hpp"

#include <fmt/format.h>

#include "control/state_db.hpp"
#include "support/catch.hpp"
#include "support/overheard.hpp"
#include "support/story.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

TEST_CASE("whom an earlier run dropped behind a translator is shut out by IPv4 after a restart",
          "[lasting_memory][translated]") {
  constexpr std::uint64_t kHour = 3'600'000;
  const TemporaryDirectory place;
  const test::Overheard said;
  test::LogStory story;
  {
    StateBatch batch;
    batch.head.mark.tick = kScaleOrigin;
    batch.offenders = {{.network = Prefix::parse("203.0.113.1").value(),
                        .last_seen = kScaleOrigin,
                        .banned_until = kScaleOrigin + kHour,
                        .last_ban_seconds = 3600,
                        .earlier_bans = 1}};
    batch.bans = {{.network = Prefix::parse("2002:cb00:7101::/48").value(),
                   .address = Address::parse("2002:cb00:7101::1").value(),
                   .until = kScaleOrigin + kHour,
                   .since = kScaleOrigin,
                   .rule = {},
                   .reason = {}}};
    auto db = StateDb::open(place / "state.db", 0ms);
    REQUIRE(db);
    REQUIRE(db->commit(batch));
  }
  Log log(Log::Sink::terminal);
  LastingMemory memory(place / "state.db", log, story.now);
  SavedBans bans(memory.seed());
  memory.restore(story.pipeline, bans, "", story.now);
  const auto resets = [&](const char* client) {
    story.says(fmt::format(
        "5: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer {}", client));
  };
  resets("[2002:cb00:7101::7]:4001");
  CHECK(story.bans.empty());
  resets("203.0.113.1:4002");
  CHECK(story.bans == std::vector<std::string>{"203.0.113.1/32"});
}
