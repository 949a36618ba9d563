// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/testimony.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <utility>

#include "detect/admin_visitors.hpp"
#include "detect/brief_ends.hpp"
#include "detect/living_connections.hpp"
#include "detect/waiting_lines.hpp"
#include "model/recent_table.hpp"

namespace coturn_guard {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr std::size_t kMaxBusy = 65'536;  // until take_busy() is called
constexpr std::size_t kMaxLogs = 4096;    // whose lines were proven
// The shortest answer that a client of coturn's has any use for: a STUN header (RFC 8489, section 5). A TLS
// alert has 7.
constexpr std::uint64_t kAnswerBytes = 20;
// The kernel gives a connection up after more tries than that (tcp_retries2, keepalive's probes). Who resets
// while that many went unanswered is rare.
constexpr std::uint32_t kTriesOfALoss = 3;

// A connection that ended, port and all.
struct Ended {
  Time at{};
  bool counted = false;
  bool foreign = false;  // Connection::foreign
  std::uint32_t retries = 0;
  std::uint64_t received_bytes = 0, acked_bytes = 0;
  bool admin = false;      // to a port of administrators
  bool line_told = false;  // a line was about it already
  bool brief = false;      // among the brief ends
  Points charged;          // for what the kernel alone told of it, or lines that it proved

  // Coturn writes its line about a reset where it had read something, and only then (measured, 4.6.1): who
  // resets without a word has none. Nor has what broke off because nothing came back any more.
  [[nodiscard]] bool was_reset() const { return counted && received_bytes != 0 && retries < kTriesOfALoss; }
  // The very line of this rule, wherever it stands.
  [[nodiscard]] bool can_cause(const Rule& rule) const {
    switch (rule.witnessed) {
      case Witnessed::exactly: return was_reset();
      case Witnessed::admin: return admin && counted && received_bytes != 0;
      default: return false;
    }
  }
};

}  // namespace

struct Testimony::State {
  explicit State(const HashSeed& seed)
      : ended(seed),
        places(seed),
        living(seed),
        visitors(seed),
        briefs(seed),
        exact(seed),
        seen(seed),
        forgeable(seed) {}

  // One call of the owner's: what it settles, with which rules, and when.
  struct Call {
    const RuleSet& rules;
    Time now;
    std::vector<Settled>& settled;
    [[nodiscard]] const Rule& rule(const Event& event) const { return rules.rule(event.rule); }
  };

  void take(const Event& event, const Call& call);
  void take_request(const Event& event, const Call& call);
  [[nodiscard]] bool sees(std::uint32_t log) const;
  [[nodiscard]] bool has_room_for(const Event& event) const;
  void wait(const Event& event, const Call& call);
  // What becomes of a line.
  void hand(const Event& event, const Call& call, bool harmless = false);
  void prove(Event event, Ended& connection, Time arrived, const Call& call);
  void prove_by_living(Event event, const Call& call);
  void weigh(Event& event, const Ended& connection, const Rule& rule, bool& harmless);
  const Event& lend(WaitingLine line);
  void take_back_lent() {
    if (!lent.empty()) lent.clear();
  }
  // From the kernel's word.
  void closed(const Connection& connection, const Call& call);
  void closed_by_coturn(const Connection& connection, const Call& call);
  void lives(const Connection& connection, const Call& call);
  Points sign(KernelSign what, const Endpoint& client, const std::optional<Endpoint>& local,
              const Call& call);
  void tell(const std::vector<BriefEnd>& ends, const Call& call);
  void ended_at(const Address& address, Time now);
  // In time.
  void settle_due(const Call& call);
  void settle_broken(const Call& call);
  void settle_living(const Call& call);
  void settle_requests(const Call& call);
  void forget(Time now);
  [[nodiscard]] bool unbroken_around(Time arrived) const {
    return available && (sure || confirmed) && unbroken_since <= arrived - kPatience;
  }

