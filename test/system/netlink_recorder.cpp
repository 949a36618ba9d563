// SPDX-License-Identifier: GPL-3.0-or-later
// Records what this machine's kernel answers to the codecs' requests, as the unit tests and the fuzz target
// read it:
//   unshare --net build/test/system/netlink_recorder test/data/netlink
// Root in a network namespace of its own: it makes and destroys sets. Each file holds the bytes of one
// answer.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string_view>

#include "enforce/drop_rule.hpp"
#include "enforce/ipset_codec.hpp"
#include "enforce/netlink_socket.hpp"

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
  // Without any capability, last: there is no way back. The kernel looks at the sender and at who opened the
  // socket.
  if (setresuid(65534, 65534, 65534) != 0) return 1;
  auto powerless = NetlinkSocket::create();
  Recorder(std::move(*powerless), argv[1]).record("not-permitted", ipset::put_protocol);
  return 0;
}
