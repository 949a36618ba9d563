// SPDX-License-Identifier: GPL-3.0-or-later
// A network that is ours or that we depend on, with the reason in words an operator reads. Who finds it out
// is an edge; who obeys it is judge/allowlist.
#pragma once

#include <string>

#include "model/prefix.hpp"

namespace coturn_guard {

struct OwnNetwork {
  Prefix prefix;
  std::string why;    // "own address", "default gateway", "resolver", "ignoreip", "loopback", ...
  bool here = false;  // who sends to it reaches this host
};

}  // namespace coturn_guard
