// SPDX-License-Identifier: GPL-3.0-or-later
// Real files, a real io_context, a hand on the crank: settle() runs the loop until nothing has come for a
// while.
#include "source/source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "source/file_look.hpp"
#include "source/fresh.hpp"
#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;
namespace fs = std::filesystem;

namespace {

void append(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::app) << text;
}

// Reads everything that names lead to, and remembers.
class Reader {
 public:
  explicit Reader(const std::vector<std::string>& names, bool from_start = false,
                  bool written_by_coturn = false, const std::vector<SavedRecord>& saved = {}) {
    SourceEvents events;
    events.written_by_coturn = written_by_coturn;
    events.line = [this](const Line& line, const Now&) {
      lines.emplace_back(line.text);
      whole_lines.push_back(line);
      whole_lines.back().text = {};  // was borrowed
      streams.push_back(line.stream);
      offsets.push_back(line.offset);
      if (lines.size() == pause_after) source->pause();
    };
    events.batch_end = [this](const Now&) { ++batches; };
    events.stream_ended = [this](StreamId stream) { ended.push_back(stream); };
    events.notice = [this](const SourceNotice& notice) { notices.push_back(notice); };
    auto made = make_source(io, "file", names, from_start, std::move(events));
    REQUIRE(made);
    source = std::move(*made);
    if (!saved.empty()) source->go_on(saved, std::chrono::system_clock::now().time_since_epoch() / 1ms);
    source->start();
    settle();
  }

  void settle() {
    io.restart();
    while (io.run_one_for(20ms) > 0) {
    }
  }
  // The look once a second, `later` after the real time.
  void tick(std::chrono::seconds later = 0s) {
    source->tick({std::chrono::steady_clock::now() + later, std::chrono::system_clock::now() + later});
    settle();
  }
  Lines take() {
    settle();
    return std::exchange(lines, {});
  }
  [[nodiscard]] std::size_t notices_of(const std::string& event) const {
    return static_cast<std::size_t>(std::count_if(notices.begin(), notices.end(),
                                                  [&](const SourceNotice& n) { return n.event == event; }));
  }

  boost::asio::io_context io{1};
  Lines lines;
  std::vector<Line> whole_lines;  // with all but their text
  std::vector<StreamId> streams;
  std::vector<std::uint64_t> offsets;
  std::vector<StreamId> ended;
  std::vector<SourceNotice> notices;
  std::size_t batches = 0;
  std::size_t pause_after = 0;
  std::unique_ptr<LineSource> source;
};

struct Log {
  TemporaryDirectory directory;
  std::string name = directory / "coturn.log";
};

}  // namespace

TEST_CASE("a growing file is followed from its end", "[source][file_tail]") {
  Log log;
  append(log.name, "before\n");
  Reader reader({log.name});
  CHECK(reader.take().empty());
  append(log.name, "one\ntwo\nthr");
  CHECK(reader.take() == Lines{"one", "two"});
  append(log.name, "ee\n");
  CHECK(reader.take() == Lines{"three"});
  CHECK(reader.offsets == std::vector<std::uint64_t>{7, 11, 15});
  CHECK(reader.source->counters().lines == 3);
  CHECK(reader.source->lag_bytes() == 0);
  CHECK(reader.source->healthy());
}

TEST_CASE("who goes on where an earlier run stopped says what is counted and what only read again",
          "[source][file_tail]") {
  Log log;
  append(log.name, "one\ntwo\nthree\n");
  std::vector<SavedRecord> saved;
  {
    Reader before({log.name}, true);
    CHECK(before.take() == Lines{"one", "two", "three"});
    saved = before.source->positions({});
  }
  append(log.name, "four\n");
  Reader after({log.name}, false, false, saved);
  CHECK(after.take() == Lines{"one", "two", "three", "four"});
  std::vector<bool> known;
  for (const Line& line : after.whole_lines) known.push_back(line.known);
  CHECK(known == std::vector{true, true, true, false});
  REQUIRE(after.notices_of("source.following") == 1);
  CHECK(after.notices.front().text.find("an earlier run counted, up to byte 14, is only read again") !=
        std::string::npos);
}

