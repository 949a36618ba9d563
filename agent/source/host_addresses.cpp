// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/host_addresses.hpp"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>

#include "source/file_look.hpp"

namespace coturn_guard {
namespace {

using boost::asio::error::operation_aborted;

constexpr std::chrono::milliseconds kSettle{100};  // an interface that comes up sends a dozen notifications
constexpr unsigned kTicksBetweenQuestions = 60;
constexpr int kAnswerMilliseconds = 1000;
constexpr std::size_t kMaxNetworks = 65'536;
constexpr std::uintmax_t kMaxResolvConfBytes = 64 * 1024;
constexpr unsigned kGroups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

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

// Netlink's type-length-value list (linux/netlink.h). libmnl's loops are C macros that C++ does not compile.
template <class Visit>
void for_each_attribute(std::string_view bytes, Visit&& visit) {
  while (bytes.size() >= sizeof(nlattr)) {
    nlattr attribute;
    std::memcpy(&attribute, bytes.data(), sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > bytes.size()) return;
    visit(attribute.nla_type & NLA_TYPE_MASK,
          bytes.substr(sizeof attribute, attribute.nla_len - sizeof attribute));
    bytes.remove_prefix(std::min<std::size_t>(bytes.size(), NLA_ALIGN(attribute.nla_len)));
  }
}

// The message's fixed part; nothing where it is cut short.
template <class Header>
std::optional<Header> header_of(const nlmsghdr* message) {
  if (message->nlmsg_len < NLMSG_HDRLEN + sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, mnl_nlmsg_get_payload(message), sizeof header);
  return header;
}

template <class Header>
std::string_view attributes_of(const nlmsghdr* message) {
  const std::string_view payload(static_cast<const char*>(mnl_nlmsg_get_payload(message)),
                                 mnl_nlmsg_get_payload_len(message));
  return payload.substr(std::min<std::size_t>(payload.size(), NLMSG_ALIGN(sizeof(Header))));
}

class Answer {
 public:
  void take(const nlmsghdr* message) {
    if (message->nlmsg_type == RTM_NEWADDR) take_address(message);
    if (message->nlmsg_type == RTM_NEWROUTE) take_route(message);
  }
  std::vector<OwnNetwork> networks;

 private:
  void add(const std::optional<Address>& address, const char* why) {
    if (address && networks.size() < kMaxNetworks) networks.push_back({Prefix(*address, 128), why});
  }

  void take_address(const nlmsghdr* message) {
    const auto header = header_of<ifaddrmsg>(message);
    if (!header) return;
    // On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL is us (linux/if_addr.h); IPv6 mostly has
    // no IFA_LOCAL.
    std::optional<Address> local;
    std::optional<Address> address;
    for_each_attribute(attributes_of<ifaddrmsg>(message), [&](int type, std::string_view payload) {
      if (type == IFA_LOCAL) local = address_of(header->ifa_family, payload);
      if (type == IFA_ADDRESS) address = address_of(header->ifa_family, payload);
    });
    add(local ? local : address, "own address");
  }

  void take_route(const nlmsghdr* message) {
    const auto header = header_of<rtmsg>(message);
    if (!header || header->rtm_dst_len != 0 || header->rtm_type != RTN_UNICAST) return;
    for_each_attribute(attributes_of<rtmsg>(message), [&](int type, std::string_view payload) {
      take_gateway(header->rtm_family, type, payload);
      if (type == RTA_MULTIPATH) take_hops(header->rtm_family, payload);
    });
  }

  void take_gateway(unsigned family, int type, std::string_view payload) {
    if (type == RTA_GATEWAY) add(address_of(family, payload), "default gateway");
    if (type != RTA_VIA || payload.size() < sizeof(rtvia)) return;
    rtvia via;  // an IPv4 route by an IPv6 gateway: the family stands before the address
    std::memcpy(&via, payload.data(), sizeof via);
    add(address_of(via.rtvia_family, payload.substr(sizeof via)), "default gateway");
  }

