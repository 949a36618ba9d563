// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/explain.hpp"

#include "enforce/ipset_codec.hpp"

namespace coturn_guard {
namespace {

struct Meaning {
  Request request;
  int code;
  const char* module;
  const char* option;  // of the kernel's configuration
};

constexpr Meaning kMeanings[] = {
    {Request::open_socket, EPROTONOSUPPORT, "nfnetlink", "CONFIG_NETFILTER_NETLINK"},
    {Request::ask_ipset, EINVAL, "ip_set", "CONFIG_IP_SET"},
    {Request::ask_set_type, ipset::kFindType, "ip_set_hash_net", "CONFIG_IP_SET_HASH_NET"},
    {Request::ask_set_match, EINVAL, "nft_compat", "CONFIG_NFT_COMPAT"},
    {Request::ask_set_match, ENOENT, "xt_set", "CONFIG_NETFILTER_XT_SET"},
    {Request::ask_set_match, EPROTONOSUPPORT, "xt_set", "CONFIG_NETFILTER_XT_SET"},
    {Request::change_rule, EINVAL, "nf_tables", "CONFIG_NF_TABLES"},
    {Request::change_rule, EOPNOTSUPP, "nf_tables", "CONFIG_NF_TABLES"},
};

}  // namespace

Error explain(Request request, const std::string& doing, const Error& error) {
  if (error.code == std::errc::operation_not_permitted)
    return {error.code, doing +
                            " (this needs the capability CAP_NET_ADMIN: run as root, or keep the line "
                            "\"AmbientCapabilities=CAP_NET_ADMIN\" in coturn-guard.service)"};
  for (const auto& meaning : kMeanings)
    if (meaning.request == request && meaning.code == error.code.value())
      return {error.code,
              fmt::format(
                  "{} (the kernel lacks the module {}: try \"modprobe {}\"; a kernel of your own needs {})",
                  doing, meaning.module, meaning.module, meaning.option)};
  return {error.code, doing};
}

}  // namespace coturn_guard
