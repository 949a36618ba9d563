// SPDX-License-Identifier: GPL-3.0-or-later
// Who of those that listen on coturn's ports is coturn. Any user of the host may listen on a free address, on
// forty of them if it likes, and have its own visitors taken for coturn's; so numbers decide nothing. What
// decides is what only coturn has: the control group of its unit, then its log, which it writes and therefore
// owns. Without either: who was coturn before, or the only user that listens there at all. Else it is not
// decided. No clock, no descriptor.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/address.hpp"

namespace coturn_guard {

struct TcpListener {
  Endpoint local;
  std::uint32_t uid = 0;     // of who made the socket
  std::uint64_t cgroup = 0;  // the number of its control group; 0: the kernel does not tell
};

// What only coturn has.
struct CoturnMarks {
  std::set<std::uint64_t> cgroups;  // of its units
  std::set<std::uint32_t> owners;   // of its logs
};

class CoturnUser {
 public:
  // Who it is: by the control group where that is known, else by the user.
  struct Who {
    std::set<std::uint64_t> cgroups;
    std::set<std::uint32_t> users;
    bool marked = false;  // by a mark, so that nobody can have taken its place
    [[nodiscard]] bool is(const TcpListener& listener) const {
      return cgroups.empty() ? users.contains(listener.uid) : cgroups.contains(listener.cgroup);
    }
    friend bool operator==(const Who&, const Who&) = default;
  };

  // `known` listen on ports that are coturn's by its own configuration, `listed` on those that may be another
  // service's. Absent: nobody does that may be coturn; why() tells people where somebody does.
  std::optional<Who> look(const std::vector<TcpListener>& known, const std::vector<TcpListener>& listed,
                          const CoturnMarks& marks);
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  std::optional<Who> among(const std::vector<TcpListener>& listeners, const CoturnMarks& marks);

  std::optional<Who> last_;
  std::string why_;
};

}  // namespace coturn_guard
