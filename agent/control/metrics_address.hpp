// SPDX-License-Identifier: GPL-3.0-or-later
// Where metrics are asked for: a loopback address with a port, or a unix socket. Nothing that another
// machine reaches: there is neither encryption nor a password.
#pragma once

#include <string>

#include "model/address.hpp"

namespace coturn_guard {

struct MetricsAddress {
  Endpoint tcp;      // port 0: not by TCP
  std::string path;  // of a unix socket; empty: none

  [[nodiscard]] bool off() const { return tcp.port == 0 && path.empty(); }
  // As it is configured: "127.0.0.1:9105", "unix:/run/x.sock", "off".
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const MetricsAddress&, const MetricsAddress&) = default;
};

}  // namespace coturn_guard