TEST_CASE("after rename and create the old file's rest comes before the new file's lines",
          "[source][file_tail]") {
  Log log;
  append(log.name, "");
  Reader reader({log.name});
  append(log.name, "one\n");
  fs::rename(log.name, log.name + ".1");
  append(log.name, "");
  append(log.name + ".1", "two\n");
  append(log.name, "three\n");
  append(log.name + ".1", "four\n");
  CHECK(reader.take() == Lines{"one", "two", "four", "three"});
  CHECK(reader.source->counters().rotations == 1);
  CHECK(reader.ended.empty());
  reader.tick(30s);  // sees that it was written to, and reads
  reader.tick(31s);
  CHECK(reader.ended.size() == 1);
  append(log.name, "five\n");
  CHECK(reader.take() == Lines{"five"});
}

TEST_CASE("a renamed file that is still written to is read for ever while the new one is empty",
          "[source][file_tail]") {
  Log log;
  append(log.name, "");
  Reader reader({log.name});
  fs::rename(log.name, log.name + ".1");
  append(log.name, "");
  reader.tick();
  CHECK(reader.notices_of("source.writer_on_old_file") == 0);
  append(log.name + ".1", "one\n");
  // As if that had been written 20 s after the rename.
  fs::last_write_time(log.name + ".1", fs::file_time_type::clock::now() + 20s);
  for (int i = 1; i < 4; ++i) reader.tick(i * 3600s);
  CHECK(reader.notices_of("source.writer_on_old_file") == 1);
  append(log.name + ".1", "two\n");
  CHECK(reader.take() == Lines{"one", "two"});
  CHECK(reader.ended.empty());
}

TEST_CASE("at most four renamed files are kept open", "[source][file_tail]") {
  Log log;
  append(log.name, "");
  Reader reader({log.name});
  for (int i = 0; i < 6; ++i) {
    fs::rename(log.name, log.name + "." + std::to_string(i));
    append(log.name, "");
    reader.settle();
  }
  reader.tick();
  reader.tick();
  CHECK(reader.ended.size() == 2);
  CHECK(reader.notices_of("source.old_file_closed") == 2);
  CHECK(reader.source->counters().old_files_closed_early == 2);
}

TEST_CASE("a truncated file is read anew, also when it grew back past our place", "[source][file_tail]") {
  Log log;
  append(log.name, "");
  Reader reader({log.name});
  append(log.name, "one\ncut");
  CHECK(reader.take() == Lines{"one"});
  fs::resize_file(log.name, 0);
  append(log.name, "two\n");
  CHECK(reader.take() == Lines{"two"});
  fs::resize_file(log.name, 0);
  append(log.name, "three\nfour, longer than all before\n");
  CHECK(reader.take() == Lines{"three", "four, longer than all before"});
  CHECK(reader.source->counters().truncations == 2);
  CHECK(reader.ended.size() == 2);
  CHECK(reader.offsets.back() == 6);
  CHECK(reader.streams.front() != reader.streams.back());
}

TEST_CASE("a file renamed away and back goes on where it stopped", "[source][file_tail]") {
  Log log;
  append(log.name, "old\n");
  Reader reader({log.name});
  append(log.name, "one\n");
  CHECK(reader.take() == Lines{"one"});
  fs::rename(log.name, log.name + ".1");
  append(log.name, "two\n");
  CHECK(reader.take() == Lines{"two"});
  reader.tick(20s);
  reader.tick(40s);
  REQUIRE(reader.ended.size() == 1);
  append(log.name + ".1", "three\n");  // nobody reads it now
  fs::rename(log.name + ".1", log.name);
  CHECK(reader.take() == Lines{"three"});
}

TEST_CASE("a log that does not exist yet is waited for, and said so once", "[source][file_tail]") {
  const TemporaryDirectory directory;
  const auto name = directory / "later/coturn.log";
  Reader reader({name});
  reader.tick();
  reader.tick();
  CHECK(reader.notices_of("source.waiting") == 1);
  CHECK(reader.source->healthy());
  fs::create_directory(directory / "later");
  reader.tick();
  append(name, "first\n");
  CHECK(reader.take() == Lines{"first"});
}

TEST_CASE("what is no regular file is refused and not opened", "[source][file_tail]") {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "directory");
  REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
  for (const auto& name : {directory / "directory", directory / "fifo", std::string("/dev/null")}) {
    Reader reader({name});
    reader.tick();
    CHECK(reader.notices_of("source.wrong_kind") == 1);
    CHECK_FALSE(reader.source->healthy());
  }
}

