// SPDX-License-Identifier: GPL-3.0-or-later
// How translation.cpp, translation_time.cpp and translation_place.cpp share their work: each knows some of
// fail2ban's options and tells what becomes of them. Nobody else includes this.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "fail2ban/translation.hpp"

namespace coturn_guard::fail2ban {

class Teller {
 public:
  Teller(const Jail& jail, Translation& into) : jail_(jail), into_(into) {}

  [[nodiscard]] const Jail& jail() const { return jail_; }
  [[nodiscard]] Translation& into() { return into_; }
  // Null where the jail has none or an empty one.
  [[nodiscard]] const Setting* given(std::string_view option) const;
  // Whether one of the package's own files says it, not the operator.
  [[nodiscard]] static bool is_stock(const Setting& setting);

  void taken(std::string_view option, std::string yaml, std::string reason = {});
  // Not for what only the package's own files say: nobody chose it.
  void implied(std::string_view option, std::string reason, std::string yaml = {});
  void lost(std::string_view option, std::string reason, std::string yaml = {});

 private:
  void tell(Outcome outcome, std::string_view option, std::string yaml, std::string reason);

  const Jail& jail_;
  Translation& into_;
};

void translate_times(Teller& teller, const Settings& global);
void translate_places(Teller& teller, const PortOf& port_of);

}  // namespace coturn_guard::fail2ban
