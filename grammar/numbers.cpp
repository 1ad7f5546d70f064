#include "grammar/numbers.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

namespace praxis::grammar {
namespace {

// --- the states that both automata share

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
constexpr Field kPhaseField{0, 4}, kCountField{4, 6}, kLastField{10, 5};
constexpr Field kFromField{16, 8}, kToField{24, 8};
constexpr int kExponentBias = 100;

Phase phase_of(std::uint64_t state) { return static_cast<Phase>(kPhaseField.of(state)); }
int count_of(std::uint64_t state) { return static_cast<int>(kCountField.of(state)); }

std::uint64_t make(Phase phase, int count = 0) {
  return kPhaseField.put(phase) | kCountField.put(static_cast<std::uint64_t>(count));
}

/// A state that waits for a number of [from, to], or the dead one if that is empty.
std::uint64_t waiting(Phase phase, int from, int to) {
  if (from > to) return 0;
  return make(phase) | kFromField.put(static_cast<std::uint64_t>(from + kExponentBias)) |
         kToField.put(static_cast<std::uint64_t>(to + kExponentBias));
}

std::uint64_t exponent_within(int from, int to) {
  return waiting(kExponent, std::max(from, -kExponentMax), std::min(to, kExponentMax));
}

std::uint64_t tail(int count) { return count <= kDigitsMax ? make(kTail, count) : 0; }

bool is_digit(std::uint8_t byte) { return byte >= '0' && byte <= '9'; }
bool is_exponent(std::uint8_t byte) { return byte == 'e' || byte == 'E'; }

/// The steps from an 'e' on, and among the zeros behind a decided number.
std::uint64_t step_behind(std::uint64_t state, std::uint8_t byte) {
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

bool accepts_behind(std::uint64_t state) {
  const Phase phase = phase_of(state);
  return phase == kEnd || ((phase == kTail || phase == kExponentDigit) && count_of(state) > 0);
}

// --- ranges

/// Where the digits written so far lie against the digits of a bound at the same places. Against a
/// lower bound, `greater` includes equality that no further digit can end.
enum Order : std::uint8_t { less, equal, greater };

/// A magnitude: 0.digits * 10^exponent. None: no spelling lies beyond it.
struct Bound {
  bool none = true;
  std::string digits;
  int exponent = 0;
  bool operator==(const Bound&) const = default;
};

/// Closed, and each end is itself a spelling. So an end is reachable wherever the digits so far
/// are its prefix, and a state is dead exactly if its digits have passed an end.
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
};

/// The magnitude next to `value` that is a multiple of 10^-places; open: not `value` itself.
Decimal on_grid(const Decimal& value, std::int64_t places, bool up, bool open) {
  const std::int64_t kept = value.exponent + places;  // digits of the result
  if (kept <= 0) return up ? Decimal{false, "1", 1 - places} : Decimal{};
  const bool exact = kept >= static_cast<std::int64_t>(value.digits.size());
  Decimal result{false, value.digits.substr(0, static_cast<std::size_t>(kept)), value.exponent};
  if (up ? (open || !exact) : (open && exact)) {
    result.digits.resize(static_cast<std::size_t>(kept), '0');
    const char turning = up ? '9' : '0';
    std::size_t i = result.digits.size();
    while (i > 0 && result.digits[i - 1] == turning) result.digits[--i] = up ? '0' : '9';
    if (i > 0) {
      result.digits[i - 1] = static_cast<char>(result.digits[i - 1] + (up ? 1 : -1));
    } else {  // only upwards: a magnitude is not all zeros
      result.digits.insert(0, "1");
      ++result.exponent;
    }
  }
  const std::size_t lead = std::min(result.digits.find_first_not_of('0'), result.digits.size());
  result.digits.erase(0, lead);
  result.exponent -= static_cast<std::int64_t>(lead);
  result.digits.erase(result.digits.find_last_not_of('0') + 1);
  return result.zero() ? Decimal{} : result;
}

/// `exponent_min`, `exponent_max`: of the spellings, as Decimal counts them.
Interval interval(const std::optional<Decimal>& low, const std::optional<Decimal>& high,
                  int exponent_min, int exponent_max) {
  Interval result;
  result.possible = !(low && low->exponent > exponent_max) && !(high && high->zero()) &&
                    !(high && high->exponent < exponent_min) && !(low && high && *low > *high);
  if (!result.possible) return result;
  if (low && low->exponent >= exponent_min) {
    result.low = Bound{false, low->digits, static_cast<int>(low->exponent)};
  }
  if (high && high->exponent <= exponent_max) {
    result.high = Bound{false, high->digits, static_cast<int>(high->exponent)};
  }
  return result;
}

/// `low`, `high`: limits of the magnitude; none where only zero is.
Side side(const std::optional<Limit>& low, const std::optional<Limit>& high, bool integral) {
  Side result;
  std::optional<Decimal> from, to;
  const std::int64_t places = integral ? 0 : kDigitsMax;
  if (low) from = on_grid(low->value, places, true, low->open);
  if (high && !high->value.zero()) to = on_grid(high->value, places, false, high->open);
  if (high && high->value.zero()) to = Decimal{};
  result.plain = interval(from, to, 1 - kDigitsMax, kDigitsMax);

  // With an exponent the grid is kMantissaMax + 1 digits, wherever they begin.
  const bool open_low = !integral && low && low->open;
  const bool open_high = !integral && high && high->open;
  if (low && !integral) from = low->value;
  if (high && !integral) to = high->value;
  const auto digits = [](const Decimal& value) { return kMantissaMax + 1 - value.exponent; };
  if (from) from = on_grid(*from, digits(*from), true, open_low);
  if (to && !to->zero()) {
    const bool power = open_high && to->digits == "1";  // 1000 comes after 999.9, not 999
    to = on_grid(*to, digits(*to) + (power ? 1 : 0), false, open_high);
  }
  result.scientific = interval(from, to, 1 - kExponentMax, 1 + kExponentMax);
  return result;
}

std::optional<Limit> magnitude(const Limit& limit) {
  Limit result = limit;
  result.value.negative = false;
  return result;
}

class RangeAutomaton final : public Automaton {
 public:
  explicit RangeAutomaton(const NumberRange& range) : range_(range), integral_(range.integral) {
    const auto& [minimum, maximum, integral] = range;
    const auto sign = [](const Limit& limit) {
      return limit.value.zero() ? 0 : limit.value.negative ? -1 : 1;
    };
    const int least = minimum ? sign(*minimum) : -1, most = maximum ? sign(*maximum) : 1;
    zero_ = (least < 0 || (least == 0 && !minimum->open)) &&
            (most > 0 || (most == 0 && !maximum->open));
    const std::optional<Limit> none, nothing = Limit{Decimal{}, false};
    sides_[0] = side(minimum && least > 0 ? magnitude(*minimum) : none,
                     most < 0  ? nothing
                     : maximum ? magnitude(*maximum)
                               : none,
                     integral);
    sides_[1] = side(maximum && most < 0 ? magnitude(*maximum) : none,
                     least > 0 ? nothing
                     : minimum ? magnitude(*minimum)
                               : none,
                     integral);
    alike_ = sides_[0] == sides_[1];
    alike_when_decided_ =
        sides_[0].plain.like(sides_[1].plain) && sides_[0].scientific.like(sides_[1].scientific);
  }

