// SPDX-License-Identifier: GPL-3.0-or-later
// Appends lines to a log at a steady rate, each by a write(2) of its own, as coturn does.
//
// usage: line_writer LOG LINES RATE BURST
// LINES: a file whose lines are written one after another, over and over. RATE: lines a second. BURST: so
// many at once, every BURST/RATE seconds; 1: evenly. Runs until it is killed. Where the machine is too slow
// it falls behind and never catches up, as a coturn whose clients wait.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

int main(int count, char** words) {
  const double rate = count == 5 ? std::atof(words[3]) : 0;
  const long burst = count == 5 ? std::atol(words[4]) : 0;
  if (rate <= 0 || burst <= 0) {
    std::fputs("usage: line_writer LOG LINES RATE BURST\n", stderr);
    return 2;
  }
  std::ifstream file(words[2]);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line + '\n');
  const int log = open(words[1], O_WRONLY | O_APPEND | O_CLOEXEC);
  if (log < 0 || lines.empty()) {
    std::perror(log < 0 ? words[1] : words[2]);
    return 1;
  }
  using Clock = std::chrono::steady_clock;
  const auto step = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(burst / rate));
  std::size_t next = 0;
  for (auto due = Clock::now();; due = std::max(due + step, Clock::now() - step)) {
    for (long i = 0; i < burst; ++i, next = (next + 1) % lines.size())
      if (write(log, lines[next].data(), lines[next].size()) < 0) {
        std::perror(words[1]);
        return 1;
      }
    std::this_thread::sleep_until(due + step);
  }
}
