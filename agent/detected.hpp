// SPDX-License-Identifier: GPL-3.0-or-later
// What coturn's own configuration says that matters to us, and the small file that carries it from the
// privileged step `coturn-guard detect` to the daemon: /run/coturn-guard/detected.yaml. turnserver.conf holds
// secrets; the keys that are taken from it are listed in turnserver_conf.cpp, everything else is never looked
// at.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config.hpp"
#include "model/address.hpp"
#include "model/own_network.hpp"
#include "util/problems.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct Detected {
  CoturnLog log = CoturnLog::unknown;
  std::vector<std::string> log_file;  // paths or globs; empty where coturn writes none
  std::string log_timestamp_format;   // strftime text; empty: coturn's own forms
  bool verbose = false;
  std::vector<PortRange> ports;            // where clients may connect
  std::vector<PortRange> admin_ports;      // of them, those of administrators: web-admin's and the CLI's
  std::vector<PortRange> web_admin_ports;  // web-admin's, where it listens nowhere else
  std::vector<PortRange> relay_ports;      // min-port to max-port; empty: coturn's own
  std::vector<Address> listening_ip;       // without the unspecified ones
  std::vector<Address> external_ip;        // both halves of "public/private"
};

// "coturn's listening-ip" and "coturn's external-ip", never to be banned.
[[nodiscard]] std::vector<OwnNetwork> own_networks(const Detected& detected);

// What the operator left at `auto`, and what only coturn's configuration knows.
void apply(const Detected& detected, Config& config);

// The file's text and back. Strict like the operator's file: what it does not know is a problem.
[[nodiscard]] std::string detected_yaml(const Detected& detected, std::string_view source);
[[nodiscard]] tl::expected<Detected, Problems> parse_detected(std::string_view yaml,
                                                              std::string_view file_name);

// The verb: reads coturn's configuration at `turnserver_conf`, writes `output` (replaced in one step, mode
// 0644) and tells in one sentence what was found. Where there is no coturn configuration, an earlier output
// is removed: the defaults hold. Fails where a file that exists cannot be read or the output cannot be
// written.
[[nodiscard]] Result<std::string> detect_command(const std::string& turnserver_conf,
                                                 const std::string& output);

}  // namespace coturn_guard
