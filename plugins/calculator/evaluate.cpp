#include "plugins/calculator/evaluate.h"

#include <gmpxx.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace praxis::plugins::calculator {
namespace {

constexpr std::size_t kExpressionBytesMax = 1000;
constexpr int kDepthMax = 100;             // parentheses and right-hand exponents inside each other
constexpr int kExponentMax = 10'000;       // of ^, **, e and roots
constexpr std::size_t kDigitsMax = 5'000;  // decimal digits of a numerator or denominator
constexpr std::size_t kFractionDigitsMax = 40;
constexpr int kRoundedDigits = 6;

using Value = tl::expected<mpq_class, std::string>;

tl::unexpected<std::string> refuse(std::string why) { return tl::unexpected(std::move(why)); }

/// Decimal digits, one too many at most: bits * log10(2), rounded up.
std::size_t digits(const mpz_class& number) {
  return mpz_sizeinbase(number.get_mpz_t(), 2) * 30103 / 100000 + 1;
}

Value bounded(mpq_class value) {
  if (std::max(digits(value.get_num()), digits(value.get_den())) > kDigitsMax)
    return refuse("number too large: the limit is 5000 digits (calculator.digits_max)");
  return value;
}

tl::unexpected<std::string> exponent_too_large() {
  return refuse("exponent too large: the limit is 10000 (calculator.exponent_max)");
}

mpz_class power_of(const mpz_class& base, unsigned long exponent) {
  mpz_class result;
  mpz_pow_ui(result.get_mpz_t(), base.get_mpz_t(), exponent);
  return result;
}

/// The `degree`th root of `value`, where it is rational.
Value root(const mpq_class& value, unsigned long degree) {
  if (value < 0 && degree % 2 == 0) return refuse("an even root of a negative number is not real");
  mpq_class result;
  const bool exact = mpz_root(result.get_num_mpz_t(), value.get_num_mpz_t(), degree) != 0 &&
                     mpz_root(result.get_den_mpz_t(), value.get_den_mpz_t(), degree) != 0;
  if (!exact) return refuse("the root is irrational: only exact roots are computed");
  return result;
}

Value power(mpq_class base, const mpq_class& exponent) {
  if (abs(exponent.get_num()) > kExponentMax || exponent.get_den() > kExponentMax)
    return exponent_too_large();
  const unsigned long degree = exponent.get_den().get_ui();
  if (degree > 1) {
    Value rooted = root(base, degree);
    if (!rooted) return rooted;
    base = *rooted;
  }
  const long times = exponent.get_num().get_si();
  if (times < 0) {
    if (base == 0) return refuse("division by zero");
    base = 1 / base;
  }
  const unsigned long count = static_cast<unsigned long>(times < 0 ? -times : times);
  // Before the work: a number of d digits to the n has at least (d - 1) * n digits.
  const std::size_t least = (std::max(digits(base.get_num()), digits(base.get_den())) - 1) * count;
  if (least > 2 * kDigitsMax)
    return refuse("number too large: the limit is 5000 digits (calculator.digits_max)");
  mpq_class result(power_of(base.get_num(), count), power_of(base.get_den(), count));
  return bounded(std::move(result));  // in lowest terms, as base was
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Value whole() {
    Value value = sum();
    if (!value) return value;
    if (!at_end()) return unexpected();
    return value;
  }

 private:
  // Characters that people and models type for operators.
  static constexpr std::string_view kTimes = "×", kDivided = "÷", kMinus = "−";

  bool at_end() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
    return at_ == text_.size();
  }
  bool take(std::string_view symbol) {
    if (at_end() || !text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    return true;
  }
  bool take_minus() { return take("-") || take(kMinus); }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }
  bool before_operand() {
    return !at_end() && (is_digit(text_[at_]) || text_[at_] == '.' || text_[at_] == '(' ||
                         is_letter(text_[at_]));
  }

  Value sum() {
    Value left = product();
    while (left) {
      const bool plus = take("+");
      if (!plus && !take_minus()) break;
      Value right = product();
      if (!right) return right;
      left = bounded(plus ? mpq_class(*left + *right) : mpq_class(*left - *right));
    }
    return left;
  }