  std::uint64_t start() const override {
    const auto any = [](const Side& s) { return s.plain.possible || s.scientific.possible; };
    return zero_ || any(sides_[0]) || any(sides_[1]) ? make(kStart) : 0;
  }

  std::uint64_t step(std::uint64_t state, std::uint8_t byte) const override {
    const Place at = read(state);
    switch (at.phase) {
      case kStart:
        if (byte == '-') return minus();
        [[fallthrough]];
      case kMinus:
        if (byte == '0') return zero(at.sign);
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
        return inside(at.low, at.high, at.count, plain(at));
      case kMantissa:
        return at.count > 0 && at.plain && at.low == greater;
      case kFraction:
        return at.count > 0 && at.low == greater;
      default:
        return accepts_behind(state);
    }
  }

  std::string key() const override {
    const auto text = [](const std::optional<Limit>& limit, const char* none) {
      return limit ? (limit->open ? "(" : "[") + limit->value.to_string() : std::string(none);
    };
    return "numbers " + text(range_.minimum, "-") + text(range_.maximum, "+") +
           (integral_ ? " integral" : "");
  }

  std::unique_ptr<Automaton> meet(const Automaton& other) const override;

  /// Does it ask for nothing that every multiple of `of` does not have?
  bool holds_multiples(const Decimal& of) const {
    return !range_.minimum && !range_.maximum && (!integral_ || of.integral());
  }

