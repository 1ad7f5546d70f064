#pragma once
// ECMA-262 patterns, the "unicode" flavour that JSON Schema means (2020-12 core, section 6.4).

#include <cstdint>
#include <string>
#include <string_view>

#include "grammar/error.h"
#include "grammar/fuel.h"
#include "grammar/languages.h"

namespace praxis::grammar {

/// Which texts a pattern stands for: those in which it matches somewhere (anchors bind it), as JSON
/// Schema has it, or those that it matches from their start to their end.
enum class Match : std::uint8_t { somewhere, whole };

/// The texts that `pattern` stands for. Classes, \d \w \s \b, \p{...}
/// for general categories and common scripts, escapes, groups (also named), lazy quantifiers (no
/// difference here), lookahead anywhere; lookbehind for one character or the start. Identity
/// escapes and single { } ] are taken as Annex B does. Backreferences, flags and unknown escapes
/// are refused (unsupported), as is what is no syntax at all (bad_schema); limits: nesting,
/// repetition of assertions, fuel. `where`: the schema path of the pattern. If `languages` is
/// exhausted() by it, the language may lack texts.
Result<LanguageId> pattern(Languages& languages, std::string_view pattern, const std::string& where,
                           Fuel& fuel, Match match = Match::somewhere);

}  // namespace praxis::grammar
