// SPDX-License-Identifier: GPL-3.0-or-later
// The enforcer that bans in the kernel, by whichever backend: it connects the table of bans (what should be),
// the queue of orders (how the kernel hears of it) and the proof (that it bites), and tells of what happens
// in them. It decides nothing about who, and leaves sets and rule in the kernel when it goes.
#pragma once

#include "enforce/backends.hpp"
#include "enforce/backing.hpp"
#include "enforce/ban_table.hpp"
#include "enforce/order_wire.hpp"
#include "enforce/traffic_reader.hpp"

namespace coturn_guard {

// What makes up a backend. Each borrows the table of bans.
struct KernelParts {
  std::unique_ptr<Backing> backing;
  std::unique_ptr<OrderWire> wire;
  SetListing listing;
};
using MakeKernelParts = KernelParts (*)(boost::asio::io_context& io, const EnforcerOptions& options,
                                        const BanTable& bans);

[[nodiscard]] Result<std::unique_ptr<Enforcer>> make_kernel_enforcer(boost::asio::io_context& io,
                                                                     const EnforcerOptions& options,
                                                                     EnforcerEvents events,
                                                                     MakeKernelParts make_parts,
                                                                     const Leftovers& predecessor);

}  // namespace coturn_guard
