// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/hook_launch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/securebits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <utility>

namespace coturn_guard {
namespace {

// Descriptors above the standard ones, so that none of them stands where the child's is to be.
UniqueFd above_standard(UniqueFd fd) {
  if (!fd || fd.get() > STDERR_FILENO) return fd;
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

// A file without a name holds the text: unlike a pipe it takes all of it at once, read or not.
Result<UniqueFd> readable_text(const std::string& text) {
  UniqueFd fd = above_standard(UniqueFd(::memfd_create("coturn-guard-hook", MFD_CLOEXEC)));
  if (!fd) return fail(errno, "make the hook's standard input");
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::lseek(fd.get(), 0, SEEK_SET) != 0)
    return fail(errno, "write the hook's standard input");
  return fd;
}

// Nothing of our own environment: it names systemd's sockets, which are ours.
std::vector<std::string> environment_of(const HookCall& call) {
  std::vector<std::string> variables{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                     "LANG=C.UTF-8"};
  for (const auto& [key, value] : call.fields) {
    std::string variable = "CG_";
    for (const char c : key) variable += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    variables.push_back(variable + "=" + value.substr(0, value.find('\0')));
  }
  return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

class SpawnSettings {
 public:
  SpawnSettings(int input, int output) {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_init(&actions_);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  // 0 or an errno value, also of execve.
  int spawn(pid_t& pid, std::vector<std::string>& program, std::vector<std::string>& environment) const {
    return ::posix_spawn(&pid, program.front().c_str(), &actions_, &attributes_, pointers_to(program).data(),
                         pointers_to(environment).data());
  }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

// The service is spared by the kernel's out-of-memory killer (OOMScoreAdjust=); a hook need not be.
void give_up_oom_protection(pid_t pid) {
  const UniqueFd file(::open(fmt::format("/proc/{}/oom_score_adj", pid).c_str(), O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), "0", 1) < 0) return;  // it ended already, or never was protected
}

}  // namespace

// Ambient capabilities are what execve() hands on to a program without rights of its own (capabilities(7));
// root's programs get root's without them. Not capset: the packaged unit's filter kills for it.
void keep_capabilities_to_ourselves() {
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (::geteuid() != 0) return;
  const int bits = ::prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
  if (bits >= 0) (void)::prctl(PR_SET_SECUREBITS, bits | SECBIT_NOROOT, 0, 0, 0);
}

Result<std::unique_ptr<HookLaunch>> HookLaunch::create(const std::vector<std::string>& program,
                                                       const HookCall& call) {
  std::unique_ptr<HookLaunch> launch(new HookLaunch);
  auto input = readable_text(call.json + "\n");
  if (!input) return tl::unexpected(input.error());
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(errno, "make a pipe for {}", program.front());
  launch->input_ = std::move(*input);
  launch->output_ = UniqueFd(ends[0]);
  launch->output_theirs_ = above_standard(UniqueFd(ends[1]));
  launch->program_ = program;
  launch->environment_ = environment_of(call);
  return launch;
}

HookLaunch::~HookLaunch() {
  if (pid_ == 0) return;
  ::kill(-pid_, SIGKILL);
  (void)::waitpid(pid_, nullptr, WNOHANG);
}

void HookLaunch::start() {
  error_ = SpawnSettings(input_.get(), output_theirs_.get()).spawn(pid_, program_, environment_);
  if (error_ != 0) pid_ = 0;
  input_.reset();
  output_theirs_.reset();
}

Result<HookLaunch::Started> HookLaunch::take() {
  if (error_ != 0) return fail(error_, "run {}", program_.front());
  give_up_oom_protection(pid_);
  // It cannot be gone: only we reap it. Boost 1.74 knows no pidfd, and SIGCHLD would be everybody's.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd) return fail(errno, "watch {}", program_.front());
  return Started{std::exchange(pid_, 0), std::move(pidfd), std::move(output_)};
}

}  // namespace coturn_guard
