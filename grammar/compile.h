#pragma once
// JSON Schema, a pattern or a list of texts -> a grammar over bytes that a Matcher walks token by
// token.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "grammar/error.h"
#include "grammar/vocabulary.h"

namespace praxis::grammar {

/// Whitespace in generated text, never before or after the whole value.
enum class Whitespace : std::uint8_t {
  compact,  // none
  bounded,  // at most whitespace_max bytes in a row inside arrays and objects
  pretty,   // a line for each item, member and closing bracket, `indent` blanks a level, ": ", "[]", "{}":
            // what Python's json.dumps(value, indent=2) writes, and JSON.stringify(value, null, 2)
};

/// Of keys in generated text. as_written: of two required keys that follow each other in a schema's
/// `properties`, the first comes first, if `required` names them in this order, too; other keys come
/// anywhere. any: all of them do.
enum class KeyOrder : std::uint8_t { as_written, any };

/// The well-known formats of strings: asserted, or annotations (2020-12 validation, section 7.2).
enum class Formats : std::uint8_t { asserted, annotations };

struct CompileOptions {
  Formats formats = Formats::asserted;
  KeyOrder order = KeyOrder::as_written;
  Whitespace whitespace = Whitespace::compact;
  std::uint32_t whitespace_max = 8;
  std::uint8_t indent = 2;
  std::uint64_t fuel = 1'000'000;  // counted steps; spent: refused by schema path
  std::uint32_t depth_max = 64;    // nesting of the schema document
  bool strict = false;             // additionalProperties closed where the schema is silent
};

/// Immutable, thread-safe; one serves many matchers.
class Grammar;

/// `schema`: a JSON Schema document (object or boolean) as text. What cannot be decided within the
/// limits is refused by schema path and keyword, never ignored; so is what no value satisfies.
///
/// A matcher generates these forms of each value, validate() takes every form:
/// - keys in `order` (where two schemas speak of one object and disagree, the first one's);
/// - keys and all strings of which more than the length is asked in one spelling: raw UTF-8, the
///   shortest escapes; other strings in any;
/// - enum and const numbers as the schema writes them, or plainly; other numbers as numbers.h says.
///
/// `vocabulary` must hold every byte of printable ASCII and UTF-8 as a token of its own, and so the
/// line break for Whitespace::pretty.
Result<std::shared_ptr<const Grammar>> compile(std::string_view schema,
                                               std::shared_ptr<const Vocabulary> vocabulary,
                                               const CompileOptions& options = {});

/// The texts, raw and not as JSON strings, that `pattern` matches from start to end: an ECMA-262
/// pattern with the u flag, covered as far as pattern.h says. `where` of errors is "regex". Of the
/// options only `fuel` counts. Control characters that are no token of the vocabulary never come.
Result<std::shared_ptr<const Grammar>> compile_regex(std::string_view pattern,
                                                     std::shared_ptr<const Vocabulary> vocabulary,
                                                     const CompileOptions& options = {});

/// One of the texts, raw; each valid UTF-8. `where` of errors is "choice" or "choice[2]".
Result<std::shared_ptr<const Grammar>> compile_choice(std::span<const std::string> texts,
                                                      std::shared_ptr<const Vocabulary> vocabulary,
                                                      const CompileOptions& options = {});

/// True if `text` is a sentence of the grammar: for a schema one whole JSON text in any form that
/// it allows (any key order, any JSON whitespace).
Result<bool> validate(const Grammar& grammar, std::string_view text);

}  // namespace praxis::grammar
