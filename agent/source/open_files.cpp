// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/open_files.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>

#include <algorithm>
#include <utility>

#include "source/file_look.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMaxOpenFiles = 64;    // a storm of rotations: until the old ones are drained
constexpr std::size_t kMaxPositions = 1024;  // of files that are closed

}  // namespace

Result<OpenFile*> OpenFiles::open(const std::string& path, const Opening& how, const Now& now) {
  if (room() == 0) return nullptr;  // old ones are closed as they are drained
  auto fd = open_regular(path);
  if (!fd) {
    // Should it become readable later, only what comes from now on is new.
    if (const auto there = look_at(path); there && how.from_end) remember({there->identity, there->size, {}});
    return tl::make_unexpected(fd.error());
  }
  const auto facts = look_at(fd->get(), path);
  if (!facts || reach(facts->identity)) return nullptr;  // switched between look and open
  const auto known = std::find_if(positions_.begin(), positions_.end(), [&](const Closed& closed) {
    return closed.position.identity == facts->identity;
  });
  const auto position = known == positions_.end() ? std::nullopt : std::optional(known->position);
  auto opened = take_in(std::move(*fd), path, how, position, now);
  if (opened && position) positions_.erase(known);
  return opened;
}

Result<OpenFile*> OpenFiles::open_again(const std::string& path, const Opening& how, const SavedFile& saved,
                                        const Now& now) {
  if (room() == 0) return nullptr;
  auto fd = open_regular(path);
  if (!fd) return tl::make_unexpected(fd.error());
  const auto facts = look_at(fd->get(), path);
  if (!facts || reach(facts->identity)) return nullptr;
  FilePosition position = saved.position;
  position.identity = facts->identity;
  auto opened = take_in(std::move(*fd), path, how, position, now);
  if (!opened || *opened == nullptr) return opened;
  FollowedFile& file = *(*opened)->file;
  if (file.offset() != saved.position.offset || saved.position.offset == 0) return opened;  // it began anew
  if (auto again = file.read_again(saved.counted, saved.waiting); !again)
    return tl::make_unexpected(again.error());
  return opened;
}

Result<OpenFile*> OpenFiles::take_in(UniqueFd fd, const std::string& path, const Opening& how,
                                     const std::optional<FilePosition>& position, const Now& now) {
  auto file = FollowedFile::adopt(std::move(fd), path, next_stream_, position, how.from_end);
  if (!file) return tl::make_unexpected(file.error());
  ++next_stream_;
  OpenFile open;
  open.file = std::move(*file);
  open.name = how.name;
  open.last_growth = now.mono;
  if (how.as_old) open.old_since = now;
  // By our own descriptor and not by name: the name may lead elsewhere by now.
  auto watch = inotify_.watch(fmt::format("/proc/self/fd/{}", open.file->fd()), IN_MODIFY);
  if (!watch) watch = inotify_.watch(path, IN_MODIFY);
  open.watch = watch ? *watch : -1;
  const auto place =
      how.as_old ? std::find_if(files_.begin(), files_.end(), [](const OpenFile& f) { return !f.old_since; })
                 : files_.end();
  return &*files_.insert(place, std::move(open));
}

StreamId OpenFiles::close(std::size_t index) {
  const auto& open = files_[index];
  inotify_.forget(open.watch);
  if (positions_.size() >= kMaxPositions) positions_.erase(positions_.begin());
  positions_.push_back(
      {open.file->position(), open.file->stream(), open.file->counted(), open.name, open.file->path()});
  const auto stream = open.file->stream();
  files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(index));
  return stream;
}

StreamId OpenFiles::begin_anew(OpenFile& open) {
  const auto ended = open.file->stream();
  open.file->begin_anew(next_stream_++);
  return ended;
}

void OpenFiles::remember(const FilePosition& position) {
  if (positions_.size() < kMaxPositions) positions_.push_back({position, 0, position.offset, 0, {}});
}

