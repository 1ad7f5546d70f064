#include "grammar/numbers.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "grammar/code_points.h"
#include "grammar/number_sides.h"
#include "grammar/number_states.h"

namespace praxis::grammar {
namespace {

using namespace number_states;

/// Where the digits written so far lie against the digits of a bound at the same places. Against a
/// lower bound, `greater` includes equality that no further digit can end.
enum Order : std::uint8_t { less, equal, greater };

/// The multiples of a divisor p * 10^-k in a range. State: the place in the spelling, how its
/// digits compare with both ends, and a remainder.
///
/// Plain numbers: the digits, as many behind the point as k, have to be a multiple of p. With an
/// exponent x, the mantissa m * 10^-t (m not divisible by 10) is a multiple if p divides
/// m * 10^(x - t + k). As m has not both factors of 10, that asks for x - t + k >= 0, for the part
/// of p that is prime to 10 to divide m, and for enough tens to supply the rest of p.
///
/// A state is alive if its digits are the prefix of an end, which is a member itself, or if they
/// lie between the ends and enough further digits are left to reach a multiple.
class NumberAutomaton final : public Automaton {
 public:
  NumberAutomaton(std::optional<Limit> minimum, std::optional<Limit> maximum,
                  const Divisor& divisor)
      : minimum_(std::move(minimum)), maximum_(std::move(maximum)), divisor_(divisor) {
    const auto sign = [](const Limit& limit) {
      return limit.value.zero() ? 0 : limit.value.negative ? -1 : 1;
    };
    const auto magnitude = [](const std::optional<Limit>& limit) {
      Limit result = *limit;
      result.value.negative = false;
      return std::optional(result);
    };
    const int least = minimum_ ? sign(*minimum_) : -1, most = maximum_ ? sign(*maximum_) : 1;
    zero_ = (least < 0 || (least == 0 && !minimum_->open)) &&
            (most > 0 || (most == 0 && !maximum_->open));
    const std::optional<Limit> none, nothing = Limit{Decimal{}, false};
    sides_[0] = make_side(minimum_ && least > 0 ? magnitude(minimum_) : none,
                          most < 0   ? nothing
                          : maximum_ ? magnitude(maximum_)
                                     : none,
                          divisor);
    sides_[1] = make_side(maximum_ && most < 0 ? magnitude(maximum_) : none,
                          least > 0  ? nothing
                          : minimum_ ? magnitude(minimum_)
                                     : none,
                          divisor);
    alike_ = sides_[0] == sides_[1];
    alike_when_decided_ = sides_[0].like(sides_[1]);

    places_ = std::clamp(divisor.tens, 0, kDigitsMax);
    modulus_ = divisor.modulus(divisor.tens < 0 ? divisor.tens : places_);
    for (int i = divisor.tens; i < 0; ++i) modulus_ *= 10;
    prime_ = divisor.p % 2 == 0 ? 2 : 5;
    for (coprime_ = divisor.p; coprime_ % prime_ == 0; coprime_ /= prime_) ++power_;
  }

  std::optional<std::vector<CodePointSet>> sets() const override {
    std::vector<CodePointSet> each;
    for (const char c : std::string_view("+-.0123456789Ee"))
      each.push_back(CodePointSet{CodePoints{static_cast<char32_t>(c), static_cast<char32_t>(c)}});
    return each;
  }

  std::uint64_t start() const override {
    return zero_ || sides_[0].possible() || sides_[1].possible() ? make(kStart) : 0;
  }

  std::uint64_t step(std::uint64_t state, std::uint8_t byte) const override {
    const Place at = read(state);
    switch (at.phase) {
      case kStart:
        if (byte == '-') return minus();
        [[fallthrough]];
      case kMinus:
        if (byte == '0') return in_zeros(Place{kZero, at.sign});
        return is_digit(byte) ? first(at.sign, byte) : 0;
      case kZero:
      case kZeros:
        return among_zeros(at, byte);
      case kFirst:
      case kWhole:
        return whole(at, byte);
      case kMantissa:
        return mantissa(at, byte);
      case kFraction:
        return fraction(at, byte);
      default:
        return step_behind(state, byte);
    }
  }

