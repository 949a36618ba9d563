// SPDX-License-Identifier: GPL-3.0-or-later
// Writes numbered lines at full speed, one write(2) each as coturn does, through every kind of rotation,
// while the real source follows in another process, and counts: each number must arrive exactly once. What no
// reader can know is left out by letting the writer wait until the reader has caught up: lines that are cut
// off by a truncation before anybody looked (copytruncate itself loses what is written between its copy and
// its truncate). Usage: rotation_storm [lines per kind] [kind...]
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "source/source.hpp"
#include "support/temporary_directory.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kGiveUp = 30s;  // without any progress

// What the two processes tell each other.
struct Shared {
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> streams_ended{0};
  std::atomic<std::uint64_t> inodes_reused{0};
  std::atomic<bool> done{false};
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::_Exit(3);
}

// coturn, and logrotate beside it.
class Writer {
 public:
  Writer(std::string name, std::uint64_t total, Shared& shared, int flags = O_APPEND)
      : name_(std::move(name)), total_(total), shared_(shared), flags_(flags) {
    reopen();
  }
  ~Writer() { ::close(fd_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  [[nodiscard]] bool finished() const { return next_ == total_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  void rename_to(std::string name) { name_ = std::move(name); }
  [[nodiscard]] std::string generation(unsigned n) const { return fmt::format("{}.{}", name_, n); }

  void reopen() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags_, 0644);
    if (fd_ < 0) die("open");
  }
  void write_lines(std::uint64_t count) {
    for (; count > 0 && !finished(); --count) put(line());
  }
  void write_at_once(std::uint64_t count) {
    std::string block;
    for (; count > 0 && !finished(); --count) block += line();
    put(block);
  }
  void wait_until_read() const {
    while (shared_.received < next_) ::usleep(100);
  }
  void truncate() {
    if (::truncate(name_.c_str(), 0) != 0) die("truncate");
  }
  [[nodiscard]] ino_t inode() const {
    struct stat s {};
    if (::fstat(fd_, &s) != 0) die("fstat");
    return s.st_ino;
  }

 private:
  std::string line() {
    // The shape of coturn's lines: much repeats, the number stands in the middle.
    return fmt::format(
        "1234: : session 001000000000000007: closed (2nd stage), user <> realm <example.org>, number {:08} "
        "reason: "
        "TCP connection closed by client (callback)\n",
        next_++);
  }
  void put(const std::string& text) const {
    for (std::string_view left = text; !left.empty();) {
      const auto wrote = ::write(fd_, left.data(), left.size());
      if (wrote < 0) die("write");
      left.remove_prefix(static_cast<std::size_t>(wrote));
    }
  }

  std::string name_;
  std::uint64_t total_;
  Shared& shared_;
  int flags_;
  int fd_ = -1;
  std::uint64_t next_ = 0;
};

void create(const std::string& name) {
  const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) die("create");
  ::close(fd);
}

void rename_or_die(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) die("rename");
}

void copy(const std::string& from, const std::string& to) {
  const int in = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  const int out = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (in < 0 || out < 0) die("copy");
  while (::copy_file_range(in, nullptr, out, nullptr, 1U << 30, 0) > 0) {
  }
  ::close(in);
  ::close(out);
}

// --- the kinds
// --------------------------------------------------------------------------------------------------------

struct Kind {
  std::string_view name;
  std::string_view pattern;  // what the source is told to follow
  bool fast_clock;           // each tick says that 20 s have passed, so that old files are closed
  void (*write)(const std::string& directory, std::uint64_t total, Shared& shared);
};

constexpr std::uint64_t kEras = 20;  // rotations of one run

std::string log_in(const std::string& directory) {
  return directory + "/coturn.log";
}

// logrotate's `create`, SIGHUP: coturn opens the new file some records later.
void rename_create(const std::string& directory, std::uint64_t total, Shared& shared) {
  Writer writer(log_in(directory), total, shared);
  for (unsigned era = 0; !writer.finished(); ++era) {
    writer.write_lines(total / kEras);
    rename_or_die(writer.name(), writer.generation(era));
    create(writer.name());
    writer.write_lines(200);
    writer.reopen();
  }
}

