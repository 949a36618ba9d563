// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/route_codec.hpp"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <cstring>
#include <optional>

#include "source/netlink_codec.hpp"

namespace coturn_guard::route {
namespace {

using netlink::for_each_attribute;
using netlink::next_message;
using netlink::skip_aligned;
using netlink::take_header;

std::optional<Address> address_of(unsigned family, std::string_view bytes) {
  Address::Bytes b{};
  if (family == AF_INET && bytes.size() >= 4) {
    b[10] = b[11] = 0xff;
    std::memcpy(b.data() + 12, bytes.data(), 4);
  } else if (family == AF_INET6 && bytes.size() >= b.size()) {
    std::memcpy(b.data(), bytes.data(), b.size());
  } else {
    return std::nullopt;
  }
  return Address(b);
}

class Answer {
 public:
  explicit Answer(std::vector<OwnNetwork>& networks) : networks_(networks) {}

  void take_address(std::string_view payload) {
    const auto header = take_header<ifaddrmsg>(payload);
    if (!header) return;
    // On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL is us (linux/if_addr.h); IPv6 mostly has
    // no IFA_LOCAL.
    std::optional<Address> local;
    std::optional<Address> address;
    for_each_attribute(payload, [&](int type, std::string_view value) {
      if (type == IFA_LOCAL) local = address_of(header->ifa_family, value);
      if (type == IFA_ADDRESS) address = address_of(header->ifa_family, value);
    });
    add(local ? local : address, "own address", true);
  }

  void take_route(std::string_view payload) {
    const auto header = take_header<rtmsg>(payload);
    if (!header || header->rtm_dst_len != 0 || header->rtm_type != RTN_UNICAST) return;
    for_each_attribute(payload, [&](int type, std::string_view value) {
      take_gateway(header->rtm_family, type, value);
      if (type == RTA_MULTIPATH) take_hops(header->rtm_family, value);
    });
  }

 private:
  void add(const std::optional<Address>& address, const char* why, bool here = false) {
    if (address && networks_.size() < kMaxNetworks) networks_.push_back({Prefix(*address, 128), why, here});
  }

  void take_gateway(unsigned family, int type, std::string_view value) {
    if (type == RTA_GATEWAY) add(address_of(family, value), "default gateway");
    if (type != RTA_VIA || value.size() < sizeof(rtvia)) return;
    rtvia via;  // an IPv4 route by an IPv6 gateway: the family stands before the address
    std::memcpy(&via, value.data(), sizeof via);
    add(address_of(via.rtvia_family, value.substr(sizeof via)), "default gateway");
  }

  // struct rtnexthop, its attributes, the next one (linux/rtnetlink.h, RTNH_*).
  void take_hops(unsigned family, std::string_view hops) {
    while (hops.size() >= sizeof(rtnexthop)) {
      rtnexthop hop;
      std::memcpy(&hop, hops.data(), sizeof hop);
      if (hop.rtnh_len < sizeof hop || hop.rtnh_len > hops.size()) return;
      for_each_attribute(hops.substr(sizeof hop, hop.rtnh_len - sizeof hop),
                         [&](int type, std::string_view value) { take_gateway(family, type, value); });
      skip_aligned(hops, hop.rtnh_len);
    }
  }

  std::vector<OwnNetwork>& networks_;
};

}  // namespace

Progress take_answer(std::string_view received, std::vector<OwnNetwork>& networks) {
  Answer answer(networks);
  while (const auto message = next_message(received)) {
    if ((message->header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) return Progress::interrupted;
    if (message->header.nlmsg_type == NLMSG_ERROR) return Progress::refused;
    if (message->header.nlmsg_type == NLMSG_DONE) return Progress::done;
    if (message->header.nlmsg_type == RTM_NEWADDR) answer.take_address(message->payload);
    if (message->header.nlmsg_type == RTM_NEWROUTE) answer.take_route(message->payload);
  }
  return Progress::more;
}

bool matters(std::string_view received) {
  while (auto message = next_message(received)) {
    const auto type = message->header.nlmsg_type;
    if (type == RTM_NEWADDR || type == RTM_DELADDR) return true;
    const auto header = take_header<rtmsg>(message->payload);
    if (header && header->rtm_dst_len == 0) return true;
  }
  return false;
}

}  // namespace coturn_guard::route