  bool accepts(std::uint64_t state) const override {
    const Place at = read(state);
    switch (at.phase) {
      case kZero:
        return zero_;
      case kZeros:
        return zero_ && at.count > 0;
      case kFirst:
      case kWhole:
        return plain(at).possible && settled(at.low, plain(at).low, at.count, greater) == greater &&
               settled(at.high, plain(at).high, at.count, less) != greater &&
               divides(at.remainder, 0);
      case kMantissa:
        return at.count > 0 && at.low == greater && exponent_min(at) <= 0;
      case kFraction:
        return at.count > 0 && at.low == greater && divides(at.remainder, at.count);
      default:
        return accepts_behind(state);
    }
  }

  bool trim() const override { return true; }

  std::string key() const override {
    const auto text = [](const std::optional<Limit>& limit, const char* none) {
      return limit ? (limit->open ? "(" : "[") + limit->value.to_string() : std::string(none);
    };
    return "numbers " + text(minimum_, "-") + text(maximum_, "+") + " of " +
           std::to_string(divisor_.p) + "e" + std::to_string(-divisor_.tens);
  }

  std::unique_ptr<Automaton> meet(const Automaton& other) const override {
    const auto* numbers = dynamic_cast<const NumberAutomaton*>(&other);
    if (!numbers) return nullptr;
    const auto divisor = Divisor::meet(divisor_, numbers->divisor_);
    if (!divisor) return nullptr;
    return std::make_unique<NumberAutomaton>(tighter(minimum_, numbers->minimum_, false),
                                             tighter(maximum_, numbers->maximum_, true), *divisor);
  }

  /// The limit that leaves less: the smaller of two upper ones, the greater of two lower ones.
  static std::optional<Limit> tighter(const std::optional<Limit>& a, const std::optional<Limit>& b,
                                      bool upper) {
    if (!a || !b) return a ? a : b;
    if (a->value == b->value) return Limit{a->value, a->open || b->open};
    return (a->value < b->value) == upper ? a : b;
  }

 private:
  /// A state, unpacked. The orders: against the ends of the plain and of the scientific interval.
  /// A mantissa that needs an exponent is below and above the plain one.
  struct Place {
    Phase phase;
    int sign = 0;
    int count = 0;  // digits of the whole part up to the point, then of the fraction
    int last = 0;   // kMantissa: t
    Order low = greater, high = less;
    Order scientific_low = greater, scientific_high = less;
    std::uint64_t remainder = 0;  // of all digits; kMantissa: of m by p
  };
  static constexpr Field kSignField{15, 1}, kLowField{16, 2}, kHighField{18, 2},
      kScientificLowField{20, 2}, kScientificHighField{22, 2}, kRemainderField{24, 40};
  static constexpr int kNever = kExponentMax + 1;

  static Place read(std::uint64_t state) {
    const auto order = [state](Field field) { return static_cast<Order>(field.of(state)); };
    return Place{phase_of(state),
                 static_cast<int>(kSignField.of(state)),
                 count_of(state),
                 static_cast<int>(kLastField.of(state)),
                 order(kLowField),
                 order(kHighField),
                 order(kScientificLowField),
                 order(kScientificHighField),
                 kRemainderField.of(state)};
  }

  std::uint64_t write(const Place& at) const {
    const bool decided = at.phase >= kFirst && at.low != equal && at.high != equal &&
                         at.scientific_low != equal && at.scientific_high != equal;
    const int sign = decided && alike_when_decided_ ? 0 : at.sign;
    return make(at.phase, at.count) | kSignField.put(static_cast<std::uint64_t>(sign)) |
           kLastField.put(static_cast<std::uint64_t>(at.last)) | kLowField.put(at.low) |
           kHighField.put(at.high) | kScientificLowField.put(at.scientific_low) |
           kScientificHighField.put(at.scientific_high) | kRemainderField.put(at.remainder);
  }

