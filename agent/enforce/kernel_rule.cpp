// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/kernel_rule.hpp"

#include "enforce/explain.hpp"

namespace coturn_guard {
namespace {

constexpr unsigned kMostLooks = 5;  // at a chain that changes while it is being listed

std::string where(Family family) {
  return fmt::format("the nf_tables table {} {}", family == Family::v4 ? "ip" : "ip6", drop_rule::kTable);
}

}  // namespace

Result<KernelRule> KernelRule::create() {
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(explain(Request::open_socket, socket.error().what, socket.error()));
  KernelRule rule(std::move(*socket));
  for (const auto family : kFamilies) {
    Bytes request;
    drop_rule::put_ask_match(request, rule.socket_.next_sequence(), family);
    if (const auto answer = rule.socket_.ask(request); !answer)
      return tl::unexpected(explain(Request::ask_set_match,
                                    "ask the kernel for the match \"set\" in nf_tables", answer.error()));
  }
  return rule;
}

Result<> KernelRule::install(const drop_rule::Wish& wish) {
  Bytes request;
  const auto first = socket_.next_sequence();
  const auto last = drop_rule::put_install(request, first, wish);
  while (socket_.next_sequence() != last) {
  }
  const auto answer = socket_.ask(request);
  if (!answer)
    return tl::unexpected(explain(Request::change_rule, "write " + where(wish.family), answer.error()));
  return {};
}

Result<> KernelRule::remove(Family family) {
  Bytes request;
  const auto first = socket_.next_sequence();
  const auto last = drop_rule::put_delete(request, first, family);
  while (socket_.next_sequence() != last) {
  }
  const auto answer = socket_.ask(request);
  if (!answer)
    return tl::unexpected(explain(Request::change_rule, "remove " + where(family), answer.error()));
  return {};
}

Result<bool> KernelRule::ask_for(void (*put)(Bytes&, std::uint32_t, Family), Family family,
                                 const std::function<void(const Message&)>& take) {
  Bytes request;
  put(request, socket_.next_sequence(), family);
  const auto answer = socket_.ask(request, take);
  if (answer) return true;
  if (answer.error().code == std::errc::no_such_file_or_directory) return false;
  return tl::unexpected(explain(Request::other, "look at " + where(family), answer.error()));
}

Result<bool> KernelRule::stands(const drop_rule::Wish& wish) {
  bool right = false;
  const auto table = ask_for(drop_rule::put_get_table, wish.family, [&](const Message& message) {
    right = right || drop_rule::is_active_table(message);
  });
  if (!table || !*table || !right) return table ? Result<bool>(false) : table;
  right = false;
  const auto chain = ask_for(drop_rule::put_get_chain, wish.family, [&](const Message& message) {
    right = right || drop_rule::is_our_chain(message);
  });
  if (!chain || !*chain || !right) return chain ? Result<bool>(false) : chain;
  for (unsigned look = 0; look < kMostLooks; ++look) {
    std::vector<std::string> found;
    bool interrupted = false;
    auto rules = ask_for(drop_rule::put_list_rules, wish.family, [&](const Message& message) {
      interrupted = interrupted || (message.flags & NLM_F_DUMP_INTR) != 0;
      if (auto line = drop_rule::describe(message)) found.push_back(std::move(*line));
    });
    if (!rules) return rules;
    if (!interrupted) return *rules && found == drop_rule::describe(wish);
  }
  return fail("look at {}: it changes all the time", where(wish.family));
}

Result<> KernelRule::remove_all() {
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(explain(Request::open_socket, socket.error().what, socket.error()));
  KernelRule rule(std::move(*socket));
  for (const auto family : kFamilies) {
    auto done = rule.remove(family);
    if (!done && done.error().code == std::errc::operation_not_supported) return {};
    if (!done) return done;
  }
  return {};
}

}  // namespace coturn_guard
