// SPDX-License-Identifier: GPL-3.0-or-later
#include "config_tree.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <utility>

namespace coturn_guard {
namespace {

// Takes yaml-cpp's events itself, because its Node follows aliases and hides a key that stands twice.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view file_name, Problems& problems) : file_name_(file_name), problems_(problems) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      complain(problems_, file_name_, node(mark, "?"), "a second document: only one is read");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { put(node(mark, "?")); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    ConfigNode refused = node(mark, "?");
    complain(problems_, file_name_, refused, "aliases are not read here: write the value again");
    refused.kind = ConfigNode::Kind::refused;
    put(std::move(refused));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    ConfigNode scalar = node(mark, tag);
    scalar.kind = ConfigNode::Kind::scalar;
    scalar.text = value;
    put(std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(node(mark, tag), ConfigNode::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(node(mark, tag), ConfigNode::Kind::map);
  }
  void OnMapEnd() override { close(); }

  ConfigNode take() { return std::move(root_); }

 private:
  ConfigNode node(const YAML::Mark& mark, const std::string& tag) {
    ConfigNode made;
    made.line = static_cast<unsigned>(mark.line) + 1;
    made.column = static_cast<unsigned>(mark.column) + 1;
    made.quoted = tag == "!";
    made.replace = tag == "!replace";
    if (!made.quoted && !made.replace && !tag.empty() && tag != "?")
      complain(problems_, file_name_, made, "unknown tag: only !replace is known");
    return made;
  }

  void open(ConfigNode made, ConfigNode::Kind kind) {
    made.kind = kind;
    if (too_deep_ > 0 || open_.size() >= kMostConfigDepth) {
      if (too_deep_++ == 0) {
        complain(problems_, file_name_, made, fmt::format("nested deeper than {} levels", kMostConfigDepth));
        made.kind = ConfigNode::Kind::refused;
        attach(std::move(made));
      }
      return;
    }
    open_.push_back(std::move(made));
  }

  void close() {
    if (too_deep_ > 0) {
      --too_deep_;
      return;
    }
    ConfigNode done = std::move(open_.back());
    open_.pop_back();
    attach(std::move(done));
  }

  void put(ConfigNode made) {
    if (too_deep_ == 0) attach(std::move(made));
  }

  void attach(ConfigNode made) {
    if (documents_ > 1) return;
    if (++nodes_ > kMostConfigNodes) {
      if (nodes_ == kMostConfigNodes + 1)
        complain(problems_, file_name_, made,
                 fmt::format("more than {} values in one file", kMostConfigNodes));
      return;
    }
    if (open_.empty()) {
      root_ = std::move(made);
      return;
    }
    ConfigNode& parent = open_.back();
    const bool is_key = parent.kind == ConfigNode::Kind::map && parent.keys.size() == parent.items.size();
    (is_key ? parent.keys : parent.items).push_back(std::move(made));
  }

  std::string_view file_name_;
  Problems& problems_;
  ConfigNode root_;
  std::vector<ConfigNode> open_;  // from the root to the innermost list or map that is not complete
  std::size_t nodes_ = 0;
  std::size_t too_deep_ = 0;
  unsigned documents_ = 0;
};

}  // namespace

void complain(Problems& problems, std::string_view file_name, const ConfigNode& where,
              std::string_view what) {
  if (problems.size() > kMostProblems) return;
  if (problems.size() == kMostProblems) what = "and more: correct these first";
  problems.push_back(fmt::format("{}:{}:{}: {}", file_name, where.line, where.column, what));
}

ConfigNode parse_config_tree(std::string_view yaml, std::string_view file_name, Problems& problems) {
  if (yaml.size() > kMostConfigBytes) {
    complain(problems, file_name, ConfigNode{}, fmt::format("larger than {} bytes", kMostConfigBytes));
    return {};
  }
  TreeBuilder builder(file_name, problems);
  try {
    std::istringstream stream{std::string(yaml)};
    YAML::Parser parser(stream);
    // Everything after a second document is of no interest.
    for (int document = 0; document < 2 && parser.HandleNextDocument(builder); ++document) {
    }
  } catch (const YAML::ParserException& error) {
    ConfigNode where;
    where.line = static_cast<unsigned>(error.mark.line) + 1;
    where.column = static_cast<unsigned>(error.mark.column) + 1;
    complain(problems, file_name, where, fmt::format("this is no YAML: {}", error.msg));
    return {};
  }
  return builder.take();
}

}  // namespace coturn_guard
