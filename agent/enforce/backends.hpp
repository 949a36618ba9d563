// SPDX-License-Identifier: GPL-3.0-or-later
// The constructors behind make_enforcer()'s table, one a backend; each class is hidden in its own .cpp. And
// what a backend may have left in the kernel, for whoever comes after it.
#pragma once

#include <optional>
#include <vector>

#include "enforce/element.hpp"
#include "enforce/enforcer.hpp"

namespace coturn_guard {

// What stands in the kernel of a backend that does not run (any more): an earlier run of ours made it.
struct Leftovers {
  const char* name;
  // What its sets hold, without the canaries. Absent: it left nothing, not even an empty set or a rule.
  Result<std::optional<std::vector<Element>>> (*bans)();
  Result<> (*remove_rule)();  // nothing there is no error
  Result<> (*remove_all)();   // first the rule, then the sets
};
[[nodiscard]] const Leftovers& ipset_leftovers();
[[nodiscard]] const Leftovers& nftables_leftovers();

// Whether the kernel has what the backend needs; the error says what it lacks.
[[nodiscard]] Result<> ask_for_ipset();
[[nodiscard]] Result<> ask_for_nftables();

[[nodiscard]] Result<std::unique_ptr<Enforcer>> make_ipset_enforcer(boost::asio::io_context& io,
                                                                    const EnforcerOptions& options,
                                                                    EnforcerEvents events);
[[nodiscard]] Result<std::unique_ptr<Enforcer>> make_nftables_enforcer(boost::asio::io_context& io,
                                                                       const EnforcerOptions& options,
                                                                       EnforcerEvents events);
[[nodiscard]] Result<std::unique_ptr<Enforcer>> make_dry_run(boost::asio::io_context& io,
                                                             const EnforcerOptions& options,
                                                             EnforcerEvents events);

}  // namespace coturn_guard
