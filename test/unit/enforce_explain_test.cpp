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
  CHECK_THAT(text, contains_text("do it") && contains_text("CAP_NET_ADMIN") &&
                       contains_text("AmbientCapabilities=CAP_NET_ADMIN") &&
                       contains_text("Operation not permitted"));
}

TEST_CASE("a missing module is named with its remedy", "[enforce][explain]") {
  const int no_subsystem = Recorded("subsystem-missing").acknowledgement().error;
  const int no_match = Recorded("match-missing").acknowledgement().error;
  CHECK_THAT(read(Request::ask_ipset, no_subsystem),
             contains_text("modprobe ip_set\"") && contains_text("CONFIG_IP_SET"));
  CHECK_THAT(read(Request::ask_set_type, ipset::kFindType), contains_text("modprobe ip_set_hash_net"));
  CHECK_THAT(read(Request::ask_set_match, no_subsystem), contains_text("modprobe nft_compat"));
  CHECK_THAT(read(Request::ask_set_match, no_match), contains_text("modprobe xt_set"));
  CHECK_THAT(read(Request::change_rule, EOPNOTSUPP), contains_text("modprobe nf_tables"));
  CHECK_THAT(read(Request::open_socket, EPROTONOSUPPORT), contains_text("modprobe nfnetlink"));
}

TEST_CASE("what has no known meaning stays as the kernel said it", "[enforce][explain]") {
  CHECK(read(Request::other, ENOMEM) == "do it: Cannot allocate memory");
  CHECK(read(Request::other, EINVAL) == "do it: Invalid argument");
}
