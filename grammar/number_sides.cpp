#include "grammar/number_sides.h"

#include <numeric>

namespace praxis::grammar {
namespace {

std::uint64_t without_tens(std::uint64_t number, std::int64_t tens, std::uint64_t prime) {
  for (; tens > 0 && number % prime == 0; --tens) number /= prime;
  return number;
}

/// Adds to a number of decimal digits; the sum is not negative.
void add(std::string& digits, std::int64_t summand) {
  for (std::size_t i = digits.size(); i > 0 && summand != 0; --i) {
    const std::int64_t sum = digits[i - 1] - '0' + summand;
    const std::int64_t digit = (sum % 10 + 10) % 10;
    digits[i - 1] = static_cast<char>('0' + digit);
    summand = (sum - digit) / 10;
  }
  if (summand > 0) digits.insert(0, std::to_string(summand));
}

/// The multiple of modulus * 10^-places next to a magnitude above 0; `open`: not the magnitude
/// itself.
Decimal next_multiple(const Limit& limit, std::int64_t places, std::uint64_t modulus, bool up) {
  const Decimal& value = limit.value;
  const std::int64_t kept = std::max<std::int64_t>(value.exponent + places, 0);
  std::string digits =
      value.exponent + places >= 0 ? value.digits.substr(0, static_cast<std::size_t>(kept)) : "";
  const bool exact = kept >= static_cast<std::int64_t>(value.digits.size());
  digits.resize(static_cast<std::size_t>(kept), '0');
  std::uint64_t over = 0;
  for (const char digit : digits)
    over = (over * 10 + static_cast<std::uint64_t>(digit - '0')) % modulus;
  const bool itself = exact && over == 0;
  const auto step = static_cast<std::int64_t>(modulus), rest = static_cast<std::int64_t>(over);
  if (itself) {
    if (limit.open) add(digits, up ? step : -step);
  } else {
    add(digits, up ? step - rest : -rest);
  }
  const auto size = static_cast<std::int64_t>(digits.size());
  const std::size_t lead = std::min(digits.find_first_not_of('0'), digits.size());
  Decimal result{false, digits.substr(lead), size - places - static_cast<std::int64_t>(lead)};
  result.digits.erase(result.digits.find_last_not_of('0') + 1);
  return result.zero() ? Decimal{} : result;
}

Decimal power_of_ten(std::int64_t exponent) { return Decimal{false, "1", exponent}; }

/// The least (greatest, if not up) multiple from `limit` on that a mantissa and an exponent spell:
/// the one with the exponent of the limit, or of those behind it the first that has one.
std::optional<Decimal> next_scientific(const Limit& limit, const Divisor& divisor, bool up) {
  constexpr std::int64_t kFrom = 1 - kExponentMax, kTo = 1 + kExponentMax;
  const std::int64_t first = limit.value.exponent;
  for (std::int64_t exponent = std::clamp(first, kFrom, kTo); exponent >= kFrom && exponent <= kTo;
       exponent += up ? 1 : -1) {
    if (up ? exponent < first : exponent > first) continue;
    const Limit from = exponent == first ? limit
                       : up              ? Limit{power_of_ten(exponent), false}
                                         : Limit{power_of_ten(exponent + 1), true};
    const std::int64_t places = std::min<std::int64_t>(kMantissaMax + 1 - exponent, divisor.tens);
    const Decimal next = next_multiple(from, places, divisor.modulus(places), up);
    if (!next.zero() && next.exponent == exponent) return next;
  }
  return std::nullopt;
}

Bound bound(const Decimal& value) {
  return Bound{false, value.digits, static_cast<int>(value.exponent)};
}

}  // namespace

std::optional<Divisor> Divisor::of(const Decimal& value) {
  const auto digits = static_cast<std::int64_t>(value.digits.size());
  const std::int64_t tens = digits - value.exponent;
  if (digits > 13 || tens > kAnyTens) return std::nullopt;
  const Divisor result{std::stoull(value.digits), static_cast<int>(tens)};
  return result.small() ? std::optional(result) : std::nullopt;
}

bool Divisor::small() const {
  std::uint64_t whole = p;
  for (int i = tens; i < 0 && whole <= kModulusMax; ++i) whole *= 10;
  return whole <= kModulusMax;
}

/// Prime by prime: the greater power of 2 and of 5, the least common multiple of the rest.
std::optional<Divisor> Divisor::meet(const Divisor& a, const Divisor& b) {
  struct Powers {
    int two, five;
    std::uint64_t rest;
    explicit Powers(const Divisor& of) : two(-of.tens), five(-of.tens), rest(of.p) {
      for (; rest % 2 == 0; rest /= 2) ++two;
      for (; rest % 5 == 0; rest /= 5) ++five;
    }
  };
  const Powers x(a), y(b);
  const int two = std::max(x.two, y.two), five = std::max(x.five, y.five);
  const std::uint64_t factor = y.rest / std::gcd(x.rest, y.rest);
  if (x.rest > kModulusMax / factor) return std::nullopt;
  Divisor result{x.rest * factor, -std::min(two, five)};
  for (int i = five; i < two && result.p <= kModulusMax; ++i) result.p *= 2;
  for (int i = two; i < five && result.p <= kModulusMax; ++i) result.p *= 5;
  return result.small() ? std::optional(result) : std::nullopt;
}

std::uint64_t Divisor::modulus(std::int64_t places) const {
  return without_tens(without_tens(p, tens - places, 2), tens - places, 5);
}

Side make_side(const std::optional<Limit>& low, const std::optional<Limit>& high,
               const Divisor& divisor) {
  Side side;
  if (high && high->value.zero()) {
    side.plain.possible = side.scientific.possible = false;
    return side;
  }
  const std::int64_t places = std::min(divisor.tens, kDigitsMax);
  const std::uint64_t modulus = divisor.modulus(places);
  const auto close = [](Interval& interval, const std::optional<Decimal>& from,
                        const std::optional<Decimal>& to) {
    if (from) interval.low = bound(*from);
    if (to) interval.high = bound(*to);
    if (from && to && *from > *to) interval.possible = false;
  };

  std::optional<Decimal> from, to;
  if (low) from = next_multiple(*low, places, modulus, true);
  if (high) to = next_multiple(*high, places, modulus, false);
  side.plain.possible = !(from && from->exponent > kDigitsMax) && !(to && to->zero());
  if (to && to->exponent > kDigitsMax) to.reset();
  if (side.plain.possible) close(side.plain, from, to);

  from.reset(), to.reset();
  if (low && low->value.exponent > -kExponentMax) {
    from = next_scientific(*low, divisor, true);
    side.scientific.possible = from.has_value();
  }
  if (high && high->value.exponent <= 1 + kExponentMax) {
    to = next_scientific(*high, divisor, false);
    if (!to) side.scientific.possible = false;
  }
  if (side.scientific.possible) close(side.scientific, from, to);
  return side;
}

}  // namespace praxis::grammar
