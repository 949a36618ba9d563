// SPDX-License-Identifier: GPL-3.0-or-later
#include "verbs/addresses.hpp"

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "util/text.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMostProblems = 20;

Address last_of(const Prefix& network) {
  Address::Bytes bytes = network.network().bytes();
  for (unsigned bit = network.length() + (network.is_v4() ? 96 : 0); bit < 128; ++bit)
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | (0x80U >> bit % 8));
  return Address(bytes);
}

Address next_after(const Address& address) {
  Address::Bytes bytes = address.bytes();
  for (std::size_t i = bytes.size(); i-- > 0;)
    if (++bytes[i] != 0) break;
  return Address(bytes);
}
constexpr std::string_view kBlanks = " \t\r,";

// "192.0.2.5-192.0.2.9", both ends included: the fewest networks that are exactly that. At most 254, of IPv6.
std::optional<std::vector<Prefix>> read_range(std::string_view word) {
  const auto dash = word.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = Address::parse(word.substr(0, dash)), last = Address::parse(word.substr(dash + 1));
  if (!first || !last || first->is_v4() != last->is_v4() || *last < *first) return std::nullopt;
  if (!first->is_v4() && *first < Address::v4(0) && Address::v4(0) < *last)
    return std::nullopt;  // all of IPv4
  std::vector<Prefix> networks;
  for (Address from = *first;;) {
    // The widest network that begins there and does not go beyond the end.
    unsigned length = first->is_v4() ? 32 : 128;
    while (length > 0 && Prefix(from, length - 1).network() == from &&
           last_of(Prefix(from, length - 1)) <= *last)
      --length;
    networks.emplace_back(from, length);
    const Address end = last_of(networks.back());
    if (end == *last) return networks;
    from = next_after(end);
  }
}

class Collector {
 public:
  [[nodiscard]] bool full() const { return addresses_.size() >= kMostAddresses; }

  void take(std::string_view word, const std::string& where) {
    if (const auto prefix = Prefix::parse(word))
      addresses_.push_back(*prefix);
    else if (const auto range = read_range(word))
      addresses_.insert(addresses_.end(), range->begin(), range->end());
    else
      wrong(fmt::format("{}: \"{}\" is no address or network", where, escape(word, 60)));
  }
  void wrong(std::string problem) {
    if (problems_.size() < kMostProblems) problems_.push_back(std::move(problem));
    if (problems_.size() == kMostProblems) problems_.back() = "and more";
  }
  void read(std::istream& input) {
    std::string line;
    for (std::size_t number = 1; std::getline(input, line) && !full(); ++number) {
      const std::string_view text = std::string_view(line).substr(0, line.find('#'));
      for (std::size_t begin = text.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
        const std::size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
        take(text.substr(begin, end - begin), fmt::format("standard input:{}:{}", number, begin + 1));
        begin = text.find_first_not_of(kBlanks, end);
      }
    }
  }
  [[nodiscard]] tl::expected<std::vector<Prefix>, Problems> result() {
    if (full()) problems_.push_back(fmt::format("more than {} addresses at once", kMostAddresses));
    if (!problems_.empty()) return tl::unexpected(std::move(problems_));
    return std::move(addresses_);
  }

 private:
  std::vector<Prefix> addresses_;
  Problems problems_;
};

}  // namespace

tl::expected<std::vector<Prefix>, Problems> read_addresses(const std::vector<std::string>& arguments,
                                                           std::istream& input) {
  Collector collector;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "-")
      collector.read(input);
    else
      collector.take(arguments[i], fmt::format("argument {}", i + 1));
  }
  return collector.result();
}

}  // namespace coturn_guard
