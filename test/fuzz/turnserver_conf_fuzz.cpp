// SPDX-License-Identifier: GPL-3.0-or-later
// coturn's own configuration: whatever it says, what was detected can be written and read back, and is the
// same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "detected.hpp"
#include "turnserver_conf.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace coturn_guard;
  const auto detected = parse_turnserver_conf({reinterpret_cast<const char*>(bytes), size});
  const auto text = detected_yaml(detected, "fuzz");
  const auto again = parse_detected(text, "detected.yaml");
  if (!again || detected_yaml(*again, "fuzz") != text) std::abort();
  return 0;
}
