// SPDX-License-Identifier: GPL-3.0-or-later
#include "saved_bans.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

Prefix host(std::uint32_t number) {
  return Prefix(Address::v4(0x0a000000 + number), kWholeAddress);
}

SavedBan ban(std::uint32_t number, std::uint64_t since, std::uint64_t until) {
  return {.network = host(number),
          .address = host(number).network(),
          .until = until,
          .since = since,
          .cause = SavedBan::Cause::rule,
          .rule = "reset",
          .reason = {}};
}

StateBatch changes(SavedBans& bans, bool everything = false) {
  StateBatch batch;
  bans.save_changes(batch, everything);
  return batch;
}

}  // namespace

TEST_CASE("a ban is saved once, and again when it was lengthened", "[saved_bans]") {
  SavedBans bans({1, 2});
  bans.put(ban(1, 10, 100), 10);
  CHECK(bans.changed());
  CHECK(changes(bans).bans == std::vector<SavedBan>{ban(1, 10, 100)});
  CHECK_FALSE(bans.changed());
  bans.put(ban(1, 20, 90), 20);  // shorter
  CHECK_FALSE(bans.changed());
  bans.put(ban(1, 20, 200), 20);
  CHECK(changes(bans).bans == std::vector<SavedBan>{ban(1, 10, 200)});  // it goes on since then
  bans.put(ban(1, 300, 400), 300);                                      // the first one was over
  CHECK(changes(bans).bans == std::vector<SavedBan>{ban(1, 300, 400)});
}

TEST_CASE("of a ban that was refused before it was saved nothing is left", "[saved_bans]") {
  SavedBans bans({1, 2});
  bans.put(ban(1, 10, 100), 10);
  bans.ended(host(1));
  const StateBatch batch = changes(bans);
  CHECK(batch.bans.empty());
  CHECK(batch.bans_gone.empty());
  CHECK(bans.size() == 0);
}

TEST_CASE("a saved ban that ended or ran out is removed from the file", "[saved_bans]") {
  SavedBans bans({1, 2});
  bans.load({ban(1, 10, 100), ban(2, 10, 100), ban(3, 10, 500)});
  CHECK_FALSE(bans.changed());
  bans.ended(host(1));
  bans.ended(host(9));
  CHECK(changes(bans).bans_gone == std::vector<Prefix>{host(1)});
  for (int i = 0; i < 3; ++i) bans.prune(100);
  CHECK(changes(bans).bans_gone == std::vector<Prefix>{host(2)});
  CHECK(bans.end_of(host(3)) == 500);
  CHECK_FALSE(bans.end_of(host(2)));
}

TEST_CASE("a new file gets all of it", "[saved_bans]") {
  SavedBans bans({1, 2});
  bans.load({ban(1, 10, 100)});
  SavedBan by_hand = ban(2, 5, kNeverEnds);
  by_hand.cause = SavedBan::Cause::manual;
  by_hand.reason = "an operator's words";
  bans.put(by_hand, 20);
  const StateBatch batch = changes(bans, true);
  CHECK(batch.clear_bans);
  CHECK(batch.bans.size() == 2);
  std::vector<SavedBan> by_age;
  bans.each_by_age([&](SavedBan&& each) { by_age.push_back(std::move(each)); });
  CHECK(by_age == std::vector<SavedBan>{by_hand, ban(1, 10, 100)});
}

TEST_CASE("a first offender's ban is told from others", "[saved_bans]") {
  SavedBans bans({1, 2});
  SavedBan second = ban(2, 10, 100), by_hand = ban(3, 10, 100);
  second.earlier_bans = 1;
  by_hand.cause = SavedBan::Cause::manual;
  for (const SavedBan& each : {ban(1, 10, 100), second, by_hand}) bans.put(each, 10);
  CHECK(bans.is_first(host(1)));
  CHECK_FALSE(bans.is_first(host(2)));
  CHECK_FALSE(bans.is_first(host(3)));
  CHECK_FALSE(bans.is_first(host(4)));
}
