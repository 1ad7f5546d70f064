#include "grammar/lexing.h"

namespace praxis::grammar {
namespace {

constexpr Lexed kRefused{};
Lexed at(Place place) { return Lexed{true, place}; }
Lexed if_so(bool ok, Place place) { return ok ? at(place) : kRefused; }

bool hex(std::uint8_t b) {
  return (b >= '0' && b <= '9') || (b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F');
}
bool between(std::uint8_t b, std::uint8_t low, std::uint8_t high) { return b >= low && b <= high; }
bool tail(std::uint8_t b) { return between(b, 0x80, 0xBF); }
bool small_hex(std::uint8_t b) { return between(b, '0', '9') || between(b, 'a', 'f'); }
std::uint8_t digit(std::uint8_t b) { return static_cast<std::uint8_t>(b <= '9' ? b - '0' : b - 'a' + 10); }

/// A place that knows some bits, and what it knows.
Place knowing(Place name, unsigned bits) { return static_cast<Place>(static_cast<unsigned>(name) + bits); }
unsigned known(Place place, Place name) { return static_cast<unsigned>(place) - static_cast<unsigned>(name); }
bool is(Place place, Place name, Place next) { return place >= name && place < next; }

/// Inside the \uxxxx of a character that is no control.
Lexed unit(Place place, std::uint8_t b) {
  if (place == Place::unit_7f) return if_so(b == 'f', Place::between);
  if (is(place, Place::pair, Place::pair_u))
    return if_so(b == '\\', knowing(Place::pair_u, known(place, Place::pair)));
  if (is(place, Place::pair_u, Place::pair_d))
    return if_so(b == 'u', knowing(Place::pair_d, known(place, Place::pair_u)));
  if (!small_hex(b)) return kRefused;
  const unsigned h = digit(b);
  if (is(place, Place::unit_0, Place::unit_1)) return at(knowing(Place::last, h & 3));
  if (place == Place::unit_1) return at(knowing(Place::mid, h));
  if (place == Place::unit_d)
    return h < 8 ? at(knowing(Place::mid, h)) : if_so(h < 12, knowing(Place::high, h & 3));
  if (is(place, Place::mid, Place::last)) return at(knowing(Place::last, h & 3));
  if (is(place, Place::last, Place::high)) return at(Place::between);
  if (is(place, Place::high, Place::high_2))
    return at(knowing(Place::high_2, ((known(place, Place::high) << 4 | h) + 4) & 15));
  if (is(place, Place::high_2, Place::pair)) return at(knowing(Place::pair, h & 3));
  if (is(place, Place::pair_d, Place::pair_c))
    return if_so(b == 'd', knowing(Place::pair_c, known(place, Place::pair_d)));
  return if_so(h >= 12, knowing(Place::mid, known(place, Place::pair_c) << 2 | (h & 3)));
}

/// The byte of UTF-8 that the digit tells, or -1.
int unit_byte(Place place, std::uint8_t b) {
  const auto h = static_cast<int>(digit(b));
  const auto bits = [&](Place name) { return static_cast<int>(known(place, name)); };
  if (place == Place::unit_7f) return 0x7F;
  if (is(place, Place::unit_0, Place::unit_1)) return 0xC0 | bits(Place::unit_0) << 2 | h >> 2;
  if (place == Place::unit_d) return h < 8 ? 0xED : -1;
  if (is(place, Place::mid, Place::last)) return 0x80 | bits(Place::mid) << 2 | h >> 2;
  if (is(place, Place::last, Place::high)) return 0x80 | bits(Place::last) << 4 | h;
  // A pair is of the code point less 0x10000: that is 4 in the upper six bits of the high surrogate's ten.
  if (is(place, Place::high, Place::high_2)) return 0xF0 | ((bits(Place::high) << 4 | h) + 4) >> 4;
  if (is(place, Place::high_2, Place::pair)) return 0x80 | bits(Place::high_2) << 2 | h >> 2;
  return -1;
}

std::uint8_t lower(std::uint8_t b) {
  return between(b, 'A', 'F') ? static_cast<std::uint8_t>(b + 32) : b;
}

/// The first byte of a character that is not an escape.
Lexed lead(std::uint8_t b) {
  if (b < 0x20) return kRefused;
  if (b < 0x80) return at(Place::between);
  if (b == 0xE0) return at(Place::e0);
  if (b == 0xED) return at(Place::ed);
  if (b == 0xF0) return at(Place::f0);
  if (b == 0xF4) return at(Place::f4);
  if (between(b, 0xC2, 0xDF)) return at(Place::tail1);
  if (between(b, 0xE1, 0xEF)) return at(Place::tail2);
  if (between(b, 0xF1, 0xF3)) return at(Place::tail3);
  return kRefused;
}

Lexed utf8(Place place, std::uint8_t b) {
  switch (place) {
    case Place::tail1:
      return if_so(tail(b), Place::between);
    case Place::tail2:
      return if_so(tail(b), Place::tail1);
    case Place::tail3:
      return if_so(tail(b), Place::tail2);
    case Place::e0:
      return if_so(between(b, 0xA0, 0xBF), Place::tail1);
    case Place::ed:
      return if_so(between(b, 0x80, 0x9F), Place::tail1);
    case Place::f0:
      return if_so(between(b, 0x90, 0xBF), Place::tail2);
    case Place::f4:
      return if_so(between(b, 0x80, 0x8F), Place::tail2);
    default:
      return kRefused;
  }
}

bool short_escape(std::uint8_t b) {
  switch (b) {
    case '"':
    case '\\':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return true;
    default:
      return false;
  }
}

}  // namespace

Lexed lex_string(Place place, std::uint8_t b, Escapes escapes) {
  switch (place) {
    case Place::between:
      if (escapes == Escapes::ascii && b >= 0x7F) return kRefused;
      return b == '\\' ? at(Place::escape) : b == '"' ? kRefused : lead(b);
    case Place::escape:
      return b == 'u' ? at(Place::hex4) : if_so(short_escape(b) || b == '/', Place::between);
    case Place::hex4:
      return lower(b) == 'd' ? at(Place::hex3_d) : if_so(hex(b), Place::hex3);
    case Place::hex3_d:  // d8-db begins a pair; dc-df would be a low surrogate alone
      if (between(b, '0', '7')) return at(Place::hex2);
      return if_so(b == '8' || b == '9' || lower(b) == 'a' || lower(b) == 'b', Place::hex2_high);
    case Place::hex3:
      return if_so(hex(b), Place::hex2);
    case Place::hex2:
      return if_so(hex(b), Place::hex1);
    case Place::hex2_high:
      return if_so(hex(b), Place::hex1_high);
    case Place::hex1:
      return if_so(hex(b), Place::between);
    case Place::hex1_high:
      return if_so(hex(b), Place::low_escape);
    case Place::low_escape:
      return if_so(b == '\\', Place::low_u);
    case Place::low_u:
      return if_so(b == 'u', Place::low_d);
    case Place::low_d:
      return if_so(lower(b) == 'd', Place::low_c);
    case Place::low_c:
      return if_so(between(lower(b), 'c', 'f'), Place::low_2);
    case Place::low_2:
      return if_so(hex(b), Place::low_1);
    case Place::low_1:
      return if_so(hex(b), Place::between);
    default:
      return utf8(place, b);
  }
}

Lexed lex_key(Place place, std::uint8_t b, Escapes escapes) {
  const bool ascii = escapes == Escapes::ascii;
  if (place >= Place::unit_7f) return unit(place, b);
  switch (place) {
    case Place::between:
      if (ascii && b >= 0x7F) return kRefused;
      return b == '\\' ? at(Place::escape) : b == '"' ? kRefused : lead(b);
    case Place::escape:
      return b == 'u' ? at(Place::key_u0) : if_so(short_escape(b), Place::between);
    case Place::key_u0:
      if (b == '0' || !ascii) return if_so(b == '0', Place::key_u1);
      return if_so(small_hex(b), b == 'd' ? Place::unit_d : Place::unit_1);
    case Place::key_u1:
      if (b == '0' || !ascii) return if_so(b == '0', Place::key_u2);
      return if_so(small_hex(b), digit(b) < 8 ? knowing(Place::unit_0, digit(b)) : knowing(Place::mid, digit(b)));
    case Place::key_u2:
      if (b == '0' || b == '1') return at(b == '0' ? Place::key_u3_0 : Place::key_u3_1);
      if (!ascii || b == '7') return if_so(ascii, Place::unit_7f);
      return if_so(small_hex(b) && b >= '8', knowing(Place::last, digit(b) & 3));
    case Place::key_u3_0:  // 08 09 0a 0c 0d have short escapes
      return if_so(small_hex(b) && b != '8' && b != '9' && b != 'a' && b != 'c' && b != 'd',
                   Place::between);
    case Place::key_u3_1:
      return if_so(small_hex(b), Place::between);
    default:
      return utf8(place, b);
  }
}

int decoded(Place place, std::uint8_t b) {
  switch (place) {
    case Place::between:
      return b == '\\' ? -1 : b;
    case Place::escape:
      switch (b) {
        case 'b':
          return '\b';
        case 'f':
          return '\f';
        case 'n':
          return '\n';
        case 'r':
          return '\r';
        case 't':
          return '\t';
        default:
          return b == 'u' ? -1 : b;
      }
    case Place::key_u0:
      return b == '0' || b == 'd' ? -1 : 0xE0 | digit(b);
    case Place::key_u1:
      return digit(b) < 8 ? -1 : 0xE0;
    case Place::key_u2:
      return digit(b) < 8 ? -1 : 0xC0 | digit(b) >> 2;
    case Place::key_u3_0:
    case Place::key_u3_1:
      return (place == Place::key_u3_1 ? 16 : 0) + digit(b);
    default:
      return place < Place::escape ? b : unit_byte(place, b);
  }
}

bool spells_by_escape(std::uint8_t c, Place place) {
  const bool named = c == '"' || c == '\\' || (c >= '\b' && c <= '\r' && c != '\v');
  switch (place) {
    case Place::escape:
      return named || c < 0x20;
    case Place::key_u0:
    case Place::key_u1:
    case Place::key_u2:
      return c < 0x20 && !named;
    case Place::key_u3_0:
      return c < 0x10 && !named;
    case Place::key_u3_1:
      return c >= 0x10 && c < 0x20;
    default:
      return false;
  }
}

std::string unspelled(std::string_view spelled) {
  std::string text;
  Place place = Place::between;
  for (const char c : spelled) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (const int character = decoded(place, byte); character >= 0)
      text += static_cast<char>(character);
    place = lex_key(place, byte, byte < 0x80 ? Escapes::ascii : Escapes::minimal).place;
  }
  return text;
}

std::uint32_t finish_of(Place place) {
  switch (place) {
    case Place::between:
      return 0;
    case Place::tail1:
    case Place::escape:
    case Place::hex1:
    case Place::low_1:
    case Place::key_u3_0:
    case Place::key_u3_1:
      return 1;
    case Place::tail2:
    case Place::e0:
    case Place::ed:
    case Place::hex2:
    case Place::low_2:
    case Place::key_u2:
      return 2;
    case Place::tail3:
    case Place::f0:
    case Place::f4:
    case Place::hex3:
    case Place::hex3_d:
    case Place::low_c:
    case Place::key_u1:
      return 3;
    case Place::hex4:
    case Place::low_d:
    case Place::key_u0:
      return 4;
    case Place::low_u:
      return 5;
    case Place::low_escape:
      return 6;
    case Place::hex1_high:
      return 7;
    case Place::hex2_high:
      return 8;
    default:
      break;
  }
  return place < Place::unit_0    ? 1
         : place < Place::unit_1  ? 2
         : place < Place::mid     ? 3
         : place < Place::last    ? 2
         : place < Place::high    ? 1
         : place < Place::high_2  ? 8
         : place < Place::pair    ? 7
         : place < Place::pair_u  ? 6
         : place < Place::pair_d  ? 5
         : place < Place::pair_c  ? 4
                                  : 3;
}

}  // namespace praxis::grammar
