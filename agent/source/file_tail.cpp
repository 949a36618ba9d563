// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/file_tail.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include "source/file_look.hpp"
#include "source/followed_file.hpp"
#include "source/inotify.hpp"
#include "source/rotation.hpp"

namespace coturn_guard {
namespace {

using Level = SourceNotice::Level;

constexpr std::size_t kMaxOpenFiles = 64;      // a storm of rotations: until the old ones are drained
constexpr std::size_t kMaxListedFiles = 1024;  // that one glob may match
constexpr std::size_t kMaxPositions = 1024;    // of files that are closed
constexpr unsigned kMaxHolds = 16;
constexpr unsigned kTicksBetweenListings = 60;
// What changes a directory's names. Not IN_MODIFY: in /var/log it would wake us for every line of everybody.
constexpr std::uint32_t kDirectoryMask =
    IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

std::int64_t nanoseconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Now read_clocks() {
  return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
}

// One of the configured names.
struct Name {
  NamePattern pattern;
  std::optional<NamePattern> target;    // where a symbolic link led when last seen: it may dangle for a while
  std::string problem;                  // the notice that stands for it now, so that it is said once
  bool relist = true;                   // (globs) something happened in the directory
  std::int64_t listed_nanoseconds = 0;  // (globs) the directory's mtime when it was listed
};

struct WatchedDirectory {
  std::string path;
  int watch = -1;
  FileIdentity identity;
  std::string problem;
  std::vector<NamePattern> patterns;
};

struct OpenFile {
  std::unique_ptr<FollowedFile> file;
  std::size_t name = 0;  // index of the Name that led here
  int watch = -1;
  bool dirty = true;
  bool reached = true;           // a name leads here, found by the last look
  std::optional<Now> old_since;  // no name has since
  std::chrono::steady_clock::time_point last_growth;
  bool warned = false;
};

class FileTail final : public LineSource {
 public:
  FileTail(boost::asio::io_context& io, std::vector<Name> names, bool from_start, SourceEvents events)
      : io_(io),
        inotify_(io, {[this](const auto& happening) { happened(happening); }, [this] { after_events(); }}),
        names_(std::move(names)),
        from_start_(from_start),
        events_(std::move(events)) {}

  void start() override;
  void tick(const Now& now) override;
  void pause() override;
  void resume() override;
  [[nodiscard]] bool healthy() const override { return healthy_; }
  [[nodiscard]] std::uint64_t lag_bytes() const override;
  [[nodiscard]] const SourceCounters& counters() const override { return counters_; }

 private:
  void happened(const Inotify::Happening& happening);
  void after_events();

  void watch_directories();
  void watch_directory(const std::string& path, const NamePattern& pattern);
  void look(const Now& now, bool at_start);
  void look_at_path(std::size_t name, const Now& now, bool at_start);
  void look_at_glob(std::size_t name, const Now& now, bool at_start);
  OpenFile* find(const FileIdentity& identity);
  bool reach(const FileFacts& facts);
  void follow_trail(const Now& now);
  void open(std::size_t name, const std::string& path, const Now& now, bool at_start, bool as_old);
  void judge_old_files(const Now& now);
  void close(std::size_t index);

  void turn();
  void schedule_turn();
  void count(const OpenFile& open, std::uint64_t offset_before, const std::array<std::uint64_t, 2>& before);

  [[nodiscard]] bool has_open(std::size_t name) const;
  [[nodiscard]] bool successor_received(const OpenFile& old) const;
  void refuse(Name& name, const std::string& path, const Error& error);
  void tell(Level level, std::string event, std::string path, std::string text, std::string remedy = {});

