// SPDX-License-Identifier: GPL-3.0-or-later
// How fast can one thread put addresses into a kernel set through netlink, with nothing around it?
//
// usage (as root, in a private network namespace): ipset_limit COUNT
// Creates a hash:net set as coturn-guard's and adds COUNT distinct IPv4 addresses with timeouts, 1000 entries
// to a message (as `ipset restore` does), one send and one acknowledgement per message. Prints seconds.
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr char kSet[] = "limit";
constexpr uint32_t kEntriesPerMessage = 1000;  // 64 KiB hold no more: a nested attribute's length has 16 bits
mnl_socket* netlink = nullptr;
unsigned sequence = 0;

nlmsghdr* message(char* buffer, int command, int flags) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer);
  header->nlmsg_type = static_cast<uint16_t>(NFNL_SUBSYS_IPSET << 8 | command);
  header->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  header->nlmsg_seq = ++sequence;
  auto* family = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  family->nfgen_family = NFPROTO_IPV4;
  family->version = NFNETLINK_V0;
  mnl_attr_put_u8(header, IPSET_ATTR_PROTOCOL, 6);
  mnl_attr_put_strz(header, IPSET_ATTR_SETNAME, kSet);
  return header;
}

void send_and_wait(const nlmsghdr* header) {
  char answer[8192];
  if (mnl_socket_sendto(netlink, header, header->nlmsg_len) < 0) {
    perror("send");
    exit(1);
  }
  const ssize_t size = mnl_socket_recvfrom(netlink, answer, sizeof answer);
  if (size < 0 || mnl_cb_run(answer, static_cast<size_t>(size), sequence, 0, nullptr, nullptr) < 0) {
    perror("the kernel refused");
    exit(1);
  }
}

void put_big_endian(nlmsghdr* header, uint16_t kind, uint32_t value) {
  mnl_attr_put_u32(header, kind | NLA_F_NET_BYTEORDER, htonl(value));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto count = static_cast<uint32_t>(atol(argv[1]));
  netlink = mnl_socket_open(NETLINK_NETFILTER);
  if (!netlink || mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0) {
    perror("netlink");
    return 1;
  }
  std::vector<char> buffer(256 << 10);
  nlmsghdr* header = message(buffer.data(), IPSET_CMD_CREATE, NLM_F_CREATE);
  mnl_attr_put_strz(header, IPSET_ATTR_TYPENAME, "hash:net");
  mnl_attr_put_u8(header, IPSET_ATTR_REVISION, 6);
  mnl_attr_put_u8(header, IPSET_ATTR_FAMILY, NFPROTO_IPV4);
  nlattr* data = mnl_attr_nest_start(header, IPSET_ATTR_DATA);
  put_big_endian(header, IPSET_ATTR_TIMEOUT, 60);
  put_big_endian(header, IPSET_ATTR_MAXELEM, 1 << 20);
  mnl_attr_nest_end(header, data);
  send_and_wait(header);

  const auto begin = std::chrono::steady_clock::now();
  for (uint32_t i = 0; i < count;) {
    header = message(buffer.data(), IPSET_CMD_ADD, 0);
    mnl_attr_put_u32(header, IPSET_ATTR_LINENO, 0);
    nlattr* entries = mnl_attr_nest_start(header, IPSET_ATTR_ADT);
    for (uint32_t k = 0; k < kEntriesPerMessage && i < count; k++, i++) {
      data = mnl_attr_nest_start(header, IPSET_ATTR_DATA);
      nlattr* ip = mnl_attr_nest_start(header, IPSET_ATTR_IP);
      // 10 000 003 is odd and prime: distinct, scattered addresses of 16.0.0.0/4 for any count that fits a
      // set
      put_big_endian(header, IPSET_ATTR_IPADDR_IPV4, 0x10000000u | (i * 10000003u & 0x0fffffffu));
      mnl_attr_nest_end(header, ip);
      mnl_attr_put_u8(header, IPSET_ATTR_CIDR, 32);
      put_big_endian(header, IPSET_ATTR_TIMEOUT, 36000 + i % 600);
      put_big_endian(header, IPSET_ATTR_LINENO, i);
      mnl_attr_nest_end(header, data);
    }
    mnl_attr_nest_end(header, entries);
    send_and_wait(header);
  }
  printf("%.4f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}
