// SPDX-License-Identifier: GPL-3.0-or-later
// Where to look, whom to spare, what a ban closes: logpath, backend, ignoreip, port and action.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <vector>

#include "config.hpp"
#include "config_values.hpp"
#include "fail2ban/actions.hpp"
#include "fail2ban/translator.hpp"
#include "fail2ban/words.hpp"
#include "util/text.hpp"
#include "util/yaml_text.hpp"

namespace coturn_guard::fail2ban {
namespace {

constexpr std::size_t kMostIgnored = 10'000;
constexpr std::size_t kMostLogs = 1000;
constexpr std::size_t kMostUnits = 16;  // as our configuration holds

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, "; "));
}

// "192.0.2.0/255.255.255.0" -> "192.0.2.0/24", as fail2ban takes it; what has no such mask stays.
std::string with_length(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::string(text);
  const auto mask = Prefix::parse(text.substr(slash + 1));
  if (!mask || text.substr(slash + 1).find_first_of(".:") == std::string_view::npos) return std::string(text);
  for (unsigned length = 1; length <= (mask->is_v4() ? 32U : 128U); ++length) {
    const auto ones =
        Prefix::parse(mask->is_v4() ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    if (Prefix(ones->network(), length).network() == mask->network())
      return fmt::format("{}/{}", text.substr(0, slash), length);
  }
  return std::string(text);
}

void spare(Teller& teller) {
  if (const auto* const self = teller.given("ignoreself")) {
    if (is_yes(self->value))
      teller.implied("ignoreself", "the machine's own addresses are always spared");
    else
      teller.lost("ignoreself", "the machine's own addresses are always spared");
  }
  if (teller.given("ignorecommand") != nullptr)
    teller.lost("ignorecommand", "no program is asked; list the addresses in ignoreip");
  if (teller.given("ignorecache") != nullptr) teller.implied("ignorecache", "there is no ignorecommand");
  const auto* const ignored = teller.given("ignoreip");
  if (ignored == nullptr) return;
  std::vector<std::string> networks, refused;
  for (const auto word : split_words(ignored->value, " ,\n\t")) {
    if (networks.size() + refused.size() >= kMostIgnored) {
      refused.push_back(fmt::format("and all after the first {}", kMostIgnored));
      break;
    }
    const std::string network = with_length(word);
    if (const auto known = read_ignored(network))
      networks.push_back(network);
    else
      refused.push_back(known.error().what);
  }
  if (!networks.empty()) teller.taken("ignoreip", "ignoreip: " + yaml_list(networks, yaml_quoted));
  if (!refused.empty())
    teller.lost("ignoreip", fmt::format("{}: write down the addresses that are meant", joined(refused)));
}

void journal(Teller& teller) {
  const auto* match = teller.given("journalmatch");
  const char* const option = match ? "journalmatch" : "known/journalmatch";
  if (match == nullptr) match = teller.given(option);
  std::vector<std::string> units, others;
  if (match != nullptr)
    for (auto word : split_words(match->value, " \n\t")) {
      if (word == "+") continue;
      constexpr std::string_view kUnit = "_SYSTEMD_UNIT=";
      const auto unit = read_unit(word.starts_with(kUnit) ? word.substr(kUnit.size()) : "");
      if (!unit || units.size() >= kMostUnits)
        others.push_back(escape(word));
      else if (std::find(units.begin(), units.end(), *unit) == units.end())
        units.push_back(*unit);
    }
  if (!units.empty()) teller.taken(option, "journal_units: " + yaml_list(units, yaml_quoted));
  if (!others.empty())
    teller.lost(option, fmt::format("only units can be told apart here, not {}", joined(others)));
}

void where(Teller& teller) {
  const auto* const backend = teller.given("backend");
  if (backend != nullptr && backend->value.starts_with("systemd")) {
    teller.taken("backend", "source: journal",
                 backend->value == "systemd" ? "" : "what stands in its brackets has no equivalent");
    return journal(teller);
  }
  if (backend != nullptr)
    teller.implied("backend", "files are always followed by inotify and looked at every second");
  const auto* const logpath = teller.given("logpath");
  if (logpath == nullptr) return;
  std::vector<std::string> paths, refused;
  for (auto line : split_words(logpath->value, "\n")) {
    // "path head" and "path tail" say where fail2ban begins.
    const auto blank = line.rfind(' ');
    const std::string_view path = line.substr(0, blank);
    const auto read = read_path(path);
    (read && paths.size() < kMostLogs ? paths : refused).push_back(read ? *read : escape(path));
  }
  if (!paths.empty()) teller.taken("logpath", "log_file: " + yaml_list(paths, yaml_quoted));
  if (!refused.empty()) teller.lost("logpath", fmt::format("only absolute paths, not {}", joined(refused)));
}

// ---- what a ban closes

struct Closed {
  bool all = false;
  std::vector<PortRange> ranges;
  std::vector<std::string> unknown;
};

std::optional<std::uint16_t> port_number(std::string_view text, const PortOf& port_of) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) return number;
  return port_of(std::string(text));
}

