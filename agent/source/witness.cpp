// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/witness.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "source/clocks.hpp"
#include "source/diag_socket.hpp"
#include "source/sock_diag_codec.hpp"
#include "util/lifetime.hpp"

namespace coturn_guard {
namespace {

using sock_diag::Family;

constexpr int kEndsPerTurn = 256;   // a third of a millisecond
constexpr int kEndsPerTick = 4096;  // then the clock has not moved enough to refute anything: see heard
constexpr unsigned kTicksBetweenSamples = 2;
constexpr unsigned kTicksForAList = 10;  // 100 000 sockets take a second
constexpr std::size_t kNamedRanges = 8;  // in a message for people
constexpr unsigned kTicksBetweenMarks = 10;
constexpr unsigned kTicksOfStrangers = 120;  // longer than coturn's or anybody's last word on a connection
constexpr std::size_t kMostStrangers = 4096;
constexpr std::size_t kMostGone = 1024;

Connection connection_of(const sock_diag::Socket& socket, Connection::State state, bool ours) {
  return {.local = socket.local,
          .client = socket.remote,
          .state = state,
          .counted = socket.counted,
          .received_bytes = socket.received_bytes,
          .acked_bytes = socket.acked_bytes,
          .spare_segments = socket.spare_segments,
          .retries = socket.retries,
          .foreign = !ours};
}

std::string to_text(const std::vector<PortRange>& ports) {
  std::string text;
  for (std::size_t i = 0; i < ports.size() && i < kNamedRanges; ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(ports[i].first);
    if (ports[i].last != ports[i].first) text += "-" + std::to_string(ports[i].last);
  }
  return text + (ports.size() > kNamedRanges ? ", ..." : "");
}

using Ports = std::bitset<65'536>;

Ports to_set(const std::vector<PortRange>& ranges) {
  Ports ports;
  for (const PortRange& range : ranges)
    for (std::uint32_t port = range.first; port <= range.last; ++port) ports.set(port);
  return ports;
}

std::vector<PortRange> to_ranges(const Ports& ports) {
  std::vector<PortRange> ranges;
  for (std::uint32_t port = 0; port < ports.size(); ++port) {
    if (!ports[port]) continue;
    if (!ranges.empty() && ranges.back().last + 1U == port)
      ranges.back().last = static_cast<std::uint16_t>(port);
    else
      ranges.push_back({static_cast<std::uint16_t>(port), static_cast<std::uint16_t>(port)});
  }
  return ranges;
}

std::string list_trouble(int error) {
  if (error == ENOENT || error == EINVAL)
    return "the kernel lists no TCP sockets: it lacks the module tcp_diag (modprobe tcp_diag)";
  return "the kernel lists no TCP sockets (NETLINK_SOCK_DIAG): " + std::generic_category().message(error);
}

}  // namespace

class Witness::Impl {
 public:
  Impl(boost::asio::io_context& io, CoturnPorts ports, CoturnTraces traces, WitnessEvents events,
       int receive_bytes)
      : ends_(io),
        list_(io),
        events_(std::move(events)),
        receive_bytes_(receive_bytes),
        traces_(std::move(traces)) {
    if (!events_.heard) events_.heard = [](const Now&) {};
    if (!events_.sampled) events_.sampled = [](const Now&, const Now&) {};
    take_ports(std::move(ports));
    state_.why = "it was not started";
  }

  Result<> start();
  void set_ports(CoturnPorts ports);
  void set_traces(CoturnTraces traces);
  void tick(const Now& now);
  [[nodiscard]] const WitnessState& state() const { return state_; }
  [[nodiscard]] const WitnessCounters& counters() const { return counters_; }
  [[nodiscard]] const std::set<std::uint32_t>& users() const { return listeners_.users; }

 private:
  struct Listener : TcpListener {
    Family family = Family::v4;
  };
  struct Earlier {
    bool operator()(const Endpoint& a, const Endpoint& b) const {
      return std::tie(a.address, a.port) < std::tie(b.address, b.port);
    }
  };
  using Endpoints = std::set<Endpoint, Earlier>;
  using Strangers = std::map<Endpoint, unsigned, Earlier>;  // with the tick when they were seen last
  struct Listeners {
    Ports heard;                        // somebody listens there
    Ports sampled;                      // coturn does
    bool v4 = false, v6 = false;        // of the sampled ones
    Endpoints ours, others;             // of the wanted ports
    std::set<std::uint32_t> strangers;  // users of the others
    std::set<std::uint32_t> users;      // coturn's, where something that only coturn has tells of it
    bool not_roots = false;
    [[nodiscard]] bool any() const { return !ours.empty(); }
    // The kernel gives a connection to the listener that names its very address before one that names none.
    [[nodiscard]] bool accept(const Endpoint& local, const Strangers& before) const {
      if (ours.contains(local)) return true;
      if (others.contains(local) || before.contains(local)) return false;
      return ours.contains({Address(), local.port}) ||
             (local.address.is_v4() && ours.contains({Address::v4(0), local.port}));
    }
  };

