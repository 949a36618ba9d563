// SPDX-License-Identifier: GPL-3.0-or-later
// Our two sets in the kernel, asked and changed one request at a time: made, adopted, resized under the live
// rule, proved by a canary. What comes by the thousand (bans) does not pass here; see order_queue.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "enforce/ipset_codec.hpp"
#include "enforce/netlink_socket.hpp"

namespace coturn_guard {

[[nodiscard]] std::string set_name(ipset::Family family);             // "coturn-guard-4", "coturn-guard-6"
[[nodiscard]] inline const char* family_word(ipset::Family family) {  // for people
  return family == ipset::Family::v4 ? "IPv4" : "IPv6";
}

// An element that is always there and bans nobody: an address range of RFC 5737 and RFC 3849. Not a single
// host, because a test for a host is also answered by a network around it.
[[nodiscard]] const Prefix& canary(ipset::Family family);

class KernelSets {
 public:
  // What stands in the way when the set is there but has no timeouts or counters, as a hand-made one may.
  enum class Misfit : std::uint8_t { is_an_error, is_replaced };

  struct Adopted {
    bool created = false;     // there was none
    bool replaced = false;    // it had other properties; ours is now under its name, and under its rules
    std::size_t dropped = 0;  // elements that a smaller set had no room for
    std::vector<ipset::Element> elements;  // what it held, without the canary
  };

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
