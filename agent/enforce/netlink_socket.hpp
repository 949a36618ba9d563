// SPDX-License-Identifier: GPL-3.0-or-later
// A NETLINK_NETFILTER socket. The kernel works on a request inside sendmsg(2) and its answers wait in the
// socket when that returns (net/netlink/af_netlink.c: netlink_unicast_kernel()), so ask() does not wait for
// anybody. It knows nothing of what messages mean; a kernel's error comes back as Error.code.
#pragma once

#include <functional>
#include <span>

#include "enforce/netlink_bytes.hpp"
#include "util/result.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {

class NetlinkSocket {
 public:
  // `group`: also hear what the kernel tells everybody there (NFNLGRP_…); 0: only answers.
  [[nodiscard]] static Result<NetlinkSocket> create(int group = 0);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] int release() { return fd_.release(); }
  [[nodiscard]] std::uint32_t next_sequence() { return ++sequence_; }

  [[nodiscard]] Result<> send(ByteView request);
  // Sends messages that were numbered by next_sequence() and hands every answer but acknowledgements to
  // `take`, until the last one was acknowledged or its list has ended. The first refusal is the error;
  // nothing after it is waited for.
  [[nodiscard]] Result<> ask(ByteView request, const std::function<void(const Message&)>& take = {});
  // What waits in the socket, without waiting for more; empty where nothing does. Borrowed until the next
  // call.
  [[nodiscard]] static Result<ByteView> receive(int fd, Bytes& buffer, bool wait);

 private:
  explicit NetlinkSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  void drain();
  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
  Bytes buffer_;
  bool behind_ = false;  // an answer did not come in time and may come yet
};

}  // namespace coturn_guard