 private:
  /// A state, unpacked. The orders: against the ends of the plain and of the scientific interval.
  struct Place {
    Phase phase;
    int sign = 0;
    int count = 0;      // digits of the whole part up to the point, then of the fraction
    int last = 0;       // kMantissa of integers: place of its last digit that is not 0
    bool plain = true;  // kMantissa: may do without an exponent
    Order low = greater, high = less;
    Order scientific_low = greater, scientific_high = less;
  };
  static constexpr Field kSignField{32, 1}, kPlainField{33, 1}, kLowField{34, 2}, kHighField{36, 2},
      kScientificLowField{38, 2}, kScientificHighField{40, 2};

  static Place read(std::uint64_t state) {
    const auto order = [state](Field field) { return static_cast<Order>(field.of(state)); };
    return Place{phase_of(state),
                 static_cast<int>(kSignField.of(state)),
                 count_of(state),
                 static_cast<int>(kLastField.of(state)),
                 kPlainField.of(state) != 0,
                 order(kLowField),
                 order(kHighField),
                 order(kScientificLowField),
                 order(kScientificHighField)};
  }

  std::uint64_t write(const Place& at) const {
    const bool decided = at.phase >= kFirst && at.low != equal && at.high != equal &&
                         at.scientific_low != equal && at.scientific_high != equal;
    const int sign = decided && alike_when_decided_ ? 0 : at.sign;
    return make(at.phase, at.count) | kSignField.put(static_cast<std::uint64_t>(sign)) |
           kLastField.put(static_cast<std::uint64_t>(at.last)) | kPlainField.put(at.plain) |
           kLowField.put(at.low) | kHighField.put(at.high) |
           kScientificLowField.put(at.scientific_low) |
           kScientificHighField.put(at.scientific_high);
  }

  const Interval& plain(const Place& at) const {
    return sides_[static_cast<std::size_t>(at.sign)].plain;
  }
  const Interval& scientific(const Place& at) const {
    return sides_[static_cast<std::size_t>(at.sign)].scientific;
  }

  /// The order after one more digit, at `place` of the bound's digits.
  static Order next(Order order, const Bound& bound, int place, std::uint8_t digit) {
    if (order != equal) return order;
    const auto i = static_cast<std::size_t>(place);
    const char there = i < bound.digits.size() ? bound.digits[i] : '0';
    return digit < there ? less : digit > there ? greater : equal;
  }
  static Order next_low(Order order, const Bound& low, int place, std::uint8_t digit) {
    order = next(order, low, place, digit);
    const bool consumed = place + 1 >= static_cast<int>(low.digits.size());
    return order == equal && consumed ? greater : order;
  }

  /// The order of a number whose first digit stands at `exponent`; `order`: if the bound's does
  /// too.
  static Order settled(Order order, const Bound& bound, int exponent, Order if_none) {
    if (bound.none) return if_none;
    return exponent < bound.exponent ? less : exponent > bound.exponent ? greater : order;
  }