  const Interval& plain(const Place& at) const {
    return sides_[static_cast<std::size_t>(at.sign)].plain;
  }
  const Interval& scientific(const Place& at) const {
    return sides_[static_cast<std::size_t>(at.sign)].scientific;
  }

  // --- order

  /// The order after one more digit, at `place` of the bound's digits.
  static Order next_high(Order order, const Bound& bound, int place, std::uint8_t digit) {
    if (order != equal) return order;
    const auto i = static_cast<std::size_t>(place);
    const char there = i < bound.digits.size() ? bound.digits[i] : '0';
    return digit < there ? less : digit > there ? greater : equal;
  }
  static Order next_low(Order order, const Bound& bound, int place, std::uint8_t digit) {
    order = next_high(order, bound, place, digit);
    const bool consumed = place + 1 >= static_cast<int>(bound.digits.size());
    return order == equal && consumed ? greater : order;
  }

  /// The order of a number whose first digit stands at `exponent`; `order`: if the bound's does
  /// too.
  static Order settled(Order order, const Bound& bound, int exponent, Order if_none) {
    if (bound.none) return if_none;
    return exponent < bound.exponent ? less : exponent > bound.exponent ? greater : order;
  }

  // --- divisibility

  /// remainder * 10^tens by modulus, both below 2^40.
  static std::uint64_t shifted(std::uint64_t remainder, int tens, std::uint64_t modulus) {
    for (remainder %= modulus; tens > 0 && remainder != 0; --tens)
      remainder = remainder * 10 % modulus;
    return remainder;
  }

  /// Is the plain number with `count` digits behind the point a multiple?
  bool divides(std::uint64_t remainder, int count) const {
    return shifted(remainder, places_ - count, modulus_) == 0;
  }

  /// Does any choice of so many further digits give a multiple of `modulus`?
  static bool completes(std::uint64_t remainder, int digits, std::uint64_t modulus) {
    std::uint64_t choices = 1;
    remainder %= modulus;
    for (; digits > 0 && choices < modulus; --digits) {
      choices *= 10;
      remainder = remainder * 10 % modulus;
    }
    return remainder == 0 || modulus - remainder < choices;
  }

  /// The least exponent that makes the mantissa as written a multiple, kNever if none does.
  int exponent_min(const Place& at) const {
    if (at.remainder % coprime_ != 0) return kNever;
    int missing = power_;
    for (std::uint64_t m = at.remainder % divisor_.p; missing > 0 && m % prime_ == 0; m /= prime_)
      --missing;
    return at.last - divisor_.tens + missing;
  }

  /// Does some mantissa that goes on like this become a multiple with the exponent?
  bool mantissa_completes(const Place& at, int exponent) const {
    const int left = kMantissaMax - at.count;
    const int tens = exponent - kMantissaMax + divisor_.tens;  // behind the last possible digit
    if (left + tens < 0) return exponent_min(at) <= exponent;
    const std::uint64_t modulus = tens > 0 ? divisor_.modulus(divisor_.tens - tens) : divisor_.p;
    return completes(shifted(at.remainder, at.count - at.last, divisor_.p),
                     left + std::min(tens, 0), modulus);
  }

  /// Remainders with the same future are one: any digit after them multiplies them by 10.
  std::uint64_t merged(std::uint64_t remainder, int count) const {
    remainder %= modulus_;
    const std::uint64_t apart = modulus_ / ((modulus_ % 2 ? 1 : 2) * (modulus_ % 5 ? 1 : 5));
    if (count < places_ || remainder == 0) return remainder % apart;
    return remainder % apart ? remainder % apart : apart;
  }

  // --- life

  /// Can digits before the point still be added to come inside, or is it there?
  bool whole_alive(const Place& at) const {
    const Interval& interval = plain(at);
    if (!interval.possible) return false;
    for (int digits = kDigitsMax; digits >= at.count; --digits) {
      const Order low = settled(at.low, interval.low, digits, greater);
      const Order high = settled(at.high, interval.high, digits, less);
      if (low == less || high == greater) continue;
      if (low == equal || high == equal) return true;
      if (completes(at.remainder, digits - at.count + places_, modulus_)) return true;
    }
    return false;
  }

