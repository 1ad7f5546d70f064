#include "grammar/program.h"

#include <algorithm>
#include <set>

#include "grammar/grammar.h"
#include "grammar/trie.h"

namespace praxis::grammar {
namespace {

class ProgramMaker {
 public:
  explicit ProgramMaker(const StructureSpec& spec) : spec_(spec) {}

  /// Built from the end: every node is made after those it leads to, but for the loop over calls.
  Program make() {
    Node finished;
    finished.phase = Phase::finished;
    const NodeId end = control(spec_.end, add(finished), Phase::text);
    program_.start = with_thinking(output(end));
    measure();
    for (Node& node : program_.nodes)
      node.straddles = node.kind == Node::Kind::value && begins_with_text(node.next);
    return std::move(program_);
  }

 private:
  NodeId add(Node node) {
    program_.nodes.push_back(std::move(node));
    return static_cast<NodeId>(program_.nodes.size() - 1);
  }
  NodeId text(std::string text, NodeId next, Phase phase) {
    if (text.empty()) return next;
    Node node;
    node.kind = Node::Kind::text;
    node.text = std::move(text);
    node.next = next;
    node.phase = phase;
    return add(node);
  }
  NodeId control(TokenId id, NodeId next, Phase phase) {
    Node node;
    node.kind = Node::Kind::control;
    node.control = id;
    node.next = next;
    node.phase = phase;
    return add(node);
  }
  NodeId pieces(std::span<const Piece> pieces, NodeId next, Phase phase) {
    for (std::size_t i = pieces.size(); i-- > 0;) {
      const TokenId* id = std::get_if<TokenId>(&pieces[i]);
      next = id ? control(*id, next, phase) : text(std::get<std::string>(pieces[i]), next, phase);
    }
    return next;
  }
  NodeId branch(Node::Kind kind, std::vector<NodeId> branches, Phase phase) {
    Node node;
    node.kind = kind;
    node.branches = std::move(branches);
    node.phase = phase;
    return add(node);
  }
  NodeId value(const std::shared_ptr<const Grammar>& grammar, std::string suffix, NodeId next,
               Phase phase) {
    Node node;
    node.kind = Node::Kind::value;
    node.grammar = grammar;
    node.residuals = grammar->residuals(suffix);
    node.next = next;
    node.phase = phase;
    return add(node);
  }

  /// Everything behind the thinking.
  NodeId output(NodeId end) {
    const bool calls_possible =
        !spec_.tools.empty() && spec_.choice != ToolChoice::none && spec_.calls_max > 0;
    const NodeId called = calls_possible ? calls(end) : kNoNode;
    if (spec_.choice == ToolChoice::required) return called;
    if (spec_.answer) {
      const NodeId answer = value(spec_.answer, "", end, Phase::answer);
      return calls_possible ? branch(Node::Kind::split, {answer, called}, Phase::answer) : answer;
    }
    std::vector<NodeId> exits{end};
    if (calls_possible) exits.push_back(called);
    return program_.free_text = branch(Node::Kind::free, std::move(exits), Phase::text);
  }

  NodeId calls(NodeId end) {
    constexpr Phase phase = Phase::calls;
    const CallFormat& format = spec_.format;
    const NodeId after_call = branch(Node::Kind::split, {pieces(format.close, end, phase)}, phase);

    // Text right behind the arguments belongs to their grammar, so that its masks cover both.
    std::size_t texts = 0;
    std::string suffix;
    while (texts < format.after_arguments.size() &&
           std::holds_alternative<std::string>(format.after_arguments[texts])) {
      suffix += std::get<std::string>(format.after_arguments[texts++]);
    }
    const NodeId after_arguments =
        pieces(std::span(format.after_arguments).subspan(texts), after_call, phase);
    Node names;
    names.kind = Node::Kind::names;
    names.phase = phase;
    for (const ToolGrammar& tool : spec_.tools) {
      const NodeId arguments = value(tool.arguments, suffix, after_arguments, phase);
      names.names.push_back(
          Node::Name{tool.name, pieces(format.before_arguments, arguments, phase)});
    }
    std::sort(names.names.begin(), names.names.end(),
              [](const Node::Name& a, const Node::Name& b) { return a.name < b.name; });
    const NodeId call = pieces(format.before_name, add(names), phase);

    Node again;
    again.kind = Node::Kind::again;
    again.next = pieces(format.separator, call, phase);
    again.phase = phase;
    const NodeId more = add(again);
    program_.nodes[after_call].branches.push_back(more);
    return pieces(format.open, call, phase);
  }

