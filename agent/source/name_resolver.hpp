// SPDX-License-Identifier: GPL-3.0-or-later
// Asks for the addresses of a host name: /etc/hosts and DNS as resolv.conf(5) has it, by c-ares, whose
// sockets and timers live in our loop. Nothing of c-ares exists before the first question or after the last
// answer, so each round of questions reads resolv.conf anew. It remembers no answer: name_book does.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "source/name_book.hpp"

namespace coturn_guard {

class NameResolver {
 public:
  using Done = std::function<void(const NameAnswer&)>;

  explicit NameResolver(boost::asio::io_context& io);
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  // `done` is called once, later, within some 20 s; not at all when the resolver goes before.
  void ask(const std::string& name, NameFamily family, Done done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace coturn_guard
