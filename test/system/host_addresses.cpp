// SPDX-License-Identifier: GPL-3.0-or-later
// Prints what HostAddresses tells, one line per network, "--" after each list, until its time (seconds) is
// over. Usage: host_addresses RESOLV_CONF SECONDS. Run by host_addresses.sh in a network namespace of its
// own.
#include "source/host_addresses.hpp"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  using namespace coturn_guard;
  if (argc != 3) return 2;
  boost::asio::io_context io{1};
  HostAddresses host(
      io,
      [](const auto& networks) {
        for (const auto& network : networks)
          std::printf("%s %s\n", network.prefix.to_string().c_str(), network.why.c_str());
        std::puts("--");
        std::fflush(stdout);
      },
      argv[1]);
  if (const auto started = host.start(); !started) {
    std::fprintf(stderr, "%s\n", started.error().message().c_str());
    return 1;
  }
  io.run_for(std::chrono::seconds(std::atoi(argv[2])));
  return host.healthy() ? 0 : 1;
}
