// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/quick_match.hpp"

#include <algorithm>
#include <bitset>
#include <cstring>
#include <memory>
#include <utility>

namespace coturn_guard {
namespace {

constexpr std::size_t kMaxNodes = 500;  // also the deepest that an attempt can stand
constexpr std::size_t kMaxDepth = 20;   // of groups in groups
// An honest line takes less than a hundred; then RE2 is faster.
constexpr int kMaxSteps = 2'000;

bool is_special(char c) {
  return std::strchr("\\^$.[]|()?*+{}", c) != nullptr && c != '\0';
}
bool is_plain_escape(char c) {  // "\(", not "\d"
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}
std::size_t number(char c) {
  return static_cast<unsigned char>(c);
}

}  // namespace

// Reads the expression from its end to its beginning in effect: each part is told what follows it.
class QuickCompiler {
 public:
  explicit QuickCompiler(std::string_view expression) : rest_(expression) { quick_.nodes_.emplace_back(); }

  std::optional<QuickMatch> run() {
    const auto tree = alternatives(0);
    if (!tree || !rest_.empty() || (tree->parts.size() > 1 && groups_ != 0)) return std::nullopt;
    quick_.start_ = build(*tree, 0);
    for (QuickMatch::Node& node : quick_.nodes_) node.goes_back = goes_back(node);
    return failed_ ? std::nullopt : std::optional(std::move(quick_));
  }

 private:
  struct Tree {
    enum class Kind : std::uint8_t { literal, run, sequence, choice, group } kind = Kind::sequence;
    std::string text;
    std::bitset<256> members;
    std::uint16_t shortest = 1;
    bool optional = false;
    std::size_t group = 0;
    std::vector<Tree> parts;
  };

  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  std::optional<Tree> alternatives(std::size_t depth);
  std::optional<Tree> sequence(std::size_t depth);
  std::optional<Tree> atom(std::size_t depth);
  std::optional<std::bitset<256>> members();
  bool quantify(Tree& atom);
  std::uint16_t add(QuickMatch::Node node);
  std::uint16_t build(const Tree& tree, std::uint16_t next);
  std::uint16_t build_once(const Tree& tree, std::uint16_t next);
  [[nodiscard]] bool goes_back(const QuickMatch::Node& run) const;

  std::string_view rest_;
  QuickMatch quick_;
  std::size_t groups_ = 0;
  bool failed_ = false;
};

std::optional<QuickCompiler::Tree> QuickCompiler::alternatives(std::size_t depth) {
  if (depth > kMaxDepth) return std::nullopt;
  Tree choice;
  choice.kind = Tree::Kind::choice;
  do {
    auto part = sequence(depth);
    if (!part) return std::nullopt;
    choice.parts.push_back(std::move(*part));
  } while (take("|"));
  return choice;
}

std::optional<QuickCompiler::Tree> QuickCompiler::sequence(std::size_t depth) {
  Tree all;
  while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
    auto part = atom(depth);
    if (!part || !quantify(*part)) return std::nullopt;
    const bool joins = part->kind == Tree::Kind::literal && !part->optional && !all.parts.empty() &&
                       all.parts.back().kind == Tree::Kind::literal && !all.parts.back().optional;
    if (joins)
      all.parts.back().text += part->text;
    else
      all.parts.push_back(std::move(*part));
  }
  return all;
}

std::optional<QuickCompiler::Tree> QuickCompiler::atom(std::size_t depth) {
  Tree atom;
  if (take("(")) {
    const bool captured = !take("?:");
    if (captured && rest_.starts_with('?')) return std::nullopt;  // flags and the like
    // Of what may be left out, traces of an attempt would remain.
    if (captured && (depth != 0 || groups_ == QuickMatch::kMaxGroups)) return std::nullopt;
    const std::size_t group = captured ? groups_++ : 0;
    auto inside = alternatives(depth + 1);
    if (!inside || !take(")")) return std::nullopt;
    if (!captured) return inside;
    atom.kind = Tree::Kind::group;
    atom.group = group;
    atom.parts.push_back(std::move(*inside));
    return atom;
  }
  if (take("[")) {
    const auto found = members();
    if (!found) return std::nullopt;
    atom.kind = Tree::Kind::run;
    atom.members = *found;
    return atom;
  }
  if (take(".")) {
    atom.kind = Tree::Kind::run;
    atom.members.set().reset('\n');
    return atom;
  }
  char c = rest_.front();
  rest_.remove_prefix(1);
  if (c == '\\') {
    if (rest_.empty() || !is_plain_escape(rest_.front())) return std::nullopt;
    c = rest_.front();
    rest_.remove_prefix(1);
  } else if (is_special(c)) {
    return std::nullopt;
  }
  atom.kind = Tree::Kind::literal;
  atom.text = c;
  return atom;
}

