// SPDX-License-Identifier: GPL-3.0-or-later
// The checks of `doctor`, one function each: facts in, findings out (none where the matter does not arise).
// They ask nobody. A new one is a function and a row in checks.cpp.
#pragma once

#include "doctor/facts.hpp"
#include "doctor/finding.hpp"

namespace coturn_guard::doctor {

// All of them, in the order in which an operator wants to read them.
[[nodiscard]] Findings examine(const Facts& facts);

// Of us and of coturn's log (log_checks.cpp).
[[nodiscard]] Findings check_configuration(const Facts& facts);
[[nodiscard]] Findings check_log_exists(const Facts& facts);
[[nodiscard]] Findings check_log_private(const Facts& facts);
[[nodiscard]] Findings check_log_readable(const Facts& facts);
[[nodiscard]] Findings check_log_fresh(const Facts& facts);
[[nodiscard]] Findings check_log_recognised(const Facts& facts);
[[nodiscard]] Findings check_log_smoke(const Facts& facts);
[[nodiscard]] Findings check_log_rotation(const Facts& facts);
[[nodiscard]] Findings check_syslog_hangup(const Facts& facts);
[[nodiscard]] Findings check_proxy_in_front(const Facts& facts);

// Of coturn (coturn_checks.cpp).
[[nodiscard]] Findings check_coturn_configuration(const Facts& facts);
[[nodiscard]] Findings check_verbose(const Facts& facts);
[[nodiscard]] Findings check_proxy_port(const Facts& facts);
[[nodiscard]] Findings check_customers(const Facts& facts);
[[nodiscard]] Findings check_web_admin_on_workers(const Facts& facts);
[[nodiscard]] Findings check_web_admin_password(const Facts& facts);
[[nodiscard]] Findings check_no_auth(const Facts& facts);
[[nodiscard]] Findings check_rate_limit(const Facts& facts);
[[nodiscard]] Findings check_answers_arrive(const Facts& facts);
[[nodiscard]] Findings check_version(const Facts& facts);
[[nodiscard]] Findings check_namespace(const Facts& facts);
[[nodiscard]] Findings check_witness(const Facts& facts);

// Of the host (host_checks.cpp).
[[nodiscard]] Findings check_service(const Facts& facts);
[[nodiscard]] Findings check_kernel(const Facts& facts);
[[nodiscard]] Findings check_saved_rules(const Facts& facts);
[[nodiscard]] Findings check_fail2ban(const Facts& facts);

}  // namespace coturn_guard::doctor
