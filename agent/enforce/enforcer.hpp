// SPDX-License-Identifier: GPL-3.0-or-later
// Puts verdicts into the kernel and proves that they bite. Owns the true expiry of every live ban (the kernel
// may know an earlier one and is re-armed). Decides nothing about who; asks nobody for the time. One row per
// backend in enforcer.cpp.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "enforce/ban_table.hpp"
#include "model/ban_fate.hpp"
#include "model/clock.hpp"
#include "model/port_range.hpp"
#include "model/prefix.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct EnforcerOptions {
  std::uint32_t max_bans = 1'048'576;  // maxelem of each set
  std::vector<PortRange> ports;        // empty: all ports
  std::chrono::seconds longest_timeout{
      2147483};  // the kernel's own limit (ip_set.h: timeouts are 32-bit milliseconds); tests shorten it
};

struct EnforcerNotice {
  enum class Level : std::uint8_t { info, warning, error } level = Level::info;
  std::string event;  // stable: "enforce.repaired", "enforce.full", "enforce.lost" …
  std::string text;
  std::string remedy;
};

struct EnforcerEvents {
  std::function<void(const Prefix&, Fate)> done;  // the kernel's answer to a verdict
  std::function<void(const Prefix&)> expired;     // its time is over; nothing is left of it
  // A ban that stood in the kernel before us (another run made it): it counts as known from now on.
  std::function<void(const Prefix&, std::chrono::seconds remaining)> adopted;
  std::function<void(bool full)> pause;  // the queue is full / has room again
  std::function<void(const EnforcerNotice&)> notice;
};

// What the kernel dropped of a ban since its element was made.
struct BanTraffic {
  Prefix prefix;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};
using TakeTraffic = std::function<void(std::span<const BanTraffic>)>;

struct LiveBan {
  Prefix prefix;
  std::chrono::steady_clock::time_point until;
};

struct EnforcerCounters {
  std::uint64_t enforced = 0, lengthened = 0, unchanged = 0, failed = 0;
  std::uint64_t rearmed = 0;  // bans whose kernel timeout was renewed
  std::uint64_t repairs = 0;  // sets or rule put back after somebody else removed them
  std::uint64_t refused = 0;  // set full
  std::uint64_t deferred = 0;
};

class Enforcer {
 public:
  virtual ~Enforcer() = default;
  Enforcer() = default;
  Enforcer(const Enforcer&) = delete;
  Enforcer& operator=(const Enforcer&) = delete;

  // Creates or adopts what it needs in the kernel: what a set holds already becomes a ban of ours with the
  // time it has left. Errors name the kernel module or capability that is missing. Again after withdraw():
  // the rule comes back.
  [[nodiscard]] virtual Result<> start(const Now& now) = 0;
  // Queues a ban until now + duration; an earlier, longer one stands. What needs no kernel (unchanged, no
  // room, deferred) is told through `done` before this returns, the rest when the kernel answered.
  // kForeverBan or more has no end, in the kernel neither.
  virtual void ban(const Prefix& prefix, std::chrono::seconds duration, const Now& now) = 0;
  // Bans that an earlier run knew, however many: `done` tells only those that found no room. Where the kernel
  // holds them as long, it is told nothing; else all of them, behind what waits.
  virtual void restore(const std::vector<LiveBan>& bans, const Now& now) = 0;
  virtual void unban(const Prefix& prefix) = 0;
  virtual void send() = 0;                // the batch is complete: hand it to the kernel now
  virtual void tick(const Now& now) = 0;  // once a second: proof, repair, re-arm, forget what expired
  virtual void withdraw() = 0;            // mode: observe: remove the rule, keep the sets and the memory
  // Other ports or another size, under the live rule: no moment without it. An error leaves the old ones in
  // force.
  [[nodiscard]] virtual Result<> reconfigure(const EnforcerOptions& options, const Now& now) = 0;
  [[nodiscard]] virtual bool healthy() const = 0;  // the last proof succeeded
  [[nodiscard]] virtual bool settled() const = 0;  // nothing waits for the kernel
  [[nodiscard]] virtual std::size_t live_bans() const = 0;
  [[nodiscard]] virtual std::vector<Prefix> banned() const = 0;  // for the check after own addresses changed
  [[nodiscard]] virtual const EnforcerCounters& counters() const = 0;
  // Every live ban and its true end, to look up and to walk through (BanTable::at). Borrowed.
  [[nodiscard]] virtual const BanTable& bans() const = 0;
  // Reads what the kernel dropped of each ban, piece by piece in the loop: `take` is called again and
  // again, then `done`. False: a reading is under way, or nothing counts.
  [[nodiscard]] virtual bool read_traffic(TakeTraffic take, std::function<void()> done) = 0;
};

struct EnforcerChoice {
  std::string name;  // for make_enforcer()
  std::string why;   // for people
};
// `wanted`: "auto" (ipset, or nftables where the kernel has no ipset) or a name, which is taken as it is.
// Asks the kernel, changes nothing.
[[nodiscard]] EnforcerChoice choose_enforcer(const std::string& wanted);

// `what`: "ipset", "nftables" or "dry-run". The bans that another kernel backend left are taken over when
// this one starts, and its sets and rule go once this one holds them.
[[nodiscard]] Result<std::unique_ptr<Enforcer>> make_enforcer(boost::asio::io_context& io,
                                                              const std::string& what,
                                                              const EnforcerOptions& options,
                                                              EnforcerEvents events);

// Removes the drop rule that an earlier, enforcing run left by whichever backend, and keeps its sets: what
// `mode: observe` begins with. And what keeps coturn's relays from coturn (relay_rule).
[[nodiscard]] Result<> remove_drop_rule();

// Ends everything, of every backend: first the rule, then the sets with all bans. For the daemon being
// stopped (`flush`, purge); nothing there is no error.
[[nodiscard]] Result<> remove_everything();

}  // namespace coturn_guard