  NodeId with_thinking(NodeId output) {
    if (!spec_.thinking) return output;
    const ThinkingFormat& thinking = *spec_.thinking;
    const NodeId after = text(thinking.after_close, output, program_.nodes[output].phase);
    const NodeId close = control(thinking.close, after, Phase::thinking);
    program_.close_thinking = text(thinking.close_text, close, Phase::thinking);
    program_.thinking = branch(Node::Kind::free, {close}, Phase::thinking);
    if (thinking.opened_by_prompt) return program_.thinking;
    const NodeId open =
        control(thinking.open, text(thinking.after_open, program_.thinking, Phase::thinking),
                Phase::thinking);
    return thinking.force_open
               ? open
               : branch(Node::Kind::split, {open, output}, program_.nodes[output].phase);
  }

  /// Least fixed point of the nodes' finish; the loop over calls never shortens anything.
  void measure() {
    for (bool changed = true; changed;) {
      changed = false;
      for (NodeId id = 0; id < program_.nodes.size(); ++id) {
        const std::uint64_t finish = finish_of(id);
        changed = changed || finish < program_.nodes[id].finish;
        program_.nodes[id].finish = finish;
      }
    }
  }

  std::uint64_t finish_of(NodeId id) const {
    const auto at = [&](NodeId other) { return program_.nodes[other].finish; };
    const Node& node = program_.nodes[id];
    std::uint64_t least = kEndless;
    switch (node.kind) {
      case Node::Kind::finished:
        return 0;
      case Node::Kind::text:
        return add_bytes(node.text.size(), at(node.next));
      case Node::Kind::control:
        return add_bytes(1, at(node.next));
      case Node::Kind::value:
        return add_bytes(node.residuals->finish(node.residuals->start()), at(node.next));
      case Node::Kind::again:
        return at(node.next);
      case Node::Kind::names:
        for (const Node::Name& name : node.names)
          least = std::min(least, add_bytes(name.name.size(), at(name.next)));
        return least;
      case Node::Kind::free:
        if (id == program_.thinking) return at(program_.close_thinking);  // room for a forced close
        [[fallthrough]];
      case Node::Kind::split:
        for (const NodeId branch : node.branches) least = std::min(least, at(branch));
        return least;
    }
    return least;
  }

  bool begins_with_text(NodeId id) const {
    const Node& node = program_.nodes[id];
    switch (node.kind) {
      case Node::Kind::text:
      case Node::Kind::names:
      case Node::Kind::value:
        return true;
      case Node::Kind::again:
        return begins_with_text(node.next);
      case Node::Kind::split:
        return std::any_of(node.branches.begin(), node.branches.end(),
                           [&](NodeId b) { return begins_with_text(b); });
      case Node::Kind::control:
      case Node::Kind::free:
      case Node::Kind::finished:
        return false;
    }
    return false;
  }

  const StructureSpec& spec_;
  Program program_;
};

tl::unexpected<Error> bad(std::string where, std::string what) {
  return refuse(ErrorCode::bad_schema, std::move(what), std::move(where));
}

class SpecCheck {
 public:
  explicit SpecCheck(const std::shared_ptr<const Vocabulary>& vocabulary)
      : vocabulary_(vocabulary) {}

  Result<void> control(TokenId id, const std::string& where) const {
    if (id < 0 || static_cast<std::uint32_t>(id) >= vocabulary_->size()) {
      return bad(where, "token " + std::to_string(id) + " is not in the vocabulary");
    }
    if (!vocabulary_->bytes(id).empty())
      return bad(where, "token " + std::to_string(id) + " is text, not a control token");
    return {};
  }