// Behind the bracket.
std::optional<std::bitset<256>> QuickCompiler::members() {
  std::bitset<256> found;
  const bool negated = take("^");
  const auto one = [this]() -> std::optional<char> {
    if (rest_.empty() || rest_.front() == '[') return std::nullopt;  // "[[:alpha:]]"
    char c = rest_.front();
    rest_.remove_prefix(1);
    if (c != '\\') return c;
    if (rest_.empty()) return std::nullopt;
    c = rest_.front();
    rest_.remove_prefix(1);
    if (c == 'n') return '\n';
    if (c == 'r') return '\r';
    return is_plain_escape(c) ? std::optional(c) : std::nullopt;
  };
  if (rest_.starts_with(']')) return std::nullopt;  // a bracket in the first place: RE2's
  while (!take("]")) {
    const auto first = one();
    if (!first) return std::nullopt;
    auto last = first;
    if (rest_.starts_with('-') && !rest_.starts_with("-]")) {
      take("-");
      last = one();
      if (!last || number(*last) < number(*first)) return std::nullopt;
    }
    for (std::size_t c = number(*first); c <= number(*last); ++c) found.set(c);
  }
  return negated ? ~found : found;
}

bool QuickCompiler::quantify(Tree& atom) {
  const bool star = take("*");
  const bool plus = !star && take("+");
  const bool question = !star && !plus && take("?");
  if ((star || plus) && atom.kind != Tree::Kind::run) return false;
  if (question && atom.kind == Tree::Kind::group) return false;  // an empty group is no text of a message
  // a run without a quantifier is exactly one
  if (atom.kind == Tree::Kind::run && !star && !plus) atom.group = 1;
  atom.shortest = star ? 0 : 1;
  atom.optional = question;
  // "x*?", "x**", "x{3}"
  return rest_.empty() || std::strchr("*+?{", rest_.front()) == nullptr ||
         !(star || plus || question || rest_.front() == '{');
}

std::uint16_t QuickCompiler::add(QuickMatch::Node node) {
  if (quick_.nodes_.size() >= kMaxNodes) return failed_ = true, std::uint16_t{0};
  quick_.nodes_.push_back(std::move(node));
  return static_cast<std::uint16_t>(quick_.nodes_.size() - 1);
}

std::uint16_t QuickCompiler::build(const Tree& tree, std::uint16_t next) {
  const std::uint16_t once = build_once(tree, next);
  if (!tree.optional) return once;
  QuickMatch::Node fork;
  fork.kind = QuickMatch::Kind::fork;
  fork.next = once;
  fork.other = next;
  return add(std::move(fork));
}

std::uint16_t QuickCompiler::build_once(const Tree& tree, std::uint16_t next) {
  QuickMatch::Node node;
  node.next = next;
  switch (tree.kind) {
    case Tree::Kind::literal:
      node.kind = QuickMatch::Kind::literal;
      node.text = tree.text;
      return add(std::move(node));
    case Tree::Kind::run:
      node.kind = QuickMatch::Kind::run;
      for (std::size_t c = 0; c < node.members.size(); ++c) node.members[c] = tree.members[c];
      node.shortest = tree.shortest;
      node.mark = static_cast<std::uint8_t>(tree.group);
      return add(std::move(node));
    case Tree::Kind::sequence:
      for (auto part = tree.parts.rbegin(); part != tree.parts.rend(); ++part) next = build(*part, next);
      return next;
    case Tree::Kind::choice: {
      std::uint16_t tried = build(tree.parts.back(), next);
      for (auto part = tree.parts.rbegin() + 1; part != tree.parts.rend(); ++part) {
        QuickMatch::Node fork;
        fork.kind = QuickMatch::Kind::fork;
        fork.next = build(*part, next);
        fork.other = tried;
        tried = add(std::move(fork));
      }
      return tried;
    }
    case Tree::Kind::group: {
      node.kind = QuickMatch::Kind::mark;
      node.mark = static_cast<std::uint8_t>(2 * tree.group + 1);
      const std::uint16_t inside = build(tree.parts.front(), add(std::move(node)));
      QuickMatch::Node begin;
      begin.kind = QuickMatch::Kind::mark;
      begin.mark = static_cast<std::uint8_t>(2 * tree.group);
      begin.next = inside;
      return add(std::move(begin));
    }
  }
  return 0;
}