  Value product() {
    Value left = with_sign();
    while (left) {
      enum { times, divided, modulo } what;
      if (take("*") || take(kTimes)) what = times;
      else if (take("/") || take(kDivided)) what = divided;
      else if (take("%"))
        what = modulo;  // `percent` has taken those that are not before an operand
      else break;
      Value right = with_sign();
      if (!right) return right;
      if (what != times && *right == 0) return refuse("division by zero");
      if (what == times) left = bounded(*left * *right);
      else if (what == divided) left = bounded(*left / *right);
      else left = remainder(*left, *right);
    }
    return left;
  }

  /// a - b * floor(a / b): the sign of b.
  static Value remainder(const mpq_class& a, const mpq_class& b) {
    const mpq_class ratio = a / b;
    mpz_class floor;
    mpz_fdiv_q(floor.get_mpz_t(), ratio.get_num_mpz_t(), ratio.get_den_mpz_t());
    return bounded(a - b * floor);
  }

  Value with_sign() {
    bool negative = false;
    for (;;) {
      if (take_minus()) negative = !negative;
      else if (!take("+")) break;
    }
    Value value = raised();
    if (value && negative) return mpq_class(-*value);
    return value;
  }

  Value raised() {
    Value base = percent();
    if (!base || !(take("**") || take("^"))) return base;
    if (++depth_ > kDepthMax) return too_deep();
    Value exponent = with_sign();
    --depth_;
    if (!exponent) return exponent;
    return power(*base, *exponent);
  }

  Value percent() {
    Value value = primary();
    while (value) {
      const std::size_t before = at_;
      if (!take("%")) break;
      if (before_operand()) {
        at_ = before;
        break;
      }
      value = bounded(*value / 100);
    }
    return value;
  }

  Value primary() {
    if (at_end()) return refuse("bad expression: it ends where a number should be");
    const char c = text_[at_];
    if (is_digit(c) || c == '.') return number();
    if (c == '(') return in_parentheses();
    if (is_letter(c)) {
      const std::size_t start = at_;
      while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
      const std::string_view name = text_.substr(start, at_ - start);
      if (name != "sqrt")
        return refuse(
            quoted("bad expression: unknown name ", start, std::min<std::size_t>(name.size(), 20)) +
            "; there is + - * / % ^ ( ) sqrt");
      if (at_end() || text_[at_] != '(') return refuse("bad expression: sqrt needs parentheses");
      Value value = in_parentheses();
      if (!value) return value;
      return root(*value, 2);
    }
    return unexpected();
  }

  Value in_parentheses() {
    const std::size_t opened = ++at_;
    if (++depth_ > kDepthMax) return too_deep();
    Value value = sum();
    --depth_;
    if (!value) return value;
    if (take(")")) return value;
    if (at_end())
      return refuse("bad expression: the ( at " + std::to_string(opened) + " is never closed");
    return unexpected();
  }

