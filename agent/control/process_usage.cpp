// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/process_usage.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace coturn_guard {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::uint64_t open_descriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator each("/proc/self/fd", error);
  if (error) return 0;
  const auto count = std::distance(begin(each), end(each));
  return count > 0 ? static_cast<std::uint64_t>(count) - 1 : 0;  // one of them is the iterator's
}

}  // namespace

ProcessUsage look_at_process() {
  ProcessUsage usage;
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0)
    usage.cpu_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
  // proc(5): pages of the whole, pages in memory.
  if (std::ifstream file("/proc/self/statm"); file) {
    std::uint64_t whole = 0;
    std::uint64_t resident = 0;
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    if (file >> whole >> resident) {
      usage.virtual_bytes = whole * page;
      usage.resident_bytes = resident * page;
    }
  }
  usage.open_descriptors = open_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.most_descriptors = limit.rlim_cur;
  return usage;
}

}  // namespace coturn_guard
