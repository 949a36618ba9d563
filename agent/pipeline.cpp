// SPDX-License-Identifier: GPL-3.0-or-later
#include "pipeline.hpp"

#include <algorithm>
#include <utility>

#include "detect/packet_headers.hpp"
#include "detect/packet_stun.hpp"
#include "detect/session_number.hpp"
#include "judge/ledger_records.hpp"
#include "model/private_address.hpp"

namespace coturn_guard {
namespace {

constexpr std::uint32_t kLimit = 100, kProbationLimit = 10;  // in percent of what a source may ask for
constexpr std::uint32_t kMostCustomers = 10;                 // that a source's limit grows by
constexpr std::chrono::milliseconds kLate{LogClock::kNear};

Notice notice_of(const Offence& offence, Notice::Kind kind) {
  Notice notice;
  notice.address = offence.address;
  notice.rule = offence.rule;
  notice.kind = kind;
  notice.deed = offence.deed;
  return notice;
}

// What is reported is few; an attacker who makes many of them must not make us grow.
Policy policy_of_reports(Policy policy) {
  policy.max_addresses = 4096;
  return policy;
}

// An operator's own balancer or monitor can be the cause, by connecting and no more: administrators' ports
// and whatever is guessed there are strong.
bool is_operated(const Rule& rule) {
  const Trait& trait = rule.trait;
  return trait.caused_by.has(Cause::operated) && !trait.guess && trait.free == 0 &&
         trait.distinct == Distinct::nothing;
}

// What holds a connection open is no health check.
bool can_be_check(const Rule& rule) {
  return is_operated(rule) && rule.kernel != KernelSign::idle;
}

}  // namespace

std::string_view to_string(Effect effect) {
  switch (effect) {
    case Effect::counted: return "counted";
    case Effect::banned: return "banned";
    case Effect::withheld: return "withheld";
    case Effect::health_check: return "health-check";
    case Effect::private_source: return "private-source";
    case Effect::while_banned: return "while-banned";
    case Effect::free: return "free";
    case Effect::credited: return "credited";
    case Effect::not_bannable: return "not-bannable";
    case Effect::spared: return "spared";
    case Effect::refuted: return "refuted";
    case Effect::taken_back: return "taken-back";
    case Effect::harmless: return "harmless";
  }
  return "?";
}

Pipeline::Pipeline(Recogniser recogniser, const Policy& policy, const HashSeed& seed, Allowlist allowlist)
    : recogniser_(std::move(recogniser)),
      testimony_(seed),
      attribution_(seed),
      allowlist_(std::move(allowlist)),
      credit_(seed),
      tally_(seed),
      ledger_(policy, seed),
      by_others_(policy, seed),
      doors_(seed),
      wide_(policy, seed),
      checks_(seed),
      private_(policy, seed),
      own_(policy, seed),
      reports_(policy_of_reports(policy), seed),
      meter_(QuenchPolicy{}, seed),
      policy_(policy),
      recipe_(seed),
      by_rule_(recogniser_.rules().rules().size()) {}

void Pipeline::take(const Line& line, const Now& now, Outcome& outcome) {
  events_.clear();
  recogniser_.take(line, now, events_);
  latest_ = recogniser_.deed().now;
  if (mirroring_) mirror(line, latest_, outcome);
  if (!taken_back_.empty()) taken_back_.pass(line.log, latest_.mono, charging(outcome));
  settle_accusations(latest_, outcome);
  settle_doubted(now, outcome);
  if (!events_.empty()) settle_events(now, outcome);
  note_restart();
}

void Pipeline::take(const Connection& connection, const Now& now, Outcome& outcome) {
  settled_.clear();
  testimony_.take(connection, rules(), now, settled_);
  settle(now, outcome);
}

PacketFate Pipeline::take(const Packet& packet, const Now& now, Outcome& outcome) {
  const Inspection seen = inspect(packet);
  ++packets_.seen;
  if (!seen.read) {
    ++(seen.unreadable ? packets_.malformed : packets_.unread);
    return seen.fate;
  }
  ++packets_.kinds[static_cast<std::size_t>(seen.kind)];
  const bool of_interest = seen.sign != PacketSign::none || seen.asked_milli != 0;
  if (!of_interest) return seen.fate;
  const bool on_probation =
      ledger_.ended_lately(ledger_.prefix_of(host_of(seen.source.address)), kProbation, now);
  if (on_probation) ++packets_.probation;
  if (seen.sign != PacketSign::none) offend(seen, on_probation, now, outcome);
  const PacketFate fate = measure(seen, on_probation, now, outcome);
  if (seen.fate == PacketFate::drop) ++packets_.garbage;
  return seen.fate == PacketFate::drop ? seen.fate : fate;
}

// Coturn signs what it answers to whoever logged in, and nothing else; it had the client's nonce back, so the
// client hears what is sent there. Whose password it was the answer does not say.
void Pipeline::answered(const Packet& packet, const Now& now) {
  const auto headers = read_headers(packet.bytes, packet.wire_bytes);
  if (!headers || headers->transport != Transport::udp) return;
  const auto stun = read_stun(headers->payload, headers->payload_bytes, Transport::udp);
  if (!stun || stun->classic || stun->kind != StunClass::success || !stun->integrity) return;
  if (stun->method != kTurnAllocate && stun->method != kTurnRefresh) return;
  credit_.was_served(unit_of(host_of(headers->destination.address)), now);
}

void Pipeline::offend(const Inspection& seen, bool on_probation, const Now& now, Outcome& outcome) {
  ++packets_.foreign[seen.protocol];
  const auto id = rules().packet_rule(seen.sign);
  if (!id) return;
  Event event;
  event.rule = *id;
  event.client = seen.source;
  event.local = seen.destination;
  event.protocol = seen.protocol;
  event.points = times(rules().trait(*id).points, on_probation ? 2 : 1);
  event.evidence = rules().rule(*id).evidence;
  settled_.clear();
  testimony_.take(event, rules(), now, settled_);
  settle(now, outcome);
}

PacketFate Pipeline::measure(const Inspection& seen, bool on_probation, const Now& now, Outcome& outcome) {
  if (seen.asked_milli == 0) return PacketFate::accept;
  const std::optional<Translated> translated = translated_.find(seen.source.address);
  const Address address = translated ? translated->host : seen.source.address;
  const Prefix asks = translated ? translated->arrives : RequestMeter::source_of(address);
  std::uint32_t limit = kLimit;
  if (on_probation) {
    limit = kProbationLimit;
  } else {
    // Many customers behind one address ask for more; each that logged in lately gives room for as much
    // again.
    const Standing standing = credit_.standing(ledger_.prefix_of(address), now);
    limit += kLimit * std::min(standing.users, kMostCustomers);
  }
  Quench quench;
  switch (
      meter_.count(address, {seen.asked_milli, seen.packet_bytes, seen.answer_bytes}, limit, now, quench)) {
    case RequestMeter::Answer::within: return PacketFate::accept;
    case RequestMeter::Answer::too_many:
      quench.prefix = asks;
      if (allowlist_.spares(quench.prefix)) return PacketFate::accept;
      outcome.quenches.push_back(quench);
      break;
    case RequestMeter::Answer::quenched:
      if (allowlist_.spares(asks)) return PacketFate::accept;
      break;
  }
  ++packets_.quenched;
  return PacketFate::drop;
}

void Pipeline::sampled(const Now& begun, const Now& now, Outcome& outcome) {
  settled_.clear();
  testimony_.sampled(begun, rules(), now, settled_);
  settle(now, outcome);
}

void Pipeline::tick(const Now& now, bool caught_up, Outcome& outcome) {
  events_.clear();
  const Now judged = caught_up || latest_.mono == Now{}.mono ? now : latest_;
  if (caught_up)
    recogniser_.tick(now, events_);
  else
    recogniser_.take_last_words(events_);
  settle_accusations(judged, outcome);
  settle_doubted(now, outcome);
  settle_events(now, outcome);
  if (caught_up) {
    recogniser_.read_up(now);
    settle_accusations(judged, outcome);
    settle_doubted(now, outcome);
  }
  settled_.clear();
  testimony_.tick(rules(), now, settled_);
  settle(now, outcome);
  // Lines may still come that were written a little earlier; and whom an accusation at the end of a backlog
  // means is decided when it is read up.
  attribution_.tick(now, [&](std::uint32_t log) { return recogniser_.late(log, now) + kLate; });
  settle_accusations(judged, outcome);
  breaker_.tick(judged);
  for (const Address& address : testimony_.take_busy())
    credit_.was_busy(ledger_.prefix_of(host_of(address)), now);
  // What a log told waits by that log's own time: in a backlog its next line may be the word (take()).
  const auto time_at = [&](const Deed& deed) {
    if (deed.by == Deed::By::unknown) return now.mono;
    return caught_up ? now.mono - recogniser_.late(deed.log, now) : deed.now.mono;
  };
  taken_back_.tick(time_at, charging(outcome));
}

void Pipeline::finish(const Now& now, Outcome& outcome) {
  events_.clear();
  recogniser_.finish(events_);
  settle_accusations(latest_, outcome);
  settle_doubted(now, outcome);
  settle_events(now, outcome);
  recogniser_.read_up(now);
  settle_accusations(latest_, outcome);
  settle_doubted(now, outcome);
  taken_back_.finish(charging(outcome));
}

// One after the other: what the testimony hands on borrows its texts until its next call.
void Pipeline::settle_events(const Now& now, Outcome& outcome) {
  for (Event& event : events_) {
    look_at_peer(event);
    if (event.deed.in_doubt && recogniser_.clocks().in_doubt(event.deed.log) && !doubted_.full())
      doubted_.add(event);
    else
      settle_event(event, now, outcome);
  }
}

// What lies behind a peer that is this very host is no other end of a call, or seldom.
void Pipeline::look_at_peer(Event& event) const {
  if (!event.peer) return;
  const auto own = rules().own_peer(event.rule);
  if (own && allowlist_.is_here(*event.peer)) rules().pass_on(event, *own);
}

// Before the events of the same line, which may name the client of the accused or end its session. `now`: of
// the log.
void Pipeline::settle_accusations(const Now& now, Outcome& outcome) {
  accusations_.clear();
  recogniser_.take_accusations(accusations_);
  attributed_.clear();
  for (const Accusation& accusation : accusations_) attribution_.take(accusation, rules(), now, attributed_);
  attribution_.take_decided(rules(), attributed_);
  Deed decided = recogniser_.deed();
  decided.now = now;
  for (Attributed& attributed : attributed_) {
    // What an accusation is about was before it was decided.
    if (attributed.event.deed.by == Deed::By::unknown) attributed.event.deed = decided;
    judge(attributed, {.when = attributed.event.deed.now.mono}, outcome);
  }
}

void Pipeline::settle_event(const Event& event, const Now& now, Outcome& outcome) {
  if (testimony_.passes_all()) {
    if (event.blinded) note_blinded(event);
    return attribute({.event = event}, now, outcome);
  }
  settled_.clear();
  testimony_.take(event, rules(), now, settled_);
  settle(now, outcome);
}

void Pipeline::settle_doubted(const Now& now, Outcome& outcome) {
  if (doubted_.empty()) return;
  for (const Dating& dating : recogniser_.datings())
    doubted_.release(dating, [&](const Event& event) { settle_event(event, now, outcome); });
}

void Pipeline::settle(const Now& now, Outcome& outcome) {
  for (const Settled& settled : settled_) {
    if (!settled.refuted) {
      if (settled.event.blinded) note_blinded(settled.event);
      attribute(settled, now, outcome);
    } else if (tracing_ && settled.event.client) {
      trace(nothing_of(settled.event), Effect::refuted, {}, {}, now, outcome);
    }
  }
}

void Pipeline::mirror(const Line& line, const Now& now, Outcome& outcome) {
  auto ban = recipe_.take(line.text, now);
  if (!ban) return;
  ban->customer = credit_.standing(ledger_.prefix_of(host_of(ban->address)), now).by_login;
  outcome.recipe_bans.push_back(*ban);
}

// After the events of the same line: they stand before the banner.
void Pipeline::note_restart() {
  const auto log = recogniser_.take_restarted_log();
  if (!log) return;
  attribution_.restarted(*log);
  taken_back_.restarted(*log);
}

// What an accusation lost because its line stands where an attacker's text can stand: its own points, or
// those of the session that its line would have ended. Lines that the kernel refuted or gave back are not
// here.
void Pipeline::note_blinded(const Event& event) {
  const Rule& rule = rules().rule(event.rule);
  std::uint64_t milli = 0;
  if (event.evidence == Evidence::tainted && rule.is_offence() && !rule.off &&
      rule.evidence != Evidence::spoofable)
    milli += static_cast<std::uint64_t>(std::max(times(event.points, event.count).milli, 0));
  const std::uint64_t session = event.lost_session != 0 ? event.lost_session : session_number(event.session);
  if (event.client && session != 0)
    milli += attribution_.waiting_milli(event.log, session, rules()) +
             recogniser_.milli_on_trial(event.log, session);
  if (milli == 0) return;
  counted_.blinded += event.count;
  counted_.blinded_milli += milli;
}

// `arrived`: when it came to us; what no line tells of happened then.
void Pipeline::attribute(const Settled& settled, const Now& arrived, Outcome& outcome) {
  const Event& event = settled.event;
  const bool harmless = settled.harmless;
  Deed deed = event.deed;
  const Now now = deed.by == Deed::By::unknown ? arrived : deed.now;
  deed.now = now;
  attributed_.clear();
  if (settled.contested)
    attribution_.take(Accusation{.kind = Accusation::Kind::decided,
                                 .like = event,
                                 .user = {},
                                 .offences = event.count,
                                 .lines = event.count,
                                 .suspects = {}},
                      rules(), now, attributed_);
  else
    attribution_.take(event, rules(), now, attributed_);
  Circumstances known;
  // Of one and the same session, so that nobody can have forged it: it asked for a relay, say.
  known.did_more = std::any_of(attributed_.begin(), attributed_.end(), [&](const Attributed& each) {
    return each.login || !can_be_check(rules().rule(each.event.rule));
  });
  for (Attributed& attributed : attributed_) {
    if (attributed.event.deed.by == Deed::By::unknown) attributed.event.deed = deed;
    known.when.reset();
    if (!settled.vague) known.when = settled.ended.value_or(attributed.event.deed.now.mono);
    // What its session did before is charged all the same.
    const bool itself = attributed.event.rule == event.rule && !attributed.login;
    if (harmless && itself)
      trace(nothing_of(attributed.event), Effect::harmless, {}, {}, now, outcome);
    else
      judge(attributed, known, outcome);
  }
  listen(event, now, outcome);
  report_of_nobody(event, deed, outcome);
}

// Its ports are used up, a limit was reached: the line is about coturn itself.
void Pipeline::report_of_nobody(const Event& event, const Deed& deed, Outcome& outcome) {
  const auto now = deed.now.mono;
  const Rule& rule = rules().rule(event.rule);
  if (event.client || rule.session || !rule.tells_only() || rule.report.empty()) return;
  if (event.evidence == Evidence::tainted) return;
  const auto [told, first] = told_of_nobody_.try_emplace(rule.name, now);
  if (!first && now - told->second < kTellNobodysEvery) return;
  told->second = now;
  Notice notice;
  notice.rule = event.rule;
  notice.deed = deed;
  outcome.reports.push_back(notice);
}

// What the line says about offences that wait to be taken back. After its own: those of its session.
void Pipeline::listen(const Event& event, const Now& now, Outcome& outcome) {
  if (event.evidence == Evidence::tainted) return;
  const std::uint64_t session = session_number(event.session);
  if (event.client && session != 0 && !taken_back_.empty())
    taken_back_.named(event.log, session, event.client->address);
  const bool closes = event.client && rules().rule(event.rule).closes;
  if (!closes && !rules().takes_back(event.rule) && !rules().foretells(event.rule)) return;
  taken_back_.hear(event, session != 0 ? attribution_.client_of(event.log, session) : std::nullopt, rules(),
                   now, charging(outcome));
}

// It is judged by the time of the offence, not by that of the word or of the end of the waiting.
TakenBack::Charge Pipeline::charging(Outcome& outcome) {
  return [this, &outcome](const Attributed& attributed, std::optional<TakenBack::Time> when) {
    charge(attributed, {.when = when}, outcome);
  };
}

// An offence that turned out to be none.
Offence Pipeline::nothing_of(const Event& event) const {
  return {.address = host_of(event.client->address), .rule = event.rule, .points = {}, .deed = event.deed};
}

// Who is judged for what comes from there.
Address Pipeline::host_of(const Address& address) const {
  const std::optional<Translated> translated = translated_.find(address);
  return translated ? translated->host : address;
}

Pipeline::Arrival Pipeline::arrival_of(const Address& address) const {
  const std::optional<Translated> translated = translated_.find(address);
  if (!translated) return {address, address, std::nullopt};
  const bool spared = allowlist_.spares(translated->arrives).has_value();
  return {address, translated->host, spared ? Prefix(address, kWholeAddress) : translated->arrives};
}

Prefix Pipeline::judged_as(const Prefix& prefix) const {
  const std::optional<Translated> translated = translated_.find(prefix.network());
  if (!translated || prefix.length() < translated->arrives.length()) return prefix;
  return translated->host.is_v4() ? unit_of(translated->host) : translated->arrives;
}

Prefix Pipeline::dropped_for(const Address& address) const {
  const std::optional<Translated> translated = translated_.find(address);
  return translated ? translated->arrives : ledger_.prefix_of(address);
}

Prefix Pipeline::pardoned_by(const Prefix& dropped) const {
  const Prefix judged = judged_as(dropped);
  const Prefix unit = judged.is_v4() ? unit_of(judged.network()) : judged;
  return judged.length() > unit.length() ? unit : judged;
}

// Its network holds somebody who is never banned.
bool Pipeline::is_alone(const Address& address) const {
  return allowlist_.spares(ledger_.prefix_of(address)).has_value();
}

Prefix Pipeline::unit_of(const Address& address) const {
  return is_alone(address) ? Prefix(address, kWholeAddress) : ledger_.prefix_of(address);
}

void Pipeline::judge(const Attributed& attributed, const Circumstances& known, Outcome& outcome) {
  const Event& event = attributed.event;
  const Now& now = event.deed.now;
  if (attributed.login) {
    credit_.logged_in(unit_of(host_of(event.client->address)), attributed.user, now);
    return;
  }
  switch (taken_back_.take(attributed, known.when, rules(), now, charging(outcome))) {
    case TakenBack::Fate::charged: return charge(attributed, known, outcome);
    case TakenBack::Fate::waits: return;
    case TakenBack::Fate::taken_back:
      return trace(nothing_of(event), Effect::taken_back, {}, {}, now, outcome);
  }
}

void Pipeline::charge(const Attributed& attributed, const Circumstances& known, Outcome& outcome) {
  const Event& event = attributed.event;
  const Now& now = event.deed.now;
  const Arrival arrival = arrival_of(event.client->address);
  const Address& address = arrival.host;
  const Rule& rule = rules().rule(event.rule);
  // Whoever writes lines into the log must not have the operator told of others either.
  const bool reported = !rule.report.empty() && event.evidence != Evidence::tainted;
  if (rule.tells_only()) {
    if (reported) outcome.reports.push_back({.address = address, .rule = event.rule, .deed = event.deed});
    return;
  }
  by_rule_[event.rule][static_cast<std::size_t>(event.evidence)] += event.count;
  Offence offence{.address = address,
                  .rule = event.rule,
                  .points = event.points,
                  .evidence = event.evidence,
                  .count = event.count,
                  .what = attributed.what,
                  .protocol = event.protocol,
                  .deed = event.deed,
                  .waited = attributed.waited};
  if (rule.off) {
    counted_.switched_off += event.count;
    return;
  }
  // An attacker beside us, in our own /64, must not be safe there; nor may his ban reach us.
  offence.alone = is_alone(address) || (arrival.door && !address.is_v4());
  if ((offence.alone && allowlist_.spares(Prefix(address, kWholeAddress))) ||
      (arrival.door && allowlist_.spares(Prefix(arrival.address, kWholeAddress)))) {
    counted_.spared += event.count;
    alarm_of_own(offence, rule, now, outcome);
    return trace(offence, Effect::spared, {}, {}, now, outcome);
  }
  // Who logs in from there is no victim of forged packets, but many customers behind one address.
  const auto are_customers = [&] { return credit_.standing(ledger_.network_of(offence), now).by_login; };
  if (reported && (event.evidence != Evidence::spoofable || !are_customers()))
    report(offence, rule, now, outcome);
  if (event.evidence == Evidence::spoofable || event.evidence == Evidence::tainted) {
    static_cast<void>(ledger_.record(offence, now));  // counts it
    return trace(offence, Effect::not_bannable, {}, {}, now, outcome);
  }
  const Prefix network = ledger_.network_of(offence);
  Standing standing = credit_.standing(network, now);
  const bool for_others = stands_for_others(offence, rule, standing, now);
  const bool crowd = for_others || is_crowd(network, standing, now);
  standing.crowd = for_others;
  if (crowd) counted_.gateway += event.count;
  Trait trait = crowd ? measured_per_user(rule.trait) : rule.trait;
  const Points plain = lightened(times(event.points, event.count), trait.credit, standing);
  const bool by_others = is_by_others(rule, standing, now);
  if (by_others) {
    trait = for_good_name(trait, standing);
    if (trait.good_name) offence.points = trait.points;
  }
  const Points cost = tally_.cost(network, offence, shared_out(trait, standing), policy_.findtime, now);
  if (cost.milli == 0) {
    if (trait.free > 0 && !rule.session) checks_.opened(network, event.client->port);
    return trace(offence, Effect::free, {}, standing, now, outcome, by_others);
  }
  const Points weight = lightened(cost, trait.credit, standing);
  if (weight.milli == 0) {
    counted_.credited += event.count;
    return trace(offence, Effect::credited, {}, standing, now, outcome, by_others);
  }
  const bool check = is_check(event, offence, known, now, outcome);
  if (is_spared_as_private(address, rule, network)) {
    offence.points = cost;
    counted_.private_sources += event.count;
    if (!check) alarm(offence, rule, now, outcome);
    return trace(offence, Effect::private_source, {}, standing, now, outcome, by_others);
  }
  if (for_others) {
    offence.points = times(event.points, event.count);
    alarm(offence, rule, now, outcome);
  }
  offence.points = weight;
  const bool own = rule.trait.distinct == Distinct::user && credit_.logged_in_as(network, offence.what, now);
  const Weighed weighed{arrival, offence, rule, network, standing, plain, by_others, own, check};
  const Effect effect = enter(weighed, now, outcome);
  if (effect == Effect::while_banned) shut_another_door(weighed, now, outcome);
  trace(offence, effect, weight, standing, now, outcome, by_others);
}

// A health check's probe: then a ban is withheld. Anything else ends what its source may have had of that
// name.
bool Pipeline::is_check(const Event& event, const Offence& offence, const Circumstances& known,
                        const Now& now, Outcome& outcome) {
  const Prefix network = ledger_.network_of(offence);
  const Rule& rule = rules().rule(offence.rule);
  constexpr std::int32_t kOnePoint = 1000;
  if (!can_be_check(rule) || known.did_more || offence.count != 1) {
    checks_.end(network);
    return false;
  }
  Now when = now;
  if (known.when) when.mono = *known.when;
  const bool check =
      checks_.take({.network = network,
                    .address = offence.address,
                    .rule = offence.rule,
                    .client_port = event.client->port,
                    .local_port = event.local ? event.local->port : std::uint16_t{0},
                    .weak = event.points.milli < kOnePoint,
                    .coarse = rule.kernel == KernelSign::none && rule.packet == PacketSign::none,
                    .vague = !known.when,
                    .proven = event.evidence == Evidence::proven},
                   when);
  for (const HealthCheck& named : checks_.take_named()) {
    Notice notice;
    notice.address = named.address;
    notice.rule = named.rule;
    notice.kind = Notice::Kind::health_check;
    notice.interval = named.interval;
    notice.deed = offence.deed;
    outcome.reports.push_back(notice);
  }
  return check;
}

// A balancer that speaks no PROXY protocol makes many connections, too.
bool Pipeline::is_spared_as_private(const Address& address, const Rule& rule, const Prefix& network) const {
  if (!is_private(address)) return false;
  if (is_operated(rule)) return true;
  const bool counts_connections = rule.trait.free > 0 && rule.trait.distinct == Distinct::nothing &&
                                  !rule.session && rule.trait.credit == Credit::shared;
  return counts_connections && private_.alarmed(network);
}

// Others than who fails there have logged in from this private address: a ban would hit them.
bool Pipeline::stands_for_others(const Offence& offence, const Rule& rule, const Standing& standing,
                                 const Now& now) const {
  if (standing.users == 0 || !is_private(offence.address)) return false;
  if (standing.users > 1) return true;
  const bool names_user = rule.trait.distinct == Distinct::user && offence.what != 0;
  return names_user && !credit_.logged_in_as(ledger_.network_of(offence), offence.what, now);
}

void Pipeline::alarm(const Offence& offence, const Rule& rule, const Now& now, Outcome& outcome) {
  if (!private_.take(offence, rule.trait.window, now)) return;
  outcome.reports.push_back(notice_of(offence, Notice::Kind::private_source));
}

// Whoever has an account can have coturn's relay talk to coturn itself, and guess from there: nobody is
// banned for it, so it must be told.
void Pipeline::alarm_of_own(Offence offence, const Rule& rule, const Now& now, Outcome& outcome) {
  const bool may_be_forged = offence.evidence == Evidence::spoofable || offence.evidence == Evidence::tainted;
  if (!rule.trait.guess || may_be_forged || !allowlist_.is_here(offence.address)) return;
  offence.points = times(offence.points, offence.count);
  if (!own_.take(offence, rule.trait.window, now)) return;
  outcome.reports.push_back(notice_of(offence, Notice::Kind::own_address));
}

// Behind it stand many who cannot be told apart: it is never immune, but all its offences, those of strong
// rules too, are measured by the number of users that logged in from there.
bool Pipeline::is_crowd(const Prefix& network, const Standing& standing, const Now& now) const {
  return standing.users >= 5 && credit_.gateway(now) == network;
}

bool Pipeline::is_by_others(const Rule& rule, const Standing& standing, const Now& now) const {
  return rule.trait.by_others() && credit_.is_customer(standing, now);
}

// Into the ledger, and where that makes a ban due, past the breaker.
Effect Pipeline::enter(const Weighed& weighed, const Now& now, Outcome& outcome) {
  if (is_excused(weighed, now)) return Effect::withheld;
  if (weighed.by_others && ledger_.meets_ban(weighed.offence, now)) return Effect::while_banned;
  const std::uint64_t while_banned = ledger_.counters().while_banned;
  const Due due = look_for_ban(weighed, now);
  if (!due.verdict)
    return ledger_.counters().while_banned != while_banned ? Effect::while_banned : Effect::counted;
  if (weighed.check) {
    ++counted_.health_checks;
    return Effect::health_check;
  }
  std::optional<FailedUser> failed;
  if (weighed.own) failed = FailedUser{weighed.offence.what, credit_.users(now)};
  if (!breaker_.admits(due.verdict->prefix, weighed.rule.name, failed, now)) {
    ++counted_.withheld;
    return Effect::withheld;
  }
  begin_ban(due, weighed.by_others, now);
  checks_.end(weighed.network);
  pass(*due.verdict, weighed, now, outcome);
  return Effect::banned;
}

// By the open breaker.
bool Pipeline::is_excused(const Weighed& weighed, const Now& now) {
  const Offence& offence = weighed.offence;
  if (!weighed.own || !breaker_.spares_own_failures(now) ||
      !credit_.excuse(weighed.network, offence.what, offence.count, now))
    return false;
  breaker_.note_withheld();
  ++counted_.withheld;
  return true;
}

Pipeline::Due Pipeline::look_for_ban(const Weighed& weighed, const Now& now) {
  WideNetworks::Finding wide;
  if (weighed.rule.trait.guess && !weighed.own) wide = look_wide(weighed, now);
  if (wide.ban) return {wide.ban, true};
  Offence measured = weighed.offence;
  measured.points = std::max(measured.points, wide.weight);
  Ledger& measure = weighed.by_others ? by_others_ : ledger_;
  Due due{measure.due(measured, weighed.rule.trait.window, now), false};
  // It is no rung, and of the rungs below it the other ledger knows nothing.
  if (due.verdict && weighed.by_others) due.verdict->earlier_bans = ledger_.earlier_bans(due.verdict->prefix);
  return due;
}

// What is dropped is what arrives: of a host behind a translator the IPv6 addresses that it comes from.
void Pipeline::pass(Verdict verdict, const Weighed& weighed, const Now& now, Outcome& outcome) {
  const Arrival& arrival = weighed.arrival;
  if (arrival.door) {
    verdict.prefix = *arrival.door;
    verdict.address = arrival.address;
  }
  if (arrival.door || doors_.knows(arrival.host))
    doors_.shut(arrival.host, verdict.prefix, verdict.duration, now);
  verdict.deed = weighed.offence.deed;
  outcome.verdicts.push_back(verdict);
}

// It is banned and came all the same, by IPv4 instead of IPv6 or through another translator.
void Pipeline::shut_another_door(const Weighed& weighed, const Now& now, Outcome& outcome) {
  const Arrival& arrival = weighed.arrival;
  const Offence& offence = weighed.offence;
  if (!arrival.door && !doors_.knows(offence.address)) return;
  if (doors_.is_shut(offence.address, arrival.door.value_or(weighed.network), now)) return;
  const std::chrono::seconds left = ledger_.ban_left(weighed.network, now);
  if (left.count() == 0) return;
  pass({.prefix = weighed.network,
        .duration = left,
        .address = offence.address,
        .rule = offence.rule,
        .evidence = offence.evidence,
        .points = offence.points,
        .earlier_bans = std::max(ledger_.earlier_bans(weighed.network), 1U) - 1,
        .protocol = offence.protocol},
       weighed, now, outcome);
}

// What the guess is to the networks around its own.
WideNetworks::Finding Pipeline::look_wide(const Weighed& weighed, const Now& now) {
  Offence offence = weighed.offence;
  offence.points = weighed.plain;
  return wide_.count(
      offence, weighed.network,
      [&](const Prefix& wide) {
        return allowlist_.spares(wide).has_value() || credit_.logged_in_within(wide, now);
      },
      now);
}

void Pipeline::begin_ban(const Due& due, bool by_others, const Now& now) {
  const Verdict& verdict = *due.verdict;
  if (due.wide) return wide_.begin_ban(verdict, now);
  if (!by_others) return ledger_.begin(verdict, now);
  by_others_.forgive(verdict.prefix, true);
  ledger_.begin_apart(verdict, now);
}

// Told at once where it weighs nothing (a login), else when it has become a flood: as often as the address
// would have been banned for it.
void Pipeline::report(const Offence& offence, const Rule& rule, const Now& now, Outcome& outcome) {
  Offence measured = offence;
  measured.evidence = Evidence::claimed;
  measured.points = times(offence.points, offence.count);
  if (reports_.record(measured, rule.trait.window, now))
    outcome.reports.push_back({.address = offence.address, .rule = offence.rule, .deed = offence.deed});
}

void Pipeline::trace(const Offence& offence, Effect effect, Points weight, const Standing& standing,
                     const Now& now, Outcome& outcome, bool by_others) const {
  if (!tracing_) return;
  outcome.judged.push_back(
      {.offence = offence,
       .effect = effect,
       .weight = weight,
       .in_window = (by_others ? by_others_ : ledger_).points(ledger_.network_of(offence), now),
       .standing = standing,
       .when = now});
}

void Pipeline::set_rules(RuleSet rules) {
  counted_ = counters();  // rule numbers mean other rules from here on
  std::vector<std::optional<RuleId>> numbers;
  for (const Rule& rule : recogniser_.rules().rules()) numbers.push_back(rules.find(rule.name));
  checks_.renumber(numbers);
  private_.clear_alarms();
  own_.clear_alarms();
  testimony_.rules_changed(recogniser_.rules(), rules);
  attribution_.rules_changed(recogniser_.rules(), rules);
  taken_back_.rules_changed(recogniser_.rules(), rules);
  recogniser_.set_rules(std::move(rules));
  by_rule_.assign(recogniser_.rules().rules().size(), {});
  tally_.clear();
}

void Pipeline::set_nat64(std::vector<Prefix> prefixes) {
  translated_.set_nat64(std::move(prefixes));
  allowlist_.set_translated(translated_);
  taken_back_.set_translated(translated_);
}

void Pipeline::set_policy(const Policy& policy) {
  policy_ = policy;
  ledger_.set_policy(policy);
  by_others_.set_policy(policy);
  wide_.set_policy(policy);
  private_.set_policy(policy);
  own_.set_policy(policy);
  reports_.set_policy(policy_of_reports(policy));
}

void Pipeline::adopt(const Prefix& dropped, std::chrono::seconds left, const Now& now,
                     std::uint32_t earlier_bans) {
  ledger_.adopt(judged_as(dropped), left, now, earlier_bans);
  note_dropped(dropped, left, now);
}

// So that its host is known to come by translators, and is shut out when it comes another way.
void Pipeline::note_dropped(const Prefix& dropped, std::chrono::seconds left, const Now& now) {
  const std::optional<Translated> translated = translated_.find(dropped.network());
  if (left.count() <= 0 || !translated || dropped.length() < translated->arrives.length()) return;
  doors_.shut(translated->host, dropped, left, now);
}

// Of a host that is shut out by another door too, the ban stands.
bool Pipeline::take_back(const Prefix& dropped, std::uint32_t earlier_bans, const Now& now) {
  const Prefix judged = judged_as(dropped);
  if (doors_.reopen(pardoned_by(dropped), dropped, now)) return false;
  const bool climbed = wide_.take_back(dropped, earlier_bans);
  return ledger_.take_back(judged, earlier_bans) || climbed;
}

void Pipeline::end_ban(const Prefix& dropped, const Now& now) {
  if (doors_.reopen(pardoned_by(dropped), dropped, now)) return;
  ledger_.end_ban(judged_as(dropped), now);
  wide_.end_ban(dropped, now);
}

std::vector<Prefix> Pipeline::forgive(const Prefix& dropped, bool ladder) {
  const Prefix prefix = judged_as(dropped);
  std::vector<Prefix> doors = doors_.open_within(pardoned_by(dropped));
  if (prefix != dropped) {
    doors.push_back(prefix);
    doors.push_back(translated_.find(dropped.network())->arrives);
  }
  ledger_.forgive(prefix, ladder);
  by_others_.forgive(prefix, true);
  wide_.forgive(prefix, ladder);
  private_.forgive(prefix);
  tally_.forget(prefix);
  return doors;
}

void Pipeline::begin(std::chrono::steady_clock::time_point origin) {
  origin_ = origin;
  recogniser_.clocks().begin(origin);
  attribution_.begin(origin);
  credit_.begin(origin);
  tally_.begin(origin);
  ledger_.begin(origin);
  by_others_.begin(origin);
  wide_.begin(origin);
  checks_.begin();
}

void Pipeline::load(const SavedState& saved, const std::vector<std::optional<RuleId>>& rules, bool same_logs,
                    const Now& when) {
  // As of when it was saved: the lines that come next may be as old. A log's clock may have been a little
  // ahead of ours.
  Now now{when.mono + kLate, when.wall + kLate};
  if (saved.head.mark.tick != 0 && origin_) {
    const std::chrono::milliseconds since(
        static_cast<std::int64_t>(std::min(saved.head.mark.tick, kScaleEnd)) -
        static_cast<std::int64_t>(kScaleOrigin));
    now.mono = std::min(now.mono, *origin_ + since + kLate);
  }
  for (const SavedOffender& offender : saved.offenders)
    if (!wide_.load(offender, now)) ledger_.load(offender, now);
  load_from_records(by_others_, saved.records, now);
  ledger_.loaded_under(std::chrono::seconds(saved.head.findtime_seconds));
  by_others_.loaded_under(std::chrono::seconds(saved.head.findtime_seconds));
  wide_.loaded_under(std::chrono::seconds(saved.head.findtime_seconds));
  tally_.load(saved.records, rules, now);
  checks_.load(saved.records, rules);
  credit_.load(saved.records, now);
  if (same_logs) {
    recogniser_.clocks().load(saved.records, now.mono - kLate);
    recogniser_.unread_since(now.mono - kLate, when);
    attribution_.load(saved.records, rules, now);
  } else {
    recogniser_.clocks().note_everything();
    attribution_.note_everything();
  }
}

void Pipeline::note_everything() {
  recogniser_.clocks().note_everything();
  attribution_.note_everything();
  credit_.note_everything();
  tally_.note_everything();
  checks_.note_everything();
  ledger_.note_everything();
  by_others_.note_everything();
  wide_.note_everything();
}

void Pipeline::save_changes(StateBatch& batch) {
  recogniser_.clocks().save_changes(batch);
  attribution_.save_changes(batch);
  credit_.save_changes(batch);
  tally_.save_changes(batch);
  checks_.save_changes(batch);
  // They share one table of the file's: who clears it clears it for both.
  if (ledger_.saves_everything() || wide_.saves_everything()) {
    ledger_.note_everything();
    wide_.note_everything();
  }
  ledger_.save_changes(batch);
  wide_.save_changes(batch);
  save_as_records(by_others_, batch);
}

std::vector<LinePlace> Pipeline::waiting() const {
  std::vector<LinePlace> lines;
  recogniser_.waiting(lines);
  testimony_.waiting(lines);
  doubted_.waiting(lines);
  taken_back_.waiting(lines);
  std::sort(lines.begin(), lines.end());
  return lines;
}

PipelineCounters Pipeline::counters() const {
  PipelineCounters all = counted_;
  all.taken_back = taken_back_.taken_back();
  for (std::size_t rule = 0; rule < by_rule_.size(); ++rule) {
    for (std::size_t kind = 0; kind < kEvidenceKinds; ++kind) {
      if (by_rule_[rule][kind] == 0) continue;
      const std::string name(recogniser_.rules().name(static_cast<RuleId>(rule)));
      all.offences[{name, static_cast<Evidence>(kind)}] += by_rule_[rule][kind];
    }
  }
  return all;
}

}  // namespace coturn_guard
