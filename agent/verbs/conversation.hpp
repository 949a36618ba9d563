// SPDX-License-Identifier: GPL-3.0-or-later
// How a verb talks with the running daemon: asks, hands over the answer's lines, and turns what goes wrong
// into words and exit codes (3 no daemon, 4 not allowed, 69 the daemon does not answer).
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "control/client.hpp"
#include "control/protocol.hpp"
#include "json_line.hpp"

namespace coturn_guard {

struct ControlOptions {
  std::string socket = control::kSocketPath;
  bool json = false;
};
// Gives the verb --socket; the other one --json, too.
void add_socket_option(CLI::App& verb, ControlOptions& options);
void add_control_options(CLI::App& verb, ControlOptions& options);

class Conversation {
 public:
  // An exit code where nobody answers; it was complained about.
  [[nodiscard]] static tl::expected<Conversation, int> open(const ControlOptions& options);
  // The same, for who does without where no daemon runs: quiet then, and absent.
  [[nodiscard]] static std::optional<Conversation> open_quietly(const ControlOptions& options);

  // Asks, and hands each line of the answer but the last to `take`. 0, or the exit code of what was
  // complained about. The last line is end() until the next request.
  [[nodiscard]] int ask(const control::Command& command,
                        const std::function<void(std::string_view line)>& take);
  // For an answer without an end: until the daemon hangs up.
  [[nodiscard]] int listen(const control::Command& command,
                           const std::function<void(std::string_view line)>& take);
  [[nodiscard]] const Json& end() const { return end_; }

 private:
  Conversation(control::Client client, bool json) : client_(std::move(client)), json_(json) {}
  [[nodiscard]] int converse(const control::Command& command, bool for_ever,
                             const std::function<void(std::string_view line)>& take);
  [[nodiscard]] int complain_of(std::string_view line) const;

  control::Client client_;
  bool json_;
  Json end_;
};

// A line of an answer as it came.
void print_raw(std::string_view line);
// A line of an answer; it is our own daemon's, and what is not there counts as null.
[[nodiscard]] Json parse_line(std::string_view line);
// null where there is no such key.
[[nodiscard]] const Json& get(const Json& object, const char* key);

// Escape sequences around words, where a person looks: on a terminal, and NO_COLOR not set (no-color.org).
class Paint {
 public:
  [[nodiscard]] static Paint of_standard_output();
  explicit Paint(bool on) : on_(on) {}
  [[nodiscard]] std::string red(std::string_view text) const { return in("31", text); }
  [[nodiscard]] std::string green(std::string_view text) const { return in("32", text); }
  [[nodiscard]] std::string yellow(std::string_view text) const { return in("33", text); }
  [[nodiscard]] std::string bold(std::string_view text) const { return in("1", text); }
  [[nodiscard]] std::string dim(std::string_view text) const { return in("2", text); }

 private:
  [[nodiscard]] std::string in(const char* code, std::string_view text) const;
  bool on_;
};

// "59m12s" of a number of seconds, "for ever" of null.
[[nodiscard]] std::string span_of(const Json& seconds);
// A text of the answer's, safe to print.
[[nodiscard]] std::string text_of(const Json& value);

}  // namespace coturn_guard
