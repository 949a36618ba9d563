// SPDX-License-Identifier: GPL-3.0-or-later
// Runs an operator's program for a hook: without a shell, with the event in CG_ variables and as JSON on its
// standard input, in a process group of its own that ends when its time is over. Started on a thread of its
// own, so that the loop never stands still for it. How many and how often is hook_queue's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/hook.hpp"
#include "control/hook_launch.hpp"

namespace coturn_guard {

class HookRunner {
 public:
  // `problem`: empty where the program ended with 0. `output`: the beginning of what it wrote.
  using Done = std::function<void(const std::string& problem, const std::string& output)>;

  // Gives away the right to hand capabilities on (keep_capabilities_to_ourselves), before its thread begins.
  explicit HookRunner(boost::asio::io_context& io);
  ~HookRunner();  // kills what runs
  HookRunner(const HookRunner&) = delete;
  HookRunner& operator=(const HookRunner&) = delete;

  // `done` is called once, later, also where the program cannot be started; not when the runner goes before.
  void run(const std::vector<std::string>& program, std::chrono::seconds timeout, const HookCall& call,
           Done done);

 private:
  struct Process;

  void on_started(const std::shared_ptr<Process>& process, HookLaunch& launch);
  void read(const std::shared_ptr<Process>& process);
  void wait_for_time(const std::shared_ptr<Process>& process, std::chrono::milliseconds time);
  void on_time(const std::shared_ptr<Process>& process);
  void on_end(const std::shared_ptr<Process>& process);
  void end(const std::shared_ptr<Process>& process, const std::string& problem);

  boost::asio::io_context& io_;
  std::set<std::shared_ptr<Process>> running_;
  boost::asio::thread_pool starter_;  // one thread, which knows HookLaunch objects and nothing else
};

}  // namespace coturn_guard
