// SPDX-License-Identifier: GPL-3.0-or-later
// The backend that bans by ipset: its parts, and what it leaves in the kernel.
#include "enforce/ipset_backing.hpp"
#include "enforce/ipset_wire.hpp"
#include "enforce/kernel_enforcer.hpp"

namespace coturn_guard {
namespace {

KernelParts make_parts(boost::asio::io_context& io, const EnforcerOptions& options, const BanTable& bans) {
  SetListing listing;
  listing.ask = [](Bytes& out, std::uint32_t sequence, Family family) {
    ipset::put_list(out, sequence, set_name(family), false);
  };
  listing.read = [](const Message& message, Family, std::vector<Element>& elements) {
    ipset::decode_elements(message, elements);
  };
  return {std::make_unique<IpsetBacking>(io, options), std::make_unique<IpsetWire>(bans), std::move(listing)};
}

Result<> remove_all() {
  if (auto done = KernelRule::remove_all(); !done) return done;
  return KernelSets::destroy_all();
}

}  // namespace

Result<> ask_for_ipset() {
  const auto sets = KernelSets::create(0);
  if (!sets) return tl::unexpected(sets.error());
  const auto rule = KernelRule::create();
  if (!rule) return tl::unexpected(rule.error());
  return {};
}

const Leftovers& ipset_leftovers() {
  static constexpr Leftovers kLeftovers{"ipset", KernelSets::leftovers, KernelRule::remove_all, remove_all};
  return kLeftovers;
}

Result<std::unique_ptr<Enforcer>> make_ipset_enforcer(boost::asio::io_context& io,
                                                      const EnforcerOptions& options, EnforcerEvents events) {
  return make_kernel_enforcer(io, options, std::move(events), make_parts, nftables_leftovers());
}

}  // namespace coturn_guard
