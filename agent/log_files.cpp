// SPDX-License-Identifier: GPL-3.0-or-later
#include "log_files.hpp"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "model/log_number.hpp"
#include "source/docker_log.hpp"
#include "source/file_positions.hpp"
#include "source/journal_json.hpp"
#include "source/line_splitter.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{256} * 1024;

std::int64_t modified_nanoseconds(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return 0;
  return std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec;
}

// Reads at least so much, or all that comes: a pipe gives little at a time, and a file's first bytes say what
// it is. -1 and errno where that fails.
ssize_t read_at_least(std::size_t wanted, int fd, std::vector<char>& block) {
  std::size_t filled = 0;
  while (filled < wanted) {
    const auto got = ::read(fd, block.data() + filled, block.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(filled);
}

}  // namespace

Result<LogFiles> LogFiles::open(const std::vector<std::string>& names) {
  LogFiles opened;
  bool all_known = true;
  for (const std::string& name : names) {
    const bool standard_input = name == "-";
    UniqueFd fd(standard_input ? ::dup(STDIN_FILENO) : ::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return fail(errno, "open {}", name);
    struct stat facts {};
    if (::fstat(fd.get(), &facts) != 0) return fail(errno, "look at {}", name);
    if (S_ISDIR(facts.st_mode)) return fail(EISDIR, "read {}", name);
    all_known = all_known && S_ISREG(facts.st_mode);
    opened.total_bytes_ += static_cast<std::uint64_t>(facts.st_size);
    opened.files_.push_back({standard_input ? "standard input" : name, std::move(fd)});
  }
  if (!all_known) opened.total_bytes_ = 0;
  return opened;
}

Result<> LogFiles::read(const std::function<void(const Line&)>& on_line,
                        const std::function<void(std::uint64_t)>& after_block) {
  std::vector<char> block(kBlockBytes);
  std::uint64_t bytes = 0;
  StreamId stream = 0;
  for (const File& file : files_) {
    ++stream;
    const std::size_t slash = file.name.rfind('/') + 1;
    const std::uint32_t log =
        log_number(without_rotation(file.name.substr(slash)), log_number(file.name.substr(0, slash)));
    LineSplitter splitter;
    DockerLog docker;
    enum class Kind : std::uint8_t { lines, docker_json, journal_json };
    std::optional<Kind> kind;
    const auto hand_over = [&](std::string_view text, std::uint64_t offset) {
      on_line({.text = text,
               .stream = stream,
               .offset = offset,
               .log = log,
               .written_milli = docker.written_milli()});
      return true;
    };
    const auto unwrap = [&](std::string_view line, std::uint64_t offset) {
      return docker.take(line, offset, hand_over);
    };
    // Attackers' texts are bounded in coturn's bytes, not in JSON's.
    std::uint64_t decoded_bytes = 0;
    const auto decode = [&](std::string_view line, std::uint64_t) {
      const auto journal = decode_journal_line(line);
      if (!journal) return true;
      on_line({.text = journal->text,
               .stream = stream,
               .offset = decoded_bytes,
               .log = log,
               .whole = journal->whole});
      decoded_bytes += journal->text.size() + 1;
      return true;
    };
    for (;;) {
      const auto got = read_at_least(kind ? 1 : kDockerLogBegins.size(), file.fd.get(), block);
      if (got < 0) return fail(errno, "read {}", file.name);
      if (got == 0) break;
      const std::string_view fresh(block.data(), static_cast<std::size_t>(got));
      if (!kind) {
        kind = fresh.starts_with(kDockerLogBegins) ? Kind::docker_json
               : fresh.starts_with(R"({")")        ? Kind::journal_json
                                                   : Kind::lines;
        if (*kind != Kind::lines) splitter.allow(kMaxDockerLineBytes);
        if (*kind == Kind::lines && on_sample_) on_sample_(fresh);
      }
      switch (*kind) {
        case Kind::docker_json: splitter.feed(fresh, unwrap); break;
        case Kind::journal_json: splitter.feed(fresh, decode); break;
        case Kind::lines: splitter.feed(fresh, hand_over); break;
      }
      bytes += fresh.size();
      after_block(bytes);
    }
  }
  return {};
}

std::vector<std::string> find_logs(const std::vector<std::string>& patterns) {
  std::vector<std::pair<std::int64_t, std::string>> found;
  for (const std::string& pattern : patterns) {
    glob_t matches{};
    if (::glob(pattern.c_str(), GLOB_NOCHECK, nullptr, &matches) == 0)
      for (std::size_t i = 0; i < matches.gl_pathc; ++i)
        found.emplace_back(modified_nanoseconds(matches.gl_pathv[i]), matches.gl_pathv[i]);
    ::globfree(&matches);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (auto& [modified, name] : found)
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  return names;
}

}  // namespace coturn_guard