// A group's end changes nothing.
bool QuickCompiler::goes_back(const QuickMatch::Node& run) const {
  const QuickMatch::Node& next = quick_.nodes_[run.next];
  const QuickMatch::Node& then = next.kind == QuickMatch::Kind::mark ? quick_.nodes_[next.next] : next;
  if (then.kind == QuickMatch::Kind::literal) return run.members[number(then.text.front())];
  return then.kind != QuickMatch::Kind::end;
}

class QuickMatch::Attempt {
 public:
  Attempt(const std::vector<Node>& nodes, std::string_view text) : nodes_(nodes), text_(text) {}

  Answer from(std::uint16_t index, std::size_t at);
  void tell(Groups& groups) const {
    for (std::size_t i = 0; i < groups.size(); ++i)
      groups[i] = text_.substr(marks_[2 * i], marks_[2 * i + 1] - marks_[2 * i]);
  }

 private:
  [[nodiscard]] std::size_t end_of_run(const Node& node, std::size_t at) const;
  Answer go_back(const Node& node, std::size_t shortest_end, std::size_t end);

  const std::vector<Node>& nodes_;
  std::string_view text_;
  std::array<std::size_t, 2 * kMaxGroups> marks_{};
  int steps_ = 0;
};

QuickMatch::Answer QuickMatch::Attempt::from(std::uint16_t index, std::size_t at) {
  for (;;) {
    if (++steps_ > kMaxSteps) return Answer::unknown;
    const Node& node = nodes_[index];
    switch (node.kind) {
      case Kind::end: return at == text_.size() ? Answer::yes : Answer::no;
      case Kind::literal:
        if (text_.size() - at < node.text.size() ||
            std::memcmp(text_.data() + at, node.text.data(), node.text.size()) != 0)
          return Answer::no;
        at += node.text.size();
        break;
      case Kind::mark: marks_[node.mark] = at; break;
      case Kind::fork:
        if (const Answer answer = from(node.next, at); answer != Answer::no) return answer;
        index = node.other;
        continue;
      case Kind::run: {
        const std::size_t shortest_end = at + node.shortest;
        at = end_of_run(node, at);
        if (at < shortest_end) return Answer::no;
        if (node.goes_back) return go_back(node, shortest_end, at);
        break;
      }
    }
    index = node.next;
  }
}

std::size_t QuickMatch::Attempt::end_of_run(const Node& node, std::size_t at) const {
  const std::size_t longest = node.mark != 0 ? std::min(at + 1, text_.size()) : text_.size();
  while (at < longest && node.members[number(text_[at])]) ++at;
  return at;
}

// The longest first, as Perl's greed wants it.
QuickMatch::Answer QuickMatch::Attempt::go_back(const Node& node, std::size_t shortest_end, std::size_t end) {
  const Node& next = nodes_[node.next];
  const Node& then = next.kind == Kind::mark ? nodes_[next.next] : next;  // a group's end changes nothing
  for (;; --end) {
    const bool possible =
        then.kind != Kind::literal || (end < text_.size() && text_[end] == then.text.front());
    if (possible) {
      if (const Answer answer = from(node.next, end); answer != Answer::no) return answer;
    }
    if (end == shortest_end) return Answer::no;
  }
}

std::optional<QuickMatch> QuickMatch::compile(std::string_view expression) {
  return QuickCompiler(expression).run();
}

QuickMatch::Answer QuickMatch::match(std::string_view text, Groups& groups) const {
  Attempt attempt(nodes_, text);
  const Answer answer = attempt.from(start_, 0);
  if (answer == Answer::yes) attempt.tell(groups);
  return answer;
}

}  // namespace coturn_guard