  /// Is the number as written, its first digit at `exponent`, inside?
  static bool inside(Order low, Order high, int exponent, const Interval& interval) {
    return interval.possible && settled(low, interval.low, exponent, greater) == greater &&
           settled(high, interval.high, exponent, less) != greater;
  }

  /// Can digits before the point still be added to come inside, or is it there?
  static bool plain_alive(const Place& at, const Interval& interval) {
    if (!interval.possible) return false;
    const int from = interval.low.none ? 0 : interval.low.exponent + (at.low == less);
    const int to = interval.high.none ? kDigitsMax : interval.high.exponent - (at.high == greater);
    return std::max(from, at.count) <= std::min(to, kDigitsMax);
  }

  /// Which exponents may follow some further digits of the mantissa? exactly: no further digits.
  std::uint64_t exponents(const Place& at, bool exactly) const {
    const Interval& interval = scientific(at);
    if (!interval.possible) return 0;
    const Order low = at.scientific_low;
    const bool below = exactly ? low != greater : low == less;
    const int from = interval.low.none ? -kExponentMax : interval.low.exponent - 1 + below;
    const int to = interval.high.none
                       ? kExponentMax
                       : interval.high.exponent - 1 - (at.scientific_high == greater);
    return exponent_within(integral_ ? std::max(from, at.last) : from, to);
  }

  std::uint64_t minus() const {
    const Side& negative = sides_[1];
    const bool alive = zero_ || negative.plain.possible || negative.scientific.possible;
    Place at{kMinus};
    at.sign = alike_ ? 0 : 1;
    return alive ? write(at) : 0;
  }

  bool zeros_alive(const Place& at) const {
    if (zero_) return true;
    const Interval& interval = plain(at);
    return !integral_ && interval.possible && at.count < kDigitsMax &&
           (interval.low.none || interval.low.exponent <= -at.count);
  }

  std::uint64_t zero(int sign) const {
    Place at{kZero};
    at.sign = sign;
    return zeros_alive(at) ? write(at) : 0;
  }

  std::uint64_t among_zeros(Place at, std::uint8_t byte) const {
    if (is_exponent(byte)) {
      const bool may = zero_ && (at.phase == kZero || (at.count > 0 && at.count <= kMantissaMax));
      return may ? exponent_within(-kExponentMax, kExponentMax) : 0;
    }
    if (at.phase == kZero) {
      at.phase = kZeros;
      return byte == '.' && zeros_alive(at) ? write(at) : 0;
    }
    if (!is_digit(byte) || at.count == kDigitsMax) return 0;
    if (byte == '0') {
      ++at.count;
      return zeros_alive(at) ? write(at) : 0;
    }
    const Interval& interval = plain(at);
    if (integral_ || !interval.possible) return 0;
    at.low = settled(next_low(equal, interval.low, 0, byte), interval.low, -at.count, greater);
    at.high = settled(next(equal, interval.high, 0, byte), interval.high, -at.count, less);
    ++at.count;
    return in_fraction(at);
  }

  std::uint64_t first(int sign, std::uint8_t byte) const {
    Place at{kFirst};
    at.sign = sign;
    at.count = 1;
    const Interval& form = scientific(at);
    at.scientific_low = form.low.none ? greater : next_low(equal, form.low, 0, byte);
    at.scientific_high = form.high.none ? less : next(equal, form.high, 0, byte);
    at.low = at.high = equal;
    return in_whole(at, 0, byte);
  }

  /// After a digit of the whole part at `place`.
  std::uint64_t in_whole(Place at, int place, std::uint8_t byte) const {
    const Interval& interval = plain(at);
    at.low = next_low(at.low, interval.low, place, byte);
    at.high = next(at.high, interval.high, place, byte);
    if (interval.low.none || at.count > interval.low.exponent) at.low = greater;
    if (interval.high.none) at.high = less;
    const bool alive = plain_alive(at, interval);
    if (at.phase == kWhole) return alive ? write(at) : 0;
    if (!alive) at.low = less, at.high = greater;
    return alive || exponents(at, false) ? write(at) : 0;
  }

