// SPDX-License-Identifier: GPL-3.0-or-later
// One start of an operator's program: everything that it is to have is made ready first, in the loop;
// starting it may then happen on another thread, for whoever calls vfork(2) stands still until the program
// runs. It inherits no descriptor, no signal mask and no capability of ours. It does not watch the program:
// hook_runner does.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "control/hook.hpp"
#include "util/result.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {

// For good, and for whatever is executed from now on by this thread and those that it begins: nobody but us
// has a capability of ours.
void keep_capabilities_to_ourselves();

class HookLaunch {
 public:
  [[nodiscard]] static Result<std::unique_ptr<HookLaunch>> create(const std::vector<std::string>& program,
                                                                  const HookCall& call);
  ~HookLaunch();  // kills what was started and not taken
  HookLaunch(const HookLaunch&) = delete;
  HookLaunch& operator=(const HookLaunch&) = delete;

  void start();  // touches nothing but this object

  // After start(). From here on the process, which leads a group of its own, is the caller's to reap. An
  // error says why there is none: execve()'s reason, too.
  struct Started {
    pid_t pid = 0;
    UniqueFd pidfd;
    UniqueFd output;
  };
  [[nodiscard]] Result<Started> take();

 private:
  HookLaunch() = default;

  std::vector<std::string> program_;
  std::vector<std::string> environment_;
  UniqueFd input_;
  UniqueFd output_;  // ours
  UniqueFd output_theirs_;
  pid_t pid_ = 0;
  int error_ = 0;
};

}  // namespace coturn_guard
