// SPDX-License-Identifier: GPL-3.0-or-later
#include "source_choice.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

Config with(CoturnLog log, LogSource source = LogSource::automatic) {
  Config config;
  config.coturn_log = log;
  config.source = source;
  return config;
}

JournalLook seen(bool syslog, bool output) {
  return {JournalAccess::readable, syslog, output};
}

const JournalLook kNothing = seen(false, false);
const JournalLook kBoth = seen(true, true);

}  // namespace

TEST_CASE("auto follows what coturn's configuration says", "[source_choice]") {
  const auto by_file = choose_source(with(CoturnLog::file), kBoth);
  CHECK(by_file.kind == "file");
  CHECK(by_file.names == Config{}.log_file);
  CHECK(by_file.settled);
  // Before coturn wrote its first message, too: we start before it.
  const auto by_syslog = choose_source(with(CoturnLog::syslog), kNothing);
  CHECK(by_syslog.kind == "journal");
  CHECK(by_syslog.names == std::vector<std::string>{"coturn.service"});
  CHECK(by_syslog.settled);
  CHECK_THAT(by_syslog.sentence, contains_text("turnserver.conf says syslog"));
}

TEST_CASE("auto takes standard output where the journal has it, and looks again where it has not",
          "[source_choice]") {
  CHECK(choose_source(with(CoturnLog::standard_output), seen(false, true)).kind == "journal-output");
  const auto not_yet = choose_source(with(CoturnLog::standard_output), kNothing);
  CHECK(not_yet.kind == "file");
  CHECK_FALSE(not_yet.settled);
}

TEST_CASE("auto without turnserver.conf takes what the journal has, whole records first", "[source_choice]") {
  CHECK(choose_source(with(CoturnLog::unknown), kBoth).kind == "journal");
  CHECK(choose_source(with(CoturnLog::unknown), seen(false, true)).kind == "journal-output");
  const auto nothing = choose_source(with(CoturnLog::unknown), kNothing);
  CHECK(nothing.kind == "file");
  CHECK_FALSE(nothing.settled);
  const auto forbidden = choose_source(with(CoturnLog::unknown), {JournalAccess::forbidden, false, false});
  CHECK_FALSE(forbidden.settled);
  CHECK_THAT(forbidden.sentence, contains_text("systemd-journal"));
}

TEST_CASE("auto believes an operator who names a file", "[source_choice]") {
  auto config = with(CoturnLog::syslog);
  config.log_file_automatic = false;
  config.log_file = {"/srv/turn.log"};
  const auto choice = choose_source(config, kBoth);
  CHECK(choice.kind == "file");
  CHECK(choice.names == config.log_file);
}

TEST_CASE("a source that is named is taken", "[source_choice]") {
  CHECK(choose_source(with(CoturnLog::syslog, LogSource::file), kBoth).kind == "file");
  CHECK(choose_source(with(CoturnLog::file, LogSource::journal), kNothing).kind == "journal");
  CHECK(choose_source(with(CoturnLog::unknown, LogSource::journal), kBoth).kind == "journal");
  CHECK(choose_source(with(CoturnLog::unknown, LogSource::journal), seen(false, true)).kind ==
        "journal-output");
  CHECK(choose_source(with(CoturnLog::standard_output, LogSource::journal), kNothing).kind ==
        "journal-output");
}

TEST_CASE("choices are the same where the same is followed, whatever the reason", "[source_choice]") {
  const auto one = choose_source(with(CoturnLog::syslog), kNothing);
  const auto two = choose_source(with(CoturnLog::unknown), kBoth);
  CHECK(one.sentence != two.sentence);
  CHECK(one.follows_same_as(two));
  CHECK_FALSE(one.follows_same_as(choose_source(with(CoturnLog::file), kBoth)));
}
