// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/pattern.hpp"

#include <algorithm>

#include "util/nearest.hpp"

namespace coturn_guard {
namespace {

// Loose on purpose: whether it is an address says Endpoint::parse. A class without counting keeps RE2's
// program small and one-pass, which is its fastest way to captures.
constexpr std::string_view kAddressClass = R"([\[\]0-9A-Fa-f:.]+)";
constexpr std::string_view kUserClass = R"([^ \r\n]+)";
constexpr std::int64_t kMaxMemoryBytes = 1 << 20;

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || c == '_';
}

}  // namespace

struct Pattern::Placeholder {
  std::string_view name;
  std::optional<Part> part;  // none: not captured
  std::string_view subject;  // named at most once
};

constexpr std::array<Pattern::Placeholder, 7> Pattern::kPlaceholders{{
    {"client", Part::client, "the offender"},
    {"client_unbracketed", Part::client_unbracketed, "the offender"},
    {"client_address", Part::client_address, "the offender"},
    {"endpoint", std::nullopt, ""},
    {"local", Part::local, "coturn's side"},
    {"peer", Part::peer, "the peer"},
    {"user", Part::user, "the user"},
}};

re2::RE2::Options Pattern::options() {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemoryBytes);
  return options;
}

// Appends what stands for {word}.
Result<> Pattern::add(std::string& expression, std::string_view word) {
  const auto found = std::find_if(kPlaceholders.begin(), kPlaceholders.end(),
                                  [&](const Placeholder& known) { return known.name == word; });
  if (found == kPlaceholders.end()) {
    std::array<std::string_view, kPlaceholders.size()> known;
    std::transform(kPlaceholders.begin(), kPlaceholders.end(), known.begin(),
                   [](const Placeholder& placeholder) { return placeholder.name; });
    const std::string_view near = nearest(word, known);
    return fail("unknown placeholder {{{}}}{}", word,
                near.empty() ? "" : fmt::format(", did you mean {{{}}}?", near));
  }
  if (!found->part) {
    expression += kAddressClass;
    return {};
  }
  for (const Placeholder& known : kPlaceholders)
    if (known.subject == found->subject && known.part && names(*known.part))
      return fail("the pattern names {} twice, at {{{}}} again", found->subject, word);
  parts_.push_back(*found->part);
  expression.append("(").append(*found->part == Part::user ? kUserClass : kAddressClass).append(")");
  return {};
}

Result<Pattern> Pattern::compile(std::string_view text) {
  Pattern pattern;
  std::string expression;
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
    if (auto added = pattern.add(expression, text.substr(i + 1, end - i - 1)); !added)
      return tl::unexpected(added.error());
    i = end + 1;
  }
  pattern.expression_ = std::make_unique<re2::RE2>(expression, options());
  if (!pattern.expression_->ok()) return fail("{}", pattern.expression_->error());
  if (static_cast<std::size_t>(pattern.expression_->NumberOfCapturingGroups()) != pattern.parts_.size())
    return fail("write groups as (?:...), only placeholders are captured");
  pattern.quick_ = QuickMatch::compile(expression);
  return pattern;
}

std::optional<Event> Pattern::match(std::string_view message) const {
  QuickMatch::Groups groups;
  switch (quick_ ? quick_->match(message, groups) : QuickMatch::Answer::unknown) {
    case QuickMatch::Answer::no: return std::nullopt;
    case QuickMatch::Answer::yes: return read(groups);
    case QuickMatch::Answer::unknown: break;
  }
  return match_by_re2(message);
}

std::optional<Event> Pattern::match_by_re2(std::string_view message) const {
  std::array<re2::StringPiece, kMaxParts + 1> found;
  const re2::StringPiece text(message.data(), message.size());
  if (!expression_->Match(text, 0, text.size(), re2::RE2::ANCHOR_BOTH, found.data(),
                          static_cast<int>(parts_.size()) + 1))
    return std::nullopt;
  QuickMatch::Groups groups;
  for (std::size_t i = 0; i < parts_.size(); ++i) groups[i] = {found[i + 1].data(), found[i + 1].size()};
  return read(groups);
}

// What has a name must be what the name says. One variable is returned, so that the event is written where it
// is wanted: to copy what was just written piece by piece costs more than to write it.
std::optional<Event> Pattern::read(const QuickMatch::Groups& groups) const {
  std::optional<Event> event(std::in_place);
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const std::string_view part = groups[i];
    bool real = true;
    switch (parts_[i]) {
      case Part::client: real = (event->client = Endpoint::parse(part)).has_value(); break;
      case Part::client_unbracketed:
        real = (event->client = Endpoint::parse_unbracketed(part)).has_value();
        break;
      case Part::client_address: {
        const std::optional<Address> address = Address::parse(part);
        real = address.has_value();
        if (real) event->client = Endpoint{*address, 0};
        break;
      }
      case Part::local: real = (event->local = Endpoint::parse(part)).has_value(); break;
      case Part::peer: {
        const std::optional<Endpoint> peer = Endpoint::parse(part);
        real = peer.has_value();
        if (real) event->peer = peer->address;
        break;
      }
      case Part::user:
        real = part.size() <= kMaxUserBytes;
        event->user = part;
        break;
    }
    if (!real) {
      event.reset();
      break;
    }
  }
  return event;
}

bool Pattern::names(Part part) const {
  return std::find(parts_.begin(), parts_.end(), part) != parts_.end();
}
bool Pattern::names_port() const {
  return names(Part::client) || names(Part::client_unbracketed);
}
bool Pattern::names_client() const {
  return names_port() || names(Part::client_address);
}

}  // namespace coturn_guard