  bool available = false, sure = false;
  bool confirmed =
      false;          // this witness proved a line that nobody can have forged: it is coturn that it sees
  bool lost = false;  // the witness was, while lines waited
  std::optional<std::uint32_t> first_log;
  bool several_logs = false;
  std::set<std::uint32_t> confirmed_logs;  // of whose lines this witness proved one
  Time unbroken_since{};                   // every end from here on is known
  Time heard_until{};
  std::array<Time, 2> samples_begun{};  // of the last whole samples, the older first
  std::vector<PortRange> admin_ports, web_admin_ports;
  RecentTable<Ended> ended;
  RecentTable<Time> places;  // addresses, with when a connection of theirs ended last
  LivingConnections living;
  AdminVisitors visitors;
  BriefEnds briefs;
  // Lines about resets, by endpoint, and about connections, by address; those that may be forged apart, by
  // endpoint, for they make room for the others.
  WaitingLines exact, seen, forgeable;
  std::array<WaitingLines*, 3> all_waiting{&exact, &seen, &forgeable};
  std::vector<Address> busy;
  std::deque<WaitingLine> lent;  // whose texts the last call's events borrow
  TestimonyCounters counters;
};

// ---- lines ----------------------------------------------------------------------------------------------

void Testimony::State::take(const Event& event, const Call& call) {
  const Rule& rule = call.rule(event);
  several_logs = several_logs || event.log != first_log.value_or(event.log);
  first_log = first_log.value_or(event.log);
  if (rule.witnessed == Witnessed::admin && !event.client) return take_request(event, call);
  if (rule.witnessed == Witnessed::no || !event.client || !available) return hand(event, call);
  const Endpoint& client = *event.client;
  // That a connection is there, or ended in whatever way, says little: with a line for each port somebody
  // could have a customer's connections accused by dozens. Only a reset gives a forgeable line back, once.
  const bool was_tainted = event.evidence == Evidence::tainted;
  if (was_tainted && rule.witnessed == Witnessed::seen) return hand(event, call);
  const bool any_will_do = rule.witnessed != Witnessed::exactly && !was_tainted;
  if (client.port != 0) {
    if (Ended* const connection = ended.find(client)) return prove(event, *connection, call.now, call);
    if (any_will_do && living.lives(client)) return prove_by_living(event, call);
  }
  const bool somebody_ended = places.find({client.address, 0}) != nullptr;
  if (any_will_do && somebody_ended) return hand(event, call);
  // Without a port nothing can be joined exactly; in a backlog the connection may have ended at any time.
  if (!event.fresh || (rule.witnessed == Witnessed::exactly && client.port == 0)) return hand(event, call);
  wait(event, call);
}

// Whether the witness sees the connections of the coturn that writes this log: another's may be in another
// network namespace.
bool Testimony::State::sees(std::uint32_t log) const {
  return confirmed_logs.contains(log) || ((sure || confirmed) && !several_logs);
}

// It names nobody. Who was there when it was written is known only of one that was read at once.
void Testimony::State::take_request(const Event& event, const Call& call) {
  const bool old = event.deed.by != Deed::By::unknown && call.now - event.deed.now.mono > kPatience;
  if (!available || !event.fresh || old || event.evidence == Evidence::tainted || !sees(event.log))
    return hand(event, call);
  visitors.take(event, call.now);
}

void Testimony::State::settle_requests(const Call& call) {
  if (!visitors.waits()) return;
  std::vector<Event> decided;
  if (available)
    visitors.decide(heard_until, call.rules, decided);
  else
    visitors.give_up(decided);
  for (const Event& event : decided) {
    hand(event, call);
    call.settled.back().contested = available && !event.client && visitors.contested();
  }
}

bool Testimony::State::has_room_for(const Event& event) const {
  std::size_t lines = 0;
  std::size_t bytes = event.user.size() + event.session.size();
  for (const WaitingLines* waiting : all_waiting) {
    lines += waiting->size();
    bytes += waiting->text_bytes();
  }
  return lines < kMaxWaiting && bytes <= kMaxWaitingBytes;
}

