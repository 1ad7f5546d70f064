#pragma once
// Exact arithmetic on one line of text.

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace praxis::plugins::calculator {

/// The value of `expression` as text: an exact decimal where one of at most 40 fractional digits
/// exists ("42", "-0.25"), else rounded to 6 digits with the fraction beside it:
/// "2.333333 (exactly 7/3)". The error says what is wrong and at which byte, or which limit was
/// passed; a division by zero is exactly "division by zero".
///
///   sum     = product { ("+" | "-") product }
///   product = signed { ("*" | "/" | modulo) signed }    modulo: a % before an operand
///   signed  = { "+" | "-" } power
///   power   = percent [ ("^" | "**") signed ]           to the right: 2^3^2 = 2^9, -2^2 = -4
///   percent = primary { "%" }                           a % not before an operand: hundredths
///   primary = number | "(" sum ")" | "sqrt" "(" sum ")"
///   number  = digits [ "." digits ] [ ("e" | "E") [sign] digits ], ".5" and "5." too
///
/// An operand begins with a digit, ".", "(" or a letter. a % b has the sign of b. × ÷ − are read as
/// * / -. Roots (sqrt, powers like 8^(1/3)) only where they are exact.
tl::expected<std::string, std::string> evaluate(std::string_view expression);

}  // namespace praxis::plugins::calculator
