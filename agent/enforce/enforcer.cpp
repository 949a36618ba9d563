// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/enforcer.hpp"

#include <string_view>

#include "enforce/backends.hpp"
#include "enforce/relay_rule.hpp"

namespace coturn_guard {
namespace {

struct Backend {
  std::string_view name;
  decltype(&make_ipset_enforcer) make;
};

constexpr Backend kBackends[] = {
    {"ipset", make_ipset_enforcer},
    {"nftables", make_nftables_enforcer},
    {"dry-run", make_dry_run},
};

// Of every backend: which one was here before us is nobody's memory. The first refusal is told, and the
// others have their turn all the same.
Result<> of_each(Result<> (*Leftovers::*remove)()) {
  Result<> all;
  for (const auto* const left : {&ipset_leftovers(), &nftables_leftovers()})
    if (auto done = (left->*remove)(); !done && all) all = std::move(done);
  return all;
}

Result<> both(Result<> first, Result<> second) {
  return first ? std::move(second) : std::move(first);
}

}  // namespace

EnforcerChoice choose_enforcer(const std::string& wanted) {
  if (wanted != "auto") return {wanted, "as configured"};
  const auto ipset = ask_for_ipset();
  if (ipset) return {"ipset", "auto: the kernel has ipset"};
  if (ipset.error().code == std::errc::operation_not_permitted)
    return {"ipset", "auto: the kernel must not be asked without CAP_NET_ADMIN"};
  if (const auto nftables = ask_for_nftables(); !nftables)
    return {"ipset", "auto: the kernel has neither ipset nor nf_tables"};
  return {"nftables", "auto: the kernel has nf_tables but no ipset: " + ipset.error().message()};
}

Result<std::unique_ptr<Enforcer>> make_enforcer(boost::asio::io_context& io, const std::string& what,
                                                const EnforcerOptions& options, EnforcerEvents events) {
  std::string known;
  for (const auto& backend : kBackends) {
    if (backend.name == what) return backend.make(io, options, std::move(events));
    known += known.empty() ? "" : ", ";
    known += backend.name;
  }
  return fail("there is no enforcer \"{}\" (known: {})", what, known);
}

Result<> remove_drop_rule() {
  return both(RelayRule::remove(), of_each(&Leftovers::remove_rule));
}

Result<> remove_everything() {
  return both(RelayRule::remove(), of_each(&Leftovers::remove_all));
}

}  // namespace coturn_guard