std::vector<SavedFile> OpenFiles::positions(const std::vector<LinePlace>& waiting,
                                            const std::function<std::string(std::size_t)>& name_of) const {
  std::vector<SavedFile> saved;
  saved.reserve(files_.size() + positions_.size());
  for (const auto& closed : positions_)
    saved.push_back(
        {.position = closed.position,
         .counted = closed.counted,
         .waiting = closed.stream == 0 ? std::vector<std::uint64_t>{} : places_in(closed.stream, waiting),
         .name = name_of(closed.name),
         .path = closed.path,
         .order = saved.size(),
         .open = false});
  for (const auto& open : files_) {
    auto places = places_in(open.file->stream(), waiting);
    const auto still = open.file->still_waiting();
    places.insert(places.end(), still.begin(), still.end());  // they stand behind what was read again
    saved.push_back({.position = open.file->position(),
                     .counted = open.file->counted(),
                     .waiting = std::move(places),
                     .name = name_of(open.name),
                     .path = open.file->path(),
                     .order = saved.size(),
                     .open = true});
  }
  return saved;
}

OpenFile* OpenFiles::find(const FileIdentity& identity) {
  const auto open = std::find_if(files_.begin(), files_.end(),
                                 [&](const OpenFile& f) { return f.file->identity() == identity; });
  return open == files_.end() ? nullptr : &*open;
}

bool OpenFiles::reach(const FileIdentity& identity) {
  auto* const open = find(identity);
  if (open != nullptr) open->reached = true;
  return open != nullptr;
}

bool OpenFiles::has(std::size_t name) const {
  return std::any_of(files_.begin(), files_.end(),
                     [name](const OpenFile& open) { return open.name == name; });
}

OpenFile* OpenFiles::next_dirty() {
  const auto next =
      std::find_if(files_.begin(), files_.end(), [](const OpenFile& open) { return open.dirty; });
  return next == files_.end() ? nullptr : &*next;
}

void OpenFiles::mark_dirty(int watch) {
  for (auto& open : files_) {
    if (open.watch == watch) open.dirty = true;
  }
}

void OpenFiles::mark_all_dirty() {
  for (auto& open : files_) open.dirty = true;
}

OldFile OpenFiles::old_file(std::size_t index) const {
  const auto& open = files_[index];
  OldFile old;
  old.old_since = *open.old_since;
  old.last_growth = open.last_growth;
  old.modified_nanoseconds = open.file->modified_nanoseconds();
  old.drained = !open.dirty;
  old.successor_received = successor_received(open);
  old.newer_old_files = static_cast<std::size_t>(
      std::count_if(files_.begin() + static_cast<std::ptrdiff_t>(index) + 1, files_.end(),
                    [&](const OpenFile& f) { return f.old_since.has_value() && f.name == open.name; }));
  return old;
}

bool OpenFiles::successor_received(const OpenFile& old) const {
  // A younger one that is old already counts as well: the writer has moved on.
  return std::any_of(files_.begin(), files_.end(), [&](const OpenFile& open) {
    const bool younger = &open != &old && open.name == old.name &&
                         (!open.old_since || open.old_since->mono > old.old_since->mono);
    if (!younger) return false;
    return (open.file->offset() > 0 && open.last_growth > old.old_since->mono) || open.file->lag_bytes() > 0;
  });
}

std::uint64_t OpenFiles::lag_bytes() const {
  std::uint64_t lag = 0;
  for (const auto& open : files_) lag += open.file->lag_bytes();
  return lag;
}

std::optional<std::chrono::steady_clock::time_point> OpenFiles::end_reached() const {
  std::optional<std::chrono::steady_clock::time_point> earliest;
  for (const auto& open : files_) {
    if (open.file->lag_bytes() == 0) continue;
    if (!open.end_seen) return std::nullopt;
    earliest = earliest ? std::min(*earliest, *open.end_seen) : *open.end_seen;
  }
  return earliest;
}

std::size_t OpenFiles::room() const {
  return kMaxOpenFiles - files_.size();
}

}  // namespace coturn_guard
