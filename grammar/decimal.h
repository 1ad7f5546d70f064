#pragma once
// Exact decimal numbers: enough arithmetic to compare bounds and to call two numbers equal.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace praxis::grammar {

/// Value = (-1)^negative * 0.d1d2d3... * 10^exponent, with d1 and the last digit not 0.
/// Zero: no digits, exponent 0, not negative.
struct Decimal {
  static constexpr std::int64_t kExponentMax = 100'000;  // |exponent| of what parse() takes

  bool negative = false;
  std::string digits;
  std::int64_t exponent = 0;

  /// `text`: a JSON number. Nothing if its exponent is beyond kExponentMax.
  static std::optional<Decimal> parse(std::string_view text);

  bool zero() const { return digits.empty(); }
  bool integral() const { return exponent >= static_cast<std::int64_t>(digits.size()); }
  /// Digits before and after the decimal point of the magnitude; "" for zero.
  std::string whole() const;
  std::string fraction() const;
  std::string to_string() const;

  std::strong_ordering operator<=>(const Decimal& other) const;
  bool operator==(const Decimal& other) const = default;
};

}  // namespace praxis::grammar