  void wait_for_ends();
  void take_ends(int budget);
  void take_end(const sock_diag::Socket& socket, const Now& now);
  void overflowed(const Now& now);
  void drained(const Now& now);
  void ask_who_listens(Family family);
  [[nodiscard]] Listeners sort_out(const std::vector<Listener>& told);
  [[nodiscard]] std::string why_nobody() const;
  void remember_strangers();
  void know_who_listens();
  void ask_who_lives(Family family);
  void take_living(const std::vector<sock_diag::Socket>& sockets);
  void filter_ends();
  void publish(const Now& now);
  void take_ports(CoturnPorts ports);
  void look_for_marks(const std::vector<TcpListener>& known);
  [[nodiscard]] bool is_ours(const sock_diag::Socket& socket) const {
    return wanted_[socket.local.port] && !socket.opened && listeners_.accept(socket.local, strangers_) &&
           !listeners_.strangers.contains(socket.uid);
  }

  boost::asio::posix::stream_descriptor ends_;
  Lifetime lifetime_;
  DiagList list_;
  WitnessEvents events_;
  int receive_bytes_;
  CoturnPorts ports_;
  Ports known_, wanted_;  // without relay ports; what is known is wanted
  Ports filtered_;        // the kernel tells of these alone; none: of all
  WitnessState state_;
  WitnessCounters counters_;
  std::array<char, 32'768> buffer_{};
  std::vector<sock_diag::Socket> batch_;
  Listeners listeners_;
  Endpoints stopped_;    // coturn's, when the first of them was closed
  Endpoints gone_;       // others that were closed while the list is read
  Strangers strangers_;  // others' endpoints
  CoturnTraces traces_;
  CoturnMarks marks_;
  CoturnUser user_;
  std::set<std::pair<std::uint32_t, std::uint64_t>> marked_;  // of whom the marks were looked for
  unsigned mark_ticks_ = 0;
  std::vector<Listener> asked_;  // what the list that is being read has told until now
  std::string trouble_;
  Now sample_begun_{};
  unsigned ticks_ = 0;
  unsigned list_ticks_ = 0;
  std::uint64_t closings_ = 0;        // of listeners
  std::uint64_t asked_closings_ = 0;  // when the list was asked for
  bool dropped_ = false;              // the kernel drops what ends until we have read all that waits
  bool sample_due_ = false;
};

Result<> Witness::Impl::start() {
  auto opened = open_sock_diag(sock_diag::kTcpEnds, receive_bytes_);
  if (!opened) {
    state_ = {false, false, opened.error().message()};
    return tl::unexpected(opened.error());
  }
  ends_.assign(opened->release());
  filtered_.reset();
  filter_ends();
  wait_for_ends();
  trouble_ = "nobody looked yet";
  ask_who_listens(Family::v4);
  return {};
}

void Witness::Impl::take_ports(CoturnPorts ports) {
  ports_ = std::move(ports);
  const Ports relay = to_set(ports_.relay);
  known_ = to_set(ports_.known) & ~relay;
  wanted_ = known_ | (to_set(ports_.listed) & ~relay);
}

void Witness::Impl::set_traces(CoturnTraces traces) {
  traces_ = std::move(traces);
  marked_.clear();
}

void Witness::Impl::set_ports(CoturnPorts ports) {
  if (ports == ports_) return;
  take_ports(std::move(ports));
  if (!ends_.is_open()) return;
  filter_ends();
  // Ends of other ports were not heard until now.
  listeners_ = {};
  ++closings_;
  trouble_ = "the ports changed";
  publish(read_clocks());
}

// Ends of connections that this host made would only take room and time; where the kernel refuses, take_end()
// looks.
void Witness::Impl::filter_ends() {
  const Ports heard = wanted_ | listeners_.heard;
  if (heard == filtered_) return;
  filtered_ = heard;
  auto program = sock_diag::port_filter(to_ranges(heard));
  if (program.empty()) {
    const int nothing = 0;
    ::setsockopt(ends_.native_handle(), SOL_SOCKET, SO_DETACH_FILTER, &nothing, sizeof nothing);
    return;
  }
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  ::setsockopt(ends_.native_handle(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

void Witness::Impl::wait_for_ends() {
  ends_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                   [this, alive = lifetime_.watch()](const auto& error) {
                     if (error == boost::asio::error::operation_aborted || alive.expired()) return;
                     take_ends(kEndsPerTurn);
                     wait_for_ends();
                   });
}

void Witness::Impl::take_ends(int budget) {
  const Now now = read_clocks();  // before reading: what ended until then is read, if nothing is left waiting
  bool any = false;
  bool nothing_waits = false;
  while (budget-- > 0 && !nothing_waits) {
    const auto received = receive_from_kernel(ends_.native_handle(), buffer_);
    if (!received) {
      overflowed(now);
      continue;
    }
    nothing_waits = received->empty();
    if (nothing_waits) break;
    batch_.clear();
    counters_.malformed += sock_diag::take_answer(*received, 0, batch_).malformed;
    for (const auto& socket : batch_) take_end(socket, now);
    any = any || !batch_.empty();
  }
  if (nothing_waits) drained(now);
  if (any) events_.batch_end(now);
}

void Witness::Impl::take_end(const sock_diag::Socket& socket, const Now& now) {
  const bool listener = socket.remote.port == 0 &&
                        (socket.remote.address == Address() || socket.remote.address == Address::v4(0));
  if (listener) {
    if (!wanted_[socket.local.port]) return;
    if (!listeners_.any()) {
      // The other ports of one that stops. Who else opens and closes one again and again must not make every
      // list an old one.
      if (stopped_.contains(socket.local) || gone_.size() >= kMostGone)
        ++closings_;
      else
        gone_.insert(socket.local);
      return;
    }
    if (!listeners_.accept(socket.local, strangers_)) return;
    // Coturn goes, and its connections with it: what ends now is not the clients' doing.
    ++closings_;
    stopped_ = std::move(listeners_.ours);
    listeners_ = {};
    trouble_ = "coturn stopped listening on port " + std::to_string(socket.local.port);
    publish(now);
    return;
  }
  const bool ours = is_ours(socket);
  ++(ours ? counters_.closed : counters_.foreign);
  if (!ours && !listeners_.heard[socket.local.port]) return;
  events_.connection(connection_of(socket, Connection::State::closed, ours), now);
}

// Any error of this socket means that something may be missing; ENOBUFS is the one that happens.
void Witness::Impl::overflowed(const Now& now) {
  ++counters_.overflows;
  dropped_ = true;
  publish(now);
}

// The kernel says ENOBUFS once and goes on dropping until nothing waits (netlink_overrun() and
// netlink_rcv_wake() in net/netlink/af_netlink.c).
void Witness::Impl::drained(const Now& now) {
  if (std::exchange(dropped_, false)) publish(read_clocks());
  events_.heard(now);
}

void Witness::Impl::tick(const Now& now) {
  if (!ends_.is_open()) return;
  take_ends(kEndsPerTick);
  counters_.malformed += list_.take_malformed();
  ++ticks_;
  if (ticks_ % kTicksBetweenSamples == 0) sample_due_ = true;
  if (list_.busy() && ++list_ticks_ < kTicksForAList) return;
  if (list_.busy()) {
    list_.stop();
    listeners_ = {};
    trouble_ = list_trouble(ETIMEDOUT);
    publish(now);
  }
  ask_who_listens(Family::v4);
}

void Witness::Impl::ask_who_listens(Family family) {
  if (family == Family::v4) {
    asked_.clear();
    gone_.clear();
    asked_closings_ = closings_;
    list_ticks_ = 0;
  }
  list_.begin(
      family, sock_diag::kListening, false,
      [this, family](const auto& sockets) {
        for (const auto& socket : sockets)
          asked_.push_back({{socket.local, socket.uid, socket.cgroup}, family});
      },
      [this, family](int error) {
        // A kernel without IPv6 lists none of it.
        if (error != 0 && family == Family::v4) {
          listeners_ = {};
          trouble_ = list_trouble(error);
          return publish(read_clocks());
        }
        if (family == Family::v4) return ask_who_listens(Family::v6);
        know_who_listens();
      });
}

// Not at every list: of users that were looked at a moment ago nothing new is to be found.
void Witness::Impl::look_for_marks(const std::vector<TcpListener>& known) {
  std::set<std::pair<std::uint32_t, std::uint64_t>> users;
  for (const TcpListener& each : known) users.emplace(each.uid, each.cgroup);
  if (users == marked_ && ticks_ - mark_ticks_ < kTicksBetweenMarks) return;
  marks_ = find_marks(traces_);
  marked_ = std::move(users);
  mark_ticks_ = ticks_;
}

// Another service may listen on a port that coturn could have, too; of what is only listed that is likely.
Witness::Impl::Listeners Witness::Impl::sort_out(const std::vector<Listener>& told) {
  std::vector<TcpListener> known, listed;
  for (const Listener& each : told) {
    if (!wanted_[each.local.port]) continue;
    listed.push_back(each);
    if (known_[each.local.port]) known.push_back(each);
  }
  look_for_marks(listed);
  const auto coturn = user_.look(known, listed, marks_);
  Listeners listeners;
  for (const Listener& each : told) {
    const std::uint16_t port = each.local.port;
    listeners.heard.set(port);
    const bool coturns = coturn && coturn->is(each) && (each.uid != 0 || known_[port]);
    if (wanted_[port]) (coturns ? listeners.ours : listeners.others).insert(each.local);
    if (wanted_[port] && !coturns && each.uid != 0 && coturn && !coturn->users.contains(each.uid))
      listeners.strangers.insert(each.uid);
    if (!coturns) continue;
    if (coturn->marked) listeners.users.insert(each.uid);
    listeners.not_roots = listeners.not_roots || each.uid != 0 || !coturn->cgroups.empty();
    listeners.sampled.set(port);
    (each.family == Family::v4 ? listeners.v4 : listeners.v6) = true;
  }
  return listeners;
}

// Who accepted connections and then closed its listener: they did not become coturn's by that, where coturn
// listens on all addresses.
void Witness::Impl::remember_strangers() {
  std::erase_if(strangers_, [this](const auto& each) {
    return ticks_ - each.second > kTicksOfStrangers || listeners_.ours.contains(each.first);
  });
  for (const Endpoint& local : listeners_.others)
    if (!local.address.is_loopback() && (strangers_.size() < kMostStrangers || strangers_.contains(local)))
      strangers_[local] = ticks_;
}

std::string Witness::Impl::why_nobody() const {
  if (!user_.why().empty()) return user_.why();
  if (wanted_.none()) return "all of coturn's ports lie between min-port and max-port";
  return "nobody listens on TCP ports " + to_text(to_ranges(wanted_)) +
         " in this network namespace: coturn is not running, uses other ports, or runs in a container";
}

void Witness::Impl::know_who_listens() {
  if (asked_closings_ != closings_) return;  // already old; the next tick asks again
  std::erase_if(asked_, [this](const Listener& each) { return gone_.contains(each.local); });
  listeners_ = sort_out(asked_);
  if (listeners_.any()) stopped_.clear();
  remember_strangers();
  filter_ends();
  trouble_ = listeners_.any() ? "" : why_nobody();
  publish(read_clocks());
  if (!listeners_.any() || !std::exchange(sample_due_, false)) return;
  sample_begun_ = read_clocks();
  ask_who_lives(listeners_.v4 ? Family::v4 : Family::v6);
}

void Witness::Impl::ask_who_lives(Family family) {
  list_.begin(
      family, sock_diag::kLiving, true, [this](const auto& sockets) { take_living(sockets); },
      [this, family](int error) {
        if (error != 0) return;  // the next one tells
        if (family == Family::v4 && listeners_.v6) return ask_who_lives(Family::v6);
        const Now now = read_clocks();
        events_.sampled(sample_begun_, now);
        events_.batch_end(now);
      });
}

void Witness::Impl::take_living(const std::vector<sock_diag::Socket>& sockets) {
  const Now now = read_clocks();
  bool any = false;
  for (const auto& socket : sockets) {
    if (!listeners_.sampled[socket.local.port]) continue;
    any = true;
    ++counters_.samples;
    events_.connection(connection_of(socket, Connection::State::living, is_ours(socket)), now);
  }
  if (any) events_.batch_end(now);
}

void Witness::Impl::publish(const Now& now) {
  WitnessState wanted{listeners_.any() && !dropped_, listeners_.not_roots, trouble_};
  wanted.undecided = !listeners_.any() && !user_.why().empty() && trouble_ == user_.why();
  if (dropped_) wanted.why = "the kernel dropped some of its words because we read too slowly";
  wanted.dropped = dropped_ && listeners_.any();
  if (wanted.available) wanted.why.clear();
  wanted.sure = wanted.sure && wanted.available;
  if (wanted.available == state_.available && wanted.sure == state_.sure && wanted.why == state_.why) return;
  state_ = std::move(wanted);
  events_.state(state_, now);
}

Witness::Witness(boost::asio::io_context& io, CoturnPorts ports, CoturnTraces traces, WitnessEvents events,
                 int receive_bytes)
    : impl_(std::make_unique<Impl>(io, std::move(ports), std::move(traces), std::move(events),
                                   receive_bytes)) {}
Witness::~Witness() = default;
Result<> Witness::start() {
  return impl_->start();
}
void Witness::set_ports(CoturnPorts ports) {
  impl_->set_ports(std::move(ports));
}
void Witness::set_traces(CoturnTraces traces) {
  impl_->set_traces(std::move(traces));
}
void Witness::tick(const Now& now) {
  impl_->tick(now);
}
const WitnessState& Witness::state() const {
  return impl_->state();
}
const WitnessCounters& Witness::counters() const {
  return impl_->counters();
}
const std::set<std::uint32_t>& Witness::users() const {
  return impl_->users();
}

}  // namespace coturn_guard
