// SPDX-License-Identifier: GPL-3.0-or-later
#include "verbs/completion.hpp"

#include <fmt/format.h>

#include <string_view>
#include <vector>

namespace coturn_guard {
namespace {

// The rules as the package installs them; an operator's own are few enough to be typed.
constexpr std::string_view kRuleNames =
    R"(sed -n 's/^  - name: //p' /usr/share/coturn-guard/rules/coturn.yaml 2>/dev/null)";
// Whom unban could free: empty where the daemon is not running or does not answer this user.
constexpr std::string_view kBanned =
    R"sh(coturn-guard list --json 2>/dev/null | sed -n 's/.*"prefix":"\([^"]*\)".*/\1/p' | head -n 1000)sh";

enum class Kind { nothing, file, directory, rule, banned, words };
struct Value {
  Kind kind = Kind::nothing;
  std::string words{};  // separated by spaces
};

// `verb` only for what the type does not tell: an address to free is one that is banned.
Value value_of(const CLI::App& verb, const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto open = type.find('{');
  if (const auto close = type.find('}', open); open != std::string::npos && close != std::string::npos) {
    std::string words = type.substr(open + 1, close - open - 1);
    for (char& c : words)
      if (c == ',') c = ' ';
    return {Kind::words, words};
  }
  if (type.find("FILE") != std::string::npos) return {Kind::file};
  if (type.find("DIR") != std::string::npos) return {Kind::directory};
  if (type.find("RULE") != std::string::npos) return {Kind::rule};
  if (verb.get_name() == "unban" && option.get_positional()) return {Kind::banned};
  return {};
}

std::vector<const CLI::App*> verbs_of(const CLI::App& program) {
  std::vector<const CLI::App*> verbs;
  for (const auto* const verb : program.get_subcommands([](const CLI::App*) { return true; }))
    if (!verb->get_group().empty()) verbs.push_back(verb);
  return verbs;
}

bool takes_value(const CLI::Option& option) {
  return option.get_expected_max() > 0;
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

// ---- bash -----------------------------------------------------------------------------------------------

std::string bash_reply(const Value& value) {
  switch (value.kind) {
    case Kind::nothing: return ":";
    case Kind::file: return "_filedir";
    case Kind::directory: return "_filedir -d";
    case Kind::rule: return fmt::format(R"sh(COMPREPLY=($(compgen -W "$({})" -- "$cur")))sh", kRuleNames);
    case Kind::banned:
      return fmt::format(
          R"sh(COMPREPLY=($(compgen -W "$({})" -- "$cur")); __ltrim_colon_completions "$cur")sh", kBanned);
    case Kind::words: return fmt::format(R"sh(COMPREPLY=($(compgen -W "{}" -- "$cur")))sh", value.words);
  }
  return ":";
}

std::string bash_names(const CLI::App& app) {
  std::string names;
  for (const auto* const option : app.get_options())
    for (const auto& name : names_of(*option)) names += (names.empty() ? "" : " ") + name;
  return names;
}

// ---- zsh ------------------------------------------------------------------------------------------------

// Between single quotes.
std::string zsh_quoted(std::string_view text) {
  std::string quoted;
  for (const char c : text) c == '\'' ? quoted += R"('\'')" : quoted += c;
  return quoted;
}

// The same in an optspec of _arguments.
std::string zsh_spec_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view("[]:\\").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return zsh_quoted(escaped);
}

std::string zsh_action(const Value& value) {
  switch (value.kind) {
    case Kind::nothing: return " ";
    case Kind::file: return "_files";
    case Kind::directory: return "_files -/";
    case Kind::rule: return "_coturn_guard_rules";
    case Kind::banned: return "_coturn_guard_banned";
    case Kind::words: return "(" + value.words + ")";
  }
  return " ";
}

std::string zsh_specs(const CLI::App& app) {
  std::string specs;
  for (const auto* const option : app.get_options()) {
    const std::string action = zsh_action(value_of(app, *option));
    for (const auto& name : names_of(*option)) {
      const bool ends = name == "-h" || name == "--help" || name == "--version";
      specs += fmt::format(" \\\n    '{}{}[{}]{}'", ends ? "(- *)" : "", name,
                           zsh_spec_text(option->get_description()),
                           takes_value(*option) ? ":value:" + action : "");
    }
    if (option->get_positional())
      specs += fmt::format(" \\\n    '{}:{}:{}'", option->get_expected_max() > 1 ? "*" : "",
                           zsh_spec_text(option->get_name(true)), action);
  }
  return specs;
}

}  // namespace

std::string bash_completion(const CLI::App& program) {
  std::string verbs;
  std::string values;
  std::string options;
  std::string arguments;
  for (const auto* const verb : verbs_of(program)) {
    verbs += verb->get_name() + " ";
    options += fmt::format("    {}) names='{}' ;;\n", verb->get_name(), bash_names(*verb));
    for (const auto* const option : verb->get_options()) {
      const std::string reply = bash_reply(value_of(*verb, *option));
      if (takes_value(*option))
        for (const auto& name : names_of(*option))
          values += fmt::format("    {}:{}) {}; return ;;\n", verb->get_name(), name, reply);
      if (option->get_positional() && reply != ":")
        arguments += fmt::format("    {}) {} ;;\n", verb->get_name(), reply);
    }
  }
  return fmt::format(R"sh(# coturn-guard's command line for bash: made by `coturn-guard completion bash`.
# shellcheck shell=bash disable=SC2207,SC2034
_coturn_guard() {{
  local cur prev words cword split names
  _init_completion -s -n : || return
  if ((cword == 1)); then
    if [[ $cur == -* ]]; then names='{}'; else names='{}'; fi
    COMPREPLY=($(compgen -W "$names" -- "$cur"))
    return
  fi
  case ${{words[1]}}:$prev in
{}  esac
  case ${{words[1]}} in
{}    *) return ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$names" -- "$cur"))
    return
  fi
  case ${{words[1]}} in
{}  esac
}}
complete -F _coturn_guard coturn-guard
)sh",
                     bash_names(program), verbs, values, options, arguments);
}

std::string zsh_completion(const CLI::App& program) {
  std::string verbs;
  std::string cases;
  for (const auto* const verb : verbs_of(program)) {
    verbs += fmt::format("    '{}:{}'\n", verb->get_name(), zsh_quoted(verb->get_description()));
    cases += fmt::format("  {}) _arguments -s{} ;;\n", verb->get_name(), zsh_specs(*verb));
  }
  return fmt::format(R"sh(#compdef coturn-guard
# coturn-guard's command line for zsh: made by `coturn-guard completion zsh`.
_coturn_guard_rules() {{ local -a found=(${{(f)"$({})"}}); compadd -a found }}
_coturn_guard_banned() {{ local -a found=(${{(f)"$({})"}}); compadd -a found }}
_coturn_guard() {{
  local context state state_descr line
  typeset -A opt_args
  local -a verbs=(
{}  )
  _arguments -C{} \
    '1:verb:->verb' \
    '*::argument:->argument'
  case $state in
  verb) _describe verb verbs; return ;;
  argument) ;;
  *) return ;;
  esac
  case $words[1] in
{}  esac
}}
_coturn_guard "$@"
)sh",
                     kRuleNames, kBanned, verbs, zsh_specs(program), cases);
}

}  // namespace coturn_guard
