// SPDX-License-Identifier: GPL-3.0-or-later
// Bans in sets of our own table in nf_tables, dropped by its chains: made, adopted, looked at and taken away,
// one request at a time. nftables_codec knows the bytes. What the sets hold is told to the wire, which has to
// know of overlaps.
#pragma once

#include <optional>

#include "enforce/backing.hpp"
#include "enforce/netlink_socket.hpp"
#include "enforce/nftables_codec.hpp"
#include "enforce/nftables_elements.hpp"
#include "enforce/nftables_wire.hpp"

namespace coturn_guard {

class NftablesBacking final : public Backing {
 public:
  NftablesBacking(const EnforcerOptions& options, NftablesWire& wire) : ports_(options.ports), wire_(&wire) {}
  // Only to look, and to remove what an earlier run left.
  NftablesBacking() = default;

  [[nodiscard]] Result<> open() override;
  [[nodiscard]] std::string set_name(Family family) const override;
  [[nodiscard]] Result<Adopted> adopt(Family family, Misfit misfit) override;
  [[nodiscard]] Result<bool> set_stands(Family family, bool closer) override;
  [[nodiscard]] Result<bool> rule_stands(Family family) override;
  [[nodiscard]] Result<> install_rule(Family family) override;
  [[nodiscard]] Result<> remove_rule(Family family) override;
  [[nodiscard]] bool disturbed() override;
  void set_options(const EnforcerOptions& options) override { ports_ = options.ports; }

  // Absent: no such set.
  [[nodiscard]] Result<std::optional<nftables::SetHeader>> header(Family family);
  // What the set holds, canary and all; what is no prefix comes as several.
  [[nodiscard]] Result<std::vector<Element>> elements(Family family, const nftables::SetHeader& header);
  [[nodiscard]] Result<> remove_table();  // no table is no error

 private:
  using Put = void (*)(Bytes&, std::uint32_t, Family);
  // False: it is not there.
  [[nodiscard]] Result<bool> ask_for(Put put, Family family,
                                     const std::function<void(const Message&)>& take = {});
  [[nodiscard]] Result<std::vector<nftables::Interval>> intervals(Family family,
                                                                  const nftables::SetHeader& header);
  [[nodiscard]] Result<> change(const std::function<std::uint32_t(Bytes&, std::uint32_t)>& put,
                                const std::string& doing);
  [[nodiscard]] Result<> make_set(Family family, bool instead, std::span<const Element> elements);
  [[nodiscard]] Result<std::vector<Element>> tidy(Family family, const nftables::SetHeader& header);

  std::vector<PortRange> ports_;
  NftablesWire* wire_ = nullptr;
  std::optional<NetlinkSocket> socket_;
  std::optional<std::uint32_t> generation_;  // when disturbed() was asked last
};

}  // namespace coturn_guard