void Testimony::State::wait(const Event& event, const Call& call) {
  const bool may_be_forged = event.evidence == Evidence::tainted;
  while (!has_room_for(event)) {
    ++counters.overflowed;
    if (may_be_forged || forgeable.empty()) return hand(event, call);
    hand(lend(forgeable.take_oldest()), call);
  }
  if (may_be_forged)
    forgeable.add(event, *event.client, call.now);
  else if (call.rule(event).witnessed == Witnessed::exactly)
    exact.add(event, *event.client, call.now);
  else
    seen.add(event, {event.client->address, 0}, call.now);
}

// The event's texts live until the next call.
const Event& Testimony::State::lend(WaitingLine line) {
  WaitingLine& kept = lent.emplace_back(std::move(line));
  kept.event.session = kept.session;
  kept.event.user = kept.user;
  return kept.event;
}

void Testimony::State::hand(const Event& event, const Call& call, bool harmless) {
  const Rule& rule = call.rule(event);
  const bool believed = event.evidence == Evidence::proven || event.evidence == Evidence::claimed;
  // What has some free ones tells of every customer's connections, too (connection-flood).
  const bool tells = rule.login || (rule.is_offence() && rule.trait.free == 0);
  if (available && believed && event.client && tells) {
    if (!rule.login) living.offended(*event.client);
    // A reset is told with its port, so that it can be no other end.
    if (rule.witnessed != Witnessed::exactly) briefs.line_told(event.client->address, call.now);
  }
  if (available && believed && event.client && rule.kernel == KernelSign::unserved)
    living.line_told(event.client->address, event.count, call.now);
  call.settled.push_back({.event = event, .harmless = harmless});
}

void Testimony::State::prove(Event event, Ended& connection, Time arrived, const Call& call) {
  const Rule& rule = call.rule(event);
  const bool was_tainted = event.evidence == Evidence::tainted;
  // Another program's, or none that anybody opened to coturn: there it ends.
  if (connection.foreign) return hand(event, call);
  // Coturn writes its line within milliseconds of the end. What comes later may be about it, or forged. A
  // line that waited may have done so for long where we stood still; not one that may be forged.
  const auto late = arrived - connection.at;
  const bool in_time = event.fresh && late <= kPatience && (!was_tainted || -late <= kPatience);
  if (was_tainted && !(in_time && connection.can_cause(rule))) return hand(event, call);
  // A connection is reset once: of two lines about it, one that may be forged is.
  const bool told_already = std::exchange(connection.line_told, true);
  if (was_tainted && told_already) return hand(event, call);
  confirmed = confirmed || !was_tainted;
  if (!was_tainted && in_time && confirmed_logs.size() < kMaxLogs) confirmed_logs.insert(event.log);
  if (was_tainted) {
    ++counters.given_back;
    // Whose connection it was is certain now, not whose session: that number may be forged, and another's
    // login would be to its credit.
    event.session = {};
  }
  if (in_time) {
    ++counters.proven;
    event.evidence = Evidence::proven;
  }
  bool harmless = false;
  if (rule.witnessed == Witnessed::exactly) weigh(event, connection, rule, harmless);
  // One connection, one misdeed: of all that is told of it the worst counts.
  event.points.milli = std::max(0, event.points.milli - connection.charged.milli);
  connection.charged = connection.charged + event.points;
  // Lines of other rules tell of it where they are handed on.
  if (std::exchange(connection.brief, false) && rule.witnessed == Witnessed::exactly)
    briefs.line_told(event.client->address, call.now);
  hand(event, call, harmless);
}

void Testimony::State::prove_by_living(Event event, const Call& call) {
  if (living.is_coturns(*event.client)) {
    ++counters.proven;
    event.evidence = Evidence::proven;
  }
  hand(event, call);
}

