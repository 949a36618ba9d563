// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/translation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "fail2ban/translator.hpp"
#include "fail2ban/words.hpp"
#include "util/text.hpp"

namespace coturn_guard::fail2ban {
namespace {

// Known, but nothing to tell of: references use them, mails carry them.
constexpr std::array<std::string_view, 8> kParts{"enabled", "banaction", "chain", "mta",
                                                 "sender",  "destemail", "name",  "fail2ban_agent"};

// The jail's own settings that nobody asked for.
void tell_rest(Teller& teller) {
  for (const auto& entry : teller.jail().settings) {
    const std::string& option = entry.first;
    const Setting& setting = entry.second;
    if (!setting.own || strip(setting.value).empty() ||
        std::find(kParts.begin(), kParts.end(), option) != kParts.end())
      continue;
    const auto& told = teller.into().told;
    if (std::any_of(told.begin(), told.end(), [&](const Told& one) { return one.option == option; }))
      continue;
    teller.lost(option, "is not known here; perhaps only another value refers to it");
  }
}

std::string source_of(const Told& told) {
  return fmt::format("{} = {}{}", escape(told.option),
                     told.value.empty() ? "(nothing)" : escape(told.value, 80),
                     told.place.empty() ? "" : fmt::format(" ({})", told.place));
}

// Comments are cut into lines that a screen holds; our own words only, so blanks are where they may break.
// What goes on stands further in than it began.
std::string comment(std::string_view text, std::size_t indent = 1) {
  constexpr std::size_t kWidth = 110;
  std::string out;
  for (std::size_t margin = indent; !text.empty(); margin = indent + 2) {
    std::size_t end = std::min(text.size(), kWidth - margin);
    if (end < text.size())
      if (const auto blank = text.rfind(' ', end); blank != std::string_view::npos && blank > 0) end = blank;
    out += fmt::format("#{:{}}{}\n", "", margin, text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + (end < text.size() && text[end] == ' ' ? 1 : 0)));
  }
  return out;
}

}  // namespace

const Setting* Teller::given(std::string_view option) const {
  const auto* const setting = jail_.find(option);
  return setting == nullptr || strip(setting->value).empty() ? nullptr : setting;
}

bool Teller::is_stock(const Setting& setting) {
  const auto slash = setting.file.rfind('/');
  const auto name = setting.file.substr(slash == std::string::npos ? 0 : slash + 1);
  return name == "jail.conf" || name == "fail2ban.conf" ||
         (name.starts_with("paths-") && name.ends_with(".conf"));
}

void Teller::taken(std::string_view option, std::string yaml, std::string reason) {
  tell(Outcome::taken, option, std::move(yaml), std::move(reason));
}

void Teller::implied(std::string_view option, std::string reason, std::string yaml) {
  const auto* const setting = given(option);
  if (setting != nullptr && !is_stock(*setting))
    tell(Outcome::implied, option, std::move(yaml), std::move(reason));
}

void Teller::lost(std::string_view option, std::string reason, std::string yaml) {
  tell(Outcome::lost, option, std::move(yaml), std::move(reason));
}

void Teller::tell(Outcome outcome, std::string_view option, std::string yaml, std::string reason) {
  const auto* const setting = jail_.find(option);
  into_.told.push_back({outcome, std::string(option), setting ? setting->value : "",
                        setting ? setting->place() : "", std::move(yaml), std::move(reason)});
}

Translation translate(const Jail& jail, const Settings& global, const PortOf& port_of) {
  Translation translation{jail.name, {}, false, 0};
  Teller teller(jail, translation);
  if (!jail.enabled)
    teller.lost("enabled", "the jail is switched off; with this file, coturn-guard does what it would do");
  translate_places(teller, port_of);
  translate_times(teller, global);
  tell_rest(teller);
  return translation;
}

std::string yaml_text(const Translation& translation, const std::vector<std::string>& head) {
  std::string text;
  for (const std::string& line : head) text += fmt::format("# {}\n", line);
  for (const Told& told : translation.told) {
    if (told.outcome != Outcome::taken) continue;
    text += "\n" + comment(source_of(told));
    if (!told.reason.empty()) text += comment(told.reason, 3);
    text += told.yaml + "\n";
  }
  for (const auto& [outcome, title] : {std::pair{Outcome::implied, "What needs no key here:"},
                                       std::pair{Outcome::lost, "What has no equivalent here:"}}) {
    if (std::none_of(translation.told.begin(), translation.told.end(),
                     [outcome = outcome](const Told& told) { return told.outcome == outcome; }))
      continue;
    text += fmt::format("\n# {}\n", title);
    for (const Told& told : translation.told)
      if (told.outcome == outcome) {
        text +=
            comment(fmt::format("{}: {}{}", source_of(told), told.reason, told.yaml.empty() ? "" : ":"), 3);
        if (!told.yaml.empty()) text += comment(told.yaml, 5);
      }
  }
  return text;
}

}  // namespace coturn_guard::fail2ban
