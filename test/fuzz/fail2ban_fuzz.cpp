// SPDX-License-Identifier: GPL-3.0-or-later
// fail2ban's files: whatever they say, the import ends, and what it writes is configuration that we read. The
// input is cut at NUL into jail.conf, jail.local, a file that both may include, a filter, and fail2ban.conf.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "config.hpp"
#include "fail2ban/jail.hpp"
#include "fail2ban/translation.hpp"
#include "support/fail2ban_files.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace coturn_guard;
  using namespace coturn_guard::fail2ban;
  static constexpr std::array kNames{"/f/jail.conf", "/f/jail.local", "/f/a.conf", "/f/filter.d/coturn.conf",
                                     "/f/fail2ban.conf"};
  std::string_view rest(reinterpret_cast<const char*>(bytes), size);
  test::Files files;
  for (const char* name : kNames) {
    const auto end = std::min(rest.find('\0'), rest.size());
    if (end > 0) files[name] = std::string(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto source = test::in_memory(files);
  Notes notes;
  Settings jails = read_settings("/f", "jail", source, notes);
  const Settings global = read_settings("/f", "fail2ban", source, notes);
  (void)coturn_jails(jails);
  const auto names = jails.sections();
  if (names.empty()) return 0;
  const Jail jail = read_jail(jails, names.front(), "/f", source, notes);
  const auto translation =
      translate(jail, global, [](const std::string& name) -> std::optional<std::uint16_t> {
        return name == "turn" ? std::optional<std::uint16_t>(3478) : std::nullopt;
      });
  const std::string yaml = yaml_text(translation, {});
  if (const auto config = parse_config(yaml, "import.yaml"); !config) {
    for (const auto& problem : config.error()) std::fprintf(stderr, "%s\n", problem.c_str());
    std::fprintf(stderr, "%s", yaml.c_str());
    std::abort();
  }
  return 0;
}