void Testimony::State::weigh(Event& event, const Ended& connection, const Rule& rule, bool& harmless) {
  if (!connection.counted || rule.trait.credit != Credit::spares) return;
  harmless = connection.received_bytes >= kRealTrafficBytes && connection.acked_bytes >= kRealTrafficBytes;
  if (harmless) {
    ++counters.harmless;
    event.points = {};
  } else if (connection.acked_bytes != 0) {
    ++counters.halved;
    event.points.milli /= 2;
  }
}

// ---- the kernel's word ----------------------------------------------------------------------------------

void Testimony::State::ended_at(const Address& address, Time now) {
  places.touch({address, 0}, now) = now;
  if (places.size() <= kMaxEnded) return;
  unbroken_since = std::max(unbroken_since, places.oldest().touched);
  places.drop_oldest();
}

void Testimony::State::closed(const Connection& connection, const Call& call) {
  const Endpoint& client = connection.client;
  Ended& end = ended.touch(client, call.now);
  end = {.at = call.now,
         .counted = connection.counted,
         .foreign = connection.foreign,
         .retries = connection.retries,
         .received_bytes = connection.received_bytes,
         .acked_bytes = connection.acked_bytes,
         .admin = holds(admin_ports, connection.local.port),
         .charged = {}};
  if (ended.size() > kMaxEnded) {
    unbroken_since = std::max(unbroken_since, ended.oldest().touched);
    ended.drop_oldest();
    ++counters.forgotten;
  }
  living.ended(client);
  if (!end.foreign && holds(web_admin_ports, connection.local.port)) visitors.ended(connection);

  std::vector<WaitingLine> lines;
  exact.take(client, lines);
  bool line_tells = !lines.empty();
  forgeable.take(client, lines);  // after them: a connection is reset once
  seen.take({client.address, 0}, lines);
  for (WaitingLine& line : lines) {
    const Time arrived = line.arrived;
    const Event& event = lend(std::move(line));
    if (event.client == client) {
      // Who could be forging it must not hide the connection's own end behind it.
      const bool forgeable_line = event.evidence == Evidence::tainted;
      prove(event, end, arrived, call);
      line_tells = line_tells || (forgeable_line ? end.line_told : call.rule(event).is_offence());
    } else {
      hand(event, call);
    }
  }
  // Nothing worth a STUN header came back: no TLS handshake began, no request was answered.
  if (line_tells || connection.foreign || !connection.counted || connection.acked_bytes >= kAnswerBytes)
    return;
  if (connection.received_bytes == 0 && connection.acked_bytes == 0) {
    end.charged = sign(KernelSign::reset_unread, client, connection.local, call);
  } else {
    end.brief = true;
    std::vector<BriefEnd> due;
    briefs.add({client.address, connection.local, call.now}, due);
    tell(due, call);
  }
}

void Testimony::State::closed_by_coturn(const Connection& connection, const Call& call) {
  const Address& client = connection.client.address;
  std::vector<WaitingLine> lines;
  seen.take({client, 0}, lines);
  for (WaitingLine& line : lines) hand(lend(std::move(line)), call);
  if (!connection.foreign && holds(web_admin_ports, connection.local.port)) visitors.ended(connection);
  if (connection.foreign || !living.one_ended(client, call.now)) return;
  std::vector<BriefEnd> due;
  briefs.add({client, connection.local, call.now}, due);
  tell(due, call);
}

void Testimony::State::lives(const Connection& connection, const Call& call) {
  if (!connection.foreign && holds(web_admin_ports, connection.local.port))
    visitors.seen(connection, call.now);
  const auto signs = living.seen(connection, call.now);
  if (signs.busy && busy.size() < kMaxBusy) busy.push_back(connection.client.address);
  if (signs.idle) sign(KernelSign::idle, connection.client, connection.local, call);
}

