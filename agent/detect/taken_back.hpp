// SPDX-License-Identifier: GPL-3.0-or-later
// What coturn's own word takes back: a connection to the command line whose login succeeds, a data connection
// (RFC 6062) that coturn bound to its allocation. An offence of such a rule (Rule::taken_back_by) waits a
// little for that word; one word takes back one connection.
//
// - A word that names a client is about that very address and port, and about what waits already.
// - A word that names a session only (CONNECTION_BIND success stands in the control connection's session, the
//   close that it explains in the data connection's) may come before or after. It takes back one connection
//   of the session's client. As long as nobody has named that client it may be one of several addresses': one
//   connection of each of kMaxClaims is spared, for good: whom to charge later nobody could say, and two
//   customers would pay for each other.
//
// All waiting is by the time of the log that tells (Deed): a backlog, whose lines come at once, is judged as
// they were written. So no word about a client that is known excuses another's. Bounded: what waited longest
// is charged first, the oldest word is forgotten first, and of one session there are so many at most.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "detect/attribution.hpp"
#include "detect/rule_set.hpp"
#include "model/clock.hpp"
#include "model/flow.hpp"
#include "model/translated.hpp"

namespace coturn_guard {

class TakenBack {
 public:
  static constexpr std::size_t kMaxWaiting = 4096;
  static constexpr std::size_t kMaxWords = 1024;
  static constexpr std::size_t kMaxWordsOfSession = 64;
  static constexpr std::size_t kMaxClaims = 4;  // addresses of which one word may be
  // How long an offence waits for a word that names its client: an administrator types the password.
  static constexpr std::chrono::seconds kPatience{20};
  // How long for a word that names a session only: coturn's threads write both lines at nearly one moment.
  static constexpr std::chrono::seconds kBeside{2};
  // How long a word can take back what comes after it. That may have waited for the kernel's word before
  // (Testimony::kLongestPatience).
  static constexpr std::chrono::seconds kWordHolds{15};
  // How long after a line of Rule::taken_back_after such words are waited for.
  static constexpr std::chrono::hours kExpected{2};

  enum class Fate : std::uint8_t { charged, taken_back, waits };
  using Time = std::chrono::steady_clock::time_point;
  // How late it is where that was told.
  using TimeAt = std::function<Time(const Deed&)>;
  // Gets an offence that is to be charged after all, and when it happened, where that is known.
  using Charge = std::function<void(const Attributed&, std::optional<Time>)>;

  // `when` it happened, where that is known.
  [[nodiscard]] Fate take(const Attributed& offence, std::optional<Time> when, const RuleSet& rules,
                          const Now& now, const Charge& charge);
  // A line of a rule that RuleSet::takes_back(), foretells() or that closes. `client`: of its session, where
  // it is known.
  void hear(const Event& event, const std::optional<Address>& client, const RuleSet& rules, const Now& now,
            const Charge& charge);
  // The session's client was named.
  void named(std::uint32_t log, std::uint64_t session, const Address& client);
  void tick(const TimeAt& time_at, const Charge& charge);
  // That log (Deed::log) has come so far.
  void pass(std::uint32_t log, Time now, const Charge& charge);
  void finish(const Charge& charge);  // nothing more comes
  // Coturn began anew: its sessions are others.
  void restarted(std::uint32_t log);
  void rules_changed(const RuleSet& from, const RuleSet& to);
  void set_translated(const TranslatedNetworks& networks) { translated_ = networks; }

  [[nodiscard]] std::uint64_t taken_back() const { return taken_back_; }
  [[nodiscard]] bool empty() const { return waiting_.empty() && words_.empty(); }
  void waiting(std::vector<LinePlace>& lines) const;  // lines whose effect waits, appended

 private:
  struct Waiting {
    Attributed offence;
    Time since;
    std::optional<Time> when;
    bool beside = false;  // waits for a word about a session
  };
  struct Word {
    std::uint32_t log = 0;
    std::uint64_t session = 0;
    RuleId rule = 0;
    Time when;
    Deed deed;
    std::optional<Address> client;
    std::vector<Address> claims;  // whose connection it took back
    bool used_up = false;
  };
  struct Expected {
    std::uint32_t log = 0;
    RuleId rule = 0;
    Time since;
  };

  [[nodiscard]] bool same_host(const Address& a, const Address& b) const;
  [[nodiscard]] bool use(Word& word, const Address& address);
  void note_expected(std::uint32_t log, RuleId rule, Time now);
  [[nodiscard]] bool expects(const Attributed& offence, const RuleSet& rules, Time now) const;
  void add_word(Word word, const RuleSet& rules, const Charge& charge);
  void forget_old(const TimeAt& time_at);

  TranslatedNetworks translated_;
  std::deque<Waiting> waiting_;
  std::deque<Word> words_;
  std::vector<Expected> expected_;
  std::uint64_t taken_back_ = 0;
  std::pair<std::uint32_t, Time> passed_;  // by the last call of pass(): whole seconds
};

}  // namespace coturn_guard
