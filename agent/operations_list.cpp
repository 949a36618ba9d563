// SPDX-License-Identifier: GPL-3.0-or-later
// `list`: all bans, in slices. Lines are put together by hand, not by a JSON library: there may be a million.
#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "operations.hpp"
#include "source/clocks.hpp"
#include "util/lifetime.hpp"

namespace coturn_guard {
namespace {

using std::chrono::seconds;

// Of one slice, beside its bytes: where a filter lets nothing pass.
constexpr std::size_t kMostSlots = 1000;

bool passes(const control::ListFilter& filter, const BanRecord& record) {
  if (filter.family && record.prefix.is_v4() != (*filter.family == 4)) return false;
  if (filter.network && !record.prefix.overlaps(*filter.network)) return false;
  const bool by_rule = record.cause == BanCause::rule;
  if (filter.rule && (!by_rule || record.rule != *filter.rule)) return false;
  if (filter.evidence && (!by_rule || record.evidence != *filter.evidence)) return false;
  return !filter.reason || to_string(record.cause) == *filter.reason ||
         (!record.reason.empty() && record.reason.find(*filter.reason) != std::string::npos);
}

class ListReply final : public control::Reply {
 public:
  ListReply(Operations& operations, control::ListFilter filter, control::Wake wake)
      : operations_(operations), filter_(std::move(filter)) {
    waits_ = operations_.refresh_traffic([this, wake = std::move(wake), alive = lifetime_.watch()] {
      if (alive.expired()) return;
      waits_ = false;
      wake();
    });
  }

  [[nodiscard]] State write(std::string& out) override {
    if (waits_) return State::waits;
    const BanTable& bans = operations_.rooms().enforcer->bans();
    const Now now = read_clocks();
    const std::size_t full = out.size() + kSliceBytes;
    for (std::size_t looked = 0; looked < kMostSlots && out.size() < full; ++looked) {
      if (slot_ >= bans.slots()) {
        out += fmt::format("{{\"schema\":{},\"event\":\"end\",\"bans\":{}}}\n", control::kSchema, told_);
        return State::done;
      }
      const Prefix* const prefix = bans.at(slot_++);
      if (prefix == nullptr) continue;
      const auto until = bans.expiry(*prefix);
      if (!until || *until <= now.mono) continue;
      const auto record = operations_.bans().find(*prefix).value_or(unknown_ban(*prefix));
      if (!passes(filter_, record)) continue;
      append_ban(out, record, *until, now);
      ++told_;
    }
    return State::more;
  }

 private:
  Operations& operations_;
  control::ListFilter filter_;
  std::size_t slot_ = 0;
  std::uint64_t told_ = 0;
  bool waits_ = false;
  Lifetime lifetime_;
};

void append_time(std::string& out, const char* key, std::chrono::system_clock::time_point time) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":\"{}\",\"{}_epoch\":{}", key, control::rfc3339(time), key,
                 std::chrono::floor<seconds>(time).time_since_epoch().count());
}

}  // namespace

void append_ban(std::string& out, const BanRecord& record, BanTable::Time until, const Now& now) {
  fmt::format_to(std::back_inserter(out), "{{\"schema\":{},\"event\":\"ban\",\"prefix\":\"{}\",\"family\":{}",
                 control::kSchema, record.prefix.to_string(), record.prefix.is_v4() ? 4 : 6);
  append_time(out, "since", record.since);
  if (until == BanTable::kForever) {
    out += ",\"until\":null,\"until_epoch\":null,\"left_seconds\":null";
  } else {
    const auto left = std::max(until - now.mono, BanTable::Time::duration::zero());
    append_time(out, "until",
                now.wall + std::chrono::duration_cast<std::chrono::system_clock::duration>(left));
    fmt::format_to(std::back_inserter(out), ",\"left_seconds\":{}", std::chrono::ceil<seconds>(left).count());
  }
  fmt::format_to(std::back_inserter(out), ",\"cause\":\"{}\"", to_string(record.cause));
  if (record.cause == BanCause::rule)
    fmt::format_to(std::back_inserter(out),
                   ",\"address\":\"{}\",\"rule\":{},\"evidence\":\"{}\",\"points\":{}",
                   record.address.to_string(), control::json_text(record.rule), to_string(record.evidence),
                   to_string(record.points));
  else
    out += ",\"address\":null,\"rule\":null,\"evidence\":null,\"points\":null";
  fmt::format_to(
      std::back_inserter(out),
      ",\"earlier_bans\":{},\"reason\":{},\"forced\":{},\"dropped_packets\":{},\"dropped_bytes\":{}}}\n",
      record.earlier_bans, control::json_text(record.reason), record.forced, record.dropped_packets,
      record.dropped_bytes);
}

BanRecord unknown_ban(const Prefix& prefix) {
  BanRecord record;
  record.prefix = prefix;
  record.address = prefix.network();
  record.cause = BanCause::adopted;
  return record;
}

std::optional<Prefix> covering_ban(const BanTable& bans, const Prefix& prefix) {
  for (unsigned length = prefix.length() + 1; length-- > 0;)
    if (const Prefix wider(prefix.network(), length); bans.expiry(wider)) return wider;
  return std::nullopt;
}

std::unique_ptr<control::Reply> list_bans(Operations& operations, control::ListFilter filter,
                                          control::Wake wake) {
  return std::make_unique<ListReply>(operations, std::move(filter), std::move(wake));
}

}  // namespace coturn_guard
