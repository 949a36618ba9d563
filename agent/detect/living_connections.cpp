// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/living_connections.hpp"

#include <algorithm>
#include <utility>

namespace coturn_guard {
namespace {

// How long an end may be told after a sample missed its connection (coturn waits for a last acknowledgement).
constexpr std::chrono::minutes kGoneFor{2};
// A line about a beginning is read that long before a sample sees the connection, at most: samples are two
// seconds apart. Lines of more than a minute ago are about none of these.
constexpr std::chrono::seconds kLineComesBefore{5};
constexpr std::chrono::seconds kLinesStandFor{60};

}  // namespace

LivingConnections::Signs LivingConnections::seen(const Connection& connection, Time now) {
  if (living_.size() >= kMaxLiving && !lives(connection.client)) {
    full_ = true;
    return {};
  }
  Living& living = living_.touch(connection.client, now);
  const bool other = living.known && connection.counted &&
                     (connection.received_bytes < living.received || connection.acked_bytes < living.acked);
  if (other) {  // the port was used again between two samples
    if (left(connection.client, living, now) && whole_ && reused_.size() < kMaxLiving)
      reused_.push_back(connection.client);
    living = {};
  }
  // Ends of foreign ones are not counted, so they cannot stand for any.
  if (!connection.foreign) {
    Home& home = homes_.touch({connection.client.address, 0}, now);
    if (!living.known) ++home.living;
  }
  if (!living.known) {
    living.known = true;
    living.began = whole_;
    living.foreign = connection.foreign;
    living.first = now;
    living.received_first = connection.received_bytes;
    living.acked_first = connection.acked_bytes;
  }
  if (connection.acked_bytes > living.acked || living.answered == Time{}) living.answered = now;
  living.sample = sample_;
  living.received = connection.received_bytes;
  living.acked = connection.acked_bytes;
  living.counted = connection.counted;
  living.spare_segments = connection.spare_segments;
  if (!connection.counted) return {};

  Signs signs;
  const bool unanswered = now - living.first >= kIdleFor && living.acked < kAnswerBytes;
  const bool handshake_only = now - living.answered >= kIdleFor && living.received >= kHelloBytes &&
                              living.acked >= kCertificateBytes && living.acked <= kLongestHandshakeBytes &&
                              connection.spare_segments <= kHandshakeSpares;
  signs.idle = !living.was_idle && !living.foreign && (unanswered || handshake_only);
  living.was_idle = living.was_idle || signs.idle;
  const bool moved = living.received >= living.received_told + kBusyBytes &&
                     living.acked >= living.acked_told + kBusyBytes &&
                     living.received > living.received_first && living.acked > living.acked_first;
  signs.busy = moved && !living.offended && !living.foreign && now - living.first >= kBusyFor &&
               (!living.was_busy || now - living.busy_told >= kBusyAgain);
  if (signs.busy) {
    living.was_busy = true;
    living.busy_told = now;
    living.received_told = living.received;
    living.acked_told = living.acked;
  }
  return signs;
}

void LivingConnections::ended(const Endpoint& client) {
  const Living* const living = living_.find(client);
  if (living == nullptr) return;
  const bool foreign = living->foreign;
  living_.erase(client);
  if (foreign) return;
  if (Home* const home = home_of(client.address); home != nullptr && home->living > 0) --home->living;
}

bool LivingConnections::one_ended(const Address& address, Time now) {
  Home* const home = home_of(address);
  if (!whole_) return false;
  if (home == nullptr) return true;
  if (home->gone > 0) {
    --home->gone;
    return false;
  }
  if (home->ended.size() >= home->living) return true;  // more ended than were ever seen
  if (home->ended.empty()) unsettled_.push_back(address);
  home->ended.push_back(now);
  return false;
}

// A connection that was seen living is no more, and nobody said so. True: it was unserved, and no line stands
// for it.
bool LivingConnections::left(const Endpoint& client, const Living& living, Time now) {
  if (living.foreign) return false;
  Home& home = homes_.touch({client.address, 0}, now);
  if (home.living > 0) --home.living;
  ++home.gone;
  if (!is_unserved(living, now)) return false;
  if (home.lines == 0 || home.line_at < living.first - kLineComesBefore) return true;
  --home.lines;
  return false;
}

bool LivingConnections::is_unserved(const Living& living, Time now) {
  if (!living.began || !living.counted || living.was_idle || living.offended) return false;
  if (now - living.first > kUnservedFor) return false;
  if (living.acked < kAnswerBytes) return true;
  if (living.acked < kOneAnswerBytes) return living.spare_segments == 0;
  return living.received >= kHelloBytes && living.acked <= kLongestHandshakeBytes &&
         living.spare_segments <= kHandshakeSpares;
}

void LivingConnections::line_told(const Address& client, std::uint32_t count, Time now) {
  Home& home = homes_.touch({client, 0}, now);
  if (now - home.line_at > kLinesStandFor) home.lines = 0;
  home.line_at = now;
  home.lines =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{home.lines} + count, kMaxLiving));
  if (homes_.size() > 2 * kMaxLiving) homes_.drop_oldest();
}

void LivingConnections::sampled(Time begun, Time now, std::vector<Address>& brief,
                                std::vector<Endpoint>& unserved) {
  const bool certain = whole_ && !full_;
  if (certain) unserved.insert(unserved.end(), reused_.begin(), reused_.end());
  reused_.clear();
  while (living_.size() != 0 && living_.oldest().value.sample != sample_) {
    const Endpoint client = living_.oldest().key;
    if (left(client, living_.oldest().value, now) && certain) unserved.push_back(client);
    living_.drop_oldest();
  }
  std::vector<Address> still_unsettled;
  for (const Address& address : unsettled_) {
    Home* const home = home_of(address);
    if (home == nullptr) continue;
    settle(*home, begun, [&] {
      if (certain) brief.push_back(address);
    });
    if (!home->ended.empty()) still_unsettled.push_back(address);
  }
  unsettled_ = std::move(still_unsettled);
  whole_ = !full_ && begun >= unbroken_since_;
  full_ = false;
  ++sample_;
  while (homes_.size() != 0 && (homes_.size() > 2 * kMaxLiving || homes_.oldest().touched < now - kGoneFor))
    homes_.drop_oldest();
}

// Each that is gone stands for one end. Of the ends that are left, those from before the sample have nobody
// to stand for them: who lived then would be missing from it.
template <class Brief>
void LivingConnections::settle(Home& home, Time begun, Brief&& brief) {
  auto& ended = home.ended;
  const auto explained = std::min<std::size_t>(home.gone, ended.size());
  home.gone -= static_cast<std::uint32_t>(explained);
  ended.erase(ended.begin(), ended.begin() + static_cast<std::ptrdiff_t>(explained));
  const auto later = std::find_if(ended.begin(), ended.end(), [&](Time time) { return time >= begun; });
  std::for_each(ended.begin(), later, [&](Time) { brief(); });
  ended.erase(ended.begin(), later);
}

void LivingConnections::missed(Time now) {
  unbroken_since_ = now;
  whole_ = false;
  for (const Address& address : unsettled_)
    if (Home* const home = home_of(address)) home->ended.clear();
  unsettled_.clear();
}

void LivingConnections::offended(const Endpoint& client) {
  if (Living* const living = living_.find(client)) living->offended = true;
}

}  // namespace coturn_guard
