// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/hook_runner.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <utility>

#include "util/duration.hpp"

namespace coturn_guard {
namespace {

constexpr std::chrono::seconds kGrace{2};  // between SIGTERM and SIGKILL
constexpr std::size_t kMostOutput = 2048;  // kept of what it writes

std::string problem_of(const siginfo_t& ended) {
  if (ended.si_code == CLD_EXITED)
    return ended.si_status == 0 ? "" : fmt::format("it ended with status {}", ended.si_status);
  if (ended.si_status == SIGSYS)
    return "it was killed for a system call that the service unit forbids: see "
           "/usr/share/coturn-guard/dropins/hooks.conf";
  return fmt::format("it was killed by signal {} ({})", ended.si_status, ::strsignal(ended.si_status));
}

// Before any thread of ours begins: a thread's capabilities are its own.
boost::asio::io_context& unprivileged(boost::asio::io_context& io) {
  keep_capabilities_to_ourselves();
  return io;
}

}  // namespace

struct HookRunner::Process {
  explicit Process(boost::asio::io_context& io) : ended(io), output(io), timer(io) {}

  void signal_group(int number) const { ::kill(-pid, number); }
  // Keeps the beginning and forgets the rest.
  void take(std::size_t bytes) { kept.append(buffer.data(), std::min(bytes, kMostOutput - kept.size())); }

  pid_t pid = 0;  // and number of its group, which lives until we reaped this one
  boost::asio::posix::stream_descriptor ended;  // its pidfd
  boost::asio::posix::stream_descriptor output;
  boost::asio::steady_timer timer;
  std::chrono::seconds timeout{};
  bool late = false;
  std::array<char, 65'536> buffer{};
  std::string kept;
  Done done;
};

HookRunner::HookRunner(boost::asio::io_context& io) : io_(unprivileged(io)), starter_(1) {}

HookRunner::~HookRunner() {
  starter_.stop();
  starter_.join();
  for (const auto& process : running_) {
    if (process->pid == 0) continue;  // its HookLaunch ends it
    process->signal_group(SIGKILL);
    siginfo_t nobody{};
    (void)::waitid(P_PID, static_cast<id_t>(process->pid), &nobody, WEXITED | WNOHANG);
  }
}

void HookRunner::run(const std::vector<std::string>& program, std::chrono::seconds timeout,
                     const HookCall& call, Done done) {
  const auto process = std::make_shared<Process>(io_);
  process->timeout = timeout;
  process->done = std::move(done);
  running_.insert(process);
  const std::weak_ptr<Process> weak = process;
  auto made = HookLaunch::create(program, call);
  if (!made)
    return boost::asio::post(io_, [this, weak, problem = made.error().message()] {
      if (const auto still = weak.lock()) end(still, problem);
    });
  // Between the two threads goes the launch alone; whoever is last to drop it ends what nobody watches.
  boost::asio::post(starter_,
                    [this, &io = io_, weak, launch = std::shared_ptr<HookLaunch>(std::move(*made))] {
                      launch->start();
                      boost::asio::post(io, [this, weak, launch] {
                        if (const auto still = weak.lock()) on_started(still, *launch);
                      });
                    });
}

void HookRunner::on_started(const std::shared_ptr<Process>& process, HookLaunch& launch) {
  auto started = launch.take();
  if (!started) return end(process, started.error().message());
  process->pid = started->pid;
  process->ended.assign(started->pidfd.release());
  process->output.assign(started->output.release());
  process->ended.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                            [this, weak = std::weak_ptr<Process>(process)](const auto& error) {
                              if (const auto still = weak.lock(); still && !error) on_end(still);
                            });
  read(process);
  wait_for_time(process, process->timeout);
}

void HookRunner::read(const std::shared_ptr<Process>& process) {
  process->output.async_read_some(
      boost::asio::buffer(process->buffer),
      [this, weak = std::weak_ptr<Process>(process)](const auto& error, std::size_t bytes) {
        const auto still = weak.lock();
        if (!still || error) return;
        still->take(bytes);
        read(still);
      });
}

void HookRunner::wait_for_time(const std::shared_ptr<Process>& process, std::chrono::milliseconds time) {
  process->timer.expires_after(time);
  process->timer.async_wait([this, weak = std::weak_ptr<Process>(process)](const auto& error) {
    if (const auto still = weak.lock(); still && !error) on_time(still);
  });
}

void HookRunner::on_time(const std::shared_ptr<Process>& process) {
  process->signal_group(process->late ? SIGKILL : SIGTERM);
  if (!std::exchange(process->late, true)) wait_for_time(process, kGrace);
}

void HookRunner::on_end(const std::shared_ptr<Process>& process) {
  process->signal_group(SIGKILL);  // what it left in the background
  siginfo_t ended{};
  (void)::waitid(P_PID, static_cast<id_t>(process->pid), &ended, WEXITED | WNOHANG);
  // What it wrote last may lie in the pipe still; Asio made our end non-blocking.
  while (process->kept.size() < kMostOutput) {
    const auto got = ::read(process->output.native_handle(), process->buffer.data(), process->buffer.size());
    if (got <= 0) break;
    process->take(static_cast<std::size_t>(got));
  }
  end(process, process->late ? fmt::format("it did not end within {}", to_string(process->timeout))
                             : problem_of(ended));
}

void HookRunner::end(const std::shared_ptr<Process>& process, const std::string& problem) {
  running_.erase(process);
  process->done(problem, process->kept);
}

}  // namespace coturn_guard
