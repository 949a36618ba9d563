// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/host_addresses.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

using namespace coturn_guard;

namespace {

std::vector<std::string> texts(const std::vector<OwnNetwork>& networks) {
  std::vector<std::string> all;
  for (const auto& network : networks) all.push_back(network.prefix.to_string() + " " + network.why);
  return all;
}

bool holds(const std::vector<OwnNetwork>& networks, const std::string& text) {
  const auto all = texts(networks);
  return std::find(all.begin(), all.end(), text) != all.end();
}

}  // namespace

TEST_CASE("resolvers are the addresses of nameserver lines", "[source][host_addresses]") {
  CHECK(texts(parse_resolvers(
            "# nameserver 192.0.2.9\nnameserver 192.0.2.1\nsearch example.org\nnameserver\t2001:db8::53\n"
            "nameserver fe80::1%eth0\nnameservers 192.0.2.2\nnameserver\nnameserver name\n"
            "nameserver 192.0.2.3 # why")) ==
        std::vector<std::string>{"192.0.2.1/32 resolver", "2001:db8::53/128 resolver", "fe80::1/128 resolver",
                                 "192.0.2.3/32 resolver"});
  CHECK(parse_resolvers("").empty());
}

TEST_CASE("loopback is known at start and resolvers follow their file", "[source][host_addresses]") {
  const TemporaryDirectory directory;
  const auto resolv_conf = directory / "resolv.conf";
  std::ofstream(resolv_conf) << "nameserver 192.0.2.53\n";
  boost::asio::io_context io{1};
  std::vector<std::vector<OwnNetwork>> told;
  HostAddresses host(
      io, [&told](const auto& networks) { told.push_back(networks); }, resolv_conf);
  REQUIRE(host.start());
  REQUIRE(told.size() == 1);
  CHECK(host.healthy());
  CHECK(holds(told.back(), "127.0.0.0/8 loopback"));
  CHECK(holds(told.back(), "::1/128 loopback"));
  CHECK(holds(told.back(), "192.0.2.53/32 resolver"));
  host.tick({});
  CHECK(told.size() == 1);
  std::ofstream(resolv_conf) << "nameserver 192.0.2.99\nnameserver 192.0.2.100\n";
  host.tick({});
  REQUIRE(told.size() == 2);
  CHECK(holds(told.back(), "192.0.2.100/32 resolver"));
  CHECK_FALSE(holds(told.back(), "192.0.2.53/32 resolver"));
}
