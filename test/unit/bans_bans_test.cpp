// SPDX-License-Identifier: GPL-3.0-or-later
#include "bans/bans.hpp"

#include <map>
#include <set>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

using Kind = BanChange::Kind;

Prefix host(std::uint32_t number) {
  return Prefix(Address::v4(0x0a000000 + number), kWholeAddress);
}

BanWish wish(std::uint32_t number, std::chrono::seconds duration = 60s, std::uint32_t earlier_bans = 0,
             BanCause cause = BanCause::rule) {
  BanWish wish;
  wish.record.prefix = host(number);
  wish.record.address = host(number).network();
  wish.record.duration = duration;
  wish.record.earlier_bans = earlier_bans;
  wish.record.cause = cause;
  return wish;
}

// A kernel that answers when it is told to, with room for three, and all that is said of its bans.
struct Desk {
  std::map<Prefix, BanKernel::Time> set;
  std::size_t most = 3;
  std::set<Prefix> refuses;
  std::vector<std::pair<Prefix, Fate>> answers;
  std::map<Prefix, BanWish> wishes;
  std::vector<std::string> said;
  bool climbed = true;
  Now now{BanKernel::Time(1000h), std::chrono::system_clock::time_point(1000h)};
  Bans bans{{.ban =
                 [this](const Prefix& prefix, std::chrono::seconds duration, const Now& at) {
                   if (!set.contains(prefix) && set.size() >= most)
                     return bans.answered(prefix, Fate::failed, at);
                   const bool known = set.contains(prefix);
                   const auto until = duration >= kForeverBan ? BanKernel::Time::max() : at.mono + duration;
                   set[prefix] = std::max(set[prefix], until);
                   answers.emplace_back(prefix, known ? Fate::lengthened : Fate::enforced);
                 },
             .unban = [this](const Prefix& prefix) { set.erase(prefix); },
             .end_of = [this](const Prefix& prefix) -> std::optional<BanKernel::Time> {
               if (!set.contains(prefix)) return std::nullopt;
               return set[prefix];
             },
             .full = [this](bool) { return set.size() >= most; },
             .soonest = [this](bool, const BanKernel::MayGo& may) -> std::optional<Prefix> {
               std::optional<Prefix> found;
               for (const auto& [prefix, until] : set)
                 if (may(prefix) && (!found || until < set[*found])) found = prefix;
               return found;
             },
             .is_first =
                 [this](const Prefix& prefix) {
                   return wishes.contains(prefix) && wishes[prefix].record.cause == BanCause::rule &&
                          wishes[prefix].record.earlier_bans == 0;
                 }},
            {1, 2}};

  Desk() {
    bans.subscribe([this](const BanChange& change, const Now&) {
      const std::string who = change.wish.record.prefix.network().to_string();
      switch (change.kind) {
        case Kind::asked: wishes[change.wish.record.prefix] = change.wish; return;
        case Kind::stands: said.push_back("ban " + who + (change.again ? " again" : "")); return;
        case Kind::refused:
          if (change.known) bans.set_climbed(climbed);
          said.push_back("refused " + who + (change.known ? "" : " of before"));
          return;
        case Kind::ended: said.push_back("unban " + who + (change.by_room ? " for room" : "")); return;
        case Kind::expired: said.push_back("expired " + who); return;
      }
    });
  }

