// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/journal_reader.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-messages.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "model/log_number.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {
namespace {

// Debian's and Fedora's names of the user that coturn runs as.
constexpr std::array kCoturnUsers{"turnserver", "coturn"};

std::optional<uid_t> user_id(const char* name) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return found->pw_uid;
}

std::uint64_t number(std::string_view digits) {
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

Error systemd_error(int result, const char* what) {
  return Error{std::error_code(-result, std::generic_category()), what};
}

}  // namespace

JournalAccess look_at_journal_files() {
  sd_id128_t machine{};
  if (sd_id128_get_machine(&machine) < 0) return JournalAccess::absent;
  std::array<char, SD_ID128_STRING_MAX> name{};
  sd_id128_to_string(machine, name.data());
  auto access = JournalAccess::absent;
  for (const auto* directory : {"/var/log/journal/", "/run/log/journal/"}) {
    const auto path = std::string(directory) + name.data() + "/system.journal";
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (fd.get() >= 0) return JournalAccess::readable;
    if (errno == EACCES || errno == EPERM) access = JournalAccess::forbidden;
  }
  return access;
}

Result<> JournalReader::open(bool from_start) {
  close();
  descriptor_ = -1;
  sd_journal* opened = nullptr;
  // Not SD_JOURNAL_SYSTEM: a coturn that runs as an ordinary user has a file of that user's. Nobody but
  // journald writes either.
  int result = sd_journal_open(&opened, SD_JOURNAL_LOCAL_ONLY);
  if (result < 0) return tl::make_unexpected(systemd_error(result, "open the journal"));
  journal_.reset(opened);
  // With its name, and one byte more so that we can see that something was cut.
  static_cast<void>(sd_journal_set_data_threshold(opened, kLongestMessage + sizeof "MESSAGE="));
  result = find_place(from_start);
  if (result < 0) {
    close();
    return tl::make_unexpected(systemd_error(result, "find the place in the journal"));
  }
  descriptor_ = sd_journal_get_fd(opened);  // none: it is looked at once a second
  return {};
}

int JournalReader::match(const std::string& field_and_value) {
  return sd_journal_add_match(journal_.get(), field_and_value.data(), field_and_value.size());
}

// Values of one field are alternatives, fields add up, a disjunction begins anew (sd_journal_add_match(3)).
int JournalReader::match_units() {
  sd_journal_flush_matches(journal_.get());
  int worst = match(transport_ == JournalTransport::syslog ? "_TRANSPORT=syslog" : "_TRANSPORT=stdout");
  for (const auto& unit : units_) worst = std::min(worst, match("_SYSTEMD_UNIT=" + unit));
  return worst;
}

int JournalReader::add_matches() {
  int worst = match_units();
  const auto add = [&](const std::string& text) { worst = std::min(worst, match(text)); };
  const auto either = [&] { worst = std::min(worst, sd_journal_add_disjunction(journal_.get())); };
  if (transport_ == JournalTransport::syslog) {
    either();
    add("_TRANSPORT=syslog");
    add("SYSLOG_IDENTIFIER=turnserver");
    add("_COMM=turnserver");
    add("_UID=0");
    for (const auto* name : kCoturnUsers)
      if (const auto id = user_id(name)) add("_UID=" + std::to_string(*id));
  }
  either();
  add("_TRANSPORT=driver");
  add("MESSAGE_ID=" SD_MESSAGE_JOURNAL_DROPPED_STR);
  return worst;
}

int JournalReader::find_place(bool from_start) {
  sd_journal* const journal = journal_.get();
  stands_on_unread_ = false;
  coming_again_ = 0;
  int result = 0;
  if (cursor_.empty() && !from_start) {
    // The last entry of all, whosever it is: among coturn's alone there may be none to begin behind.
    sd_journal_flush_matches(journal);
    if (result = sd_journal_seek_tail(journal); result < 0) return result;
    if (result = sd_journal_previous(journal); result < 0) return result;
    if (result > 0) keep_cursor();
  }
  if (result = add_matches(); result < 0) return result;
  if (cursor_.empty()) return sd_journal_seek_head(journal);
  if (result = sd_journal_seek_cursor(journal, cursor_.c_str()); result < 0) return result;
  if (result = sd_journal_next(journal); result <= 0) return result;
  stands_on_unread_ = sd_journal_test_cursor(journal, cursor_.c_str()) <= 0;
  const auto again = std::exchange(again_, 0);
  if (stands_on_unread_ || again == 0) return 0;
  if (result = sd_journal_previous_skip(journal, again); result < 0) return result;
  coming_again_ = static_cast<std::uint64_t>(result);
  // Before the first there is nothing to stand on: then that one comes next.
  if (coming_again_ < again) {
    ++coming_again_;
    return sd_journal_seek_head(journal);
  }
  return 0;
}

