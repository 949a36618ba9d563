// SPDX-License-Identifier: GPL-3.0-or-later
#include "lasting_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "events.hpp"
#include "util/random_seed.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kRetry{60};
constexpr milliseconds kPatienceAtStart{500};
// The mark tells how long we were gone; while nothing else is written it may be so old, and a wall clock that
// was set by more than this has it written at once.
constexpr seconds kMarkEvery{600};
constexpr std::int64_t kWallStep = 2000;

std::int64_t wall_ahead(const Now& now) {
  return std::chrono::duration_cast<milliseconds>(now.wall.time_since_epoch()).count() -
         std::chrono::duration_cast<milliseconds>(now.mono.time_since_epoch()).count();
}

std::int64_t seconds_since_1970(const Now& now) {
  return std::chrono::duration_cast<seconds>(now.wall.time_since_epoch()).count();
}

// Rules by number, as records name them.
std::string names_of(const RuleSet& rules) {
  std::string names;
  for (const Rule& rule : rules.rules()) names += rule.name + "\n";
  return names;
}

// The present number of each rule of `names`, if there is still one of that name.
std::vector<std::optional<RuleId>> numbers_now(std::string_view names, const RuleSet& rules) {
  std::vector<std::optional<RuleId>> numbers;
  while (!names.empty()) {
    const auto end = std::min(names.find('\n'), names.size());
    numbers.push_back(rules.find(names.substr(0, end)));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return numbers;
}

}  // namespace