TEST_CASE("names that cannot be followed are refused at once", "[source][file_tail]") {
  boost::asio::io_context io{1};
  for (const auto* name : {"/var/*/coturn.log", "/var/log/", ""})
    CHECK_FALSE(make_source(io, "file", {name}, false, {}));
  CHECK_FALSE(make_source(io, "carrier pigeon", {"/x"}, false, {}));
}

TEST_CASE("a paused source hands over nothing until it resumes, and loses nothing", "[source][file_tail]") {
  Log log;
  append(log.name, "one\ntwo\nthree\n");
  Reader reader({}, true);
  reader.source.reset();
  SourceEvents events;
  events.line = [&reader](const Line& line, const Now&) {
    reader.lines.emplace_back(line.text);
    if (reader.lines.size() == 2) reader.source->pause();
  };
  reader.source = std::move(*make_source(reader.io, "file", {log.name}, true, std::move(events)));
  reader.source->start();
  reader.settle();
  CHECK(reader.lines == Lines{"one", "two"});
  append(log.name, "four\n");
  reader.tick();
  CHECK(reader.lines == Lines{"one", "two"});
  CHECK(reader.source->lag_bytes() == 11);
  reader.source->resume();
  CHECK(reader.take() == Lines{"one", "two", "three", "four"});
}

TEST_CASE("a glob follows new names and does not read again what was there", "[source][file_tail]") {
  const TemporaryDirectory directory;
  for (int day = 1; day <= 20; ++day)
    append(directory / ("coturn_" + std::to_string(100 + day) + ".log"), "old\n");
  append(directory / "other.log", "no\n");
  Reader reader({directory / "coturn_*.log"});
  CHECK(reader.source->counters().files_ignored == 4);
  append(directory / "coturn_120.log", "one\n");
  append(directory / "coturn_200.log", "two\n");
  append(directory / "other.log", "no\n");
  auto lines = reader.take();
  std::sort(lines.begin(), lines.end());
  CHECK(lines == Lines{"one", "two"});
}

TEST_CASE("a partial line at the start is not taken for a line", "[source][file_tail]") {
  Log log;
  append(log.name, "whole\nhalf of");
  Reader reader({log.name});
  append(log.name, " a line\nnext\n");
  CHECK(reader.take() == Lines{"next"});
}

TEST_CASE("a file under two names is read once", "[source][file_tail]") {
  Log log;
  append(log.name, "");
  fs::create_symlink(log.name, log.directory / "link.log");
  Reader reader({log.name, log.directory / "link.log", log.directory / "*.log"});
  append(log.name, "one\n");
  CHECK(reader.take() == Lines{"one"});
}

TEST_CASE("a refusal names the owner, the mode, ourselves and what to type", "[source][file_look]") {
  Log log;
  append(log.name, "");
  fs::permissions(log.name, fs::perms::owner_read);
  const auto refusal = explain_refusal(log.name);
  CHECK(refusal.text.find(log.name) != std::string::npos);
  CHECK(refusal.text.find("0400") != std::string::npos);
  CHECK(refusal.remedy.find("setfacl -m u:") != std::string::npos);
}

TEST_CASE("each configured name is a log of its own, through its rotations", "[source][file_tail]") {
  Log one, two;
  append(one.name, "");
  append(two.name, "");
  Reader reader({one.name, two.name});
  append(one.name, "a\n");
  append(two.name, "b\n");
  fs::rename(two.name, two.name + ".1");
  append(two.name, "c\n");
  reader.settle();
  REQUIRE(std::is_permutation(reader.lines.begin(), reader.lines.end(), Lines{"a", "b", "c"}.begin()));
  for (std::size_t i = 0; i < reader.lines.size(); ++i)
    CHECK(reader.whole_lines[i].log == (reader.lines[i] == "a" ? 0 : 1));
}

TEST_CASE("a line is fresh when it was written just now", "[source][file_tail]") {
  Log log;
  append(log.name, "before\n");
  Reader reader({log.name});
  append(log.name, "one\n");
  fs::rename(log.name, log.name + ".1");
  append(log.name, "two\n");
  reader.settle();
  REQUIRE(reader.whole_lines.size() == 2);
  CHECK(reader.whole_lines[0].fresh);
  CHECK(reader.whole_lines[1].fresh);
}

