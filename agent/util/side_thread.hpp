// SPDX-License-Identifier: GPL-3.0-or-later
// A thread beside the loop, for what may hang in the kernel (a disk). It takes no signals, which are the
// loop's, and nobody joins it: a thread that hangs is left to the end of the process. So what it works on
// must be its own, or shared with it.
#pragma once

#include <pthread.h>

#include <csignal>
#include <thread>
#include <utility>

namespace coturn_guard {

template <class Work>
void begin_side_thread(Work work) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread(std::move(work)).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace coturn_guard
