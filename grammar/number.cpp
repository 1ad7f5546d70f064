#include "grammar/number.h"

#include <algorithm>
#include <unordered_map>

namespace praxis::grammar {
namespace {

constexpr int kMinus = 10, kPoint = 11, kExponent = 12, kPlus = 13;
constexpr std::size_t kWholeOfDouble =
    300;  // digits from which an endless range could pass the largest double

/// One end of a range of magnitudes.
struct Bound {
  std::string whole, fraction;  // digits; "" for zero
  bool open = false;
  bool infinite = false;
};

Bound bound_of(const Limit& limit) {
  return Bound{limit.value.whole(), limit.value.fraction(), limit.open, false};
}

/// Where the digits written so far lie against the digits of a bound at the same places.
enum Order : std::uint8_t { less, equal, greater };

Order compare(char digit, char bound) {
  return digit < bound ? less : digit > bound ? greater : equal;
}

}  // namespace

int NumberNode::edge(std::uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  switch (byte) {
    case '-':
      return kMinus;
    case '.':
      return kPoint;
    case 'e':
    case 'E':
      return kExponent;
    case '+':
      return kPlus;
    default:
      return -1;
  }
}

int NumberNode::only_byte() const {
  static constexpr char kBytes[] = "0123456789-.e+";
  int only = -1;
  for (std::size_t i = 0; i < kEdges; ++i) {
    if (next[i] == kDead) continue;
    if (complete || only >= 0 || i == kExponent) return -1;  // an exponent is spelled e or E
    only = kBytes[i];
  }
  return only;
}

std::uint32_t NumberTable::keep(NumberNode node) {
  node.finish = node.complete ? 0 : ~0u;
  for (const std::uint32_t next : node.next) {
    if (next != NumberNode::kDead && !node.complete)
      node.finish = std::min(node.finish, nodes_[next].finish + 1);
  }
  if (node.finish == ~0u) return NumberNode::kDead;
  nodes_.push_back(node);
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

/// What follows an 'e': an optional sign and one or two digits.
std::uint32_t NumberTable::exponent() {
  if (exponent_) return *exponent_;
  NumberNode dead;
  dead.next.fill(NumberNode::kDead);
  NumberNode last = dead, first = dead, sign = dead, start = dead;
  last.complete = first.complete = true;
  const std::uint32_t end = keep(last);
  std::fill_n(first.next.begin(), 10, end);
  const std::uint32_t digit = keep(first);
  std::fill_n(sign.next.begin(), 10, digit);
  const std::uint32_t digits = keep(sign);
  std::fill_n(start.next.begin(), 10, digit);
  start.next[kMinus] = start.next[kPlus] = digits;
  exponent_ = keep(start);
  return *exponent_;
}

/// Builds the nodes for the magnitudes in [low, high], children first. A cursor is the place in the
/// spelling plus, for both bounds, how the digits so far compare with the bound's digits at the
/// same places; how many digits the whole part gets is open until it ends.
class MagnitudeBuilder {
 public:
  MagnitudeBuilder(NumberTable& table, Bound low, Bound high, bool integral, bool exponents,
                   Fuel& fuel)
      : table_(table),
        low_(std::move(low)),
        high_(std::move(high)),
        integral_(integral),
        exponents_(exponents),
        fuel_(fuel) {
    whole_max_ = high_.infinite ? std::max<std::size_t>(low_.whole.size(), NumberTable::kDigitsMax)
                                : high_.whole.size();
    const std::size_t given =
        std::max(low_.fraction.size(), high_.infinite ? 0 : high_.fraction.size());
    fraction_max_ = low_.fraction.empty() && high_.infinite ? NumberTable::kDigitsMax
                                                            : given + NumberTable::kDigitsMore;
  }

  std::uint32_t start() { return node(Cursor{Phase::start, 0, equal, equal}); }

 private:
  enum class Phase : std::uint8_t { start, zero, whole, point, fraction };
  struct Cursor {
    Phase phase;
    std::uint16_t digits;  // of the whole part, or of the fraction
    Order low, high;
  };

  std::uint32_t node(Cursor c) {
    const std::uint32_t key = static_cast<std::uint32_t>(c.phase) << 24 |
                              std::uint32_t{c.digits} << 8 | c.low << 4 | c.high;
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    if (!fuel_.burn()) return NumberNode::kDead;
    NumberNode node;
    node.next.fill(NumberNode::kDead);
    for (char digit = '0'; digit <= '9'; ++digit)
      node.next[static_cast<std::size_t>(digit - '0')] = after_digit(c, digit);
    if (!integral_ && (c.phase == Phase::zero || c.phase == Phase::whole)) {
      node.next[kPoint] = this->node(
          Cursor{Phase::point, 0, whole_order(c, low_, c.low), whole_order(c, high_, c.high)});
    }
    if (exponents_ && ends(c)) node.next[kExponent] = table_.exponent();
    node.complete = ends(c) && inside(c);
    return known_[key] = table_.keep(node);
  }

  std::uint32_t after_digit(const Cursor& c, char digit) {
    switch (c.phase) {
      case Phase::start:
        if (digit == '0') return node(Cursor{Phase::zero, 0, equal, equal});
        [[fallthrough]];
      case Phase::whole:
        if (c.digits >= whole_max_) return NumberNode::kDead;
        return node(Cursor{Phase::whole, static_cast<std::uint16_t>(c.digits + 1),
                           next_order(c.low, low_.whole, c.digits, digit),
                           next_order(c.high, high_.whole, c.digits, digit)});
      case Phase::zero:
        return NumberNode::kDead;  // no leading zeros
      case Phase::point:
      case Phase::fraction:
        if (c.digits >= fraction_max_ || outside(c)) return NumberNode::kDead;
        return node(Cursor{Phase::fraction, static_cast<std::uint16_t>(c.digits + 1),
                           next_order(c.low, low_.fraction, c.digits, digit),
                           next_order(c.high, high_.fraction, c.digits, digit)});
    }
    return NumberNode::kDead;
  }

  static Order next_order(Order order, const std::string& bound, std::size_t place, char digit) {
    if (order != equal) return order;
    return compare(digit, place < bound.size() ? bound[place] : '0');
  }

  /// The order once the whole part has ended: more digits are a larger number.
  static Order whole_order(const Cursor& c, const Bound& bound, Order order) {
    if (bound.infinite) return less;
    if (c.digits != bound.whole.size()) return c.digits < bound.whole.size() ? less : greater;
    return order;
  }

  /// No further digit of the fraction brings it back into the range.
  bool outside(const Cursor& c) const { return c.low == less || c.high == greater; }

  static bool ends(const Cursor& c) {
    return c.phase == Phase::zero || c.phase == Phase::whole || c.phase == Phase::fraction;
  }

  bool inside(const Cursor& c) const {
    const bool whole = c.phase != Phase::fraction;
    const std::size_t places = whole ? 0 : c.digits;
    // Equal so far, and the bound goes on with something other than zeros: below the bound.
    const auto order = [&](const Bound& bound, Order o) {
      o = whole ? whole_order(c, bound, o) : o;
      return o == equal && bound.fraction.size() > places ? less : o;
    };
    const Order low = order(low_, c.low);
    const Order high = high_.infinite ? less : order(high_, c.high);
    return (low == greater || (low == equal && !low_.open)) &&
           (high == less || (high == equal && !high_.open));
  }

  NumberTable& table_;
  Bound low_, high_;
  bool integral_, exponents_;
  Fuel& fuel_;
  std::size_t whole_max_, fraction_max_;
  std::unordered_map<std::uint32_t, std::uint32_t> known_;
};

Result<std::uint32_t> NumberTable::add(const NumberRange& range, const std::string& where,
                                       Fuel& fuel) {
  const auto text = [](const std::optional<Limit>& limit) {
    return limit ? limit->value.to_string() + (limit->open ? ")" : "]") : std::string("-");
  };
  const std::string key = text(range.minimum) + text(range.maximum) + (range.integral ? "i" : "n");
  if (const auto known = starts_.find(key); known != starts_.end()) return known->second;
  for (const auto* limit : {&range.minimum, &range.maximum}) {
    if (*limit &&
        (*limit)->value.whole().size() + (*limit)->value.fraction().size() > kBoundDigitsMax) {
      return refuse(
          ErrorCode::limit,
          "a bound has more than " + std::to_string(kBoundDigitsMax) + " digits without exponent",
          where);
    }
  }

  const bool bounded = range.minimum || range.maximum;
  const auto build = [&](Bound low, Bound high, bool exponents) {
    if (high.infinite && low.whole.size() > kWholeOfDouble) {
      high = bound_of(Limit{*Decimal::parse("1.7976931348623157e308"), false});
    }
    return MagnitudeBuilder(*this, std::move(low), std::move(high), range.integral, exponents, fuel)
        .start();
  };
  const Bound zero, beyond_zero{"", "", true, false}, endless{"", "", true, true};
  const bool exponents = !bounded && !range.integral;

  std::uint32_t positive = NumberNode::kDead;
  if (!range.maximum || !range.maximum->value.negative) {
    const bool from_zero = !range.minimum || range.minimum->value.negative;
    positive = build(from_zero ? zero : bound_of(*range.minimum),
                     range.maximum ? bound_of(*range.maximum) : endless, exponents);
  }
  std::uint32_t negative = NumberNode::kDead;
  if (!range.minimum || range.minimum->value.negative) {
    const bool to_zero = !range.maximum || !range.maximum->value.negative;
    // -0 is spelled only where any spelling is.
    negative = build(to_zero ? (exponents ? zero : beyond_zero) : bound_of(*range.maximum),
                     range.minimum ? bound_of(*range.minimum) : endless, exponents);
  }
  if (!fuel.burn()) return fuel.error(where);

  NumberNode start;
  start.next.fill(NumberNode::kDead);
  if (positive != NumberNode::kDead) start.next = nodes_[positive].next;
  start.next[kMinus] = negative;
  return starts_[key] = keep(start);
}

}  // namespace praxis::grammar
