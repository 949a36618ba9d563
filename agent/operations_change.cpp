// SPDX-License-Identifier: GPL-3.0-or-later
// `ban`, `unban`, `flush` and `adopt`: many at a time, in slices of half a millisecond, so that what the log
// tells meanwhile is not held up by an operator's list.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "operations.hpp"
#include "pending_bans.hpp"
#include "source/clocks.hpp"
#include "util/duration.hpp"

namespace coturn_guard {
namespace {

using std::chrono::seconds;

constexpr seconds kManualBan = std::chrono::hours(1);  // where nobody said how long
// What an operator hardly means: more than a hundred times the largest network that anybody abuses from.
constexpr unsigned kWidestV4 = 8, kWidestV6 = 19;

class Slice {
 public:
  [[nodiscard]] bool over() const { return std::chrono::steady_clock::now() - begun_ > kLength; }

 private:
  static constexpr std::chrono::microseconds kLength{500};
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

void say_refused(std::string& out, const Prefix& prefix, const char* why, const std::string& text) {
  fmt::format_to(std::back_inserter(out),
                 "{{\"schema\":{},\"event\":\"refused\",\"prefix\":\"{}\",\"why\":\"{}\",\"text\":{}}}\n",
                 control::kSchema, prefix.to_string(), why, control::json_text(text));
}

// True: not without force; told.
bool refuses(const Rooms& rooms, const Prefix& prefix, std::string& out) {
  if (const auto why = rooms.pipeline.allowlist().spares(prefix)) {
    say_refused(out, prefix, "never-banned", "never banned: " + *why);
    return true;
  }
  if (prefix.length() < (prefix.is_v4() ? kWidestV4 : kWidestV6)) {
    say_refused(out, prefix, "too-wide",
                fmt::format("wider than /{}", prefix.is_v4() ? kWidestV4 : kWidestV6));
    return true;
  }
  return false;
}

std::string_view word_of(const std::optional<Fate>& fate, bool simulated) {
  if (!fate) return "pending";
  switch (*fate) {
    case Fate::enforced: return simulated ? "simulated" : "enforced";
    case Fate::lengthened: return "lengthened";
    case Fate::unchanged: return "unchanged";
    case Fate::failed: return "failed";
    case Fate::deferred: return "deferred";
  }
  return "pending";
}

class BanReply final : public control::Reply {
 public:
  BanReply(Operations& operations, control::Command command, control::Wake wake)
      : operations_(operations),
        command_(std::move(command)),
        pending_(std::make_shared<Operations::PendingBans>(std::move(wake))) {
    operations_.await_bans(pending_);
  }

  [[nodiscard]] State write(std::string& out) override {
    if (next_ < command_.prefixes.size()) {
      const Slice slice;
      while (next_ < command_.prefixes.size() && !slice.over()) ban(command_.prefixes[next_++], out);
      operations_.rooms().enforcer->send();
      return State::more;
    }
    if (pending_->waiting > 0 && !pending_->late) return State::waits;
    return tell(out);
  }

 private:
  void ban(const Prefix& prefix, std::string& out) {
    Rooms& rooms = operations_.rooms();
    if (!command_.force && refuses(rooms, prefix, out)) {
      ++refused_;
      return;
    }
    const Now now = read_clocks();
    const seconds duration = command_.duration.value_or(kManualBan);
    const Prefix judged = rooms.pipeline.judged_as(prefix);
    pending_->expect(prefix);
    rooms.bans.ban({.record = {.prefix = prefix,
                               .address = prefix.network(),
                               .since = now.wall,
                               .duration = duration,
                               .cause = BanCause::manual,
                               .rule = {},
                               .earlier_bans = rooms.pipeline.ledger().earlier_bans(judged),
                               .reason = command_.reason,
                               .forced = command_.force},
                    .counts_as = 1},
                   now);
  }

  [[nodiscard]] State tell(std::string& out) {
    const bool simulated = operations_.rooms().simulated();
    const std::size_t full = out.size() + kSliceBytes;
    auto from = told_ ? pending_->fates.upper_bound(*told_) : pending_->fates.begin();
    for (; from != pending_->fates.end(); ++from) {
      if (out.size() >= full) return State::more;
      const auto& [prefix, fate] = *from;
      told_ = prefix;
      const auto until = operations_.rooms().enforcer->bans().expiry(prefix);
      const auto left = [&]() -> std::string {
        if (until == BanTable::kForever) return "null";
        if (!until) return "0";
        return std::to_string(std::chrono::ceil<seconds>(*until - std::chrono::steady_clock::now()).count());
      }();
      fmt::format_to(
          std::back_inserter(out),
          "{{\"schema\":{},\"event\":\"banned\",\"prefix\":\"{}\",\"fate\":\"{}\",\"left_seconds\":{}}}\n",
          control::kSchema, prefix.to_string(), word_of(fate, simulated), left);
      if (fate == Fate::failed) ++failed_;
    }
    fmt::format_to(std::back_inserter(out),
                   "{{\"schema\":{},\"event\":\"end\",\"banned\":{},\"refused\":{},\"failed\":{}}}\n",
                   control::kSchema, pending_->fates.size() - failed_, refused_, failed_);
    return State::done;
  }