// Nobody tells coturn: half of all lines go to the renamed file while the new one is empty.
void writer_stays(const std::string& directory, std::uint64_t total, Shared& shared) {
  Writer writer(log_in(directory), total, shared);
  for (unsigned era = 0; !writer.finished(); ++era) {
    writer.write_lines(total / kEras / 2);
    rename_or_die(writer.name(), writer.generation(era));
    create(writer.name());
    writer.write_lines(total / kEras / 2);
    writer.reopen();
  }
}

// mv alone: coturn sees the missing name some time later.
void rename_only(const std::string& directory, std::uint64_t total, Shared& shared) {
  Writer writer(log_in(directory), total, shared);
  for (unsigned era = 0; !writer.finished(); ++era) {
    writer.write_lines(total / kEras);
    rename_or_die(writer.name(), writer.generation(era));
    writer.write_lines(1000);
    writer.reopen();
  }
}

// Rotated every thousand lines, a millisecond or two apart: the name's file changes faster than anybody can
// look.
void rapid(const std::string& directory, std::uint64_t total, Shared& shared) {
  Writer writer(log_in(directory), total, shared);
  for (unsigned era = 0; !writer.finished(); ++era) {
    writer.write_lines(1000);
    rename_or_die(writer.name(), writer.generation(era));
    writer.reopen();
  }
}

// logrotate's numbers: .2 to .3, .1 to .2, then the log to .1; the sixth is deleted.
void shifted(const std::string& directory, std::uint64_t total, Shared& shared) {
  Writer writer(log_in(directory), total, shared);
  while (!writer.finished()) {
    writer.write_lines(total / kEras);
    ::unlink(writer.generation(5).c_str());
    for (unsigned n = 4; n > 0; --n) ::rename(writer.generation(n).c_str(), writer.generation(n + 1).c_str());
    rename_or_die(writer.name(), writer.generation(1));
    create(writer.name());
    writer.write_lines(200);
    writer.reopen();
  }
}

void copytruncate(const std::string& directory, std::uint64_t total, Shared& shared) {
  Writer writer(log_in(directory), total, shared);
  for (unsigned era = 0; !writer.finished(); ++era) {
    writer.write_lines(total / kEras);
    writer.wait_until_read();
    copy(writer.name(), writer.generation(era));
    writer.truncate();
  }
}

// A writer that does not append leaves a hole of NULs before its next line (coturn after midnight).
void copytruncate_hole(const std::string& directory, std::uint64_t total, Shared& shared) {
  Writer writer(log_in(directory), total, shared, O_TRUNC);
  while (!writer.finished()) {
    writer.write_lines(total / 8);
    writer.wait_until_read();
    writer.truncate();
  }
}

// Truncated, and with one write longer than before: no size ever shrank in the reader's eyes.
void truncate_regrow(const std::string& directory, std::uint64_t total, Shared& shared) {
  Writer writer(log_in(directory), total, shared);
  std::uint64_t lines = std::max<std::uint64_t>(total / 100, 1);
  writer.write_lines(lines);
  while (!writer.finished()) {
    writer.wait_until_read();
    writer.truncate();
    writer.write_at_once(lines + 50);
    writer.write_lines(200);
    lines += 250;
  }
}

void delete_create(const std::string& directory, std::uint64_t total, Shared& shared) {
  Writer writer(log_in(directory), total, shared);
  while (!writer.finished()) {
    writer.write_lines(total / kEras);
    ::unlink(writer.name().c_str());
    writer.write_lines(200);
    writer.reopen();
  }
}

void symlink_switch(const std::string& directory, std::uint64_t total, Shared& shared) {
  const auto link = log_in(directory);
  for (unsigned era = 0; era < 2; ++era) ::mkdir(fmt::format("{}/{}", directory, era).c_str(), 0755);
  const auto target = [&](unsigned era) { return fmt::format("{}/{}/real.{}", directory, era % 2, era); };
  create(target(0));
  if (::symlink(target(0).c_str(), link.c_str()) != 0) die("symlink");
  Writer writer(link, total, shared);
  for (unsigned era = 1; !writer.finished(); ++era) {
    writer.write_lines(total / kEras);
    create(target(era));
    if (::symlink(target(era).c_str(), (link + ".new").c_str()) != 0) die("symlink");
    rename_or_die(link + ".new", link);
    writer.write_lines(200);
    writer.reopen();
  }
}

