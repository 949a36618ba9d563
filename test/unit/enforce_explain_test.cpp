// SPDX-License-Identifier: GPL-3.0-or-later
// What a kernel said that lacks something, and what the operator reads.
#include "enforce/explain.hpp"

#include "enforce/ipset_codec.hpp"
#include "support/catch.hpp"
#include "support/recorded.hpp"

using namespace coturn_guard;

namespace {

std::string read(Request request, int code) {
  return explain(request, "do it", Error{ipset::make_error(code), "netfilter"}).message();
}

}  // namespace

TEST_CASE("a missing capability is named with the unit's line", "[enforce][explain]") {
  const auto text = read(Request::ask_ipset, Recorded("not-permitted").acknowledgement().error);
  CHECK_THAT(text, Catch::Contains("do it") && Catch::Contains("CAP_NET_ADMIN") &&
                       Catch::Contains("AmbientCapabilities=CAP_NET_ADMIN") &&
                       Catch::Contains("Operation not permitted"));
}

TEST_CASE("a missing module is named with its remedy", "[enforce][explain]") {
  const int no_subsystem = Recorded("subsystem-missing").acknowledgement().error;
  const int no_match = Recorded("match-missing").acknowledgement().error;
  CHECK_THAT(read(Request::ask_ipset, no_subsystem),
             Catch::Contains("modprobe ip_set\"") && Catch::Contains("CONFIG_IP_SET"));
  CHECK_THAT(read(Request::ask_set_type, ipset::kFindType), Catch::Contains("modprobe ip_set_hash_net"));
  CHECK_THAT(read(Request::ask_set_match, no_subsystem), Catch::Contains("modprobe nft_compat"));
  CHECK_THAT(read(Request::ask_set_match, no_match), Catch::Contains("modprobe xt_set"));
  CHECK_THAT(read(Request::change_rule, EOPNOTSUPP), Catch::Contains("modprobe nf_tables"));
  CHECK_THAT(read(Request::open_socket, EPROTONOSUPPORT), Catch::Contains("modprobe nfnetlink"));
}

TEST_CASE("what has no known meaning stays as the kernel said it", "[enforce][explain]") {
  CHECK(read(Request::other, ENOMEM) == "do it: Cannot allocate memory");
  CHECK(read(Request::other, EINVAL) == "do it: Invalid argument");
}
