// SPDX-License-Identifier: GPL-3.0-or-later
// The listening socket of the metrics, by TCP or at a path, as a plain descriptor. Its errors are an
// operator's: what is in the way, and which drop-in of the service lifts it.
#pragma once

#include "control/metrics_address.hpp"
#include "util/result.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {

[[nodiscard]] Result<UniqueFd> listen_for_metrics(const MetricsAddress& address);

}  // namespace coturn_guard
