// SPDX-License-Identifier: GPL-3.0-or-later
// fail2ban's files merged into one, and its references resolved: %(name)s of the section or [DEFAULT],
// %(section/name)s, %(known/name)s for what an earlier file said, %(__name__)s for the section's own name
// (client/configparserinc.py). A value knows where it was written. Values in, values out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fail2ban/ini_file.hpp"
#include "fail2ban/notes.hpp"

namespace coturn_guard::fail2ban {

inline constexpr std::size_t kMostExpandedBytes = 64U << 10;  // of one value
inline constexpr std::size_t kMostReferences = 10'000;        // followed for one value
inline constexpr unsigned kMostNesting = 10;                  // configparser's MAX_INTERPOLATION_DEPTH

struct Setting {
  std::string value;
  std::string file;  // where its raw text stands
  std::vector<unsigned> lines;
  bool own = false;  // in the section itself; otherwise it is a default

  // "file:line" of the value's n-th line, from 0; a name given by us has no line.
  [[nodiscard]] std::string place(std::size_t n = 0) const;
};

class Settings {
 public:
  // Later files win. What they replace in a section stays known as known/….
  void merge(const std::string& path, const IniFile& ini);
  // What fail2ban itself puts into [DEFAULT], or into a section, over anything that is written there.
  void set_default(const std::string& option, const std::string& value);
  void set(const std::string& section, const Setting& setting, const std::string& option);

  // Sections in the order in which they came up, without INCLUDES.
  [[nodiscard]] std::vector<std::string> sections() const;
  // Names of the options that stand in the section itself.
  [[nodiscard]] std::vector<std::string> own_options(std::string_view section) const;
  // With references resolved. Absent where there is no such section or option, and, with an error told, where
  // a reference leads nowhere, in a circle or to more text than anybody means.
  [[nodiscard]] std::optional<Setting> get(std::string_view section, std::string_view option,
                                           Notes& notes) const;
  // As it is written.
  [[nodiscard]] std::optional<Setting> raw(std::string_view section, std::string_view option) const;

 private:
  struct Raw {
    std::string value;
    std::uint32_t file = 0;
    std::vector<unsigned> lines;
  };
  using Options = std::map<std::string, Raw, std::less<>>;
  using Extra = std::map<std::string, const Raw*, std::less<>>;
  struct Expansion;

  [[nodiscard]] const Raw* find(std::string_view section, std::string_view option) const;
  void map_sections(std::string_view section, std::string_view text, Extra& extra) const;
  bool expand(Expansion& expansion, const Raw& raw, Extra extra, unsigned depth) const;
  [[nodiscard]] Setting setting_of(const Raw& raw) const;

  std::vector<std::string> files_;
  Options defaults_;
  std::map<std::string, Options, std::less<>> sections_;
  std::vector<std::string> order_;
};

}  // namespace coturn_guard::fail2ban
