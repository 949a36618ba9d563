// SPDX-License-Identifier: GPL-3.0-or-later
// The things that travel, in the order of their journey: Line, Connection or Packet -> Event -> Offence ->
// Verdict. Read this first. Passive data only; what makes one of the other lives in detect/ and judge/.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/address.hpp"
#include "model/clock.hpp"
#include "model/prefix.hpp"

namespace coturn_guard {

// Numbers the streams of records that a source reads. Each file (each inode, not each name) is a stream of
// its own: what one line says about the next (format, taint) holds within a stream only.
using StreamId = std::uint32_t;

// Where a line stands, so that its source finds it again: in a file its first byte's offset, in a journal how
// many-th entry it is. Stream 0: it is no line's.
struct LinePlace {
  StreamId stream = 0;
  std::uint64_t place = 0;

  friend auto operator<=>(const LinePlace&, const LinePlace&) = default;
};

// One record of coturn's log as it stands there, without its newline. The text is borrowed for the call.
struct Line {
  std::string_view text;
  StreamId stream = 0;
  std::uint64_t offset = 0;  // of the first byte in its stream: taint is counted in bytes
  // Which of the followed logs it comes from: one coturn's files, one after the other, are one log, and
  // session numbers hold within it.
  std::uint32_t log = 0;
  // The source keeps records apart (the journal does): nothing in the text can pass for another record.
  bool whole = false;
  // The end of the file stood right behind its newline when it was read, and coturn itself writes the file,
  // each record at once: whatever record it belongs to ends with it.
  bool ends_record = false;
  // Read as it was written. In a backlog it is false: then it proves nothing that the kernel's word is
  // absent.
  bool fresh = true;
  // An earlier run counted what it tells. It still says what the lines behind it are (format, taint, what was
  // announced), and nothing else.
  bool known = false;
  std::uint64_t place = 0;  // LinePlace::place
  // When whoever keeps the log took it in (journald, Docker), in milliseconds since 1970; 0: nobody says.
  std::int64_t written_milli = 0;
};

// When something was done, by the log's own time where it tells one (detect/log_clock).
struct Deed {
  enum class By : std::uint8_t { unknown, arrival, uptime, wall };

  By by = By::unknown;
  Now now{};                        // on our clocks
  std::int64_t uptime_seconds = 0;  // by uptime: coturn's own number
  std::int32_t zone_seconds = 0;    // by wall: how far the text's zone is ahead of UTC
  std::uint32_t log = 0;            // Line::log: whose clock told it
  bool fresh = true;                // Line::fresh
  // It has the time of the line before it. What comes behind it says whether its own is right, which is:
  bool in_doubt = false;
  std::int64_t told_milli = 0;  // by its log's clock
};
// "2026-11-22T11:59:05+0000", or "590556" where only coturn's uptime is known; empty where nothing is.
[[nodiscard]] std::string to_string(const Deed& deed);

// What the kernel says about one TCP connection to coturn (coturn/witness in the manual: sock_diag).
struct Connection {
  enum class State : std::uint8_t { closed, living };

  Endpoint local;   // coturn's side
  Endpoint client;  // port 0: coturn closed it in the normal way, and the kernel no longer knew the port
  State state = State::closed;
  bool counted = false;              // the two below are known
  std::uint64_t received_bytes = 0;  // by coturn (tcpi_bytes_received)
  std::uint64_t acked_bytes = 0;     // of what coturn sent (tcpi_bytes_acked)
  // So many segments with data coturn sent more than its bytes need: about as many answers came one after the
  // other. kManySegments where the kernel does not tell.
  static constexpr std::uint32_t kManySegments = ~std::uint32_t{0};
  std::uint32_t spare_segments = kManySegments;
  // When it ended the kernel had sent something so many times without an answer. Many: it gave up, nobody
  // reset it.
  std::uint32_t retries = 0;
  // No listener of coturn's accepted it, as far as we know: it came to another port where somebody listens,
  // or this host opened it. It can keep a line from being refuted, since coturn may have a port that we do
  // not know. It proves nothing and says nothing about coturn's clients.
  bool foreign = false;
};

// One packet on its way to coturn, held by the kernel until we say what becomes of it (the gate).
struct Packet {
  std::span<const std::uint8_t> bytes;  // from the IP header on; borrowed for the call
  // How long it is on the wire. More than `bytes` where the kernel copied only its beginning.
  std::size_t wire_bytes = 0;
};
enum class PacketFate : std::uint8_t { accept, drop };

// How sure we are that the address did it (design: evidence classes). Order: strongest first.
enum class Evidence : std::uint8_t {
  proven,     // the kernel witnessed the connection
  claimed,    // the log says so and nobody contradicts it
  spoofable,  // UDP before any nonce: whoever stands there may be the victim. Never banned
  tainted,    // stands where text written by an attacker can stand. Never banned
};
[[nodiscard]] std::string_view to_string(Evidence evidence);

// How bad an offence is, in thousandths of a point, so that 0.3 ten times is exactly 3.
struct Points {
  std::int32_t milli = 0;

