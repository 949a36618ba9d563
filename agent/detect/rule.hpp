// SPDX-License-Identifier: GPL-3.0-or-later
// A rule: a named pattern of one line of coturn, with how bad it is and lines that prove it. Rules come from
// YAML (rule_file), are compiled together (rule_set), and know nothing of windows or bans: that is judge/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/flow.hpp"
#include "model/trait.hpp"

namespace coturn_guard {

// What the kernel must know of the connection that a line is about (detect/testimony).
enum class Witnessed : std::uint8_t {
  no,       // nothing: the line may be about UDP
  seen,     // a TCP connection of that address ended or lives: without one the line is refuted
  exactly,  // the kernel tells of the very address and port within two seconds: else the line is refuted
  admin,  // as `seen`; and that very connection, if it was to a port of administrators, proves the line even
          // where it may be forged: customers have none there whose end a forger could use
};

// What the kernel alone tells, of which coturn has no line.
enum class KernelSign : std::uint8_t {
  none,
  reset_unread,  // connected and reset, not a byte sent either way
  brief,         // ended in the normal way before it was ever seen living, or was broken off without an
                 // answer: connect and close, a failed TLS handshake, HTTP and other protocols
  idle,          // lives for 30 s and has not sent as much as a STUN header
  unserved,      // was seen living, is gone within a minute of that, and got no more than one answer
};

// What the gate alone sees: a packet that coturn has no use for, before coturn has it.
enum class PacketSign : std::uint8_t {
  none,
  foreign_tcp,  // the first that a client said on a connection that the kernel calls established
  foreign_udp,  // from whoever the packet says
};

struct Rule {
  std::string name;         // [a-z0-9-]+, what the operator sees
  std::string description;  // one sentence for people
  Trait trait;              // `points` and how they count
  // claimed; spoofable where the line can come from a forged UDP packet; proven where only a client that
  // echoed our nonce or completed a handshake can cause it
  Evidence evidence = Evidence::claimed;
  Witnessed witnessed = Witnessed::no;
  // Then it has no begins, pattern, examples; `unserved` may have, for coturn has a line where it is verbose.
  KernelSign kernel = KernelSign::none;
  PacketSign packet = PacketSign::none;  // as `kernel`
  std::vector<std::string>
      begins;  // how the message can begin, literally: the prefilter. The pattern starts there too
  std::vector<std::string> ends;  // how it can end, literally; empty: in any way. The second prefilter
  std::string pattern;   // RE2 over the whole message, anchored at both ends; {client} is the offender
  bool session = false;  // the line carries "session NNN: " before the message. Without {client}, the offence
                         // waits for the line that names the session's client
  bool login = false;    // somebody proved good credentials (ALLOCATE success)
  bool closes = false;   // the session ends here
  bool moves = false;    // the session goes on from another address (mobility)
  // Coturn up to 4.14 does not say which session moved: the one that a line of `refreshes` names, where the
  // thread's next line of `answers_refresh` names another, whose socket it took.
  bool refreshes = false, answers_refresh = false;
  // Only where no other rule has counted this session already: one misdeed, one event.
  bool unless_counted = false;
  // The rules of one misdeed tell of the same thing in different words: of one session, the one that counted
  // most is charged. Empty: the rule's own name.
  std::string misdeed;
  // {user} is a REST name (`time:name`, draft-uberti-behave-turn-rest) whose time has passed: then it is an
  // offence by that rule instead, or with a time to come by the other; empty: no difference.
  std::string if_expired, if_unexpired;
  // Coturn writes one line of these rules right before each line of this one, about the same session, or the
  // same user where it names no session. Without it the line is another thing, by the rule `unannounced`.
  std::vector<std::string> announced_by;
  std::string unannounced;
  // The rule that has the line instead where the peer is this host itself; empty: no difference.
  std::string own_peer;
  // A line of one of these says that one of this rule's was no offence: that of the same client's address and
  // port where it names them, else one that stands beside it (detect/taken_back). What may be taken back so
  // waits for it. Where `taken_back_after` names rules, it waits only where lines of theirs came lately.
  std::vector<std::string> taken_back_by, taken_back_after;
  bool off = false;                   // the operator switched it off
  std::string report;                 // what to do about it, for the operator: reported, not only counted
  std::vector<std::string> examples;  // whole lines that must match
  std::vector<std::string> counterexamples;  // whole lines that must not

  // No offence: it ties sessions to clients, tells of logins, or is reported.
  [[nodiscard]] bool tells_only() const {
    return !off && trait.points.milli == 0 && trait.points_from.milli == 0;
  }
  // It costs something.
  [[nodiscard]] bool is_offence() const { return !off && !tells_only(); }
};

// A message that holds text of an attacker's. Coturn up to 4.16 prints it raw, newlines included, so that
// what follows on the next lines may be his, too; never more than `text_bytes` of it. How the rest of the
// line looks proves nothing: he may have written that himself and put his newline after it.
struct Forgeable {
  std::string begins;  // literal start of the message
  std::string after;   // his text starts after the first of these in the message; empty: right after `begins`
  std::uint32_t text_bytes = 0;  // the longest text that coturn takes from him there
  std::uint32_t tail_bytes =
      0;               // the longest that coturn writes behind it: could the record be cut at its limit?
  bool usual = false;  // honest clients make this message, too: guarded against, not reported
  // How what coturn writes behind it begins, literally; empty: not to be relied on. With it a line can be
  // proven: where the tail shows on no line that follows within the reach, the text had no newline.
  std::string tail;
};

struct RuleBook {
  std::vector<Rule> rules;  // the first that matches a line has it
  std::vector<Forgeable> forgeable;
  std::vector<std::string> notes;  // "file:line:column: …": what is read all the same, and should be mended
};

}  // namespace coturn_guard
