// SPDX-License-Identifier: GPL-3.0-or-later
#include "app.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "events.hpp"
#include "past_bans.hpp"
#include "source/clocks.hpp"
#include "util/duration.hpp"
#include "util/local_zone.hpp"
#include "util/random_seed.hpp"

namespace coturn_guard {
namespace {

constexpr std::chrono::seconds kTick{1};

// systemd's for us (systemd.exec(5)): of several, the first. Empty: none.
std::string state_directory() {
  const char* const directories = std::getenv("STATE_DIRECTORY");
  const std::string all(directories != nullptr ? directories : "");
  return all.substr(0, all.find(':'));
}

BanWish wish_of(const Verdict& verdict, const RuleSet& rules, const Now& now) {
  return {.record = {.prefix = verdict.prefix,
                     .address = verdict.address,
                     .since = now.wall,
                     .duration = verdict.duration,
                     .cause = BanCause::rule,
                     .rule = std::string(rules.name(verdict.rule)),
                     .evidence = verdict.evidence,
                     .points = verdict.points,
                     .earlier_bans = verdict.earlier_bans},
          .protocol = verdict.protocol,
          .deed = verdict.deed};
}

std::string state_file_of(const Config& config) {
  if (!config.state_file_automatic) return config.state_file;
  const std::string directory = state_directory();
  return directory.empty() ? directory : directory + "/state.db";
}

}  // namespace

Result<std::unique_ptr<App>> App::create(RunOptions options, Setup setup, Log& log) {
  auto recogniser = Recogniser::create(std::move(setup.rules), setup.config.log_timestamp_format);
  if (!recogniser) return tl::unexpected(recogniser.error());
  recogniser->clocks().set_zone(local_zone);
  Allowlist allowlist;
  allowlist.set_ignored(setup.config.ignoreip);
  // Before anything is touched that two of us would share.
  std::optional<SoleDaemon> sole;
  if (!options.dry_run) {
    auto claimed = SoleDaemon::claim();
    if (!claimed) return tl::unexpected(claimed.error());
    sole = std::move(*claimed);
  }
  const Now now = read_clocks();
  auto memory = std::make_unique<LastingMemory>(options.dry_run ? "" : state_file_of(setup.config), log, now);
  Pipeline pipeline(std::move(*recogniser), setup.config.policy, memory->seed(), std::move(allowlist));
  pipeline.set_quench(setup.config.quench);
  pipeline.set_breaker(setup.config.breaker);
  pipeline.set_nat64(setup.config.nat64);
  pipeline.recogniser().set_tags(setup.config.log_tags);
  std::unique_ptr<App> app(
      new App(std::move(options), std::move(setup.config), std::move(memory), std::move(pipeline), log));
  app->sole_ = std::move(sole);
  app->pipeline_.set_admin_ports(app->config_.admin_ports);
  app->pipeline_.set_web_admin_ports(app->config_.web_admin_ports);
  if (auto connected = app->connect(read_clocks()); !connected) return tl::unexpected(connected.error());
  return app;
}

App::App(RunOptions options, Config config, std::unique_ptr<LastingMemory> memory, Pipeline pipeline,
         Log& log)
    : options_(std::move(options)),
      config_(std::move(config)),
      log_(log),
      announcer_(log),
      breaker_alarm_(log),
      smoke_alarm_(log),
      history_(log),
      signals_(io_, SIGTERM, SIGINT, SIGHUP),
      ticker_(io_),
      memory_(std::move(memory)),
      saved_bans_(memory_->seed()),
      verdict_meter_(random_seed()),
      bans_(ban_kernel(), random_seed()),
      pipeline_(std::move(pipeline)),
      allow_(io_, log_, allow_directory(options_.paths.config),
             [this](std::vector<OwnNetwork> networks) { on_allowed(std::move(networks)); }),
      hooks_(
          io_, log_,
          [this](const std::string& name, Webhook::Resolved done) { allow_.resolve(name, std::move(done)); }),
      gate_(io_, log_, announcer_,
            {.packet = [this](const Packet& packet, const Now& at) { return on_packet(packet, at); },
             .taken = [this](const Packet& packet, const SegmentProof& proof,
                             const Now& at) { gate_judge_.taken(packet, proof, at, outcome_); },
             .batch_end = [this](const Now& at) { on_batch_end(at); }}),
      relays_(log_, announcer_),
      operations_({.config = config_,
                   .log = log_,
                   .pipeline = pipeline_,
                   .enforcer = enforcer_,
                   .enforcer_choice = enforcer_choice_,
                   .bans = bans_,
                   .source = source_,
                   .source_choice = choice_,
                   .witness = witness_,
                   .gate = gate_,
                   .smoke = smoke_alarm_,
                   .simulated = [this] { return simulated(); },
                   .reload = [this] { return reload(read_clocks()); }}),
      control_(
          io_,
          [this](const control::Command& command, const control::Caller& caller, control::Wake wake) {
            return operations_.perform(command, caller, std::move(wake));
          },
          [this](const control::Caller& caller, control::Verb verb) { operations_.forbidden(caller, verb); }),
      started_(read_clocks().wall),
      read_up_(read_clocks().mono),
      metrics_(io_, log_, [this] { return measured(); }) {
  subscribe_to_bans();
}

Result<> App::connect(const Now& now) {
  choice_ = look_for_source(now);
  memory_->restore(pipeline_, saved_bans_, source_name(), now);
  tell_restored(now);
  // From the kernel back to the front door: nothing may arrive before what it is handed to stands.
  if (auto made = make_enforcer_anew(now); !made) return made;
  hooks_.configure(config_.hooks);
  allow_.open(config_.ignored_names);
  host_addresses_ = std::make_unique<HostAddresses>(
      io_, [this](const std::vector<OwnNetwork>& networks) { on_own_networks(networks); });
  if (auto started = host_addresses_->start(); !started) return started;
  history_.open(state_directory());
  pipeline_.set_mirroring(history_.is_open());
  make_witness_anew(now);
  make_udp_logins_anew(now);
  make_gate_anew(now);
  if (auto made = choose_source_anew(now); !made) return made;
  open_control(now);
  // From its first moment on a run is one that goes on: what is written to the log after it is never lost.
  if (memory_->due(now)) memory_->save(moment(), now);
  metrics_.configure(config_, now);
  wait_for_signal();
  wait_for_tick();
  return {};
}

// A help, not a need: without it bans go on, and the verbs say that nobody answers.
void App::open_control(const Now& now) {
  if (options_.control_socket.empty()) return;
  if (auto opened = control_.open(options_.control_socket); !opened)
    log_.write(events::kNoControl,
               {{"problem", opened.error().message()},
                {"text", "status, list, ban and the other verbs that ask the daemon do not work"}},
               now.mono);
}

Result<> App::make_enforcer_anew(const Now& now) {
  EnforcerEvents events;
  events.done = [this](const Prefix& prefix, Fate fate) { on_ban_done(prefix, fate); };
  events.expired = [this](const Prefix& prefix) { bans_.expired(prefix, read_clocks()); };
  events.adopted = [this](const Prefix& prefix, std::chrono::seconds remaining) {
    on_adopted(prefix, remaining);
  };
  events.pause = [this](bool full) { on_enforcer_full(full); };
  events.notice = [this](const EnforcerNotice& notice) { announcer_.notice(notice); };
  make_eviction_anew();
  enforcer_choice_ =
      simulated() ? EnforcerChoice{"dry-run", "nobody is dropped"} : choose_enforcer(config_.enforcer);
  if (simulated()) {
    // A rule of an earlier, enforcing run would go on dropping: observing means that nobody is dropped.
    if (!options_.dry_run) {
      if (auto removed = remove_drop_rule(); !removed) return removed;
    }
  }
  auto made = make_enforcer(io_, enforcer_choice_.name, enforcer_options(), std::move(events));
  if (!made) return tl::unexpected(made.error());
  enforcer_ = std::move(*made);
  verdict_meter_.forget_waiting();
  if (auto started = enforcer_->start(now); !started) return started;
  restore_bans(now);
  bans_.unanswered(now);
  return {};
}

void App::make_eviction_anew() {
  eviction_.reset();
  if (simulated() || !config_.end_connections) return;
  eviction_ = std::make_unique<Eviction>(io_, config_.ports,
                                         [this](const EnforcerNotice& notice) { announcer_.notice(notice); });
}

// Which log is coturn's: again after each reload, and each minute while none was found.
SourceChoice App::look_for_source(const Now& now) {
  choice_made_ = now.mono;
  auto seen = look_at_journal(config_.journal_units);
  if (!seen) log_.write(events::kFailed, {{"problem", seen.error().message()}}, now.mono);
  return choose_source(config_, seen ? *seen : JournalLook{});
}

std::string App::source_name() const {
  std::string name = choice_.kind;
  for (const auto& followed : choice_.names) name += "\n" + followed;
  return name;
}

Result<> App::choose_source_anew(const Now& now) {
  auto choice = look_for_source(now);
  if (source_ && choice.follows_same_as(choice_)) return {};
  choice_ = std::move(choice);
  if (witness_) witness_->set_traces(coturn_traces(config_, choice_));
  log_.write(events::kSource, {{"text", choice_.sentence}}, now.mono);
  return make_source_anew();
}

Result<> App::make_source_anew() {
  SourceEvents events;
  events.line = [this](const Line& line, const Now& now) { on_line(line, now); };
  events.batch_end = [this](const Now& now) { on_batch_end(now); };
  events.stream_ended = [this](StreamId stream) { pipeline_.recogniser().forget(stream); };
  events.notice = [this](const SourceNotice& notice) { announcer_.notice(notice); };
  events.written_by_coturn = config_.coturn_writes_log_file;
  auto made = make_source(io_, choice_.kind, choice_.names, false, std::move(events));
  if (!made) return tl::unexpected(made.error());
  source_ = std::move(*made);
  pipeline_.recogniser().forget_all();  // the new source numbers its streams from the beginning
  memory_->go_on(*source_, source_name());
  source_->start();
  return {};
}

// Before the source: what the kernel tells of a connection may come before coturn's line.
void App::make_witness_anew(const Now& now) {
  witness_.reset();
  on_witness({}, now);
  if (!config_.witness) return;
  WitnessEvents events;
  events.connection = [this](const Connection& connection, const Now& at) { on_connection(connection, at); };
  events.batch_end = [this](const Now& at) { on_batch_end(at); };
  events.heard = [this](const Now& at) { pipeline_.heard(at); };
  events.sampled = [this](const Now& begun, const Now& at) { pipeline_.sampled(begun, at, outcome_); };
  events.state = [this](const WitnessState& state, const Now& at) { on_witness(state, at); };
  witness_ = std::make_unique<Witness>(io_, coturn_ports(config_), coturn_traces(config_, choice_),
                                       std::move(events));
  if (auto started = witness_->start(); !started) {
    witness_.reset();  // it is a help, not a need
    on_witness({.why = started.error().message()}, now);
  }
}

// As the drop rule it is only there where somebody may be banned. Before the source: a customer who logs in
// now may be blamed for a page's doing in the next line.
void App::make_udp_logins_anew(const Now& now) {
  udp_logins_.reset();
  if (options_.dry_run) return;
  if (simulated() || !config_.witness) {
    static_cast<void>(UdpLogins::remove());
    return;
  }
  udp_logins_ = std::make_unique<UdpLogins>(
      io_, [this](const Packet& packet) { pipeline_.answered(packet, read_clocks()); });
  auto started = udp_logins_->start(gate_ports(config_), now.mono);
  if (started) return;
  udp_logins_.reset();
  log_.write(events::kNoUdpLogins,
             {{"problem", started.error().message()},
              {"text", "who is in its first call over UDP is not known to be a customer"}},
             now.mono);
}

void App::make_gate_anew(const Now& now) {
  gate_.close(pipeline_, options_.dry_run, now);
  gate_.open(config_, !simulated(), now);
}

void App::run() {
  const auto now = read_clocks();
  log_.write(events::kStarted,
             {{"mode", simulated() ? "observe" : "enforce"},
              {"enforcer", enforcer_choice_.name},
              {"why", enforcer_choice_.why},
              {"rules", std::to_string(pipeline_.recogniser().rules().rules().size())},
              {"bans", std::to_string(enforcer_->live_bans())}},
             now.mono);
  wait_until_bans_stand();
  service_.ready(status(0));
  io_.run();
  service_.stopping();
  metrics_.close();
  bans_.unanswered(read_clocks());
  history_.close(pipeline_, dropped_packets(), read_clocks());
  gate_.close(pipeline_, options_.dry_run, read_clocks());
  udp_logins_.reset();
  announcer_.stopped(pipeline_, enforcer_->live_bans(), witness_ ? witness_->counters().overflows : 0,
                     read_clocks());
  memory_->finish(moment(), read_clocks());
}

void App::on_line(const Line& line, const Now& now) {
  pipeline_.take(line, now, outcome_);
}

void App::on_connection(const Connection& connection, const Now& now) {
  pipeline_.take(connection, now, outcome_);
}

PacketDecision App::on_packet(const Packet& packet, const Now& now) {
  return gate_judge_.take(packet, now, outcome_);
}

void App::on_witness(const WitnessState& state, const Now& now) {
  pipeline_.set_witness(state.available, state.sure, now);
  announcer_.witness(state, now);
}

void App::on_batch_end(const Now& now) {
  announcer_.past_bans(take_past(outcome_.verdicts, now), pipeline_.rules(), now);
  if (!outcome_.verdicts.empty()) {
    verdict_meter_.passed(outcome_.verdicts, pipeline_.rules(), !simulated() && metrics_.wanted(), now);
    // The journal hears of it when the kernel has answered: an offender does not gain the time that it takes
    // to write about it.
    for (const auto& verdict : outcome_.verdicts) bans_.ban(wish_of(verdict, pipeline_.rules(), now), now);
    if (!simulated()) enforcer_->send();
  }
  gate_.quench(outcome_.quenches, now);
  gate_.heard(gate_judge_.take_heard());
  for (const auto& report : outcome_.reports)
    if (report.kind == Notice::Kind::rule) verdict_meter_.reported(report.rule, pipeline_.rules());
  history_.recipe_banned(outcome_.recipe_bans);
  if (!outcome_.reports.empty()) announcer_.reports(outcome_.reports, pipeline_.rules(), now);
  operations_.on_outcome(outcome_, now);
  if (simulated())
    enforcer_->send();  // it answers at once, and an offence is told before the ban that it led to
  outcome_.clear();
}

void App::on_enforcer_full(bool full) {
  if (!source_) return;
  if (!full) return source_->resume();
  source_->pause();
  log_.write(events::kPaused,
             {{"reason", "the enforcer's queue is full; reading goes on when the kernel has caught up"}},
             std::chrono::steady_clock::now());
}

void App::wait_for_signal() {
  signals_.async_wait(
      [this](const boost::system::error_code& error, int signal) { on_signal(error, signal); });
}

void App::on_signal(const boost::system::error_code& error, int signal) {
  if (error) return;
  if (signal != SIGHUP) return io_.stop();
  static_cast<void>(reload(read_clocks()));
  wait_for_signal();
}

void App::wait_for_tick() {
  ticker_.expires_after(kTick);
  ticker_.async_wait([this](const boost::system::error_code& error) { on_tick(error); });
}

void App::on_tick(const boost::system::error_code& error) {
  if (error) return;
  const auto now = read_clocks();
  if (!choice_.settled && now.mono - choice_made_ >= kLookAgain) {
    if (auto made = choose_source_anew(now); !made)
      log_.write(events::kFailed, {{"problem", made.error().message()}}, now.mono);
  }
  source_->tick(now);
  if (witness_) witness_->tick(now);
  relays_.tick(config_, witness_ ? witness_->users() : std::set<std::uint32_t>(), !simulated(), now);
  const bool caught_up = source_->lag_bytes() == 0;
  if (caught_up) read_up_ = now.mono;
  pipeline_.tick(now, caught_up, outcome_);
  on_batch_end(now);
  if (sole_) sole_->tick();
  host_addresses_->tick(now);
  allow_.tick(now);
  hooks_.tick(now);
  enforcer_->tick(now);
  gate_.tick(pipeline_, now);
  if (udp_logins_) udp_logins_->tick(now.mono);
  metrics_.tick(now);
  service_.tick();
  if (source_->healthy() && enforcer_->healthy()) service_.feed_watchdog(now.mono);
  announcer_.look(pipeline_, now);
  operations_.tick(now);
  control_.tick(now.mono);
  if (source_->lag_bytes() == 0) adopt_bans(now);
  bans_.tick(now);
  enforcer_->send();
  saved_bans_.prune(memory_->scale().at(now.mono));
  if (memory_->due(now)) memory_->save(moment(), now);
  breaker_alarm_.look(pipeline_.breaker(), now);
  smoke_alarm_.look(smoke_counts(), config_.policy.maxretry,
                    gate_judge_.smoke_senders().in_words(now.mono - SmokeAlarm::kRepeat), now);
  history_.tick(pipeline_, dropped_packets(), now);
  log_.tick(now.mono);
  const auto lines = pipeline_.recogniser().counters().lines;
  service_.status(status(lines - lines_at_last_tick_));
  lines_at_last_tick_ = lines;
  wait_for_tick();
}

SmokeCounts App::smoke_counts() const {
  const DetectCounters& seen = pipeline_.recogniser().counters();
  const Attribution& attribution = pipeline_.attribution();
  return {.lost = pipeline_.blinded(),
          .lost_milli = pipeline_.blinded_milli(),
          .blinded_bytes = seen.blinded_bytes,
          .texts = seen.taints + seen.forged,
          .ambiguous = attribution.counters().ambiguous,
          .ambiguous_milli = attribution.ambiguous_milli(),
          .moved = attribution.counters().moved,
          .moved_milli = attribution.moved_milli()};
}

// Before coturn had them: of who is banned, and by the gate and its rule.
std::uint64_t App::dropped_packets() const {
  const auto* packets = gate_.packets();
  const auto* rule = gate_.rule();
  return operations_.dropped_packets() + (packets != nullptr ? packets->dropped : 0) +
         (rule != nullptr ? rule->traffic.dropped : 0);
}

std::string App::status(std::uint64_t lines_per_second) const {
  return fmt::format("{}: {} lines/s, {} bans, lag {} bytes", simulated() ? "observing" : "guarding",
                     lines_per_second, enforcer_->live_bans(), source_->lag_bytes());
}

std::vector<MetricFamily> App::measured() const {
  return measure({.config = config_,
                  .pipeline = pipeline_,
                  .enforcer = *enforcer_,
                  .source = *source_,
                  .gate = gate_,
                  .verdicts = verdict_meter_,
                  .post = metrics_,
                  .log = log_,
                  .reloads = reloads_,
                  .witness = witness_.get(),
                  .udp_logins = udp_logins_.get(),
                  .eviction = eviction_.get(),
                  .control = &control_.counters(),
                  .bans = &bans_,
                  .hooks = hooks_.counters(),
                  .smoke_alarms = smoke_alarm_.alarms(),
                  .smoke = smoke_alarm_.burning(),
                  .state_bytes = memory_->bytes(),
                  .source_kind = choice_.kind,
                  .enforcer_name = enforcer_choice_.name,
                  .simulated = simulated(),
                  .read_up = read_up_,
                  .started = started_},
                 std::chrono::steady_clock::now());
}

}  // namespace coturn_guard
