// SPDX-License-Identifier: GPL-3.0-or-later
// Records what this machine's kernel answers to the codecs' requests, as the unit tests and the fuzz target
// read it:
//   unshare --net sh -c 'ip link set lo up; build/test/system/netlink_recorder test/data/netlink'
// Root in a network namespace of its own: it makes and destroys sets. Each file holds the bytes of one
// answer.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string_view>

#include "enforce/conntrack_codec.hpp"
#include "enforce/drop_rule.hpp"
#include "enforce/ipset_codec.hpp"
#include "enforce/netlink_socket.hpp"
#include "enforce/nftables_codec.hpp"
#include "enforce/nftables_elements.hpp"

namespace coturn_guard {
namespace {

using ipset::Element;
using ipset::Family;

class Recorder {
 public:
  Recorder(NetlinkSocket socket, std::string directory)
      : socket_(std::move(socket)), directory_(std::move(directory)) {}

  // `put` appends the request; everything the kernel answers until it is silent goes into the file.
  void record(const std::string& name, const std::function<void(Bytes&, std::uint32_t)>& put) {
    Bytes request, answer;
    put(request, 1);
    if (const auto sent = socket_.send(request); !sent) throw std::runtime_error(sent.error().message());
    Bytes buffer;
    for (;;) {
      const auto received = NetlinkSocket::receive(socket_.fd(), buffer, false);
      if (!received) throw std::runtime_error(received.error().message());
      if (received->empty()) break;
      answer.insert(answer.end(), received->begin(), received->end());
    }
    write(name, answer);
  }

  void write(const std::string& name, const Bytes& answer) {
    if (name.empty()) return;
    std::ofstream file(directory_ + "/" + name + ".bin", std::ios::binary);
    file.write(reinterpret_cast<const char*>(answer.data()), static_cast<std::streamsize>(answer.size()));
    std::cout << name << ": " << answer.size() << " bytes\n";
  }

