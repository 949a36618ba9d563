// SPDX-License-Identifier: GPL-3.0-or-later
// Plays a story that bytes tell, offences, unbans, reloads, restarts and time of every size, to a ledger and
// to its oracle. The property test feeds random bytes, the fuzzer its own.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "judge/ledger.hpp"
#include "support/judge_words.hpp"
#include "support/ledger_oracle.hpp"

namespace coturn_guard::test {

// What went wrong first, or nothing.
inline std::string play_ledger_story(std::span<const std::uint8_t> bytes) {
  std::size_t at = 0;
  const auto next = [&] { return at < bytes.size() ? bytes[at++] : std::uint8_t{0}; };

  constexpr std::array<std::int32_t, 8> kPoints{1, 100, 300, 500, 1000, 1500, 3000, 20'000};
  constexpr std::array<std::int64_t, 8> kSteps{0, 1, 40, 1000, 60'000, 599'000, 3'600'000, 86'400'000};
  Policy policy;
  policy.findtime = std::chrono::seconds(1 + next() * 30);
  policy.maxretry = {1 + next() * 100};
  policy.bantime = std::chrono::seconds(1 + next());
  policy.bantime_max = policy.bantime + std::chrono::seconds(next() * 1000);
  policy.forget_after = std::chrono::seconds(next() * 3600);
  Ledger ledger(policy, {next(), next()});
  LedgerOracle oracle(policy);
  // What a state file holds: whoever restarts goes on with it alone.
  const auto origin = at_ms(0).mono;
  ledger.begin(origin);
  std::map<Prefix, SavedOffender> file;
  const auto save = [&] {
    StateBatch batch;
    ledger.save_changes(batch);
    if (batch.clear_offenders) file.clear();
    for (const Prefix& gone : batch.offenders_gone) file.erase(gone);
    for (const SavedOffender& offender : batch.offenders) file[offender.network] = offender;
  };
  // Stories of small points and short steps fill windows, which those of all sizes hardly ever do.
  const std::size_t point_sizes = 1 + next() % kPoints.size();
  const std::size_t step_sizes = 1 + next() % kSteps.size();
  std::uint64_t verdicts = 0, counted = 0, evicted = 0;
  std::int64_t now_ms = 0;
  while (at < bytes.size()) {
    const std::uint8_t what = next();
    const std::uint8_t who = next() % 24;
    // A few IPv4 hosts, and IPv6 hosts that share networks.
    Address::Bytes six{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, static_cast<std::uint8_t>(who / 4)};
    six[15] = who;
    const Address address = who < 12 ? Address::v4(0xc0000200U + who) : Address(six);
    if (what >= 240) {
      const bool wide = (what & 2) != 0;
      const Prefix prefix(address, wide ? (address.is_v4() ? 30 : 56) : 128);
      ledger.forgive(prefix, (what & 1) != 0);
      oracle.forgive(prefix, (what & 1) != 0);
      continue;
    }
    if (what >= 235) {
      policy.maxretry = {1 + next() * 100};
      if ((what & 1) != 0) policy.findtime += std::chrono::seconds(next());
      policy.bantime = std::min(std::chrono::seconds(1 + next()), policy.bantime_max);
      ledger.set_policy(policy);
      oracle.set_policy(policy);
      continue;
    }
    if (what >= 230) {
      if ((what & 1) != 0) ledger.note_everything();
      save();
      if (what < 232) continue;  // it lives on, and the next save holds what changed since
      counted += ledger.counters().verdicts;
      evicted += ledger.counters().evicted;
      ledger = Ledger(policy, {what, next()});
      ledger.begin(origin);
      std::vector<SavedOffender> in_order;
      for (const auto& [network, offender] : file) in_order.push_back(offender);
      std::stable_sort(in_order.begin(), in_order.end(), [](const SavedOffender& a, const SavedOffender& b) {
        return a.last_seen < b.last_seen;
      });
      for (const SavedOffender& offender : in_order) ledger.load(offender, at_ms(now_ms));
      continue;
    }
    now_ms += kSteps[what % step_sizes] * (1 + next() % 16);
    const auto kind = next();
    const Evidence evidence = kind >= 250   ? Evidence::tainted
                              : kind >= 240 ? Evidence::spoofable
                              : kind >= 120 ? Evidence::claimed
                                            : Evidence::proven;
    const Offence made = offence(address, kPoints[kind % point_sizes], evidence);
    const auto width = next();  // half of them count as long as findtime
    const std::chrono::seconds window = width < 128
                                            ? std::chrono::seconds{0}
                                            : std::chrono::seconds{1} + policy.findtime * (width - 128) / 100;
    const auto verdict = ledger.record(made, window, at_ms(now_ms));
    verdicts += verdict.has_value() ? 1U : 0U;
    if (std::string wrong = oracle.check(made, now_ms, verdict, window); !wrong.empty()) return wrong;
  }
  save();
  if (file.size() != ledger.size()) return "more is saved than is known";
  if (ledger.counters().verdicts + counted != verdicts) return "verdicts are miscounted";
  if (ledger.counters().evicted + evicted != 0) return "somebody was evicted although there was room";
  if (ledger.size() > 24) return "more networks than there are";
  return "";
}

}  // namespace coturn_guard::test
