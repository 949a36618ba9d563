// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/log_writer.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "source/file_look.hpp"
#include "support/catch.hpp"
#include "support/temporary_directory.hpp"
#include "util/unique_fd.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

// A program of that name that sleeps with `file` open as descriptor `number`.
class Holder {
 public:
  Holder(const std::string& program, const std::string& file, int flags, int number) {
    std::filesystem::copy_file("/bin/sleep", program, std::filesystem::copy_options::skip_existing);
    child_ = ::fork();
    if (child_ == 0) {
      const int fd = ::open(file.c_str(), flags);
      if (fd != number) {
        ::dup2(fd, number);
        ::close(fd);
      }
      ::execl(program.c_str(), program.c_str(), "60", nullptr);
      ::_exit(1);
    }
    const std::string wanted = std::filesystem::path(program).filename();
    for (int i = 0; i < 500; ++i) {  // until it has become that program
      std::string name;
      std::getline(std::ifstream("/proc/" + std::to_string(child_) + "/comm"), name);
      if (name == wanted) break;
      std::this_thread::sleep_for(10ms);
    }
  }
  ~Holder() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

 private:
  pid_t child_;
};

}  // namespace

TEST_CASE("a log's writer is coturn where its configuration or its open files say so",
          "[source][log_writer]") {
  const TemporaryDirectory place;
  const std::string log = place / "coturn.log";
  std::ofstream(log) << "x\n";
  const UniqueFd fd(::open(log.c_str(), O_RDONLY | O_CLOEXEC));
  const FileIdentity identity = look_at(fd.get(), log)->identity;
  const auto writer = [&](bool configured = false) { return writer_of(fd.get(), identity, configured); };

  CHECK(writer() == LogWriter::unknown);
  CHECK(writer(true) == LogWriter::coturn);
  {
    const Holder somebody(place / "tee", log, O_WRONLY | O_APPEND, 7);
    CHECK(writer() == LogWriter::unknown);
  }
  {
    const Holder reader(place / "turnserver", log, O_RDONLY, 7);
    CHECK(writer() == LogWriter::unknown);
  }
  {
    const Holder output(place / "turnserver", log, O_WRONLY | O_APPEND, STDOUT_FILENO);
    CHECK(writer() == LogWriter::unknown);  // of which coturn writes a block at a time
  }
  {
    const Holder coturn(place / "turnserver", log, O_WRONLY | O_APPEND, 7);
    CHECK(writer() == LogWriter::coturn);
  }
}

TEST_CASE("a file system that may show half a write has no trusted writer", "[source][log_writer]") {
  const UniqueFd fd(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  CHECK(writer_of(fd.get(), {}, true) == LogWriter::other);
}
