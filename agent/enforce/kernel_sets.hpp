// SPDX-License-Identifier: GPL-3.0-or-later
// Our two sets in the kernel, asked and changed one request at a time: made, adopted, resized under the live
// rule, proved by a canary. What comes by the thousand (bans) does not pass here; see order_queue.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "enforce/backing.hpp"
#include "enforce/ipset_codec.hpp"
#include "enforce/netlink_socket.hpp"

namespace coturn_guard {

[[nodiscard]] std::string set_name(ipset::Family family);  // "coturn-guard-4", "coturn-guard-6"

class KernelSets {
 public:
  using Misfit = Backing::Misfit;
  using Adopted = Backing::Adopted;

  // Asks the kernel what it can do. `max_bans`: elements of each set.
  [[nodiscard]] static Result<KernelSets> create(std::uint32_t max_bans);

  // Afterwards a set with the right properties and the canary stands under our name.
  [[nodiscard]] Result<Adopted> adopt(ipset::Family family, Misfit misfit);
  [[nodiscard]] Result<bool> canary_lives(ipset::Family family);
  // Absent: no such set. Walks the whole set in the kernel (26 ms for a million elements).
  [[nodiscard]] Result<std::optional<ipset::SetHeader>> header(ipset::Family family);
  [[nodiscard]] bool fits(const ipset::SetHeader& header, ipset::Family family) const;
  [[nodiscard]] Result<std::uint16_t> index(ipset::Family family);
  void set_max_bans(std::uint32_t max_bans) { max_bans_ = max_bans; }

  // What both sets hold; absent: neither is there.
  [[nodiscard]] static Result<std::optional<std::vector<Element>>> leftovers();
  // Removes both sets and what an interrupted resize left; no set is no error.
  [[nodiscard]] static Result<> destroy_all();

 private:
  KernelSets(NetlinkSocket socket, std::uint32_t max_bans)
      : socket_(std::move(socket)), max_bans_(max_bans) {}
  [[nodiscard]] Result<std::optional<ipset::SetHeader>> header_of(const std::string& name);
  [[nodiscard]] Result<std::vector<ipset::Element>> elements(ipset::Family family);
  [[nodiscard]] Result<> make(const std::string& name, ipset::Family family);
  [[nodiscard]] Result<> fill(const std::string& name, std::span<const ipset::Element> elements);
  [[nodiscard]] Result<> destroy(const std::string& name);
  [[nodiscard]] Result<> replace(ipset::Family family, std::span<const ipset::Element> elements);
  [[nodiscard]] std::uint32_t max_elements() const;

  NetlinkSocket socket_;
  std::uint32_t max_bans_;
  std::uint8_t revision_[2] = {0, 0};
};

}  // namespace coturn_guard
