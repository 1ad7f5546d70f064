#pragma once
// The inside of a JSON string, byte by byte (RFC 8259 section 7, RFC 3629 section 4): valid UTF-8,
// valid escapes, surrogate escapes in pairs only. A place is where one stands inside a character.

#include <cstdint>
#include <string>
#include <string_view>

#include "grammar/escapes.h"

namespace praxis::grammar {

enum class Place : std::uint8_t {
  between,  // characters
  tail1,
  tail2,
  tail3,  // that many UTF-8 continuation bytes to come
  e0,
  ed,
  f0,
  f4,      // after that lead byte: the next one is restricted
  escape,  // after '\'
  hex4,
  hex3,
  hex3_d,
  hex2,
  hex2_high,
  hex1,
  hex1_high,  // after \u: hex digits to come; _d: the first
              // was d; _high: it will be a high surrogate
  low_escape,
  low_u,
  low_d,
  low_c,
  low_2,
  low_1,  // after a high surrogate: \ u d c-f and two more
  key_u0,
  key_u1,
  key_u2,
  key_u3_0,
  key_u3_1,  // canonical \u00xx of a control character

  // Canonical \uxxxx of any other character. UTF-8 is decoded as soon as the digits tell a byte; the bits
  // that they tell beyond it are counted from each name.
  unit_7f,               // behind \u007
  unit_0,                // behind \u0x: the digit 1-7
  unit_1 = unit_0 + 8,   // behind one digit, not 0 or d
  unit_d,                // behind d
  mid,                   // 4 bits of a UTF-8 byte are known, 2 to come
  last = mid + 16,       // 2 bits are known, 4 to come, and then the character is whole
  high = last + 4,       // behind d8-db: 2 bits of a high surrogate
  high_2 = high + 4,     // behind its third digit: 4 bits of a UTF-8 byte are known
  pair = high_2 + 16,    // behind it: 2 bits are known; \ to come
  pair_u = pair + 4,     // u to come
  pair_d = pair_u + 4,   // d to come
  pair_c = pair_d + 4,   // c-f to come
  end_of_places = pair_c + 4,
};

struct Lexed {
  bool ok = false;
  Place place = Place::between;
};

/// Whitespace between tokens (RFC 8259 section 2).
inline bool is_space(std::uint8_t b) { return b == ' ' || b == '\n' || b == '\t' || b == '\r'; }

/// Any spelling; with Escapes::ascii any in ASCII. At `between` a quote is not taken: it ends the string.
Lexed lex_string(Place place, std::uint8_t byte, Escapes escapes = Escapes::minimal);
/// The canonical spelling only (spell_string): one for each text.
Lexed lex_key(Place place, std::uint8_t byte, Escapes escapes);
/// All bytes that may come inside a canonical escape.
inline constexpr std::string_view kEscapeBytes = "0123456789abcdef\\u\"nrt";
/// The decoded byte that `byte` at `place` completes, in canonical spelling; -1: none yet. The bytes
/// of UTF-8 stand for themselves.
int decoded(Place place, std::uint8_t byte);
/// Is the ASCII character spelled by the canonical escape that was begun up to `place`? Minimal ones only.
bool spells_by_escape(std::uint8_t character, Place place);
/// The text that a canonical spelling of either kind stands for.
std::string unspelled(std::string_view spelled);
/// Fewest bytes that complete the character.
std::uint32_t finish_of(Place place);

}  // namespace praxis::grammar
