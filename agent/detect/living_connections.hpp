// SPDX-License-Identifier: GPL-3.0-or-later
// Coturn's living TCP connections as the witness samples them every few seconds: which are busy, which are
// idle, which ended before they were ever seen living, and which were seen and got nothing. The kernel does
// not tell the port of a connection that coturn closed itself, so ends and the connections that a sample
// misses are counted per address: only an end that no missing connection can stand for is brief. When in
// doubt an end is not brief. Bounded; beyond that nothing is brief. It judges nobody.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/flow.hpp"
#include "model/recent_table.hpp"

namespace coturn_guard {

class LivingConnections {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMaxLiving = 65'536;
  static constexpr std::chrono::seconds kBusyFor{10};
  static constexpr std::uint64_t kBusyBytes = std::uint64_t{16} * 1024;  // each way
  static constexpr std::chrono::seconds kBusyAgain{60};
  static constexpr std::chrono::seconds kIdleFor{30};
  // The shortest answer of coturn's: a STUN header (RFC 8489, section 5).
  static constexpr std::uint64_t kAnswerBytes = 20;
  // What a TLS handshake is, measured of coturn 4.6.1: the client says 255 bytes and more; coturn answers
  // with a certificate, in two goes: its first flight, then a ticket or "finished". Segments that the first
  // flight's bytes do not need are thus one at the most (Connection::spare_segments), while a client that
  // allocates gets two answers more. RFC 6062's data connections begin with 100 bytes that are answered
  // by 68.
  static constexpr std::uint64_t kHelloBytes = 200;
  static constexpr std::uint64_t kCertificateBytes = 400;
  static constexpr std::uint64_t kLongestHandshakeBytes = 16'384;
  static constexpr std::uint32_t kHandshakeSpares = 1;
  // Who logs in takes two answers: a challenge and a success. One answer has no certificate's length.
  static constexpr std::uint64_t kOneAnswerBytes = kCertificateBytes;
  static constexpr std::chrono::seconds kUnservedFor{60};  // at most: what lives longer is no flood

  explicit LivingConnections(const HashSeed& seed) : living_(seed), homes_(seed) {}

  // What one look at a connection shows for the first time.
  struct Signs {
    bool busy = false;  // again after kBusyAgain and as many bytes more
    // Once: no message of it was complete in all of kIdleFor. Either coturn answered nothing at all, whatever
    // came, in drops or at once; or no more than a TLS handshake, and for as long nothing else.
    bool idle = false;
  };
  Signs seen(const Connection& connection, Time now);
  // The kernel told that this one ended, port and all.
  void ended(const Endpoint& client);
  // One of this address ended, the kernel does not tell which. True: it is brief.
  [[nodiscard]] bool one_ended(const Address& address, Time now);
  // A sample that began at `begun` is whole: who was not in it does not live any more. Appends the address of
  // each brief one that only now is known to be.
  // And who was seen to live, but not for kUnservedFor, and got one answer at most: unserved.
  void sampled(Time begun, Time now, std::vector<Address>& brief, std::vector<Endpoint>& unserved);
  // A line told that so many connections of this address began: each stands for one that is unserved.
  void line_told(const Address& client, std::uint32_t count, Time now);
  // Ends may have been missed: nothing is brief until the next sample that begins from here on.
  void missed(Time now);

  [[nodiscard]] bool lives(const Endpoint& client) { return living_.find(client) != nullptr; }
  // And not only another program's.
  [[nodiscard]] bool is_coturns(const Endpoint& client) {
    const Living* const living = living_.find(client);
    return living != nullptr && !living->foreign;
  }
  // It did something that a customer does not: from its own bytes it is not busy any more.
  void offended(const Endpoint& client);
  [[nodiscard]] std::size_t size() const { return living_.size(); }
  // Of memory, about: an end that waits stands for one that lived.
  [[nodiscard]] std::size_t bytes() const {
    return living_.bytes() + homes_.bytes() + unsettled_.capacity() * sizeof(Address) +
           living_.size() * sizeof(Time) + reused_.capacity() * sizeof(Endpoint);
  }

 private:
  struct Living {
    Time first, busy_told;
    Time answered;  // when more was acknowledged than before
    std::uint64_t received_first = 0, acked_first = 0;
    std::uint64_t received = 0, acked = 0;
    std::uint64_t received_told = 0, acked_told = 0;
    std::uint64_t sample = 0;  // the last one that it was in
    std::uint32_t spare_segments = 0;
    bool known = false, was_busy = false, was_idle = false, offended = false, foreign = false;
    bool counted = false;
    bool began = false;  // since the last sample: `first` is about when
  };
  // An address with connections that live, or did a moment ago.
  struct Home {
    std::uint32_t living = 0;
    std::uint32_t gone = 0;   // missed by a sample, and no end told for them yet
    std::uint32_t lines = 0;  // that told of a beginning, and of no connection that was unserved yet
    Time line_at{};           // the last one
    std::vector<Time> ended;  // ends that a living one may stand for, the oldest first
  };

  bool left(const Endpoint& client, const Living& living, Time now);
  [[nodiscard]] static bool is_unserved(const Living& living, Time now);
  template <class Brief>
  void settle(Home& home, Time begun, Brief&& brief);
  [[nodiscard]] Home* home_of(const Address& address) { return homes_.find({address, 0}); }

  RecentTable<Living> living_;
  RecentTable<Home> homes_;
  std::vector<Endpoint> reused_;    // unserved ones whose port was used again between two samples
  std::vector<Address> unsettled_;  // homes with ends that a living one may stand for
  std::uint64_t sample_ = 1;
  Time unbroken_since_{};
  bool whole_ = false;  // the last sample began after what was missed, and all had room
  bool full_ = false;   // the running one had no room for somebody
};

}  // namespace coturn_guard
