// SPDX-License-Identifier: GPL-3.0-or-later
#include "verbs/addresses.hpp"

#include <fmt/format.h>

#include <string_view>

#include "util/text.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMostProblems = 20;
constexpr std::string_view kBlanks = " \t\r,";

class Collector {
 public:
  [[nodiscard]] bool full() const { return addresses_.size() >= kMostAddresses; }

  void take(std::string_view word, const std::string& where) {
    if (const auto prefix = Prefix::parse(word))
      addresses_.push_back(*prefix);
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