// The link stays, its target is rotated in its own directory.
void symlink_target(const std::string& directory, std::uint64_t total, Shared& shared) {
  const auto real = directory + "/data";
  ::mkdir(real.c_str(), 0755);
  create(real + "/real.log");
  if (::symlink((real + "/real.log").c_str(), log_in(directory).c_str()) != 0) die("symlink");
  Writer writer(real + "/real.log", total, shared);
  for (unsigned era = 0; !writer.finished(); ++era) {
    writer.write_lines(total / kEras);
    rename_or_die(writer.name(), writer.generation(era));
    create(writer.name());
    writer.write_lines(200);
    writer.reopen();
  }
}

void dated(const std::string& directory, std::uint64_t total, Shared& shared) {
  const auto name = [&](unsigned day) { return fmt::format("{}/coturn_2026-11-{:02}.log", directory, day); };
  Writer writer(name(1), total, shared);
  for (unsigned day = 2; !writer.finished(); ++day) {
    writer.write_lines(total / kEras);
    writer.rename_to(name(day));
    writer.reopen();
  }
}

// Two files in turn: once the reader has let go of a deleted file, its inode number comes again.
void inode_reuse(const std::string& directory, std::uint64_t total, Shared& shared) {
  Writer writer(log_in(directory), total, shared);
  std::vector<ino_t> seen{writer.inode()};
  std::uint64_t ended = 0;
  while (!writer.finished()) {
    writer.write_lines(total / 4);
    if (writer.finished()) break;
    writer.wait_until_read();
    ::unlink(writer.name().c_str());
    writer.reopen();
    if (std::find(seen.begin(), seen.end(), writer.inode()) != seen.end()) ++shared.inodes_reused;
    seen.push_back(writer.inode());
    writer.write_lines(10);
    ++ended;
    while (shared.streams_ended < ended) ::usleep(1000);
  }
}

constexpr Kind kKinds[] = {
    {"rename_create", "coturn.log", false, &rename_create},
    {"writer_stays", "coturn.log", false, &writer_stays},
    {"rename_only", "coturn.log", false, &rename_only},
    {"rapid", "coturn.log", false, &rapid},
    {"shifted", "coturn.log", false, &shifted},
    {"copytruncate", "coturn.log", false, &copytruncate},
    {"copytruncate_hole", "coturn.log", false, &copytruncate_hole},
    {"truncate_regrow", "coturn.log", false, &truncate_regrow},
    {"delete_create", "coturn.log", false, &delete_create},
    {"symlink_switch", "coturn.log", false, &symlink_switch},
    {"symlink_target", "coturn.log", false, &symlink_target},
    {"dated", "coturn_*.log", false, &dated},
    {"inode_reuse", "coturn.log", true, &inode_reuse},
};

// --- the reader
// -------------------------------------------------------------------------------------------------------

class Reader {
 public:
  Reader(const std::string& pattern, std::uint64_t total, bool fast_clock, Shared& shared)
      : seen_(total), shared_(shared), fast_clock_(fast_clock), timer_(io_) {
    SourceEvents events;
    events.line = [this](const Line& line, const Now&) { take(line.text); };
    events.batch_end = [this](const Now&) { batch_ended(); };
    events.stream_ended = [this](StreamId) { ++shared_.streams_ended; };
    events.notice = [](const SourceNotice& notice) {
      if (notice.level != SourceNotice::Level::info)
        fmt::print("  {} {}: {}\n", notice.event, notice.path, notice.text);
    };
    auto made = make_source(io_, "file", {pattern}, false, std::move(events));
    if (!made) die(made.error().message().c_str());
    source_ = std::move(*made);
  }

