// SPDX-License-Identifier: GPL-3.0-or-later
// The whole journey in one place: Line, Connection or Packet -> Event -> Offence -> Verdict. Pure: the daemon
// and `replay` run the same object, one with the real clock, the other with the log's. It counts what it saw;
// it tells nobody and bans nobody.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "detect/attribution.hpp"
#include "detect/doubted_events.hpp"
#include "detect/packet_inspection.hpp"
#include "detect/recogniser.hpp"
#include "detect/taken_back.hpp"
#include "detect/testimony.hpp"
#include "judge/allowlist.hpp"
#include "judge/breaker.hpp"
#include "judge/credit.hpp"
#include "judge/doors.hpp"
#include "judge/health_checks.hpp"
#include "judge/ledger.hpp"
#include "judge/private_sources.hpp"
#include "judge/recipe_mirror.hpp"
#include "judge/request_meter.hpp"
#include "judge/tally.hpp"
#include "judge/wide_networks.hpp"
#include "model/flow.hpp"
#include "model/saved_state.hpp"
#include "model/translated.hpp"

namespace coturn_guard {

struct PipelineCounters {
  std::map<std::pair<std::string, Evidence>, std::uint64_t> offences;  // by rule name and evidence
  std::uint64_t spared = 0;         // offences of addresses that are never judged
  std::uint64_t switched_off = 0;   // events of rules that the operator gave 0 points
  std::uint64_t credited = 0;       // offences that a good name made nothing
  std::uint64_t taken_back = 0;     // offences that a line beside them said to be none
  std::uint64_t withheld = 0;       // offences that the open breaker left out, or kept from being bans
  std::uint64_t gateway = 0;        // offences that were measured per user: of an address that most customers
                                    // come from
  std::uint64_t health_checks = 0;  // offences that would have been bans, of health checks
  std::uint64_t private_sources = 0;  // weak offences of private sources
  std::uint64_t blinded = 0;  // accusing lines that were not believed, for an attacker's text reaches there
  std::uint64_t blinded_milli = 0;  // what they would have cost, in thousandths of a point
};

// What the gate's packets were.
struct PacketCounters {
  std::array<std::uint64_t, kPacketKinds> kinds{};  // by PacketKind, of those that were read
  std::map<std::string_view, std::uint64_t>
      foreign;  // by PacketContent::protocol; as many as there are names
  std::uint64_t seen = 0;
  std::uint64_t unread = 0;     // fragments, and what is neither UDP nor TCP
  std::uint64_t malformed = 0;  // dropped: their headers contradict themselves
  std::uint64_t garbage = 0;    // dropped: UDP of a foreign protocol
  std::uint64_t quenched = 0;   // dropped: of a source that asked too much
  std::uint64_t probation = 0;  // of addresses whose ban had just ended
};

// What became of an offence, for who asks why.
enum class Effect : std::uint8_t {
  counted,         // its points lie in the window
  banned,          // they filled the measure
  withheld,        // by the breaker, which is open
  health_check,    // it is, or may be, a balancer's or a monitor's: the measure is full and nobody is banned
  private_source,  // a weak one of a private address: nobody is banned
  while_banned,    // came while the ban ran
  free,            // cost nothing: the first few of its kind do not
  credited,        // cost nothing: the address has a good name
  not_bannable,    // spoofable or tainted
  spared,          // the address is never judged
  refuted,         // the kernel knows of no such connection
  taken_back,      // a line that stands beside it says that it was none
  harmless,        // the connection had carried real traffic: a phone that lost its network
};
[[nodiscard]] std::string_view to_string(Effect effect);

struct Judged {
  Offence offence;
  Effect effect = Effect::counted;
  Points weight;      // what it cost, before the ladder's weight
  Points in_window;   // of its network, afterwards; 0 after a ban
  Standing standing;  // the good name it had
  Now when{};
};

// Something that bans nobody and that the operator should know: a victim of reflection, an admin's login.
struct Notice {
  enum class Kind : std::uint8_t {
    rule,            // the rule is reported
    health_check,    // a health check was named
    private_source,  // a private address would have been banned, or stands for many and misbehaves
    own_address,     // logins fail from an address of this host's, as through coturn's own relays
  };

  Address address;
  RuleId rule = 0;
  Kind kind = Kind::rule;
  std::chrono::milliseconds interval{};  // of a health check
  Deed deed{};

