// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/watched_directories.hpp"

#include <sys/inotify.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

#include "source/tail_notices.hpp"

namespace coturn_guard {
namespace {

// What changes a directory's names. Not IN_MODIFY: in /var/log it would wake us for every line of everybody.
constexpr std::uint32_t kDirectoryMask =
    IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

WatchedDirectories::WatchedDirectories(Inotify& inotify, const std::vector<NamePattern>& names, Tell tell)
    : inotify_(inotify), tell_(std::move(tell)) {
  for (const auto& name : names) names_.push_back({name, {}});
}

void WatchedDirectories::refresh() {
  for (auto& directory : directories_) directory.expected.clear();
  for (std::size_t i = 0; i < names_.size(); ++i) {
    auto& name = names_[i];
    watch(i, name.pattern);
    if (name.pattern.is_glob) continue;
    // The target of a symbolic link is renamed and created in its own directory.
    const std::unique_ptr<char, void (*)(void*)> real(::realpath(name.pattern.path().c_str(), nullptr),
                                                      &std::free);
    if (real) {
      const auto target = NamePattern::parse(real.get());
      name.target = target && target->path() != name.pattern.path() ? std::optional(*target) : std::nullopt;
    }
    if (name.target) watch(i, *name.target);
  }
  std::erase_if(directories_, [this](const Directory& directory) {
    const bool unused = directory.expected.empty();
    if (unused) inotify_.forget(directory.watch);
    return unused;
  });
}

void WatchedDirectories::watch(std::size_t name, const NamePattern& pattern) {
  const auto& path = pattern.directory;
  auto known =
      std::find_if(directories_.begin(), directories_.end(), [&](const auto& d) { return d.path == path; });
  if (known == directories_.end()) known = directories_.insert(known, {path, -1, {}, {}, {}});
  known->expected.push_back({pattern, name});
  const auto facts = look_at(path);
  if (!facts) return;  // the look at the name tells
  if (known->watch >= 0 && known->identity == facts->identity) return;
  inotify_.forget(known->watch);
  const auto watch = inotify_.watch(path, kDirectoryMask);
  known->watch = watch ? *watch : -1;
  known->identity = facts->identity;
  auto problem = watch ? std::string() : watch.error().message();
  if (!watch && problem != known->problem) tell_(tail_notice::directory_not_watched(path, watch.error()));
  known->problem = std::move(problem);
}

bool WatchedDirectories::happened(const Inotify::Happening& happening) {
  bool look_due = false;
  for (auto& directory : directories_) {
    if (directory.watch != happening.watch) continue;
    if ((happening.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) {
      directory.watch = -1;
      look_due = true;
      continue;
    }
    const bool ours =
        std::any_of(directory.expected.begin(), directory.expected.end(),
                    [&](const Expected& expected) { return expected.pattern.matches(happening.name); });
    if ((happening.mask & IN_MOVED_FROM) != 0) {
      trail_.moved_from(happening.watch, happening.name, happening.cookie, ours);
    } else if ((happening.mask & IN_MOVED_TO) != 0) {
      trail_.moved_to(happening.watch, happening.name, happening.cookie);
    }
    look_due = look_due || ours;
  }
  return look_due;
}

void WatchedDirectories::follow_trail(std::size_t limit, const Visit& visit) {
  for (const auto& place : trail_.take(limit)) {
    const auto directory = std::find_if(directories_.begin(), directories_.end(),
                                        [&](const auto& d) { return d.watch == place.directory; });
    if (directory == directories_.end()) continue;
    const auto path = directory->path + "/" + place.name;
    if (const auto facts = look_at(path))
      visit(directory->expected.front().name, path, *facts);
    else
      trail_.put_back(place);
  }
}

}  // namespace coturn_guard
