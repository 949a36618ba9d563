// SPDX-License-Identifier: GPL-3.0-or-later
// An endless stream of lines, whatever happens to the files behind it. A source knows nothing of what lines
// mean; it hands them over in batches, bounded to 64 KiB a turn, and stops while it is paused. One row per
// kind in source.cpp.
//
// Who edits a log in place (`sed -i`, `cp` and then `mv` over it) puts another file under its name: that is a
// rotation, and the copy is read from its beginning, so lines that were handed over before come again, as new
// ones. coturn meanwhile goes on writing to the old file, which is read on as well until the new one received
// a record. `cp` onto the log itself truncates it: it is read from its beginning, too. Nobody can tell a copy
// from a new log that begins with the same lines.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/flow.hpp"
#include "model/saved_state.hpp"
#include "util/result.hpp"

namespace coturn_guard {

// Something that the operator should read once; `event` is a stable name ("source.waiting"), `remedy` may be
// empty.
struct SourceNotice {
  enum class Level : std::uint8_t { info, warning, error } level = Level::info;
  std::string event;
  std::string path;
  std::string text;
  std::string remedy;
};

struct SourceEvents {
  std::function<void(const Line&, const Now&)> line;
  std::function<void(const Now&)> batch_end;   // after each turn's lines: time to send what was decided
  std::function<void(StreamId)> stream_ended;  // no line of that stream will follow
  std::function<void(const SourceNotice&)> notice;
  bool written_by_coturn = false;  // its own configuration names these files as its log

  void fill_in();  // what is left out does nothing
};

struct SourceCounters {
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
  std::uint64_t overlong = 0;     // lines dropped because they exceeded kMaxLineBytes
  std::uint64_t nul_bytes = 0;    // skipped holes
  std::uint64_t rotations = 0;    // a new file under the name
  std::uint64_t truncations = 0;  // the same file began anew
  std::uint64_t read_errors = 0;
  std::uint64_t old_files_closed_early =
      0;                            // renamed files that may still be written to, beyond kMaxOldFiles
  std::uint64_t files_ignored = 0;  // matched by a glob now, but not among its newest 16
  std::uint64_t undecoded = 0;      // lines of a Docker log that are not written as Docker writes them
  std::uint64_t suppressed = 0;     // messages of coturn's that journald left out (its rate limit)
};

class LineSource {
 public:
  virtual ~LineSource() = default;
  LineSource() = default;
  LineSource(const LineSource&) = delete;
  LineSource& operator=(const LineSource&) = delete;

  // Before start(), where an earlier run of this source was there: it goes on where that stopped, with what
  // positions() gave it, and when (milliseconds since 1970).
  virtual void go_on(const std::vector<SavedRecord>& positions, std::int64_t saved_milli) = 0;
  virtual void start() = 0;
  virtual void tick(const Now& now) = 0;  // once a second: look again at what no event tells
  virtual void pause() = 0;               // hand over nothing until resume()
  virtual void resume() = 0;
  [[nodiscard]] virtual bool healthy()
      const = 0;  // since the last tick no check failed (a quiet log is healthy)
  [[nodiscard]] virtual std::uint64_t lag_bytes() const = 0;  // not handed over yet, or at least so many
  // When all had been handed over that was written until then, of what now is not. Absent: never, or it is.
  [[nodiscard]] virtual std::optional<std::chrono::steady_clock::time_point> end_reached() const = 0;
  [[nodiscard]] virtual const SourceCounters& counters() const = 0;
  // How far it has handed lines over. `waiting` (sorted) of those are to be handed over once more after
  // go_on(), as new ones; all others before the place, as known ones, as far back as they may say something
  // of what follows.
  [[nodiscard]] virtual std::vector<SavedRecord> positions(const std::vector<LinePlace>& waiting) const = 0;
  // Where a source begins again that is one text (the journal's cursor); "" for others and before the first.
  [[nodiscard]] virtual std::string cursor() const { return {}; }
};

// `what`: "file" (`names`: paths or globs), "journal" or "journal-output" (`names`: coturn's units;
// journal.hpp tells the two apart). `from_start`: read what is there already, otherwise only what comes.
[[nodiscard]] Result<std::unique_ptr<LineSource>> make_source(boost::asio::io_context& io,
                                                              const std::string& what,
                                                              const std::vector<std::string>& names,
                                                              bool from_start, SourceEvents events);

}  // namespace coturn_guard
