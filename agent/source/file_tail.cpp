// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/file_tail.hpp"

#include <sys/inotify.h>

#include <array>
#include <chrono>
#include <utility>

#include "source/clocks.hpp"
#include "source/followed_file.hpp"
#include "source/inotify.hpp"
#include "source/named_files.hpp"
#include "source/next_turn.hpp"
#include "source/tail_notices.hpp"

namespace coturn_guard {
namespace {

constexpr unsigned kMaxHolds = 16;
constexpr std::chrono::seconds kWriterAskedEach{10};

class FileTail final : public LineSource {
 public:
  FileTail(boost::asio::io_context& io, const std::vector<NamePattern>& names, bool from_start,
           SourceEvents events)
      : events_(std::move(events)),
        inotify_(io, {[this](const auto& happening) { happened(happening); }, [this] { after_events(); }}),
        named_(inotify_, names, from_start, events_, counters_),
        written_by_coturn_(events_.written_by_coturn),
        next_turn_(io, [this] { turn(); }) {}

  void go_on(const std::vector<SavedRecord>& positions, std::int64_t saved_milli) override;
  [[nodiscard]] std::vector<SavedRecord> positions(const std::vector<LinePlace>& waiting) const override;
  void start() override;
  void tick(const Now& now) override;
  void pause() override;
  void resume() override;
  [[nodiscard]] bool healthy() const override { return read_well_ && named_.healthy(); }
  [[nodiscard]] std::uint64_t lag_bytes() const override { return named_.open_files().lag_bytes(); }
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> end_reached() const override {
    return named_.open_files().end_reached();
  }
  [[nodiscard]] const SourceCounters& counters() const override { return counters_; }

 private:
  void happened(const Inotify::Happening& happening);
  void after_events();
  void schedule_turn();
  void turn();
  FollowedFile::Turn read(OpenFile& open, const Now& now);
  void look_for_writers(const Now& now);
  void began_anew(OpenFile& open);
  void failed(OpenFile& open);

