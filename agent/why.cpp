// SPDX-License-Identifier: GPL-3.0-or-later
#include "why.hpp"

#include <algorithm>
#include <map>

#include "progress.hpp"
#include "replay_report.hpp"
#include "util/duration.hpp"
#include "util/text.hpp"

namespace coturn_guard {
namespace {

// What is known of one judged network. An operator asks for few; a wide prefix may hold many.
struct Dossier {
  std::uint64_t offences = 0;
  std::uint64_t bans = 0;
  std::chrono::steady_clock::time_point banned_until{};
};

class Teller {
 public:
  Teller(const WhyOptions& options, const Replay& replay, std::uint64_t total_bytes)
      : options_(options), replay_(replay), progress_(total_bytes) {}

  [[nodiscard]] ReplayEvents events() {
    ReplayEvents events;
    events.judged = [this](const Judged& judged, std::string_view time) { offended(judged, time); };
    events.banned = [this](const Verdict& verdict, std::string_view time) { banned(verdict, time); };
    events.read = [this](std::uint64_t bytes) { progress_.advanced(bytes); };
    return events;
  }

  // Where each stands at the end; true where anything is known.
  [[nodiscard]] bool conclude() {
    progress_.hide();
    // Whom no line blames may still be known for a login.
    if (const Prefix unit = unit_of(options_.network.network()); dossiers_.empty() && has_credit(unit))
      dossiers_[unit];
    for (const auto& [network, dossier] : dossiers_) stand(network, dossier);
    if (!dossiers_.empty()) return true;
    if (options_.json)
      print_line({{"event", "nothing"}, {"prefix", options_.network.to_string()}, {"lines", lines()}});
    else
      fmt::print("{}: nothing is known of it in {} lines\n", options_.network.to_string(), lines());
    return false;
  }

 private:
  [[nodiscard]] const Pipeline& pipeline() const { return replay_.pipeline(); }
  [[nodiscard]] std::uint64_t lines() const { return pipeline().recogniser().counters().lines; }
  [[nodiscard]] Prefix unit_of(const Address& address) const {
    return pipeline().ledger().prefix_of(address);
  }
  [[nodiscard]] bool has_credit(const Prefix& network) const {
    const Standing standing = pipeline().credit().standing(network, replay_.now());
    return standing.by_login || standing.by_bytes;
  }
  // An IPv6 network is judged as one, so what its other addresses did is against this one, too.
  [[nodiscard]] bool asked_for(const Prefix& network) const {
    return network.overlaps(options_.network) || network.overlaps(pipeline().judged_as(options_.network));
  }

  void offended(const Judged& judged, std::string_view time) {
    const Offence& offence = judged.offence;
    const Prefix network = pipeline().ledger().network_of(offence);
    if (!asked_for(network)) return;
    dossiers_[network].offences += offence.count;
    progress_.hide();
    if (options_.json)
      print_line(json_of(judged, pipeline().ledger(), pipeline().rules(), time));
    else
      fmt::print("{}\n", text_of(judged, pipeline().rules(), time));
  }

  void banned(const Verdict& verdict, std::string_view time) {
    if (!asked_for(verdict.prefix)) return;
    Dossier& dossier = dossiers_[verdict.prefix];
    ++dossier.bans;
    dossier.banned_until = std::max(dossier.banned_until, verdict.deed.now.mono + verdict.duration);
    progress_.hide();
    if (options_.json)
      print_line(json_of(verdict, pipeline().rules(), time));
    else
      fmt::print("{}\n", text_of(verdict, pipeline().rules(), time));
  }

  void stand(const Prefix& network, const Dossier& dossier) const {
    const Now now = replay_.now();
    const auto left = std::chrono::ceil<std::chrono::seconds>(
        std::max(dossier.banned_until - now.mono, std::chrono::steady_clock::duration::zero()));
    const Points points = pipeline().ledger().points(network, now);
    const Standing standing = pipeline().credit().standing(network, now);
    if (options_.json) {
      print_line({{"event", "standing"},
                  {"time", replay_.time()},
                  {"prefix", network.to_string()},
                  {"offences", dossier.offences},
                  {"bans", dossier.bans},
                  {"banned_for_seconds", left.count()},
                  {"in_window", points.milli / 1000.0},
                  {"credit", json_of(standing)}});
      return;
    }
    fmt::print("{} at the log's end ({}): offences {}, bans {}, {}, {} points in the window{}{}\n",
               network.to_string(), escape(replay_.time()), dossier.offences, dossier.bans,
               left.count() > 0 ? "banned for another " + to_string(left) : "not banned", to_string(points),
               text_of(standing).empty() ? "" : "; ", text_of(standing));
  }

  const WhyOptions& options_;
  const Replay& replay_;
  Progress progress_;
  std::map<Prefix, Dossier> dossiers_;
};

}  // namespace

Result<bool> tell_why(const WhyOptions& options, Setup setup) {
  auto logs = LogFiles::open(options.files.empty() ? find_logs(setup.config.log_file) : options.files);
  if (!logs && options.files.empty())
    return fail(
        "{}; name coturn's log, or where it is in the journal: journalctl -u coturn -o short-iso | "
        "coturn-guard why {} -",
        logs.error().message(), options.network.to_string());
  if (!logs) return tl::unexpected(logs.error());
  auto replay = Replay::create(std::move(setup));
  if (!replay) return tl::unexpected(replay.error());
  Teller teller(options, *replay, logs->total_bytes());
  if (auto done = replay->read(*logs, teller.events()); !done) return tl::unexpected(done.error());
  return teller.conclude();
}

}  // namespace coturn_guard