  void answer() {
    for (const auto& [prefix, fate] : std::exchange(answers, {})) {
      const bool failed = refuses.contains(prefix);
      if (failed) set.erase(prefix);
      bans.answered(prefix, failed ? Fate::failed : fate, now);
    }
  }
  void ban(const BanWish& wish) {
    bans.ban(wish, now);
    answer();
  }
  void pass(std::chrono::seconds time) {
    now.mono += time;
    now.wall += time;
    for (auto entry = set.begin(); entry != set.end();) {
      const auto [prefix, until] = *entry++;
      if (until > now.mono) continue;
      set.erase(prefix);
      bans.expired(prefix, now);
    }
    bans.tick(now);
    answer();
  }
  std::vector<std::string> tells() { return std::exchange(said, {}); }
};

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("a ban is told when the kernel has it, not before", "[bans]") {
  Desk desk;
  desk.bans.ban(wish(1), desk.now);
  CHECK(desk.tells().empty());
  CHECK(desk.bans.asked() == 1);
  CHECK(desk.bans.book().knows(host(1)));  // for who asks meanwhile
  desk.answer();
  CHECK(desk.tells() == Told{"ban 10.0.0.1"});
  CHECK(desk.bans.asked() == 0);
}

TEST_CASE("a ban that the kernel refuses is told as refused and leaves nothing", "[bans]") {
  Desk desk;
  desk.refuses = {host(1)};
  desk.ban(wish(1));
  CHECK(desk.tells() == Told{"refused 10.0.0.1"});
  CHECK_FALSE(desk.bans.book().knows(host(1)));
  CHECK(desk.bans.refused() == 1);
}

TEST_CASE("what the kernel refused is tried again with the rest of its time", "[bans]") {
  Desk desk;
  desk.refuses = {host(1)};
  desk.ban(wish(1, 60s));
  desk.refuses.clear();
  desk.tells();
  desk.pass(2s);
  CHECK(desk.tells().empty());  // not at once: it may be refused for good
  desk.pass(4s);
  CHECK(desk.tells() == Told{"ban 10.0.0.1 again"});
  CHECK(desk.set.at(host(1)) == desk.now.mono + 54s);
  CHECK(desk.wishes.at(host(1)).counts_as == 1);  // the rung that the ledger took back
  CHECK(desk.bans.refused() == 0);
  CHECK(desk.bans.counters().stood_later == 1);
}

TEST_CASE("a ban without ladder that is tried again climbs no rung", "[bans]") {
  Desk desk;
  desk.climbed = false;
  desk.refuses = {host(1)};
  desk.ban(wish(1, 60s, 0));
  desk.refuses.clear();
  desk.pass(6s);
  CHECK(desk.wishes.at(host(1)).counts_as == 0);
}

TEST_CASE("a refused ban whose time is over is not tried again", "[bans]") {
  Desk desk;
  desk.refuses = {host(1)};
  desk.ban(wish(1, 3s));
  desk.refuses.clear();
  desk.tells();
  desk.pass(4s);
  desk.pass(10s);
  CHECK(desk.tells().empty());
  CHECK(desk.bans.refused() == 0);
}

TEST_CASE("in a full set the first offender whose ban ends soonest makes room", "[bans]") {
  Desk desk;
  desk.ban(wish(1, 50s));
  desk.ban(wish(2, 40s));
  desk.ban(wish(3, 20s, 2));
  desk.tells();
  desk.ban(wish(4, 60s));
  CHECK(desk.tells() == Told{"unban 10.0.0.2 for room", "ban 10.0.0.4"});
  CHECK(desk.bans.counters().made_room == 1);
  CHECK_FALSE(desk.bans.book().knows(host(2)));
}

TEST_CASE("neither an operator's ban nor one of who was banned before makes room", "[bans]") {
  Desk desk;
  desk.ban(wish(1, 50s, 1));
  desk.ban(wish(2, 50s, 0, BanCause::manual));
  desk.ban(wish(3, 50s, 0, BanCause::imported));
  desk.tells();
  desk.ban(wish(4, 60s, 5));
  CHECK(desk.tells() == Told{"refused 10.0.0.4"});
  desk.pass(51s);
  CHECK(desk.tells() ==
        Told{"expired 10.0.0.1", "expired 10.0.0.2", "expired 10.0.0.3", "ban 10.0.0.4 again"});
  CHECK(desk.set.at(host(4)) == desk.now.mono + 9s);
  CHECK(desk.bans.counters().expired == 3);
}