// What it costs; nothing where no rule knows the sign or the operator switched it off.
Points Testimony::State::sign(KernelSign what, const Endpoint& client, const std::optional<Endpoint>& local,
                              const Call& call) {
  const auto id = call.rules.kernel_rule(what);
  if (!available || !id) return {};
  const Rule& rule = call.rules.rules()[*id];
  if (!rule.is_offence()) return {};
  ++counters.signs;
  Event event;
  event.rule = *id;
  event.client = client;
  event.local = local;
  event.points = rule.trait.points;
  event.evidence = Evidence::proven;
  call.settled.push_back({.event = event});
  return rule.trait.points;
}

void Testimony::State::tell(const std::vector<BriefEnd>& ends, const Call& call) {
  for (const BriefEnd& end : ends) {
    const std::size_t before = call.settled.size();
    sign(KernelSign::brief, {end.client, 0}, end.local, call);
    if (call.settled.size() == before) continue;
    call.settled.back().ended = end.at;
    call.settled.back().vague = end.vague;
  }
}

// ---- time -----------------------------------------------------------------------------------------------

void Testimony::State::settle_due(const Call& call) {
  for (WaitingLines* const waiting : all_waiting) {
    while (!waiting->empty() && call.now - waiting->oldest().arrived >= kPatience) {
      const Time arrived = waiting->oldest().arrived;
      const bool certain = unbroken_around(arrived);
      const bool told_all =
          heard_until >= arrived + kPatience && (waiting != &seen || samples_begun.front() > arrived);
      // The kernel's word until then may still wait in its socket, or the living be counted just now.
      if (certain && !told_all && call.now - arrived < kLongestPatience) break;
      const Event& event = lend(waiting->take_oldest());
      if (certain && told_all) {
        ++counters.refuted;
        call.settled.push_back({.event = event, .refuted = true});
      } else {
        hand(event, call);
      }
    }
  }
  std::vector<BriefEnd> due;
  briefs.take_due(call.now, due);
  tell(due, call);
}

void Testimony::State::settle_broken(const Call& call) {
  if (!std::exchange(lost, false)) return;
  for (WaitingLines* const waiting : all_waiting)
    while (!waiting->empty()) hand(lend(waiting->take_oldest()), call);
}

void Testimony::State::settle_living(const Call& call) {
  std::vector<WaitingLine> lines;
  if (!seen.empty())
    seen.take_if([&](const WaitingLine& line) { return living.lives(*line.event.client); }, lines);
  for (WaitingLine& line : lines) prove_by_living(lend(std::move(line)), call);
}

void Testimony::State::forget(Time now) {
  while (ended.size() != 0 && now - ended.oldest().touched > kEndedFor) ended.drop_oldest();
  while (places.size() != 0 && now - places.oldest().touched > kEndedFor) places.drop_oldest();
}

// ---- the owner's calls ----------------------------------------------------------------------------------

Testimony::Testimony(const HashSeed& seed) : state_(std::make_unique<State>(seed)) {}
Testimony::Testimony(Testimony&&) noexcept = default;
Testimony& Testimony::operator=(Testimony&&) noexcept = default;
Testimony::~Testimony() = default;

void Testimony::set_witness(bool available, bool sure, const Now& now) {
  State& state = *state_;
  if (available && !state.available) {
    state.unbroken_since = now.mono;
    state.living.missed(now.mono);
    state.visitors.missed();
  }
  if (!available) {
    state.lost = state.lost || waiting() != 0;
    // Another program may listen when it comes back.
    state.confirmed = false;
    state.confirmed_logs.clear();
    state.visitors.missed();
  }
  state.available = available;
  state.sure = available && sure;
}

void Testimony::set_admin_ports(std::vector<PortRange> ports) {
  state_->admin_ports = std::move(ports);
}

void Testimony::set_web_admin_ports(std::vector<PortRange> ports) {
  if (ports != state_->web_admin_ports) state_->visitors.missed();
  state_->web_admin_ports = std::move(ports);
}

