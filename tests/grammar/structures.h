#pragma once
// What the tests of structures share: call formats, specs, and whole outputs drawn from the mask.

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/structure.h"
#include "support.h"

namespace praxis::grammar::test {

enum Control : TokenId {
  kThink = 1,
  kEndThink,
  kCalls,
  kCall,
  kSep,
  kEndCall,
  kEndCalls,
  kEos,
  kOther
};

/// Every byte alone and these texts; text is encoded byte by byte.
std::shared_ptr<const Vocabulary> byte_vocabulary_and(std::vector<std::string> texts);
/// The token that is this text; fails the test if there is none.
TokenId token_of(const Vocabulary& vocabulary, std::string_view text);

extern const char* const kAdd;     // what add and add_all take
extern const char* const kSearch;  // what search takes
extern const char* const kAnswer;

/// R1's own way to write calls.
CallFormat r1_format();
/// Text alone: where names, arguments and separators end is for the grammar to tell.
CallFormat text_format();
/// Hermes' and Qwen's way: every call in tags of its own that are text, free text around them.
CallFormat hermes_format();

/// Tools add, add_all and search, three calls at most.
StructureSpec spec_for(const std::shared_ptr<const Vocabulary>& vocabulary, bool thinking,
                       ToolChoice choice, bool answer, CallFormat format = r1_format());
const char* schema_of(std::string_view tool);

struct Drawn {
  std::vector<TokenId> tokens;
  bool cut = false;
  std::string problem;
};

/// Of the allowed tokens, the one to take.
using Choose = std::function<TokenId(const std::vector<TokenId>& allowed)>;
/// Control ids with some preference, so that not all is free text.
Choose some_controls(const Vocabulary& vocabulary, std::mt19937& random);

/// Draws a whole output. `use_forced`: as an engine does it; else every token goes through mask and
/// accept. `at_each` may look at the structure before each choice.
Drawn draw(Structure& structure, const Vocabulary& vocabulary, std::uint32_t tokens_max,
           const Choose& choose, bool use_forced,
           const std::function<void(Structure&)>& at_each = {});

/// The smallest budget that the spec is not refused with.
std::uint32_t least_of(const StructureSpec& spec,
                       const std::shared_ptr<const Vocabulary>& vocabulary);

std::vector<std::uint32_t> mask_of(const Structure& structure, const Vocabulary& vocabulary);

}  // namespace praxis::grammar::test
