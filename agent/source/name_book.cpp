// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/name_book.hpp"

#include <algorithm>
#include <utility>

namespace coturn_guard {
namespace {

// A name without addresses of a family may get some; nothing told for how long it has none.
constexpr std::chrono::minutes kNothingHolds{5};
constexpr unsigned kMostDoublings = 5;  // of the pause after a failure: 30 s to 16 min
constexpr std::chrono::hours kTellAgain{1};

// Of one host. What names everybody, nobody or a group of hosts is a lie or a mistake.
bool is_host(const Address& address) {
  const auto& bytes = address.bytes();
  if (address.is_v4()) return bytes[12] != 0 && bytes[12] < 224;
  const bool unspecified =
      std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
  return !unspecified && bytes[0] != 0xff;
}

std::vector<Address> usable(std::vector<Address> addresses) {
  std::erase_if(addresses, [](const Address& address) { return !is_host(address); });
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  if (addresses.size() > NameBook::kMostAddresses) addresses.resize(NameBook::kMostAddresses);
  return addresses;
}

}  // namespace

std::size_t NameBook::set_names(const std::vector<HostName>& names) {
  std::map<HostName, Name> wanted;
  std::size_t too_many = 0;
  for (const auto& name : names) {
    if (wanted.contains(name)) continue;
    if (wanted.size() == kMostNames) {
      ++too_many;
      continue;
    }
    const auto known = names_.find(name);
    wanted.emplace(name, known != names_.end() ? std::move(known->second) : Name{});
  }
  names_ = std::move(wanted);
  open_ = 0;
  for (const auto& [name, state] : names_)
    for (const auto& family : state.families) open_ += family.open ? 1 : 0;
  return too_many;
}

// Who waits longest comes first: while nobody answers, the first of the alphabet are due again before the
// last were asked.
std::vector<NameBook::Question> NameBook::due(std::size_t most_open, Time now) {
  struct Due {
    Family* family;
    Question question;
  };
  std::vector<Due> waiting;
  for (auto& [name, state] : names_)
    for (std::size_t i = 0; i < state.families.size(); ++i)
      if (auto& family = state.families[i]; !family.open && family.due <= now)
        waiting.push_back({&family, {name, static_cast<NameFamily>(i)}});
  std::stable_sort(waiting.begin(), waiting.end(),
                   [](const Due& a, const Due& b) { return a.family->due < b.family->due; });
  std::vector<Question> questions;
  for (auto& [family, question] : waiting) {
    if (open_ >= most_open) break;
    family->open = true;
    ++open_;
    questions.push_back(std::move(question));
  }
  return questions;
}

bool NameBook::answered(const Question& question, const NameAnswer& answer, Time now) {
  const auto known = names_.find(question.name);
  if (known == names_.end()) return false;
  auto& family = known->second.families[static_cast<std::size_t>(question.family)];
  auto& other = known->second.families[1 - static_cast<std::size_t>(question.family)];
  if (!family.open) return false;
  family.open = false;
  --open_;

  auto kind = answer.kind;
  family.problem = answer.problem;
  std::vector<Address> addresses;
  if (kind == NameAnswer::Kind::addresses) {
    addresses = usable(answer.addresses);
    if (addresses.empty()) {
      kind = NameAnswer::Kind::failed;
      family.problem = "the answer names no host: 0.0.0.0/8, :: or multicast";
    }
  }
  family.last = kind;
  if (kind == NameAnswer::Kind::failed) {
    family.due = now + kShortest * (1U << std::min(family.failures, kMostDoublings));
    ++family.failures;
    return false;  // the last good answer stands
  }
  family.failures = 0;
  if (kind == NameAnswer::Kind::nothing) {
    family.due = now + kNothingHolds;
    // Where neither family has an address, the name is in trouble and the last good answer stands. Whether it
    // is so, an answer of the other family that is on its way will tell.
    return !other.open && other.last == NameAnswer::Kind::addresses &&
           !std::exchange(family.addresses, {}).empty();
  }
  family.due = now + std::clamp(answer.ttl, kShortest, kLongest);
  bool changed = std::exchange(family.addresses, addresses) != addresses;
  if (other.last == NameAnswer::Kind::nothing)
    changed = !std::exchange(other.addresses, {}).empty() || changed;
  return changed;
}

std::vector<OwnNetwork> NameBook::networks() const {
  std::vector<OwnNetwork> networks;
  for (const auto& [name, state] : names_)
    for (const auto& family : state.families)
      for (const auto& address : family.addresses)
        networks.push_back({Prefix(address, kWholeAddress), name.text});
  return networks;
}

std::vector<NameNews> NameBook::news(Time now) {
  std::vector<NameNews> news;
  for (auto& [name, state] : names_) {
    const auto& [v4, v6] = state.families;
    if (!v4.last || !v6.last) continue;  // the first answers are on their way
    const auto failed = [](const Family& family) { return family.last == NameAnswer::Kind::failed; };
    const bool nowhere = v4.last == NameAnswer::Kind::nothing && v6.last == NameAnswer::Kind::nothing;
    const bool trouble = failed(v4) || failed(v6) || nowhere;
    if (trouble == state.told) continue;
    if (trouble && state.told_at && now - *state.told_at < kTellAgain) continue;
    state.told = trouble;
    if (trouble) state.told_at = now;
    const std::string& problem = failed(v6) && !failed(v4) ? v6.problem : v4.problem;
    news.push_back({name, trouble ? problem : "", v4.addresses.size() + v6.addresses.size()});
  }
  return news;
}

}  // namespace coturn_guard