  /// As a plain number; its digits behind the point have begun.
  bool fraction_alive(const Place& at) const {
    if (at.low == less || at.high == greater) return false;
    if (at.low == equal || at.high == equal) return true;
    return completes(at.remainder, places_ - at.count, modulus_);
  }

  bool zeros_alive(const Place& at) const {
    if (zero_) return true;
    const Interval& interval = plain(at);
    if (!interval.possible || at.count >= places_) return false;
    if (!interval.low.none) return interval.low.exponent <= -at.count;
    std::uint64_t choices = 1;
    for (int i = at.count; i < places_ && choices <= modulus_; ++i) choices *= 10;
    return choices > modulus_;
  }

  /// With an exponent, behind further digits of the mantissa?
  bool scientific_alive(const Place& at) const {
    const Interval& interval = scientific(at);
    if (!interval.possible || at.count > kMantissaMax) return false;
    if (at.scientific_low == equal || at.scientific_high == equal) return true;
    const auto [from, to] = exponents(at);
    return from <= to && mantissa_completes(at, to);  // the more tens, the better
  }

  struct Exponents {
    int from, to;
  };
  /// Those which bring the mantissa as written inside the ends.
  Exponents exponents(const Place& at) const {
    const auto& [low, high, possible] = scientific(at);
    if (!possible) return {0, -1};
    const int from = low.none ? -kExponentMax : low.exponent - 1 + (at.scientific_low != greater);
    const int to = high.none ? kExponentMax : high.exponent - 1 - (at.scientific_high == greater);
    return {std::max(from, -kExponentMax), std::min(to, kExponentMax)};
  }

  std::uint64_t exponent(const Place& at) const {
    const auto [from, to] = exponents(at);
    return exponent_within(std::max(from, exponent_min(at)), to);
  }

  // --- steps

  std::uint64_t minus() const {
    return zero_ || sides_[1].possible() ? write(Place{kMinus, alike_ ? 0 : 1}) : 0;
  }

  std::uint64_t in_zeros(const Place& at) const { return zeros_alive(at) ? write(at) : 0; }

  std::uint64_t among_zeros(Place at, std::uint8_t byte) const {
    if (is_exponent(byte)) {
      const bool may = zero_ && (at.phase == kZero || (at.count > 0 && at.count <= kMantissaMax));
      return may ? exponent_within(-kExponentMax, kExponentMax) : 0;
    }
    if (at.phase == kZero) {
      at.phase = kZeros;
      return byte == '.' ? in_zeros(at) : 0;
    }
    if (!is_digit(byte) || at.count == kDigitsMax) return 0;
    const Interval& interval = plain(at);
    const int exponent = -at.count++;
    if (byte == '0') return in_zeros(at);
    if (!interval.possible || at.count > places_) return 0;
    at.low = settled(next_low(equal, interval.low, 0, byte), interval.low, exponent, greater);
    at.high = settled(next_high(equal, interval.high, 0, byte), interval.high, exponent, less);
    at.remainder = byte - '0' + 0ull;
    return in_fraction(at);
  }

  std::uint64_t first(int sign, std::uint8_t byte) const {
    Place at{kFirst, sign, 1};
    at.low = at.high = equal;
    const Interval& form = scientific(at);
    at.scientific_low = form.low.none ? greater : next_low(equal, form.low, 0, byte);
    at.scientific_high = form.high.none ? less : next_high(equal, form.high, 0, byte);
    return in_whole(at, byte);
  }

