#include "grammar/decimal.h"

#include <algorithm>

namespace praxis::grammar {
namespace {
// Larger than any text is long, so that cutting an exponent here never brings it back into range.
constexpr std::int64_t kShiftMax = 1'000'000'000'000;
}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) {
  Decimal value;
  std::size_t i = 0;
  if (i < text.size() && text[i] == '-') {
    value.negative = true;
    ++i;
  }
  bool point = false;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.') {
      point = true;
    } else {
      value.digits += text[i];
      if (!point) ++value.exponent;
    }
  }
  if (i < text.size()) {  // an exponent
    ++i;
    const bool down = i < text.size() && text[i] == '-';
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    std::int64_t shift = 0;
    for (; i < text.size(); ++i) shift = std::min(shift * 10 + (text[i] - '0'), kShiftMax);
    value.exponent += down ? -shift : shift;
  }
  const std::size_t lead = std::min(value.digits.find_first_not_of('0'), value.digits.size());
  value.digits.erase(0, lead);
  value.exponent -= static_cast<std::int64_t>(lead);
  value.digits.erase(value.digits.find_last_not_of('0') + 1);
  if (value.zero()) return Decimal{};
  if (value.exponent > kExponentMax || value.exponent < -kExponentMax) return std::nullopt;
  return value;
}

std::string Decimal::whole() const {
  if (exponent <= 0) return "";
  const auto n = static_cast<std::size_t>(exponent);
  std::string text = digits.substr(0, n);
  text.resize(n, '0');
  return text;
}

std::string Decimal::fraction() const {
  if (zero()) return "";
  if (exponent < 0) return std::string(static_cast<std::size_t>(-exponent), '0') + digits;
  const auto n = static_cast<std::size_t>(exponent);
  return n < digits.size() ? digits.substr(n) : "";
}

std::string Decimal::to_string() const {
  if (zero()) return "0";
  return (negative ? "-0." : "0.") + digits + "e" + std::to_string(exponent);
}

std::strong_ordering Decimal::operator<=>(const Decimal& other) const {
  const int sign = zero() ? 0 : negative ? -1 : 1;
  const int other_sign = other.zero() ? 0 : other.negative ? -1 : 1;
  if (sign != other_sign) return sign <=> other_sign;
  if (sign == 0) return std::strong_ordering::equal;
  auto magnitude = exponent <=> other.exponent;
  // Normalised digits compare as text: a missing digit is a zero, and no digits end in zero.
  if (magnitude == 0) magnitude = digits.compare(other.digits) <=> 0;
  return sign > 0 ? magnitude : 0 <=> magnitude;
}

}  // namespace praxis::grammar
