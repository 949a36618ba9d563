// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/inotify.hpp"

#include <sys/inotify.h>
#include <sys/ioctl.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <cstring>
#include <utility>

namespace coturn_guard {

Inotify::Inotify(boost::asio::io_context& io, Callbacks callbacks)
    : descriptor_(io), callbacks_(std::move(callbacks)) {}

Result<> Inotify::open() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return fail(errno, "inotify_init1");
  native_ = fd;
  descriptor_.assign(fd);
  return {};
}

Result<int> Inotify::watch(const std::string& path, std::uint32_t mask) {
  if (!descriptor_.is_open()) return fail(EBADF, "watch {}", path);
  const int number = ::inotify_add_watch(native_, path.c_str(), mask);
  if (number < 0) return fail(errno, "watch {}", path);
  return number;
}

void Inotify::forget(int watch) {
  if (watch >= 0 && descriptor_.is_open()) ::inotify_rm_watch(native_, watch);
}

bool Inotify::has_more() const {
  int bytes = 0;
  return descriptor_.is_open() && ::ioctl(native_, FIONREAD, &bytes) == 0 && bytes > 0;
}

void Inotify::listen() {
  wanted_ = true;
  if (!reading_ && descriptor_.is_open()) read();
}

void Inotify::stop() {
  wanted_ = false;
}

// async_read_some and not async_wait: Asio's epoll reactor then needs no epoll_ctl for each wait, and the
// first event under load comes without any wait at all.
void Inotify::read() {
  reading_ = true;
  descriptor_.async_read_some(boost::asio::buffer(buffer_),
                              [this, alive = lifetime_.watch()](const auto& error, std::size_t bytes) {
                                if (error == boost::asio::error::operation_aborted || alive.expired()) return;
                                on_read(error, bytes);
                              });
}

void Inotify::on_read(const boost::system::error_code& error, std::size_t bytes) {
  reading_ = false;
  if (error) return;  // the look once a second goes on without us
  for (std::size_t at = 0; at + sizeof(inotify_event) <= bytes;) {
    inotify_event event;
    std::memcpy(&event, buffer_.data() + at, sizeof event);
    const char* const name = buffer_.data() + at + sizeof event;
    callbacks_.happened({event.wd, event.mask, event.cookie, {name, ::strnlen(name, event.len)}});
    at += sizeof event + event.len;
  }
  callbacks_.batch_end();
  if (wanted_ && !reading_) read();
}

}  // namespace coturn_guard
