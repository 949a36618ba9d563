// SPDX-License-Identifier: GPL-3.0-or-later
#include "verbs/conversation.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "util/duration.hpp"
#include "util/text.hpp"
#include "verbs/verb.hpp"

namespace coturn_guard {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::milliseconds kPatience = 30s;

bool is_absent(const Error& error) {
  return error.code == std::errc::no_such_file_or_directory || error.code == std::errc::connection_refused ||
         error.code == std::errc::not_a_directory;
}

int complain_of(const Error& error) {
  if (is_absent(error)) {
    fmt::print(stderr,
               "coturn-guard: the daemon is not running ({}); start it: systemctl start coturn-guard\n",
               error.message());
    return kExitNotRunning;
  }
  complain(error);
  if (error.code == std::errc::permission_denied || error.code == std::errc::operation_not_permitted)
    return kExitPermission;
  return kExitUnavailable;
}

constexpr std::array kCodes{
    std::pair{control::kForbidden, kExitPermission}, std::pair{control::kBusy, kExitUnavailable},
    std::pair{control::kTooSlow, kExitUnavailable}, std::pair{control::kBadRequest, kExitUsage},
    std::pair{control::kRejected, kExitBadConfig}};

bool begins_as(std::string_view line, std::string_view event) {
  constexpr std::string_view kHead = "{\"schema\":1,\"event\":\"";
  return line.starts_with(kHead) && line.substr(kHead.size()).starts_with(event);
}

}  // namespace

void add_socket_option(CLI::App& verb, ControlOptions& options) {
  verb.add_option("--socket", options.socket, "where the daemon listens")
      ->type_name("FILE")
      ->capture_default_str();
}

void add_control_options(CLI::App& verb, ControlOptions& options) {
  add_socket_option(verb, options);
  verb.add_flag("--json", options.json, "one JSON object a line");
}

tl::expected<Conversation, int> Conversation::open(const ControlOptions& options) {
  auto client = control::Client::connect(options.socket, kPatience);
  if (!client) return tl::unexpected(coturn_guard::complain_of(client.error()));
  return Conversation(std::move(*client), options.json);
}

std::optional<Conversation> Conversation::open_quietly(const ControlOptions& options) {
  auto client = control::Client::connect(options.socket, kPatience);
  if (client) return Conversation(std::move(*client), options.json);
  if (!is_absent(client.error())) complain(client.error());
  return std::nullopt;
}

int Conversation::converse(const control::Command& command, bool for_ever,
                           const std::function<void(std::string_view line)>& take) {
  if (const auto sent = client_.send(control::format_request(command)); !sent)
    return coturn_guard::complain_of(sent.error());
  for (;;) {
    const auto line = client_.receive(for_ever);
    if (!line)
      return line.error().code == std::errc::interrupted ? kExitOk : coturn_guard::complain_of(line.error());
    if (!*line) {
      fmt::print(stderr, "coturn-guard: the daemon hung up\n");
      return kExitUnavailable;
    }
    if (begins_as(**line, "end\"")) {
      end_ = parse_line(**line);
      return kExitOk;
    }
    if (begins_as(**line, "error\"")) return complain_of(**line);
    take(**line);
  }
}

int Conversation::ask(const control::Command& command,
                      const std::function<void(std::string_view line)>& take) {
  return converse(command, false, take);
}

int Conversation::listen(const control::Command& command,
                         const std::function<void(std::string_view line)>& take) {
  return converse(command, true, take);
}

int Conversation::complain_of(std::string_view line) const {
  if (json_) print_raw(line);
  const Json error = parse_line(line);
  fmt::print(stderr, "coturn-guard: {}\n", text_of(get(error, "text")));
  for (const auto& [code, exit] : kCodes)
    if (get(error, "code") == code) return exit;
  return kExitFailed;
}

void print_raw(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

Json parse_line(std::string_view line) {
  Json object = Json::parse(line, nullptr, false);
  return object.is_object() ? object : Json::object();
}

const Json& get(const Json& object, const char* key) {
  static const Json kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

Paint Paint::of_standard_output() {
  const char* const no_color = std::getenv("NO_COLOR");
  return Paint(::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0'));
}

std::string Paint::in(const char* code, std::string_view text) const {
  return on_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

std::string span_of(const Json& seconds) {
  return seconds.is_number() ? to_string(std::chrono::seconds(seconds.get<std::int64_t>())) : "for ever";
}

std::string text_of(const Json& value) {
  if (value.is_string()) return escape(value.get_ref<const std::string&>(), 1024);
  return value.is_null() ? "" : escape(value.dump(), 1024);
}

}  // namespace coturn_guard
