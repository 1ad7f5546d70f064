#pragma once
// How the characters of generated strings and keys are spelled.

#include <cstdint>

namespace praxis::grammar {

enum class Escapes : std::uint8_t {
  minimal,  // raw UTF-8; '"', '\' and controls in their shortest escape, hex digits in lower case
  ascii,    // the same, but \uxxxx, in pairs beyond U+FFFF, from U+007F on: what Python's json.dumps writes
};

}  // namespace praxis::grammar
