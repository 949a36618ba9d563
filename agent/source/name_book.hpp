// SPDX-License-Identifier: GPL-3.0-or-later
// Host names and the addresses that stand for them at present: which question is due, how long an answer
// holds, and what stays when none comes. Pure: who asks is allow_names, with name_resolver.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/address.hpp"
#include "model/allow_list.hpp"
#include "model/own_network.hpp"

namespace coturn_guard {

enum class NameFamily : std::uint8_t { v4, v6 };  // A, AAAA

struct NameAnswer {
  enum class Kind : std::uint8_t {
    addresses,
    nothing,  // the name has no address of this family, or does not exist: somebody who knows said so
    failed,   // nobody who knows answered
  };

  Kind kind = Kind::failed;
  std::vector<Address> addresses{};
  std::chrono::seconds ttl{};
  std::string problem{};  // unless there are addresses
};

struct NameNews {
  HostName name;
  std::string problem;   // empty: it is well again
  std::size_t kept = 0;  // addresses of its last good answer, which stay
};

class NameBook {
 public:
  static constexpr std::size_t kMostNames = 256;
  static constexpr std::size_t kMostAddresses = 64;  // of one name and family
  static constexpr std::chrono::seconds kShortest{30};
  static constexpr std::chrono::seconds kLongest{3600};

  using Time = std::chrono::steady_clock::time_point;
  struct Question {
    HostName name;
    NameFamily family = NameFamily::v4;
  };

  // What is known of a name that stays is kept. Returns how many names are too many: those are not looked up.
  std::size_t set_names(const std::vector<HostName>& names);
  // Those to ask now, each until its answer came: at most so many open at once.
  [[nodiscard]] std::vector<Question> due(std::size_t most_open, Time now);
  // True where the addresses differ from before. An answer that nobody waits for is nothing.
  bool answered(const Question& question, const NameAnswer& answer, Time now);
  [[nodiscard]] std::vector<OwnNetwork> networks() const;
  // What is to be told since the last call: each name's trouble once, and at most once an hour.
  [[nodiscard]] std::vector<NameNews> news(Time now);

  [[nodiscard]] std::size_t size() const { return names_.size(); }

 private:
  struct Family {
    std::vector<Address> addresses;  // sorted
    std::optional<NameAnswer::Kind> last;
    std::string problem;
    Time due{};
    std::uint32_t failures = 0;  // one after the other
    bool open = false;
  };
  struct Name {
    std::array<Family, 2> families;
    bool told = false;  // of its trouble
    std::optional<Time> told_at;
  };

  std::map<HostName, Name> names_;
  std::size_t open_ = 0;
};

}  // namespace coturn_guard
