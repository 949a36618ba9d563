// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/allow_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "util/text.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kLongestName = 253;  // RFC 1035 3.1, as text
constexpr std::size_t kLongestLabel = 63;
constexpr std::string_view kBlanks = " \t\r\v\f";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLongestLabel && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; });
}

// A last label of digits alone is a mistyped address (RFC 1123 2.1), never a name.
std::optional<HostName> parse_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.size() > kLongestName) return std::nullopt;
  std::string_view last;
  for (std::size_t at = 0; at <= text.size();) {
    const auto dot = std::min(text.find('.', at), text.size());
    last = text.substr(at, dot - at);
    if (!is_label(last)) return std::nullopt;
    at = dot + 1;
  }
  if (std::none_of(last.begin(), last.end(), is_letter)) return std::nullopt;
  HostName name{std::string(text)};
  for (char& c : name.text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name;
}

void note(AllowList& list, AllowMistake mistake) {
  if (list.mistakes.size() < AllowList::kMostMistakes)
    list.mistakes.push_back(std::move(mistake));
  else
    ++list.more_mistakes;
}

}  // namespace

tl::expected<AllowEntry, std::string> parse_allow_entry(std::string_view text) {
  if (const auto prefix = Prefix::parse(text)) {
    if (prefix->length() == 0)
      return tl::unexpected(
          fmt::format("{} is everybody: nobody would ever be banned; use mode: observe", escape(text)));
    return *prefix;
  }
  auto name = parse_name(text);
  if (!name)
    return tl::unexpected(
        fmt::format("\"{}\" is no address, no network and no host name, as 192.0.2.7, 2001:db8::/32 or "
                    "vpn.example.org is",
                    escape(text)));
  if (name->text.find('.') == std::string::npos)
    return tl::unexpected(fmt::format("\"{}\" is a single word: write a host's full name, as {}.example.org",
                                      escape(text), name->text));
  return std::move(*name);
}

AllowList parse_allow_list(std::string_view text, std::size_t most_entries) {
  AllowList list;
  // Editors of Windows put it there; as UTF-16 none of the lines can be read.
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    note(list, {1, 1, "the file is UTF-16: save it as UTF-8"});
    return list;
  }
  for (std::size_t number = 1, at = 0; at < text.size(); ++number) {
    const auto end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    line = line.substr(0, line.find('#'));
    const auto first = line.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) continue;
    const auto word_end = std::min(line.find_first_of(kBlanks, first), line.size());
    const auto rest = line.find_first_not_of(kBlanks, word_end);
    if (rest != std::string_view::npos) {
      note(list, {number, rest + 1, "one address, network or host name a line; a comment begins with #"});
      continue;
    }
    if (list.size() >= most_entries) {
      note(list,
           {number, first + 1, fmt::format("too many entries: after {} nothing more is read", most_entries)});
      break;
    }
    auto entry = parse_allow_entry(line.substr(first, word_end - first));
    if (!entry)
      note(list, {number, first + 1, std::move(entry.error())});
    else if (auto* const prefix = std::get_if<Prefix>(&*entry))
      list.networks.push_back(*prefix);
    else
      list.names.push_back(std::move(std::get<HostName>(*entry)));
  }
  return list;
}

}  // namespace coturn_guard
