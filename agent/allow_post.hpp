// SPDX-License-Identifier: GPL-3.0-or-later
// Who is not to be judged by the operator's lists in allow.d and by host names, brought together: files are
// followed, names are asked again as their answers age, and the operator is told what of it did not work. It
// holds the list; judge/allowlist obeys it. Until a name is configured no resolver exists.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>
#include <vector>

#include "model/allow_list.hpp"
#include "model/clock.hpp"
#include "model/own_network.hpp"
#include "source/allow_files.hpp"
#include "source/name_book.hpp"
#include "source/name_resolver.hpp"
#include "util/log.hpp"
#include "util/result.hpp"

namespace coturn_guard {

class AllowPost {
 public:
  // With the whole list, whenever it is another one.
  using Changed = std::function<void(std::vector<OwnNetwork>)>;
  using Resolved = std::function<void(const Result<std::vector<Address>>&)>;

  AllowPost(boost::asio::io_context& io, Log& log, std::string directory, Changed changed);

  // Reads the files and calls `changed` before it returns; names of both are asked for from now on.
  void open(std::vector<HostName> configured);
  void set_configured(std::vector<HostName> names);  // after a reload
  void tick(const Now& now);                         // once a second
  // For who has a name to connect to: its addresses of both families, or why there is none.
  void resolve(const std::string& name, Resolved done);

 private:
  void on_files(AllowContents contents);
  void set_names();
  void ask(NameBook::Time now);
  void on_answer(const NameBook::Question& question, const NameAnswer& answer);
  void apply();
  void apply_soon();
  void tell(NameBook::Time now);

  Log& log_;
  Changed changed_;
  NameResolver resolver_;
  NameBook book_;
  std::vector<HostName> configured_;
  AllowContents listed_;
  AllowFiles files_;
  boost::asio::steady_timer gather_;
  bool gathering_ = false;
  bool opened_ = false;
};

}  // namespace coturn_guard