  boost::asio::io_context& io_;
  Inotify inotify_;
  std::vector<Name> names_;
  std::vector<WatchedDirectory> directories_;
  std::vector<OpenFile> files_;          // in the order in which their lines were written
  std::vector<FilePosition> positions_;  // of files that are closed or could not be read yet
  RenameTrail trail_;
  bool from_start_;
  SourceEvents events_;
  SourceCounters counters_;
  FollowedFile::Block block_{};
  std::int64_t started_nanoseconds_ = 0;  // since 1970
  StreamId next_stream_ = 1;
  unsigned ticks_ = 0;
  bool paused_ = false;
  bool healthy_ = true;
  bool look_due_ = false;
  bool opened_ = false;  // by the present look
  unsigned holds_ = 0;   // readings that waited for more events, in a row
  bool scheduled_ = false;
  // A turn that waits in the io_context must not outlive us; Asio cannot take back what was posted.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// --- from outside
// -------------------------------------------------------------------------------------------------

void FileTail::start() {
  if (const auto opened = inotify_.open(); !opened) {
    tell(Level::warning, "source.no_inotify", "",
         opened.error().message() + "; files are looked at once a second",
         "raise fs.inotify.max_user_instances");
  }
  const Now now = read_clocks();
  // The kernel stamps files with a clock that may lag by a tick (10 ms at HZ=100).
  started_nanoseconds_ = nanoseconds(now.wall) - 100'000'000;
  watch_directories();  // before the first look: what happens between the two is told by an event
  look(now, true);
  inotify_.listen();
  schedule_turn();
}

void FileTail::tick(const Now& now) {
  healthy_ = true;
  trail_.tick();
  if (++ticks_ % kTicksBetweenListings == 0) {
    for (auto& name : names_) name.relist = true;
  }
  watch_directories();
  look(now, false);
  for (auto& open : files_) {
    if (open.file->changed()) open.dirty = true;
  }
  judge_old_files(now);
  schedule_turn();
}

void FileTail::pause() {
  paused_ = true;
  inotify_.stop();
}

void FileTail::resume() {
  if (!paused_) return;
  paused_ = false;
  inotify_.listen();
  schedule_turn();
}

std::uint64_t FileTail::lag_bytes() const {
  std::uint64_t lag = 0;
  for (const auto& open : files_) lag += open.file->lag_bytes();
  return lag;
}

// --- events of the kernel
// -----------------------------------------------------------------------------------------

void FileTail::happened(const Inotify::Happening& happening) {
  if ((happening.mask & IN_Q_OVERFLOW) != 0) {  // anything may have happened
    look_due_ = true;
    for (auto& name : names_) name.relist = true;
    for (auto& open : files_) open.dirty = true;
    return;
  }
  for (auto& open : files_) {
    if (open.watch == happening.watch) open.dirty = true;
  }
  for (auto& directory : directories_) {
    if (directory.watch != happening.watch) continue;
    if ((happening.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) {
      directory.watch = -1;
      look_due_ = true;
      continue;
    }
    const bool ours =
        std::any_of(directory.patterns.begin(), directory.patterns.end(),
                    [&](const NamePattern& pattern) { return pattern.matches(happening.name); });
    if ((happening.mask & IN_MOVED_FROM) != 0) {
      trail_.moved_from(happening.watch, happening.name, happening.cookie, ours);
    } else if ((happening.mask & IN_MOVED_TO) != 0) {
      trail_.moved_to(happening.watch, happening.name, happening.cookie);
    }
    if (ours) look_due_ = true;
  }
}

void FileTail::after_events() {
  if (look_due_) {
    look_due_ = false;
    const Now now = read_clocks();
    for (auto& name : names_) name.relist = true;
    watch_directories();
    opened_ = false;
    follow_trail(now);
    look(now, false);
    // Events that wait may tell of older files, created and renamed away before the one just opened: they
    // come first.
    const bool hold = opened_ && files_.size() < kMaxOpenFiles && holds_ < kMaxHolds && inotify_.has_more();
    holds_ = hold ? holds_ + 1 : 0;
  } else {
    holds_ = 0;
  }
  turn();
}

// --- what stands under the names
// ----------------------------------------------------------------------------------

void FileTail::watch_directories() {
  for (auto& directory : directories_) directory.patterns.clear();
  for (auto& name : names_) {
    watch_directory(name.pattern.directory, name.pattern);
    if (name.pattern.is_glob) continue;
    // The target of a symbolic link is renamed and created in its own directory.
    const std::unique_ptr<char, void (*)(void*)> real(::realpath(name.pattern.path().c_str(), nullptr),
                                                      &std::free);
    if (real) {
      const auto target = NamePattern::parse(real.get());
      name.target = target && target->path() != name.pattern.path() ? std::optional(*target) : std::nullopt;
    }
    if (name.target) watch_directory(name.target->directory, *name.target);
  }
  std::erase_if(directories_, [this](const WatchedDirectory& directory) {
    const bool unused = directory.patterns.empty();
    if (unused) inotify_.forget(directory.watch);
    return unused;
  });
}

void FileTail::watch_directory(const std::string& path, const NamePattern& pattern) {
  auto known =
      std::find_if(directories_.begin(), directories_.end(), [&](const auto& d) { return d.path == path; });
  if (known == directories_.end()) known = directories_.insert(known, {path, -1, {}, {}, {}});
  known->patterns.push_back(pattern);
  const auto facts = look_at(path);
  if (!facts) return;  // the look at the name tells
  if (known->watch >= 0 && known->identity == facts->identity) return;
  inotify_.forget(known->watch);
  const auto watch = inotify_.watch(path, kDirectoryMask);
  known->watch = watch ? *watch : -1;
  known->identity = facts->identity;
  auto problem = watch ? std::string() : watch.error().message();
  if (!watch && problem != known->problem) {
    tell(Level::warning, "source.no_inotify", path, problem + "; it is looked at once a second",
         watch.error().code.value() == ENOSPC ? "raise fs.inotify.max_user_watches" : "");
  }
  known->problem = std::move(problem);
}

void FileTail::look(const Now& now, bool at_start) {
  for (auto& open : files_) open.reached = false;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names_[i].pattern.is_glob)
      look_at_glob(i, now, at_start);
    else
      look_at_path(i, now, at_start);
  }
  for (auto& open : files_) {
    if (open.reached)
      open.old_since.reset();
    else if (!open.old_since)
      open.old_since = now;
  }
}

OpenFile* FileTail::find(const FileIdentity& identity) {
  const auto open = std::find_if(files_.begin(), files_.end(),
                                 [&](const OpenFile& f) { return f.file->identity() == identity; });
  return open == files_.end() ? nullptr : &*open;
}

bool FileTail::reach(const FileFacts& facts) {
  auto* const open = find(facts.identity);
  if (open != nullptr) open->reached = true;
  return open != nullptr;
}

void FileTail::look_at_path(std::size_t index, const Now& now, bool at_start) {
  auto& name = names_[index];
  const auto path = name.pattern.path();
  const auto facts = look_at(path);
  if (!facts) {
    refuse(name, path, facts.error());
  } else if (!reach(*facts)) {
    if (facts->kind != FileKind::regular) {
      refuse(name, path, Error{std::make_error_code(std::errc::invalid_argument), "open " + path});
    } else {
      open(index, path, now, at_start, false);
    }
  }
}

void FileTail::look_at_glob(std::size_t index, const Now& now, bool at_start) {
  auto& name = names_[index];
  const auto directory = look_at(name.pattern.directory);
  if (!directory) return refuse(name, name.pattern.path(), directory.error());
  // A change right after the listing may leave the directory's mtime as it was: its clock ticks 100 times a
  // second.
  const bool settled = name.listed_nanoseconds == directory->modified_nanoseconds;
  if (settled && !name.relist) {
    for (auto& open : files_) open.reached = open.reached || (open.name == index && !open.old_since);
    return;
  }
  std::size_t ignored = 0;
  const auto found = list_matches(name.pattern, kMaxListedFiles, ignored);
  if (!found) return refuse(name, name.pattern.path(), found.error());
  constexpr std::int64_t kSettled = 2'000'000'000;
  name.listed_nanoseconds = nanoseconds(now.wall) - directory->modified_nanoseconds > kSettled
                                ? directory->modified_nanoseconds
                                : 0;
  name.relist = false;
  if (found->empty() && !has_open(index)) {
    return refuse(name, name.pattern.path(),
                  Error{std::make_error_code(std::errc::no_such_file_or_directory), "list"});
  }
  std::vector<FileFacts> facts;
  for (const auto& sighting : *found) facts.push_back(sighting.facts);
  const auto chosen = newest(facts, kMaxCurrentFiles);
  for (const auto i : chosen) {
    if (!reach(facts[i])) open(index, (*found)[i].path, now, at_start, false);
  }
  counters_.files_ignored = ignored + facts.size() - chosen.size();
  if (!at_start || from_start_) return;
  for (std::size_t i = 0; i < facts.size(); ++i) {  // should one of them grow later, only that is new
    if (!reach(facts[i]) && positions_.size() < kMaxPositions)
      positions_.push_back({facts[i].identity, facts[i].size, {}});
  }
}

void FileTail::follow_trail(const Now& now) {
  for (const auto& place : trail_.take(kMaxOpenFiles - files_.size())) {
    const auto directory = std::find_if(directories_.begin(), directories_.end(),
                                        [&](const auto& d) { return d.watch == place.directory; });
    if (directory == directories_.end()) continue;
    const auto path = directory->path + "/" + place.name;
    const auto facts = look_at(path);
    if (!facts) {
      trail_.put_back(place);
      continue;
    }
    // What is older than we are had its lines written before: an older generation that logrotate moves along.
    const bool older =
        facts->identity.birth_nanoseconds != 0 && facts->identity.birth_nanoseconds < started_nanoseconds_;
    if (facts->kind != FileKind::regular || older) continue;
    if (auto* const known = find(facts->identity)) {
      if (!known->old_since) known->old_since = now;  // what we find next stands after it
      continue;
    }
    const auto name = std::find_if(names_.begin(), names_.end(), [&](const Name& n) {
      return n.pattern.directory == directory->path || (n.target && n.target->directory == directory->path);
    });
    open(name == names_.end() ? 0 : static_cast<std::size_t>(name - names_.begin()), path, now, false, true);
  }
}

// --- opening and closing
// ------------------------------------------------------------------------------------------

void FileTail::open(std::size_t index, const std::string& path, const Now& now, bool at_start, bool as_old) {
  auto& name = names_[index];
  if (files_.size() >= kMaxOpenFiles)
    return;  // the next look tries again; old ones are closed as they are drained
  auto fd = open_regular(path);
  if (!fd) {
    // Should it become readable later, only what comes from now on is new.
    if (const auto there = look_at(path); there && at_start && !from_start_) {
      positions_.push_back({there->identity, there->size, {}});
    }
    return refuse(name, path, fd.error());
  }
  const auto facts = look_at(fd->get(), path);
  if (!facts || reach(*facts))
    return;  // switched between look and open: the next look sees what is there then
  const auto known = std::find_if(positions_.begin(), positions_.end(), [&](const FilePosition& position) {
    return position.identity == facts->identity;
  });
  const auto position = known == positions_.end() ? std::nullopt : std::optional(*known);
  auto file = FollowedFile::adopt(std::move(*fd), path, next_stream_, position, at_start && !from_start_);
  if (!file) return refuse(name, path, file.error());
  if (position) positions_.erase(known);
  ++next_stream_;
  const bool rotated = !at_start && has_open(index);
  OpenFile open;
  open.file = std::move(*file);
  open.name = index;
  open.last_growth = now.mono;
  opened_ = true;
  if (as_old) open.old_since = now;
  // By our own descriptor and not by name: the name may lead elsewhere by now.
  auto watch = inotify_.watch(fmt::format("/proc/self/fd/{}", open.file->fd()), IN_MODIFY);
  if (!watch) watch = inotify_.watch(path, IN_MODIFY);
  open.watch = watch ? *watch : -1;
  const auto offset = open.file->offset();
  const auto place =
      as_old ? std::find_if(files_.begin(), files_.end(), [](const OpenFile& f) { return !f.old_since; })
             : files_.end();
  files_.insert(place, std::move(open));
  if (rotated) ++counters_.rotations;
  name.problem.clear();
  tell(Level::info, rotated ? "source.rotated" : "source.following", path,
       offset == 0 ? "from its beginning" : fmt::format("from byte {}", offset));
}

void FileTail::close(std::size_t index) {
  auto& open = files_[index];
  inotify_.forget(open.watch);
  if (positions_.size() >= kMaxPositions) positions_.erase(positions_.begin());
  positions_.push_back(open.file->position());
  const auto stream = open.file->stream();
  files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(index));
  events_.stream_ended(stream);
}

void FileTail::judge_old_files(const Now& now) {
  for (std::size_t i = 0; i < files_.size();) {
    auto& open = files_[i];
    if (!open.old_since) {
      ++i;
      continue;
    }
    OldFile old;
    old.old_since = *open.old_since;
    old.last_growth = open.last_growth;
    old.modified_nanoseconds = open.file->modified_nanoseconds();
    old.drained = !open.dirty;
    old.successor_received = successor_received(open);
    old.newer_old_files = static_cast<std::size_t>(
        std::count_if(files_.begin() + static_cast<std::ptrdiff_t>(i) + 1, files_.end(),
                      [&](const OpenFile& f) { return f.old_since.has_value() && f.name == open.name; }));
    if (writer_stayed(old) && !open.warned) {
      open.warned = true;
      tell(Level::warning, "source.writer_on_old_file", names_[open.name].pattern.path(),
           "coturn still writes to the file that was renamed or deleted, and the new one is empty; both are "
           "read",
           "logrotate must tell coturn to reopen its log (postrotate: systemctl kill -s HUP coturn; only "
           "with log-file, "
           "never with syslog) or use copytruncate");
    }
    const auto fate = fate_of(old, now.mono);
    if (fate == OldFate::close_early) {
      ++counters_.old_files_closed_early;
      tell(Level::warning, "source.old_file_closed", open.file->path(),
           fmt::format(
               "more than {} renamed files are open and the new one is empty; the oldest is no longer read",
               kMaxOldFiles),
           "logrotate must tell coturn to reopen its log, or use copytruncate");
    }
    if (fate == OldFate::keep)
      ++i;
    else
      close(i);
  }
}

bool FileTail::has_open(std::size_t name) const {
  return std::any_of(files_.begin(), files_.end(),
                     [name](const OpenFile& open) { return open.name == name; });
}

bool FileTail::successor_received(const OpenFile& old) const {
  // A younger one that is old already counts as well: the writer has moved on.
  return std::any_of(files_.begin(), files_.end(), [&](const OpenFile& open) {
    const bool younger = &open != &old && open.name == old.name &&
                         (!open.old_since || open.old_since->mono > old.old_since->mono);
    if (!younger) return false;
    return (open.file->offset() > 0 && open.last_growth > old.old_since->mono) || open.file->lag_bytes() > 0;
  });
}

// --- reading
// ------------------------------------------------------------------------------------------------------

void FileTail::schedule_turn() {
  if (scheduled_ || paused_) return;
  scheduled_ = true;
  boost::asio::post(io_, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    scheduled_ = false;
    turn();
  });
}

