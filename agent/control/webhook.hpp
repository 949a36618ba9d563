// SPDX-License-Identifier: GPL-3.0-or-later
// Posts JSON to a web server for a hook, over HTTP/1.1 without TLS, and tries again twice where that may
// help. Of the answer only its status counts. How many and how often is hook_queue's; who looks up names is
// given.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/hook.hpp"
#include "model/address.hpp"
#include "util/result.hpp"

namespace coturn_guard {

class Webhook {
 public:
  using Resolved = std::function<void(const Result<std::vector<Address>>&)>;
  using Resolve = std::function<void(const std::string& name, Resolved done)>;
  using Done = std::function<void(const std::string& problem)>;  // empty: a status of 200 to 299

  Webhook(boost::asio::io_context& io, Resolve resolve) : io_(io), resolve_(std::move(resolve)) {}

  // `done` is called once, later, unless this object goes before: after at most 3 x `timeout` and 5 s.
  void post(const WebAddress& address, std::chrono::seconds timeout, std::string json, Done done);

 private:
  class Delivery;

  boost::asio::io_context& io_;
  Resolve resolve_;
  std::set<std::shared_ptr<Delivery>> open_;
};

}  // namespace coturn_guard
