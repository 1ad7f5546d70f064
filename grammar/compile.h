#pragma once
// JSON Schema -> a grammar over bytes that a Matcher walks token by token.

#include <cstdint>
#include <memory>
#include <string_view>

#include "grammar/error.h"
#include "grammar/vocabulary.h"

namespace praxis::grammar {

enum class Whitespace : std::uint8_t { compact, bounded };  // bounded: at most whitespace_max in a row

struct CompileOptions {
  Whitespace whitespace = Whitespace::compact;
  std::uint32_t whitespace_max = 8;
  std::uint64_t fuel = 1'000'000;   // counted steps; spent: refused by schema path
  std::uint32_t depth_max = 64;     // nesting of the schema document
  bool strict = false;              // additionalProperties closed where the schema is silent
};

/// Immutable, thread-safe; one serves many matchers.
class Grammar;

/// `schema`: a JSON Schema document (object or boolean) as text. Keys are generated in the order
/// they are written. What is not covered is refused by schema path and keyword, never ignored.
Result<std::shared_ptr<const Grammar>> compile(std::string_view schema, std::shared_ptr<const Vocabulary> vocabulary,
                                               const CompileOptions& options = {});

/// True if `json` (one whole JSON text) is a sentence of the grammar, in any form a schema allows
/// (any key order, any JSON whitespace).
Result<bool> validate(const Grammar& grammar, std::string_view json);

}  // namespace praxis::grammar
