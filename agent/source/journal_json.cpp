// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/journal_json.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

namespace coturn_guard {
namespace {

using Object = nlohmann::json;

constexpr std::size_t kMostBytes = std::size_t{64} * 1024;  // of a line

// A text; or, where it is no UTF-8 or holds control bytes, a list of numbers.
std::optional<std::string> text_of(const Object& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return std::nullopt;
  std::string text;
  for (const Object& byte : *found) {
    if (!byte.is_number_unsigned()) return std::nullopt;
    text += static_cast<char>(static_cast<unsigned char>(byte.get<std::uint64_t>() & 0xffU));
  }
  return text;
}

std::string stamp_of(const Object& object) {
  const std::string digits = text_of(object, "__REALTIME_TIMESTAMP").value_or("");
  std::uint64_t micro = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), micro);
  constexpr std::uint64_t kLatest = 4'102'444'800'000'000;  // the year 2100
  if (error != std::errc{} || end != digits.data() + digits.size() || micro > kLatest) return {};
  const auto second = static_cast<std::time_t>(micro / 1'000'000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}+00:00 ", fmt::gmtime(second), micro % 1'000'000);
}

// As short-iso has it: a word.
std::string word_of(std::string text, const char* otherwise) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) <= ' ' || c == ':' || c == '[') c = '_';
  return text.empty() ? otherwise : text;
}

}  // namespace

std::optional<JournalText> decode_journal_line(std::string_view line) {
  if (!line.starts_with('{') || !line.ends_with('}') || line.size() > kMostBytes) return std::nullopt;
  const Object object = Object::parse(line, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  auto message = text_of(object, "MESSAGE");
  if (!message) return std::nullopt;
  const std::string stamp = stamp_of(object);
  if (stamp.empty()) return std::nullopt;
  std::string program;
  for (const char* const key : {"SYSLOG_IDENTIFIER", "CONTAINER_NAME", "_COMM", "_SYSTEMD_UNIT"}) {
    program = text_of(object, key).value_or("");
    if (!program.empty()) break;
  }
  while (message->ends_with('\n')) message->pop_back();
  return JournalText{stamp + word_of(text_of(object, "_HOSTNAME").value_or(""), "journal") + ' ' +
                         word_of(program, "unknown") + ": " + *message,
                     text_of(object, "_TRANSPORT") == "syslog"};
}

}  // namespace coturn_guard
