// SPDX-License-Identifier: GPL-3.0-or-later
#include "detected.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>
#include <span>
#include <utility>

#include "config_tree.hpp"
#include "config_values.hpp"
#include "turnserver_conf.hpp"
#include "util/atomic_file.hpp"
#include "util/text.hpp"
#include "util/yaml_text.hpp"

namespace coturn_guard {
namespace {

constexpr mode_t kReadableByAll = 0644;
constexpr std::array<std::string_view, 4> kLogNames{"unknown", "file", "syslog", "stdout"};  // by CoturnLog

std::string port_text(const PortRange& range) {
  return range.first == range.last ? fmt::format("{}", range.first)
                                   : fmt::format("{}-{}", range.first, range.last);
}

// The keys of the detected file. Nobody but `coturn-guard detect` writes it, so its complaints may be short.
class DetectedReader {
 public:
  DetectedReader(std::string_view yaml, std::string_view file_name) : file_name_(file_name) {
    const ConfigNode root = parse_config_tree(yaml, file_name, problems_);
    if (root.kind == ConfigNode::Kind::map)
      for (std::size_t i = 0; i < std::min(root.keys.size(), root.items.size()); ++i)
        key(root.keys[i], root.items[i]);
    else if (root.kind != ConfigNode::Kind::nothing)
      complain(root, "no `key: value` lines");
  }

  tl::expected<Detected, Problems> take() {
    if (!problems_.empty()) return tl::unexpected<Problems>(std::move(problems_));
    return std::move(detected_);
  }

 private:
  void key(const ConfigNode& name, const ConfigNode& value) {
    if (!seen_.insert(name.text).second) return complain(name, "stands twice");
    if (name.text == "log") return log(value);
    if (name.text == "log_timestamp_format") return (void)(detected_.log_timestamp_format = value.text);
    if (name.text == "verbose") return (void)(detected_.verbose = value.text == "true");
    if (name.text == "log_file") return each(value, detected_.log_file, read_path);
    if (name.text == "ports") return each(value, detected_.ports, read_ports);
    if (name.text == "admin_ports") return each(value, detected_.admin_ports, read_ports);
    if (name.text == "web_admin_ports") return each(value, detected_.web_admin_ports, read_ports);
    if (name.text == "relay_ports") return each(value, detected_.relay_ports, read_ports);
    if (name.text == "listening_ip") return each(value, detected_.listening_ip, read_address);
    if (name.text == "external_ip") return each(value, detected_.external_ip, read_address);
    complain(name, fmt::format("unknown key \"{}\"", escape(name.text)));
  }

  void log(const ConfigNode& value) {
    const auto at = std::find(kLogNames.begin(), kLogNames.end(), value.text);
    if (at == kLogNames.end()) return complain(value, fmt::format("unknown log \"{}\"", escape(value.text)));
    detected_.log = static_cast<CoturnLog>(at - kLogNames.begin());
  }

  static Value<Address> read_address(std::string_view text) {
    const auto address = Address::parse(text);
    if (!address) return tl::unexpected<ValueProblem>({fmt::format("\"{}\" is no address", escape(text))});
    return *address;
  }

  template <class T>
  void each(const ConfigNode& list, std::vector<T>& into, Value<T> (*read)(std::string_view)) {
    if (list.kind != ConfigNode::Kind::list) return complain(list, "a list is expected");
    for (const ConfigNode& item : list.items) {
      auto value = read(item.text);
      if (value)
        into.push_back(std::move(*value));
      else
        complain(item, value.error().what);
    }
  }

  void complain(const ConfigNode& node, std::string_view what) {
    coturn_guard::complain(problems_, file_name_, node,
                           fmt::format("{} (run coturn-guard detect, or remove this file)", what));
  }

