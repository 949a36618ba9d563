// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/followed_name.hpp"

#include <cerrno>
#include <utility>

#include "source/rotation.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMaxListedFiles = 1024;  // that one glob may match
// A change right after the listing may leave the directory's mtime as it was: its clock ticks 100 times a
// second.
constexpr std::int64_t kSettledNanoseconds = 2'000'000'000;

}  // namespace

Result<FollowedName::Look> FollowedName::look(const Now& now) {
  return pattern_.is_glob ? look_at_glob(now) : look_at_path();
}

Result<FollowedName::Look> FollowedName::look_at_path() const {
  auto path = pattern_.path();
  const auto facts = look_at(path);
  if (!facts) return tl::make_unexpected(facts.error());
  if (facts->kind != FileKind::regular) return fail(EINVAL, "open {}", path);
  Look look;
  look.found.push_back({std::move(path), *facts});
  look.current.push_back(0);
  return look;
}

Result<FollowedName::Look> FollowedName::look_at_glob(const Now& now) {
  const auto directory = look_at(pattern_.directory);
  if (!directory) return tl::make_unexpected(directory.error());
  Look look;
  look.as_before = listed_nanoseconds_ == directory->modified_nanoseconds && !relist_;
  if (look.as_before) return look;
  auto found = list_matches(pattern_, kMaxListedFiles, look.ignored);
  if (!found) return tl::make_unexpected(found.error());
  const bool settled =
      nanoseconds_since_1970(now.wall) - directory->modified_nanoseconds > kSettledNanoseconds;
  listed_nanoseconds_ = settled ? directory->modified_nanoseconds : 0;
  relist_ = false;
  std::vector<FileFacts> facts;
  for (const auto& sighting : *found) facts.push_back(sighting.facts);
  look.found = std::move(*found);
  look.current = newest(facts, kMaxCurrentFiles);
  look.ignored += facts.size() - look.current.size();
  return look;
}

bool FollowedName::is_news(std::string problem) {
  if (problem == problem_) return false;
  problem_ = std::move(problem);
  return true;
}

}  // namespace coturn_guard
