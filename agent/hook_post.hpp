// SPDX-License-Identifier: GPL-3.0-or-later
// The operator's hooks at one post: who wants to know of what, each with a queue of its own, so that one that
// hangs delays no other and no ban. Called after the kernel has a ban, never before. Nothing waits for a
// hook, and nobody's hook is waited for at the end.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/hook.hpp"
#include "control/hook_queue.hpp"
#include "control/hook_runner.hpp"
#include "control/webhook.hpp"
#include "detect/rule_set.hpp"
#include "json_line.hpp"
#include "model/ban_record.hpp"
#include "source/next_turn.hpp"
#include "util/log.hpp"

namespace coturn_guard {

class HookPost {
 public:
  HookPost(boost::asio::io_context& io, Log& log, Webhook::Resolve resolve);
  ~HookPost();
  HookPost(const HookPost&) = delete;
  HookPost& operator=(const HookPost&) = delete;

  // Also after a reload: a hook that stays as it was keeps what waits for it.
  void configure(const std::vector<Hook>& hooks);
  void ban(const BanRecord& record, const Now& now);
  void expired(const BanRecord& record, const Now& now);
  void unban(const Prefix& prefix, const std::string& reason, const Now& now);
  void tick(const Now& now);                    // once a second
  [[nodiscard]] HookCounters counters() const;  // of all hooks that there are

 private:
  struct Slot {
    Hook hook;
    HookQueue queue;
    HookQueue::Time told{};
    bool wanted = true;  // by the configuration at present
  };

  [[nodiscard]] bool anybody_on(HookOccasion occasion) const;
  void alarm(const LogEvent& event, std::initializer_list<LogField> fields);
  // `fill` adds what the occasion has to say; it is called only where somebody is told.
  void call(HookOccasion occasion, const Now& now, const std::function<void(Json&)>& fill);
  void begin_all();
  void begin_more(const std::shared_ptr<Slot>& slot);
  void begin(const std::shared_ptr<Slot>& slot, HookCall call);
  void ended(const std::shared_ptr<Slot>& slot, const std::string& problem, const std::string& output);

  boost::asio::io_context& io_;
  Log& log_;
  std::optional<HookRunner> runner_;  // once there is a program to run
  Webhook webhook_;
  std::vector<std::shared_ptr<Slot>> slots_;
  NextTurn begin_;  // whoever tells of something is in the middle of it
};

}  // namespace coturn_guard
