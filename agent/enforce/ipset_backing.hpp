// SPDX-License-Identifier: GPL-3.0-or-later
// Bans in ipsets, dropped by a rule in nf_tables that matches them: KernelSets and KernelRule side by side,
// and an ear for who changes that rule.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <optional>

#include "enforce/backing.hpp"
#include "enforce/kernel_rule.hpp"
#include "enforce/kernel_sets.hpp"
#include "util/lifetime.hpp"

namespace coturn_guard {

class IpsetBacking final : public Backing {
 public:
  IpsetBacking(boost::asio::io_context& io, const EnforcerOptions& options)
      : max_bans_(options.max_bans), ports_(options.ports), changes_(io) {}

  [[nodiscard]] Result<> open() override;
  [[nodiscard]] std::string set_name(Family family) const override;
  [[nodiscard]] Result<Adopted> adopt(Family family, Misfit misfit) override {
    return sets_->adopt(family, misfit);
  }
  [[nodiscard]] Result<bool> set_stands(Family family, bool closer) override;
  [[nodiscard]] Result<bool> rule_stands(Family family) override;
  [[nodiscard]] Result<> install_rule(Family family) override;
  [[nodiscard]] Result<> remove_rule(Family family) override { return rule_->remove(family); }
  [[nodiscard]] bool disturbed() override { return std::exchange(disturbed_, false); }
  void set_options(const EnforcerOptions& options) override;

 private:
  void await_changes();
  void on_changes(const boost::system::error_code& error);
  [[nodiscard]] Result<drop_rule::Wish> wish(Family family);

  std::uint32_t max_bans_;
  std::vector<PortRange> ports_;
  std::optional<KernelSets> sets_;
  std::optional<KernelRule> rule_;
  boost::asio::posix::stream_descriptor changes_;
  Lifetime lifetime_;
  Bytes receive_buffer_;
  bool disturbed_ = false;
};

}  // namespace coturn_guard
