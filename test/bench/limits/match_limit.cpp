// SPDX-License-Identifier: GPL-3.0-or-later
// How fast can one core find the offence lines in a coturn log, with nothing around it?
//
// usage: match_limit MODE FILE, prints counts (so that nothing is optimised away)
//   read           read(2) in blocks of 256 KiB only
//   lines          and find every newline
//   re2            and RE2::PartialMatch of the recipe's expression on every line, address captured
//   set            RE2::Set of eight patterns on every line, then RE2 with capture on hits
//   prefilter-set  as set, but only on lines that hold ": ERROR: ": the loop that coturn-guard is measured
//   against
// It keeps no state, judges nobody and believes forged lines: an upper bound, no contestant.
#include <fcntl.h>
#include <re2/re2.h>
#include <re2/set.h>
#include <string.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#define ADDRESS R"(\[?([0-9a-fA-F.:]+)\]?)"

namespace {

const char* const kPatterns[] = {
    R"(^\s*\d+: : ERROR: session \w+: [A-Z/]+ socket error: Connection reset by peer )" ADDRESS R"(:\d+)",
    R"(^\s*\d+: : ERROR: session \w+: [A-Z/]+ socket error: Broken pipe )" ADDRESS R"(:\d+)",
    R"(^\s*\d+: : ERROR: session \w+: [A-Z/]+ socket error: Connection timed out )" ADDRESS R"(:\d+)",
    R"(^\s*\d+: : session \w+: realm <[^>]*> user <[^>]*>: incoming packet message processed, error 401: )"
    R"(Unauthorized remote )" ADDRESS,
    R"(^\s*\d+: : session \w+: closed \(2nd stage\), user <> realm <[^>]*> origin <>, local \S+, remote )" ADDRESS
    R"(:\d+, reason: TLS/TCP socket buffer)",
    R"(^\s*\d+: : ERROR: check_stun_auth: Cannot find credentials of user <[^>]*> from )" ADDRESS,
    R"(^\s*\d+: : ERROR: A peer IP )" ADDRESS R"( denied)",
    R"(^\s*\d+: : ERROR: session \w+: SSL read error from )" ADDRESS R"(:\d+)",
};
constexpr char kPrefilter[] = ": ERROR: ";
constexpr size_t kBlock = 256 << 10;

class Matcher {
 public:
  explicit Matcher(bool with_set) : with_set_(with_set) {
    for (const char* pattern : kPatterns) {
      set_.Add(pattern, nullptr);
      patterns_.push_back(std::make_unique<re2::RE2>(pattern));
    }
    set_.Compile();
  }
  void match(const char* begin, const char* end) {
    const re2::StringPiece text(begin, static_cast<size_t>(end - begin));
    re2::StringPiece address;
    if (!with_set_) {
      count(re2::RE2::PartialMatch(text, *patterns_.front(), &address), address);
      return;
    }
    which_.clear();
    if (!set_.Match(text, &which_)) return;
    for (const int i : which_) count(re2::RE2::PartialMatch(text, *patterns_[i], &address), address);
  }
  size_t hits = 0, address_bytes = 0;

 private:
  void count(bool matched, const re2::StringPiece& address) {
    hits += matched;
    if (matched) address_bytes += address.size();
  }
  bool with_set_;
  re2::RE2::Set set_{re2::RE2::DefaultOptions, re2::RE2::UNANCHORED};
  std::vector<std::unique_ptr<re2::RE2>> patterns_;
  std::vector<int> which_;
};

const char* find(int c, const char* begin, const char* end) {
  return static_cast<const char*>(memchr(begin, c, static_cast<size_t>(end - begin)));
}
const char* find_last(int c, const char* begin, const char* end) {
  return static_cast<const char*>(memrchr(begin, c, static_cast<size_t>(end - begin)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string mode = argv[1];
  const int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    perror(argv[2]);
    return 1;
  }
  Matcher matcher(mode != "re2");
  std::vector<char> buffer(kBlock + (64 << 10));
  size_t kept = 0, lines = 0;
  ssize_t got;
  while ((got = read(fd, buffer.data() + kept, kBlock)) > 0) {
    const char* const begin = buffer.data();
    const char* const end = begin + kept + got;
    if (mode == "read") {
      kept = 0;
      lines += static_cast<size_t>(got);
      continue;
    }
    const char* const last = find_last('\n', begin, end);
    const char* const stop = last ? last + 1 : begin;  // complete lines end here
    if (mode == "prefilter-set") {
      const char* at = begin;
      while ((at = static_cast<const char*>(memmem(at, static_cast<size_t>(stop - at), kPrefilter, 9)))) {
        const char* const before = find_last('\n', begin, at);
        const char* const line_end = find('\n', at, stop);
        matcher.match(before ? before + 1 : begin, line_end);
        at = line_end;
      }
    } else {
      for (const char* at = begin; at < stop;) {
        const char* const line_end = find('\n', at, stop);
        lines++;
        if (mode != "lines") matcher.match(at, line_end);
        at = line_end + 1;
      }
    }
    kept = static_cast<size_t>(end - stop);
    if (kept > (64 << 10)) return 1;  // no line of these logs is that long
    memmove(buffer.data(), stop, kept);
  }
  printf("%s lines=%zu hits=%zu address_bytes=%zu\n", mode.c_str(), lines, matcher.hits,
         matcher.address_bytes);
}
