// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/named_files.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <utility>

#include "model/log_number.hpp"
#include "source/file_positions.hpp"
#include "source/tail_notices.hpp"

namespace coturn_guard {
namespace {

constexpr unsigned kTicksBetweenListings = 60;
constexpr std::size_t kMaxBeside = 4096;   // files in a log's directory that are looked at after a restart
constexpr std::size_t kTellingBytes = 64;  // of a fingerprint: less may stand in another file, too
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
  if (resuming_) resume(now);
  look(now, true);
}

void NamedFiles::go_on(std::vector<SavedFile> saved, std::int64_t saved_milli) {
  saved_ = std::move(saved);
  resuming_ = true;
  saved_nanoseconds_ = saved_milli * 1'000'000 - kStampLagNanoseconds;
}

std::vector<SavedFile> NamedFiles::positions(const std::vector<LinePlace>& waiting) const {
  return files_.positions(waiting, [this](std::size_t name) { return names_[name].pattern().path(); });
}

// What stands in the directory of a name and has that name or had it: itself, or renamed by a rotation. Also
// what an earlier run read under it, whatever it is called now.
std::vector<NamedFiles::Found> NamedFiles::find_beside(std::size_t name) {
  const auto& pattern = names_[name].pattern();
  std::size_t ignored = 0;
  auto listed = list_matches({pattern.directory, "*", true}, kMaxBeside, ignored);
  if (!listed) return {};
  std::vector<Found> all;
  for (auto& sighting : *listed) {
    const auto& path = sighting.path;
    const std::string_view file_name = std::string_view(path).substr(path.rfind('/') + 1);
    const auto known = std::find_if(saved_.begin(), saved_.end(), [&](const SavedFile& saved) {
      return saved.position.identity == sighting.facts.identity;
    });
    Found found;
    found.name = name;
    found.current = pattern.matches(file_name);
    found.saved = known == saved_.end() ? nullptr : &*known;
    const std::int64_t birth = sighting.facts.identity.birth_nanoseconds;
    const bool came_since = (birth != 0 ? birth : sighting.facts.modified_nanoseconds) >= saved_nanoseconds_;
    const bool rotated = !pattern.is_glob && came_since && may_be_rotated(file_name, pattern.name);
    const bool of_this_name = found.saved != nullptr && found.saved->name == pattern.path();
    if (!found.current && !rotated && !of_this_name) continue;
    // What a glob named before and nobody followed is no news.
    if (found.current && pattern.is_glob && found.saved == nullptr && !came_since) continue;
    found.sighting = std::move(sighting);
    all.push_back(std::move(found));
  }
  return all;
}

// The bytes that stood before the saved place stand there.
bool NamedFiles::holds(const Sighting& sighting, const SavedFile& saved) {
  const auto expected = saved.position.before.view();
  if (sighting.facts.size < saved.position.offset) return false;
  const auto fd = open_regular(sighting.path);
  if (!fd) return false;
  std::array<char, kFingerprintBytes> bytes{};
  const auto got = ::pread(fd->get(), bytes.data(), expected.size(),
                           static_cast<off_t>(saved.position.offset - expected.size()));
  return got >= 0 && std::string_view(bytes.data(), static_cast<std::size_t>(got)) == expected;
}

// `cp` and then truncation (logrotate's copytruncate), or a copy over a file system's border: another file
// with the very bytes before our place.
const SavedFile* NamedFiles::copied_from(const Found& found) const {
  const auto original = std::find_if(saved_.begin(), saved_.end(), [&](const SavedFile& saved) {
    return saved.name == names_[found.name].pattern().path() &&
           saved.position.before.size() >= kTellingBytes && holds(found.sighting, saved);
  });
  return original == saved_.end() ? nullptr : &*original;
}

// Files go on where they were read to, wherever a rotation has put them; what came meanwhile is read from its
// beginning; the older lines first.
void NamedFiles::resume(const Now& now) {
  std::vector<Found> all;
  for (std::size_t name = 0; name < names_.size(); ++name) {
    auto beside = find_beside(name);
    std::move(beside.begin(), beside.end(), std::back_inserter(all));
  }
  for (auto& found : all) {
    const auto intact = [&](const SavedFile& saved) {
      return std::any_of(all.begin(), all.end(), [&](const Found& other) {
        return other.sighting.facts.identity == saved.position.identity && holds(other.sighting, saved);
      });
    };
    if (found.saved == nullptr) {
      found.saved = copied_from(found);
      // A copy of what still stands there tells nothing new.
      if (found.saved != nullptr && intact(*found.saved) && !found.current) found.sighting.path.clear();
    }
    found.order = found.saved != nullptr ? found.saved->order : saved_.size();
  }
  std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) {
    if (a.current != b.current) return b.current;
    if (a.order != b.order) return a.order < b.order;
    return a.sighting.facts.modified_nanoseconds < b.sighting.facts.modified_nanoseconds;
  });
  for (const auto& found : all) {
    const auto& [path, facts] = found.sighting;
    if (path.empty()) continue;
    // Closed and quiet since: remembered, should it come back under the name.
    const bool wanted = found.current || found.saved == nullptr || found.saved->open ||
                        !found.saved->waiting.empty() || facts.size > found.saved->position.offset;
    const bool ignored_before = found.saved != nullptr && found.saved->path.empty();
    if (!wanted || ignored_before) continue;
    const OpenFiles::Opening how{found.name, false, !found.current};
    const auto opened = found.saved != nullptr ? files_.open_again(path, how, *found.saved, now)
                                               : files_.open(path, how, now);
    if (!opened) {
      refuse(found.name, path, opened.error());
    } else if (*opened != nullptr) {
      events_.notice(
          tail_notice::following(path, (*opened)->file->offset(), (*opened)->file->counted(), false));
    }
  }
  for (const auto& saved : saved_)
    if (files_.find(saved.position.identity) == nullptr && !saved.open) files_.remember(saved.position);
  tell_missing(all);
  saved_.clear();
}

void NamedFiles::tell_missing(const std::vector<Found>& all) {
  for (const auto& saved : saved_) {
    const bool there = std::any_of(all.begin(), all.end(), [&](const Found& found) {
      return found.saved == &saved || found.sighting.facts.identity == saved.position.identity;
    });
    if (saved.open && !there) events_.notice(tail_notice::missing(saved.path, saved.position.offset));
  }
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

std::uint32_t NamedFiles::log_of(const OpenFile& open) const {
  const NamePattern& pattern = names_[open.name].pattern();
  if (!pattern.is_glob) return static_cast<std::uint32_t>(open.name);
  const std::string& path = open.file->path();
  return log_number(without_rotation(std::string_view(path).substr(path.rfind('/') + 1)),
                    log_number(pattern.path()));
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
  events_.notice(tail_notice::following(path, (*opened)->file->offset(), 0, rotated));
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
