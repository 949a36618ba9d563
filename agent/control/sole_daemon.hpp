// SPDX-License-Identifier: GPL-3.0-or-later
// That this is the only daemon in its network namespace: two of them would share the sets and the drop rule,
// and each would put back what the other ends. The claim is a listening socket with an abstract name, which
// the kernel keeps for each network namespace apart and gives up with the process, however that ends. Anybody
// may take such a name, so who holds it counts only where it is root, our own user or the package's.
#pragma once

#include "util/result.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {

class SoleDaemon {
 public:
  // An error says that another one runs. Where a stranger holds the name, nothing is claimed.
  [[nodiscard]] static Result<SoleDaemon> claim();
  // Once a second: lets go whoever looked who we are.
  void tick() const;

 private:
  explicit SoleDaemon(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace coturn_guard
