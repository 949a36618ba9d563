// SPDX-License-Identifier: GPL-3.0-or-later
#include "doctor/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "doctor/checks.hpp"
#include "doctor/gather.hpp"
#include "json_line.hpp"

namespace coturn_guard {
namespace {

using doctor::Finding;

constexpr std::array<const char*, 3> kWords{"ok", "warn", "fail"};  // by Health

const char* word(const Finding& finding) {
  return kWords[static_cast<std::size_t>(finding.health)];
}

void print_json(const Finding& finding) {
  print_line({{"check", finding.check},
              {"health", word(finding)},
              {"what", finding.what},
              {"remedy", finding.remedy}});
}

void print_text(const Finding& finding) {
  fmt::print("{:<5} {}{}{}\n", word(finding), finding.what, finding.remedy.empty() ? "" : "  — ",
             finding.remedy);
}

}  // namespace

int doctor_command(const DoctorOptions& options) {
  auto facts = doctor::gather_files(options.root, options.paths);
  if (options.root.empty()) doctor::gather_live(facts, options.paths);
  auto worst = doctor::Health::ok;
  for (const auto& finding : doctor::examine(facts)) {
    worst = std::max(worst, finding.health);
    options.json ? print_json(finding) : print_text(finding);
  }
  return static_cast<int>(worst);
}

}  // namespace coturn_guard
