// SPDX-License-Identifier: GPL-3.0-or-later
// The backend that bans by nf_tables alone: its parts, and what it leaves in the kernel.
#include "enforce/kernel_enforcer.hpp"
#include "enforce/nftables_backing.hpp"

namespace coturn_guard {
namespace {

KernelParts make_parts(boost::asio::io_context&, const EnforcerOptions& options, const BanTable& bans) {
  auto wire = std::make_unique<NftablesWire>(bans);
  auto backing = std::make_unique<NftablesBacking>(options, *wire);
  // Of the list that is being read: what the last message ended with.
  const auto pairs = std::make_shared<nftables::EdgePairs>();
  SetListing listing;
  listing.ask = [pairs](Bytes& out, std::uint32_t sequence, Family family) {
    *pairs = {};
    nftables::put_list_elements(out, sequence, family);
  };
  listing.read = [pairs](const Message& message, Family family, std::vector<Element>& elements) {
    std::vector<nftables::Edge> edges;
    nftables::decode_edges(message, family, edges);
    for (const auto& edge : edges) pairs->take(edge, family, elements);
  };
  return {std::move(backing), std::move(wire), std::move(listing)};
}

// A kernel without nf_tables, or without its family inet, has nothing of ours.
bool knows_no_nftables(const Error& error) {
  return error.code == std::errc::operation_not_supported || error.code == std::errc::invalid_argument ||
         error.code == std::errc::address_family_not_supported;
}

Result<std::optional<std::vector<Element>>> bans() {
  NftablesBacking kernel;
  if (auto opened = kernel.open(); !opened) return tl::unexpected(opened.error());
  std::optional<std::vector<Element>> all;
  for (const auto family : kFamilies) {
    const auto header = kernel.header(family);
    if (!header) return tl::unexpected(header.error());
    if (!*header || !nftables::same_keys(**header, family)) continue;
    auto held = kernel.elements(family, **header);
    if (!held) return tl::unexpected(held.error());
    std::erase_if(*held, [&](const Element& element) { return element.prefix == canary(family); });
    if (!all) all.emplace();
    all->insert(all->end(), held->begin(), held->end());
  }
  return all;
}

Result<> remove_rule() {
  NftablesBacking kernel;
  auto opened = kernel.open();
  if (!opened && knows_no_nftables(opened.error())) return {};
  if (!opened) return opened;
  for (const auto family : kFamilies)
    if (auto done = kernel.remove_rule(family); !done) return done;
  return {};
}

Result<> remove_all() {
  NftablesBacking kernel;
  auto done = kernel.open();
  if (done) done = kernel.remove_table();
  if (!done && knows_no_nftables(done.error())) return {};
  return done;
}

}  // namespace

Result<> ask_for_nftables() {
  return NftablesBacking().open();
}

const Leftovers& nftables_leftovers() {
  static constexpr Leftovers kLeftovers{"nftables", bans, remove_rule, remove_all};
  return kLeftovers;
}

Result<std::unique_ptr<Enforcer>> make_nftables_enforcer(boost::asio::io_context& io,
                                                         const EnforcerOptions& options,
                                                         EnforcerEvents events) {
  return make_kernel_enforcer(io, options, std::move(events), make_parts, ipset_leftovers());
}

}  // namespace coturn_guard
