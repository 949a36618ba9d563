// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/gate_rule.hpp"

#include <algorithm>
#include <utility>

#include "enforce/explain.hpp"
#include "enforce/nft_message.hpp"

namespace coturn_guard {
namespace {

using std::chrono::seconds;
using Level = EnforcerNotice::Level;

constexpr seconds kLookInterval{1};
constexpr seconds kAliveFor{3};  // three looks: so long may we hang until the kernel queues nothing more
constexpr seconds kNoticeInterval{60};
constexpr seconds kHeardFor{600};                // then one packet of it is looked at again
constexpr std::size_t kMostHeardWaiting = 4096;  // more are looked at again when they say more
constexpr const char* kWhere = "the nf_tables table inet coturn-guard-gate";

GateTraffic sum(const GateTraffic& a, const GateTraffic& b) {
  return {a.dropped + b.dropped, a.dropped_bytes + b.dropped_bytes, a.queued + b.queued};
}

}  // namespace

Result<GateRule> GateRule::create(Notices notices) {
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(explain(Request::open_socket, socket.error().what, socket.error()));
  return GateRule(std::move(*socket), std::move(notices));
}

Result<> GateRule::change(const Put& put) {
  Bytes request;
  const auto last = put(request, socket_.next_sequence());
  while (socket_.next_sequence() != last) {
  }
  return socket_.ask(request);
}

Result<> GateRule::install(const gate_table::Wish& wish, Time now) {
  const bool by_target = wish_.by_target;  // what this kernel lacks, it lacks at the repair, too
  wish_ = wish;
  wish_.by_target = by_target;
  const Put put_table = [this](Bytes& out, std::uint32_t sequence) {
    return put_install(out, sequence, wish_);
  };
  auto done = change(put_table);
  if (!done && done.error().code == std::errc::no_such_file_or_directory) {
    wish_.by_target = !wish_.by_target;
    done = change(put_table);
  }
  if (done) {
    before_ = sum(before_, std::exchange(here_, {}));  // with the old table, whose counters are gone
    done = change(
        [](Bytes& out, std::uint32_t sequence) { return gate_table::put_alive(out, sequence, kAliveFor); });
  }
  if (!done)
    return tl::unexpected(explain(Request::change_rule, fmt::format("write {}", kWhere), done.error()));
  next_look_ = now + kLookInterval;
  return {};
}

void GateRule::quench(const Quench& quench) {
  waiting_.push_back(quench);
}

void GateRule::heard(const TcpFlow& flow) {
  if (heard_.size() < kMostHeardWaiting)
    heard_.push_back(flow);
  else
    ++counters_.failed_heard;
}

void GateRule::send_heard(Family family) {
  std::vector<TcpFlow> flows;
  for (const auto& flow : heard_)
    if (flow.remote.address.is_v4() == (family == Family::v4)) flows.push_back(flow);
  for (std::span<const TcpFlow> rest = flows; !rest.empty();) {
    const auto chunk = rest.first(std::min(rest.size(), gate_table::kFlowsPerMessage));
    const auto done = change([&](Bytes& out, std::uint32_t sequence) {
      return gate_table::put_heard(out, sequence, family, chunk, kHeardFor);
    });
    (done ? counters_.heard : counters_.failed_heard) += chunk.size();
    rest = rest.subspan(chunk.size());
  }
}

void GateRule::send() {
  for (const auto family : kFamilies) {
    send_heard(family);
    std::vector<Prefix> prefixes;
    seconds lasting{0};
    for (const auto& quench : waiting_) {
      if (family_of(quench.prefix) != family) continue;
      prefixes.push_back(quench.prefix);
      lasting = quench.duration;
    }
    for (std::span<const Prefix> rest = prefixes; !rest.empty();) {
      const auto chunk = rest.first(std::min(rest.size(), gate_table::kQuenchesPerMessage));
      const auto done = change([&](Bytes& out, std::uint32_t sequence) {
        return gate_table::put_quench(out, sequence, family, chunk, lasting);
      });
      (done ? counters_.quenched : counters_.failed) += chunk.size();
      rest = rest.subspan(chunk.size());
    }
  }
  waiting_.clear();
  heard_.clear();
}

Result<bool> GateRule::stands() {
  Bytes request;
  gate_table::put_get_table(request, socket_.next_sequence());
  bool active = false;
  auto asked =
      socket_.ask(request, [&](const Message& message) { active = active || nft::is_active_table(message); });
  const auto missing = [](const Result<>& answer) {
    return !answer && answer.error().code == std::errc::no_such_file_or_directory;
  };
  if (missing(asked) || (asked && !active)) return false;
  if (!asked) return tl::unexpected(asked.error());
  request.clear();
  gate_table::put_list_rules(request, socket_.next_sequence());
  std::vector<std::string> found;
  GateTraffic traffic;
  bool interrupted = false;
  asked = socket_.ask(request, [&](const Message& message) {
    interrupted = interrupted || (message.flags & NLM_F_DUMP_INTR) != 0;
    if (auto line = gate_table::describe(message)) found.push_back(std::move(*line));
    if (const auto counted = gate_table::decode_counted(message)) {
      traffic.queued += counted->queued ? counted->packets : 0;
      traffic.dropped += counted->queued ? 0 : counted->packets;
      traffic.dropped_bytes += counted->queued ? 0 : counted->bytes;
    }
  });
  if (missing(asked)) return false;
  if (!asked) return tl::unexpected(asked.error());
  if (interrupted) return true;  // somebody changes something now: the next look tells
  // Of rules that somebody else put there nothing was counted.
  if (traffic.queued >= here_.queued && traffic.dropped >= here_.dropped) here_ = traffic;
  counters_.traffic = sum(before_, here_);
  return found == gate_table::describe(wish_);
}

void GateRule::tick(Time now) {
  if (now < next_look_) return;
  next_look_ = now + kLookInterval;
  const auto right = stands();
  if (!right) return lost(now, right.error().message());
  if (!*right) return repair(now);
  const auto alive = change(
      [](Bytes& out, std::uint32_t sequence) { return gate_table::put_alive(out, sequence, kAliveFor); });
  if (!alive) repair(now);
}

void GateRule::repair(Time now) {
  if (!limit_.allows(now)) return lost(now, fmt::format("{} is not what it should be", kWhere));
  if (auto done = install(wish_, now); !done) return lost(now, done.error().message());
  ++counters_.repairs;
  static_cast<void>(limit_.count(now));
  notices_({Level::warning, "gate.repaired", fmt::format("{} was removed or changed; it is back", kWhere),
            "find out which program changes rules that are not its own"});
}

void GateRule::lost(Time now, const std::string& text) {
  if (now < next_notice_) return;
  next_notice_ = now + kNoticeInterval;
  notices_({Level::error, "gate.lost", text, "packets to coturn pass uninspected meanwhile"});
}

Result<> GateRule::remove() {
  auto rule = create({});
  if (!rule) return tl::unexpected(rule.error());
  const auto done = rule->change(gate_table::put_delete);
  // Linux says so of a kernel without nf_tables.
  if (!done && done.error().code != std::errc::operation_not_supported)
    return tl::unexpected(explain(Request::change_rule, fmt::format("remove {}", kWhere), done.error()));
  return {};
}

}  // namespace coturn_guard
