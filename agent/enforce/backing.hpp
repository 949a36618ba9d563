// SPDX-License-Identifier: GPL-3.0-or-later
// What holds the bans in the kernel: for each address family a set, with a canary in it, and a rule that
// drops by the set. One implementation a backend (ipset with a rule in nf_tables; nf_tables alone). It is
// asked and changed one request at a time; what comes by the thousand (bans) goes by the wire, see
// order_wire.hpp.
#pragma once

#include <string>
#include <vector>

#include "enforce/element.hpp"
#include "enforce/enforcer.hpp"

namespace coturn_guard {

class Backing {
 public:
  // What stands in the way when the set is there but has not the properties that ours have, as a hand-made
  // one may.
  enum class Misfit : std::uint8_t { is_an_error, is_replaced };

  struct Adopted {
    bool created = false;     // there was none
    bool replaced = false;    // it had other properties; ours is now under its name, and under its rules
    bool incomplete = false;  // not all of `elements` are in the kernel yet: the queue has to bring them
    std::size_t dropped = 0;  // elements that a smaller set had no room for
    std::vector<Element> elements;  // what it held, without the canary
  };

  virtual ~Backing() = default;
  Backing() = default;
  Backing(const Backing&) = delete;
  Backing& operator=(const Backing&) = delete;

  // Asks the kernel whether it has what is needed; once, before everything else.
  [[nodiscard]] virtual Result<> open() = 0;
  [[nodiscard]] virtual std::string set_name(Family family) const = 0;  // for people
  // Afterwards a set with the right properties and the canary stands.
  [[nodiscard]] virtual Result<Adopted> adopt(Family family, Misfit misfit) = 0;
  // The canary lives; `closer`: and the set has the right properties, which may cost a walk through all of
  // it.
  [[nodiscard]] virtual Result<bool> set_stands(Family family, bool closer) = 0;
  // The rule is exactly as wished, and active.
  [[nodiscard]] virtual Result<bool> rule_stands(Family family) = 0;
  [[nodiscard]] virtual Result<> install_rule(Family family) = 0;
  [[nodiscard]] virtual Result<> remove_rule(Family family) = 0;  // no rule is no error
  // Whether somebody may have changed a rule since the last call.
  [[nodiscard]] virtual bool disturbed() = 0;
  // Size and ports as they shall be from now on; the kernel hears of it by adopt() and install_rule().
  virtual void set_options(const EnforcerOptions& options) = 0;
};

}  // namespace coturn_guard
