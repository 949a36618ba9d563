// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/pattern.hpp"

#include <array>

#include "util/nearest.hpp"

namespace coturn_guard {
namespace {

// Loose on purpose: whether it is an address says Endpoint::parse. A class without counting keeps RE2's
// program small and one-pass, which is its fastest way to captures.
constexpr std::string_view kAddressClass = R"([\[\]0-9A-Fa-f:.]+)";
constexpr std::int64_t kMaxMemoryBytes = 1 << 20;

constexpr std::array<std::string_view, 4> kPlaceholders{"client", "client_unbracketed", "client_address",
                                                        "endpoint"};

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || c == '_';
}

}  // namespace

re2::RE2::Options Pattern::options() {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemoryBytes);
  return options;
}

Result<Pattern> Pattern::compile(std::string_view text) {
  Pattern pattern;
  std::string expression;
  int clients = 0;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    while (end < text.size() && is_name(text[end])) ++end;
    const bool placeholder = text[i] == '{' && end > i + 1 && end < text.size() && text[end] == '}';
    const bool escaped =
        i > 0 && (text[i - 1] == '\\' || (i > 1 && text[i - 2] == '\\'));  // "\{", "\p{Greek}"
    if (!placeholder || escaped) {
      expression += text[i++];
      continue;
    }
    const std::string_view word = text.substr(i + 1, end - i - 1);
    i = end + 1;
    if (word == "endpoint") {
      expression += kAddressClass;
      continue;
    }
    if (word == "client")
      pattern.client_ = Client::bracketed;
    else if (word == "client_unbracketed")
      pattern.client_ = Client::unbracketed;
    else if (word == "client_address")
      pattern.client_ = Client::address;
    else {
      const std::string_view near = nearest(word, kPlaceholders);
      return fail("unknown placeholder {{{}}}{}", word,
                  near.empty() ? "" : fmt::format(", did you mean {{{}}}?", near));
    }
    ++clients;
    expression.append("(").append(kAddressClass).append(")");
  }
  if (clients != 1)
    return fail("the pattern must name the offender, {{client}}, exactly once, and does so {} times",
                clients);
  pattern.expression_ = std::make_unique<re2::RE2>(expression, options());
  if (!pattern.expression_->ok()) return fail("{}", pattern.expression_->error());
  if (pattern.expression_->NumberOfCapturingGroups() != 1)
    return fail("write groups as (?:...), the address alone is captured");
  return pattern;
}

std::optional<Endpoint> Pattern::match(std::string_view message) const {
  std::array<re2::StringPiece, 2> found;
  const re2::StringPiece text(message.data(), message.size());
  if (!expression_->Match(text, 0, text.size(), re2::RE2::ANCHOR_BOTH, found.data(), 2)) return std::nullopt;
  const std::string_view client(found[1].data(), found[1].size());
  switch (client_) {
    case Client::bracketed: return Endpoint::parse(client);
    case Client::unbracketed: return Endpoint::parse_unbracketed(client);
    case Client::address: break;
  }
  const std::optional<Address> address = Address::parse(client);
  if (!address) return std::nullopt;
  return Endpoint{*address, 0};
}

}  // namespace coturn_guard
