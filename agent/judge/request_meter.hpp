// SPDX-License-Identifier: GPL-3.0-or-later
// How many answers each source asks coturn for over UDP, before anything proves that it is there: Packet ->
// Quench. Whoever forges a victim's address makes coturn send to it; past the limit coturn is to answer it no
// more for a while. A window that slides in eighths, for each IPv4 address and each /64. Bounded: the source
// that was silent longest is forgotten first, so that a million forged ones do not hide one that comes again
// and again.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "model/clock.hpp"
#include "model/flow.hpp"
#include "model/recent_table.hpp"

namespace coturn_guard {

// What an operator can set of it.
struct QuenchPolicy {
  // More than so many requests within the window are more than a client ever needs, also fifty of them behind
  // one NAT that all begin at once.
  std::uint32_t requests = 400;
  std::chrono::seconds window{10};
  std::chrono::seconds duration{60};
};

// What one packet asks for.
struct Asked {
  std::uint32_t milli = 0;  // thousandths of a request
  std::uint32_t request_bytes = 0, answer_bytes = 0;
};

struct MeterCounters {
  std::uint64_t asked = 0;     // packets that were counted
  std::uint64_t quenched = 0;  // times that a source was
  std::uint64_t late = 0;      // packets of a quenched source that were on their way already
  std::uint64_t evicted = 0;   // sources forgotten before their window was over
};

class RequestMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMaxSources = 65'536;

  enum class Answer : std::uint8_t { within, too_many, quenched };

  RequestMeter(const QuenchPolicy& policy, const HashSeed& seed) : policy_(policy), sources_(seed) {}

  // The unit: an IPv4 address, a /64.
  [[nodiscard]] static Prefix source_of(const Address& address) {
    return Prefix(address, address.is_v4() ? 32 : 64);
  }
  // `limit_percent` of the limit is what this source may ask for: more where it has a good name, less where a
  // ban of it has just ended. With too_many, `quench` is filled in, and until it ends every answer is
  // `quenched`.
  [[nodiscard]] Answer count(const Address& address, const Asked& asked, std::uint32_t limit_percent,
                             const Now& now, Quench& quench);
  void set_policy(const QuenchPolicy& policy) { policy_ = policy; }

  [[nodiscard]] std::size_t size() const { return sources_.size(); }
  [[nodiscard]] std::size_t bytes() const { return sources_.bytes(); }
  [[nodiscard]] const MeterCounters& counters() const { return counters_; }

 private:
  static constexpr std::size_t kSlices = 8;
  struct Slice {
    std::uint32_t milli = 0;
    std::uint32_t request_bytes = 0, answer_bytes = 0;
  };
  struct Source {
    std::array<Slice, kSlices> slices{};
    std::uint64_t newest = 0;  // number of the newest slice, counted from the clock's beginning
    Time quenched_until{};
  };

  [[nodiscard]] std::uint64_t slice_at(Time now) const;
  static void slide(Source& source, std::uint64_t slice);

  QuenchPolicy policy_;
  RecentTable<Source> sources_;
  MeterCounters counters_;
};

}  // namespace coturn_guard
