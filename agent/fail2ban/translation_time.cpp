// SPDX-License-Identifier: GPL-3.0-or-later
// How long and how often: findtime, maxretry, bantime and its ladder (server/jail.py, setBanTimeExtra).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>

#include "fail2ban/time_span.hpp"
#include "fail2ban/translator.hpp"
#include "fail2ban/words.hpp"
#include "util/duration.hpp"
#include "util/text.hpp"

namespace coturn_guard::fail2ban {
namespace {

using std::chrono::seconds;

constexpr double kDefaultTime = 600;  // server/failmanager.py, banmanager.py
constexpr int kDefaultRetries = 3;
constexpr double kLongest = static_cast<double>(kLongestDuration.count());
constexpr double kLongestWindow = 52.0 * 7 * 24 * 3600;
constexpr double kLargestFactor = 1000;
constexpr std::string_view kLadderFormula = "ban.Time*(1<<(ban.Countifban.Count<20else20))*banFactor";

std::string duration(double length) {
  return to_string(seconds(static_cast<seconds::rep>(length)));
}

std::optional<long> whole_number(std::string_view text) {
  long number = 0;
  const auto stripped = strip(text);
  const auto [end, error] = std::from_chars(stripped.data(), stripped.data() + stripped.size(), number);
  if (error != std::errc{} || end != stripped.data() + stripped.size()) return std::nullopt;
  return number;
}

// A span within our bounds; what it had to be bent by is a reason.
struct Bent {
  double length;
  std::string reason;
};

Bent bend(double length, double most) {
  if (length < 1) return {1, "shorter than a second is not possible here"};
  if (length > most) return {most, fmt::format("longer than {} is not possible here", duration(most))};
  return {std::floor(length), ""};
}

class Ladder {
 public:
  explicit Ladder(Teller& teller) : teller_(teller) {}

  void translate() {
    if (!first_ban()) return;
    const auto* const increment = teller_.given("bantime.increment");
    if (increment == nullptr || !is_yes(increment->value)) return constant();
    teller_.implied("bantime.increment", "each ban lasts twice as long as the one before, here always");
    factor();
    const double cap = multipliers();
    formula();
    longest(cap);
    if (teller_.given("bantime.rndtime") != nullptr)
      teller_.lost("bantime.rndtime", "bans here last exactly as long as they say");
    if (const auto* const overall = teller_.given("bantime.overalljails")) {
      teller_.into().overall_jails = is_yes(overall->value);
      if (is_yes(overall->value))
        teller_.lost("bantime.overalljails",
                     "here are no other jails; the bans of all jails count once, when they are taken over");
    }
  }

 private:
  // False: without it nothing of the ladder means anything.
  bool first_ban() {
    const auto* const setting = teller_.given("bantime");
    const auto length = setting ? parse_time_span(setting->value) : kDefaultTime;
    if (!length) return teller_.lost("bantime", "is no span of time that can be read"), false;
    teller_.into().bantime = *length;
    const Bent bent = *length < 0 ? Bent{kLongest, "negative is for ever in fail2ban; this is ten years"}
                                  : bend(*length, kLongest);
    bantime_ = bent.length;
    teller_.taken("bantime", fmt::format("bantime: {}", duration(bantime_)), bent.reason);
    return true;
  }

  void constant() {
    teller_.taken("bantime.increment", fmt::format("bantime_max: {}", duration(bantime_)),
                  "so each ban lasts as long as the first, as in that jail; without this line, repeated ones "
                  "last twice as long each time");
  }

  void factor() {
    const auto* const setting = teller_.given("bantime.factor");
    if (setting == nullptr) return;
    const auto number = parse_number(setting->value);
    const double milli = number ? std::round(*number * 1000) : 0;
    if (milli < 1 || milli > kLargestFactor * 1000)
      return teller_.lost("bantime.factor", "is no number from 0.001 to 1000");
    factor_ = milli / 1000;
    teller_.taken("bantime.factor", fmt::format("bantime_factor: {}", factor_),
                  std::abs(*number - factor_) > 1e-9 ? "rounded to three decimals" : "");
  }

