#include "grammar/program.h"

#include <algorithm>
#include <set>

#include "grammar/grammar.h"
#include "grammar/trie.h"

namespace praxis::grammar {
namespace {

constexpr std::size_t kTriggerBytesMax = 256;

class ProgramMaker {
 public:
  ProgramMaker(const StructureSpec& spec, const Vocabulary& vocabulary)
      : spec_(spec), tries_(vocabulary.tries()) {}

  /// Built from the end: every node is made after those it leads to, but for the loops over calls.
  Program make() {
    Node finished;
    finished.phase = Phase::finished;
    const NodeId end = control(spec_.end, add(finished), Phase::text);
    program_.calls_max = spec_.calls_max;
    program_.start = with_thinking(output(end));
    measure();
    look_behind_values();
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
  /// Text of the format's own before free text: as tokens of its own, so that it can be forced.
  NodeId own_text(std::string text, NodeId next, Phase phase) {
    const NodeId made = this->text(std::move(text), next, phase);
    if (made != next)
      program_.nodes[made].ends_token = program_.nodes[next].kind == Node::Kind::free;
    return made;
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

  NodeId passing(Node::Kind kind, NodeId next) {
    Node node;
    node.kind = kind;
    node.next = next;
    node.phase = Phase::calls;
    return add(node);
  }

  /// Everything behind the thinking.
  NodeId output(NodeId end) {
    const bool calls_possible =
        !spec_.tools.empty() && spec_.choice != ToolChoice::none && spec_.calls_max > 0;
    if (spec_.choice == ToolChoice::required) return blocks(end).open;
    if (spec_.answer) {
      const NodeId answer = value(spec_.answer, "", end, Phase::answer);
      if (!calls_possible) return answer;
      return branch(Node::Kind::split, {answer, blocks(end).open}, Phase::answer);
    }
    const NodeId free = program_.free_text = branch(Node::Kind::free, {end}, Phase::text);
    program_.nodes[free].free_controls = spec_.free_controls;
    const auto& open = spec_.format.open;
    const std::string* trigger = open.empty() ? nullptr : std::get_if<std::string>(&open[0]);
    if (trigger) program_.nodes[free].finder = tries_.finder(*trigger);
    if (!calls_possible) return free;
    const Blocks calls = blocks(spec_.format.text_after ? free : end);
    const NodeId call = passing(Node::Kind::call, trigger ? calls.behind_trigger : calls.open);
    if (trigger) program_.nodes[free].next = call;
    else program_.nodes[free].branches.push_back(call);
    return free;
  }

  struct Blocks {
    NodeId open, behind_trigger;  // behind the first piece of `open`
  };

  Blocks blocks(NodeId behind) {
    constexpr Phase phase = Phase::calls;
    const CallFormat& format = spec_.format;
    std::vector<Piece> after = format.after_arguments;
    if (format.block_per_call) after.insert(after.end(), format.close.begin(), format.close.end());
    const NodeId close = format.block_per_call ? behind : pieces(format.close, behind, phase);
    const NodeId after_call = branch(Node::Kind::split, {close}, phase);
    const NodeId call = this->call(after, passing(Node::Kind::called, after_call));
    Blocks made{pieces(format.open, call, phase), call};
    if (!format.open.empty())
      made.behind_trigger = pieces(std::span(format.open).subspan(1), call, phase);
    // Where free text follows, the next block is opened by its trigger.
    const bool only_by_trigger =
        format.block_per_call && program_.nodes[behind].kind == Node::Kind::free;
    if (!only_by_trigger) {
      const NodeId next = format.block_per_call ? made.open : call;
      const NodeId more = passing(Node::Kind::call, pieces(format.separator, next, phase));
      program_.nodes[after_call].branches.push_back(more);
    }
    return made;
  }

  /// before_name NAME before_arguments ARGUMENTS `after`
  NodeId call(std::span<const Piece> after, NodeId next) {
    constexpr Phase phase = Phase::calls;
    const CallFormat& format = spec_.format;
    // Text right behind the arguments belongs to their grammar, so that its masks cover both.
    std::size_t texts = 0;
    for (; texts < after.size() && std::holds_alternative<std::string>(after[texts]); ++texts)
      suffix_ += std::get<std::string>(after[texts]);
    const NodeId after_arguments = pieces(after.subspan(texts), next, phase);
    Node names;
    names.kind = Node::Kind::names;
    names.phase = phase;
    for (const ToolGrammar& tool : spec_.tools) {
      const NodeId arguments = value(tool.arguments, suffix_, after_arguments, phase);
      names.names.push_back(
          Node::Name{tool.name, pieces(format.before_arguments, arguments, phase)});
    }
    std::sort(names.names.begin(), names.names.end(),
              [](const Node::Name& a, const Node::Name& b) { return a.name < b.name; });
    return pieces(format.before_name, add(names), phase);
  }

  NodeId with_thinking(NodeId output) {
    if (!spec_.thinking) return output;
    const ThinkingFormat& thinking = *spec_.thinking;
    const NodeId after = own_text(thinking.after_close, output, program_.nodes[output].phase);
    const NodeId close = control(thinking.close, after, Phase::thinking);
    program_.close_thinking = text(thinking.close_text, close, Phase::thinking);
    program_.thinking = branch(Node::Kind::free, {close}, Phase::thinking);
    if (thinking.opened_by_prompt) return program_.thinking;
    const NodeId open =
        control(thinking.open, own_text(thinking.after_open, program_.thinking, Phase::thinking),
                Phase::thinking);
    return thinking.force_open
               ? open
               : branch(Node::Kind::split, {open, output}, program_.nodes[output].phase);
  }

  /// Least fixed point of the nodes' finish; the loops over calls never shorten anything.
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
      case Node::Kind::call:
      case Node::Kind::called:
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
      case Node::Kind::free:
        return true;
      case Node::Kind::call:
      case Node::Kind::called:
        return begins_with_text(node.next);
      case Node::Kind::split:
        return std::any_of(node.branches.begin(), node.branches.end(),
                           [&](NodeId b) { return begins_with_text(b); });
      case Node::Kind::control:
      case Node::Kind::finished:
        return false;
    }
    return false;
  }