void add_ports(std::string_view text, const PortOf& port_of, Closed& closed) {
  for (const auto word : split_words(text, " ,\n\t")) {
    // iptables writes 3478:3480, nftables 3478-3480; a name may have a dash, too.
    auto middle = word.find(':');
    if (middle == std::string_view::npos && word.find_first_not_of("0123456789-") == std::string_view::npos)
      middle = word.find('-');
    const auto first = port_number(word.substr(0, middle), port_of);
    const auto last =
        middle == std::string_view::npos ? first : port_number(word.substr(middle + 1), port_of);
    if (!first || !last || *first > *last)
      closed.unknown.push_back(escape(word));
    else if (*first <= 1 && *last == std::numeric_limits<std::uint16_t>::max())
      closed.all = true;
    else if (*last > 0)
      closed.ranges.push_back({std::max<std::uint16_t>(*first, 1), *last});
  }
}

bool within(const std::vector<PortRange>& wide, const PortRange& range) {
  for (unsigned port = range.first; port <= range.last; ++port)
    if (!holds(wide, static_cast<std::uint16_t>(port))) return false;
  return true;
}

std::string port_list(std::vector<PortRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const PortRange& a, const PortRange& b) { return a.first < b.first; });
  return "ports: " + yaml_list(ranges, [](const PortRange& range) {
           return range.first == range.last ? fmt::format("{}", range.first)
                                            : fmt::format("{}-{}", range.first, range.last);
         });
}

// A guard that closes fewer of coturn's ports than we would is no wish of anybody's, and the ports are also
// where the witness listens: what the jail says is added to ours, never taken from them.
void tell_ports(Teller& teller, Closed closed, bool stock) {
  const std::vector<PortRange> ours = Config{}.ports;
  if (closed.all) {
    if (stock)
      teller.lost(
          "port",
          "fail2ban's own default closes the whole machine to who is banned; here a ban closes coturn's "
          "ports. To close all",
          "ports: all");
    else
      teller.taken("port", "ports: all");
  } else if (!closed.ranges.empty() &&
             std::all_of(closed.ranges.begin(), closed.ranges.end(),
                         [&](const PortRange& range) { return within(ours, range); })) {
    teller.implied("port",
                   "ports: auto closes all of coturn's; fewer would also be heard of by the witness. To "
                   "close only these",
                   port_list(closed.ranges));
  } else if (!closed.ranges.empty()) {
    std::vector<PortRange> both = ours;
    for (const PortRange& range : closed.ranges)
      if (!within(both, range)) both.push_back(range);
    teller.taken("port", port_list(both),
                 "with coturn's usual ones; `ports: auto` takes them from turnserver.conf");
  }
  if (!closed.unknown.empty()) teller.lost("port", fmt::format("no such port: {}", joined(closed.unknown)));
}

void closing(Teller& teller, const PortOf& port_of) {
  Closed closed;
  std::vector<std::string> firewalls, others;
  bool all_ports = false;
  const auto* const action = teller.given("action");
  if (action != nullptr)
    for (const Action& one : parse_actions(action->value)) {
      if (!one.whole || !is_firewall(one)) {
        others.push_back(escape(one.whole ? one.name : one.name + " (its brackets cannot be read)"));
        continue;
      }
      firewalls.push_back(escape(one.name));
      all_ports = all_ports || one.name.find("allports") != std::string::npos;
      if (const auto ports = one.options.find("port"); ports != one.options.end())
        add_ports(ports->second, port_of, closed);
    }
  const auto* const port = teller.given("port");
  const auto* const banaction = teller.given("banaction");
  bool stock = port == nullptr || Teller::is_stock(*port);
  if (closed.ranges.empty() && !closed.all && port != nullptr) add_ports(port->value, port_of, closed);
  if (all_ports) {
    closed = {true, {}, {}};
    stock = (banaction == nullptr || Teller::is_stock(*banaction)) &&
            (action == nullptr || Teller::is_stock(*action));
  }
  tell_ports(teller, std::move(closed), stock);
  if (teller.given("protocol") != nullptr)
    teller.implied("protocol", "a ban closes TCP and UDP, whichever the offence came by");
  if (!firewalls.empty())
    teller.implied("action",
                   fmt::format("{}: bans go into a set of our own, matched by a rule of our own; packets "
                               "are dropped without an answer",
                               joined(firewalls)));
  if (!others.empty())
    teller.lost("action", fmt::format("nothing else is run at a ban, not {}", joined(others)));
}

// What our rules take the place of.
void recognising(Teller& teller) {
  if (teller.given("filter") != nullptr)
    teller.lost("filter", "no filter is read: rules/coturn.yaml knows coturn's lines, of all its versions");
  teller.implied("mode", "belongs to the filter");
  if (teller.given("failregex") != nullptr)
    teller.lost(
        "failregex",
        "what is an offence is said by rules/coturn.yaml. Try a line that it caught: coturn-guard explain "
        "'LINE'; if that line is nobody's offence, write a rule into /etc/coturn-guard/rules.d");
  if (teller.given("ignoreregex") != nullptr)
    teller.lost("ignoreregex",
                "lines cannot be excused by a pattern; a rule can be switched off under `rules`");
  for (const std::string_view option : {"datepattern", "logtimezone"})
    teller.implied(option, "a live line counts when it arrives; coturn's own time stamps are known");
  teller.implied("logencoding", "lines are bytes");
  teller.implied("maxlines", "lines of one session are joined by its number");
  teller.implied("maxmatches", "no lines are kept");
  teller.implied("usedns", "names in the log are never looked up");
}

}  // namespace

void translate_places(Teller& teller, const PortOf& port_of) {
  where(teller);
  spare(teller);
  closing(teller, port_of);
  recognising(teller);
}

}  // namespace coturn_guard::fail2ban
