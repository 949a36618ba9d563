// SPDX-License-Identifier: GPL-3.0-or-later
// What is written on standard error while it lives.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include "support/temporary_directory.hpp"

namespace coturn_guard::test {

class Overheard {
 public:
  Overheard() : before_(::dup(STDERR_FILENO)) {
    const int file = ::open((place_ / "said").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
    ::dup2(file, STDERR_FILENO);
    ::close(file);
  }
  ~Overheard() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
  }
  Overheard(const Overheard&) = delete;
  Overheard& operator=(const Overheard&) = delete;

  [[nodiscard]] std::size_t lines_with(std::string_view word) const {
    std::fflush(stderr);
    std::ifstream file(place_ / "said");
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);) count += line.find(word) != std::string::npos ? 1U : 0U;
    return count;
  }

 private:
  TemporaryDirectory place_;
  int before_;
};

}  // namespace coturn_guard::test
