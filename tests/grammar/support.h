#pragma once
// What the grammar's tests share: small vocabularies, random walks, and a JSON Schema checker of
// its own that shares no code with the room it judges.

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/compile.h"
#include "grammar/matcher.h"
#include "grammar/vocabulary.h"

namespace praxis::grammar::test {

// Sanitizers make a test ten times slower: they see a third of the random cases.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kCasesDivisor = 3;
#else
inline constexpr int kCasesDivisor = 1;
#endif

// ---- vocabularies
// --------------------------------------------------------------------------------

inline constexpr TokenId kControls = 16;  // ids 0..15 have no bytes; byte b is id kControls + b

/// Every byte alone, nothing else.
std::shared_ptr<const Vocabulary> byte_vocabulary();
/// Bytes, and some hundred byte pairs merged from JSON-like text by a toy BPE whose encode() is the
/// canonical one. Tokens straddle all of JSON's punctuation. A few ids at the end are unused.
std::shared_ptr<const Vocabulary> bpe_vocabulary();

bool allowed(std::span<const std::uint32_t> bits, TokenId id);
std::vector<TokenId> allowed_tokens(const Vocabulary& vocabulary,
                                    std::span<const std::uint32_t> bits);
std::vector<std::uint32_t> mask_of(const Matcher& matcher, const Vocabulary& vocabulary,
                                   std::uint64_t bytes_max = ~0ull);
std::string text_of(const Vocabulary& vocabulary, std::span<const TokenId> tokens);

std::shared_ptr<const Grammar> must_compile(
    std::string_view schema, const CompileOptions& options = {},
    std::shared_ptr<const Vocabulary> vocabulary = byte_vocabulary());

/// Does the matcher take the whole text, byte by byte, as a whole sentence?
bool generates(const std::shared_ptr<const Grammar>& grammar, std::string_view text);

/// Draws tokens uniformly from the mask, never more than `tokens_max` in all, and stops at random
/// once the text is complete. `dead` if the mask was empty before that.
struct Walk {
  std::string text;
  std::uint32_t tokens = 0;
  bool dead = false;
};
Walk random_walk(const std::shared_ptr<const Grammar>& grammar, const Vocabulary& vocabulary,
                 std::uint32_t tokens_max, std::mt19937& random);

// ---- the checker
// ---------------------------------------------------------------------------------

/// A JSON value read by a small strict parser: numbers as text, strings decoded.
struct Value {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object } kind = Kind::null;
  bool truth = false;
  std::string text;
  std::vector<std::pair<std::string, Value>> members;  // array items have empty keys
  const Value* find(std::string_view key) const;
};

/// False for anything that is not exactly one JSON text, duplicate keys included.
bool parse(std::string_view text, Value& out);

/// -1, 0, 1: JSON numbers compared digit by digit on their expanded spelling.
int compare_numbers(std::string_view a, std::string_view b);

/// Judges by the keywords the room covers. `root`: the document that $ref points into.
bool conforms(const Value& schema, const Value& value, const Value& root);
bool conforms(std::string_view schema, std::string_view text);

}  // namespace praxis::grammar::test
