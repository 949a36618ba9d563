// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/journal.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

#include "model/log_number.hpp"
#include "source/clocks.hpp"
#include "source/fresh.hpp"
#include "source/journal_notices.hpp"
#include "source/journal_reader.hpp"
#include "source/line_splitter.hpp"
#include "source/next_turn.hpp"
#include "util/lifetime.hpp"
#include "util/packed.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kTurnBytes = 65'536;  // handed over before others get their turn
constexpr std::size_t kTurnEntries = 1024;
// More than any text of an attacker's: what stands behind a gap is not believed on the word of what stood
// before it.
constexpr std::uint64_t kGapBytes = 65'536;
// Entries before our place that say what the next ones are: announcements reach so far among one thread's
// lines.
constexpr std::uint64_t kLearntEntries = 256;
// Entries are numbered from here on, so that some before the first can be numbered, too.
constexpr std::uint64_t kFirstEntry = std::uint64_t{1} << 32;
constexpr const char* kCursorKey = "cursor";

class Journal final : public LineSource {
 public:
  Journal(boost::asio::io_context& io, const std::vector<std::string>& units, JournalTransport transport,
          bool from_start, SourceEvents events)
      : descriptor_(io),
        events_(std::move(events)),
        reader_(units, transport),
        name_(fmt::format("{}", fmt::join(units, ", "))),
        transport_(transport),
        from_start_(from_start),
        next_turn_(io, [this] { turn(); }) {}
  ~Journal() override { close(); }

  void go_on(const std::vector<SavedRecord>& positions, std::int64_t saved_milli) override;
  [[nodiscard]] std::vector<SavedRecord> positions(const std::vector<LinePlace>& waiting) const override;
  void start() override { look(read_clocks()); }
  void tick(const Now& now) override { look(now); }
  void pause() override { paused_ = true; }
  void resume() override;
  [[nodiscard]] bool healthy() const override { return healthy_; }
  [[nodiscard]] std::uint64_t lag_bytes() const override { return lag_bytes_; }
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> end_reached() const override {
    return end_reached_;
  }
  [[nodiscard]] const SourceCounters& counters() const override { return counters_; }
  [[nodiscard]] std::string cursor() const override { return reader_.cursor(); }

 private:
  void look(const Now& now);
  void open();
  void close();
  void wait();
  void on_ready(const boost::system::error_code& error);
  void schedule_turn();
  void turn();
  [[nodiscard]] bool read_some(const Now& now);
  void take(const Now& now);
  void failed(const Error& error);
  void say(const SourceNotice& notice);

  Lifetime lifetime_;
  boost::asio::posix::stream_descriptor descriptor_;  // the reader's own: released, never closed
  SourceEvents events_;
  SourceCounters counters_;
  JournalReader reader_;
  JournalStreams streams_;
  JournalEntry entry_;
  std::array<bool, 2> directories_{};  // which of the journal's there were when it was opened
  std::string name_;                   // for notices
  std::string said_;                   // the last state that was told, so that each is told once
  JournalTransport transport_;
  std::uint64_t lag_bytes_ = 0;
  std::uint64_t entries_ = kFirstEntry;  // read; those before known_until_ for the second time
  std::uint64_t known_until_ = 0;
  std::vector<SavedRecord> left_;     // by the last run
  std::vector<std::uint64_t> again_;  // of them, those that waited, as numbers of entries; sorted
  std::optional<std::chrono::steady_clock::time_point> end_reached_;
  bool took_ = false;  // an entry
  bool from_start_;
  bool paused_ = false;
  bool healthy_ = true;
  NextTurn next_turn_;
};

// libsystemd watches the directories that it found when it was opened: a journal that becomes persistent
// later, or is there at all only now, is seen by opening it anew.
std::array<bool, 2> journal_directories() {
  return {::access("/var/log/journal", F_OK) == 0, ::access("/run/log/journal", F_OK) == 0};
}

// Each process is a coturn of its own, with its own sessions: several units, instances of one template,
// containers. The number is the same after a restart of ours.
std::uint32_t log_of(const JournalEntry& entry) {
  return log_number({reinterpret_cast<const char*>(entry.boot.data()), entry.boot.size()}, entry.process);
}

void Journal::go_on(const std::vector<SavedRecord>& positions, std::int64_t) {
  const auto record = std::find_if(positions.begin(), positions.end(),
                                   [](const SavedRecord& saved) { return saved.key == kCursorKey; });
  if (record == positions.end()) return;
  PackedReader value(record->value);
  auto cursor = std::string(value.text());
  std::vector<std::uint64_t> back;
  while (!value.complete()) {
    back.push_back(value.number());
    if (!value.good()) return;
  }
  std::uint64_t oldest = 0;
  for (const std::uint64_t entries : back) {
    if (entries >= kFirstEntry) return;
    oldest = std::max(oldest, entries);
    again_.push_back(kFirstEntry - entries);
  }
  std::sort(again_.begin(), again_.end());
  known_until_ = entries_ = kFirstEntry;
  left_ = positions;
  reader_.go_on(std::move(cursor), oldest + kLearntEntries);
}

std::vector<SavedRecord> Journal::positions(const std::vector<LinePlace>& waiting) const {
  // While some come again the cursor stands before what was counted: as the last run left it, it stays.
  if (reader_.cursor().empty() || entries_ < known_until_) return left_;
  PackedWriter value;
  value.text(reader_.cursor());
  std::uint64_t last = 0;
  for (const LinePlace& line : waiting) {
    if (line.place < entries_ && line.place != last) value.number(entries_ - line.place);
    last = line.place;
  }
  return {{SavedRecord::Kind::position, kCursorKey, value.take()}};
}

