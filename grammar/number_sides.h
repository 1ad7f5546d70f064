#pragma once
// The ends of a number range as its spellings can reach them.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "grammar/numbers.h"

namespace praxis::grammar {

/// p * 10^-tens, p not divisible by 10. A range without a divisor has 10^-kAnyTens: every spelling
/// is a multiple of it.
struct Divisor {
  static constexpr int kAnyTens = 1024;

  std::uint64_t p = 1;
  int tens = kAnyTens;

  bool operator==(const Divisor&) const = default;
  /// Nothing if it needs more than kModulusMax.
  static std::optional<Divisor> of(const Decimal& value);
  /// Of the numbers that both divide. Nothing if it needs more than kModulusMax.
  static std::optional<Divisor> meet(const Divisor& a, const Divisor& b);
  bool small() const;  // without its point at most kModulusMax
  /// Multiples of it that are multiples of 10^-places are those of the result * 10^-places, as far
  /// as places <= tens.
  std::uint64_t modulus(std::int64_t places) const;
};

/// A magnitude: 0.digits * 10^exponent. None: no spelling lies beyond it.
struct Bound {
  bool none = true;
  std::string digits;
  int exponent = 0;
  bool operator==(const Bound&) const = default;
};

/// Closed, and each end is itself a spelling of a multiple. So an end can be reached wherever the
/// digits so far are its prefix.
struct Interval {
  Bound low, high;
  bool possible = true;

  bool operator==(const Interval&) const = default;
  /// Equal for digits that differ from those of both ends already.
  bool like(const Interval& other) const {
    return possible == other.possible && low.none == other.low.none &&
           low.exponent == other.low.exponent && high.none == other.high.none &&
           high.exponent == other.high.exponent;
  }
};

/// The magnitudes above zero that a range holds with one sign.
struct Side {
  Interval plain;       // spelled without exponent
  Interval scientific;  // with one

  bool operator==(const Side&) const = default;
  bool possible() const { return plain.possible || scientific.possible; }
  bool like(const Side& other) const {
    return plain.like(other.plain) && scientific.like(other.scientific);
  }
};

/// `low`, `high`: limits of the magnitude; `high` 0: there is none.
Side make_side(const std::optional<Limit>& low, const std::optional<Limit>& high,
               const Divisor& divisor);

}  // namespace praxis::grammar
