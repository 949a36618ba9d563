// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/nftables_backing.hpp"

#include <algorithm>

#include "enforce/explain.hpp"
#include "enforce/nft_message.hpp"

namespace coturn_guard {
namespace {

constexpr unsigned kMostLooks = 5;  // at a list that changes while it is being read
// So many elements of a misfit move in the transaction that replaces it (some 4 MB); the queue brings the
// rest.
constexpr std::size_t kMostMoved = 50'000;

std::string table_words() {
  return fmt::format("the nf_tables table inet {}", nftables::kTable);
}

}  // namespace

Result<> NftablesBacking::open() {
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(explain(Request::open_socket, socket.error().what, socket.error()));
  socket_ = std::move(*socket);
  Bytes request;
  nftables::put_get_generation(request, socket_->next_sequence());
  std::optional<std::uint32_t> generation;
  const auto answer = socket_->ask(request, [&](const Message& message) {
    if (const auto id = nftables::decode_generation(message)) generation = id;
  });
  if (!answer)
    return tl::unexpected(explain(Request::change_rule, "ask the kernel for nf_tables", answer.error()));
  return {};
}

std::string NftablesBacking::set_name(Family family) const {
  return nftables::banned_set(family);
}

Result<bool> NftablesBacking::ask_for(Put put, Family family,
                                      const std::function<void(const Message&)>& take) {
  Bytes request;
  put(request, socket_->next_sequence(), family);
  const auto answer = socket_->ask(request, take);
  if (answer) return true;
  if (answer.error().code == std::errc::no_such_file_or_directory) return false;
  return tl::unexpected(explain(Request::other, "look at " + table_words(), answer.error()));
}

Result<> NftablesBacking::change(const std::function<std::uint32_t(Bytes&, std::uint32_t)>& put,
                                 const std::string& doing) {
  Bytes request;
  const auto last = put(request, socket_->next_sequence());
  while (socket_->next_sequence() != last) {
  }
  const auto answer = socket_->ask(request);
  if (!answer) return tl::unexpected(explain(Request::change_rule, doing, answer.error()));
  return {};
}

Result<std::optional<nftables::SetHeader>> NftablesBacking::header(Family family) {
  std::optional<nftables::SetHeader> header;
  const auto there = ask_for(nftables::put_get_set, family, [&](const Message& message) {
    if (!header) header = nftables::decode_set(message);
  });
  if (!there) return tl::unexpected(there.error());
  return header;
}

Result<std::vector<nftables::Interval>> NftablesBacking::intervals(Family family,
                                                                   const nftables::SetHeader& header) {
  for (unsigned look = 0; look < kMostLooks; ++look) {
    std::vector<nftables::Edge> edges;
    bool interrupted = false;
    const auto there = ask_for(nftables::put_list_elements, family, [&](const Message& message) {
      interrupted = interrupted || (message.flags & NLM_F_DUMP_INTR) != 0;
      nftables::decode_edges(message, family, edges);
    });
    if (!there) return tl::unexpected(there.error());
    if (interrupted) continue;
    return (header.flags & NFT_SET_INTERVAL) != 0 ? nftables::pair_up(std::move(edges), family)
                                                  : nftables::singles(edges, family);
  }
  return fail("list the set {}: it changes all the time", nftables::banned_set(family));
}

Result<std::vector<Element>> NftablesBacking::elements(Family family, const nftables::SetHeader& header) {
  const auto found = intervals(family, header);
  if (!found) return tl::unexpected(found.error());
  std::vector<Element> all;
  for (const auto& interval : *found)
    for (const auto& element : interval.elements()) all.push_back(element);
  return all;
}

// What the set holds, each of it a prefix that an order can name: a range that somebody put there by hand is
// parted. And the canary stands, by itself or inside a wider one.
Result<std::vector<Element>> NftablesBacking::tidy(Family family, const nftables::SetHeader& header) {
  const auto found = intervals(family, header);
  if (!found) return tl::unexpected(found.error());
  const auto& mark = canary(family);
  std::vector<Element> all, added;
  std::vector<nftables::Interval> removed;
  bool marked = false;
  for (const auto& interval : *found) {
    auto pieces = interval.elements();
    const auto count = pieces.size();
    // Part of the canary: of no host that there is.
    std::erase_if(pieces, [&](const Element& piece) {
      return piece.prefix.length() > mark.length() && piece.prefix.overlaps(mark);
    });
    const bool as_it_is = count == 1 && pieces.size() == 1;
    if (!as_it_is) removed.push_back(interval);
    for (const auto& piece : pieces) {
      marked = marked || piece.prefix.overlaps(mark);
      all.push_back(piece);
      if (!as_it_is) added.push_back(piece);
    }
  }
  if (!marked) added.push_back({.prefix = mark});
  if (removed.empty() && added.empty()) return all;
  const auto put = [&](Bytes& out, std::uint32_t sequence) {
    nftables::ElementBatch batch(out, sequence);
    batch.remove(family, removed);
    batch.put(nftables::Verb::add, family, added);
    return batch.end();
  };
  if (auto changed = change(put, fmt::format("tidy the set {}", nftables::banned_set(family))); !changed)
    return tl::unexpected(changed.error());
  return all;
}

// Under its name and, where it has one, its chain.
Result<> NftablesBacking::make_set(Family family, bool instead, std::span<const Element> elements) {
  const auto chained = instead ? ask_for(nftables::put_get_chain, family) : Result<bool>(false);
  if (!chained) return tl::unexpected(chained.error());
  std::optional<nftables::Wish> chain;
  if (*chained) chain = {family, ports_};
  const auto put = [&](Bytes& out, std::uint32_t sequence) {
    return nftables::put_make_set(out, sequence, family, instead, chain, elements);
  };
  return change(put, fmt::format("make the set {} in {}", nftables::banned_set(family), table_words()));
}

Result<Backing::Adopted> NftablesBacking::adopt(Family family, Misfit misfit) {
  const auto found = header(family);
  if (!found) return tl::unexpected(found.error());
  Adopted adopted;
  const Element mark{.prefix = canary(family)};
  std::optional<std::size_t> moved;  // so many of the elements are in the kernel; absent: all
  if (!*found) {
    if (auto made = make_set(family, false, std::span(&mark, 1)); !made) return tl::unexpected(made.error());
    adopted.created = true;
  } else if (!nftables::same_keys(**found, family) ||
             (!nftables::same_kind(**found, family) && misfit == Misfit::is_an_error)) {
    return fail(
        "the set {} in {} is not one of ours: a set of {} with the flags interval and timeout is needed (if "
        "nothing else needs it: \"nft delete table inet {}\", then start again)",
        nftables::banned_set(family), table_words(), family == Family::v4 ? "ipv4_addr" : "ipv6_addr",
        nftables::kTable);
  } else if (!nftables::fits(**found, family)) {
    auto held = elements(family, **found);
    if (!held) return tl::unexpected(held.error());
    adopted.elements = std::move(*held);
    std::erase_if(adopted.elements, [&](const Element& one) { return one.prefix.overlaps(mark.prefix); });
    moved = std::min(adopted.elements.size(), kMostMoved);
    adopted.incomplete = *moved < adopted.elements.size();
    adopted.elements.insert(adopted.elements.begin(), mark);
    if (auto made = make_set(family, true, std::span(adopted.elements).first(*moved + 1)); !made)
      return tl::unexpected(made.error());
    adopted.replaced = true;
  } else {
    auto held = tidy(family, **found);
    if (!held) return tl::unexpected(held.error());
    adopted.elements = std::move(*held);
  }
  std::erase_if(adopted.elements, [&](const Element& one) { return one.prefix == mark.prefix; });
  if (wire_ != nullptr)
    wire_->know(family, std::span(adopted.elements).first(moved.value_or(adopted.elements.size())));
  return adopted;
}

Result<bool> NftablesBacking::set_stands(Family family, bool) {
  const auto found = header(family);
  if (!found) return tl::unexpected(found.error());
  if (!*found || !nftables::fits(**found, family)) return false;
  const auto find_canary = [](Bytes& out, std::uint32_t sequence, Family of) {
    nftables::put_find_element(out, sequence, canary(of));
  };
  return ask_for(find_canary, family);
}

Result<bool> NftablesBacking::rule_stands(Family family) {
  bool right = false;
  const auto table = ask_for(nftables::put_get_table, family,
                             [&](const Message& message) { right = right || nft::is_active_table(message); });
  if (!table || !right) return table ? Result<bool>(false) : table;
  right = false;
  const auto chain = ask_for(nftables::put_get_chain, family,
                             [&](const Message& message) { right = right || nft::is_drop_chain(message); });
  if (!chain || !right) return chain ? Result<bool>(false) : chain;
  for (unsigned look = 0; look < kMostLooks; ++look) {
    std::vector<std::string> found;
    bool interrupted = false;
    auto rules = ask_for(nftables::put_list_rules, family, [&](const Message& message) {
      interrupted = interrupted || (message.flags & NLM_F_DUMP_INTR) != 0;
      if (auto line = nft::describe(message, nftables::kTable, nftables::drop_chain(family)))
        found.push_back(std::move(*line));
    });
    if (!rules) return rules;
    if (!interrupted) return *rules && found == nftables::describe({family, ports_});
  }
  return fail("look at {}: it changes all the time", table_words());
}

Result<> NftablesBacking::install_rule(Family family) {
  if (auto awake = change(nftables::put_wake, "wake " + table_words()); !awake) return awake;
  const auto there = ask_for(nftables::put_get_chain, family);
  if (!there) return tl::unexpected(there.error());
  const auto put = [&](Bytes& out, std::uint32_t sequence) {
    return nftables::put_make_chain(out, sequence, {family, ports_}, *there);
  };
  return change(put, fmt::format("write the chain {} in {}", nftables::drop_chain(family), table_words()));
}

Result<> NftablesBacking::remove_rule(Family family) {
  const auto put = [&](Bytes& out, std::uint32_t sequence) {
    return nftables::put_delete_chain(out, sequence, family);
  };
  auto done =
      change(put, fmt::format("remove the chain {} from {}", nftables::drop_chain(family), table_words()));
  if (!done && done.error().code == std::errc::no_such_file_or_directory) return {};
  return done;
}

Result<> NftablesBacking::remove_table() {
  return change(nftables::put_delete_table, "remove " + table_words());
}

// Unlike the notifications of nf_tables, this costs our own transactions nothing.
bool NftablesBacking::disturbed() {
  Bytes request;
  nftables::put_get_generation(request, socket_->next_sequence());
  std::optional<std::uint32_t> generation;
  const auto answer = socket_->ask(request, [&](const Message& message) {
    if (const auto id = nftables::decode_generation(message)) generation = id;
  });
  return !answer || std::exchange(generation_, generation) != generation;
}

}  // namespace coturn_guard
