// SPDX-License-Identifier: GPL-3.0-or-later
#include "turnserver_conf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

#include "detect/time_format.hpp"

namespace coturn_guard {
namespace {

constexpr std::uint16_t kStunPort = 3478;   // ns_turn_defs.h: DEFAULT_STUN_PORT
constexpr std::uint16_t kTlsPort = 5349;    // DEFAULT_STUN_TLS_PORT
constexpr std::uint16_t kCliPort = 5766;    // turn_admin_server.h: CLI_DEFAULT_PORT
constexpr std::uint16_t kWebPort = 8080;    // WEB_ADMIN_DEFAULT_PORT
constexpr std::uint16_t kMinPort = 49'152;  // LOW_DEFAULT_PORTS_BOUNDARY
constexpr std::uint16_t kMaxPort = 65'535;  // HIGH_DEFAULT_PORTS_BOUNDARY
constexpr std::size_t kMostAddresses = 1000;

// The options as coturn holds them while it reads; of a repeated one the last counts.
struct Options {
  std::string log_file;
  bool syslog = false, simple_log = false, verbose = false;
  std::string timestamp_format;
  std::uint16_t port = kStunPort, tls_port = kTlsPort, alt_port = 0, alt_tls_port = 0, proxy_port = 0;
  std::uint16_t min_port = kMinPort, max_port = kMaxPort;
  bool cli = true, web_admin = false, web_on_workers = false;
  std::uint16_t cli_port = kCliPort, web_port = kWebPort;
  bool cli_open = false, web_open = false;  // not on loopback, which is the default of both
  std::vector<std::uint16_t> auxiliary_ports;
  std::vector<Address> listening, external;
};

// mainrelay.c: get_bool_value(); coturn refuses to start with any other word.
bool truth(std::string_view value) {
  if (value.empty()) return true;
  if (std::string_view("0nNfF").find(value[0]) != std::string_view::npos) return false;
  return value != "off" && value != "OFF" && value != "Off";
}

// atoi(), bounded to what a port can be; 0 where it is none.
std::uint16_t port(std::string_view value) {
  std::uint16_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

// Anywhere but on loopback: a name or the unspecified address may be anywhere.
bool open_to_others(std::string_view value) {
  const auto address = Address::parse(value);
  return !address || !address->is_loopback();
}

void add_address(std::vector<Address>& addresses, std::string_view text) {
  auto address = Address::parse(text);
  if (!address)
    if (const auto endpoint = Endpoint::parse(text)) address = endpoint->address;
  if (!address || *address == Address{} || *address == Address::v4(0)) return;
  if (addresses.size() < kMostAddresses) addresses.push_back(*address);
}

// "public" or "public/private" (mainrelay.c: case 'X').
void add_external(Options& options, std::string_view value) {
  const auto slash = std::min(value.find('/'), value.size());
  add_address(options.external, value.substr(0, slash));
  if (slash < value.size()) add_address(options.external, value.substr(slash + 1));
}

struct Option {
  std::string_view name;
  void (*take)(Options& options, std::string_view value);
};

// All that is looked at. Whoever adds a line here: its value ends in a file that everybody may read.
constexpr std::array kOptions{
    Option{"log-file", [](Options& o, std::string_view v) { o.log_file = v; }},
    Option{"syslog", [](Options& o, std::string_view v) { o.syslog = truth(v); }},
    Option{"simple-log", [](Options& o, std::string_view v) { o.simple_log = truth(v); }},
    Option{"new-log-timestamp-format",
           [](Options& o, std::string_view v) { o.timestamp_format = v.substr(0, TimeFormat::kMaxBytes); }},
    Option{"verbose", [](Options& o, std::string_view v) { o.verbose = truth(v); }},
    Option{"Verbose", [](Options& o, std::string_view v) { o.verbose = o.verbose || truth(v); }},
    Option{"listening-port", [](Options& o, std::string_view v) { o.port = port(v); }},
    Option{"tls-listening-port", [](Options& o, std::string_view v) { o.tls_port = port(v); }},
    Option{"alt-listening-port", [](Options& o, std::string_view v) { o.alt_port = port(v); }},
    Option{"alt-tls-listening-port", [](Options& o, std::string_view v) { o.alt_tls_port = port(v); }},
    Option{"tcp-proxy-port", [](Options& o, std::string_view v) { o.proxy_port = port(v); }},
    Option{"min-port", [](Options& o, std::string_view v) { o.min_port = port(v); }},
    Option{"max-port", [](Options& o, std::string_view v) { o.max_port = port(v); }},
    Option{"aux-server",
           [](Options& o, std::string_view v) {
             const auto endpoint = Endpoint::parse(v);
             if (endpoint && o.auxiliary_ports.size() < kMostAddresses)
               o.auxiliary_ports.push_back(endpoint->port);
           }},
    Option{"no-cli", [](Options& o, std::string_view v) { o.cli = !truth(v); }},
    Option{"cli-port", [](Options& o, std::string_view v) { o.cli_port = port(v); }},
    Option{"cli-ip", [](Options& o, std::string_view v) { o.cli_open = open_to_others(v); }},
    Option{"web-admin", [](Options& o, std::string_view v) { o.web_admin = truth(v); }},
    Option{"web-admin-listen-on-workers",
           [](Options& o, std::string_view v) { o.web_on_workers = truth(v); }},
    Option{"web-admin-port", [](Options& o, std::string_view v) { o.web_port = port(v); }},
    Option{"web-admin-ip", [](Options& o, std::string_view v) { o.web_open = open_to_others(v); }},
    Option{"listening-ip", [](Options& o, std::string_view v) { add_address(o.listening, v); }},
    Option{"external-ip", add_external},
};

std::string_view strip(std::string_view text, std::string_view blanks, bool front, bool back) {
  if (front) text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  if (back) text = text.substr(0, text.find_last_not_of(blanks) + 1);
  return text;
}

struct Setting {
  std::string_view name;
  std::string_view value;
};

// mainrelay.c: parse_arg_string(). The name ends at a blank or '=', any run of which separates; one pair of
// double quotes.
std::optional<Setting> setting_of(std::string_view line) {
  line = strip(line, " \t\n\v\f\r", true, true);
  if (line.empty() || line[0] == '#') return std::nullopt;
  const auto separator = std::min(line.find_first_of(" =\t"), line.size());
  std::string_view value = strip(line.substr(separator), " =\t", true, false);
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    value = strip(value, "\n\r \t", false, true);
    if (value.ends_with('"')) value.remove_suffix(1);
  }
  return Setting{line.substr(0, separator), value};
}

template <class Take>
void each_setting(std::string_view text, Take take) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (const auto setting = setting_of(text.substr(0, end))) take(*setting);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void take_setting(Options& options, const Setting& setting) {
  const auto option =
      std::find_if(kOptions.begin(), kOptions.end(), [&](const Option& o) { return o.name == setting.name; });
  if (option != kOptions.end()) option->take(options, setting.value);
}

// ns_turn_utils.c: set_log_file_name_func(): "/x/coturn.log" becomes "/x/coturn_2024-06-07.log", so a
// pattern.
std::string dated(std::string base) {
  std::replace_if(
      base.begin(), base.end(), [](char c) { return c == ' ' || c == '\t'; }, '_');
  std::string tail = ".log";
  const auto dot = base.find_last_of("./");
  if (dot != std::string::npos && base[dot] == '.') {
    if (base.size() - dot >= 2) tail = base.substr(dot);
    base.resize(dot);
  }
  const bool joined = base.empty() || base.ends_with('/') || base.ends_with('-') || base.ends_with('_');
  return base + (joined ? "*" : "_*") + tail;
}

bool printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

bool followable(std::string_view path) {
  return path.starts_with('/') && path.find_first_of("*?[\\") == std::string_view::npos && printable(path);
}

void locate_log(const Options& options, Detected& detected) {
  if (options.syslog || options.log_file == "syslog") {
    detected.log = CoturnLog::syslog;
  } else if (options.log_file == "stdout" || options.log_file == "-") {
    detected.log = CoturnLog::standard_output;
  } else {
    detected.log = CoturnLog::file;
    if (!options.log_file.empty()) {
      if (followable(options.log_file))
        detected.log_file = {options.simple_log ? options.log_file : dated(options.log_file)};
      return;
    }
    // Coturn tries these, then /var/tmp and /tmp. Where everybody may create a file we do not look unasked:
    // who could put a log of his own there could have anybody banned.
    for (const auto* directory : {"/var/log/turnserver/", "/var/log/"})
      detected.log_file.push_back(std::string(directory) + (options.simple_log ? "turn.log" : "turn_*.log"));
  }
}

void add_port(std::vector<PortRange>& ports, int number) {
  if (number < 1 || number > 65535) return;
  const auto value = static_cast<std::uint16_t>(number);
  const PortRange range{value, value};
  if (std::find(ports.begin(), ports.end(), range) == ports.end()) ports.push_back(range);
}

}  // namespace

Detected parse_turnserver_conf(std::string_view text) {
  Options options;
  each_setting(text, [&](const Setting& setting) { take_setting(options, setting); });
  Detected detected;
  locate_log(options, detected);
  // Up to 4.16 it takes effect with new-log-timestamp only, later without: a format too many costs nothing.
  // One that we cannot read would keep us from starting for a word that is not ours, so it is left out.
  if (printable(options.timestamp_format) && TimeFormat::compile(options.timestamp_format))
    detected.log_timestamp_format = options.timestamp_format;
  detected.verbose = options.verbose;
  // mainrelay.h: an alternative port below 1 is the port plus one.
  for (const int number :
       {+options.port, options.alt_port > 0 ? options.alt_port : options.port + 1, +options.tls_port,
        options.alt_tls_port > 0 ? options.alt_tls_port : options.tls_port + 1, +options.proxy_port})
    add_port(detected.ports, number);
  for (const auto number : options.auxiliary_ports) add_port(detected.ports, number);
  if (options.cli && options.cli_open) add_port(detected.admin_ports, options.cli_port);
  if (options.web_admin && options.web_open) add_port(detected.admin_ports, options.web_port);
  // Where its workers listen, too, a request may have come over any port.
  if (options.web_admin && options.web_open && !options.web_on_workers)
    add_port(detected.web_admin_ports, options.web_port);
  for (const PortRange& range : detected.admin_ports) add_port(detected.ports, range.first);
  const auto [lowest, highest] = std::minmax(options.min_port, options.max_port);
  detected.relay_ports = {{std::max<std::uint16_t>(lowest, 1), std::max<std::uint16_t>(highest, 1)}};
  detected.listening_ip = std::move(options.listening);
  detected.external_ip = std::move(options.external);
  return detected;
}

std::optional<std::string_view> turnserver_option(std::string_view text, std::string_view name) {
  std::optional<std::string_view> value;
  each_setting(text, [&](const Setting& setting) {
    if (setting.name == name) value = setting.value;
  });
  return value;
}

bool turnserver_truth(std::string_view value) {
  return truth(value);
}

}  // namespace coturn_guard
