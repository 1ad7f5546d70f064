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

Lexed lex_string(Place place, std::uint8_t b) {
  switch (place) {
    case Place::between:
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

Lexed lex_key(Place place, std::uint8_t b) {
  const bool small_hex = between(b, '0', '9') || between(b, 'a', 'f');
  switch (place) {
    case Place::between:
      return b == '\\' ? at(Place::escape) : b == '"' ? kRefused : lead(b);
    case Place::escape:
      return b == 'u' ? at(Place::key_u0) : if_so(short_escape(b), Place::between);
    case Place::key_u0:
      return if_so(b == '0', Place::key_u1);
    case Place::key_u1:
      return if_so(b == '0', Place::key_u2);
    case Place::key_u2:
      return b == '0' ? at(Place::key_u3_0) : if_so(b == '1', Place::key_u3_1);
    case Place::key_u3_0:  // 08 09 0a 0c 0d have short escapes
      return if_so(small_hex && b != '8' && b != '9' && b != 'a' && b != 'c' && b != 'd',
                   Place::between);
    case Place::key_u3_1:
      return if_so(small_hex, Place::between);
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
    case Place::key_u1:
    case Place::key_u2:
      return -1;
    case Place::key_u3_0:
    case Place::key_u3_1:
      return (place == Place::key_u3_1 ? 16 : 0) + (b <= '9' ? b - '0' : b - 'a' + 10);
    default:
      return b;
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
    place = lex_key(place, byte).place;
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
  }
  return 0;
}

}  // namespace praxis::grammar