void Journal::look(const Now&) {
  healthy_ = true;
  if (!reader_.is_open() || journal_directories() != directories_) open();
  if (!reader_.is_open()) return;
  if (const auto processed = reader_.process(); !processed) return failed(processed.error());
  turn();
}

void Journal::open() {
  close();
  switch (look_at_journal_files()) {
    case JournalAccess::forbidden: return say(journal_notice::forbidden());
    case JournalAccess::absent: return say(journal_notice::absent());
    case JournalAccess::readable: break;
  }
  directories_ = journal_directories();
  if (const auto opened = reader_.open(from_start_); !opened) return failed(opened.error());
  // Opened a second time before anything was read, it gives nothing again.
  if (!took_) entries_ = kFirstEntry - std::min(reader_.coming_again(), kFirstEntry);
  say(journal_notice::following(name_, transport_, took_ ? 0 : reader_.coming_again()));
  if (reader_.descriptor() < 0) return;
  boost::system::error_code ignored;
  descriptor_.assign(reader_.descriptor(), ignored);
  wait();
}

void Journal::close() {
  if (descriptor_.is_open()) descriptor_.release();
  reader_.close();
}

void Journal::wait() {
  if (!descriptor_.is_open()) return;
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this, alive = lifetime_.watch()](const auto& error) {
                           if (!alive.expired()) on_ready(error);
                         });
}

void Journal::on_ready(const boost::system::error_code& error) {
  if (error) return;  // closed, or the look once a second goes on without us
  if (const auto processed = reader_.process(); !processed) return failed(processed.error());
  turn();
  wait();
}

void Journal::resume() {
  if (!paused_) return;
  paused_ = false;
  schedule_turn();
}

void Journal::schedule_turn() {
  if (!paused_) next_turn_.post();
}

void Journal::turn() {
  if (paused_ || !reader_.is_open()) return;
  const Now now = read_clocks();
  const auto lines_before = counters_.lines;
  const auto bytes_before = counters_.bytes;
  const bool more = read_some(now);
  // Nobody tells how much is left: no less than what this turn took.
  lag_bytes_ = more ? counters_.bytes - bytes_before : 0;
  if (!more) end_reached_ = now.mono;
  if (counters_.bytes != bytes_before && reader_.is_open()) reader_.keep_cursor();
  if (counters_.lines != lines_before) events_.batch_end(now);
  if (more) schedule_turn();
}

// One turn's entries; true where there may be more.
bool Journal::read_some(const Now& now) {
  const auto bytes_before = counters_.bytes;
  for (std::size_t i = 0; i < kTurnEntries && counters_.bytes - bytes_before < kTurnBytes; ++i) {
    if (paused_) return true;
    const auto got = reader_.next(entry_);
    if (!got) {
      failed(got.error());
      return false;
    }
    if (!*got) return false;
    take(now);
  }
  return true;
}

void Journal::take(const Now& now) {
  took_ = true;
  const std::uint64_t place = entries_++;
  const bool known = place < known_until_ && !std::binary_search(again_.begin(), again_.end(), place);
  counters_.bytes += entry_.message.size();
  if (entry_.suppressed > 0) {
    if (counters_.suppressed == 0) events_.notice(journal_notice::suppressed(name_, entry_.suppressed));
    counters_.suppressed += entry_.suppressed;
    return streams_.leave_gap(kGapBytes);
  }
  auto& stream = streams_.of(entry_.boot, entry_.process, events_.stream_ended);
  const auto offset = stream.offset;
  if (entry_.message.size() > kMaxLineBytes) {
    ++counters_.overlong;
    stream.offset += entry_.message.size() + 1;
    return;
  }
  make_one_line(entry_.message);
  stream.offset += entry_.message.size() + 1;
  const bool whole = transport_ == JournalTransport::syslog;
  ++counters_.lines;
  events_.line({.text = entry_.message,
                .stream = stream.id,
                .offset = offset,
                .log = log_of(entry_),
                .whole = whole,
                .fresh = whole && is_fresh(entry_.written, now),
                .known = known,
                .place = place,
                // Of standard output it is when coturn's buffer was full.
                .written_milli = whole ? entry_.written_milli : 0},
               now);
}

// The next look opens it anew, at the cursor.
void Journal::failed(const Error& error) {
  healthy_ = false;
  ++counters_.read_errors;
  close();
  say(journal_notice::failed(error));
}

void Journal::say(const SourceNotice& notice) {
  if (auto text = notice.event + notice.text; text != said_) {
    said_ = std::move(text);
    events_.notice(notice);
  }
}

Result<std::unique_ptr<LineSource>> make(boost::asio::io_context& io, const std::vector<std::string>& units,
                                         JournalTransport transport, bool from_start, SourceEvents events) {
  if (units.empty()) return fail("follow the journal: no unit is named");
  events.fill_in();
  return std::make_unique<Journal>(io, units, transport, from_start, std::move(events));
}

}  // namespace

Result<std::unique_ptr<LineSource>> make_journal(boost::asio::io_context& io,
                                                 const std::vector<std::string>& units, bool from_start,
                                                 SourceEvents events) {
  return make(io, units, JournalTransport::syslog, from_start, std::move(events));
}

Result<std::unique_ptr<LineSource>> make_journal_output(boost::asio::io_context& io,
                                                        const std::vector<std::string>& units,
                                                        bool from_start, SourceEvents events) {
  return make(io, units, JournalTransport::standard_output, from_start, std::move(events));
}

}  // namespace coturn_guard
