#pragma once
// Properties of code points as \p{...} names them (ECMA-262, section 22.2.1.8 and tables 66 to 69).

#include <optional>
#include <string_view>

#include "grammar/code_points.h"

namespace praxis::grammar {

/// The set behind \p{name}: a general category by its short or long name, alone or behind
/// General_Category= or gc=; a script behind Script=, sc=, Script_Extensions= or scx= where the
/// two agree on the table; Any, ASCII, Assigned and some binary properties. Nothing if unknown.
std::optional<CodePointSet> unicode_property(std::string_view name);

}  // namespace praxis::grammar
