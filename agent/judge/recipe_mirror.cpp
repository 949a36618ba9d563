// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/recipe_mirror.hpp"

#include <algorithm>
#include <cmath>

#include "judge/ladder.hpp"

namespace coturn_guard {
namespace {

using std::chrono::seconds;

constexpr std::string_view kBeforeSession = ": : ERROR: session ";
constexpr std::string_view kAfterTransport = " socket error: Connection reset by peer ";
// Fail2Ban's dbpurgeage: bans that ended longer ago are no earlier bans.
constexpr std::chrono::hours kRemembered{24};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_transport(char c) {
  return (c >= 'A' && c <= 'Z') || c == '/';
}

// Cuts what fits off the beginning; says how much that was.
template <class Fits>
std::size_t skip(std::string_view& text, const Fits& fits) {
  const auto end = std::find_if_not(text.begin(), text.end(), fits);
  const auto count = static_cast<std::size_t>(end - text.begin());
  text.remove_prefix(count);
  return count;
}
bool skip_words(std::string_view& text, std::string_view words) {
  if (!text.starts_with(words)) return false;
  text.remove_prefix(words.size());
  return true;
}

// The text's own values: it sets no others.
const Policy& policy_of_recipe() {
  static const Policy policy{.findtime = std::chrono::hours(1),
                             .maxretry = {3000},
                             .bantime = std::chrono::minutes(1),
                             .bantime_max = std::chrono::hours(5 * 7 * 24)};
  return policy;
}

}  // namespace

std::optional<Address> matched_by_recipe(std::string_view line) {
  skip(line, is_space);
  if (skip(line, is_digit) == 0 || !skip_words(line, kBeforeSession)) return std::nullopt;
  if (skip(line, is_word) == 0 || !skip_words(line, ": ")) return std::nullopt;
  if (skip(line, is_transport) == 0 || !skip_words(line, kAfterTransport)) return std::nullopt;
  const std::size_t end = std::min(line.find_first_not_of("0123456789abcdefABCDEF.:[]"), line.size());
  const auto endpoint = Endpoint::parse(line.substr(0, end));
  return endpoint && endpoint->port != 0 ? std::optional(endpoint->address) : std::nullopt;
}

std::optional<RecipeBan> RecipeMirror::take(std::string_view line, const Now& now) {
  const auto address = matched_by_recipe(line);
  if (!address) return std::nullopt;
  const Endpoint key{*address, 0};
  if (table_.find(key) == nullptr && table_.size() >= kMaxAddresses) {
    table_.drop_oldest();
    ++evicted_;
  }
  Offender& offender = table_.touch(key, now.mono);
  if (now.mono < offender.banned_until) return std::nullopt;
  const Policy& policy = policy_of_recipe();
  if (offender.bans > 0) {
    const auto last = offender.banned_until - offender.banned_at;
    if (now.mono - offender.banned_at > kRemembered + 3 * last) offender.bans = 0;
  }
  // Fail2Ban has no sliding window: what is older than findtime is estimated from its rate (ticket.py,
  // adjustTime).
  const auto lasts = now.mono - offender.first;
  if (offender.failures == 0) {
    offender.first = now.mono;
  } else if (lasts > policy.findtime) {
    const double share =
        static_cast<double>(Time::duration(policy.findtime).count()) / static_cast<double>(lasts.count());
    offender.failures = std::lround(static_cast<double>(offender.failures) * share);
    offender.first = now.mono - policy.findtime;
  }
  offender.failures += weigh({1000}, policy, offender.bans).milli / 1000;
  if (offender.failures * 1000 < policy.maxretry.milli) return std::nullopt;
  const seconds duration = ban_duration(policy, offender.bans);
  offender = {.first = now.mono,
              .failures = 0,
              .banned_at = now.mono,
              .banned_until = now.mono + duration,
              .bans = offender.bans + 1};
  return RecipeBan{.when = now.wall, .address = *address, .duration = duration, .customer = false};
}

}  // namespace coturn_guard
