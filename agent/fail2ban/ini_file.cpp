// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/ini_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "fail2ban/words.hpp"
#include "util/text.hpp"

namespace coturn_guard::fail2ban {
namespace {

class IniReader {
 public:
  IniReader(std::string_view file_name, Problems& problems) : file_name_(file_name), problems_(problems) {}

  // False: nothing after this line can be understood.
  bool line(std::string_view raw) {
    ++number_;
    const std::size_t comment = comment_start(raw);
    const auto text = strip(raw.substr(0, comment));
    if (text.empty()) {
      // An empty line belongs to the value it stands in, one with a comment does not.
      if (comment == std::string_view::npos && option_) go_on("");
      return true;
    }
    const std::size_t indent = raw.find_first_not_of(kBlanks);
    if (option_ && indent > indent_) {
      go_on(text);
      return true;
    }
    indent_ = indent;
    if (text.front() == '[')
      if (const auto end = text.rfind(']'); end != std::string_view::npos && end > 1) {
        section(text.substr(1, end - 1));
        return true;
      }
    if (!section_) {
      complain("nothing may stand before the first [section]");
      return false;
    }
    option(text);
    return true;
  }

  IniFile take() {
    finish(file_.defaults);
    for (IniSection& section : file_.sections) finish(section);
    return std::move(file_);
  }

  void complain(std::string_view what) {
    if (problems_.size() >= most_) return;
    problems_.push_back(problems_.size() + 1 < most_
                            ? fmt::format("{}:{}: {}", escape(file_name_), number_, what)
                            : fmt::format("{}:{}: and more of the kind", escape(file_name_), number_));
  }

 private:
  // npos: none. The first ';' that begins the line or follows a blank; '#' only as the line's first sign.
  static std::size_t comment_start(std::string_view raw) {
    const auto bare = strip(raw);
    if (bare.starts_with('#') || bare.starts_with(';')) return 0;
    for (std::size_t at = raw.find(';'); at != std::string_view::npos; at = raw.find(';', at + 1))
      if (at == 0 || kBlanks.find(raw[at - 1]) != std::string_view::npos) return at;
    return std::string_view::npos;
  }

  void go_on(std::string_view text) {
    option_->value += '\n';
    option_->value += text;
    option_->lines.push_back(number_);
  }

  void section(std::string_view name) {
    option_ = nullptr;
    if (name == "DEFAULT") {
      section_ = &file_.defaults;
      seen_ = &seen_defaults_;
      return;
    }
    const auto [at, fresh] = sections_.try_emplace(std::string(name), number_);
    if (!fresh)
      complain(fmt::format("[{}] stands twice in this file, first in line {}", escape(name), at->second));
    file_.sections.push_back({std::string(name), number_, {}});
    section_ = &file_.sections.back();
    seen_of_section_.clear();
    seen_ = &seen_of_section_;
  }

  void option(std::string_view text) {
    const std::size_t delimiter = text.find_first_of("=:");
    if (delimiter == std::string_view::npos) return complain("neither `name = value` nor [section]");
    const std::string name = lower(strip(text.substr(0, delimiter)));
    if (name.empty()) return complain("a value without a name");
    const auto [at, fresh] = seen_->try_emplace(name, number_);
    if (!fresh)
      complain(fmt::format("\"{}\" stands twice in [{}], first in line {}", escape(name),
                           escape(section_->name), at->second));
    section_->options.push_back({name, std::string(strip(text.substr(delimiter + 1))), {number_}});
    option_ = &section_->options.back();
  }

  static void finish(IniSection& section) {
    for (IniOption& option : section.options) {
      option.value.resize(strip_right(option.value).size());
      const auto lines =
          1 + static_cast<std::size_t>(std::count(option.value.begin(), option.value.end(), '\n'));
      option.lines.resize(std::min(option.lines.size(), lines));
    }
  }

  std::string_view file_name_;
  Problems& problems_;
  const std::size_t most_ = problems_.size() + kMostIniProblems;
  IniFile file_;
  unsigned number_ = 0;
  std::size_t indent_ = 0;
  // Of the section that is being read; nothing is added to another one meanwhile, so both stay where they
  // are.
  IniSection* section_ = nullptr;
  IniOption* option_ = nullptr;
  std::map<std::string, unsigned> sections_, seen_defaults_, seen_of_section_;
  std::map<std::string, unsigned>* seen_ = nullptr;
};

}  // namespace

const IniOption* IniSection::find(std::string_view option) const {
  const auto at = std::find_if(options.rbegin(), options.rend(),
                               [option](const IniOption& one) { return one.name == option; });
  return at == options.rend() ? nullptr : &*at;
}

const IniSection* IniFile::find(std::string_view section) const {
  const auto at = std::find_if(sections.begin(), sections.end(),
                               [section](const IniSection& one) { return one.name == section; });
  return at == sections.end() ? nullptr : &*at;
}

IniFile parse_ini(std::string_view text, std::string_view file_name, Problems& problems) {
  IniReader reader(file_name, problems);
  if (text.size() > kMostIniBytes) {
    reader.complain(fmt::format("the file is larger than {} bytes", kMostIniBytes));
    return {};
  }
  while (!text.empty()) {
    // Python's text files end a line at \n, \r\n and \r alike.
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    if (!reader.line(text.substr(0, end))) break;
    text.remove_prefix(end);
    text.remove_prefix(std::min<std::size_t>(text.starts_with("\r\n") ? 2 : 1, text.size()));
  }
  return reader.take();
}

}  // namespace coturn_guard::fail2ban
