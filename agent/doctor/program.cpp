// SPDX-License-Identifier: GPL-3.0-or-later
#include "doctor/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "util/unique_fd.hpp"

namespace coturn_guard::doctor {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr std::array kDirectories{"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"};

std::string find(const std::string& program) {
  if (program.starts_with('/')) return program;
  for (const auto* directory : kDirectories)
    if (auto path = directory + program; ::access(path.c_str(), X_OK) == 0) return path;
  return {};
}

// Until the first newline, the end, or the end of patience.
std::string read_line(int fd, std::size_t most_bytes) {
  std::string text;
  std::array<char, 512> block{};
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (text.size() < most_bytes && text.find('\n') == std::string::npos) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd wait{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) break;
    const auto got = ::read(fd, block.data(), block.size());
    if (got <= 0) break;
    text.append(block.data(), static_cast<std::size_t>(got));
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

std::string first_line_of(const std::vector<std::string>& command, std::size_t most_bytes) {
  const auto path = find(command.front());
  std::array<int, 2> ends{};
  if (path.empty() || ::pipe2(ends.data(), O_CLOEXEC) < 0) return {};
  const UniqueFd output(ends[0]);
  UniqueFd input(ends[1]);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, path.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  input.reset();
  if (failed != 0) return {};
  auto line = read_line(output.get(), most_bytes);
  ::kill(child, SIGKILL);  // it has said what we wanted, or never will
  ::waitpid(child, nullptr, 0);
  return line;
}

}  // namespace coturn_guard::doctor