  // The cap that they put on bans; 0: none.
  double multipliers() {
    const auto* const setting = teller_.given("bantime.multipliers");
    if (setting == nullptr) return 0;
    has_multipliers_ = true;
    bool doubles = true;
    double last = 0, expected = 1;
    for (const auto word : split_words(setting->value, " ")) {
      const auto number = whole_number(word);
      if (!number || *number < 1) return teller_.lost("bantime.multipliers", "are no list of numbers"), 0;
      last = static_cast<double>(*number);
      doubles = doubles && std::abs(last - expected) < 0.5;
      expected *= 2;
    }
    const double cap = bantime_ * factor_ * last;
    if (doubles)
      teller_.implied("bantime.multipliers",
                      "the same doubling as here; the last of them became bantime_max");
    else
      teller_.lost(
          "bantime.multipliers",
          "here each ban lasts twice as long as the one before; only the last of them is kept, as the "
          "longest ban");
    return cap;
  }

  void formula() {
    const auto* const setting = teller_.given("bantime.formula");
    if (setting == nullptr) return;
    std::string bare = setting->value;
    std::erase_if(bare, [](char c) { return kBlanks.find(c) != std::string_view::npos; });
    if (has_multipliers_)
      teller_.implied("bantime.formula", "fail2ban itself does not look at it beside bantime.multipliers");
    else if (bare == kLadderFormula)
      teller_.implied("bantime.formula", "the same doubling as here");
    else
      teller_.lost("bantime.formula",
                   "a program of its own; here each ban lasts twice as long as the one before");
  }

  void longest(double cap) {
    const auto* const setting = teller_.given("bantime.maxtime");
    const auto most = setting ? parse_time_span(setting->value) : std::nullopt;
    const bool unreadable = setting != nullptr && !most;
    double length = most.value_or(kLongest);
    if (cap > 0) length = std::min(length, cap);
    const bool raised = length < bantime_;
    const Bent bent = bend(std::max(length, bantime_), kLongest);
    const char* const why = unreadable
                                ? "is no span of time that can be read, so it is as if it were not there"
                            : raised             ? "no ban is shorter than bantime, in fail2ban neither"
                            : setting != nullptr ? ""
                            : cap > 0            ? "bantime times the last of bantime.multipliers"
                                                 : "that jail has no longest ban; this is ten years";
    teller_.taken(setting != nullptr || cap == 0 ? "bantime.maxtime" : "bantime.multipliers",
                  fmt::format("bantime_max: {}", duration(bent.length)),
                  bent.reason.empty() ? why : bent.reason);
  }

  Teller& teller_;
  double bantime_ = kDefaultTime;
  double factor_ = 1;
  bool has_multipliers_ = false;
};

void window(Teller& teller) {
  const auto* const setting = teller.given("findtime");
  const auto length = setting ? parse_time_span(setting->value) : kDefaultTime;
  if (!length || *length < 0) return teller.lost("findtime", "is no span of time that can be read");
  const Bent bent = bend(*length, kLongestWindow);
  teller.taken("findtime", fmt::format("findtime: {}", duration(bent.length)), bent.reason);
}

void retries(Teller& teller) {
  const auto* const setting = teller.given("maxretry");
  const auto number = setting ? whole_number(setting->value) : kDefaultRetries;
  if (!number || *number < 1 || *number > 10'000)
    return teller.lost("maxretry", "is no number from 1 to 10000");
  teller.taken("maxretry", fmt::format("maxretry: {}", *number));
}

void memory(Teller& teller, const Settings& global) {
  Notes untold;
  const auto setting = global.get("Definition", "dbpurgeage", untold);
  if (!setting) return;
  const auto length = parse_time_span(setting->value);
  if (!length || *length < 0 || *length > kLongest) return;
  Told told{Outcome::taken,
            "dbpurgeage",
            setting->value,
            setting->place(),
            fmt::format("forget_after: {}", duration(*length)),
            ""};
  if (Teller::is_stock(*setting)) {
    told.outcome = Outcome::implied;
    told.reason =
        "fail2ban's own default, which forgets who comes back weekly; ours is 5w. To forget as early";
  }
  teller.into().told.push_back(std::move(told));
}

}  // namespace

void translate_times(Teller& teller, const Settings& global) {
  window(teller);
  retries(teller);
  Ladder(teller).translate();
  memory(teller, global);
}

}  // namespace coturn_guard::fail2ban