  Operations& operations_;
  control::Command command_;
  std::shared_ptr<Operations::PendingBans> pending_;
  std::size_t next_ = 0;
  std::size_t refused_ = 0, failed_ = 0;
  std::optional<Prefix> told_;
};

// What an address is banned by may be the network that it is judged in; a network means all bans inside it.
// Who is pardoned is freed of all that is dropped of it: of an IPv4 host, what it comes by through
// translators.
class UnbanReply final : public control::Reply {
 public:
  UnbanReply(Operations& operations, control::Command command)
      : operations_(operations), command_(std::move(command)) {
    if (command_.verb == control::Verb::flush || command_.all)
      command_.prefixes = {Prefix(Address::v4(0), 0), Prefix(Address(), 0)};
  }

  [[nodiscard]] State write(std::string& out) override {
    const Slice slice;
    while (next_ < command_.prefixes.size() && !slice.over() && out.size() < kSliceBytes) step(out);
    operations_.rooms().enforcer->send();
    if (next_ < command_.prefixes.size()) return State::more;
    fmt::format_to(std::back_inserter(out),
                   "{{\"schema\":{},\"event\":\"end\",\"freed\":{},\"not_banned\":{}}}\n", control::kSchema,
                   freed_, not_banned_);
    return State::done;
  }

 private:
  enum class Step : std::uint8_t { prefix, inside, doors };

  void step(std::string& out) {
    const Prefix& prefix = command_.prefixes[next_];
    if (step_ == Step::prefix) {
      freed_of_this_ = 0;
      const Prefix unit = operations_.rooms().pipeline.ledger().prefix_of(prefix.network());
      free_if_banned(prefix, out);
      if (prefix.length() > unit.length()) free_if_banned(unit, out);
      bool walks = is_wide(prefix);
      if (!walks) {
        pardon(prefix);
        // It may come by more than is known.
        walks = doors_.size() >= Doors::kMaxDoors ||
                !operations_.rooms().pipeline.knows_all_dropped(read_clocks());
      }
      slot_ = walks ? 0 : operations_.rooms().enforcer->bans().slots();
      step_ = Step::inside;
    }
    if (step_ == Step::inside) {
      if (!walk(operations_.rooms().pipeline.pardoned_by(prefix), out)) return;
      if (is_wide(prefix)) pardon(prefix);
      step_ = Step::doors;
    }
    for (std::size_t freed = 0; !doors_.empty(); ++freed) {
      if (freed == kStride) return;
      const Prefix door = doors_.back();
      doors_.pop_back();
      free_if_banned(door, out);
    }
    step_ = Step::prefix;
    if (freed_of_this_ == 0) say_not_banned(prefix, out);
    ++next_;
  }

  // There can be several bans in it.
  [[nodiscard]] bool is_wide(const Prefix& prefix) const {
    return prefix.length() < operations_.rooms().pipeline.dropped_for(prefix.network()).length();
  }

  void pardon(const Prefix& prefix) {
    Pipeline& pipeline = operations_.rooms().pipeline;
    const std::vector<Prefix> doors = pipeline.forgive(prefix, command_.forget);
    const Prefix network = pipeline.ledger().prefix_of(prefix.network()),
                 pardoned = pipeline.pardoned_by(prefix);
    // Whoever is free must not be banned again by a ban that waits for room: its network's, or a door's.
    operations_.rooms().bans.drop_refused([&](const Prefix& refused) {
      return is_inside(refused, prefix) || refused == network ||
             is_inside(pipeline.judged_as(refused), pardoned) ||
             std::find(doors.begin(), doors.end(), refused) != doors.end();
    });
    if (!everything()) doors_.insert(doors_.end(), doors.begin(), doors.end());
  }

