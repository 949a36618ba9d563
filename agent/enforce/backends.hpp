// SPDX-License-Identifier: GPL-3.0-or-later
// The constructors behind make_enforcer()'s table, one a backend; each class is hidden in its own .cpp.
#pragma once

#include "enforce/enforcer.hpp"

namespace coturn_guard {

[[nodiscard]] Result<std::unique_ptr<Enforcer>> make_ipset_enforcer(boost::asio::io_context& io,
                                                                    const EnforcerOptions& options,
                                                                    EnforcerEvents events);
[[nodiscard]] Result<std::unique_ptr<Enforcer>> make_dry_run(boost::asio::io_context& io,
                                                             const EnforcerOptions& options,
                                                             EnforcerEvents events);

}  // namespace coturn_guard
