// SPDX-License-Identifier: GPL-3.0-or-later
// The operator's lists of who is never judged: `allow.d/*.list` beside his configuration, read at the start
// and again whenever one is written, moved, linked or removed (inotify; a look once a second where that
// fails). What the files hold is parsed in model/allow_list; names are looked up elsewhere.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "model/allow_list.hpp"
#include "model/own_network.hpp"
#include "source/file_look.hpp"
#include "source/inotify.hpp"
#include "util/lifetime.hpp"
#include "util/problems.hpp"

namespace coturn_guard {

struct AllowContents {
  std::vector<OwnNetwork> networks;  // why: "allow.d/office.list"
  std::vector<HostName> names;
  Problems problems;  // "/etc/coturn-guard/allow.d/office.list:3:1: …"

  static constexpr std::size_t kMostFiles = 1000;
  static constexpr std::size_t kMostEntries = 100'000;                      // of all files
  static constexpr std::size_t kMostBytes = std::size_t{16} * 1024 * 1024;  // of all files
};

// allow.d beside the configuration.
[[nodiscard]] std::string allow_directory(const std::string& config_file);

// Files in the order of their names; those that begin with a dot are an editor's. No directory is no list.
[[nodiscard]] AllowContents read_allow_files(const std::string& directory);

class AllowFiles {
 public:
  using Changed = std::function<void(AllowContents)>;

  AllowFiles(boost::asio::io_context& io, std::string directory, Changed changed);

  void start();  // calls `changed` before it returns, also with nothing
  void tick();   // once a second

 private:
  // Of a file that is listed: enough to see that it is another one, or was written.
  struct Look {
    std::string path;
    FileIdentity identity;
    std::uint64_t size = 0;
    std::int64_t modified_nanoseconds = 0;

    friend bool operator==(const Look&, const Look&) = default;
  };

  void watch();
  void happened(const Inotify::Happening& happening);
  void batch_end();
  void read();
  [[nodiscard]] std::vector<Look> look() const;

  std::string directory_;
  Changed changed_;
  Inotify inotify_;
  boost::asio::steady_timer soon_;
  int watch_ = -1;
  FileIdentity watched_;
  bool due_ = false;
  bool waiting_ = false;  // for soon_
  std::vector<Look> read_;
  std::vector<Look> last_look_;
  Lifetime lifetime_;
};

}  // namespace coturn_guard