  [[nodiscard]] std::string who() const { return address == Address() ? "-" : address.to_string(); }
};

// What calls led to; the caller clears it.
struct Outcome {
  std::vector<Verdict> verdicts;
  std::vector<Quench> quenches;
  std::vector<Notice> reports;
  std::vector<RecipeBan> recipe_bans;  // only while the recipe is mirrored
  std::vector<Judged> judged;          // only while tracing

  void clear() {
    verdicts.clear();
    quenches.clear();
    reports.clear();
    recipe_bans.clear();
    judged.clear();
  }
};

class Pipeline {
 public:
  // After the end of a ban an address is looked at more strictly for so long: what its packets show weighs
  // double, and it may ask for a tenth of the answers.
  static constexpr std::chrono::minutes kProbation{10};
  // A rule's lines that name nobody are told once in this time.
  static constexpr std::chrono::minutes kTellNobodysEvery{10};

  Pipeline(Recogniser recogniser, const Policy& policy, const HashSeed& seed, Allowlist allowlist);

  // `now`: when it arrived. It is judged by the time that the log tells (detect/log_clock).
  void take(const Line& line, const Now& now, Outcome& outcome);
  void take(const Connection& connection, const Now& now, Outcome& outcome);
  // What the gate is to do with it, besides what stands in `outcome`.
  [[nodiscard]] PacketFate take(const Packet& packet, const Now& now, Outcome& outcome);
  // What coturn answered over UDP from a port on which it listens, as the kernel saw it leave.
  void answered(const Packet& packet, const Now& now);
  // Once a second: what waited long enough. `caught_up`: there was no more to read, so what did not come
  // after a line does not come. In a backlog the judges' time is that of its lines.
  void tick(const Now& now, bool caught_up, Outcome& outcome);
  // No line will follow: what waits for one is decided (replay).
  void finish(const Now& now, Outcome& outcome);

  // The witness's word (Testimony): every end until `now` was taken; all who lived from `begun` on were
  // taken.
  void heard(const Now& now) { testimony_.heard(now); }
  void sampled(const Now& begun, const Now& now, Outcome& outcome);
  void set_witness(bool available, bool sure, const Now& now) {
    testimony_.set_witness(available, sure, now);
  }
  void set_admin_ports(std::vector<PortRange> ports) { testimony_.set_admin_ports(std::move(ports)); }
  void set_web_admin_ports(std::vector<PortRange> ports) { testimony_.set_web_admin_ports(std::move(ports)); }
  // New rules for what comes; what is known of the streams and of the addresses stays.
  void set_rules(RuleSet rules);
  void set_policy(const Policy& policy);
  void set_quench(const QuenchPolicy& policy) { meter_.set_policy(policy); }
  // Before anything else, for who saves what is known (judge/ledger): ticks go on from an earlier run's.
  void begin(std::chrono::steady_clock::time_point origin);
  // Takes back what an earlier run saved; `rules`: the present numbers of its rules, by theirs. Sessions only
  // where it followed the same logs.
  void load(const SavedState& saved, const std::vector<std::optional<RuleId>>& rules, bool same_logs,
            const Now& now);
  void note_everything();
  // Appends what changed since the last call: between two batches of lines, after tick().
  void save_changes(StateBatch& batch);
  // Lines that were taken and whose effect waits, sorted.
  [[nodiscard]] std::vector<LinePlace> waiting() const;
  // NAT64 prefixes of the operator's network, besides those that everybody knows.
  void set_nat64(std::vector<Prefix> prefixes);
  // The network that the ledger counts under when this one is banned: that of the IPv4 host, where it comes
  // through a translator.
  [[nodiscard]] Prefix judged_as(const Prefix& prefix) const;
  // What a ban of this address drops.
  [[nodiscard]] Prefix dropped_for(const Address& address) const;
  // Whom a pardon of it is for: at least one unit of judging.
  [[nodiscard]] Prefix pardoned_by(const Prefix& dropped) const;
  void set_breaker(const BreakerPolicy& policy) { breaker_.set_policy(policy); }
  // A ban that stands although no verdict made it (Ledger::adopt), of the network that is dropped.
  void adopt(const Prefix& dropped, std::chrono::seconds left, const Now& now,
             std::uint32_t earlier_bans = 1);
  // The same of a ban that the ledger remembers itself.
  void note_dropped(const Prefix& dropped, std::chrono::seconds left, const Now& now);
  // A ban of it does not stand after all (Ledger::take_back); true: it had climbed a rung of the ladder.
  bool take_back(const Prefix& dropped, std::uint32_t earlier_bans, const Now& now);
  // It ends before its time, and nobody pardons it.
  void end_ban(const Prefix& dropped, const Now& now);
  // An operator's pardon: the offences in the window, with `ladder` the earlier bans too. What is dropped of
  // whom it pardons, besides `dropped` itself: for the caller to free, where it is banned.
  [[nodiscard]] std::vector<Prefix> forgive(const Prefix& dropped, bool ladder);
  // False: there was no room for all that forgive() should tell.
  [[nodiscard]] bool knows_all_dropped(const Now& now) const { return doors_.knows_all_hosts(now); }
  void set_tracing(bool tracing) { tracing_ = tracing; }
  // Whether it is reckoned, too, what the Fail2Ban recipe would do with the lines.
  void set_mirroring(bool mirroring) { mirroring_ = mirroring; }