  void start() { source_->start(); }
  void run() {
    last_progress_ = Clock::now();
    wait();
    io_.run();
  }
  // The verdict in one line.
  bool report(std::string_view kind, std::chrono::duration<double> took) {
    const auto lost = static_cast<std::uint64_t>(std::count(seen_.begin(), seen_.end(), 0));
    const auto twice =
        static_cast<std::uint64_t>(std::count_if(seen_.begin(), seen_.end(), [](auto n) { return n > 1; }));
    const bool good = lost == 0 && twice == 0 && foreign_ == 0;
    const auto& c = source_->counters();
    fmt::print(
        "{:18} {} {} lines in {:.2f} s: lost {}, twice {}, foreign {}, out of order {}; rotations {}, "
        "truncations {}, NUL bytes {}, inodes reused {}\n",
        kind, good ? "ok  " : "FAIL", seen_.size(), took.count(), lost, twice, foreign_, late_, c.rotations,
        c.truncations, c.nul_bytes, shared_.inodes_reused.load());
    if (lost != 0) {
      const auto first = std::find(seen_.begin(), seen_.end(), 0) - seen_.begin();
      fmt::print("  the first lost line is {}\n", first);
    }
    return good;
  }

 private:
  void take(std::string_view text) {
    constexpr std::string_view kMark = "number ";
    const auto at = text.find(kMark);
    std::uint64_t number = seen_.size();
    if (at != std::string_view::npos) {
      std::from_chars(text.data() + at + kMark.size(), text.data() + text.size(), number);
    }
    if (number >= seen_.size()) {
      ++foreign_;
      return;
    }
    if (seen_[number] < 255) ++seen_[number];
    if (number < newest_) ++late_;
    newest_ = std::max(newest_, number);
    ++received_;
  }
  void batch_ended() {
    shared_.received = received_;
    last_progress_ = Clock::now();
  }
  void wait() {
    timer_.expires_after(fast_clock_ || shared_.done ? 50ms : 1s);
    timer_.async_wait([this](const auto& error) {
      if (!error) tick();
    });
  }
  void tick() {
    if (fast_clock_) ahead_ += 20s;
    source_->tick({Clock::now() + ahead_, std::chrono::system_clock::now() + ahead_});
    // Two ticks more than needed, so that what comes twice is seen.
    if (shared_.done && received_ >= seen_.size() && ++ticks_after_ > 2) return io_.stop();
    if (Clock::now() - last_progress_ > (shared_.done ? 4s : Clock::duration(kGiveUp))) return io_.stop();
    wait();
  }

  boost::asio::io_context io_{1};
  std::vector<std::uint8_t> seen_;
  Shared& shared_;
  bool fast_clock_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<LineSource> source_;
  std::uint64_t received_ = 0;
  std::uint64_t foreign_ = 0;
  std::uint64_t late_ = 0;
  std::uint64_t newest_ = 0;
  std::chrono::seconds ahead_{0};
  int ticks_after_ = 0;
  Clock::time_point last_progress_;
};

bool play(const Kind& kind, std::uint64_t total) {
  const TemporaryDirectory directory;
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  auto& shared = *new (memory) Shared;
  std::fflush(stdout);
  Reader reader(directory / std::string(kind.pattern), total, kind.fast_clock, shared);
  reader.start();
  const auto began = Clock::now();
  const auto writer = ::fork();
  if (writer < 0) die("fork");
  if (writer == 0) {
    kind.write(directory.path(), total, shared);
    shared.done = true;
    std::_Exit(0);
  }
  reader.run();
  const bool good = reader.report(kind.name, Clock::now() - began);
  int status = 0;
  if (!shared.done) ::kill(writer, SIGKILL);
  ::waitpid(writer, &status, 0);
  const bool wrote = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!wrote) fmt::print("  the writer failed\n");
  ::munmap(memory, sizeof(Shared));
  return good && wrote;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t total = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::vector<std::string_view> wanted(argv + std::min(argc, 2), argv + argc);
  bool good = true;
  for (const auto& kind : kKinds) {
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), kind.name) != wanted.end()) {
      good = play(kind, total) && good;
    }
  }
  return good ? 0 : 1;
}
