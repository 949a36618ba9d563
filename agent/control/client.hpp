// SPDX-License-Identifier: GPL-3.0-or-later
// The other end of the control socket, for the verbs: says a request, reads an answer's lines, and waits no
// longer than it was told. One thread, no loop. It understands nothing of what it carries.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "util/result.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard::control {

class Client {
 public:
  // Error codes: no_such_file_or_directory and connection_refused (no daemon listens there),
  // permission_denied.
  [[nodiscard]] static Result<Client> connect(const std::string& path, std::chrono::milliseconds patience);

  // The request ends in a newline. A daemon that hung up is no error here: it has said why, receive() tells.
  [[nodiscard]] Result<> send(std::string_view request);
  // The next line, without its newline, borrowed until the next call; absent: the daemon hung up. Waits for
  // at most the patience (timed_out); `for_ever`: as long as it takes.
  [[nodiscard]] Result<std::optional<std::string_view>> receive(bool for_ever = false);
  // Whether receive() would have something at once, within so long.
  [[nodiscard]] bool ready(std::chrono::milliseconds within);
  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  Client(UniqueFd socket, std::chrono::milliseconds patience)
      : socket_(std::move(socket)), patience_(patience) {}
  [[nodiscard]] Result<bool> wait(short what, std::chrono::milliseconds patience) const;

  UniqueFd socket_;
  std::chrono::milliseconds patience_;
  std::string input_;
  std::size_t taken_ = 0;  // of input_, handed out already
};

}  // namespace coturn_guard::control
