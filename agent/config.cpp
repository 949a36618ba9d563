// SPDX-License-Identifier: GPL-3.0-or-later
#include "config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "config_reader.hpp"
#include "detected.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMostFiles = 1000;

// Absent with errno set. One byte over the limit is read, so that the parser sees that the file is too large.
std::optional<std::string> read_text(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    errno = EISDIR;
    return std::nullopt;
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostConfigBytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.eof() && file.fail()) {
    if (errno == 0) errno = EIO;
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::string unreadable(const std::string& path, int error) {
  std::string text = fmt::format("{}: cannot be read: {}", path, std::strerror(error));
  if (error == EACCES)
    text += "; it must be readable for the user that coturn-guard runs as: chgrp _coturn-guard, chmod 0640";
  return text;
}

// conf.d/*.yaml beside the main file, in the order of their names; what an editor or dpkg left behind ends
// otherwise.
std::vector<std::string> drop_ins(const std::string& main_file, ConfigReader& reader) {
  const auto directory = std::filesystem::path(main_file).parent_path() / "conf.d";
  std::vector<std::string> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.ends_with(".yaml") || name.starts_with('.')) continue;
    if (found.size() == kMostFiles) {
      reader.add_problem(fmt::format("{}: more than {} files", directory.string(), kMostFiles));
      break;
    }
    found.push_back(entry->path().string());
  }
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
    reader.add_problem(unreadable(directory.string(), error.value()));
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

CoturnPorts coturn_ports(const Config& config) {
  CoturnPorts ports{.known = config.detected_ports, .listed = {}, .relay = config.relay_ports};
  if (ports.known.empty()) ports.known = Config{}.ports;
  if (config.ports_automatic || config.ports.empty()) return ports;
  // What the operator left out of the list is not coturn's.
  ports.listed = config.ports;
  std::vector<PortRange> everything{{1, 65'535}};
  ports.known = without(ports.known, without(std::move(everything), ports.listed));
  for (const PortRange& admin : config.admin_ports)
    if (!holds(ports.known, admin.first)) ports.known.push_back(admin);
  return ports;
}

std::vector<PortRange> gate_ports(const Config& config) {
  const CoturnPorts of_coturn = coturn_ports(config);
  auto ports = of_coturn.listed.empty() ? of_coturn.known : of_coturn.listed;
  // A relay range that holds all of them is a strange one; better the gate looks at too much than at nothing.
  if (auto fewer = without(ports, of_coturn.relay); !fewer.empty()) ports = std::move(fewer);
  std::erase_if(ports, [&](const PortRange& range) {
    return std::find(config.admin_ports.begin(), config.admin_ports.end(), range) != config.admin_ports.end();
  });
  return ports;
}

tl::expected<Config, Problems> load_config(const std::string& main_file, bool required,
                                           const std::string& detected_file) {
  ConfigReader reader;
  if (const auto text = read_text(main_file))
    reader.read(*text, main_file);
  else if (required || errno != ENOENT)
    reader.add_problem(unreadable(main_file, errno));
  for (const std::string& file : drop_ins(main_file, reader)) {
    if (const auto text = read_text(file))
      reader.read(*text, file);
    else
      reader.add_problem(unreadable(file, errno));
  }
  Detected detected;
  if (detected_file.empty()) return reader.finish();
  if (const auto text = read_text(detected_file)) {
    auto parsed = parse_detected(*text, detected_file);
    if (parsed)
      detected = std::move(*parsed);
    else
      for (std::string& problem : parsed.error()) reader.add_problem(std::move(problem));
  } else if (errno != ENOENT) {
    reader.add_problem(unreadable(detected_file, errno));
  }
  auto config = reader.finish();
  if (config) apply(detected, *config);
  return config;
}

tl::expected<Config, Problems> parse_config(std::string_view yaml, std::string_view file_name) {
  ConfigReader reader;
  reader.read(yaml, file_name);
  return reader.finish();
}

}  // namespace coturn_guard
