// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "doctor/checks.hpp"

namespace coturn_guard::doctor {

Findings check_service(const Facts& facts) {
  constexpr const char* kCheck = "service";
  if (!facts.live) return {};
  const auto& state = facts.live->service;
  if (state == "active") return {{Health::ok, kCheck, "coturn-guard runs"}};
  if (state.empty())
    return {{Health::warn, kCheck, "whether coturn-guard runs is not known: systemctl does not answer",
             "ps -C coturn-guard"}};
  return {{Health::fail, kCheck, fmt::format("coturn-guard does not run: its unit is {}", state),
           "systemctl enable --now coturn-guard; journalctl -u coturn-guard says why it ended"}};
}

Findings check_kernel(const Facts& facts) {
  constexpr std::array kFamilies{"IPv4", "IPv6"};
  constexpr const char* kCheck = "kernel";
  // Without the service nothing has to be there, and that it is missing was said.
  if (!facts.live || facts.live->service != "active") return {};
  if (facts.config.mode == Mode::observe)
    return {{Health::warn, kCheck, "mode: observe: bans are told and not enforced",
             "mode: enforce, then systemctl reload coturn-guard"}};
  const auto& kernel = facts.live->kernel;
  if (!kernel.problem.empty())
    return {
        {Health::warn, kCheck, "sets and rule were not looked at: " + kernel.problem, "run doctor as root"}};
  Findings findings;
  for (std::size_t family = 0; family < kFamilies.size(); ++family) {
    if (!kernel.canary[family])
      findings.push_back(
          {Health::fail, kCheck,
           fmt::format("the {} set is not there or was emptied: nobody is banned", kFamilies[family]),
           "journalctl -u coturn-guard; systemctl restart coturn-guard"});
    if (!kernel.rule[family])
      findings.push_back(
          {Health::fail, kCheck,
           fmt::format(
               "the {} drop rule is not there or not for coturn's ports: who is banned is not dropped",
               kFamilies[family]),
           "journalctl -u coturn-guard; systemctl restart coturn-guard"});
  }
  if (findings.empty())
    findings.push_back({Health::ok, kCheck, "sets and drop rules stand, for IPv4 and IPv6"});
  return findings;
}

Findings check_saved_rules(const Facts& facts) {
  Findings findings;
  for (const auto& saved : facts.saved) {
    findings.push_back(
        {Health::fail, "firewall.saved",
         fmt::format(
             "{}:{} names what is ours, so the file does not load at boot: the host comes up without its "
             "firewall",
             saved.path, saved.line),
         saved.nft
             ? fmt::format(
                   "remove the blocks 'table ip coturn-guard {{…}}', 'table ip6 coturn-guard {{…}}' and each "
                   "'table inet coturn-guard-… {{…}}' from it, then nft -c -f {}",
                   saved.path)
             : fmt::format("sed -i '/coturn-guard/d' {0}, then iptables-restore --test {0}", saved.path)});
  }
  return findings;
}

Findings check_fail2ban(const Facts& facts) {
  if (facts.jails.empty()) return {};
  if (facts.live && !facts.live->fail2ban.empty() && facts.live->fail2ban != "active") return {};
  return {
      {Health::warn, "fail2ban",
       fmt::format(
           "fail2ban has a jail for coturn, too: {}. It believes lines that an attacker wrote, and bans whom "
           "he names",
           fmt::join(facts.jails, ", ")),
       "set enabled = false there, then fail2ban-client reload"}};
}

}  // namespace coturn_guard::doctor