  // True: to the end. Its hosts are freed of what they come by, and the hosts of what lies in it are
  // pardoned.
  [[nodiscard]] bool walk(const Prefix& around, std::string& out) {
    const BanTable& bans = operations_.rooms().enforcer->bans();
    for (std::size_t looked = 0; looked < kStride && slot_ < bans.slots(); ++looked) {
      const Prefix* const found = bans.at(slot_++);
      if (found == nullptr) continue;
      const Prefix ban = *found;
      const Prefix judged = operations_.rooms().pipeline.judged_as(ban);
      if (is_inside(judged, around)) {
        free_if_banned(ban, out);
      } else if (is_inside(ban, around)) {
        free_if_banned(ban, out);
        pardon(ban);
      }
    }
    return slot_ >= bans.slots();
  }

  static bool is_inside(const Prefix& ban, const Prefix& around) {
    return ban.length() >= around.length() && around.contains(ban.network());
  }

  void free_if_banned(const Prefix& prefix, std::string& out) {
    if (!operations_.rooms().enforcer->bans().expiry(prefix)) return;
    operations_.rooms().bans.end(prefix, "manual", read_clocks());
    ++freed_;
    ++freed_of_this_;
    if (everything()) return;  // nobody wants to read a line for each
    fmt::format_to(std::back_inserter(out), "{{\"schema\":{},\"event\":\"freed\",\"prefix\":\"{}\"}}\n",
                   control::kSchema, prefix.to_string());
  }

  void say_not_banned(const Prefix& prefix, std::string& out) {
    if (everything()) return;
    ++not_banned_;
    const auto covering = covering_ban(operations_.rooms().enforcer->bans(), prefix);
    fmt::format_to(std::back_inserter(out),
                   "{{\"schema\":{},\"event\":\"not_banned\",\"prefix\":\"{}\",\"inside\":{}}}\n",
                   control::kSchema, prefix.to_string(),
                   covering ? control::json_text(covering->to_string()) : "null");
  }

  [[nodiscard]] bool everything() const { return command_.verb == control::Verb::flush || command_.all; }

  static constexpr std::size_t kStride = 64;
  Operations& operations_;
  control::Command command_;
  std::size_t next_ = 0, slot_ = 0;
  Step step_ = Step::prefix;
  std::vector<Prefix> doors_;  // to be freed yet
  std::uint64_t freed_ = 0, freed_of_this_ = 0, not_banned_ = 0;
};

class AdoptReply final : public control::Reply {
 public:
  AdoptReply(Operations& operations, std::vector<control::KnownBan> bans)
      : operations_(operations), bans_(std::move(bans)) {}

  [[nodiscard]] State write(std::string& out) override {
    const Slice slice;
    while (next_ < bans_.size() && !slice.over()) adopt(bans_[next_++], out);
    operations_.rooms().enforcer->send();
    if (next_ < bans_.size()) return State::more;
    fmt::format_to(std::back_inserter(out),
                   "{{\"schema\":{},\"event\":\"end\",\"adopted\":{},\"ladder\":{},\"refused\":{}}}\n",
                   control::kSchema, adopted_, ladder_, refused_);
    return State::done;
  }

 private:
  void adopt(const control::KnownBan& ban, std::string& out) {
    Rooms& rooms = operations_.rooms();
    if (refuses(rooms, ban.prefix, out)) {
      ++refused_;
      return;
    }
    const Now now = read_clocks();
    if (ban.left.count() == 0) {
      rooms.pipeline.adopt(ban.prefix, ban.left, now, ban.earlier_bans);
      ++ladder_;
      return;
    }
    ++adopted_;
    rooms.pipeline.adopt(ban.prefix, ban.left, now, ban.earlier_bans);  // of one that stands for longer, too
    rooms.bans.ban({.record = {.prefix = ban.prefix,
                               .address = ban.prefix.network(),
                               .since = now.wall,
                               .duration = ban.left,
                               .cause = BanCause::imported,
                               .rule = {},
                               .earlier_bans = ban.earlier_bans > 0 ? ban.earlier_bans - 1 : 0}},
                   now);
  }

  Operations& operations_;
  std::vector<control::KnownBan> bans_;
  std::size_t next_ = 0;
  std::uint64_t adopted_ = 0, ladder_ = 0, refused_ = 0;
};

}  // namespace

std::unique_ptr<control::Reply> make_bans(Operations& operations, control::Command command,
                                          control::Wake wake) {
  return std::make_unique<BanReply>(operations, std::move(command), std::move(wake));
}

std::unique_ptr<control::Reply> end_bans(Operations& operations, control::Command command) {
  return std::make_unique<UnbanReply>(operations, std::move(command));
}

std::unique_ptr<control::Reply> adopt_bans(Operations& operations, std::vector<control::KnownBan> bans) {
  return std::make_unique<AdoptReply>(operations, std::move(bans));
}

}  // namespace coturn_guard
