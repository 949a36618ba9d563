// SPDX-License-Identifier: GPL-3.0-or-later
// Real files and a real inotify; `run` turns the loop for as long as it may take.
#include "source/allow_files.hpp"

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/catch.hpp"
#include "support/scratch_directory.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;
using test::ScratchDirectory;

namespace {

struct Followed {
  ScratchDirectory scratch;
  boost::asio::io_context io{1};
  AllowContents contents;
  int times = 0;
  AllowFiles files{io, allow_directory(scratch / "coturn-guard.yaml"), [this](AllowContents read) {
                     contents = std::move(read);
                     ++times;
                   }};

  void run(std::chrono::milliseconds wait = 250ms) {
    io.restart();
    io.run_for(wait);
  }
  std::string networks() const {
    std::string text;
    for (const auto& network : contents.networks) text += network.prefix.to_string() + " ";
    return text;
  }
};

}  // namespace

TEST_CASE("lists are read in the order of their names, what else lies there is not", "[source][allow]") {
  Followed followed;
  followed.scratch.write("allow.d/20-b.list", "192.0.2.2\nvpn.example.org\n");
  followed.scratch.write("allow.d/10-a.list", "192.0.2.1\n192.0.2.300\n");
  followed.scratch.write("allow.d/.hidden.list", "192.0.2.3\n");
  followed.scratch.write("allow.d/c.list.dpkg-new", "192.0.2.4\n");
  std::filesystem::create_directories(followed.scratch / "allow.d/d.list");
  followed.files.start();
  CHECK(followed.networks() == "192.0.2.1/32 192.0.2.2/32 ");
  CHECK(followed.contents.networks[0].why == "allow.d/10-a.list");
  CHECK(followed.contents.names == std::vector{HostName{"vpn.example.org"}});
  REQUIRE(followed.contents.problems.size() == 1);
  CHECK(followed.contents.problems[0].find("/allow.d/10-a.list:2:1: \"192.0.2.300\" is no address") !=
        std::string::npos);
}

TEST_CASE("a list that is written, moved over, linked or removed is read again", "[source][allow]") {
  Followed followed;
  followed.scratch.write("allow.d/a.list", "192.0.2.1\n");
  followed.files.start();
  followed.scratch.write("allow.d/a.list", "192.0.2.2\n");
  followed.run();
  CHECK(followed.networks() == "192.0.2.2/32 ");

  followed.scratch.write("allow.d/a.list.new", "192.0.2.3\n");
  std::filesystem::rename(followed.scratch / "allow.d/a.list.new", followed.scratch / "allow.d/a.list");
  followed.run();
  CHECK(followed.networks() == "192.0.2.3/32 ");

  std::filesystem::rename(followed.scratch / "allow.d/a.list", followed.scratch / "allow.d/a.off");
  followed.run();
  CHECK(followed.networks().empty());

  followed.scratch.write("elsewhere", "192.0.2.4\n");
  std::filesystem::create_symlink(followed.scratch / "elsewhere", followed.scratch / "allow.d/l.list");
  followed.files.tick();  // sees it
  followed.files.tick();  // sees that it stands still
  CHECK(followed.networks() == "192.0.2.4/32 ");
  std::filesystem::remove(followed.scratch / "allow.d/l.list");
  followed.run();
  CHECK(followed.networks().empty());
}

TEST_CASE("a file that is half written is not read", "[source][allow]") {
  Followed followed;
  followed.scratch.write("allow.d/z", "");
  followed.files.start();
  std::ofstream half(followed.scratch / "allow.d/a.list");
  half << "192.0.2.0/2" << std::flush;
  followed.run();
  CHECK(followed.networks().empty());
  half << "4\n" << std::flush;
  half.close();
  followed.run();
  CHECK(followed.networks() == "192.0.2.0/24 ");
}

TEST_CASE("the directory may come, go and come again", "[source][allow]") {
  Followed followed;
  followed.files.start();
  CHECK(followed.times == 1);
  for (int round = 0; round < 2; ++round) {
    followed.scratch.write("allow.d/a.list", "192.0.2.1\n");
    followed.files.tick();
    followed.files.tick();
    CHECK(followed.networks() == "192.0.2.1/32 ");
    followed.scratch.write("allow.d/a.list", "192.0.2.2\n");  // it is watched by now
    followed.run();
    CHECK(followed.networks() == "192.0.2.2/32 ");
    std::filesystem::remove_all(followed.scratch / "allow.d");
    followed.run();
    CHECK(followed.networks().empty());
  }
}

TEST_CASE("many changes at once are one reading, and none is missed", "[source][allow]") {
  Followed followed;
  followed.scratch.write("allow.d/a.list", "");
  followed.files.start();
  for (int i = 0; i < 100; ++i)
    followed.scratch.write("allow.d/" + std::to_string(i) + ".list", "192.0.2." + std::to_string(i) + "\n");
  followed.run();
  CHECK(followed.contents.networks.size() == 100);
  CHECK(followed.times <= 4);
  followed.files.tick();
  followed.files.tick();
  CHECK(followed.times <= 4);  // nothing changed since
}

TEST_CASE("lists have their bounds, and what lies over them is told", "[source][allow]") {
  Followed followed;
  std::string text;
  for (int i = 0; i < 60'000; ++i)
    text += "10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".1\n";
  followed.scratch.write("allow.d/a.list", text);
  followed.scratch.write("allow.d/b.list", text);
  followed.scratch.write("allow.d/c.list", std::string(AllowContents::kMostBytes, '#'));
  followed.files.start();
  CHECK(followed.contents.networks.size() == AllowContents::kMostEntries);
  REQUIRE(followed.contents.problems.size() == 2);
  CHECK(followed.contents.problems[0].find("b.list:40001:1: too many entries") != std::string::npos);
  CHECK(followed.contents.problems[1].find("c.list: not read: with it the files of") != std::string::npos);
}