  // struct rtnexthop, its attributes, the next one (linux/rtnetlink.h, RTNH_*).
  void take_hops(unsigned family, std::string_view hops) {
    while (hops.size() >= sizeof(rtnexthop)) {
      rtnexthop hop;
      std::memcpy(&hop, hops.data(), sizeof hop);
      if (hop.rtnh_len < sizeof hop || hop.rtnh_len > hops.size()) return;
      for_each_attribute(hops.substr(sizeof hop, hop.rtnh_len - sizeof hop),
                         [&](int type, std::string_view payload) { take_gateway(family, type, payload); });
      hops.remove_prefix(std::min<std::size_t>(hops.size(), RTNH_ALIGN(hop.rtnh_len)));
    }
  }
};

// Whether a notification can change the answer. A router's other routes come and go by the thousand.
bool matters(const nlmsghdr* message) {
  if (message->nlmsg_type == RTM_NEWADDR || message->nlmsg_type == RTM_DELADDR) return true;
  const auto header = header_of<rtmsg>(message);
  return header && header->rtm_dst_len == 0;
}

}  // namespace

std::vector<OwnNetwork> parse_resolvers(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  std::vector<OwnNetwork> resolvers;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    constexpr std::string_view kWord = "nameserver";
    if (!line.starts_with(kWord)) continue;
    line.remove_prefix(kWord.size());
    const auto start = line.find_first_not_of(kBlank);
    if (start == 0 || start == std::string_view::npos) continue;
    line = line.substr(start, line.find_first_of(" \t\r%", start) - start);
    if (const auto address = Address::parse(line)) resolvers.push_back({Prefix(*address, 128), "resolver"});
  }
  return resolvers;
}

class HostAddresses::Impl {
 public:
  Impl(boost::asio::io_context& io, Changed changed, std::string resolv_conf)
      : notifications_(io),
        settled_(io),
        changed_(std::move(changed)),
        resolv_conf_(std::move(resolv_conf)) {}

  Result<> start();
  void tick();
  [[nodiscard]] bool healthy() const { return healthy_; }

 private:
  Result<> listen();
  void read();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  void refresh();
  Result<Answer> ask() const;
  bool resolvers_changed();

  boost::asio::posix::stream_descriptor notifications_;
  boost::asio::steady_timer settled_;
  Changed changed_;
  std::string resolv_conf_;
  std::optional<FileFacts> resolv_facts_;
  std::vector<OwnNetwork> resolvers_;
  std::vector<OwnNetwork> last_;
  alignas(8) std::array<char, 8192> buffer_{};
  unsigned ticks_ = 0;
  bool waiting_ = false;
  bool healthy_ = false;
};

Result<> HostAddresses::Impl::start() {
  if (auto listening = listen(); !listening) return listening;  // before asking: nothing may change unheard
  resolvers_changed();
  refresh();
  if (!healthy_) return fail(EIO, "ask the kernel for this host's addresses (rtnetlink)");
  read();
  return {};
}

Result<> HostAddresses::Impl::listen() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd) return fail(errno, "socket(AF_NETLINK, NETLINK_ROUTE)");
  sockaddr_nl us{};
  us.nl_family = AF_NETLINK;
  us.nl_groups = kGroups;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&us), sizeof us) != 0)
    return fail(errno, "bind rtnetlink");
  notifications_.assign(fd.release());
  return {};
}

// A notification is only a reason to ask again: the whole truth is small, and overflow (ENOBUFS) then loses
// nothing.
void HostAddresses::Impl::read() {
  notifications_.async_read_some(boost::asio::buffer(buffer_), [this](const auto& error, std::size_t bytes) {
    if (error != operation_aborted) on_read(error, bytes);
  });
}

void HostAddresses::Impl::on_read(const boost::system::error_code& error, std::size_t bytes) {
  bool due = static_cast<bool>(error);
  auto left = static_cast<int>(bytes);
  for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data()); mnl_nlmsg_ok(message, left);
       message = mnl_nlmsg_next(message, &left)) {
    due = due || matters(message);
  }
  if (due && !waiting_) {
    waiting_ = true;
    settled_.expires_after(kSettle);
    settled_.async_wait([this](const auto& wait_error) {
      if (wait_error == operation_aborted) return;
      waiting_ = false;
      refresh();
    });
  }
  read();
}

