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
#include <vector>

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
  explicit Reader(const std::vector<std::string>& names, bool from_start = false) {
    SourceEvents events;
    events.line = [this](const Line& line, const Now&) {
      lines.emplace_back(line.text);
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
