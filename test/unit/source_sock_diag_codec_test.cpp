// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/sock_diag_codec.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;
using sock_diag::Progress;
using sock_diag::Socket;

namespace {

std::string recorded(const std::string& name) {
  std::ifstream file(SOURCE_ROOT "/test/data/netlink/" + name + ".bin", std::ios::binary);
  INFO(name);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Socket> sockets_of(const std::string& bytes, std::uint32_t sequence,
                               Progress progress = Progress::more) {
  std::vector<Socket> sockets;
  const auto answer = sock_diag::take_answer(bytes, sequence, sockets);
  CHECK(answer.progress == progress);
  CHECK(answer.malformed == 0);
  return sockets;
}

Endpoint endpoint(const char* address, std::uint16_t port) {
  return {*Address::parse(address), port};
}

std::string message(std::uint16_t type, const std::string& payload, std::uint16_t flags = 0,
                    std::uint32_t sequence = 7) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + payload.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  header.nlmsg_seq = sequence;
  std::string bytes(sizeof header, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes + payload;
}

std::string number(std::int32_t value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// What a filter program says of a message (linux/filter.h); the few instructions that it is made of.
bool accepts(const std::vector<sock_filter>& program, const std::string& bytes) {
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    switch (step.code) {
      case BPF_LD | BPF_H | BPF_ABS:
        accumulator = static_cast<std::uint32_t>(static_cast<unsigned char>(bytes.at(step.k)) << 8) |
                      static_cast<unsigned char>(bytes.at(step.k + 1));
        break;
      case BPF_JMP | BPF_JGE | BPF_K: at += accumulator >= step.k ? step.jt : step.jf; break;
      case BPF_JMP | BPF_JGT | BPF_K: at += accumulator > step.k ? step.jt : step.jf; break;
      case BPF_RET | BPF_K: return step.k != 0;
      default: FAIL("an instruction that the kernel may know, but not this test");
    }
  }
  FAIL("the program runs past its end");
  return false;
}

}  // namespace

TEST_CASE("the end of a connection is told with its port and its bytes", "[source][sock_diag]") {
  auto sockets = sockets_of(recorded("end-reset-unread"), 0);
  REQUIRE(sockets.size() == 1);
  CHECK(sockets[0].local == endpoint("127.0.0.1", 3478));
  CHECK(sockets[0].remote == endpoint("127.0.0.1", 40'001));
  CHECK(sockets[0].counted);
  CHECK(sockets[0].received_bytes == 0);
  CHECK(sockets[0].acked_bytes == 0);

  sockets = sockets_of(recorded("end-reset-6"), 0);
  REQUIRE(sockets.size() == 1);
  CHECK(sockets[0].local == endpoint("::1", 3478));
  CHECK(sockets[0].remote == endpoint("::1", 40'001));
  CHECK(sockets[0].received_bytes == 5);
  CHECK(sockets[0].acked_bytes == 7);
}

TEST_CASE("IPv4 on an IPv6 socket is IPv4", "[source][sock_diag]") {
  const auto sockets = sockets_of(recorded("end-mapped"), 0);
  REQUIRE(sockets.size() == 1);
  CHECK(sockets[0].local == endpoint("127.0.0.2", 3478));
  CHECK(sockets[0].remote == endpoint("127.0.0.1", 40'001));
}

TEST_CASE("a connection that the server closed has neither port nor bytes", "[source][sock_diag]") {
  const auto sockets = sockets_of(recorded("end-dissolved"), 0);
  REQUIRE(sockets.size() == 1);
  CHECK(sockets[0].local == endpoint("127.0.0.1", 3478));
  CHECK(sockets[0].remote == endpoint("127.0.0.1", 0));
  CHECK_FALSE(sockets[0].counted);
}

TEST_CASE("lists tell who listens and who lives", "[source][sock_diag]") {
  auto sockets = sockets_of(recorded("listening-4"), 7, Progress::done);
  REQUIRE(sockets.size() == 1);
  CHECK(sockets[0].local == endpoint("127.0.0.1", 3478));
  CHECK(sockets[0].state == 10);
  CHECK(sockets[0].uid == 0);
  CHECK(sockets_of(recorded("listening-6"), 7, Progress::done).size() == 2);

  sockets = sockets_of(recorded("living-6"), 7, Progress::done);
  REQUIRE(sockets.size() == 2);  // both ends of one connection
  const Socket& server = sockets[0].local.port == 3478 ? sockets[0] : sockets[1];
  CHECK(server.local == endpoint("::1", 3478));
  CHECK(server.counted);
  CHECK(server.received_bytes == 5);
  CHECK(server.acked_bytes == 7);
  CHECK_FALSE(server.opened);
  CHECK((&server == &sockets[0] ? sockets[1] : sockets[0]).opened);
}

TEST_CASE("who opened a connection is told by what was acknowledged, and how often it was tried in vain",
          "[source][sock_diag]") {
  const auto socket_of = [](std::uint64_t acked, std::uint64_t sent, std::uint64_t again,
                            std::size_t info_bytes = sizeof(tcp_info), bool dissolved = false) {
    inet_diag_msg header{};
    header.idiag_family = AF_INET;
    header.id.idiag_dport = dissolved ? 0 : htons(1001);
    tcp_info info{};
    info.tcpi_bytes_acked = acked;
    info.tcpi_bytes_sent = sent;
    info.tcpi_bytes_retrans = again;
    info.tcpi_retransmits = 15;
    info.tcpi_probes = 2;
    const nlattr attribute{static_cast<std::uint16_t>(sizeof(nlattr) + info_bytes), INET_DIAG_INFO};
    std::string payload(sizeof header + sizeof attribute + info_bytes, '\0');
    std::memcpy(payload.data(), &header, sizeof header);
    std::memcpy(payload.data() + sizeof header, &attribute, sizeof attribute);
    std::memcpy(payload.data() + sizeof header + sizeof attribute, &info, info_bytes);
    const auto sockets = sockets_of(message(SOCK_DIAG_BY_FAMILY, payload), 7);
    REQUIRE(sockets.size() == 1);
    return sockets[0];
  };
  CHECK_FALSE(socket_of(0, 0, 0).opened);
  CHECK_FALSE(socket_of(50, 50, 0).opened);
  CHECK_FALSE(socket_of(30, 70, 20).opened);
  CHECK(socket_of(1, 0, 0).opened);
  CHECK(socket_of(51, 50, 0).opened);
  CHECK(socket_of(51, 70, 20).opened);
  CHECK_FALSE(socket_of(1, 0, 0, offsetof(tcp_info, tcpi_bytes_retrans)).opened);  // Linux 4.18: not told
  CHECK_FALSE(socket_of(1, 0, 0, sizeof(tcp_info), true).opened);
  CHECK_FALSE(socket_of(1, 10, 20).opened);  // nonsense says nothing
  CHECK(socket_of(0, 0, 0).retries == 17);
}

TEST_CASE("the answer to another question is none", "[source][sock_diag]") {
  CHECK(sockets_of(recorded("listening-4"), 8).empty());
  CHECK(sockets_of(recorded("end-reset-6"), 1).empty());
}

TEST_CASE("a request asks for one family and its states", "[source][sock_diag]") {
  const std::string bytes = sock_diag::list_request(sock_diag::Family::v6, sock_diag::kLiving, true, 9);
  nlmsghdr header;
  inet_diag_req_v2 request;
  REQUIRE(bytes.size() == sizeof header + sizeof request);
  std::memcpy(&header, bytes.data(), sizeof header);
  std::memcpy(&request, bytes.data() + sizeof header, sizeof request);
  CHECK(header.nlmsg_len == bytes.size());
  CHECK(header.nlmsg_type == SOCK_DIAG_BY_FAMILY);
  CHECK(header.nlmsg_flags == (NLM_F_REQUEST | NLM_F_DUMP));
  CHECK(header.nlmsg_seq == 9);
  CHECK(request.sdiag_family == AF_INET6);
  CHECK(request.sdiag_protocol == IPPROTO_TCP);
  CHECK(request.idiag_states == ((1U << 1) | (1U << 8)));
  CHECK(request.idiag_ext == 1U << (INET_DIAG_INFO - 1));
}

TEST_CASE("a message that is cut anywhere is malformed and read no further", "[source][sock_diag]") {
  const std::string whole = recorded("end-reset-6");
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    std::vector<Socket> sockets;
    CHECK(sock_diag::take_answer(cut, 0, sockets).malformed == 1);
    CHECK(sockets.empty());
  }
}

TEST_CASE("a body that is too short for its header says nothing, or less", "[source][sock_diag]") {
  const std::string payload = recorded("end-reset-6").substr(sizeof(nlmsghdr));
  for (std::size_t size = 0; size < payload.size(); ++size) {
    std::vector<Socket> sockets;
    const auto answer =
        sock_diag::take_answer(message(SOCK_DIAG_BY_FAMILY, payload.substr(0, size)), 7, sockets);
    CHECK(sockets.size() == (size < sizeof(inet_diag_msg) ? 0 : 1));
    CHECK(answer.malformed == (size < sizeof(inet_diag_msg) ? 1 : 0));
  }
}

TEST_CASE("a kernel with an older tcp_info does not count", "[source][sock_diag]") {
  std::string payload(sizeof(inet_diag_msg), '\0');
  payload[0] = AF_INET;
  payload[6] = 1;  // the client's port
  const auto counted = [&](std::size_t info_bytes) {
    nlattr attribute{static_cast<std::uint16_t>(sizeof(nlattr) + info_bytes), INET_DIAG_INFO};
    std::string bytes(sizeof attribute, '\0');
    std::memcpy(bytes.data(), &attribute, sizeof attribute);
    std::vector<Socket> sockets;
    (void)sock_diag::take_answer(
        message(SOCK_DIAG_BY_FAMILY, payload + bytes + std::string(info_bytes, '\1')), 7, sockets);
    REQUIRE(sockets.size() == 1);
    return sockets[0].counted;
  };
  CHECK_FALSE(counted(0));
  CHECK_FALSE(counted(104));  // Linux 3.x
  CHECK_FALSE(counted(135));
  CHECK(counted(136));  // both counters
  CHECK(counted(280));
}

TEST_CASE("counters that were whole stay, whatever a second attribute says", "[source][sock_diag]") {
  std::string bytes = recorded("end-reset-6");
  const nlattr shorter{sizeof(nlattr) + 4, INET_DIAG_INFO};
  bytes.append(reinterpret_cast<const char*>(&shorter), sizeof shorter).append(4, '\1');
  const auto size = static_cast<std::uint32_t>(bytes.size());
  std::memcpy(bytes.data(), &size, sizeof size);
  const auto sockets = sockets_of(bytes, 0);
  REQUIRE(sockets.size() == 1);
  CHECK(sockets[0].counted);
  CHECK(sockets[0].received_bytes == 5);
  CHECK(sockets[0].acked_bytes == 7);
}

TEST_CASE("a family that nobody knows is malformed", "[source][sock_diag]") {
  std::string payload(sizeof(inet_diag_msg), '\0');
  payload[0] = 77;
  std::vector<Socket> sockets;
  CHECK(sock_diag::take_answer(message(SOCK_DIAG_BY_FAMILY, payload), 7, sockets).malformed == 1);
}

TEST_CASE("refusals, ends and interruptions of a list are told apart", "[source][sock_diag]") {
  std::vector<Socket> sockets;
  const auto take = [&](const std::string& bytes) { return sock_diag::take_answer(bytes, 7, sockets); };
  CHECK(take(message(NLMSG_ERROR, number(-ENOENT))).error == ENOENT);
  CHECK(take(message(NLMSG_ERROR, number(-ENOENT))).progress == Progress::refused);
  CHECK(take(message(NLMSG_ERROR, "")).progress == Progress::refused);
  CHECK(take(message(NLMSG_DONE, number(0))).progress == Progress::done);
  CHECK(take(message(NLMSG_DONE, "")).progress == Progress::done);
  CHECK(take(message(NLMSG_DONE, number(-EINVAL))).progress == Progress::refused);
  CHECK(take(message(NLMSG_NOOP, "", NLM_F_DUMP_INTR) + message(NLMSG_DONE, number(0))).progress ==
        Progress::interrupted);
  CHECK(take("").progress == Progress::more);
}

TEST_CASE("the filter lets through the local ports that were asked for", "[source][sock_diag]") {
  const auto end_at = [](int port) {
    std::string bytes = recorded("end-reset-unread");
    bytes[20] = static_cast<char>(port >> 8);
    bytes[21] = static_cast<char>(port & 0xff);
    return bytes;
  };
  const auto program = sock_diag::port_filter({{3478, 3479}, {5349, 5349}, {65'535, 65'535}});
  for (const int port : {3478, 3479, 5349, 65'535}) CHECK(accepts(program, end_at(port)));
  for (const int port : {0, 22, 3477, 3480, 5348, 5350, 40'001, 65'534})
    CHECK_FALSE(accepts(program, end_at(port)));
  CHECK(accepts(program, recorded("end-reset-unread")));

  std::vector<PortRange> many;
  for (std::uint16_t port = 1; port <= 120; ++port)
    many.push_back({static_cast<std::uint16_t>(port * 10), static_cast<std::uint16_t>(port * 10 + 1)});
  const auto longest = sock_diag::port_filter(many);
  for (const int port : {10, 11, 600, 1200, 1201}) CHECK(accepts(longest, end_at(port)));
  for (const int port : {9, 12, 1202}) CHECK_FALSE(accepts(longest, end_at(port)));
  many.push_back({9000, 9001});
  CHECK(sock_diag::port_filter(many).empty());
  CHECK(sock_diag::port_filter({}).empty());
}

TEST_CASE("a connection is named to be destroyed as the kernel named it", "[source][sock_diag]") {
  const auto sockets = sockets_of(recorded("living-6"), 7, Progress::done);
  REQUIRE_FALSE(sockets.empty());
  for (const auto& socket : sockets) {
    const auto bytes = sock_diag::destroy_request(socket, 7);
    nlmsghdr header;
    inet_diag_req_v2 request;
    REQUIRE(bytes.size() == sizeof header + sizeof request);
    std::memcpy(&header, bytes.data(), sizeof header);
    std::memcpy(&request, bytes.data() + sizeof header, sizeof request);
    CHECK(header.nlmsg_type == SOCK_DESTROY);
    CHECK(request.sdiag_family == (socket.remote.address.is_v4() ? AF_INET : AF_INET6));
    CHECK(request.sdiag_protocol == IPPROTO_TCP);
    CHECK(ntohs(request.id.idiag_sport) == socket.local.port);
    CHECK(ntohs(request.id.idiag_dport) == socket.remote.port);
    CHECK(request.id.idiag_cookie[0] == socket.cookie[0]);
    CHECK((socket.cookie[0] | socket.cookie[1]) != 0);
  }
}

TEST_CASE("what the kernel says to a destruction", "[source][sock_diag]") {
  const auto answer = [](int error) { return message(NLMSG_ERROR, number(-error) + std::string(16, '\0')); };
  const auto three = sock_diag::take_destroyed(answer(0) + answer(ENOENT) + answer(0));
  CHECK(three.destroyed == 2);
  CHECK(three.error == 0);
  CHECK(sock_diag::take_destroyed(answer(EOPNOTSUPP)).error == EOPNOTSUPP);
  CHECK(sock_diag::take_destroyed(answer(EPERM)).error == EPERM);
  CHECK(sock_diag::take_destroyed("").destroyed == 0);
  CHECK(sock_diag::take_destroyed(answer(0).substr(0, 18)).destroyed == 0);
}

TEST_CASE("a connection is asked for by its four numbers, the client's side as the far one",
          "[source][witness]") {
  for (const char* client : {"203.0.113.66", "2001:db8::66"}) {
    const bool v4 = Address::parse(client)->is_v4();
    const std::string request = sock_diag::one_request(endpoint(v4 ? "198.51.100.10" : "2001:db8::10", 3478),
                                                       endpoint(client, 4000), 7, 9);
    nlmsghdr header;
    inet_diag_req_v2 what;
    REQUIRE(request.size() == sizeof header + sizeof what);
    std::memcpy(&header, request.data(), sizeof header);
    std::memcpy(&what, request.data() + sizeof header, sizeof what);
    CHECK(header.nlmsg_flags == NLM_F_REQUEST);  // no list
    CHECK(header.nlmsg_seq == 9);
    CHECK(what.sdiag_family == (v4 ? AF_INET : AF_INET6));
    CHECK(what.sdiag_protocol == IPPROTO_TCP);
    CHECK(what.idiag_ext == 1U << (INET_DIAG_INFO - 1));
    CHECK(what.id.idiag_sport == htons(3478));
    CHECK(what.id.idiag_dport == htons(4000));
    const auto far = Address::parse(client)->bytes();
    CHECK(std::memcmp(what.id.idiag_dst, far.data() + (v4 ? 12 : 0), v4 ? 4 : 16) == 0);
    CHECK(what.id.idiag_if == 7);
    CHECK(what.id.idiag_cookie[0] == 0xffffffff);
    CHECK(what.id.idiag_cookie[1] == 0xffffffff);
  }
}
