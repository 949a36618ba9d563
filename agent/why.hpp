// SPDX-License-Identifier: GPL-3.0-or-later
// `coturn-guard why ADDRESS [LOG...]`: everything that the logs say against one address and its network, what
// was made of it, and where it stands at their end. It asks no running daemon.
#pragma once

#include <string>
#include <vector>

#include "model/prefix.hpp"
#include "setup.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct WhyOptions {
  Prefix network;                  // an address, or what an operator wants to know of together
  std::vector<std::string> files;  // none: the configured log
  bool json = false;
};

// False where nothing is known of it. Fails where a log cannot be read.
[[nodiscard]] Result<bool> tell_why(const WhyOptions& options, Setup setup);

}  // namespace coturn_guard