  [[nodiscard]] Recogniser& recogniser() { return recogniser_; }
  [[nodiscard]] const Recogniser& recogniser() const { return recogniser_; }
  [[nodiscard]] const RuleSet& rules() const { return recogniser_.rules(); }
  [[nodiscard]] const Policy& policy() const { return policy_; }
  [[nodiscard]] Ledger& ledger() { return ledger_; }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] Allowlist& allowlist() { return allowlist_; }
  [[nodiscard]] const Testimony& testimony() const { return testimony_; }
  [[nodiscard]] const Attribution& attribution() const { return attribution_; }
  [[nodiscard]] const CreditBook& credit() const { return credit_; }
  [[nodiscard]] Breaker& breaker() { return breaker_; }
  [[nodiscard]] const Breaker& breaker() const { return breaker_; }
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] const WideNetworks& wide_networks() const { return wide_; }
  [[nodiscard]] const HealthChecks& health_checks() const { return checks_; }
  [[nodiscard]] const PrivateSources& private_sources() const { return private_; }
  [[nodiscard]] const PacketCounters& packets() const { return packets_; }
  [[nodiscard]] const RequestMeter& meter() const { return meter_; }
  [[nodiscard]] PipelineCounters counters() const;
  // PipelineCounters::blinded and blinded_milli alone, which cost nothing to ask.
  [[nodiscard]] std::uint64_t blinded() const { return counted_.blinded; }
  [[nodiscard]] std::uint64_t blinded_milli() const { return counted_.blinded_milli; }

 private:
  static constexpr std::size_t kEvidenceKinds = 4;
  using ByEvidence = std::array<std::uint64_t, kEvidenceKinds>;
  // What is known of an offence besides its event.
  struct Circumstances {
    std::optional<TakenBack::Time> when;  // absent: some time ago
    bool did_more = false;                // its session did something that no health check does
  };
  // Whence it came.
  struct Arrival {
    Address address;             // as it arrived
    Address host;                // who is judged for it
    std::optional<Prefix> door;  // what a ban drops, where a translator stands between
  };
  // An offence that costs something, on its way into the ledger.
  struct Weighed {
    const Arrival& arrival;
    Offence offence;  // its points: what it costs this address
    const Rule& rule;
    Prefix network;
    Standing standing;
    Points plain;            // what a guess costs whoever does it, by the number of its network's users
    bool by_others = false;  // a page or a call's other end may have made an honest client do it
    bool own = false;        // it failed as a user that logged in from there
    bool check = false;      // a ban that it makes due is withheld
  };
  struct Due {
    std::optional<Verdict> verdict;
    bool wide = false;  // of a network around its own
  };

  void offend(const Inspection& seen, bool on_probation, const Now& now, Outcome& outcome);
  [[nodiscard]] PacketFate measure(const Inspection& seen, bool on_probation, const Now& now,
                                   Outcome& outcome);
  void mirror(const Line& line, const Now& now, Outcome& outcome);
  void settle_events(const Now& now, Outcome& outcome);
  void look_at_peer(Event& event) const;
  void settle_accusations(const Now& now, Outcome& outcome);
  void settle_event(const Event& event, const Now& now, Outcome& outcome);
  void settle_doubted(const Now& now, Outcome& outcome);
  void settle(const Now& now, Outcome& outcome);
  void note_restart();
  void note_blinded(const Event& event);
  void attribute(const Settled& settled, const Now& arrived, Outcome& outcome);
  void judge(const Attributed& attributed, const Circumstances& known, Outcome& outcome);
  void charge(const Attributed& attributed, const Circumstances& known, Outcome& outcome);
  void listen(const Event& event, const Now& now, Outcome& outcome);
  void report_of_nobody(const Event& event, const Deed& deed, Outcome& outcome);
  [[nodiscard]] TakenBack::Charge charging(Outcome& outcome);
  [[nodiscard]] Address host_of(const Address& address) const;
  [[nodiscard]] Offence nothing_of(const Event& event) const;
  [[nodiscard]] Arrival arrival_of(const Address& address) const;
  void pass(Verdict verdict, const Weighed& weighed, const Now& now, Outcome& outcome);
  void shut_another_door(const Weighed& weighed, const Now& now, Outcome& outcome);
  [[nodiscard]] bool is_alone(const Address& address) const;
  [[nodiscard]] Prefix unit_of(const Address& address) const;  // whom a login from there is good for
  [[nodiscard]] bool is_crowd(const Prefix& network, const Standing& standing, const Now& now) const;
  [[nodiscard]] bool is_by_others(const Rule& rule, const Standing& standing, const Now& now) const;
  [[nodiscard]] bool is_check(const Event& event, const Offence& offence, const Circumstances& known,
                              const Now& now, Outcome& outcome);
  // A weak offence of a private address; `network` is whom it counts against.
  [[nodiscard]] bool is_spared_as_private(const Address& address, const Rule& rule,
                                          const Prefix& network) const;
  [[nodiscard]] bool stands_for_others(const Offence& offence, const Rule& rule, const Standing& standing,
                                       const Now& now) const;
  void alarm(const Offence& offence, const Rule& rule, const Now& now, Outcome& outcome);
  [[nodiscard]] Effect enter(const Weighed& weighed, const Now& now, Outcome& outcome);
  [[nodiscard]] bool is_excused(const Weighed& weighed, const Now& now);
  [[nodiscard]] Due look_for_ban(const Weighed& weighed, const Now& now);
  [[nodiscard]] WideNetworks::Finding look_wide(const Weighed& weighed, const Now& now);
  void begin_ban(const Due& due, bool by_others, const Now& now);
  void report(const Offence& offence, const Rule& rule, const Now& now, Outcome& outcome);
  void alarm_of_own(Offence offence, const Rule& rule, const Now& now, Outcome& outcome);
  void trace(const Offence& offence, Effect effect, Points weight, const Standing& standing, const Now& now,
             Outcome& outcome, bool by_others = false) const;

  // In the order of the journey.
  Recogniser recogniser_;
  Testimony testimony_;
  Attribution attribution_;
  TakenBack taken_back_;
  TranslatedNetworks translated_;
  Allowlist allowlist_;
  CreditBook credit_;
  Tally tally_;
  Ledger ledger_;
  // What others can make those do who have a good name: counted apart, so that it fills no other measure, and
  // no ladder grows of it.
  Ledger by_others_;
  Doors doors_;
  WideNetworks wide_;
  HealthChecks checks_;
  PrivateSources private_;
  PrivateSources own_;  // the host's own addresses, which are never banned
  Breaker breaker_;
  Ledger reports_;  // the same measure for what is reported instead of banned, so that it is told seldom
  RequestMeter meter_;
  Policy policy_;
  bool tracing_ = false;
  bool mirroring_ = false;
  RecipeMirror recipe_;

  std::vector<ByEvidence> by_rule_;  // indexed by RuleId: the hot path touches no map
  PipelineCounters counted_;         // all but by_rule_
  PacketCounters packets_;
  // By rule name, and bounded by them.
  std::map<std::string, std::chrono::steady_clock::time_point> told_of_nobody_;

  DoubtedEvents doubted_;
  std::optional<std::chrono::steady_clock::time_point> origin_;
  Now latest_{};  // when the last line was written

  // Kept for their memory.
  std::vector<Event> events_;
  std::vector<Settled> settled_;
  std::vector<Accusation> accusations_;
  std::vector<Attributed> attributed_;
};

}  // namespace coturn_guard
