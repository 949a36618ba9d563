// SPDX-License-Identifier: GPL-3.0-or-later
// Every event that the agent writes, in one place: names are stable, operators match on them, and each kind
// that tells of a change has a journal message id of its own (journalctl MESSAGE_ID=…).
#pragma once

#include <syslog.h>

#include "util/log.hpp"

namespace coturn_guard::events {

inline constexpr LogEvent kBan{"ban", LOG_NOTICE, "ca3a4b9a35274139b1eee5cd72608dcd"};
inline constexpr LogEvent kWouldBan{"ban.simulated", LOG_NOTICE, "30477b8ea7f64de99f00c1017c3b14fc"};
inline constexpr LogEvent kPastBan{"ban.past", LOG_INFO, "0f6c3b8f27d94b4e9c55a1d2be7043a8"};
inline constexpr LogEvent kUnban{"unban", LOG_NOTICE, "09b81072229a4f379ff64b153d85fb20"};
inline constexpr LogEvent kBanFailed{"ban.failed", LOG_ERR, "57081c9acb1a4f9bb07841c29bd0c218"};
inline constexpr LogEvent kBanExpired{"ban.expired", LOG_INFO, "b4c8a1f07d3e4f6a9e52d08c71ab36f5"};
inline constexpr LogEvent kTainted{"detect.tainted", LOG_WARNING, "1d1bc70c97df47d1bc348cb1a548f949"};
inline constexpr LogEvent kSmoke{"detect.smoke", LOG_ERR, "7e2fb339f7c445feb1842e01ae90042e"};
inline constexpr LogEvent kSmokeOver{"detect.smoke_over", LOG_NOTICE, "21509925885f48a9bf28bc5e9a61aaf9"};
inline constexpr LogEvent kUnrecognised{"detect.unrecognised", LOG_WARNING,
                                        "20e5e1caa1f64bb5a8b25964485d064b"};
inline constexpr LogEvent kSource{"source.chosen", LOG_INFO, "0c8cf6c5f2d54c6f9b1d0c0e3a7f4be2"};
inline constexpr LogEvent kRefuted{"detect.refuted", LOG_WARNING, "ff52321a161c4329a2ea55c8766cb7dc"};
inline constexpr LogEvent kReport{"report", LOG_NOTICE, "1062e4ac2abf4532835f1b0f1d267269"};
inline constexpr LogEvent kHealthCheck{"judge.health_check", LOG_NOTICE, "3d0b6f6c1f2e4a0a9c5e2b7a84d1f963"};
inline constexpr LogEvent kPrivateSource{"judge.private_source", LOG_WARNING,
                                         "b85c2a9e70d34e6f8a1d5c3f96e7240b"};
inline constexpr LogEvent kOwnAddress{"judge.own_address", LOG_ERR, "5e1a7d92c4b84f0f9d63a8170be2c54d"};
inline constexpr LogEvent kGateway{"judge.gateway", LOG_WARNING, "9667acb9e2284e53925d91bddd451740"};
inline constexpr LogEvent kBreakerOpen{"breaker.open", LOG_ERR, "2d748f58c90a4abfab24e18122129b3d"};
inline constexpr LogEvent kBreakerClosed{"breaker.closed", LOG_NOTICE, "f6fe49027a164555bf7536ec355b9385"};
inline constexpr LogEvent kWitness{"witness.available", LOG_INFO, "4cf9918d4cfc4ef5a2e61ae4d4711fa3"};
inline constexpr LogEvent kNoWitness{"witness.missing", LOG_WARNING, "83c849760edb4cf6b7e437e1f82c5960"};
inline constexpr LogEvent kWitnessUndecided{"witness.undecided", LOG_ERR, "c1f84d0b6a3e4c57b9d2e8a07f315c64"};
inline constexpr LogEvent kNoUdpLogins{"witness.no_calls", LOG_WARNING, "d07c5b3e92f84a16a3be61f0c48d927a"};
inline constexpr LogEvent kWitnessBehind{"witness.behind", LOG_WARNING, "5fed6ad4de984407a6a541b6f218cf1d"};
inline constexpr LogEvent kGate{"gate.open", LOG_INFO, "5d5ce6e8a25d4d68a6a3f6dc1f3b0e1a"};
inline constexpr LogEvent kGateFailed{"gate.failed", LOG_ERR, "0b7c3c5e1b0e4f3c8d8e0f3b9a6d2c47"};
inline constexpr LogEvent kGateBehind{"gate.behind", LOG_WARNING, "b21806100b53406fa3c87dc17e09a1f1"};
inline constexpr LogEvent kQuench{"gate.quench", LOG_NOTICE, "c2f6b6b0a9f34d0c9d3b8a0f4f1d7e52"};
inline constexpr LogEvent kGateTotals{"gate.totals", LOG_NOTICE, "8e0d4f7a3c5b4b2f9a1c6e7d8f90b314"};
inline constexpr LogEvent kMetrics{"metrics.served", LOG_INFO, "a6b0f1c5d3784e0c9a47c51e2c1f8b6d"};
inline constexpr LogEvent kMetricsFailed{"metrics.failed", LOG_ERR, "3f9d2b7e64c84a1fb5d08e7a915c6d20"};
inline constexpr LogEvent kHistoryFailed{"history.failed", LOG_WARNING, "711e59efd4de4644bc29c6ac88239649"};
inline constexpr LogEvent kStarted{"agent.started", LOG_INFO, "f1b9212b71f646c691279343d6139277"};
inline constexpr LogEvent kStopped{"agent.stopped", LOG_INFO, "98e10ef3cf30447b982397db505f4735"};
inline constexpr LogEvent kReloaded{"config.reloaded", LOG_INFO, "42466d3f07b24bc182b8bbc9b663b1f0"};
inline constexpr LogEvent kRejected{"config.rejected", LOG_ERR, "428231666e82463497cd3ede779a178d"};
inline constexpr LogEvent kNote{"config.note", LOG_WARNING, "5e04a3966c7d462c85b50811ea04f000"};
inline constexpr LogEvent kRequest{"control.request", LOG_NOTICE, "df662078d9f24be7974429453aabb9de"};
inline constexpr LogEvent kRequestForbidden{"control.forbidden", LOG_WARNING,
                                            "a874dc188bbb40dfbc71e69d10d12aa4"};
inline constexpr LogEvent kNoControl{"control.failed", LOG_WARNING, "5d0bb6f1d4f243579e3b9f6b0b2a4c41"};
inline constexpr LogEvent kStateRestored{"state.restored", LOG_INFO, "c07711aae8624e5a991eb705bc36ca08"};
inline constexpr LogEvent kStateSaved{"state.saved", LOG_INFO, "fcb7b340eede418c8ce8d35d20aef0bd"};
inline constexpr LogEvent kStateFailed{"state.failed", LOG_ERR, "395485f7afd7475ca70b49491a17f042"};
inline constexpr LogEvent kStateSetAside{"state.set_aside", LOG_WARNING, "6a54fd066c174c4ab71143955eb8229a"};
inline constexpr LogEvent kPaused{"source.paused", LOG_WARNING, "ec275ca4a71e48af86287f2af4358081"};
inline constexpr LogEvent kAllowRead{"allow.read", LOG_INFO, "b5a6a4cf0f2f4a0f8f0d6c1d2e9b7a31"};
inline constexpr LogEvent kAllowRejected{"allow.rejected", LOG_WARNING, "3d1b9c04f7c94d5fa1a6c5be80d2f6e9"};
inline constexpr LogEvent kNameFound{"allow.name_found", LOG_INFO, "7e2f60d5a9b24f58b3d7c94e1f0a8b62"};
inline constexpr LogEvent kNameFailed{"allow.name_failed", LOG_WARNING, "91c4d8e3b6a74c0d8e5f2a7b3c6d9e10"};
inline constexpr LogEvent kHookFailed{"hook.failed", LOG_WARNING, "c7d5e2a1f0b94c3e9a8d7f6b5e4c3d21"};
inline constexpr LogEvent kHookLeftOut{"hook.left_out", LOG_WARNING, "4af1c09e7d5b4b7ea2c8d6f3e1b09a75"};
inline constexpr LogEvent kFailed{"agent.failed", LOG_ERR, "a974f905773549fbb63d80b4ec2862bd"};

}  // namespace coturn_guard::events
