// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/ban_record.hpp"
#include "util/duration.hpp"
#include "util/text.hpp"

namespace coturn_guard::control {
namespace {

using Json = nlohmann::ordered_json;

struct VerbRow {
  std::string_view name;
  Verb verb;
  Access access;
  std::string_view keys;  // besides "verb", each between blanks
};

constexpr std::array kVerbs{
    VerbRow{"status", Verb::status, Access::read, " latest "},
    VerbRow{"list", Verb::list, Access::read, " rule evidence network family reason "},
    VerbRow{"check", Verb::check, Access::read, " prefixes "},
    VerbRow{"why", Verb::why, Access::read, " prefixes "},
    VerbRow{"tail", Verb::tail, Access::read, " offences "},
    VerbRow{"ban", Verb::ban, Access::change, " prefixes seconds forever reason force "},
    VerbRow{"unban", Verb::unban, Access::change, " prefixes all forget "},
    VerbRow{"adopt", Verb::adopt, Access::change, " bans "},
    VerbRow{"reload", Verb::reload, Access::change, " "},
    VerbRow{"flush", Verb::flush, Access::change, " "},
    VerbRow{"close-breaker", Verb::close_breaker, Access::change, " "},
};

const VerbRow& row_of(Verb verb) {
  return *std::find_if(kVerbs.begin(), kVerbs.end(), [=](const VerbRow& row) { return row.verb == verb; });
}

constexpr std::array kEvidences{Evidence::proven, Evidence::claimed, Evidence::spoofable, Evidence::tainted};

// Reads one object; the first mistake is kept, and what comes after it is worth nothing.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  [[nodiscard]] const std::string& mistake() const { return mistake_; }

  template <class... Args>
  void wrong(fmt::format_string<Args...> what, Args&&... args) {
    if (mistake_.empty()) mistake_ = fmt::format(what, std::forward<Args>(args)...);
  }
  void flag(const char* key, bool& into) {
    const Json* const value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return wrong("\"{}\" must be true or false", key);
    into = value->get<bool>();
  }
  [[nodiscard]] std::optional<std::uint64_t> number(const char* key, std::uint64_t least,
                                                    std::uint64_t most) {
    const Json* const value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() < least ||
        value->get<std::uint64_t>() > most) {
      wrong("\"{}\" must be a whole number from {} to {}", key, least, most);
      return std::nullopt;
    }
    return value->get<std::uint64_t>();
  }
  [[nodiscard]] std::optional<std::string> text(const char* key) {
    const Json* const value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string() || value->get_ref<const std::string&>().size() > kMaxReasonBytes) {
      wrong("\"{}\" must be a text of at most {} bytes", key, kMaxReasonBytes);
      return std::nullopt;
    }
    return value->get<std::string>();
  }
  [[nodiscard]] std::optional<Prefix> prefix(const char* key) {
    const Json* const value = find(key);
    return value == nullptr ? std::nullopt : prefix_in(*value, key);
  }
  [[nodiscard]] std::optional<Prefix> prefix_in(const Json& value, const char* key) {
    const auto* const text = value.get_ptr<const std::string*>();
    const auto found = text == nullptr ? std::nullopt : Prefix::parse(*text);
    if (!found)
      wrong("{} in \"{}\" is no address or network",
            text == nullptr ? "what is no text" : '"' + escape(*text) + '"', key);
    return found;
  }
  // Absent key: an empty list.
  [[nodiscard]] const Json& list(const char* key) {
    static const Json kEmpty = Json::array();
    const Json* const value = find(key);
    if (value == nullptr) return kEmpty;
    if (!value->is_array() || value->size() > kMaxPrefixes) {
      wrong("\"{}\" must be a list of at most {}", key, kMaxPrefixes);
      return kEmpty;
    }
    return *value;
  }
  void only(std::string_view keys) {
    for (const auto& [key, value] : object_.items())
      if (keys.find(' ' + key + ' ') == std::string_view::npos)
        wrong("the key \"{}\" is not known here", escape(key));
  }

 private:
  [[nodiscard]] const Json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  const Json& object_;
  std::string mistake_;
};

ListFilter read_filter(Reader& reader) {
  ListFilter filter;
  filter.rule = reader.text("rule");
  filter.reason = reader.text("reason");
  filter.network = reader.prefix("network");
  if (const auto family = reader.number("family", 4, 6)) {
    if (*family == 5) reader.wrong("\"family\" must be 4 or 6");
    filter.family = static_cast<int>(*family);
  }
  if (const auto word = reader.text("evidence")) {
    for (const Evidence evidence : kEvidences)
      if (to_string(evidence) == *word) filter.evidence = evidence;
    if (!filter.evidence)
      reader.wrong("\"evidence\" must be proven, claimed, spoofable or tainted, not \"{}\"", escape(*word));
  }
  return filter;
}

void read_known_bans(Reader& reader, std::vector<KnownBan>& bans) {
  for (const Json& one : reader.list("bans")) {
    if (!one.is_object()) return reader.wrong("\"bans\" must be a list of objects");
    Reader inner(one);
    inner.only(" prefix seconds earlier_bans ");
    const auto prefix = inner.prefix("prefix");
    const auto seconds = inner.number("seconds", 0, static_cast<std::uint64_t>(kLongestDuration.count()));
    const auto earlier = inner.number("earlier_bans", 0, kMaxEarlierBans);
    if (!inner.mistake().empty()) return reader.wrong("in \"bans\": {}", inner.mistake());
    if (!prefix || !seconds) return reader.wrong("each of \"bans\" needs \"prefix\" and \"seconds\"");
    bans.push_back(
        {*prefix, std::chrono::seconds(*seconds), static_cast<std::uint32_t>(earlier.value_or(1))});
  }
}