void HostAddresses::Impl::tick() {
  const bool written = resolvers_changed();
  // A default route that goes with its interface is not told (IPv4), hence the slow look.
  if (written || !healthy_ || ++ticks_ % kTicksBetweenQuestions == 0) refresh();
}

bool HostAddresses::Impl::resolvers_changed() {
  const auto facts = look_at(resolv_conf_);
  const std::optional<FileFacts> now = facts ? std::optional(*facts) : std::nullopt;
  const bool same = now.has_value() == resolv_facts_.has_value() &&
                    (!now || (now->identity == resolv_facts_->identity && now->size == resolv_facts_->size &&
                              now->modified_nanoseconds == resolv_facts_->modified_nanoseconds));
  if (same) return false;
  resolv_facts_ = now;
  resolvers_.clear();
  if (now && now->kind == FileKind::regular && now->size <= kMaxResolvConfBytes) {
    std::ifstream file(resolv_conf_, std::ios::binary);
    resolvers_ = parse_resolvers(std::string(std::istreambuf_iterator<char>(file), {}));
  }
  return true;
}

Result<Answer> HostAddresses::Impl::ask() const {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return fail(errno, "socket(AF_NETLINK, NETLINK_ROUTE)");
  Answer answer;
  alignas(8) std::array<char, 32768> buffer;  // the kernel fills at most 32 KiB of a dump at once
  unsigned sequence = 0;
  for (const std::uint16_t what : {RTM_GETADDR, RTM_GETROUTE}) {
    auto* const request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = what;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = ++sequence;
    // struct ifaddrmsg and struct rtmsg both begin with the family, and AF_UNSPEC asks for all.
    mnl_nlmsg_put_extra_header(request, what == RTM_GETADDR ? sizeof(ifaddrmsg) : sizeof(rtmsg));
    if (::send(fd.get(), request, request->nlmsg_len, 0) < 0) return fail(errno, "ask rtnetlink");
    for (bool done = false; !done;) {
      pollfd ready{fd.get(), POLLIN, 0};
      if (::poll(&ready, 1, kAnswerMilliseconds) <= 0) return fail(ETIMEDOUT, "ask rtnetlink");
      const auto got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
      if (got < 0) return fail(errno, "ask rtnetlink");
      auto left = static_cast<int>(got);
      for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
           mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
        // The table changed while it was told: ask again at the next tick.
        if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) return fail(EINTR, "ask rtnetlink");
        if (message->nlmsg_type == NLMSG_ERROR) return fail(EPROTO, "ask rtnetlink");
        if (message->nlmsg_type == NLMSG_DONE)
          done = true;
        else
          answer.take(message);
      }
    }
  }
  return answer;
}

void HostAddresses::Impl::refresh() {
  auto answer = ask();
  healthy_ = answer.has_value();
  if (!answer) return;  // what was known stands; the next tick asks again
  auto& networks = answer->networks;
  networks.push_back({*Prefix::parse("127.0.0.0/8"), "loopback"});
  networks.push_back({*Prefix::parse("::1"), "loopback"});
  networks.insert(networks.end(), resolvers_.begin(), resolvers_.end());
  const auto key = [](const OwnNetwork& n) { return std::tie(n.prefix, n.why); };
  std::sort(networks.begin(), networks.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  const auto equal = [&](const auto& a, const auto& b) { return key(a) == key(b); };
  networks.erase(std::unique(networks.begin(), networks.end(), equal), networks.end());
  if (std::equal(networks.begin(), networks.end(), last_.begin(), last_.end(), equal)) return;
  last_ = networks;
  changed_(last_);
}

HostAddresses::HostAddresses(boost::asio::io_context& io, Changed changed, std::string resolv_conf)
    : impl_(std::make_unique<Impl>(io, std::move(changed), std::move(resolv_conf))) {}
HostAddresses::~HostAddresses() = default;
Result<> HostAddresses::start() {
  return impl_->start();
}
void HostAddresses::tick(const Now& /*now*/) {
  impl_->tick();
}
bool HostAddresses::healthy() const {
  return impl_->healthy();
}

}  // namespace coturn_guard