  std::uint64_t whole(Place at, std::uint8_t byte) const {
    const Interval& interval = plain(at);
    if (is_digit(byte)) {
      if (at.count == kDigitsMax) return 0;
      at.phase = kWhole;
      at.scientific_low = greater, at.scientific_high = less;
      ++at.count;
      return in_whole(at, at.count - 1, byte);
    }
    if (byte == '.') {
      at.low = settled(at.low, interval.low, at.count, greater);
      at.high = settled(at.high, interval.high, at.count, less);
      at.plain = interval.possible && at.low != less && at.high != greater;
      at.count = 0;
      return at.phase == kFirst ? in_mantissa(at) : at.plain ? in_fraction(at) : 0;
    }
    return is_exponent(byte) && at.phase == kFirst ? exponents(at, true) : 0;
  }

  /// As far as an exponent can still follow; else the plain reading, if that is left.
  std::uint64_t in_mantissa(Place at) const {
    at.plain = at.plain && at.low != less && at.high != greater && !(integral_ && at.last > 0);
    if (!at.plain) at.low = less, at.high = greater;
    if (at.count > kMantissaMax || !exponents(at, false)) return at.plain ? in_fraction(at) : 0;
    at.phase = kMantissa;
    return write(at);
  }

  std::uint64_t mantissa(Place at, std::uint8_t byte) const {
    if (is_exponent(byte)) return at.count > 0 ? exponents(at, true) : 0;
    if (!is_digit(byte)) return 0;
    const Interval& form = scientific(at);
    const Interval& interval = plain(at);
    const int place = ++at.count;
    at.low = next_low(at.low, interval.low, place, byte);
    at.high = next(at.high, interval.high, place, byte);
    at.scientific_low = next_low(at.scientific_low, form.low, place, byte);
    at.scientific_high = next(at.scientific_high, form.high, place, byte);
    if (integral_ && byte != '0') at.last = place;
    return in_mantissa(at);
  }

  /// No exponent from here on: the sign and the whole part matter only while an order is open.
  std::uint64_t in_fraction(Place at) const {
    if (at.low == less || at.high == greater) return 0;
    if (integral_) return tail(at.count);
    const Bound& high = plain(at).high;
    const bool consumed = at.count + high.exponent >= static_cast<int>(high.digits.size());
    if (at.low == greater && at.high == equal && consumed) return tail(at.count);
    if (at.low == greater && at.high == less) at.sign = 0;
    at.phase = kFraction;
    at.last = 0;
    at.plain = true;
    at.scientific_low = greater, at.scientific_high = less;
    return write(at);
  }

  std::uint64_t fraction(Place at, std::uint8_t byte) const {
    if (!is_digit(byte) || at.count == kDigitsMax) return 0;
    const Interval& interval = plain(at);
    at.low = next_low(at.low, interval.low, at.count + interval.low.exponent, byte);
    at.high = next(at.high, interval.high, at.count + interval.high.exponent, byte);
    ++at.count;
    return in_fraction(at);
  }

  NumberRange range_;
  std::array<Side, 2> sides_;  // positive, negative
  bool integral_;
  bool zero_ = false;   // is it in the range?
  bool alike_ = false;  // both signs allow the same magnitudes
  bool alike_when_decided_ = false;
};

// --- multiples

/// Multiples of p * 10^-k, p not divisible by 10. A plain number is one if its digits, as many
/// behind the point as k, are a multiple of p: the remainder is the state. With an exponent x, the
/// mantissa m * 10^-t (m not divisible by 10) is one if p divides m * 10^(x - t + k). As m has not
/// both factors of 10, that asks for x - t + k >= 0, for the part of p that is prime to 10 to
/// divide m, and for enough tens to supply the rest of p.
class MultipleAutomaton final : public Automaton {
 public:
  /// `of`: the value; `tens`: k.
  MultipleAutomaton(const Decimal& of, std::uint64_t p, int tens)
      : of_(of), p_(p), tens_(tens), places_(std::max(tens, 0)), modulus_(p) {
    for (int i = tens; i < 0; ++i) modulus_ *= 10;
    prime_ = p_ % 2 == 0 ? 2 : 5;
    for (coprime_ = p_; coprime_ % prime_ == 0; coprime_ /= prime_) ++power_;
  }

