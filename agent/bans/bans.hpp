// SPDX-License-Identifier: GPL-3.0-or-later
// The one door of every ban: whoever wants one asks here, whoever ends one says so here, and whoever has to
// know (ledger, state file, journal, hooks, history, event stream) subscribes. A ban is asked of the kernel,
// and is told as a ban only when it stands. What the kernel refuses is told as refused and tried again while
// its time lasts: where the set is full, the ban that ends soonest makes room, of a first offender only. No
// clock, no descriptor, no log.
//
// Who can turn this against others: whoever fills the set shortens the bans of first offenders, never of
// those with an earlier ban, nor an operator's. What waits to be tried again is bounded: those with the
// fewest earlier bans are dropped first.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bans/ban_book.hpp"
#include "model/ban_fate.hpp"
#include "model/ban_record.hpp"
#include "model/clock.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

// The set of bans in the kernel, as it is seen from here.
struct BanKernel {
  using Time = std::chrono::steady_clock::time_point;
  using MayGo = std::function<bool(const Prefix&)>;

  // Its answer comes by Bans::answered(), also from within the call.
  std::function<void(const Prefix&, std::chrono::seconds, const Now&)> ban;
  std::function<void(const Prefix&)> unban;
  std::function<std::optional<Time>(const Prefix&)> end_of;  // absent: it is not banned
  std::function<bool(bool v4)> full;
  std::function<std::optional<Prefix>(bool v4, const MayGo&)> soonest;  // to end, of those that may go
  std::function<bool(const Prefix&)> is_first;  // a rule's ban, of somebody without an earlier one
};

struct BanWish {
  BanRecord record;
  // The ledger made no verdict of it and has to learn it as this many bans.
  std::optional<std::uint32_t> counts_as{};
  // A verdict's, for the journal.
  std::string_view protocol{};
  Deed deed{};
};

struct BanChange {
  enum class Kind : std::uint8_t {
    asked,    // of the kernel; nothing is told of it before the answer
    stands,   // `fate`: it was made, or lengthened, or an earlier one lasts as long
    refused,  // it does not stand
    ended,    // before its time; `why`
    expired,  // its time is over
  };
  Kind kind = Kind::asked;
  const BanWish& wish;
  Fate fate = Fate::enforced;
  std::string_view why{};
  bool by_room = false;  // ended: it made room for another
  bool known = true;     // asked or ended by us; false: it stood already when we began, and was refused now
  bool again = false;    // it was refused before
};

class Bans {
 public:
  using Time = BanKernel::Time;
  using Hear = std::function<void(const BanChange&, const Now&)>;
  static constexpr std::size_t kMostRefused = 4096;         // that are tried again
  static constexpr std::size_t kMostTries = 64;             // a second
  static constexpr std::chrono::seconds kTryAgainAfter{5};  // where there was room, and the kernel refused

  struct Counters {
    std::uint64_t made_room = 0;    // ended before their time
    std::uint64_t left_out = 0;     // refused ones for which there was no room here either
    std::uint64_t stood_later = 0;  // refused ones that stood in the end
    std::uint64_t expired = 0;
  };

  Bans(BanKernel kernel, const HashSeed& seed);
  Bans(const Bans&) = delete;
  Bans& operator=(const Bans&) = delete;

  // Whoever subscribed first hears first. For the whole life.
  void subscribe(Hear hear) { subscribers_.push_back(std::move(hear)); }

  void ban(const BanWish& wish, const Now& now);
  // Before its time. Nothing happens where it is neither banned nor waits to be.
  void end(const Prefix& prefix, std::string_view why, const Now& now);
  // What stood before this run, the oldest first; nothing is asked of the kernel and nothing is told.
  void restore(const BanRecord& record) { book_.note(record); }
  // What only the kernel knows of. Of what we remember ourselves (a repair, a change of the backend) more is
  // known than the kernel tells.
  void adopted(const Prefix& prefix, std::chrono::seconds remaining, const Now& now);
  void expect(std::size_t bans) { book_.expect(bans); }  // so many of them

  // Those that wait to be tried again, and are not wanted any more.
  void drop_refused(const std::function<bool(const Prefix&)>& which);

  // The kernel's word.
  void answered(const Prefix& prefix, Fate fate, const Now& now);
  void expired(const Prefix& prefix, const Now& now);
  // It will not answer any more: what it holds by what we know stands, the rest does not.
  void unanswered(const Now& now);
  void tick(const Now& now);  // once a second

  [[nodiscard]] BanBook& book() { return book_; }
  [[nodiscard]] const BanBook& book() const { return book_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] std::size_t asked() const { return asked_.size(); }
  [[nodiscard]] std::size_t refused() const { return refused_.size(); }  // that wait to be tried again
  // For the ledger, in the middle of a change of kind `refused`: the ban had climbed a rung of its ladder,
  // and does so again when it stands later.
  void set_climbed(bool climbed) { climbed_ = climbed; }

 private:
  struct PrefixHash {
    HashSeed seed;
    std::size_t operator()(const Prefix& prefix) const {
      return siphash13(prefix.network().bytes(), seed) ^ prefix.length();
    }
  };
  struct Asked {
    BanWish wish;
    bool again = false;
  };
  struct Refused {
    BanWish wish;
    Time until, not_before;
    bool climbed = false;
  };
  // The least valuable first.
  using Worth = std::pair<std::uint32_t, Time>;  // earlier bans, end
  using ByWorth = std::multimap<Worth, Prefix>;

  void ask(const BanWish& wish, bool again, const Now& now);
  void make_room(const Prefix& prefix, Time until, const Now& now);
  void keep_refused(const Asked& asked, bool climbed, const Now& now);
  [[nodiscard]] BanRecord record_of(const Prefix& prefix) const;
  void drop_refused(const Prefix& prefix);
  void tell(const BanChange& change, const Now& now);

  BanKernel kernel_;
  std::vector<Hear> subscribers_;
  BanBook book_;
  std::unordered_map<Prefix, Asked, PrefixHash> asked_;
  std::map<Prefix, Refused> refused_;
  ByWorth by_worth_;         // of refused_
  Time no_room_until_[2]{};  // by family: nobody was found to make room
  bool climbed_ = false;
  Counters counters_;
};

}  // namespace coturn_guard
