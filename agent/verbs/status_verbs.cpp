// SPDX-License-Identifier: GPL-3.0-or-later
// The verbs that look at the running daemon: status, top, tail.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "verbs/conversation.hpp"
#include "verbs/screen.hpp"
#include "verbs/status_text.hpp"
#include "verbs/verb.hpp"

namespace coturn_guard {
namespace {

using control::Verb;

constexpr std::chrono::seconds kRedraw{1};
constexpr std::uint32_t kLatestInTop = 20;

struct TailOptions {
  ControlOptions control;
  bool offences = false;
};

control::Command question(Verb verb) {
  control::Command command;
  command.verb = verb;
  return command;
}

int status(const ControlOptions& options) {
  auto daemon = Conversation::open(options);
  if (!daemon) return daemon.error();
  return daemon->ask(question(Verb::status), [&](std::string_view line) {
    options.json ? print_raw(line)
                 : fmt::print("{}", status_text(parse_line(line), Paint::of_standard_output()));
  });
}

// One look: the status, and the latest bans below it.
int look(Conversation& daemon, const Paint& paint, std::string& text, Json& status) {
  text.clear();
  control::Command latest = question(Verb::status);
  latest.latest = kLatestInTop;
  return daemon.ask(latest, [&](std::string_view line) {
    Json object = parse_line(line);
    if (get(object, "event") == "status") {
      text += status_text(object, paint) + "\n" + paint.bold("latest bans") + "\n";
      status = std::move(object);
    } else {
      text += decision_text(object, paint) + "\n";
    }
  });
}

void print_moment(const Json& status, bool json) {
  if (json) {
    print_line(status);
  } else {
    fmt::print("{}  {} lines/s, {} bans, {} packets dropped, lag {} bytes\n", text_of(get(status, "time")),
               text_of(get(get(status, "lines"), "per_second")), text_of(get(get(status, "bans"), "now")),
               text_of(get(status, "dropped_packets")), text_of(get(get(status, "source"), "lag_bytes")));
  }
  std::fflush(stdout);
}

int top(const ControlOptions& options) {
  auto daemon = Conversation::open(options);
  if (!daemon) return daemon.error();
  std::string text;
  Json status;
  int code = look(*daemon, Paint::of_standard_output(), text, status);
  if (code != kExitOk) return code;
  if (::isatty(STDOUT_FILENO) == 0 || ::isatty(STDIN_FILENO) == 0 || options.json) {
    while (code == kExitOk && !told_to_end()) {
      print_moment(status, options.json);
      ::poll(nullptr, 0, static_cast<int>(std::chrono::milliseconds(kRedraw).count()));
      if (told_to_end()) break;
      code = look(*daemon, Paint(false), text, status);
    }
    return code;
  }
  const TerminalScreen screen;
  do {
    screen.draw(text);
    if (!screen.rest(kRedraw)) return kExitOk;
    code = look(*daemon, Paint::of_standard_output(), text, status);
  } while (code == kExitOk);
  return code;
}

int tail(const TailOptions& options) {
  auto daemon = Conversation::open(options.control);
  if (!daemon) return daemon.error();
  static_cast<void>(told_to_end());  // from here on a signal ends us in order
  const Paint paint = Paint::of_standard_output();
  control::Command wish = question(Verb::tail);
  wish.offences = options.offences;
  return daemon->listen(wish, [&](std::string_view line) {
    options.control.json ? print_raw(line) : fmt::print("{}\n", decision_text(parse_line(line), paint));
    std::fflush(stdout);
  });
}

}  // namespace

void add_status_verbs(CommandLine& line) {
  const auto status_options = std::make_shared<ControlOptions>();
  add_control_options(*add_verb(line, "status", "what the running daemon does and sees, on one screen",
                                [status_options] { return status(*status_options); }),
                      *status_options);
  const auto top_options = std::make_shared<ControlOptions>();
  add_control_options(
      *add_verb(line, "top",
                "the same, every second, with the latest bans; q ends it. Into a pipe: a line a "
                "second",
                [top_options] { return top(*top_options); }),
      *top_options);
  const auto tail_options = std::make_shared<TailOptions>();
  auto* const tail_verb =
      add_verb(line, "tail", "decisions as they are made", [tail_options] { return tail(*tail_options); });
  add_control_options(*tail_verb, tail_options->control);
  tail_verb->add_flag("--offences", tail_options->offences, "each offence, too");
}

}  // namespace coturn_guard