std::string boot_identity() {
  const UniqueFd id(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::array<char, 36> text{};
  if (id && ::read(id.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
    return std::string(text.data(), text.size());
  struct statfs system {};
  struct statx birth {};
  if (::statfs("/run", &system) != 0 || system.f_type != TMPFS_MAGIC) return {};
  if (::statx(AT_FDCWD, "/run", 0, STATX_BTIME, &birth) != 0 || (birth.stx_mask & STATX_BTIME) == 0)
    return {};
  return fmt::format("run:{}.{:09}", birth.stx_btime.tv_sec, birth.stx_btime.tv_nsec);
}

LastingMemory::LastingMemory(std::string file, Log& log, const Now& now)
    : file_(std::move(file)), log_(log), seed_(random_seed()), scale_(now), boot_(boot_identity()) {
  if (!file_.empty()) open(now);
}

void LastingMemory::open(const Now& now) {
  std::optional<StateDb> db;
  for (bool again = true; again;) {
    again = false;
    auto opened = StateDb::open(file_, kPatienceAtStart);
    auto loaded =
        opened ? opened->load() : StateResult<std::optional<SavedState>>(tl::unexpect, opened.error());
    if (loaded) {
      saved_ = std::move(*loaded);
      db.emplace(std::move(*opened));
    } else if (loaded.error().trouble == StateTrouble::broken) {
      if (opened) opened = tl::unexpected(loaded.error());  // closed before it is renamed
      tell(loaded.error(), now);
      const auto aside = set_aside(file_, seconds_since_1970(now));
      if (aside) tell_set_aside(*aside, now);
      again = aside.has_value();
    } else {
      tell(loaded.error(), now);
    }
  }
  // Beyond its scale of 16 years, or from a file that somebody wrote by hand, nothing makes sense.
  if (saved_) {
    const LastingScale goes_on(saved_->head.mark, boot_, now);
    if (goes_on.at(now.mono) < kScaleEnd - kScaleOrigin) {
      scale_ = goes_on;
      seed_ = saved_->head.seed;
    } else {
      saved_.reset();
      everything_ = true;
    }
  }
  if (!db) {
    everything_ = anew_ = true;
    retry_ = now.mono + kRetry;
  } else if (!saved_) {
    everything_ = true;
  }
  writer_ = std::make_unique<StateWriter>(file_, std::move(db));
}

void LastingMemory::restore(Pipeline& pipeline, SavedBans& bans, const std::string& source, const Now& now) {
  if (!saves()) return;
  pipeline.begin(scale_.origin());
  if (!saved_) return;
  const auto tick = scale_.at(now.mono);
  positions_source_ = saved_->head.source;
  saved_milli_ = saved_->head.mark.wall_milli;
  pipeline.load(*saved_, numbers_now(saved_->head.rules, pipeline.rules()), source == positions_source_, now);
  for (const SavedBan& ban : saved_->bans)
    pipeline.note_dropped(ban.network,
                          std::chrono::ceil<std::chrono::seconds>(scale_.moment(ban.until) - now.mono), now);
  bans.load(saved_->bans);
  for (auto& record : saved_->records)
    if (record.kind == SavedRecord::Kind::position) positions_.push_back(std::move(record));
  log_.write(events::kStateRestored,
             {{"file", file_},
              {"offenders", std::to_string(pipeline.ledger().size())},
              {"bans", std::to_string(bans.size())},
              {"sessions", std::to_string(pipeline.attribution().sessions())},
              {"seconds", std::to_string((tick - std::min(tick, saved_->head.mark.tick)) / 1000)}},
             now.mono);
  saved_.reset();
}

void LastingMemory::go_on(LineSource& line_source, const std::string& source) const {
  if (saves() && source == positions_source_) line_source.go_on(positions_, saved_milli_);
}

bool LastingMemory::due(const Now& now) {
  if (!saves()) return false;
  take_outcome(now);
  return writer_->idle() && (!anew_ || now.mono >= retry_);
}

void LastingMemory::save(const Moment& moment, const Now& now) {
  const bool mark_due =
      now.mono - marked_ >= kMarkEvery || std::abs(wall_ahead(now) - wall_ahead_) > kWallStep;
  StateBatch batch = gather(moment, now);
  if (batch.empty() && !mark_due) return;
  marked_ = now.mono;
  wall_ahead_ = wall_ahead(now);
  writer_->write(std::move(batch), std::exchange(anew_, false), seconds_since_1970(now));
}

StateBatch LastingMemory::gather(const Moment& moment, const Now& now) {
  StateBatch batch;
  batch.head = {scale_.mark(boot_, now), seed_, names_of(moment.pipeline.rules()), moment.source,
                moment.pipeline.policy().findtime.count()};
  if (everything_) moment.pipeline.note_everything();
  moment.pipeline.save_changes(batch);
  moment.bans.save_changes(batch, everything_);
  gather_positions(moment, batch);
  everything_ = false;
  return batch;
}

void LastingMemory::gather_positions(const Moment& moment, StateBatch& batch) {
  const bool other_source = everything_ || moment.source != positions_source_;
  if (other_source) batch.clear_records.push_back(SavedRecord::Kind::position);
  for (const auto& old : positions_) {
    const bool stays = std::any_of(moment.positions.begin(), moment.positions.end(),
                                   [&](const SavedRecord& now_there) { return now_there.key == old.key; });
    if (!stays && !other_source) batch.records_gone.push_back({old.kind, old.key});
  }
  for (const auto& position : moment.positions)
    if (other_source || std::find(positions_.begin(), positions_.end(), position) == positions_.end())
      batch.records.push_back(position);
  positions_ = moment.positions;
  positions_source_ = moment.source;
}

void LastingMemory::finish(const Moment& moment, const Now& now) {
  if (!saves()) return;
  if (writer_->wait(StateWriter::kLongestStop)) {
    take_outcome(now);
    marked_ = {};
    // A file that could not be opened an hour ago is not worth waiting for again.
    if (!anew_) save(moment, now);
  } else {
    tell({StateTrouble::unwritable,
          {std::make_error_code(std::errc::timed_out),
           fmt::format("write {}: the disk does not answer", file_)}},
         now);
  }
  static_cast<void>(writer_->wait(StateWriter::kLongestStop));
  take_outcome(now);
  writer_.reset();
}

void LastingMemory::take_outcome(const Now& now) {
  const auto outcome = writer_->take_outcome();
  if (!outcome) return;
  bytes_ = outcome->bytes;
  if (!outcome->set_aside.empty()) tell_set_aside(outcome->set_aside, now);
  if (!outcome->failure) {
    if (!told_.empty())
      log_.write(events::kStateSaved, {{"file", file_}, {"text", "what is known is saved again"}}, now.mono);
    told_.clear();
    return;
  }
  tell(*outcome->failure, now);
  everything_ = anew_ = true;
  retry_ = outcome->failure->trouble == StateTrouble::broken ? now.mono : now.mono + kRetry;
}

void LastingMemory::tell(const StateFailure& failure, const Now& now) {
  std::string remedy;
  switch (failure.trouble) {
    case StateTrouble::broken:
      remedy = "it is set aside, and a new one begun; the bans in the kernel stand";
      break;
    case StateTrouble::newer: remedy = "install the later version again, or move the file away"; break;
    case StateTrouble::unwritable:
      remedy = fmt::format(
          "make room, or let the daemon's user write to the directory of {}; until then a restart forgets "
          "offences; it is tried again each minute",
          file_);
      break;
  }
  auto text = failure.error.message();
  if (text == told_) return;
  log_.write(events::kStateFailed, {{"problem", text}, {"remedy", remedy}}, now.mono);
  told_ = std::move(text);
}

void LastingMemory::tell_set_aside(const std::string& aside, const Now& now) {
  log_.write(events::kStateSetAside, {{"file", file_}, {"aside", aside}}, now.mono);
}

}  // namespace coturn_guard