  /// After a digit of the whole part.
  std::uint64_t in_whole(Place at, std::uint8_t byte) const {
    const Interval& interval = plain(at);
    at.low = next_low(at.low, interval.low, at.count - 1, byte);
    at.high = next_high(at.high, interval.high, at.count - 1, byte);
    if (interval.low.none || at.count > interval.low.exponent) at.low = greater;
    if (interval.high.none) at.high = less;
    at.remainder = at.remainder * 10 + (byte - '0' + 0ull);
    if (at.phase == kWhole) {
      at.remainder = merged(at.remainder, 0);
      return whole_alive(at) ? write(at) : 0;
    }
    // The mantissa counts by p, which divides the modulus or is its multiple.
    at.remainder %= std::max(modulus_, divisor_.p);
    const bool alive = whole_alive(at);
    if (!alive) at.low = less, at.high = greater;
    return alive || scientific_alive(as_mantissa(at)) ? write(at) : 0;
  }

  Place as_mantissa(Place at) const {
    at.phase = kMantissa;
    at.count = 0;
    at.remainder %= divisor_.p;
    return at;
  }

  std::uint64_t whole(Place at, std::uint8_t byte) const {
    if (is_digit(byte)) {
      if (at.count == kDigitsMax) return 0;
      at.phase = kWhole;
      at.scientific_low = greater, at.scientific_high = less;
      ++at.count;
      return in_whole(at, byte);
    }
    if (is_exponent(byte)) return at.phase == kFirst ? exponent(as_mantissa(at)) : 0;
    if (byte != '.') return 0;
    const Interval& interval = plain(at);
    at.low = settled(at.low, interval.low, at.count, greater);
    at.high = settled(at.high, interval.high, at.count, less);
    if (!interval.possible) at.low = less;
    if (at.phase == kFirst) return in_mantissa(as_mantissa(at));
    at.count = 0;
    return in_fraction(at);
  }

  /// The mantissa as digits of a plain number.
  Place as_fraction(Place at) const {
    at.phase = kFraction;
    at.remainder = shifted(at.remainder, at.count - at.last, divisor_.p) % modulus_;
    return at;
  }

  /// As long as an exponent can still follow; else the plain reading, if that is left.
  std::uint64_t in_mantissa(Place at) const {
    // Behind all places only zeros follow, which leaves the number what it is.
    const bool alive = at.count < places_
                           ? fraction_alive(as_fraction(at))
                           : at.low != less && at.high != greater && exponent_min(at) <= 0;
    if (!alive) at.low = less, at.high = greater;
    if (scientific_alive(at)) return write(at);
    if (!alive) return 0;
    return at.count < places_ ? in_fraction(as_fraction(at)) : tail(at.count);
  }

  std::uint64_t mantissa(Place at, std::uint8_t byte) const {
    if (is_exponent(byte)) return at.count > 0 ? exponent(at) : 0;
    if (!is_digit(byte)) return 0;
    const Interval& form = scientific(at);
    const Interval& interval = plain(at);
    const int place = ++at.count;
    at.low = next_low(at.low, interval.low, place, byte);
    at.high = next_high(at.high, interval.high, place, byte);
    at.scientific_low = next_low(at.scientific_low, form.low, place, byte);
    at.scientific_high = next_high(at.scientific_high, form.high, place, byte);
    if (byte != '0') {
      at.remainder =
          (shifted(at.remainder, place - at.last, divisor_.p) + (byte - '0' + 0ull)) % divisor_.p;
      at.last = place;
    }
    return in_mantissa(at);
  }

  /// No exponent from here on: the sign and the whole part matter only while an order is open.
  std::uint64_t in_fraction(Place at) const {
    at.phase = kFraction;
    at.last = 0;
    at.scientific_low = greater, at.scientific_high = less;
    if (!fraction_alive(at)) return 0;
    const Bound& high = plain(at).high;
    const bool consumed = at.count + high.exponent >= static_cast<int>(high.digits.size());
    if (at.count >= places_ || (at.low == greater && at.high == equal && consumed))
      return tail(at.count);
    if (at.low == greater && at.high == less) at.sign = 0;
    at.remainder = merged(at.remainder, at.count);
    return write(at);
  }

  std::uint64_t fraction(Place at, std::uint8_t byte) const {
    if (!is_digit(byte) || at.count == kDigitsMax) return 0;
    const Interval& interval = plain(at);
    at.low = next_low(at.low, interval.low, at.count + interval.low.exponent, byte);
    at.high = next_high(at.high, interval.high, at.count + interval.high.exponent, byte);
    ++at.count;
    at.remainder = at.remainder * 10 + (byte - '0' + 0ull);
    return in_fraction(at);
  }