  std::string_view run_of_digits() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  Value number() {
    const std::size_t start = at_;
    std::string all(run_of_digits());
    std::size_t behind_point = 0;
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      const std::string_view fraction = run_of_digits();
      behind_point = fraction.size();
      all += fraction;
    }
    if (all.empty())
      return refuse("bad expression: a '.' without digits at " + std::to_string(start + 1));
    long exponent = 0;
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      const bool negative = at_ < text_.size() && text_[at_] == '-';
      if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) ++at_;
      const std::string_view digits = run_of_digits();
      if (digits.empty())
        return refuse("bad expression: no digits in the exponent at " + std::to_string(at_ + 1));
      for (const char digit : digits) {
        exponent = exponent * 10 + (digit - '0');
        if (exponent > kExponentMax) return exponent_too_large();
      }
      if (negative) exponent = -exponent;
    }
    if (at_ < text_.size()) {
      const char next = text_[at_];
      if (next == ',' || next == '_' || next == '\'')
        return refuse(quoted("bad expression: ", at_, 1) +
                      "; write numbers without thousands separators, with a point for decimals");
      if (next == '.' || is_letter(next)) return unexpected();
    }
    const mpz_class mantissa(all, 10);
    const mpz_class scale = power_of(
        10, static_cast<unsigned long>(std::labs(exponent - static_cast<long>(behind_point))));
    mpq_class value = exponent >= static_cast<long>(behind_point) ? mpq_class(mantissa * scale)
                                                                  : mpq_class(mantissa, scale);
    value.canonicalize();
    return bounded(std::move(value));
  }

  tl::unexpected<std::string> too_deep() const {
    return refuse("bad expression: it nests deeper than 100 (calculator.depth_max)");
  }

  std::string quoted(std::string why, std::size_t at, std::size_t size) const {
    return why.append(1, '\'')
        .append(text_.substr(at, size))
        .append("' at ")
        .append(std::to_string(at + 1));
  }

  /// What stands at `at_` and what is missing before it.
  tl::unexpected<std::string> unexpected() {
    const unsigned char c = static_cast<unsigned char>(text_[at_]);
    std::size_t size = 1;
    while (c >= 0xC0 && at_ + size < text_.size() &&
           (static_cast<unsigned char>(text_[at_ + size]) & 0xC0) == 0x80)
      ++size;
    std::string why = c < 0x20 || c == 0x7F ? "bad expression: unexpected control character at " +
                                                  std::to_string(at_ + 1)
                                            : quoted("bad expression: unexpected ", at_, size);
    if (c == '(' || is_digit(text_[at_])) why += "; write * to multiply";
    if (c == '=') why += "; give one side only";
    return refuse(std::move(why));
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

/// How many digits behind the point an exact decimal needs: the larger power of 2 and 5 in the
/// denominator. Nothing when it has another prime, or needs more than the limit.
std::optional<std::size_t> exact_digits(mpz_class denominator) {
  std::size_t needed = 0;
  for (const unsigned long prime : {2ul, 5ul}) {
    mpz_class rest, factor = prime;
    needed = std::max<std::size_t>(
        needed, mpz_remove(rest.get_mpz_t(), denominator.get_mpz_t(), factor.get_mpz_t()));
    denominator = rest;
  }
  if (denominator != 1 || needed > kFractionDigitsMax) return std::nullopt;
  return needed;
}

/// |`scaled`| / 10^places as text. The sign comes apart: -1/3000000000 rounds to -0.000000.
std::string with_point(const mpz_class& scaled, std::size_t places, bool negative) {
  std::string text = mpz_class(abs(scaled)).get_str();
  if (places > 0) {
    if (text.size() <= places) text.insert(0, places + 1 - text.size(), '0');
    text.insert(text.size() - places, 1, '.');
  }
  if (negative) text.insert(0, 1, '-');
  return text;
}

/// value * 10^places to the nearest whole number. Half to even has nothing to decide here: a value
/// halfway between two of 6 digits has 7, and so is exact.
mpz_class nearest(const mpq_class& value, std::size_t places) {
  const mpz_class doubled = 2 * value.get_num() * power_of(10, places) + value.get_den();
  mpz_class quotient;
  mpz_fdiv_q(quotient.get_mpz_t(), doubled.get_mpz_t(), mpz_class(2 * value.get_den()).get_mpz_t());
  return quotient;
}

std::string text_of(const mpq_class& value) {
  if (const auto places = exact_digits(value.get_den()))
    return with_point(value.get_num() * power_of(10, *places) / value.get_den(), *places,
                      value < 0);
  return with_point(nearest(value, kRoundedDigits), kRoundedDigits, value < 0) + " (exactly " +
         value.get_str() + ")";
}

}  // namespace

tl::expected<std::string, std::string> evaluate(std::string_view expression) {
  if (expression.size() > kExpressionBytesMax)
    return refuse("bad expression: it has " + std::to_string(expression.size()) +
                  " bytes; the limit is 1000 (calculator.expression_bytes_max)");
  if (expression.find_first_not_of(" \t\r\n") == expression.npos)
    return refuse("bad expression: it is empty");
  const Value value = Reader(expression).whole();
  if (!value) return refuse(value.error());
  return text_of(*value);
}

}  // namespace praxis::plugins::calculator
