#pragma once
// A StructureSpec as a small graph: what an output consists of, in order, with its choices.

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/finder.h"
#include "grammar/residual.h"
#include "grammar/structure.h"

namespace praxis::grammar {

using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = ~0u;

struct Node {
  enum class Kind : std::uint8_t {
    text,      // `text`, byte by byte
    control,   // the token `control`
    names,     // one of `names`, sorted; then the node beside it
    value,     // a value of `grammar` with its suffix text
    free,      // any text; it is left through any of `branches`, or by the trigger's text to `next`
    split,     // one of `branches`
    call,      // one call more, if calls_max leaves one
    called,    // a call is over
    finished,  // nothing more
  };
  struct Name {
    std::string name;
    NodeId next = kNoNode;
  };
  Kind kind = Kind::finished;
  Phase phase = Phase::text;
  bool straddles = false;   // value: a token may end it and go on with more text behind it
  bool ends_token = false;  // text: a token that ends it goes no further
  TokenId control = 0;
  NodeId next = kNoNode;
  std::uint64_t finish = kEndless;  // tokens from the start of this node to the end of the output,
                                    // every byte counted as one
  std::string text;
  std::vector<Name> names;
  std::vector<NodeId> branches;
  std::vector<TokenId> free_controls;    // free: allowed in it
  std::shared_ptr<const Finder> finder;  // free: the trigger's text; value: its suffix
  std::shared_ptr<const Grammar> grammar;
  std::shared_ptr<Residuals> residuals;
};

struct Program {
  std::vector<Node> nodes;
  NodeId start = kNoNode;
  NodeId thinking = kNoNode;        // the free node, if there is thinking
  NodeId close_thinking = kNoNode;  // where a forced close begins
  NodeId free_text = kNoNode;       // the free node of the answer, if it is free text
  std::uint32_t calls_max = 0;
};

/// Fails with bad_schema if the spec contradicts itself or the vocabulary, naming the field.
Result<Program> make_program(const StructureSpec& spec,
                             const std::shared_ptr<const Vocabulary>& vocabulary);

}  // namespace praxis::grammar