  std::string_view file_name_;
  Problems problems_;
  Detected detected_;
  std::set<std::string> seen_;
};

std::string summary(const Detected& detected, const std::string& conf) {
  std::string log;
  switch (detected.log) {
    case CoturnLog::syslog: log = "logs to syslog"; break;
    case CoturnLog::standard_output: log = "logs to standard output"; break;
    case CoturnLog::unknown: log = "says nothing of a log"; break;
    case CoturnLog::file:
      log = detected.log_file.empty()
                ? "logs to a file that cannot be followed by name (not absolute, or with * ? [ \\)"
                : fmt::format("logs to {}", fmt::join(detected.log_file, ", "));
  }
  return fmt::format("{}: coturn {}; ports {}", conf, log, yaml_list(detected.ports, port_text));
}

}  // namespace

std::vector<OwnNetwork> own_networks(const Detected& detected) {
  std::vector<OwnNetwork> networks;
  for (const Address& address : detected.external_ip)
    networks.push_back({Prefix(address, 128), "coturn's external-ip", true});
  for (const Address& address : detected.listening_ip)
    networks.push_back({Prefix(address, 128), "coturn's listening-ip", true});
  return networks;
}

void apply(const Detected& detected, Config& config) {
  if (config.log_file_automatic && !detected.log_file.empty()) config.log_file = detected.log_file;
  if (config.log_timestamp_automatic) config.log_timestamp_format = detected.log_timestamp_format;
  if (config.ports_automatic && !detected.ports.empty()) config.ports = detected.ports;
  config.admin_ports = detected.admin_ports;
  config.web_admin_ports = detected.web_admin_ports;
  config.detected_ports = detected.ports;
  if (!detected.relay_ports.empty()) config.relay_ports = detected.relay_ports;
  config.coturn_networks = own_networks(detected);
  config.coturn_log = detected.log;
  const auto is_coturns = [&](const std::string& name) {
    return std::find(detected.log_file.begin(), detected.log_file.end(), name) != detected.log_file.end();
  };
  config.coturn_writes_log_file = detected.log == CoturnLog::file &&
                                  std::all_of(config.log_file.begin(), config.log_file.end(), is_coturns);
}

std::string detected_yaml(const Detected& detected, std::string_view source) {
  const auto address_text = [](const Address& address) { return yaml_quoted(address.to_string()); };
  std::string text =
      fmt::format("# Written by `coturn-guard detect` from {}: do not edit.\n", escape(source));
  text += fmt::format("log: {}\n", kLogNames[static_cast<std::size_t>(detected.log)]);
  text += fmt::format("log_file: {}\n", yaml_list(detected.log_file, yaml_quoted));
  text += fmt::format("log_timestamp_format: {}\n", yaml_quoted(detected.log_timestamp_format));
  text += fmt::format("verbose: {}\n", detected.verbose);
  text += fmt::format("ports: {}\n", yaml_list(detected.ports, port_text));
  text += fmt::format("admin_ports: {}\n", yaml_list(detected.admin_ports, port_text));
  text += fmt::format("web_admin_ports: {}\n", yaml_list(detected.web_admin_ports, port_text));
  text += fmt::format("relay_ports: {}\n", yaml_list(detected.relay_ports, port_text));
  text += fmt::format("listening_ip: {}\n", yaml_list(detected.listening_ip, address_text));
  text += fmt::format("external_ip: {}\n", yaml_list(detected.external_ip, address_text));
  return text;
}

tl::expected<Detected, Problems> parse_detected(std::string_view yaml, std::string_view file_name) {
  return DetectedReader(yaml, file_name).take();
}

Result<std::string> detect_command(const std::string& turnserver_conf, const std::string& output) {
  struct stat facts {};
  if (::stat(turnserver_conf.c_str(), &facts) < 0) {
    if (errno != ENOENT) return fail(errno, "look at {}", turnserver_conf);
    if (::unlink(output.c_str()) < 0 && errno != ENOENT) return fail(errno, "remove {}", output);
    return fmt::format("{}: not there, so coturn's defaults are assumed", turnserver_conf);
  }
  if (!S_ISREG(facts.st_mode)) return fail("read {}: it is no regular file", turnserver_conf);
  errno = 0;
  std::ifstream file(turnserver_conf, std::ios::binary);
  std::string text(kMostConfigBytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.eof() && file.fail()) return fail(errno, "read {}", turnserver_conf);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMostConfigBytes)
    return fail("read {}: larger than {} bytes", turnserver_conf, kMostConfigBytes);
  const Detected detected = parse_turnserver_conf(text);
  const auto written = replace_file(output, detected_yaml(detected, turnserver_conf), kReadableByAll);
  if (!written) return tl::unexpected<Error>(written.error());
  return summary(detected, turnserver_conf);
}

}  // namespace coturn_guard
