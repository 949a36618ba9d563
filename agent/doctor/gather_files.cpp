// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>

#include "detect/rule_file.hpp"
#include "detected.hpp"
#include "doctor/gather.hpp"
#include "doctor/log_tail.hpp"
#include "doctor/system_files.hpp"
#include "source/file_look.hpp"
#include "turnserver_conf.hpp"

namespace coturn_guard::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = std::size_t{64} * 1024 * 1024;  // dpkg's status is the largest, a few MB
constexpr std::size_t kMostFiles = 64;                             // behind one pattern
constexpr const char* kOurUser = "_coturn-guard";
constexpr const char* kTurnserverConf = "/etc/turnserver.conf";

// Below another root. Absent where it cannot be read, with errno set.
std::optional<std::string> text_of(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    errno = error ? error.value() : ENOENT;
    return std::nullopt;
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 65'536> block{};
  while (text.size() < kMostBytes && (file.read(block.data(), block.size()) || file.gcount() > 0))
    text.append(block.data(), static_cast<std::size_t>(file.gcount()));
  return text;
}

// Sorted by name, as those who read such directories do; what is not there is empty.
std::vector<std::string> files_in(const std::string& directory, std::string_view ending = "") {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    if (!name.starts_with('.') && name.ends_with(ending) && found.size() < 10 * kMostFiles)
      found.push_back(entry->path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

class Gatherer {
 public:
  Gatherer(std::string root, const SetupPaths& paths) : root_(std::move(root)), paths_(paths) {}

  Facts take() {
    configuration();
    rule_book();
    facts_.source = choose_source(facts_.config, {});
    logs();
    private_logs();
    rotations();
    version();
    fail2ban();
    saved_rules();
    user();
    return std::move(facts_);
  }

 private:
  [[nodiscard]] std::string at(const std::string& path) const { return root_ + path; }
  [[nodiscard]] std::string without_root(const std::string& path) const { return path.substr(root_.size()); }
  [[nodiscard]] std::string text(const std::string& path) const { return text_of(at(path)).value_or(""); }

  void configuration() {
    Detected detected;
    std::string detected_file;
    if (const auto conf = text_of(at(kTurnserverConf))) {
      detected = parse_turnserver_conf(*conf);
      facts_.coturn = options(*conf, detected);
    } else if (errno != ENOENT) {
      facts_.coturn_problem =
          fmt::format("{} cannot be read: {}", kTurnserverConf, std::generic_category().message(errno));
      detected_file = at(paths_.detected);
    }
    auto config = load_config(at(paths_.config), paths_.config_required, detected_file);
    if (!config) {
      facts_.config_problems = std::move(config.error());
      return;
    }
    facts_.config = std::move(*config);
    if (facts_.coturn) apply(detected, facts_.config);
  }

  static CoturnOptions options(std::string_view conf, const Detected& detected) {
    CoturnOptions options{.path = kTurnserverConf, .log = detected.log, .verbose = detected.verbose};
    if (const auto port = turnserver_option(conf, "tcp-proxy-port"))
      options.proxy_port = static_cast<std::uint16_t>(std::strtoul(std::string(*port).c_str(), nullptr, 10));
    const auto is_on = [&](const char* name) {
      const auto value = turnserver_option(conf, name);
      return value && turnserver_truth(*value);
    };
    options.web_admin_on_workers = is_on("web-admin-listen-on-workers");
    options.web_admin = is_on("web-admin");
    options.no_auth = is_on("no-auth");
    options.unauthorized_ratelimit = is_on("unauthorized-ratelimit");
    options.on_loopback_only = !detected.listening_ip.empty() &&
                               std::all_of(detected.listening_ip.begin(), detected.listening_ip.end(),
                                           [](const Address& address) { return address.is_loopback(); });
    return options;
  }

  void logs() {
    for (const auto& name : facts_.config.log_file) {
      const auto pattern = NamePattern::parse(at(name));
      std::size_t ignored = 0;
      if (!pattern) continue;
      if (pattern->is_glob) {
        const auto found = list_matches(*pattern, kMostFiles, ignored);
        if (found)
          for (const auto& sighting : *found) add_log(sighting.path);
      } else {
        add_log(at(name));
      }
    }
    if (facts_.logs.empty()) return;
    const auto newest =
        std::min_element(facts_.logs.begin(), facts_.logs.end(),
                         [](const LogFile& a, const LogFile& b) { return a.quiet < b.quiet; });
    if (facts_.source.kind == "file") tail(newest->path);
  }

  void add_log(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) < 0 || !S_ISREG(facts.st_mode)) return;
    LogFile log;
    log.path = without_root(path);
    log.bytes = static_cast<std::uint64_t>(facts.st_size);
    log.quiet = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now() - std::chrono::system_clock::from_time_t(facts.st_mtime));
    for (fs::path way = "/"; const auto& part : fs::path(log.path).relative_path()) {
      add_part(log, way);
      way /= part;
    }
    add_part(log, log.path);
    facts_.logs.push_back(std::move(log));
  }

  void add_part(LogFile& log, const fs::path& path) const {
    struct stat facts {};
    if (::stat(at(path.string()).c_str(), &facts) == 0)
      log.way.push_back({path.string(), facts.st_uid, facts.st_gid, facts.st_mode});
  }

  void rule_book() {
    auto book = load_rules(at(facts_.config.rules_file), own_rules_directory(at(paths_.config)));
    if (!book) {
      for (auto& problem : book.error()) facts_.config_problems.push_back(std::move(problem));
      return;
    }
    if (auto rules = RuleSet::create(std::move(*book))) rules_.emplace(std::move(*rules));
  }

  void tail(const std::string& path) {
    const auto format = TimeFormat::compile(facts_.config.log_timestamp_format);
    const auto lines = last_lines(at(path));
    if (rules_ && lines) facts_.tail = look_at_lines(*lines, *rules_, format.value_or(TimeFormat()));
  }

  // Coturn falls back to /var/tmp and /tmp where it may not write (ns_turn_utils.c), which its unit has for
  // itself.
  void private_logs() {
    for (const auto* directory : {"/tmp", "/var/tmp"}) {
      std::error_code error;
      for (fs::directory_iterator entry(at(directory), error), end; !error && entry != end;
           entry.increment(error)) {
        const auto name = entry->path().filename().string();
        if (!name.starts_with("systemd-private-") || name.find("turn") == std::string::npos) continue;
        for (const auto& file : files_in((entry->path() / "tmp").string(), ".log"))
          facts_.private_logs.push_back(without_root(file));
      }
    }
  }

  void rotations() {
    RotationDefaults defaults;
    add_rotations(at("/etc/logrotate.conf"), defaults);
    for (const auto& file : files_in(at("/etc/logrotate.d"))) {
      auto own = defaults;  // what a snippet says outside of stanzas is its own
      add_rotations(file, own);
    }
  }

  void add_rotations(const std::string& file, RotationDefaults& defaults) {
    const auto content = text_of(file);
    if (!content) return;
    for (auto& rotation : parse_logrotate(*content, without_root(file), defaults))
      facts_.rotations.push_back(std::move(rotation));
  }

  void version() {
    if (const auto packaged = packaged_version(text("/var/lib/dpkg/status"))) {
      facts_.version = packaged;
      facts_.version_from = "Debian's package";
    } else if (facts_.tail && facts_.tail->version) {
      facts_.version = facts_.tail->version;
      facts_.version_from = "its log";
    }
  }

  void fail2ban() {
    std::vector<std::string> files{at("/etc/fail2ban/jail.conf")};
    const auto add = [&](const std::vector<std::string>& more) {
      files.insert(files.end(), more.begin(), more.end());
    };
    add(files_in(at("/etc/fail2ban/jail.d"), ".conf"));
    add({at("/etc/fail2ban/jail.local")});
    add(files_in(at("/etc/fail2ban/jail.d"), ".local"));
    std::map<std::string, Jail> jails;
    for (const auto& file : files)
      if (const auto content = text_of(file)) read_jails(*content, without_root(file), jails);
    for (const auto& [name, jail] : jails)
      if (jail.on) facts_.jails.push_back(fmt::format("[{}] in {}", name, jail.file));
  }

  void saved_rules() {
    std::vector<std::string> nft{at("/etc/nftables.conf"), at("/etc/sysconfig/nftables.conf")};
    for (const auto* directory : {"/etc/nftables", "/etc/nftables.d"})
      for (const auto& file : files_in(at(directory))) nft.push_back(file);
    for (const auto& file : nft) add_saved(file, true);
    for (const auto* file : {"/etc/iptables/rules.v4", "/etc/iptables/rules.v6", "/etc/sysconfig/iptables",
                             "/etc/sysconfig/ip6tables"})
      add_saved(at(file), false);
  }

  void add_saved(const std::string& file, bool nft) {
    const auto content = text_of(file);
    const auto line = content ? line_naming_us(*content) : std::nullopt;
    if (line) facts_.saved.push_back({without_root(file), *line, nft});
  }

  void user() {
    const auto group = text("/etc/group");
    facts_.user = user_of(text("/etc/passwd"), group, kOurUser);
    if (!facts_.user) return;
    std::vector<std::string> units;
    for (const auto* directory :
         {"/usr/lib/systemd/system/", "/lib/systemd/system/", "/etc/systemd/system/"}) {
      units.push_back(at(directory) + "coturn-guard.service");
      for (const auto& file : files_in(units.back() + ".d", ".conf")) units.push_back(file);
    }
    for (const auto& unit : units)
      if (const auto content = text_of(unit)) add_unit_groups(*content, group, *facts_.user);
  }

  std::string root_;
  const SetupPaths& paths_;
  std::optional<RuleSet> rules_;
  Facts facts_;
};

}  // namespace

Facts gather_files(const std::string& root, const SetupPaths& paths) {
  return Gatherer(root, paths).take();
}

}  // namespace coturn_guard::doctor
