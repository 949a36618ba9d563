// SPDX-License-Identifier: GPL-3.0-or-later
#include "doctor/checks.hpp"

#include <array>
#include <iterator>

namespace coturn_guard::doctor {
namespace {

using Check = Findings (*)(const Facts&);
constexpr std::array<Check, 26> kChecks{
    &check_configuration,
    &check_service,
    &check_kernel,
    &check_coturn_configuration,
    &check_log_exists,
    &check_log_private,
    &check_log_readable,
    &check_log_fresh,
    &check_log_recognised,
    &check_log_smoke,
    &check_log_rotation,
    &check_syslog_hangup,
    &check_verbose,
    &check_witness,
    &check_namespace,
    &check_proxy_in_front,
    &check_proxy_port,
    &check_customers,
    &check_no_auth,
    &check_rate_limit,
    &check_web_admin_on_workers,
    &check_web_admin_password,
    &check_answers_arrive,
    &check_version,
    &check_fail2ban,
    &check_saved_rules,
};

}  // namespace

Findings examine(const Facts& facts) {
  Findings findings;
  for (const auto check : kChecks) {
    auto found = check(facts);
    std::move(found.begin(), found.end(), std::back_inserter(findings));
  }
  return findings;
}

}  // namespace coturn_guard::doctor