bool Testimony::available() const {
  return state_->available;
}

bool Testimony::passes_all() const {
  return !state_->available && !state_->lost;
}

void Testimony::take(const Event& event, const RuleSet& rules, const Now& now,
                     std::vector<Settled>& settled) {
  const State::Call call{rules, now.mono, settled};
  state_->take_back_lent();
  state_->settle_broken(call);
  state_->take(event, call);
}

void Testimony::take(const Connection& connection, const RuleSet& rules, const Now& now,
                     std::vector<Settled>& settled) {
  const State::Call call{rules, now.mono, settled};
  state_->take_back_lent();
  state_->settle_broken(call);
  if (connection.state == Connection::State::living) return state_->lives(connection, call);
  ++state_->counters.connections;
  if (connection.client.port != 0)
    state_->closed(connection, call);
  else
    state_->closed_by_coturn(connection, call);
  state_->ended_at(connection.client.address, now.mono);
}

void Testimony::heard(const Now& now) {
  state_->heard_until = std::max(state_->heard_until, now.mono);
}

void Testimony::sampled(const Now& begun, const RuleSet& rules, const Now& now,
                        std::vector<Settled>& settled) {
  const State::Call call{rules, now.mono, settled};
  state_->take_back_lent();
  std::vector<Address> brief;
  std::vector<Endpoint> unserved;
  state_->living.sampled(begun.mono, now.mono, brief, unserved);
  state_->samples_begun = {state_->samples_begun.back(), begun.mono};
  state_->visitors.sampled(begun.mono, now.mono);
  std::vector<BriefEnd> due;
  for (const Address& client : brief) state_->briefs.add({client, std::nullopt, now.mono, true}, due);
  state_->tell(due, call);
  for (const Endpoint& client : unserved) {
    const std::size_t before = settled.size();
    state_->sign(KernelSign::unserved, client, std::nullopt, call);
    if (settled.size() != before) settled.back().vague = true;
  }
  state_->settle_living(call);
}

void Testimony::tick(const RuleSet& rules, const Now& now, std::vector<Settled>& settled) {
  const State::Call call{rules, now.mono, settled};
  state_->take_back_lent();
  state_->settle_broken(call);
  state_->forget(now.mono);
  state_->settle_due(call);
  state_->settle_requests(call);
}

void Testimony::rules_changed(const RuleSet& from, const RuleSet& to) {
  const auto is_gone = [&](WaitingLine& line) {
    const std::optional<RuleId> id = to.find(from.name(line.event.rule));
    if (id) line.event.rule = *id;
    return !id;
  };
  std::vector<WaitingLine> gone;
  for (WaitingLines* const waiting : state_->all_waiting) waiting->take_if(is_gone, gone);
  state_->visitors.forget_lines();
}

std::vector<Address> Testimony::take_busy() {
  return std::exchange(state_->busy, {});
}
const TestimonyCounters& Testimony::counters() const {
  state_->counters.excused = state_->briefs.excused();
  return state_->counters;
}
std::size_t Testimony::bytes() const {
  const State& state = *state_;
  std::size_t bytes = state.ended.bytes() + state.places.bytes() + state.living.bytes() +
                      state.visitors.bytes() + state.briefs.bytes() + state.busy.capacity() * sizeof(Address);
  for (const WaitingLines* waiting : state.all_waiting) bytes += waiting->bytes();
  return bytes;
}
void Testimony::waiting(std::vector<LinePlace>& lines) const {
  for (const WaitingLines* waiting : state_->all_waiting)
    waiting->each([&](const WaitingLine& line) {
      if (line.event.at.stream != 0) lines.push_back(line.event.at);
    });
}
std::size_t Testimony::waiting() const {
  std::size_t lines = 0;
  for (const WaitingLines* waiting : state_->all_waiting) lines += waiting->size();
  return lines;
}

}  // namespace coturn_guard
