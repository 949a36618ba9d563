// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/metrics_file.hpp"

#include <unistd.h>

#include <utility>

#include "util/atomic_file.hpp"

namespace coturn_guard {
namespace {

constexpr mode_t kEverybodyReads = 0644;

}  // namespace

void MetricsFile::move_to(const std::string& path) {
  if (path == path_) return;
  if (written_) ::unlink(path_.c_str());
  path_ = path;
  next_ = {};
  written_ = failing_ = false;
}

Result<> MetricsFile::tick(Time now) {
  if (path_.empty() || now < next_) return {};
  next_ = now + kInterval;
  const auto replaced = replace_file(path_, collect_(), kEverybodyReads);
  if (replaced) {
    ++counters_.written;
    written_ = true;
    failing_ = false;
    return {};
  }
  ++counters_.failed;
  if (std::exchange(failing_, true)) return {};
  return tl::unexpected(Error{replaced.error().code,
                              "write metrics_file " + path_ +
                                  " (the service may write below /run/coturn-guard, where every program "
                                  "reads; elsewhere only with ReadWritePaths= in a drop-in, and a line in "
                                  "/etc/apparmor.d/local/coturn-guard where there is AppArmor): " +
                                  replaced.error().what});
}

}  // namespace coturn_guard