// Without "NAME=". Borrowed until the next call.
std::string_view JournalReader::field(const char* name) {
  const void* data = nullptr;
  std::size_t bytes = 0;
  if (sd_journal_get_data(journal_.get(), name, &data, &bytes) < 0) return {};
  const std::size_t prefix = std::strlen(name) + 1;
  if (bytes < prefix) return {};
  return std::string_view(static_cast<const char*>(data), bytes).substr(prefix);
}

Result<bool> JournalReader::next(JournalEntry& entry) {
  sd_journal* const journal = journal_.get();
  for (;;) {
    const int result = stands_on_unread_ ? 1 : sd_journal_next(journal);
    stands_on_unread_ = false;
    if (result < 0) return tl::make_unexpected(systemd_error(result, "read the journal"));
    if (result == 0) return false;
    if (read(entry)) return true;
  }
}

// False for journald's words about somebody else's messages.
bool JournalReader::read(JournalEntry& entry) {
  std::uint64_t microseconds = 0;
  sd_id128_t boot{};
  if (sd_journal_get_monotonic_usec(journal_.get(), &microseconds, &boot) < 0) microseconds = 0;
  entry.written = std::chrono::steady_clock::time_point(std::chrono::microseconds(microseconds));
  std::uint64_t wall = 0;
  if (sd_journal_get_realtime_usec(journal_.get(), &wall) < 0) wall = 0;
  entry.written_milli = static_cast<std::int64_t>(wall / 1000);
  std::copy(std::begin(boot.bytes), std::end(boot.bytes), entry.boot.begin());
  entry.process = static_cast<std::uint32_t>(number(field("_PID")));
  // A container's engine writes for many, and units tell processes apart whose numbers came round.
  for (const char* const name :
       {"_SYSTEMD_UNIT", "_SYSTEMD_USER_UNIT", "CONTAINER_ID_FULL", "CONTAINER_NAME"})
    if (const auto text = field(name); !text.empty()) entry.process = log_number(text, entry.process);
  entry.suppressed = 0;
  if (field("_TRANSPORT") == "driver")
    entry.suppressed = std::max<std::uint64_t>(number(field("N_DROPPED")), 1);
  entry.message.assign(field("MESSAGE").substr(0, kLongestMessage + 1));
  // journald-server.c: "Suppressed 5 messages from coturn.service", before the first that it lets pass again.
  return entry.suppressed == 0 || std::any_of(units_.begin(), units_.end(), [&](const std::string& unit) {
           return entry.message.ends_with(" from " + unit);
         });
}

Result<> JournalReader::go_back(std::uint64_t entries) {
  int result = sd_journal_seek_tail(journal_.get());
  if (result >= 0) result = sd_journal_previous_skip(journal_.get(), entries);
  if (result < 0) return tl::make_unexpected(systemd_error(result, "read the journal"));
  stands_on_unread_ = result > 0;
  return {};
}

Result<bool> JournalReader::has_entries_of_units() {
  int result = match_units();
  if (result >= 0) result = sd_journal_seek_tail(journal_.get());
  if (result >= 0) result = sd_journal_previous(journal_.get());
  if (result < 0) return tl::make_unexpected(systemd_error(result, "read the journal"));
  return result > 0;
}

Result<> JournalReader::process() {
  // Once for each of its buffers; what exactly happened does not matter, we read on in any case.
  for (int result = SD_JOURNAL_APPEND; result != SD_JOURNAL_NOP;) {
    result = sd_journal_process(journal_.get());
    if (result < 0) return tl::make_unexpected(systemd_error(result, "watch the journal"));
  }
  return {};
}

const std::string& JournalReader::keep_cursor() {
  char* text = nullptr;
  if (!stands_on_unread_ && sd_journal_get_cursor(journal_.get(), &text) >= 0) cursor_ = text;
  std::free(text);
  return cursor_;
}

}  // namespace coturn_guard
