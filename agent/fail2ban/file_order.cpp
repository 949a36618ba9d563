// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/file_order.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <string_view>
#include <utility>

#include "fail2ban/settings.hpp"
#include "fail2ban/words.hpp"
#include "util/text.hpp"

namespace coturn_guard::fail2ban {
namespace {

constexpr std::string_view kIncludes = "INCLUDES";

using Paths = std::vector<std::string>;

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

// As os.path.splitext(): a name that only begins with a dot has no extension.
std::string with_local(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto name = slash == std::string::npos ? 0 : slash + 1;
  const auto dot = path.rfind('.');
  const bool has = dot != std::string::npos && dot > name && path.find_first_not_of('.', name) < dot;
  return (has ? path.substr(0, dot) : path) + ".local";
}

bool is_local(const std::string& path) {
  return path.ends_with(".local");
}

class Includes {
 public:
  Includes(const FileSource& source, Notes& notes) : source_(source), notes_(notes) {}

  Paths expand(Paths names, const Paths& ancestors) {
    if (told_many_) return {};  // nothing comes of it any more, and they may multiply
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::string local = with_local(names[i]);
      if (std::find(names.begin(), names.end(), local) != names.end() || !file(local)) continue;
      names.insert(names.begin() + static_cast<std::ptrdiff_t>(++i), local);
    }
    // fail2ban remembers what a list of names led to, whoever asked for it first.
    const auto key = fmt::format("{}", fmt::join(names, "\x01"));
    if (const auto at = known_.find(key); at != known_.end()) return at->second;
    Paths all;
    for (const std::string& name : names)
      for (std::string& path : one(name, ancestors)) {
        if (all.size() >= kMostFiles) return too_many(all);
        all.push_back(std::move(path));
      }
    return known_[key] = std::move(all);
  }

  FileOrder take(Paths order) && {
    FileOrder read{{}, std::move(order)};
    for (auto& [path, ini] : files_)
      if (ini) read.files.emplace(path, std::move(*ini));
    return read;
  }

 private:
  // Null where there is no such file, or nothing of it can be taken.
  const IniFile* file(const std::string& path) {
    const auto [at, fresh] = files_.try_emplace(path);
    if (fresh) at->second = read(path);
    return at->second ? &*at->second : nullptr;
  }

  std::optional<IniFile> read(const std::string& path) {
    const auto text = source_.text(path);
    if (!text) {
      notes_.errors.push_back(fmt::format("{}", text.error().message()));
      return std::nullopt;
    }
    if (!*text) return std::nullopt;
    bytes_ += (*text)->size();
    if (bytes_ > kMostBytesTogether) {
      notes_.errors.push_back(
          fmt::format("{}: with it, the files are larger than {} bytes", escape(path), kMostBytesTogether));
      return std::nullopt;
    }
    if (!is_utf8(**text)) {
      notes_.warnings.push_back(
          fmt::format("{}: is not UTF-8; fail2ban leaves such a file out, and so do we", escape(path)));
      return std::nullopt;
    }
    return parse_ini(**text, path, notes_.errors);
  }

  Paths one(const std::string& path, const Paths& ancestors) {
    const IniFile* const ini = file(path);
    if (ini == nullptr) return {};
    Paths all = named(path, *ini, "before", ancestors);
    all.push_back(path);
    for (std::string& after : named(path, *ini, "after", ancestors)) all.push_back(std::move(after));
    return all;
  }

  Paths named(const std::string& path, const IniFile& ini, std::string_view option, const Paths& ancestors) {
    Paths all;
    if (ini.find(kIncludes) == nullptr) return all;
    Settings alone;  // references in it see this one file
    alone.merge(path, ini);
    const auto setting = alone.get(kIncludes, option, notes_);
    if (!setting) return all;
    std::size_t number = 0;
    for (std::size_t begin = 0; begin <= setting->value.size(); ++number) {
      const auto end = std::min(setting->value.find('\n', begin), setting->value.size());
      const std::string name = setting->value.substr(begin, end - begin);
      begin = end + 1;
      if (name.empty()) continue;
      follow(path, setting->place(number), name, ancestors, all);
    }
    return all;
  }

  void follow(const std::string& path, const std::string& place, const std::string& name,
              const Paths& ancestors, Paths& all) {
    const std::string target = name.starts_with('/') ? name : directory_of(path) + "/" + name;
    if (std::find(ancestors.begin(), ancestors.end(), target) != ancestors.end()) {
      notes_.warnings.push_back(
          fmt::format("{}: {} includes itself by way of this file; fail2ban passes that over, and so do we",
                      place, escape(target)));
      return;
    }
    if (ancestors.size() >= kMostIncludeDepth) {
      notes_.errors.push_back(
          fmt::format("{}: includes are nested deeper than {}; is there a loop by way of "
                      "\"..\" in their names?",
                      place, kMostIncludeDepth));
      return;
    }
    // Debian's paths-debian.conf names a paths-overrides.local for the operator to write: absent is usual.
    if (file(target) == nullptr && !is_local(target) && file(with_local(target)) == nullptr)
      notes_.warnings.push_back(
          fmt::format("{}: includes {}, which is not there; fail2ban reads on without it, and so do we. Mend "
                      "the name, or take the line away",
                      place, escape(target)));
    Paths deeper = ancestors;
    deeper.push_back(path);
    for (std::string& found : expand({target}, deeper)) {
      if (all.size() >= kMostFiles) return (void)too_many(all);
      all.push_back(std::move(found));
    }
  }

  Paths too_many(Paths& all) {
    if (!std::exchange(told_many_, true))
      notes_.errors.push_back(fmt::format("{}: more than {} files are included, one by the other",
                                          escape(all.front()), kMostFiles));
    return all;
  }

  const FileSource& source_;
  Notes& notes_;
  bool told_many_ = false;
  std::size_t bytes_ = 0;
  std::map<std::string, std::optional<IniFile>> files_;
  std::map<std::string, Paths> known_;
};

}  // namespace

FileOrder read_in_order(const std::string& directory, const std::string& name, const FileSource& source,
                        Notes& notes) {
  const std::string stem = directory + "/" + name;
  Paths dropped = source.list(stem + ".d");
  std::sort(dropped.begin(), dropped.end());
  Paths names;
  for (const std::string_view extension : {".conf", ".local"}) {
    names.push_back(stem + std::string(extension));
    for (const std::string& file : dropped)
      // glob's * leaves out what begins with a dot.
      if (file.ends_with(extension) && !file.starts_with('.'))
        names.push_back(fmt::format("{}.d/{}", stem, file));
  }
  Includes includes(source, notes);
  Paths order = includes.expand(names, {});
  FileOrder read = std::move(includes).take(std::move(order));
  if (read.order.empty() && notes.errors.empty())
    notes.errors.push_back(fmt::format(
        "{}.conf: is not there; where fail2ban's configuration lies elsewhere, say so by --config-dir",
        escape(stem)));
  return read;
}

}  // namespace coturn_guard::fail2ban
