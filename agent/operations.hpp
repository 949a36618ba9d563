// SPDX-License-Identifier: GPL-3.0-or-later
// What the verbs of the control socket do with ledger, enforcer and pipeline, and what has to be remembered
// to answer them: why who is banned, who did what lately, how much the bans kept out. It owns none of the
// rooms and judges nobody. Work on many bans is done in slices of the loop's time (operations_*.cpp).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bans/bans.hpp"
#include "config.hpp"
#include "control/reply.hpp"
#include "decision_feed.hpp"
#include "enforce/enforcer.hpp"
#include "gate_post.hpp"
#include "offence_book.hpp"
#include "pipeline.hpp"
#include "smoke_alarm.hpp"
#include "source/source.hpp"
#include "source/witness.hpp"
#include "source_choice.hpp"
#include "util/log.hpp"

namespace coturn_guard {

// What of the daemon's they work with. Where a reload makes a room anew, the pointer's owner stays.
struct Rooms {
  const Config& config;
  Log& log;
  Pipeline& pipeline;
  const std::unique_ptr<Enforcer>& enforcer;
  const EnforcerChoice& enforcer_choice;
  Bans& bans;
  const std::unique_ptr<LineSource>& source;
  const SourceChoice& source_choice;
  const std::unique_ptr<Witness>& witness;
  const GatePost& gate;
  const SmokeAlarm& smoke;
  std::function<bool()> simulated;
  std::function<Problems()> reload;
};

class Operations {
 public:
  explicit Operations(Rooms rooms);
  ~Operations();
  Operations(const Operations&) = delete;
  Operations& operator=(const Operations&) = delete;

  [[nodiscard]] std::unique_ptr<control::Reply> perform(const control::Command& command,
                                                        const control::Caller& caller, control::Wake wake);
  void forbidden(const control::Caller& caller, control::Verb verb);

  // What happens meanwhile.
  void on_outcome(const Outcome& outcome, const Now& now);
  void on_ban_done(const Prefix& prefix, Fate fate);
  void ban_changed(const BanChange& change, const Now& now);
  void tick(const Now& now);  // once a second

  [[nodiscard]] BanBook& bans() { return rooms_.bans.book(); }
  [[nodiscard]] const BanBook& bans() const { return rooms_.bans.book(); }
  // By the kernel for who was banned, as far as it was read.
  [[nodiscard]] std::uint64_t dropped_packets() const { return dropped_packets_; }

  // For the replies (operations_*.cpp).
  struct PendingBans;
  [[nodiscard]] Rooms& rooms() { return rooms_; }
  [[nodiscard]] OffenceBook& offences() { return offences_; }
  void await_bans(const std::shared_ptr<PendingBans>& pending) { pending_.push_back(pending); }
  // Brings the records' counters up to date; false: they are, within a second. Else `wake` is called.
  [[nodiscard]] bool refresh_traffic(control::Wake wake);

 private:
  static constexpr std::size_t kHours = 24;

  [[nodiscard]] std::string status(std::uint32_t latest, const Now& now);
  [[nodiscard]] std::string check(const std::vector<Prefix>& prefixes, const Now& now);
  [[nodiscard]] std::string why(const Prefix& prefix, const Now& now);
  [[nodiscard]] std::string reload();
  [[nodiscard]] std::string close_breaker();
  void audit(const control::Command& command, const control::Caller& caller, const Now& now);
  void publish(const Outcome& outcome, const Now& now);
  void read_traffic();
  void wake_readers();
  void count_ban(const Now& now);
  [[nodiscard]] std::uint64_t bans_of_a_day(const Now& now) const;

  Rooms rooms_;
  OffenceBook offences_;
  DecisionFeed feed_;
  std::vector<std::weak_ptr<PendingBans>> pending_;

  std::chrono::system_clock::time_point since_;
  std::chrono::steady_clock::time_point begun_;
  std::uint64_t lines_before_ = 0, lines_per_second_ = 0;
  std::uint64_t bans_total_ = 0;
  struct Hour {
    std::int64_t number = 0;  // since the epoch
    std::uint64_t bans = 0;
  };
  std::array<Hour, kHours> hours_{};
  std::uint64_t offences_left_out_ = 0;

  bool reading_traffic_ = false;
  std::chrono::steady_clock::time_point traffic_begun_{}, traffic_read_{};
  std::vector<control::Wake> traffic_waiters_;
  std::uint64_t dropped_packets_ = 0;
};

// The narrowest live ban that this lies in, itself included.
[[nodiscard]] std::optional<Prefix> covering_ban(const BanTable& bans, const Prefix& prefix);

// Appends {"schema":1,"event":"ban",...} with its newline. `until`: BanTable::kForever has no end.
void append_ban(std::string& out, const BanRecord& record, BanTable::Time until, const Now& now);
// A record for a ban that none is known of.
[[nodiscard]] BanRecord unknown_ban(const Prefix& prefix);

// Replies that have slices of the loop's time. `operations` must outlive them.
[[nodiscard]] std::unique_ptr<control::Reply> list_bans(Operations& operations, control::ListFilter filter,
                                                        control::Wake wake);
[[nodiscard]] std::unique_ptr<control::Reply> make_bans(Operations& operations, control::Command command,
                                                        control::Wake wake);
[[nodiscard]] std::unique_ptr<control::Reply> end_bans(Operations& operations, control::Command command);
[[nodiscard]] std::unique_ptr<control::Reply> adopt_bans(Operations& operations,
                                                         std::vector<control::KnownBan> bans);

}  // namespace coturn_guard