// One file's next 64 KiB, the oldest file first, so that lines come in the order in which they were written.
void FileTail::turn() {
  if (paused_ || holds_ > 0) return;
  const auto is_dirty = [](const OpenFile& open) { return open.dirty; };
  const auto next = std::find_if(files_.begin(), files_.end(), is_dirty);
  if (next == files_.end()) return;
  auto& file = *next->file;
  const Now now = read_clocks();
  const auto offset_before = file.offset();
  const std::array before{file.splitter().overlong(), file.splitter().nul_bytes()};
  const auto lines_before = counters_.lines;
  bool drained_old = false;
  const auto outcome = file.read(block_, [&](std::string_view text, std::uint64_t offset) {
    ++counters_.lines;
    events_.line({text, file.stream(), offset}, now);
    return !paused_;
  });
  if (file.offset() != offset_before) next->last_growth = now.mono;
  count(*next, offset_before, before);
  if (outcome == FollowedFile::Turn::began_anew) {
    ++counters_.truncations;
    const auto ended = file.stream();
    file.begin_anew(next_stream_++);
    tell(Level::info, "source.truncated", file.path(), "it is read from its beginning");
    events_.stream_ended(ended);
  } else if (outcome == FollowedFile::Turn::failed) {
    next->dirty = false;  // the next tick tries again
    healthy_ = false;
    if (counters_.read_errors++ == 0) {
      tell(Level::error, "source.read_failed", file.path(),
           std::generic_category().message(file.last_error()));
    }
  } else if (outcome == FollowedFile::Turn::drained) {
    next->dirty = false;
    drained_old = next->old_since.has_value();
  }
  if (counters_.lines != lines_before) events_.batch_end(now);
  if (drained_old && files_.size() > kMaxOldFiles) {  // many rotations between two ticks
    judge_old_files(now);
    if (!trail_.empty()) {  // some may have waited for room
      follow_trail(now);
      look(now, false);
    }
  }
  if (std::any_of(files_.begin(), files_.end(), is_dirty)) schedule_turn();
}