  void look_behind_values() {
    std::shared_ptr<const Finder> suffix;
    for (Node& node : program_.nodes) {
      node.straddles = node.kind == Node::Kind::value && begins_with_text(node.next);
      if (!node.straddles || suffix_.empty()) continue;
      if (!suffix) suffix = tries_.finder(suffix_);
      node.finder = suffix;  // an answer does not straddle: the end token follows it
    }
  }

  const StructureSpec& spec_;
  const Vocabulary::Tries& tries_;
  Program program_;
  std::string suffix_;  // text right behind every call's arguments
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

  /// Also where no call may come: free text may not spell it then.
  Result<void> trigger(const CallFormat& f) const {
    const std::string* text = f.open.empty() ? nullptr : std::get_if<std::string>(&f.open[0]);
    if (text && (text->empty() || text->size() > kTriggerBytesMax)) {
      return bad("format.open", "begins with " + std::to_string(text->size()) +
                                    " bytes of text; what tells a call from text has 1 to " +
                                    std::to_string(kTriggerBytesMax));
    }
    return {};
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
  if (auto ok = check.trigger(spec.format); !ok) return ok;
  if (spec.choice == ToolChoice::required && (spec.tools.empty() || spec.calls_max == 0)) {
    return bad("choice", "a call is required, but no tool or no call is allowed");
  }
  if (spec.tools.empty() || spec.choice == ToolChoice::none) return {};
  if (spec.choice == ToolChoice::automatic && spec.format.open.empty()) {
    return bad("format.open",
               "must begin with what tells a call from text: a control token, or text");
  }
  return check.format(spec.format).and_then([&] { return check.tools(spec.tools); });
}

}  // namespace

Result<Program> make_program(const StructureSpec& spec,
                             const std::shared_ptr<const Vocabulary>& vocabulary) {
  if (auto ok = check(spec, vocabulary); !ok) return tl::unexpected<Error>(ok.error());
  return ProgramMaker(spec, *vocabulary).make();
}

}  // namespace praxis::grammar