  SourceEvents events_;
  SourceCounters counters_;
  Inotify inotify_;
  NamedFiles named_;
  bool written_by_coturn_;
  FollowedFile::Block block_{};
  bool paused_ = false;
  bool read_well_ = true;
  bool look_due_ = false;
  unsigned holds_ = 0;  // readings that waited for more events, in a row
  NextTurn next_turn_;
};

void FileTail::go_on(const std::vector<SavedRecord>& positions, std::int64_t saved_milli) {
  std::vector<SavedFile> files;
  for (const auto& record : positions)
    if (auto file = SavedFile::decode(record)) files.push_back(std::move(*file));
  named_.go_on(std::move(files), saved_milli);
}

std::vector<SavedRecord> FileTail::positions(const std::vector<LinePlace>& waiting) const {
  std::vector<SavedRecord> records;
  for (const auto& file : named_.positions(waiting)) records.push_back(SavedFile::encode(file));
  return records;
}

void FileTail::start() {
  if (const auto opened = inotify_.open(); !opened) events_.notice(tail_notice::no_inotify(opened.error()));
  named_.start(read_clocks());
  inotify_.listen();
  schedule_turn();
}

void FileTail::tick(const Now& now) {
  read_well_ = true;
  named_.tick(now);
  look_for_writers(now);
  schedule_turn();
}

// Coturn may start after us, and reopens its log after a rotation.
void FileTail::look_for_writers(const Now& now) {
  for (OpenFile& open : named_.open_files()) {
    if (open.writer != LogWriter::unknown) continue;
    if (open.writer_asked && now.mono - *open.writer_asked < kWriterAskedEach) continue;
    open.writer_asked = now.mono;
    open.writer = writer_of(open.file->fd(), open.file->identity(), written_by_coturn_);
  }
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

void FileTail::happened(const Inotify::Happening& happening) {
  if ((happening.mask & IN_Q_OVERFLOW) != 0) {  // anything may have happened
    look_due_ = true;
    named_.doubt_everything();
  } else if (named_.happened(happening)) {
    look_due_ = true;
  }
}

void FileTail::after_events() {
  bool hold = false;
  if (look_due_) {
    look_due_ = false;
    const bool opened = named_.look_again(read_clocks());
    // Events that wait may tell of older files, created and renamed away before the one just opened: they
    // come first.
    hold = opened && named_.open_files().room() > 0 && holds_ < kMaxHolds && inotify_.has_more();
  }
  holds_ = hold ? holds_ + 1 : 0;
  turn();
}

void FileTail::schedule_turn() {
  if (!paused_) next_turn_.post();
}

// One file's next 64 KiB, the oldest file first, so that lines come in the order in which they were written.
void FileTail::turn() {
  if (paused_ || holds_ > 0) return;
  auto* const next = named_.open_files().next_dirty();
  if (next == nullptr) return;
  const Now now = read_clocks();
  const auto lines_before = counters_.lines;
  const auto outcome = read(*next, now);
  if (outcome == FollowedFile::Turn::began_anew) began_anew(*next);
  if (outcome == FollowedFile::Turn::failed) failed(*next);
  if (outcome == FollowedFile::Turn::drained) {
    next->dirty = false;
    next->end_seen = now.mono;
  }
  const bool drained_old = outcome == FollowedFile::Turn::drained && next->old_since.has_value();
  if (counters_.lines != lines_before) events_.batch_end(now);
  // Many rotations between two ticks.
  if (drained_old && named_.open_files().size() > kMaxOldFiles) named_.make_room(now);
  if (named_.open_files().next_dirty() != nullptr) schedule_turn();
}

FollowedFile::Turn FileTail::read(OpenFile& open, const Now& now) {
  auto& file = *open.file;
  const auto offset_before = file.offset();
  const auto overlong_before = file.overlong();
  const auto nul_bytes_before = file.nul_bytes();
  const auto undecoded_before = file.undecoded();
  Line line;  // but for its text and place
  line.stream = file.stream();
  line.log = named_.log_of(open);
  line.fresh = open.reads_fresh(now);
  const auto outcome = file.read(block_, [&](std::string_view text, std::uint64_t offset) {
    ++counters_.lines;
    line.text = text;
    line.offset = offset;
    line.place = file.place();
    line.written_milli = file.written_milli();
    line.known = file.is_known();
    line.ends_record = open.writer == LogWriter::coturn && file.ends_file();
    events_.line(line, now);
    return !paused_;
  });
  if (file.offset() != offset_before) open.last_growth = now.mono;
  counters_.bytes += file.offset() - offset_before;
  counters_.overlong += file.overlong() - overlong_before;
  counters_.nul_bytes += file.nul_bytes() - nul_bytes_before;
  counters_.undecoded += file.undecoded() - undecoded_before;
  return outcome;
}

void FileTail::began_anew(OpenFile& open) {
  ++counters_.truncations;
  const auto ended = named_.open_files().begin_anew(open);
  events_.notice(tail_notice::truncated(open.file->path()));
  events_.stream_ended(ended);
}

void FileTail::failed(OpenFile& open) {
  open.dirty = false;  // the next tick tries again
  read_well_ = false;
  if (counters_.read_errors++ == 0)
    events_.notice(tail_notice::read_failed(open.file->path(), open.file->last_error()));
}

}  // namespace

Result<std::unique_ptr<LineSource>> make_file_tail(boost::asio::io_context& io,
                                                   const std::vector<std::string>& names, bool from_start,
                                                   SourceEvents events) {
  std::vector<NamePattern> patterns;
  for (const auto& name : names) {
    auto pattern = NamePattern::parse(name);
    if (!pattern) return tl::make_unexpected(pattern.error());
    patterns.push_back(std::move(*pattern));
  }
  events.fill_in();
  return std::make_unique<FileTail>(io, patterns, from_start, std::move(events));
}

}  // namespace coturn_guard
