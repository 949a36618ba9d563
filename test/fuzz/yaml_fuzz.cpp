// SPDX-License-Identifier: GPL-3.0-or-later
// Every text that people or coturn write for us and that is no log: the tuning file, the rules, the detected
// file and turnserver.conf. The first byte chooses which. What is refused must say why, and what was detected
// must survive its own file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config.hpp"
#include "detect/rule_file.hpp"
#include "detected.hpp"
#include "turnserver_conf.hpp"

using namespace coturn_guard;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  switch (bytes[0] % 4) {
    case 0: {
      const auto config = parse_config(text, "fuzz.yaml");
      must(config || !config.error().empty());
      if (config) must(config->policy.bantime <= config->policy.bantime_max && !config->log_file.empty());
      break;
    }
    case 1: {
      const auto rules = parse_rules(text, "fuzz.yaml");
      must(rules || !rules.error().empty());
      break;
    }
    case 2: {
      const auto detected = parse_detected(text, "fuzz.yaml");
      must(detected || !detected.error().empty());
      break;
    }
    default: {
      const Detected detected = parse_turnserver_conf(text);
      const auto back = parse_detected(detected_yaml(detected, text), "fuzz.yaml");
      must(back && back->ports == detected.ports && back->external_ip == detected.external_ip &&
           back->listening_ip == detected.listening_ip && back->log == detected.log);
    }
  }
  return 0;
}
