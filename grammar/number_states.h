#pragma once
// The states of a number's spelling, and the steps from an exponent's e on.

#include <algorithm>
#include <cstdint>

#include "grammar/numbers.h"

namespace praxis::grammar::number_states {

/// How far a spelling is. 0 is the dead state's.
enum Phase : std::uint8_t {
  kStart = 1,
  kMinus,
  kZero,            // 0
  kZeros,           // 0. and n zeros
  kFirst,           // one digit, not 0
  kWhole,           // n digits, two or more: no exponent from here on
  kMantissa,        // a digit, the point, n digits; an exponent may follow
  kFraction,        // n digits behind the point; no exponent
  kTail,            // as kFraction, and only zeros may follow
  kExponent,        // e; the exponent has to be one of [from, to]
  kExponentSigned,  // e and a sign; its magnitude has to be one of [from, to]
  kExponentDigit,   // a digit behind e; the second one of [from, to]; n: it may end here
  kEnd
};

/// A bit field of a state.
struct Field {
  int at, bits;
  std::uint64_t of(std::uint64_t state) const { return state >> at & ((1ull << bits) - 1); }
  std::uint64_t put(std::uint64_t value) const { return value << at; }
};
inline constexpr Field kPhaseField{0, 4}, kCountField{4, 6}, kLastField{10, 5};
inline constexpr Field kFromField{16, 8}, kToField{24, 8};
inline constexpr int kExponentBias = 100;

inline Phase phase_of(std::uint64_t state) { return static_cast<Phase>(kPhaseField.of(state)); }
inline int count_of(std::uint64_t state) { return static_cast<int>(kCountField.of(state)); }

inline std::uint64_t make(Phase phase, int count = 0) {
  return kPhaseField.put(phase) | kCountField.put(static_cast<std::uint64_t>(count));
}

/// A state that waits for a number of [from, to], or the dead one if that is empty.
inline std::uint64_t waiting(Phase phase, int from, int to) {
  if (from > to) return 0;
  return make(phase) | kFromField.put(static_cast<std::uint64_t>(from + kExponentBias)) |
         kToField.put(static_cast<std::uint64_t>(to + kExponentBias));
}

inline std::uint64_t exponent_within(int from, int to) {
  return waiting(kExponent, std::max(from, -kExponentMax), std::min(to, kExponentMax));
}

inline std::uint64_t tail(int count) { return count <= kDigitsMax ? make(kTail, count) : 0; }

inline bool is_digit(std::uint8_t byte) { return byte >= '0' && byte <= '9'; }
inline bool is_exponent(std::uint8_t byte) { return byte == 'e' || byte == 'E'; }

/// The steps from an 'e' on, and among the zeros behind a decided number.
inline std::uint64_t step_behind(std::uint64_t state, std::uint8_t byte) {
  const int from = static_cast<int>(kFromField.of(state)) - kExponentBias;
  const int to = static_cast<int>(kToField.of(state)) - kExponentBias;
  const int digit = byte - '0';
  switch (phase_of(state)) {
    case kTail:
      return byte == '0' ? tail(count_of(state) + 1) : 0;
    case kExponent:
      if (byte == '-') return waiting(kExponentSigned, std::max(-to, 0), -from);
      if (byte == '+') return waiting(kExponentSigned, std::max(from, 0), to);
      if (!is_digit(byte)) return 0;
      return step_behind(waiting(kExponentSigned, std::max(from, 0), to), byte);
    case kExponentSigned: {
      if (!is_digit(byte)) return 0;
      const std::uint64_t second =
          waiting(kExponentDigit, std::max(from - 10 * digit, 0), std::min(to - 10 * digit, 9));
      if (digit < from || digit > to) return second;
      return second ? second | kCountField.put(1) : make(kEnd);
    }
    case kExponentDigit:
      return is_digit(byte) && digit >= from && digit <= to ? make(kEnd) : 0;
    default:
      return 0;
  }
}

inline bool accepts_behind(std::uint64_t state) {
  const Phase phase = phase_of(state);
  return phase == kEnd || ((phase == kTail || phase == kExponentDigit) && count_of(state) > 0);
}

}  // namespace praxis::grammar::number_states
