// SPDX-License-Identifier: GPL-3.0-or-later
// A million of everything that an attacker can make distinct, all within what we remember: sessions that
// never end, addresses with one offence each, users, connections, lines that wait for the kernel's word, and
// for the tables that keep a list for each address the longest lists. Into the daemon's own pipeline, with a
// witness, and all at once: no table is empty again before the next is full. What the process then holds must
// stay under the sum of the bounds below, and every table must have counted whom it forgot. Prints TAP and,
// as comments, what was measured. Usage: memory_flood PATH/TO/rules/coturn.yaml
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "detect/rule_file.hpp"
#include "pipeline.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kMillion = 1'000'000;
constexpr std::size_t kMiB = std::size_t{1024} * 1024;

// What each part may hold; the counts are its own constants, the bytes of one are with its node, its slot in
// the index and what malloc adds.
constexpr std::size_t kAttribution = 40 * kMiB;  // Attribution::bytes() promises it
constexpr std::size_t kLedger = 200'000 * 160;   // Policy::max_addresses
constexpr std::size_t kTally = Tally::kMaxEntries * (kMostDifferent * 16 + 320);
constexpr std::size_t kCredit = CreditBook::kMaxNetworks * 800;
constexpr std::size_t kTestimony = Testimony::kMaxWaitingBytes + Testimony::kMaxEnded * 1800;
constexpr std::size_t kBound = kAttribution + kLedger + kTally + kCredit + kTestimony;

int number = 0;
int failures = 0;

void ok(bool condition, const std::string& sentence) {
  failures += condition ? 0 : 1;
  fmt::print("{} {} - {}\n", condition ? "ok" : "not ok", ++number, sentence);
  std::fflush(stdout);
}

// A number of this process's in /proc, in bytes.
std::size_t status(std::string_view name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name)) return std::stoul(line.substr(name.size() + 1)) * 1024;
  return 0;
}

// One of coturn's clients: the n-th of a network of its own for each purpose.
Address client(std::uint32_t network, std::uint32_t n) {
  return Address::v4((network << 24U) + n);
}

class Flood {
 public:
  explicit Flood(RuleBook book)
      : pipeline(Recogniser::create(RuleSet::create(std::move(book)).value(), "").value(), Policy{}, {1, 2},
                 {}) {
    pipeline.set_witness(true, true, now);
    pass(3s);
  }

  template <class... Args>
  void line(StreamId stream, fmt::format_string<Args...> form, Args&&... args) {
    text_.clear();
    fmt::format_to(std::back_inserter(text_), form, std::forward<Args>(args)...);
    pipeline.take({.text = text_, .stream = stream, .offset = offset_}, now, outcome_);
    offset_ += text_.size() + 1;
    verdicts += outcome_.verdicts.size();
    outcome_.clear();
  }
  void connection(Connection::State state, const Address& address, std::uint16_t port, std::uint64_t bytes) {
    pipeline.take(Connection{.local = {client(198, 1), 3478},
                             .client = {address, port},
                             .state = state,
                             .counted = port != 0,
                             .received_bytes = bytes,
                             .acked_bytes = bytes},
                  now, outcome_);
    outcome_.clear();
  }
  void sampled() {
    pipeline.sampled(now, now, outcome_);
    outcome_.clear();
  }
  // A moment, so short that nothing that was remembered is forgotten for its age.
  void pass(std::chrono::milliseconds duration) {
    now.mono += duration;
    pipeline.heard(now);
    pipeline.tick(now, true, outcome_);
    outcome_.clear();
  }

  Pipeline pipeline;
  Now now{std::chrono::steady_clock::time_point(1h), {}};
  std::uint64_t verdicts = 0;
  std::uint64_t session = 0;

 private:
  std::string text_;
  std::uint64_t offset_ = 0;
  Outcome outcome_;
};

void report(std::string_view what, const Flood& flood) {
  fmt::print("# {}: {} MiB now; attribution {}, ledger {}, testimony {}\n", what, status("VmRSS") / kMiB,
             flood.pipeline.attribution().bytes() / kMiB, flood.pipeline.ledger().bytes() / kMiB,
             flood.pipeline.testimony().bytes() / kMiB);
  std::fflush(stdout);
}

