// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/named_files.hpp"

#include <cerrno>
#include <utility>

#include "source/tail_notices.hpp"

namespace coturn_guard {
namespace {

constexpr unsigned kTicksBetweenListings = 60;
// The kernel stamps files with a clock that may lag by a tick (10 ms at HZ=100).
constexpr std::int64_t kStampLagNanoseconds = 100'000'000;

}  // namespace

NamedFiles::NamedFiles(Inotify& inotify, const std::vector<NamePattern>& names, bool from_start,
                       const SourceEvents& events, SourceCounters& counters)
    : events_(events),
      counters_(counters),
      names_(names.begin(), names.end()),
      directories_(inotify, names, events.notice),
      files_(inotify),
      from_start_(from_start) {}

void NamedFiles::start(const Now& now) {
  started_nanoseconds_ = nanoseconds_since_1970(now.wall) - kStampLagNanoseconds;
  directories_.refresh();  // before the first look: what happens between the two is told by an event
  look(now, true);
}

void NamedFiles::tick(const Now& now) {
  healthy_ = true;
  directories_.tick();
  if (++ticks_ % kTicksBetweenListings == 0) relist();
  directories_.refresh();
  look(now, false);
  for (auto& open : files_) {
    if (open.file->changed())
      open.dirty = true;
    else if (!open.dirty)
      open.end_seen = now.mono;
  }
  judge_old_files(now);
}

bool NamedFiles::happened(const Inotify::Happening& happening) {
  files_.mark_dirty(happening.watch);
  return directories_.happened(happening);
}

void NamedFiles::doubt_everything() {
  relist();
  files_.mark_all_dirty();
}

bool NamedFiles::look_again(const Now& now) {
  relist();
  directories_.refresh();
  opened_ = false;
  follow_trail(now);
  look(now, false);
  return opened_;
}

void NamedFiles::make_room(const Now& now) {
  judge_old_files(now);
  if (!directories_.trail_waits()) return;
  follow_trail(now);
  look(now, false);
}

void NamedFiles::relist() {
  for (auto& name : names_) name.relist();
}

void NamedFiles::look(const Now& now, bool at_start) {
  for (auto& open : files_) open.reached = false;
  for (std::size_t i = 0; i < names_.size(); ++i) look_at_name(i, now, at_start);
  for (auto& open : files_) {
    if (open.reached)
      open.old_since.reset();
    else if (!open.old_since)
      open.old_since = now;
  }
  looked_ = now;
}

void NamedFiles::look_at_name(std::size_t index, const Now& now, bool at_start) {
  const auto& pattern = names_[index].pattern();
  const auto look = names_[index].look(now);
  if (!look) return refuse(index, pattern.path(), look.error());
  if (look->as_before) {
    for (auto& open : files_) open.reached = open.reached || (open.name == index && !open.old_since);
    return;
  }
  if (look->found.empty() && !files_.has(index)) {
    return refuse(index, pattern.path(),
                  Error{std::make_error_code(std::errc::no_such_file_or_directory), "list"});
  }
  for (const auto i : look->current) {
    const auto& [path, facts] = look->found[i];
    if (!files_.reach(facts.identity)) open(path, {index, at_start && !from_start_, false}, now, at_start);
  }
  if (!pattern.is_glob) return;
  counters_.files_ignored = look->ignored;
  if (!at_start || from_start_) return;
  for (const auto& [path, facts] : look->found) {  // should one of them grow later, only that is new
    if (!files_.reach(facts.identity)) files_.remember({facts.identity, facts.size, {}});
  }
}

void NamedFiles::follow_trail(const Now& now) {
  directories_.follow_trail(
      files_.room(), [&](std::size_t name, const std::string& path, const FileFacts& facts) {
        // What is older than we are had its lines written before: an older generation that logrotate moves
        // along.
        const bool older =
            facts.identity.birth_nanoseconds != 0 && facts.identity.birth_nanoseconds < started_nanoseconds_;
        if (facts.kind != FileKind::regular || older) return;
        if (auto* const known = files_.find(facts.identity)) {
          if (!known->old_since) known->old_since = now;  // what we find next stands after it
        } else {
          open(path, {name, false, true}, now, false);
        }
      });
}

void NamedFiles::open(const std::string& path, const OpenFiles::Opening& how, const Now& now, bool at_start) {
  const bool rotated = !at_start && files_.has(how.name);
  const auto opened = files_.open(path, how, now);
  if (!opened) return refuse(how.name, path, opened.error());
  if (*opened == nullptr) return;
  opened_ = true;
  (*opened)->end_seen = end_seen(*(*opened)->file, how, now, at_start);
  if (rotated) ++counters_.rotations;
  names_[how.name].solved();
  events_.notice(tail_notice::following(path, (*opened)->file->offset(), rotated));
}

// What stands in a file that came after our last look was written after it. A file that is older, or that we
// were not let into, may hold anything.
std::optional<std::chrono::steady_clock::time_point> NamedFiles::end_seen(const FollowedFile& file,
                                                                          const OpenFiles::Opening& how,
                                                                          const Now& now,
                                                                          bool at_start) const {
  if (at_start) return how.from_end ? std::optional(now.mono) : std::nullopt;
  const auto birth = file.identity().birth_nanoseconds;
  const bool older = birth != 0 && birth < nanoseconds_since_1970(looked_.wall) - kStampLagNanoseconds;
  if (older || names_[how.name].was_refused()) return std::nullopt;
  return looked_.mono;
}

void NamedFiles::judge_old_files(const Now& now) {
  for (std::size_t i = 0; i < files_.size();) {
    auto& open = files_[i];
    if (!open.old_since) {
      ++i;
      continue;
    }
    const auto old = files_.old_file(i);
    if (writer_stayed(old) && !open.warned) {
      open.warned = true;
      events_.notice(tail_notice::writer_on_old_file(names_[open.name].pattern().path()));
    }
    const auto fate = fate_of(old, now.mono);
    if (fate == OldFate::keep) {
      ++i;
      continue;
    }
    if (fate == OldFate::close_early) {
      ++counters_.old_files_closed_early;
      events_.notice(tail_notice::old_file_closed(open.file->path()));
    }
    events_.stream_ended(files_.close(i));
  }
}

void NamedFiles::refuse(std::size_t index, const std::string& path, const Error& error) {
  const bool missing = tail_notice::is_missing(error);
  if (missing && files_.has(index)) return;  // between rename and create
  // What is missing or forbidden is a state that the operator was told of: being restarted for it would mend
  // nothing.
  const bool forbidden =
      error.code == std::errc::permission_denied || error.code == std::errc::operation_not_permitted;
  if (!missing && !forbidden) healthy_ = false;
  auto& name = names_[index];
  if (!name.is_news(missing ? FollowedName::kWaiting : error.message())) return;
  events_.notice(tail_notice::refused(name.pattern(), path, error));
}

}  // namespace coturn_guard