 private:
  NetlinkSocket socket_;
  std::string directory_;
};

Prefix prefix(const char* text) {
  return *Prefix::parse(text);
}

void record_sets(Recorder& kernel) {
  kernel.record("protocol", ipset::put_protocol);
  kernel.record("type", [](Bytes& out, std::uint32_t n) { ipset::put_type(out, n, Family::v4); });
  const auto create = [](const char* name, Family family, std::uint32_t most) {
    return [=](Bytes& out, std::uint32_t n) {
      ipset::put_create(out, n, {.name = name, .family = family, .hash_size = 64, .max_elements = most});
    };
  };
  kernel.record("created", create("four", Family::v4, 3));
  kernel.record("create-exists", create("four", Family::v4, 3));
  kernel.record("", create("six", Family::v6, 100));
  kernel.record("", create("other", Family::v4, 100));
  kernel.record("added", [](Bytes& out, std::uint32_t n) {
    const Element elements[] = {
        {.prefix = prefix("192.0.2.1"), .timeout_seconds = 600, .packets = 7, .bytes = 700},
        {.prefix = prefix("198.51.100.254/31")}};
    ipset::put_add(out, n, "four", elements);
  });
  kernel.record("", [](Bytes& out, std::uint32_t n) {
    const Element elements[] = {{.prefix = prefix("2001:db8:1::/64"), .timeout_seconds = 2147483},
                                {.prefix = prefix("2001:db8:2::1"), .timeout_seconds = 60, .exempt = true}};
    ipset::put_add(out, n, "six", elements);
  });
  kernel.record("list-4", [](Bytes& out, std::uint32_t n) { ipset::put_list(out, n, "four", false); });
  kernel.record("list-6", [](Bytes& out, std::uint32_t n) { ipset::put_list(out, n, "six", false); });
  kernel.record("header-4", [](Bytes& out, std::uint32_t n) { ipset::put_list(out, n, "four", true); });
  kernel.record("list-missing",
                [](Bytes& out, std::uint32_t n) { ipset::put_list(out, n, "nowhere", false); });
  kernel.record("index", [](Bytes& out, std::uint32_t n) { ipset::put_index(out, n, "six"); });
  kernel.record("add-full", [](Bytes& out, std::uint32_t n) {
    const Element elements[] = {{.prefix = prefix("192.0.2.1"), .timeout_seconds = 600},
                                {.prefix = prefix("192.0.2.2"), .timeout_seconds = 600},
                                {.prefix = prefix("192.0.2.3"), .timeout_seconds = 600},
                                {.prefix = prefix("192.0.2.4"), .timeout_seconds = 600}};
    ipset::put_add(out, n, "four", elements);
  });
  kernel.record("add-missing", [](Bytes& out, std::uint32_t n) {
    const Element elements[] = {{.prefix = prefix("192.0.2.1"), .timeout_seconds = 600}};
    ipset::put_add(out, n, "nowhere", elements);
  });
  kernel.record("removed", [](Bytes& out, std::uint32_t n) {
    const Element elements[] = {{.prefix = prefix("192.0.2.2")}, {.prefix = prefix("203.0.113.9")}};
    ipset::put_remove(out, n, "four", elements);
  });
  kernel.record("test-in",
                [](Bytes& out, std::uint32_t n) { ipset::put_test(out, n, "four", prefix("192.0.2.1")); });
  kernel.record("test-out",
                [](Bytes& out, std::uint32_t n) { ipset::put_test(out, n, "four", prefix("203.0.113.9")); });
  kernel.record("swapped", [](Bytes& out, std::uint32_t n) { ipset::put_swap(out, n, "four", "other"); });
  kernel.record("swap-mismatch", [](Bytes& out, std::uint32_t n) { ipset::put_swap(out, n, "four", "six"); });
  kernel.record("renamed", [](Bytes& out, std::uint32_t n) { ipset::put_rename(out, n, "other", "third"); });
}

void record_rules(Recorder& kernel) {
  const drop_rule::Wish wish{Family::v4, 0, {{3478, 3479}, {5349, 5349}}};
  kernel.record("rule-installed", [&](Bytes& out, std::uint32_t n) { drop_rule::put_install(out, n, wish); });
  kernel.record("table", [](Bytes& out, std::uint32_t n) { drop_rule::put_get_table(out, n, Family::v4); });
  kernel.record("chain", [](Bytes& out, std::uint32_t n) { drop_rule::put_get_chain(out, n, Family::v4); });
  kernel.record("rules", [](Bytes& out, std::uint32_t n) { drop_rule::put_list_rules(out, n, Family::v4); });
  kernel.record("destroy-in-use", [](Bytes& out, std::uint32_t n) { ipset::put_destroy(out, n, "four"); });
  kernel.record("match", [](Bytes& out, std::uint32_t n) { drop_rule::put_ask_match(out, n, Family::v4); });
  // The set match of another world: what nft_compat answers where xt_set is missing.
  kernel.record("match-missing", [](Bytes& out, std::uint32_t n) {
    drop_rule::put_ask_match(out, n, Family::v4);
    constexpr std::string_view kName = "set";
    const auto name = std::search(out.begin(), out.end(), kName.begin(), kName.end());
    std::copy_n("sxt", 3, name);
  });
  // Subsystem 0x7f is none: what nfnetlink answers where a subsystem's module is missing.
  kernel.record("subsystem-missing",
                [](Bytes& out, std::uint32_t n) { MessageWriter message(out, 0x7f01, NLM_F_ACK, n, 0); });
  kernel.record("rule-of-no-set", [](Bytes& out, std::uint32_t n) {
    drop_rule::put_install(out, n, {Family::v4, 77, {}});
  });
  auto changes = NetlinkSocket::create(NFNLGRP_NFTABLES);
  kernel.record("", [](Bytes& out, std::uint32_t n) { drop_rule::put_delete(out, n, Family::v4); });
  Bytes buffer;
  const auto heard = NetlinkSocket::receive(changes->fd(), buffer, false);
  kernel.write("table-deleted", Bytes(heard->begin(), heard->end()));
  kernel.record("table-missing",
                [](Bytes& out, std::uint32_t n) { drop_rule::put_get_table(out, n, Family::v4); });
}

void record_nftables(Recorder& kernel) {
  kernel.record("nft-generation", nftables::put_get_generation);
  kernel.record("nft-set-missing",
                [](Bytes& out, std::uint32_t n) { nftables::put_get_set(out, n, Family::v4); });
  for (const auto family : kFamilies) {
    const Element mark{.prefix = canary(family)};
    kernel.record(family == Family::v4 ? "nft-set-made" : "", [&](Bytes& out, std::uint32_t n) {
      nftables::put_make_set(out, n, family, false, std::nullopt, {&mark, 1});
    });
  }
  kernel.record("nft-set-4", [](Bytes& out, std::uint32_t n) { nftables::put_get_set(out, n, Family::v4); });
  kernel.record("nft-set-6", [](Bytes& out, std::uint32_t n) { nftables::put_get_set(out, n, Family::v6); });
  const auto put = [](nftables::Verb verb, std::vector<Element> elements) {
    return [=](Bytes& out, std::uint32_t n) {
      nftables::ElementBatch batch(out, n);
      batch.put(verb, family_of(elements[0].prefix), elements);
      static_cast<void>(batch.end());
    };
  };
  kernel.record("nft-added",
                put(nftables::Verb::add, {{.prefix = prefix("192.0.2.1"), .timeout_seconds = 600},
                                          {.prefix = prefix("192.0.2.2"), .timeout_seconds = 700},
                                          {.prefix = prefix("203.0.113.0/24"), .packets = 7, .bytes = 700},
                                          {.prefix = prefix("255.255.255.0/24"), .timeout_seconds = 60}}));
  kernel.record("nft-overlap", put(nftables::Verb::add, {{.prefix = prefix("203.0.113.9")}}));
  kernel.record("nft-there-already", put(nftables::Verb::add, {{.prefix = prefix("192.0.2.1")}}));
  kernel.record("nft-renewed", put(nftables::Verb::renew, {{.prefix = prefix("192.0.2.1")}}));
  kernel.record("nft-removed", put(nftables::Verb::remove, {{.prefix = prefix("192.0.2.77")}}));
  kernel.record("", put(nftables::Verb::add, {{.prefix = prefix("2001:db8:1::/64"), .timeout_seconds = 9},
                                              {.prefix = prefix("ffff::/16")}}));
  kernel.record("nft-list-4",
                [](Bytes& out, std::uint32_t n) { nftables::put_list_elements(out, n, Family::v4); });
  kernel.record("nft-list-6",
                [](Bytes& out, std::uint32_t n) { nftables::put_list_elements(out, n, Family::v6); });
  kernel.record("nft-found",
                [](Bytes& out, std::uint32_t n) { nftables::put_find_element(out, n, canary(Family::v4)); });
  kernel.record("nft-not-found", [](Bytes& out, std::uint32_t n) {
    nftables::put_find_element(out, n, prefix("192.0.2.99"));
  });
  const nftables::Wish wish{Family::v4, {{3478, 3479}, {5349, 5349}}};
  kernel.record("nft-chain-made",
                [&](Bytes& out, std::uint32_t n) { nftables::put_make_chain(out, n, wish, false); });
  kernel.record("nft-chain",
                [](Bytes& out, std::uint32_t n) { nftables::put_get_chain(out, n, Family::v4); });
  kernel.record("nft-rules",
                [](Bytes& out, std::uint32_t n) { nftables::put_list_rules(out, n, Family::v4); });
  kernel.record("", nftables::put_delete_table);
  kernel.record("nft-table-missing",
                put(nftables::Verb::add, {{.prefix = prefix("192.0.2.1"), .timeout_seconds = 600}}));
}

// One datagram to ourselves, from port 40000 to 3478.
void send_datagram(int family, const sockaddr* from, const sockaddr* to, socklen_t length) {
  const UniqueFd fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::bind(fd.get(), from, length) != 0 || ::sendto(fd.get(), "x", 1, 0, to, length) != 1)
    throw std::runtime_error("send a datagram (is lo up?)");
}

void record_flows(Recorder& kernel) {
  // The kernel counts flows where a rule asks for them.
  if (std::system(
          "nft 'table inet flows { chain in { type filter hook input priority 0; ct state new; }; }'") != 0)
    throw std::runtime_error("nft");
  sockaddr_in from{
      .sin_family = AF_INET, .sin_port = htons(40000), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  sockaddr_in to = from;
  to.sin_port = htons(3478);
  send_datagram(AF_INET, reinterpret_cast<sockaddr*>(&from), reinterpret_cast<sockaddr*>(&to), sizeof to);
  sockaddr_in6 from6{};
  from6.sin6_family = AF_INET6;
  from6.sin6_port = htons(40000);
  from6.sin6_addr = in6addr_loopback;
  sockaddr_in6 to6 = from6;
  to6.sin6_port = htons(3478);
  send_datagram(AF_INET6, reinterpret_cast<sockaddr*>(&from6), reinterpret_cast<sockaddr*>(&to6), sizeof to6);
  kernel.record("flow-count", conntrack::put_count);
  kernel.record("flows", conntrack::put_list);
}

}  // namespace
}  // namespace coturn_guard

int main(int argc, char** argv) {
  using namespace coturn_guard;
  if (argc != 2) return 2;
  auto socket = NetlinkSocket::create();
  if (!socket) throw std::runtime_error(socket.error().message());
  Recorder kernel(std::move(*socket), argv[1]);
  record_sets(kernel);
  record_rules(kernel);
  record_nftables(kernel);
  record_flows(kernel);
  // Without any capability, last: there is no way back. The kernel looks at the sender and at who opened the
  // socket.
  if (setresuid(65534, 65534, 65534) != 0) return 1;
  auto powerless = NetlinkSocket::create();
  Recorder(std::move(*powerless), argv[1]).record("not-permitted", ipset::put_protocol);
  return 0;
}
