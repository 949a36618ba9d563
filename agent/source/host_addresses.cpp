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
#include <fstream>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>

#include "source/file_look.hpp"
#include "source/route_codec.hpp"

namespace coturn_guard {
namespace {

using boost::asio::error::operation_aborted;

constexpr std::chrono::milliseconds kSettle{100};  // an interface that comes up sends a dozen notifications
constexpr unsigned kTicksBetweenQuestions = 60;
constexpr int kAnswerMilliseconds = 1000;
constexpr std::uintmax_t kMaxResolvConfBytes = 65'536;
constexpr unsigned kGroups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

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
  Result<std::vector<OwnNetwork>> ask() const;
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
  const bool due = error || route::matters({buffer_.data(), bytes});
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

Result<std::vector<OwnNetwork>> HostAddresses::Impl::ask() const {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return fail(errno, "socket(AF_NETLINK, NETLINK_ROUTE)");
  std::vector<OwnNetwork> networks;
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
    for (auto progress = route::Progress::more; progress != route::Progress::done;) {
      pollfd ready{fd.get(), POLLIN, 0};
      if (::poll(&ready, 1, kAnswerMilliseconds) <= 0) return fail(ETIMEDOUT, "ask rtnetlink");
      const auto got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
      if (got < 0) return fail(errno, "ask rtnetlink");
      progress = route::take_answer({buffer.data(), static_cast<std::size_t>(got)}, networks);
      if (progress == route::Progress::interrupted) return fail(EINTR, "ask rtnetlink");
      if (progress == route::Progress::refused) return fail(EPROTO, "ask rtnetlink");
    }
  }
  return networks;
}

void HostAddresses::Impl::refresh() {
  auto answer = ask();
  healthy_ = answer.has_value();
  if (!answer) return;  // what was known stands; the next tick asks again
  auto& networks = *answer;
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
