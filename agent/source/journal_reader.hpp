// SPDX-License-Identifier: GPL-3.0-or-later
// libsystemd's journal as coturn's entries, one after the other, from a place that survives rotation, vacuum
// and being opened anew. It has no loop and no clock, and it decides who is believed:
//
// Everybody on the host may write "turnserver" as his name (`logger -t turnserver`), so a name is no proof.
// Believed is what journald itself put down: an entry of coturn's unit (_SYSTEMD_UNIT is read from the
// sender's cgroup), or, for a coturn that was started by hand, one of a program called turnserver (_COMM)
// that runs as root or as coturn's own user (_UID comes with the kernel's credentials). Not of any system
// user: www-data is one, and a process chooses its _COMM itself.
#pragma once

#include <systemd/sd-journal.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/journal_record.hpp"
#include "util/result.hpp"

namespace coturn_guard {

// How coturn's words come into the journal.
enum class JournalTransport : std::uint8_t {
  syslog,           // each record whole, at once: option `syslog`
  standard_output,  // cut at newlines by journald, and late: coturn writes it in blocks of 4096 bytes
};

struct JournalEntry {
  std::string message;  // bytes as they were sent, at most kLongestMessage of them and one more
  std::uint32_t process = 0;
  JournalStreams::Boot boot{};
  std::chrono::steady_clock::time_point written;  // by journald, in the clock of that boot
  std::int64_t written_milli = 0;                 // the same by the wall clock, since 1970; 0: not known
  std::uint64_t suppressed = 0;  // not coturn's: journald left out so many messages before the next one
};

// Whether there is a journal, and whether this process may read it.
enum class JournalAccess : std::uint8_t { readable, forbidden, absent };
[[nodiscard]] JournalAccess look_at_journal_files();

class JournalReader {
 public:
  // What is longer is cut here; no record of coturn's is (line_splitter.hpp says the same of files).
  static constexpr std::size_t kLongestMessage = 4096;

  JournalReader(std::vector<std::string> units, JournalTransport transport)
      : units_(std::move(units)), transport_(transport) {}

  // Opens it at the cursor; where there is none yet, at its end or, `from_start`, at its beginning. Fails
  // with what libsystemd says; a journal that may not be read opens well and is empty
  // (look_at_journal_files()).
  [[nodiscard]] Result<> open(bool from_start);
  // Before open(): an earlier run's cursor, and how many entries before it are to come once more.
  void go_on(std::string cursor, std::uint64_t again) {
    cursor_ = std::move(cursor);
    again_ = again;
  }
  // After open(): how many there were to come once more.
  [[nodiscard]] std::uint64_t coming_again() const { return coming_again_; }
  // The next entry; false at the end.
  [[nodiscard]] Result<bool> next(JournalEntry& entry);
  // The next one will be the last but so many, or the first where there are fewer.
  [[nodiscard]] Result<> go_back(std::uint64_t entries);
  // Whether the units ever wrote in this way. Moves: no next() after it.
  [[nodiscard]] Result<bool> has_entries_of_units();
  // To be called when descriptor() is readable: forgets files that went, finds those that came.
  [[nodiscard]] Result<> process();
  void close() { journal_.reset(); }

  [[nodiscard]] bool is_open() const { return journal_ != nullptr; }
  [[nodiscard]] int descriptor() const { return descriptor_; }  // -1 where there is none
  // Keeps the place behind the last entry; "" before the first. sd_journal_seek_cursor(3)'s text.
  const std::string& keep_cursor();
  [[nodiscard]] const std::string& cursor() const { return cursor_; }

 private:
  struct Close {
    void operator()(sd_journal* journal) const { sd_journal_close(journal); }
  };
  [[nodiscard]] int match_units();
  [[nodiscard]] int add_matches();
  [[nodiscard]] int match(const std::string& field_and_value);
  [[nodiscard]] int find_place(bool from_start);
  [[nodiscard]] bool read(JournalEntry& entry);
  [[nodiscard]] std::string_view field(const char* name);

  std::vector<std::string> units_;
  JournalTransport transport_;
  std::unique_ptr<sd_journal, Close> journal_;
  int descriptor_ = -1;
  std::string cursor_;
  std::uint64_t again_ = 0, coming_again_ = 0;
  bool stands_on_unread_ = false;  // find_place() stopped at an entry that nobody has seen
};

}  // namespace coturn_guard
