#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <sstream>

#include "tests/plugins/plugin_bench.h"

namespace praxis::plugins {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Calculator : public testing::Test {
 protected:
  tools::Dispatcher dispatcher_{opened(shipped("calculator"))};
  std::string of(const std::string& expression) {
    return shown(call(dispatcher_, "calculator", {{"expression", expression}}));
  }
};

TEST_F(Calculator, IsDescribedExactlyAsTheModelWasTaught) {
  const tools::ToolSpec* spec = dispatcher_.toolbox().find("calculator");
  ASSERT_NE(spec, nullptr);
  EXPECT_EQ(spec->description, "Evaluate an arithmetic expression exactly.");
  EXPECT_EQ(
      spec->schema,
      R"({"type":"object","properties":{"expression":{"type":"string"}},"required":["expression"]})");
  EXPECT_EQ(spec->effect, tools::Effect::pure);
  EXPECT_FALSE(spec->needs_approval);
  EXPECT_EQ(spec->source, "plugin calculator 1.0");
}

TEST_F(Calculator, ComputesExactly) {
  const std::pair<const char*, const char*> table[] = {
      {"127*49", "6223"},
      {"42", "42"},
      {"  1 + 2\t", "3"},
      {"2+3*4", "14"},
      {"(2+3)*4", "20"},
      {"2-3-4", "-5"},
      {"100/8/5", "2.5"},
      {"0.1+0.2", "0.3"},
      {"1/4-0.5", "-0.25"},
      {"1.50", "1.5"},
      {".5+5.", "5.5"},
      {"007", "7"},
      {"-0", "0"},
      {"0/5", "0"},
      {"--3", "3"},
      {"-+-3", "3"},
      {"2*-3", "-6"},
      {"7/3", "2.333333 (exactly 7/3)"},
      {"-7/3", "-2.333333 (exactly -7/3)"},
      {"2/3", "0.666667 (exactly 2/3)"},
      {"1/3+2/3", "1"},
      {"1/3000000000", "0.000000 (exactly 1/3000000000)"},
      {"999999999999999999999*999999999999999999999", "999999999999999999998000000000000000000001"},
      {"123456789012345678901234567890+1", "123456789012345678901234567891"},
      {"12,5*2",
       "Error: bad expression: ',' at 3; write numbers without thousands separators, with a point "
       "for decimals"},
      {"3 × 4 ÷ 2 − 1", "5"},
  };
  for (const auto& [expression, text] : table) EXPECT_EQ(of(expression), text) << expression;
}

TEST_F(Calculator, PowersBindToTheRightAndTighterThanSigns) {
  const std::pair<const char*, const char*> table[] = {
      {"2^10", "1024"},
      {"2**10", "1024"},
      {"2 ** -2", "0.25"},
      {"2^3^2", "512"},
      {"-2^2", "-4"},
      {"(-2)^2", "4"},
      {"(-2)^3", "-8"},
      {"0^0", "1"},
      {"1.5^2", "2.25"},
      {"2^-1^2", "0.5"},
      {"(2/3)^-2", "2.25"},
      {"4^0.5", "2"},
      {"8^(1/3)", "2"},
      {"(-8)^(1/3)", "-2"},
      {"(4/9)^(3/2)", "0.296296 (exactly 8/27)"},
      {"sqrt(2.25)", "1.5"},
      {"sqrt (0)", "0"},
      {"1e3", "1000"},
      {"1.5E-2", "0.015"},
      {"2e+2", "200"},
      {"0.0000000001", "0.0000000001"},
      {"1e-40", "0.0000000000000000000000000000000000000001"},
      {"1e-41", "0.000000 (exactly 1/100000000000000000000000000000000000000000)"},
      {"2^64", "18446744073709551616"}};
  for (const auto& [expression, text] : table) EXPECT_EQ(of(expression), text) << expression;
}

TEST_F(Calculator, PercentIsAHundredthUnlessAnOperandFollows) {
  const std::pair<const char*, const char*> table[] = {{"15%", "0.15"},
                                                       {"15% * 80", "12"},
                                                       {"200*15%", "30"},
                                                       {"50%%", "0.005"},
                                                       {"10% + 5", "5.1"},
                                                       {"10% - 5", "-4.9"},
                                                       {"7 % 3", "1"},
                                                       {"-7 % 3", "2"},
                                                       {"7 % (-3)", "-2"},
                                                       {"5.5 % 2", "1.5"},
                                                       {"(1/2) % (1/3)", "0.166667 (exactly 1/6)"},
                                                       {"10 % 4 * 3", "6"},
                                                       {"(10+5)%", "0.15"},
                                                       {"7 %-3", "-2.93"},
                                                       {"100*(1+5%)^2", "110.25"}};
  for (const auto& [expression, text] : table) EXPECT_EQ(of(expression), text) << expression;
}

TEST_F(Calculator, RoundsToTheNearestAndNeverWhatTerminates) {
  EXPECT_EQ(of("0.0000005"), "0.0000005");
  // Beyond 40 digits, a hair above and below the half.
  EXPECT_THAT(of("0.0000005+1e-41"), StartsWith("0.000001 (exactly "));
  EXPECT_THAT(of("0.0000005-1e-41"), StartsWith("0.000000 (exactly "));
  EXPECT_EQ(of("0.0000005+1/3e12"), "0.000001 (exactly 1500001/3000000000000)");
  EXPECT_EQ(of("0.0000015-1/3e12"), "0.000001 (exactly 4499999/3000000000000)");
}

TEST_F(Calculator, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> table[] = {
      {"1/0", "Error: division by zero"},
      {"5%0", "Error: division by zero"},
      {"0^-1", "Error: division by zero"},
      {"1/(2-2)", "Error: division by zero"},
      {"", "Error: bad expression: it is empty"},
      {" \n ", "Error: bad expression: it is empty"},
      {"2+", "Error: bad expression: it ends where a number should be"},
      {"2+*3", "Error: bad expression: unexpected '*' at 3"},
      {"(2+3", "Error: bad expression: the ( at 1 is never closed"},
      {"2+3)", "Error: bad expression: unexpected ')' at 4"},
      {"2(3)", "Error: bad expression: unexpected '(' at 2; write * to multiply"},
      {"2 3", "Error: bad expression: unexpected '3' at 3; write * to multiply"},
      {"2+2=4", "Error: bad expression: unexpected '=' at 4; give one side only"},
      {"1.2.3", "Error: bad expression: unexpected '.' at 4"},
      {"0x10", "Error: bad expression: unexpected 'x' at 2"},
      {"1e", "Error: bad expression: no digits in the exponent at 3"},
      {".", "Error: bad expression: a '.' without digits at 1"},
      {"1 000", "Error: bad expression: unexpected '0' at 3; write * to multiply"},
      {"1_000",
       "Error: bad expression: '_' at 2; write numbers without thousands separators, with a point "
       "for decimals"},
      {"foo(2)", "Error: bad expression: unknown name 'foo' at 1; there is + - * / % ^ ( ) sqrt"},
      {"15% of 80", "Error: bad expression: unknown name 'of' at 5; there is + - * / % ^ ( ) sqrt"},
      {"5€", "Error: bad expression: unexpected '€' at 2"},
      {"2\x01", "Error: bad expression: unexpected control character at 2"},
      {"sqrt 4", "Error: bad expression: sqrt needs parentheses"},
      {"sqrt(2)", "Error: the root is irrational: only exact roots are computed"},
      {"2^0.5", "Error: the root is irrational: only exact roots are computed"},
      {"sqrt(-4)", "Error: an even root of a negative number is not real"},
  };
  for (const auto& [expression, text] : table) EXPECT_EQ(of(expression), text) << expression;
}

TEST_F(Calculator, LimitsAreNamed) {
  const auto repeated = [](const std::string& part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  EXPECT_EQ(of(repeated("1", 1001)),
            "Error: bad expression: it has 1001 bytes; the limit is 1000 "
            "(calculator.expression_bytes_max)");
  EXPECT_EQ(of(repeated("9", 1000)), repeated("9", 1000));
  EXPECT_EQ(of("2^10001"),
            "Error: exponent too large: the limit is 10000 (calculator.exponent_max)");
  EXPECT_EQ(of("2^-10001"),
            "Error: exponent too large: the limit is 10000 (calculator.exponent_max)");
  EXPECT_EQ(of("1e99999999999999999999"),
            "Error: exponent too large: the limit is 10000 (calculator.exponent_max)");
  EXPECT_EQ(of("2^(1/99999)"),
            "Error: exponent too large: the limit is 10000 (calculator.exponent_max)");
  EXPECT_EQ(of("10^5000"),
            "Error: number too large: the limit is 5000 digits (calculator.digits_max)");
  EXPECT_EQ(of("9^9^9"), "Error: exponent too large: the limit is 10000 (calculator.exponent_max)");
  EXPECT_EQ(of("(10^4000)^10000"),
            "Error: number too large: the limit is 5000 digits (calculator.digits_max)");
  EXPECT_EQ(of("10^4000*10^4000"),
            "Error: number too large: the limit is 5000 digits (calculator.digits_max)");
  EXPECT_EQ(of("10^4000"), std::string("1") + repeated("0", 4000));
  EXPECT_EQ(of(repeated("(", 100) + std::string("1") + repeated(")", 100)), "1");
  EXPECT_EQ(of(repeated("(", 101) + std::string("1") + repeated(")", 101)),
            "Error: bad expression: it nests deeper than 100 (calculator.depth_max)");
  EXPECT_EQ(of(std::string("1") + repeated("^1", 101)),
            "Error: bad expression: it nests deeper than 100 (calculator.depth_max)");
  EXPECT_EQ(of(repeated("-", 999) + "1"), "-1");
}

TEST_F(Calculator, HostileArgumentsAreErrors) {
  const auto raw = [&](const nlohmann::json& arguments) {
    return shown(call(dispatcher_, "calculator", arguments));
  };
  EXPECT_EQ(raw(nlohmann::json::object()), "Error: expression must be a string");
  EXPECT_EQ(raw({{"expression", 5}}), "Error: expression must be a string");
  EXPECT_EQ(raw({{"expression", nullptr}}), "Error: expression must be a string");
  EXPECT_THAT(raw({{"expression", std::string("1\0+1", 4)}}),
              StartsWith("Error: bad expression: unexpected control character"));
  EXPECT_THAT(raw({{"expression", std::string(900'000, '(')}}),
              HasSubstr("calculator.expression_bytes_max"));
}

TEST_F(Calculator, TakesNoConfiguration) {
  tools::Toolbox toolbox;
  auto loaded = load(shipped("calculator"), toolbox, R"({"root": "/"})");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().what, "the calculator takes no configuration: {}");
  EXPECT_TRUE(toolbox.list().empty());
}

TEST_F(Calculator, AnyTextIsAnsweredOrRefusedInOneShortLine) {
  static constexpr std::string_view pieces[] = {
      "1",  "23", ".5", "4.", "e3", "E-2", "9e999", "(",    "(",    ")",     ")",
      "+",  "-",  "*",  "/",  "%",  "%",   "^",     "**",   "sqrt", "sqrt(", " ",
      "\t", "×",  "÷",  "−",  ",",  "x",   "=",     "\x01", "\xF0", "\xC3"};
  std::mt19937 random(7);
  int answered = 0;
  for (int i = 0; i < 4'000; ++i) {
    std::string expression;
    for (unsigned left = random() % 12; left-- > 0;)
      expression += pieces[random() % std::size(pieces)];
    const nlohmann::json arguments = {{"expression", expression}};
    // Broken UTF-8 cannot come in: the arguments are JSON.
    const std::string text =
        arguments.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const tools::ToolResult result = call(dispatcher_, "calculator", nlohmann::json::parse(text));
    ASSERT_FALSE(result.text.empty()) << expression;
    ASSERT_EQ(result.text.find_first_of("\n\x01"), std::string::npos) << expression;
    if (result.status == tools::Status::ok) ++answered;
    else ASSERT_LE(result.text.size(), 200u) << expression;
  }
  EXPECT_GT(answered, 100);
}

/// Random text of the grammar that means the same to Python: no percent signs, whole exponents.
std::string random_expression(std::mt19937& random, int depth) {
  const auto below = [&](int n) { return static_cast<int>(random() % n); };
  if (depth == 0 || below(5) == 0) {
    switch (below(4)) {
      case 0:
        return std::to_string(below(10));
      case 1:
        return std::to_string(below(100'000));
      case 2:
        return std::to_string(below(1000)) + "." + std::to_string(below(1000));
      default:
        return std::to_string(below(100)) + "e" + std::to_string(below(9) - 4);
    }
  }
  const std::string left = random_expression(random, depth - 1);
  switch (below(9)) {
    case 0:
      return "(" + left + ")";
    case 1:
      return "-" + left;
    case 2:
      return "(" + left + ")**" + std::to_string(below(5));
    case 3:
      return "(" + left + ")**-" + std::to_string(below(3));
    default:
      break;
  }
  const std::string right = random_expression(random, depth - 1);
  static const char* const operators[] = {"+", "-", "*", "/", " % (", " - ", " / "};
  const std::string symbol = operators[below(7)];
  return left + symbol + right + (symbol.back() == '(' ? ")" : "");
}

TEST_F(Calculator, AgreesWithPythonsFractions) {
  constexpr int kExpressions = 2'000;
  if (std::system("python3 -c pass >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "python3 is not installed";
  Scratch folder;
  // An independent reading: Python's own parser and precedences over its exact fractions.
  folder.write("reference.py", R"py(
import re, sys
from decimal import Decimal, getcontext, ROUND_HALF_EVEN
from fractions import Fraction as F
getcontext().prec = 20000
for line in open(sys.argv[1]):
    source = re.sub(r'(?<![\d.e])(\d+(?:\.\d+)?(?:e-?\d+)?)', r'F("\1")', line.strip())
    source = re.sub(r'\*\*(-?)F\("(\d+)"\)', r'**\1\2', source)
    try:
        value = eval(source)
    except ZeroDivisionError:
        print('Error: division by zero')
        continue
    n, d = value.numerator, value.denominator
    rest = d
    for p in (2, 5):
        while rest % p == 0: rest //= p
    exact = Decimal(n) / Decimal(d)
    places = -exact.normalize().as_tuple().exponent
    if rest == 1 and places <= 40:
        text = format(exact, 'f')
        if '.' in text: text = text.rstrip('0').rstrip('.')
        print('0' if text in ('-0', '') else text)
    else:
        sign = '-' if value < 0 else ''
        scaled = round(abs(value) * 10**6)
        print(f'{sign}{scaled // 10**6}.{scaled % 10**6:06d} (exactly {n}/{d})')
)py");
  std::mt19937 random(20'260'101);
  std::vector<std::string> expressions;
  std::string lines;
  while (expressions.size() < kExpressions) {
    std::string expression = random_expression(random, 1 + static_cast<int>(random() % 5));
    if (expression.size() > 300) continue;
    lines += expression + "\n";
    expressions.push_back(std::move(expression));
  }
  folder.write("expressions.txt", lines);
  const std::string command = "python3 -I " + (folder.path() / "reference.py").string() + " " +
                              (folder.path() / "expressions.txt").string() + " > " +
                              (folder.path() / "answers.txt").string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ifstream answers(folder.path() / "answers.txt");
  int exact = 0, rounded = 0, by_zero = 0;
  for (const std::string& expression : expressions) {
    std::string answer;
    ASSERT_TRUE(std::getline(answers, answer));
    ASSERT_EQ(of(expression), answer) << expression;
    ++(answer.starts_with("Error") ? by_zero : answer.ends_with(")") ? rounded : exact);
  }
  // The sample is worth something: each kind of answer is in it.
  EXPECT_GT(exact, 300);
  EXPECT_GT(rounded, 300);
  EXPECT_GT(by_zero, 20);
}

}  // namespace
}  // namespace praxis::plugins
