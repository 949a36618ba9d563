// SPDX-License-Identifier: GPL-3.0-or-later
// How many lines a second the recogniser takes, beside the least that anybody could do with RE2: a search for
// a literal and an RE2::Set of eight patterns over the lines that hold it. Both over the same log in memory,
// on one core. usage: detect_bench RULES LOG (test/bench/run makes one; 1 M lines are enough)
#include <fmt/format.h>
#include <re2/set.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "detect/recogniser.hpp"
#include "detect/rule_file.hpp"

using namespace coturn_guard;

namespace {

constexpr int kRounds = 5;

// The best of some rounds: the machine is shared, the least disturbed round says most.
template <class Work>
double best_seconds(Work work) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

struct Counts {
  std::size_t lines = 0;
  std::size_t hits = 0;
};

Counts recognise(const RuleBook& book, const std::string& log) {
  Recogniser recogniser = Recogniser::create(RuleSet::create(book).value(), "").value();
  Counts counts;
  std::vector<Event> events;
  for (std::size_t at = 0; at < log.size();) {
    const void* const newline = std::memchr(log.data() + at, '\n', log.size() - at);
    const std::size_t end = newline != nullptr
                                ? static_cast<std::size_t>(static_cast<const char*>(newline) - log.data())
                                : log.size();
    recogniser.take(Line{std::string_view(log).substr(at, end - at), 1, at}, Now{}, events);
    counts.hits += events.size();
    events.clear();
    ++counts.lines;
    at = end + 1;
  }
  return counts;
}

// What others' benchmarks call the bare loop: memmem for ": ERROR: ", then the Set and the hit's capture.
class BareLoop {
 public:
  BareLoop() : set_(re2::RE2::DefaultOptions, re2::RE2::UNANCHORED) {
    for (const char* const pattern : kPatterns) {
      set_.Add(pattern, nullptr);
      patterns_.push_back(std::make_unique<re2::RE2>(pattern));
    }
    set_.Compile();
  }

  Counts run(const std::string& log) {
    static constexpr std::string_view kLiteral = ": ERROR: ";
    Counts counts;
    const char* const end = log.data() + log.size();
    for (const char* at = log.data(); at < end;) {
      const void* const found =
          memmem(at, static_cast<std::size_t>(end - at), kLiteral.data(), kLiteral.size());
      if (found == nullptr) break;
      const char* const hit = static_cast<const char*>(found);
      const void* const newline = std::memchr(hit, '\n', static_cast<std::size_t>(end - hit));
      const char* const line_end = newline != nullptr ? static_cast<const char*>(newline) : end;
      const void* const before = memrchr(at, '\n', static_cast<std::size_t>(hit - at));
      const char* const begin = before != nullptr ? static_cast<const char*>(before) + 1 : at;
      const re2::StringPiece line(begin, static_cast<std::size_t>(line_end - begin));
      ids_.clear();
      re2::StringPiece address;
      if (set_.Match(line, &ids_))
        for (const int id : ids_)
          if (re2::RE2::PartialMatch(line, *patterns_[static_cast<std::size_t>(id)], &address)) ++counts.hits;
      at = line_end;
    }
    return counts;
  }

 private:
  static constexpr std::array<const char*, 8> kPatterns{
      R"(^\s*\d+: : ERROR: session \w+: [A-Z/]+ socket error: Connection reset by peer \[?([0-9a-fA-F.:]+)\]?:\d+)",
      R"(^\s*\d+: : ERROR: session \w+: [A-Z/]+ socket error: Broken pipe \[?([0-9a-fA-F.:]+)\]?:\d+)",
      R"(^\s*\d+: : ERROR: session \w+: [A-Z/]+ socket error: Connection timed out \[?([0-9a-fA-F.:]+)\]?:\d+)",
      R"(^\s*\d+: : session \w+: realm <[^>]*> user <[^>]*>: incoming packet message processed, error 401: Unauthorized remote \[?([0-9a-fA-F.:]+)\]?)",
      R"(^\s*\d+: : session \w+: closed \(2nd stage\), user <> realm <[^>]*> origin <>, local \S+, remote \[?([0-9a-fA-F.:]+)\]?:\d+, reason: TLS/TCP socket buffer)",
      R"(^\s*\d+: : ERROR: check_stun_auth: Cannot find credentials of user <[^>]*> from \[?([0-9a-fA-F.:]+)\]?)",
      R"(^\s*\d+: : ERROR: A peer IP \[?([0-9a-fA-F.:]+)\]? denied)",
      R"(^\s*\d+: : ERROR: session \w+: SSL read error from \[?([0-9a-fA-F.:]+)\]?:\d+)"};

  re2::RE2::Set set_;
  std::vector<std::unique_ptr<re2::RE2>> patterns_;
  std::vector<int> ids_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: detect_bench RULES LOG\n", stderr), 2;
  const auto book = load_rules(argv[1]);
  if (!book) {
    for (const std::string& problem : book.error()) fmt::print(stderr, "{}\n", problem);
    return 1;
  }
  std::ifstream file(argv[2], std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string log = text.str();
  if (log.empty()) return std::fputs("the log is empty or cannot be read\n", stderr), 1;

  Counts ours;
  Counts bare;
  BareLoop loop;
  const double our_seconds = best_seconds([&] { ours = recognise(*book, log); });
  const double bare_seconds = best_seconds([&] { bare = loop.run(log); });
  const double lines = static_cast<double>(ours.lines) / 1e6;
  fmt::print("recogniser      {:6.2f} M lines/s  {} lines, {} events\n", lines / our_seconds, ours.lines,
             ours.hits);
  fmt::print("bare prefilter  {:6.2f} M lines/s  {} hits\n", lines / bare_seconds, bare.hits);
  fmt::print("ratio           {:6.2f}\n", bare_seconds / our_seconds);
}