TEST_CASE("a longer ban does not go for a shorter one, nor one that is only asked for", "[bans]") {
  Desk desk;
  desk.ban(wish(1, 100s));
  desk.ban(wish(2, 100s));
  desk.ban(wish(3, 100s));
  desk.tells();
  desk.ban(wish(4, 60s));
  CHECK(desk.tells() == Told{"refused 10.0.0.4"});
  desk.most = 1;
  desk.set.clear();
  desk.bans.ban(wish(5, 60s), desk.now);
  desk.bans.ban(wish(6, 70s), desk.now);
  CHECK(desk.tells() == Told{"refused 10.0.0.6"});
}

TEST_CASE("the refused who were banned most often are kept and tried first", "[bans]") {
  Desk desk;
  desk.most = 0;
  for (std::uint32_t i = 0; i < Bans::kMostRefused; ++i) desk.ban(wish(i, 1h, 1));
  desk.ban(wish(100'000, 1h, 0));
  CHECK(desk.bans.refused() == Bans::kMostRefused);
  desk.ban(wish(100'001, 1h, 7));
  CHECK(desk.bans.refused() == Bans::kMostRefused);
  CHECK(desk.bans.counters().left_out == 2);
  desk.tells();
  desk.most = 1;
  desk.pass(2s);
  CHECK(desk.tells() == Told{"ban 10.1.134.161 again"});
}

TEST_CASE("a ban of before that finds no room any more is told as that", "[bans]") {
  Desk desk;
  BanWish before = wish(1, 60s);
  before.record.since = desk.now.wall - 50s;
  desk.bans.restore(before.record);
  desk.bans.answered(host(1), Fate::failed, desk.now);
  CHECK(desk.tells() == Told{"refused 10.0.0.1 of before"});
  desk.pass(6s);
  CHECK(desk.set.at(host(1)) == desk.now.mono + 4s);
}

TEST_CASE("who is freed while the kernel is asked is not told as banned afterwards", "[bans]") {
  Desk desk;
  desk.bans.ban(wish(1), desk.now);
  desk.bans.end(host(1), "manual", desk.now);
  desk.answer();
  CHECK(desk.tells() == Told{"unban 10.0.0.1"});
  desk.bans.end(host(1), "manual", desk.now);
  CHECK(desk.tells().empty());
}

TEST_CASE("who is freed, or spared by now, is not tried again", "[bans]") {
  Desk desk;
  desk.refuses = {host(1), host(2), host(3)};
  for (std::uint32_t i = 1; i <= 3; ++i) desk.ban(wish(i));
  desk.refuses.clear();
  desk.bans.end(host(1), "manual", desk.now);
  desk.bans.drop_refused([](const Prefix& prefix) { return prefix == host(2); });
  desk.tells();
  desk.pass(6s);
  CHECK(desk.tells() == Told{"ban 10.0.0.3 again"});
}

TEST_CASE("a shorter ban by hand than the one that stands is no new ban", "[bans]") {
  Desk desk;
  desk.ban(wish(1, 2h, 0, BanCause::manual));
  desk.ban(wish(1, 1h, 0, BanCause::manual));
  CHECK(desk.tells() == Told{"ban 10.0.0.1"});
  desk.ban(wish(1, kForeverBan, 0, BanCause::manual));
  CHECK(desk.tells() == Told{"ban 10.0.0.1"});
  CHECK(desk.set.at(host(1)) == BanKernel::Time::max());
}

TEST_CASE("where the kernel will not answer any more, what stands is told as that", "[bans]") {
  Desk desk;
  desk.bans.ban(wish(1), desk.now);
  desk.bans.ban(wish(2), desk.now);
  desk.set.erase(host(2));
  desk.bans.unanswered(desk.now);
  const auto said = desk.tells();
  CHECK(std::set<std::string>(said.begin(), said.end()) ==
        std::set<std::string>{"ban 10.0.0.1", "refused 10.0.0.2"});
  CHECK(desk.bans.asked() == 0);
}
