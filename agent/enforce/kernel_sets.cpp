// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/kernel_sets.hpp"

#include <algorithm>
#include <limits>

#include "enforce/explain.hpp"

namespace coturn_guard {
namespace {

// 128 KiB of buckets. The kernel doubles the table as the set fills, each time walking it: from here six
// doublings reach a million elements, and a host that bans nobody pays next to nothing.
constexpr std::uint32_t kFirstBuckets = 16384;

std::string spare_name(Family family) {
  return set_name(family) + "-new";
}

bool missing(const Error& error) {
  return error.code == std::errc::no_such_file_or_directory;
}

}  // namespace

std::string set_name(Family family) {
  return family == Family::v4 ? "coturn-guard-4" : "coturn-guard-6";
}

Result<KernelSets> KernelSets::create(std::uint32_t max_bans) {
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(explain(Request::open_socket, socket.error().what, socket.error()));
  KernelSets sets(std::move(*socket), max_bans);
  Bytes request;
  ipset::put_protocol(request, sets.socket_.next_sequence());
  if (const auto answer = sets.socket_.ask(request); !answer)
    return tl::unexpected(explain(Request::ask_ipset, "ask the kernel for ipset", answer.error()));
  for (const auto family : kFamilies) {
    request.clear();
    ipset::put_type(request, sets.socket_.next_sequence(), family);
    std::optional<ipset::RevisionRange> range;
    const auto answer =
        sets.socket_.ask(request, [&](const Message& message) { range = ipset::decode_type(message); });
    if (!answer)
      return tl::unexpected(
          explain(Request::ask_set_type, "ask the kernel for sets of type hash:net", answer.error()));
    if (!range || range->highest < ipset::kLowestRevision)
      return fail(
          "the kernel's ip_set_hash_net is too old: it has no counters (Linux 3.10 or newer is needed)");
    sets.revision_[static_cast<std::size_t>(family)] = std::min(range->highest, ipset::kHighestRevision);
  }
  return sets;
}

std::uint32_t KernelSets::max_elements() const {
  // One more, for the canary.
  return max_bans_ == std::numeric_limits<std::uint32_t>::max() ? max_bans_ : max_bans_ + 1;
}

Result<std::optional<ipset::SetHeader>> KernelSets::header_of(const std::string& name) {
  Bytes request;
  ipset::put_list(request, socket_.next_sequence(), name, true);
  std::optional<ipset::SetHeader> header;
  const auto answer = socket_.ask(request, [&](const Message& message) {
    if (!header) header = ipset::decode_header(message);
  });
  if (!answer && missing(answer.error())) return std::optional<ipset::SetHeader>{};
  if (!answer) return tl::unexpected(explain(Request::other, "look at the set " + name, answer.error()));
  return header;
}

Result<std::optional<ipset::SetHeader>> KernelSets::header(Family family) {
  return header_of(set_name(family));
}

bool KernelSets::fits(const ipset::SetHeader& header, Family family) const {
  return header.type == ipset::kSetType && header.family == ipset::netfilter_family(family) &&
         header.timeout_seconds && header.counters && header.max_elements == max_elements();
}

Result<std::vector<ipset::Element>> KernelSets::elements(Family family) {
  Bytes request;
  ipset::put_list(request, socket_.next_sequence(), set_name(family), false);
  std::vector<ipset::Element> all;
  const auto answer =
      socket_.ask(request, [&](const Message& message) { ipset::decode_elements(message, all); });
  if (!answer)
    return tl::unexpected(explain(Request::other, "list the set " + set_name(family), answer.error()));
  std::erase_if(all, [&](const auto& element) { return element.prefix == canary(family); });
  return all;
}

Result<> KernelSets::make(const std::string& name, Family family) {
  Bytes request;
  ipset::put_create(request, socket_.next_sequence(),
                    {.name = name,
                     .family = family,
                     .revision = revision_[static_cast<std::size_t>(family)],
                     .hash_size = kFirstBuckets,
                     .max_elements = max_elements()});
  if (const auto answer = socket_.ask(request); !answer)
    return tl::unexpected(explain(Request::other, "create the set " + name, answer.error()));
  return fill(name, std::vector<ipset::Element>{{.prefix = canary(family)}});
}

Result<> KernelSets::fill(const std::string& name, std::span<const ipset::Element> elements) {
  Bytes request;
  while (!elements.empty()) {
    const auto chunk = elements.first(std::min(elements.size(), ipset::kMostElements));
    request.clear();
    ipset::put_add(request, socket_.next_sequence(), name, chunk);
    if (const auto answer = socket_.ask(request); !answer)
      return tl::unexpected(explain(Request::other, "fill the set " + name, answer.error()));
    elements = elements.subspan(chunk.size());
  }
  return {};
}

Result<> KernelSets::destroy(const std::string& name) {
  Bytes request;
  ipset::put_destroy(request, socket_.next_sequence(), name);
  const auto answer = socket_.ask(request);
  if (answer || missing(answer.error())) return {};
  return tl::unexpected(explain(Request::other, "destroy the set " + name, answer.error()));
}

Result<> KernelSets::replace(Family family, std::span<const ipset::Element> elements) {
  const auto spare = spare_name(family);
  if (auto done = destroy(spare); !done) return done;  // an interrupted attempt's
  if (auto done = make(spare, family); !done) return done;
  if (auto done = fill(spare, elements); !done) return done;
  Bytes request;
  // The kernel exchanges the names and keeps the numbers: from this message on the rule that used the old set
  // uses the new one (ip_set_core.c: ip_set_swap()).
  ipset::put_swap(request, socket_.next_sequence(), spare, set_name(family));
  if (const auto answer = socket_.ask(request); !answer)
    return tl::unexpected(explain(Request::other, "swap the set " + set_name(family), answer.error()));
  return destroy(spare);
}

Result<KernelSets::Adopted> KernelSets::adopt(Family family, Misfit misfit) {
  const auto name = set_name(family);
  const auto found = header(family);
  if (!found) return tl::unexpected(found.error());
  Adopted adopted;
  if (!*found) {
    if (const auto made = make(name, family); !made) return tl::unexpected(made.error());
    adopted.created = true;
    return adopted;
  }
  const ipset::SetHeader& set = **found;
  const bool right_type = set.type == ipset::kSetType && set.family == ipset::netfilter_family(family);
  const bool right_extensions = set.timeout_seconds.has_value() && set.counters;
  if (!right_type || (!right_extensions && misfit == Misfit::is_an_error))
    return fail(
        "the set {} in the kernel is not one of ours: its type is {}{}{}, and hash:net with timeout and "
        "counters is "
        "needed (if nothing else needs it: \"ipset destroy {}\", then start again)",
        name, set.type, right_type || set.type != ipset::kSetType ? "" : " of the other address family",
        right_type ? set.timeout_seconds ? " without counters" : " without timeout" : "", name);
  if (right_extensions) {
    auto held = elements(family);
    if (!held) return tl::unexpected(held.error());
    adopted.elements = std::move(*held);
  }
  if (!fits(set, family)) {
    if (adopted.elements.size() > max_bans_) {
      adopted.dropped = adopted.elements.size() - max_bans_;
      adopted.elements.resize(max_bans_);
    }
    if (auto done = replace(family, adopted.elements); !done) return tl::unexpected(done.error());
    adopted.replaced = true;
    return adopted;
  }
  if (auto done = fill(name, std::vector<ipset::Element>{{.prefix = canary(family)}}); !done)
    return tl::unexpected(done.error());
  return adopted;
}

Result<bool> KernelSets::canary_lives(Family family) {
  Bytes request;
  ipset::put_test(request, socket_.next_sequence(), set_name(family), canary(family));
  const auto answer = socket_.ask(request);
  if (answer) return true;
  if (answer.error().code == ipset::make_error(ipset::kExists) || missing(answer.error())) return false;
  // A set of another type under our name refuses the question itself; that is the same "no".
  if (answer.error().code.category() == ipset::error_category()) return false;
  return tl::unexpected(explain(Request::other, "test the set " + set_name(family), answer.error()));
}

Result<std::uint16_t> KernelSets::index(Family family) {
  Bytes request;
  ipset::put_index(request, socket_.next_sequence(), set_name(family));
  std::optional<std::uint16_t> index;
  const auto answer =
      socket_.ask(request, [&](const Message& message) { index = ipset::decode_index(message); });
  if (!answer)
    return tl::unexpected(
        explain(Request::other, "ask for the number of the set " + set_name(family), answer.error()));
  if (!index) return fail("ask for the number of the set {}: the kernel's answer has none", set_name(family));
  return *index;
}

Result<std::optional<std::vector<Element>>> KernelSets::leftovers() {
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(explain(Request::open_socket, socket.error().what, socket.error()));
  KernelSets sets(std::move(*socket), 0);
  std::optional<std::vector<Element>> all;
  for (const auto family : kFamilies) {
    const auto found = sets.header(family);
    if (!found) return tl::unexpected(found.error());
    if (!*found || (*found)->type != ipset::kSetType) continue;
    const auto held = sets.elements(family);
    if (!held) return tl::unexpected(held.error());
    if (!all) all.emplace();
    all->insert(all->end(), held->begin(), held->end());
  }
  return all;
}

Result<> KernelSets::destroy_all() {
  auto socket = NetlinkSocket::create();
  if (!socket) return tl::unexpected(explain(Request::open_socket, socket.error().what, socket.error()));
  KernelSets sets(std::move(*socket), 0);
  Bytes request;
  ipset::put_protocol(request, sets.socket_.next_sequence());
  // A kernel without ipset holds no set.
  if (const auto answer = sets.socket_.ask(request);
      !answer && answer.error().code == std::errc::invalid_argument)
    return {};
  for (const auto family : kFamilies)
    for (const auto& name : {set_name(family), spare_name(family)})
      if (auto done = sets.destroy(name); !done) return done;
  return {};
}

}  // namespace coturn_guard