// Connections that live and move bytes, so that each earns credit.
void living(Flood& flood) {
  for (const std::uint64_t bytes : {0U, 65'536U}) {
    for (std::uint32_t n = 0; n < kMillion; ++n)
      flood.connection(Connection::State::living, client(20, n), 1024, bytes);
    flood.sampled();
    flood.pass(11s);
  }
  report("living connections", flood);
}

void sessions_and_users(Flood& flood) {
  for (std::uint32_t n = 0; n < kMillion; ++n) {
    const std::uint64_t session = ++flood.session;
    flood.line(1, "22: : ERROR: check_stun_auth: user user{} credentials are incorrect", n);
    flood.line(1,
               "22: : session {:018}: realm <example.org> user <user{}>: incoming packet message processed, "
               "error 401: Unauthorized",
               session, n);
    flood.line(1,
               "22: : session {:018}: realm <example.org> user <user{}>: incoming packet ALLOCATE processed, "
               "error 486: Allocation Quota Reached",
               session, n);
  }
  for (std::uint32_t n = 0; n < kMillion; ++n)
    flood.line(1,
               "22: : session {:018}: realm <example.org> user <other{}>: incoming packet ALLOCATE "
               "processed, success",
               ++flood.session, n);
  report("sessions that never end, each with a user of its own", flood);
}

// More users than are told apart one by one, for more networks than are remembered.
void logins(Flood& flood) {
  for (std::uint32_t n = 0; n < 70'000; ++n) {
    for (std::uint32_t user = 0; user < 17; ++user) {
      const std::uint64_t session = ++flood.session;
      flood.line(1,
                 "22: : session {:018}: realm <example.org> user <user{}x{}>: incoming packet ALLOCATE "
                 "processed, success",
                 session, n, user);
      flood.line(1, "22: : session {:018}: TCP socket closed remotely {}:4000", session,
                 client(21, n).to_string());
    }
  }
  report("networks with 17 users each", flood);
}

// As many different peers as are told apart, for more networks than are remembered.
void peers(Flood& flood) {
  for (std::uint32_t n = 0; n < 70'000; ++n) {
    const std::uint64_t session = ++flood.session;
    for (std::uint32_t peer = 0; peer < kMostDifferent; ++peer) {
      flood.line(2,
                 "22: (18659): ERROR: session {:018}: A peer IP 10.0.1.{} denied in the range: "
                 "10.0.0.0-10.255.255.255 in server 0 ",
                 session, peer);
      flood.line(2,
                 "22: (18659): INFO: session {:018}: realm <example.org> user <alice>: incoming packet "
                 "CREATE_PERMISSION processed, error 403: Forbidden IP",
                 session);
    }
    flood.line(2,
               "22: (18659): INFO: session {:018}: closed (2nd stage), user <alice> realm <example.org> "
               "origin <>, local 198.51.100.10:3478, remote {}:4000, reason: allocation timeout",
               session, client(22, n).to_string());
  }
  report("networks with 64 denied peers each", flood);
}

// One offence of each address; the kernel knows none of these connections.
void resets(Flood& flood) {
  for (std::uint32_t n = 0; n < kMillion; ++n)
    flood.line(1, "22: : ERROR: session {:018}: TCP socket error: Connection reset by peer {}:4000",
               ++flood.session, client(23, n).to_string());
  report("addresses with one reset each, of which the first wait for the kernel", flood);
}

void ends(Flood& flood) {
  for (std::uint32_t n = 0; n < kMillion; ++n) {
    flood.connection(Connection::State::closed, client(24, n), 4000, 100);
    flood.connection(Connection::State::closed, client(n % 2 == 0 ? 20 : 25, n), 0, 0);
  }
  report("connections that ended, half of them untold by a line", flood);
}

void judge(const Flood& flood, std::size_t before) {
  const Pipeline& pipeline = flood.pipeline;
  const auto moved = [](std::string_view what, std::uint64_t size, std::uint64_t most, std::uint64_t forgot) {
    ok(size <= most && size > most / 2, fmt::format("{}: {} of at most {}", what, size, most));
    ok(forgot > 0, fmt::format("{}: {} made room, and were counted", what, forgot));
  };
  const auto& testimony = pipeline.testimony().counters();
  moved("sessions", pipeline.attribution().sessions(), Attribution::kMaxSessions,
        pipeline.attribution().counters().evicted);
  moved("offenders", pipeline.ledger().size(), Policy{}.max_addresses, pipeline.ledger().counters().evicted);
  moved("addresses that differ in what they do", pipeline.tally().size(), Tally::kMaxEntries,
        pipeline.tally().evicted());
  moved("networks with credit", pipeline.credit().size(), CreditBook::kMaxNetworks,
        pipeline.credit().evicted());
  moved("lines that wait for the kernel", pipeline.testimony().waiting(), Testimony::kMaxWaiting,
        testimony.overflowed);
  ok(testimony.forgotten > 0, fmt::format("ends: {} made room, and were counted", testimony.forgotten));
  ok(testimony.connections >= 2 * std::uint64_t{kMillion},
     fmt::format("{} connections went through the testimony", testimony.connections));
  ok(pipeline.attribution().bytes() < kAttribution, "attribution keeps its promise of 40 MiB");

  const std::size_t peak = status("VmHWM") - before;
  fmt::print("# peak {} MiB, of which {} MiB before the flood; {} verdicts\n", status("VmHWM") / kMiB,
             before / kMiB, flood.verdicts);
  ok(peak < kBound, fmt::format("the flood takes {} MiB, under the {} MiB that all bounds add up to",
                                peak / kMiB, kBound / kMiB));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto book = load_rules(argv[1]);
  if (!book) {
    for (const std::string& problem : book.error()) fmt::print("# {}\n", problem);
    return 1;
  }
  Flood flood(*std::move(book));
  const std::size_t before = status("VmRSS");
  living(flood);
  sessions_and_users(flood);
  logins(flood);
  peers(flood);
  ends(flood);
  resets(flood);
  judge(flood, before);
  fmt::print("1..{}\n", number);
  return failures == 0 ? 0 : 1;
}