  Result<void> text(std::string_view text, const std::string& where) const {
    for (const char c : text) {
      if (!vocabulary_->tries().single[static_cast<std::uint8_t>(c)])
        return bad(where, "holds a byte that the vocabulary has no token for");
    }
    return {};
  }

  Result<void> pieces(std::span<const Piece> pieces, const std::string& where) const {
    for (const Piece& piece : pieces) {
      const TokenId* id = std::get_if<TokenId>(&piece);
      if (auto ok = id ? control(*id, where) : text(std::get<std::string>(piece), where); !ok)
        return ok;
    }
    return {};
  }

  Result<void> grammar(const std::shared_ptr<const Grammar>& grammar,
                       const std::string& where) const {
    if (!grammar) return bad(where, "has no grammar");
    if (grammar->vocabulary != vocabulary_)
      return bad(where, "was compiled for another vocabulary");
    return {};
  }

  Result<void> thinking(const ThinkingFormat& t) const {
    return control(t.open, "thinking.open")
        .and_then([&] { return control(t.close, "thinking.close"); })
        .and_then([&] { return text(t.after_open, "thinking.after_open"); })
        .and_then([&] { return text(t.after_close, "thinking.after_close"); })
        .and_then([&] { return text(t.close_text, "thinking.close_text"); });
  }

  Result<void> format(const CallFormat& f) const {
    return pieces(f.open, "format.open")
        .and_then([&] { return pieces(f.before_name, "format.before_name"); })
        .and_then([&] { return pieces(f.before_arguments, "format.before_arguments"); })
        .and_then([&] { return pieces(f.after_arguments, "format.after_arguments"); })
        .and_then([&] { return pieces(f.separator, "format.separator"); })
        .and_then([&] { return pieces(f.close, "format.close"); });
  }

  Result<void> tools(const std::vector<ToolGrammar>& tools) const {
    std::set<std::string_view> names;
    for (const ToolGrammar& tool : tools) {
      const std::string where = "tools." + tool.name;
      if (tool.name.empty()) return bad("tools", "a tool has no name");
      if (!names.insert(tool.name).second) return bad(where, "is listed twice");
      if (auto ok = text(tool.name, where).and_then([&] { return grammar(tool.arguments, where); });
          !ok)
        return ok;
    }
    return {};
  }

 private:
  const std::shared_ptr<const Vocabulary>& vocabulary_;
};

Result<void> check(const StructureSpec& spec, const std::shared_ptr<const Vocabulary>& vocabulary) {
  const SpecCheck check(vocabulary);
  if (auto ok = check.control(spec.end, "end"); !ok) return ok;
  if (spec.thinking) {
    if (auto ok = check.thinking(*spec.thinking); !ok) return ok;
  }
  for (const TokenId id : spec.free_controls) {
    if (auto ok = check.control(id, "free_controls"); !ok) return ok;
  }
  if (spec.answer) {
    if (auto ok = check.grammar(spec.answer, "answer"); !ok) return ok;
  }
  if (spec.choice == ToolChoice::required && (spec.tools.empty() || spec.calls_max == 0)) {
    return bad("choice", "a call is required, but no tool or no call is allowed");
  }
  if (spec.tools.empty() || spec.choice == ToolChoice::none) return {};
  const bool marked =
      !spec.format.open.empty() && std::holds_alternative<TokenId>(spec.format.open[0]);
  if (spec.choice == ToolChoice::automatic && !marked) {
    return bad("format.open",
               "must begin with a control token, which is what tells a call from text");
  }
  return check.format(spec.format).and_then([&] { return check.tools(spec.tools); });
}

}  // namespace

Result<Program> make_program(const StructureSpec& spec,
                             const std::shared_ptr<const Vocabulary>& vocabulary) {
  if (auto ok = check(spec, vocabulary); !ok) return tl::unexpected<Error>(ok.error());
  return ProgramMaker(spec).make();
}

}  // namespace praxis::grammar