  std::uint64_t start() const override { return make(kStart); }

  std::uint64_t step(std::uint64_t state, std::uint8_t byte) const override {
    const Place at = read(state);
    switch (at.phase) {
      case kStart:
        if (byte == '-') return make(kMinus);
        [[fallthrough]];
      case kMinus:
        if (byte == '0') return make(kZero);
        return is_digit(byte) ? in_whole(Place{kFirst, 1, 0, byte - '0' + 0ull}) : 0;
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
        return true;
      case kZeros:
        return at.count > 0;
      case kFirst:
      case kWhole:
        return divides(at.remainder, 0);
      case kMantissa:
        return at.count > 0 && exponent_min(at) <= 0;
      case kFraction:
        return at.count > 0 && divides(at.remainder, at.count);
      default:
        return accepts_behind(state);
    }
  }

  std::string key() const override { return "multiples " + of_.to_string(); }

  std::unique_ptr<Automaton> meet(const Automaton& other) const override {
    const auto* range = dynamic_cast<const RangeAutomaton*>(&other);
    if (!range || !range->holds_multiples(of_)) return nullptr;
    return std::make_unique<MultipleAutomaton>(*this);
  }

 private:
  struct Place {
    Phase phase;
    int count = 0;                // as in a range
    int last = 0;                 // kMantissa: t
    std::uint64_t remainder = 0;  // of all digits by modulus_; kMantissa: of m by p_
  };
  static constexpr Field kRemainderField{16, 41};
  static constexpr int kNever = kExponentMax + 1;

  static Place read(std::uint64_t state) {
    return Place{phase_of(state), count_of(state), static_cast<int>(kLastField.of(state)),
                 kRemainderField.of(state)};
  }
  static std::uint64_t write(const Place& at) {
    return make(at.phase, at.count) | kLastField.put(static_cast<std::uint64_t>(at.last)) |
           kRemainderField.put(at.remainder);
  }

  /// remainder * 10^tens by modulus, below 2^40.
  static std::uint64_t shifted(std::uint64_t remainder, int tens, std::uint64_t modulus) {
    for (remainder %= modulus; tens > 0 && remainder != 0; --tens)
      remainder = remainder * 10 % modulus;
    return remainder;
  }