TEST_CASE("a line ends a record where the file ended behind it and coturn writes it", "[source][file_tail]") {
  Log log;
  append(log.name, "before\n");
  const auto ends = [](Reader& reader) {
    std::vector<bool> last;
    for (const Line& line : std::exchange(reader.whole_lines, {})) last.push_back(line.ends_record);
    return last;
  };
  Reader reader({log.name}, false, true);
  append(log.name, "one\n");
  reader.settle();
  CHECK(ends(reader) == std::vector{false});  // who writes is looked at once a second
  reader.tick();
  append(log.name, "two\nthree\n");
  reader.settle();
  CHECK(ends(reader) == std::vector{false, true});
  append(log.name, "four\nfi");
  reader.settle();
  CHECK(ends(reader) == std::vector{false});
  append(log.name, "ve\n");
  reader.settle();
  CHECK(ends(reader) == std::vector{true});
  append(log.name, "six\r\n");
  reader.settle();
  CHECK(ends(reader) == std::vector{false});
  // A write that passes a page's end may be seen in two parts.
  append(log.name, std::string(4095 - fs::file_size(log.name), 'x') + "\n");
  reader.settle();
  CHECK(ends(reader) == std::vector{false});
  append(log.name, "seven\n");
  reader.settle();
  CHECK(ends(reader) == std::vector{true});

  Reader stranger({log.name});
  stranger.tick();
  append(log.name, "eight\n");
  stranger.settle();
  CHECK(ends(stranger) == std::vector{false});  // nobody knows who writes
}

TEST_CASE("what stood there before us is not fresh, what follows is", "[source][file_tail]") {
  Log log;
  append(log.name, "old\n");
  Reader reader({log.name}, true);
  append(log.name, "new\n");
  reader.settle();
  REQUIRE(reader.whole_lines.size() == 2);
  CHECK_FALSE(reader.whole_lines[0].fresh);
  CHECK(reader.whole_lines[1].fresh);
}

TEST_CASE("what was written while we were held up is not fresh", "[source][file_tail]") {
  Log log;
  append(log.name, "");
  Reader reader({log.name});
  reader.source->pause();
  append(log.name, "one\ntwo\n");
  std::this_thread::sleep_for(kFreshFor + 100ms);
  reader.source->resume();
  reader.settle();
  append(log.name, "three\n");
  reader.settle();
  REQUIRE(reader.whole_lines.size() == 3);
  CHECK_FALSE(reader.whole_lines[0].fresh);
  CHECK_FALSE(reader.whole_lines[1].fresh);
  CHECK(reader.whole_lines[2].fresh);
}

TEST_CASE("an older file that is put under the name is not fresh", "[source][file_tail]") {
  Log log;
  append(log.name + ".old", "old\n");
  std::this_thread::sleep_for(200ms);
  Reader reader({log.name});
  reader.tick();
  fs::rename(log.name + ".old", log.name);
  reader.settle();
  append(log.name, "new\n");
  reader.settle();
  REQUIRE(reader.lines == Lines{"old", "new"});
  CHECK_FALSE(reader.whole_lines[0].fresh);
  CHECK(reader.whole_lines[1].fresh);
}

TEST_CASE("a Docker log is unwrapped, from its beginning or its end", "[source][file_tail][docker]") {
  const auto wrap = [](const std::string& text) {
    return R"({"log":")" + text + R"(\n","stream":"stdout","time":"2026-11-22T12:15:03Z"})" + "\n";
  };
  Log log;
  append(log.name, wrap("before"));
  Reader reader({log.name});
  append(log.name, wrap(R"(22: : user \u003calice\u003e)"));
  append(log.name, wrap(std::string(900, 'x') + R"(\u001b\u001b)"));
  append(log.name, "{\"log\":broken}\n");
  CHECK(reader.take() == Lines{"22: : user <alice>", std::string(900, 'x') + "\x1b\x1b"});
  CHECK(reader.offsets == std::vector<std::uint64_t>{0, 19});
  CHECK(reader.source->counters().undecoded == 1);
  fs::resize_file(log.name, 0);
  append(log.name, "{\"lo");  // not enough to know
  CHECK(reader.take().empty());
  append(log.name, wrap("anew").substr(4));
  CHECK(reader.take() == Lines{"anew"});
}

TEST_CASE("a line of an attacker's that looks like Docker's stays as it is in coturn's own file",
          "[source][file_tail][docker]") {
  Log log;
  append(log.name, "0: : wrong username: a\n");
  Reader reader({log.name});
  const std::string forged = R"({"log":"7: : forged\n","stream":"stdout","time":"x"})";
  append(log.name, forged + "\n");
  CHECK(reader.take() == Lines{forged});
}
