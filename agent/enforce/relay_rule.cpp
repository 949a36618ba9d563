// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/relay_rule.hpp"

#include <utility>

#include "enforce/explain.hpp"
#include "enforce/nft_message.hpp"

namespace coturn_guard {
namespace {

using Level = EnforcerNotice::Level;

constexpr std::chrono::seconds kNoticeInterval{60};
constexpr const char* kWhere = "the nf_tables table inet coturn-guard-relay";

}  // namespace

Result<RelayRule> RelayRule::create(Notices notices) {
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(explain(Request::open_socket, socket.error().what, socket.error()));
  return RelayRule(std::move(*socket), std::move(notices));
}

Result<> RelayRule::change(const std::function<std::uint32_t(Bytes&, std::uint32_t)>& put) {
  Bytes request;
  const auto last = put(request, socket_.next_sequence());
  while (socket_.next_sequence() != last) {
  }
  return socket_.ask(request);
}

Result<> RelayRule::install(const relay_table::Wish& wish, Time now) {
  wish_ = wish;
  const auto done = change(
      [this](Bytes& out, std::uint32_t sequence) { return relay_table::put_install(out, sequence, wish_); });
  if (!done)
    return tl::unexpected(explain(Request::change_rule, fmt::format("write {}", kWhere), done.error()));
  before_ += std::exchange(here_, 0);
  next_notice_ = now;
  return {};
}

Result<bool> RelayRule::ask_for(void (*put)(Bytes&, std::uint32_t),
                                const std::function<void(const Message&)>& take) {
  Bytes request;
  put(request, socket_.next_sequence());
  const auto answer = socket_.ask(request, take);
  if (answer) return true;
  if (answer.error().code == std::errc::no_such_file_or_directory) return false;
  return tl::unexpected(explain(Request::other, fmt::format("look at {}", kWhere), answer.error()));
}

Result<bool> RelayRule::stands() {
  bool right = false;
  const auto table = ask_for(relay_table::put_get_table,
                             [&](const Message& message) { right = right || nft::is_active_table(message); });
  if (!table || !right) return table ? Result<bool>(false) : table;
  unsigned chains = 0;
  const auto listed = ask_for(relay_table::put_list_chains, [&](const Message& message) {
    chains += relay_table::is_our_chain(message) ? 1U : 0U;
  });
  if (!listed || chains != 2) return listed ? Result<bool>(false) : listed;
  std::vector<std::string> found;
  std::uint64_t dropped = 0;
  bool interrupted = false;
  auto rules = ask_for(relay_table::put_list_rules, [&](const Message& message) {
    interrupted = interrupted || (message.flags & NLM_F_DUMP_INTR) != 0;
    if (auto line = relay_table::describe(message)) {
      found.push_back(std::move(*line));
      dropped += relay_table::decode_dropped(message).value_or(0);
    }
  });
  if (!rules) return rules;
  if (interrupted) return true;  // somebody changes something now: the next look tells
  here_ = std::max(here_, dropped);
  return *rules && found == relay_table::describe(wish_);
}

void RelayRule::tick(Time now) {
  const auto right = stands();
  if (!right) return lost(now, right.error().message());
  if (*right) return;
  if (!limit_.allows(now)) return lost(now, fmt::format("{} is not what it should be", kWhere));
  if (auto done = install(wish_, now); !done) return lost(now, done.error().message());
  static_cast<void>(limit_.count(now));
  notices_({Level::warning, "enforce.repaired", fmt::format("{} was removed or changed; it is back", kWhere),
            "find out which program changes rules that are not its own"});
}

void RelayRule::lost(Time now, const std::string& text) {
  if (now < next_notice_) return;
  next_notice_ = now + kNoticeInterval;
  notices_({Level::error, "enforce.lost", text,
            "meanwhile whoever has an account can guess at coturn through coturn's own relays"});
}

Result<> RelayRule::remove() {
  auto rule = create({});
  if (!rule) return tl::unexpected(rule.error());
  const auto done = rule->change(relay_table::put_delete);
  // Linux says so of a kernel without nf_tables.
  if (!done && done.error().code != std::errc::operation_not_supported)
    return tl::unexpected(explain(Request::change_rule, fmt::format("remove {}", kWhere), done.error()));
  return {};
}

}  // namespace coturn_guard