  /// Is the plain number with `count` digits behind the point a multiple?
  bool divides(std::uint64_t remainder, int count) const {
    // 2^40 has no more factors of 10 to wait for.
    return shifted(remainder, std::min(places_ - count, 41), modulus_) == 0;
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

  /// `count` digits behind the point, `whole` more may come before it.
  bool plain_alive(std::uint64_t remainder, int count, int whole) const {
    // Places that a spelling cannot reach are zeros: they supply factors of 10.
    std::uint64_t modulus = modulus_;
    for (int i = kDigitsMax; i < places_ && modulus % prime_ == 0; ++i) modulus /= prime_;
    return completes(remainder, whole + std::min(places_, kDigitsMax) - count, modulus);
  }

  bool scientific_alive(const Place& at) const {
    if (at.count > kMantissaMax) return false;
    return completes(shifted(at.remainder, at.count - at.last, coprime_), kMantissaMax - at.count,
                     coprime_);
  }

  /// The least exponent that makes the mantissa as written a multiple, kNever if none does.
  int exponent_min(const Place& at) const {
    if (at.remainder % coprime_ != 0) return kNever;
    int missing = power_;
    for (std::uint64_t m = at.remainder % p_; missing > 0 && m % prime_ == 0; m /= prime_)
      --missing;
    return at.last - tens_ + missing;
  }

  /// Remainders with the same future are one: any digit after them multiplies them by 10.
  std::uint64_t merged(std::uint64_t remainder, int count) const {
    remainder %= modulus_;
    const std::uint64_t apart = modulus_ / ((modulus_ % 2 ? 1 : 2) * (modulus_ % 5 ? 1 : 5));
    if (count < places_ || remainder == 0) return remainder % apart;
    return remainder % apart ? remainder % apart : apart;
  }

  std::uint64_t among_zeros(Place at, std::uint8_t byte) const {
    if (is_exponent(byte)) {
      const bool may = at.phase == kZero || (at.count > 0 && at.count <= kMantissaMax);
      return may ? exponent_within(-kExponentMax, kExponentMax) : 0;
    }
    if (at.phase == kZero) return byte == '.' ? make(kZeros) : 0;
    if (!is_digit(byte) || at.count == kDigitsMax) return 0;
    if (byte == '0') return make(kZeros, at.count + 1);
    if (at.count >= places_) return 0;
    return in_fraction(Place{kFraction, at.count + 1, 0, byte - '0' + 0ull});
  }

  std::uint64_t in_whole(Place at) const {
    at.remainder %= modulus_;
    const bool alive = plain_alive(at.remainder, 0, kDigitsMax - at.count);
    if (at.phase == kFirst) {
      return alive || scientific_alive(Place{kMantissa, 0, 0, at.remainder}) ? write(at) : 0;
    }
    at.remainder = merged(at.remainder, 0);
    return alive ? write(at) : 0;
  }

  std::uint64_t whole(const Place& at, std::uint8_t byte) const {
    if (is_digit(byte)) {
      if (at.count == kDigitsMax) return 0;
      return in_whole(Place{kWhole, at.count + 1, 0, at.remainder * 10 + (byte - '0' + 0ull)});
    }
    const bool first = at.phase == kFirst;
    const Place mantissa{kMantissa, 0, 0, at.remainder % p_};
    if (byte == '.') {
      return first ? in_mantissa(mantissa) : in_fraction(Place{kFraction, 0, 0, at.remainder});
    }
    if (!is_exponent(byte) || !first) return 0;
    return exponent_within(exponent_min(mantissa), kExponentMax);
  }

  std::uint64_t in_mantissa(const Place& at) const {
    if (scientific_alive(at)) return write(at);
    if (at.count > places_) return exponent_min(at) <= 0 ? tail(at.count) : 0;
    return in_fraction(
        Place{kFraction, at.count, 0, shifted(at.remainder, at.count - at.last, p_)});
  }

  std::uint64_t mantissa(Place at, std::uint8_t byte) const {
    if (is_exponent(byte)) {
      return at.count > 0 ? exponent_within(exponent_min(at), kExponentMax) : 0;
    }
    if (!is_digit(byte)) return 0;
    ++at.count;
    if (byte != '0') {
      at.remainder = (shifted(at.remainder, at.count - at.last, p_) + (byte - '0' + 0ull)) % p_;
      at.last = at.count;
    }
    return in_mantissa(at);
  }

  std::uint64_t in_fraction(Place at) const {
    if (at.count >= places_) return divides(at.remainder, places_) ? tail(at.count) : 0;
    if (!plain_alive(at.remainder, at.count, 0)) return 0;
    at.remainder = merged(at.remainder, at.count);
    return write(at);
  }

  std::uint64_t fraction(Place at, std::uint8_t byte) const {
    if (!is_digit(byte) || at.count == kDigitsMax) return 0;
    ++at.count;
    at.remainder = at.remainder * 10 + (byte - '0' + 0ull);
    return in_fraction(at);
  }

  Decimal of_;
  std::uint64_t p_;
  int tens_;
  int places_;             // digits behind the point that the remainder counts
  std::uint64_t modulus_;  // p_, or the divisor itself if it is a multiple of 10
  std::uint64_t prime_;    // 2 or 5, whichever may divide p_
  std::uint64_t coprime_;  // p_ without it
  int power_ = 0;          // how often it does
};

/// The limit that leaves less; `sign` 1: of two lower ones, -1: of two upper ones.
std::optional<Limit> tighter(const std::optional<Limit>& a, const std::optional<Limit>& b,
                             int sign) {
  if (!a || !b) return a ? a : b;
  if (a->value == b->value) return Limit{a->value, a->open || b->open};
  return (a->value < b->value) == (sign < 0) ? a : b;
}

std::unique_ptr<Automaton> RangeAutomaton::meet(const Automaton& other) const {
  if (const auto* range = dynamic_cast<const RangeAutomaton*>(&other)) {
    return std::make_unique<RangeAutomaton>(NumberRange{
        tighter(range_.minimum, range->range_.minimum, 1),
        tighter(range_.maximum, range->range_.maximum, -1), integral_ || range->integral_});
  }
  return dynamic_cast<const MultipleAutomaton*>(&other) ? other.meet(*this) : nullptr;
}

/// Digits of a value written without exponent.
std::int64_t written(const Decimal& value) {
  const auto digits = static_cast<std::int64_t>(value.digits.size());
  return std::max<std::int64_t>(value.exponent, 0) +
         std::max<std::int64_t>(digits - value.exponent, 0);
}

LanguageId add(Languages& languages, const NumberRange& range) {
  auto automaton = std::make_unique<RangeAutomaton>(range);
  return automaton->start() == 0 ? kNothing : languages.automaton(std::move(automaton));
}

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
  return add(languages, range);
}

LanguageId spelled_numbers(Languages& languages) { return add(languages, NumberRange{}); }

LanguageId integers(Languages& languages) {
  return add(languages, NumberRange{std::nullopt, std::nullopt, true});
}

Result<LanguageId> at_least(Languages& languages, const Limit& limit, const std::string& where,
                            Fuel& fuel) {
  return numbers(languages, NumberRange{limit, std::nullopt, false}, where, fuel);
}

Result<LanguageId> at_most(Languages& languages, const Limit& limit, const std::string& where,
                           Fuel& fuel) {
  return numbers(languages, NumberRange{std::nullopt, limit, false}, where, fuel);
}

Result<LanguageId> equal_to(Languages& languages, const Decimal& value, const std::string& where,
                            Fuel& fuel) {
  const Limit limit{value, false};
  return numbers(languages, NumberRange{limit, limit, false}, where, fuel);
}

Result<LanguageId> multiples(Languages& languages, const Decimal& of, const std::string& where,
                             Fuel& fuel) {
  if (of.zero() || of.negative)
    return refuse(ErrorCode::bad_schema, "a divisor has to be greater than 0", where);
  if (!fuel.burn(of.digits.size())) return fuel.error(where);
  const auto digits = static_cast<std::int64_t>(of.digits.size());
  const std::int64_t tens = digits - of.exponent;  // of = the digits * 10^-tens
  std::uint64_t p = 0, modulus = 0;
  bool small = written(of) <= kBoundDigitsMax && digits <= 13 && tens >= -13;
  if (small) {
    p = std::stoull(of.digits);
    modulus = p;
    for (std::int64_t i = tens; i < 0 && modulus <= kModulusMax; ++i) modulus *= 10;
    small = modulus <= kModulusMax;
  }
  if (!small) {
    return refuse(ErrorCode::limit,
                  "a divisor has more than 12 digits, those behind the point included, or is too "
                  "close to 0; use one of fewer digits",
                  where);
  }
  return languages.automaton(std::make_unique<MultipleAutomaton>(of, p, static_cast<int>(tens)));
}

}  // namespace praxis::grammar
