// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/coturn_marks.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/catch.hpp"

using namespace coturn_guard;
namespace fs = std::filesystem;

namespace {

class Place {
 public:
  Place() {
    std::string name = (fs::temp_directory_path() / "marks-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Place() { fs::remove_all(path_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const {
    const auto path = path_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "line\n";
    return path.string();
  }
  [[nodiscard]] std::uint64_t directory(const std::string& name) const {
    fs::create_directories(path_ / name);
    struct stat facts {};
    REQUIRE(::stat((path_ / name).c_str(), &facts) == 0);
    return facts.st_ino;
  }
  [[nodiscard]] std::string name(const std::string& below = "") const { return (path_ / below).string(); }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE("a unit's control group is found below system.slice alone", "[source][coturn_marks]") {
  const Place place;
  const auto plain = place.directory("system.slice/coturn.service");
  const auto instance = place.directory("unified/system.slice/system-coturn.slice/coturn@eu.service");
  const auto users_own = place.directory("user.slice/user-1000.slice/coturn.service");
  CoturnTraces traces;
  traces.cgroups = place.name();
  traces.units = {"coturn", "coturn@*.service", "../coturn.service", ""};
  const auto marks = find_marks(traces);
  CHECK(marks.cgroups == std::set<std::uint64_t>{plain, instance});
  CHECK(marks.cgroups.count(users_own) == 0);
}

TEST_CASE("coturn's log has an owner, where coturn writes it", "[source][coturn_marks]") {
  const Place place;
  CoturnTraces traces;
  traces.cgroups = place.name("none");
  traces.written_by_coturn = true;
  const std::set<std::uint32_t> us{::getuid()};
  traces.logs = {place.file("coturn.log")};
  CHECK(find_marks(traces).owners == us);
  traces.logs = {place.name("*.log")};
  CHECK(find_marks(traces).owners == us);
  traces.logs = {place.name("none.log"), place.name("no/such.log")};
  CHECK(find_marks(traces).owners.empty());
  traces.logs = {place.file("0123-json.log")};  // Docker's
  CHECK(find_marks(traces).owners.empty());
  if (::getuid() == 0) {
    traces.logs = {place.name("coturn.log")};
    traces.written_by_coturn = false;  // by rsyslog, perhaps
    CHECK(find_marks(traces).owners.empty());
  }
}

TEST_CASE("of several owners of logs where anybody can make one none is coturn", "[source][coturn_marks]") {
  if (::getuid() != 0) return;
  const Place place;
  CoturnTraces traces;
  traces.cgroups = place.name("none");
  const auto first = place.file("turn_1.log"), second = place.file("turn_2.log");
  REQUIRE(::chown(first.c_str(), 998, 998) == 0);
  REQUIRE(::chown(second.c_str(), 1000, 1000) == 0);
  traces.logs = {place.name("turn_*.log")};
  CHECK(find_marks(traces).owners == std::set<std::uint32_t>{998, 1000});
  REQUIRE(::chmod(place.name().c_str(), 01777) == 0);
  CHECK(find_marks(traces).owners.empty());
  REQUIRE(::chown(second.c_str(), 998, 998) == 0);
  CHECK(find_marks(traces).owners == std::set<std::uint32_t>{998});
}
