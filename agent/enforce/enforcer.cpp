// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/enforcer.hpp"

#include <string_view>

#include "enforce/backends.hpp"

namespace coturn_guard {
namespace {

struct Backend {
  std::string_view name;
  decltype(&make_ipset_enforcer) make;
};

constexpr Backend kBackends[] = {
    {"ipset", make_ipset_enforcer},
    {"dry-run", make_dry_run},
};

}  // namespace

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
  return ipset_leftovers().remove_rule();
}

Result<> remove_everything() {
  return ipset_leftovers().remove_all();
}

}  // namespace coturn_guard