Command read_command(Reader& reader, const VerbRow& row) {
  Command command;
  command.verb = row.verb;
  const auto takes = [&](std::string_view key) { return row.keys.find(key) != std::string_view::npos; };
  reader.only(" verb" + std::string(row.keys));
  for (const Json& one : reader.list("prefixes")) {
    const auto prefix = reader.prefix_in(one, "prefixes");
    if (!prefix) break;
    command.prefixes.push_back(*prefix);
  }
  if (const auto seconds = reader.number("seconds", 1, static_cast<std::uint64_t>(kLongestDuration.count())))
    command.duration = std::chrono::seconds(*seconds);
  bool forever = false;
  reader.flag("forever", forever);
  if (forever && command.duration) reader.wrong("\"seconds\" or \"forever\": one of the two");
  if (forever) command.duration = kForeverBan;
  reader.flag("force", command.force);
  reader.flag("all", command.all);
  reader.flag("forget", command.forget);
  reader.flag("offences", command.offences);
  command.latest = static_cast<std::uint32_t>(reader.number("latest", 0, kMaxLatest).value_or(0));
  if (row.verb == Verb::list)
    command.filter = read_filter(reader);
  else if (takes(" reason "))
    command.reason = reader.text("reason").value_or("");
  if (row.verb == Verb::adopt) read_known_bans(reader, command.bans);
  if (takes(" prefixes ") && command.prefixes.empty() != command.all)
    reader.wrong("\"{}\" needs \"prefixes\"{}", row.name,
                 takes(" all ") ? ", or \"all\": one of the two" : "");
  return command;
}

}  // namespace

std::string_view to_string(Verb verb) {
  return row_of(verb).name;
}

Access needed(Verb verb) {
  return row_of(verb).access;
}

tl::expected<Command, Refusal> parse_request(std::string_view line) {
  const auto bad = [](std::string text) { return tl::unexpected<Refusal>({kBadRequest, std::move(text)}); };
  if (line.size() >= kMaxRequestBytes)
    return bad(fmt::format("a request is at most {} bytes long", kMaxRequestBytes));
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) return bad("a request is one JSON object on one line");
  const auto name = object.find("verb");
  if (name == object.end() || !name->is_string()) return bad("a request needs \"verb\", a text");
  const auto* const row = std::find_if(kVerbs.begin(), kVerbs.end(), [&](const VerbRow& known) {
    return known.name == name->get_ref<const std::string&>();
  });
  if (row == kVerbs.end())
    return bad(fmt::format("there is no verb \"{}\"", escape(name->get_ref<const std::string&>())));
  Reader reader(object);
  Command command = read_command(reader, *row);
  if (!reader.mistake().empty()) return bad(reader.mistake());
  return command;
}

std::string format_request(const Command& command) {
  Json object{{"verb", to_string(command.verb)}};
  for (const Prefix& prefix : command.prefixes) object["prefixes"].push_back(prefix.to_string());
  if (command.duration == kForeverBan)
    object["forever"] = true;
  else if (command.duration)
    object["seconds"] = static_cast<std::uint64_t>(command.duration->count());
  if (!command.reason.empty()) object["reason"] = command.reason;
  for (const auto& [key, on] : {std::pair{"force", command.force},
                                {"all", command.all},
                                {"forget", command.forget},
                                {"offences", command.offences}})
    if (on) object[key] = true;
  if (command.latest > 0) object["latest"] = command.latest;
  const ListFilter& filter = command.filter;
  if (filter.rule) object["rule"] = *filter.rule;
  if (filter.evidence) object["evidence"] = to_string(*filter.evidence);
  if (filter.network) object["network"] = filter.network->to_string();
  if (filter.family) object["family"] = static_cast<unsigned>(*filter.family);
  if (filter.reason) object["reason"] = *filter.reason;
  for (const KnownBan& ban : command.bans)
    object["bans"].push_back({{"prefix", ban.prefix.to_string()},
                              {"seconds", static_cast<std::uint64_t>(ban.left.count())},
                              {"earlier_bans", ban.earlier_bans}});
  return object.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

std::string error_line(const Refusal& refusal) {
  return fmt::format("{{\"schema\":{},\"event\":\"error\",\"code\":\"{}\",\"text\":{}}}\n", kSchema,
                     refusal.code, json_text(refusal.text));
}

std::string end_line() {
  return fmt::format("{{\"schema\":{},\"event\":\"end\"}}\n", kSchema);
}

std::string json_text(std::string_view text) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  if (std::all_of(text.begin(), text.end(), plain)) return fmt::format("\"{}\"", text);
  return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string rfc3339(std::chrono::system_clock::time_point time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const auto rest = std::chrono::floor<std::chrono::seconds>(time - days).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), rest / 3600,
                     rest / 60 % 60, rest % 60);
}

}  // namespace coturn_guard::control