  friend auto operator<=>(Points, Points) = default;
  friend constexpr Points operator+(Points a, Points b) { return {a.milli + b.milli}; }
};
// So many of them. What overflows is as much as no `maxretry` is: "message repeated 4000000000 times" may
// come.
[[nodiscard]] Points times(Points points, std::uint32_t count);
[[nodiscard]] std::string to_string(Points points);  // "3", "0.25"

// Index of a rule in the rule set that made the event; its name is RuleSet::name(id).
using RuleId = std::uint16_t;

// A line that a rule recognised, a connection that the kernel told of, or a packet that the gate saw. Texts
// are borrowed from the line.
struct Event {
  RuleId rule = 0;
  std::optional<Endpoint> client;  // absent where the line names a session alone, or nobody
  std::optional<Endpoint> local;   // coturn's side, where the line names it
  std::optional<Address> peer;     // whom the client wanted to reach through us. Never the offender
  std::string_view session;        // coturn's 18 digits, empty where the line has none
  std::string_view user;           // hostile text
  std::string_view protocol{};     // what a packet spoke, in words of our own that live for ever; else empty
  Points points;
  Evidence evidence = Evidence::claimed;
  std::uint32_t count = 1;  // "message repeated N times" stands for N lines
  std::uint32_t log = 0;    // Line::log
  bool fresh = true;        // Line::fresh
  bool known = false;       // Line::known
  // An attacker may have written so much of its line that it lost its evidence, or the session that ends
  // with it. It may be coturn's own all the same: then an accusation is lost.
  bool blinded = false;
  std::uint64_t lost_session = 0;  // its number, where `session` was taken away
  LinePlace at{};                  // of the line
  Deed deed{};                     // when; unknown: now
};

// Something an address did.
struct Offence {
  Address address;
  RuleId rule = 0;
  Points points;
  Evidence evidence = Evidence::claimed;
  bool alone = false;       // judged by the address itself: its network holds somebody who is never banned
  std::uint32_t count = 1;  // so many times
  std::uint64_t what = 0;  // hash of what the rule counts different ones of (user, peer, session); 0: nothing
  std::string_view protocol{};  // Event::protocol
  Deed deed{};                  // Event::deed
  // So long before `deed` it was done, where it waited until a line told whose its session is. What many
  // sessions did over hours may be told within one second, in any order.
  std::optional<std::chrono::seconds> waited{};
};

// What is to be done about a network, and why. A verdict lengthens an earlier one, never shortens it.
struct Verdict {
  Prefix prefix;
  std::chrono::seconds duration{};
  Address address;  // the one whose offence filled the measure
  RuleId rule = 0;  // of that last offence
  Evidence evidence = Evidence::claimed;
  Points points;                   // in the window, when it was passed
  std::uint32_t earlier_bans = 0;  // the rung of the ladder it stands on
  std::string_view protocol{};     // Event::protocol of that last offence
  Deed deed{};                     // when that was: the ban begins then
};

// Not a ban: whoever is there may be the victim, whose address somebody forges. For a short while coturn is
// to answer nothing that comes from there over UDP, so that it reflects nothing.
struct Quench {
  Prefix prefix;
  std::chrono::seconds duration{};
  std::uint32_t requests = 0;       // in the window that was too many
  std::uint64_t request_bytes = 0;  // of them together, IP headers included
  std::uint64_t answer_bytes = 0;   // what coturn would have sent for as many, about
};

}  // namespace coturn_guard