  std::optional<Limit> minimum_, maximum_;
  Divisor divisor_;
  std::array<Side, 2> sides_;  // positive, negative
  bool zero_ = false;          // is it in the range?
  bool alike_ = false;         // both signs allow the same magnitudes
  bool alike_when_decided_ = false;
  int places_;             // digits behind the point that make a difference to divisibility
  std::uint64_t modulus_;  // of the plain digits with so many places
  std::uint64_t prime_;    // 2 or 5, whichever may divide p
  std::uint64_t coprime_;  // p without it
  int power_ = 0;          // how often it does
};

/// Digits of a value written without exponent.
std::int64_t written(const Decimal& value) {
  const auto digits = static_cast<std::int64_t>(value.digits.size());
  return std::max<std::int64_t>(value.exponent, 0) +
         std::max<std::int64_t>(digits - value.exponent, 0);
}

LanguageId add(Languages& languages, const std::optional<Limit>& minimum,
               const std::optional<Limit>& maximum, const Divisor& divisor) {
  return languages.automaton(std::make_unique<NumberAutomaton>(minimum, maximum, divisor));
}

constexpr Divisor kOne{1, 0};

}  // namespace

Result<LanguageId> numbers(Languages& languages, const NumberRange& range, const std::string& where,
                           Fuel& fuel) {
  for (const auto* limit : {&range.minimum, &range.maximum}) {
    if (!*limit) continue;
    const std::int64_t digits = written((*limit)->value);
    if (digits > kBoundDigitsMax) {
      return refuse(ErrorCode::limit,
                    "a bound has " + std::to_string(digits) +
                        " digits without exponent; the limit is " + std::to_string(kBoundDigitsMax),
                    where);
    }
    if (!fuel.burn(1 + static_cast<std::uint64_t>(digits))) return fuel.error(where);
  }
  std::optional<Divisor> divisor = Divisor{};
  if (range.multiple_of) {
    if (range.multiple_of->zero() || range.multiple_of->negative)
      return refuse(ErrorCode::bad_schema, "a divisor has to be greater than 0", where);
    divisor = Divisor::of(*range.multiple_of);
  }
  if (divisor && range.integral) divisor = Divisor::meet(*divisor, kOne);
  if (!divisor) {
    return refuse(
        ErrorCode::limit,
        "a divisor has more digits than the limit of 12, those behind the point included, or is "
        "too close to 0; use one of fewer digits",
        where);
  }
  if (!fuel.burn()) return fuel.error(where);
  return add(languages, range.minimum, range.maximum, *divisor);
}

LanguageId spelled_numbers(Languages& languages) {
  return add(languages, std::nullopt, std::nullopt, Divisor{});
}

LanguageId integers(Languages& languages) {
  return add(languages, std::nullopt, std::nullopt, kOne);
}

Result<LanguageId> at_least(Languages& languages, const Limit& limit, const std::string& where,
                            Fuel& fuel) {
  return numbers(languages, NumberRange{limit, std::nullopt, std::nullopt, false}, where, fuel);
}

Result<LanguageId> at_most(Languages& languages, const Limit& limit, const std::string& where,
                           Fuel& fuel) {
  return numbers(languages, NumberRange{std::nullopt, limit, std::nullopt, false}, where, fuel);
}

Result<LanguageId> equal_to(Languages& languages, const Decimal& value, const std::string& where,
                            Fuel& fuel) {
  const Limit limit{value, false};
  return numbers(languages, NumberRange{limit, limit, std::nullopt, false}, where, fuel);
}

Result<LanguageId> multiples(Languages& languages, const Decimal& of, const std::string& where,
                             Fuel& fuel) {
  return numbers(languages, NumberRange{std::nullopt, std::nullopt, of, false}, where, fuel);
}

}  // namespace praxis::grammar
