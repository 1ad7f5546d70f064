#pragma once
// The syntax of ECMA-262 patterns (section 22.2.1 with the u flag, Annex B.1.2 where it is more
// lenient without being ambiguous) as a flat tree.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/code_points.h"
#include "grammar/error.h"
#include "grammar/fuel.h"

namespace praxis::grammar {

using PartId = std::uint32_t;

struct PatternPart {
  enum class Kind : std::uint8_t {
    set,       // one code point of `characters`
    sequence,  // children one after another; none: the empty text
    choice,    // one of the children
    repeat,    // the child, min to max times
    start,     // ^
    end,       // $
    boundary,  // \b, or \B if negative
    ahead,     // (?=child), or (?!child) if negative
    behind     // (?<=child), or (?<!child) if negative
  };
  Kind kind = Kind::sequence;
  bool negative = false;
  bool plain = true;  // no assertion in it: what it matches does not depend on its surroundings
  bool looks_back = false;         // what stands before it matters: ^, \b or lookbehind is in it
  std::uint32_t min = 0, max = 0;  // ~0u: no bound
  CodePointSet characters;         // united
  std::vector<PartId> children;
};

struct PatternTree {
  std::vector<PatternPart> parts;
  PartId root = 0;
  const PatternPart& operator[](PartId id) const { return parts[id]; }
};

inline constexpr std::uint32_t kPatternDepthMax = 200;

/// Fails with bad_schema (syntax), unsupported (backreferences, flags, unknown properties) or
/// limit (nesting, counts, fuel).
Result<PatternTree> read_pattern(std::string_view pattern, const std::string& where, Fuel& fuel);

/// \w: what \b tells apart.
CodePointSet word_characters();

}  // namespace praxis::grammar