void FileTail::count(const OpenFile& open, std::uint64_t offset_before,
                     const std::array<std::uint64_t, 2>& before) {
  counters_.bytes += open.file->offset() - offset_before;
  counters_.overlong += open.file->splitter().overlong() - before[0];
  counters_.nul_bytes += open.file->splitter().nul_bytes() - before[1];
}

// --- what people read
// ---------------------------------------------------------------------------------------------

void FileTail::refuse(Name& name, const std::string& path, const Error& error) {
  const auto index = static_cast<std::size_t>(&name - names_.data());
  const int code = error.code.value();
  const bool missing = code == ENOENT || code == ENOTDIR;
  if (missing && has_open(index)) return;  // between rename and create
  if (!missing) healthy_ = false;
  if (auto problem = missing ? "waiting" : error.message(); problem != name.problem)
    name.problem = std::move(problem);
  else
    return;
  if (missing) {
    const bool no_directory = !look_at(name.pattern.directory);
    tell(Level::warning, "source.waiting", path,
         no_directory ? "its directory does not exist yet; waiting for it"
                      : "it does not exist yet; waiting for it",
         "if coturn logs elsewhere (syslog is Debian's default), set log_file or coturn's log-file and "
         "simple-log");
  } else if (code == EACCES || code == EPERM) {
    auto refusal = explain_refusal(path);
    tell(Level::error, "source.unreadable", path, std::move(refusal.text), std::move(refusal.remedy));
  } else if (code == EINVAL) {
    tell(Level::error, "source.wrong_kind", path, "it is no regular file",
         "set log_file to the file that coturn writes");
  } else {
    tell(Level::error, "source.unreadable", path, error.message());
  }
}

void FileTail::tell(Level level, std::string event, std::string path, std::string text, std::string remedy) {
  events_.notice({level, std::move(event), std::move(path), std::move(text), std::move(remedy)});
}

}  // namespace

Result<std::unique_ptr<LineSource>> make_file_tail(boost::asio::io_context& io,
                                                   const std::vector<std::string>& names, bool from_start,
                                                   SourceEvents events) {
  std::vector<Name> parsed;
  for (const auto& name : names) {
    auto pattern = NamePattern::parse(name);
    if (!pattern) return tl::make_unexpected(pattern.error());
    Name entry;
    entry.pattern = std::move(*pattern);
    parsed.push_back(std::move(entry));
  }
  if (!events.line) events.line = [](const Line&, const Now&) {};
  if (!events.batch_end) events.batch_end = [](const Now&) {};
  if (!events.stream_ended) events.stream_ended = [](StreamId) {};
  if (!events.notice) events.notice = [](const SourceNotice&) {};
  return std::make_unique<FileTail>(io, std::move(parsed), from_start, std::move(events));
}

}  // namespace coturn_guard
