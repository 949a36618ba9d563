// SPDX-License-Identifier: GPL-3.0-or-later
// inotify(7) in the loop: one read per wake-up, every event handed over in the order the kernel saw them. It
// does not interpret them, and it is an accelerator only: whoever uses it looks again once a second, for
// network file systems and for the day when the limit of watches is reached.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "util/lifetime.hpp"
#include "util/result.hpp"

namespace coturn_guard {

class Inotify {
 public:
  struct Happening {
    int watch = -1;
    std::uint32_t mask = 0;
    std::uint32_t cookie = 0;
    std::string_view name;  // within a watched directory; borrowed for the call
  };
  struct Callbacks {
    std::function<void(const Happening&)> happened;
    std::function<void()> batch_end;  // all that one read gave was handed over
  };

  Inotify(boost::asio::io_context& io, Callbacks callbacks);

  [[nodiscard]] Result<> open();
  // The watch's number; the same inode watched again keeps its number.
  [[nodiscard]] Result<int> watch(const std::string& path, std::uint32_t mask);
  void forget(int watch);
  [[nodiscard]] bool has_more() const;  // events wait that were not handed over
  void listen();                        // until stop(); harmless when already listening
  void stop();  // events wait in the kernel (16 384 of them, then it says IN_Q_OVERFLOW)

 private:
  void read();
  void on_read(const boost::system::error_code& error, std::size_t bytes);

  boost::asio::posix::stream_descriptor descriptor_;
  Lifetime lifetime_;
  int native_ = -1;  // descriptor_'s, which tells it to non-const callers only
  Callbacks callbacks_;
  alignas(8) std::array<char, 16384> buffer_{};
  bool wanted_ = false;
  bool reading_ = false;
};

}  // namespace coturn_guard
