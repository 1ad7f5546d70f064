// Numbers against an oracle that compares expanded spellings: every bound exact, no dead ends.

#include <gtest/gtest.h>

#include <set>

#include "support.h"

namespace praxis::grammar::test {
namespace {

struct Range {
  std::string schema;
  std::string low, high;
  bool low_open = false, high_open = false, integer = false;

  bool holds(const std::string& number) const {
    const auto point = number.find('.');
    if (integer && point != std::string::npos &&
        number.find_first_not_of('0', point + 1) != std::string::npos)
      return false;
    if (!low.empty() && compare_numbers(number, low) < (low_open ? 1 : 0)) return false;
    return high.empty() || compare_numbers(number, high) <= (high_open ? -1 : 0);
  }
};

std::string random_number(std::mt19937& random, bool exponents) {
  std::string text = random() % 3 == 0 ? "-" : "";
  text += std::to_string(random() % (random() % 2 ? 12 : 1300));
  if (random() % 2) {
    text += '.';
    for (auto n = 1 + random() % 3; n > 0; --n) text += static_cast<char>('0' + random() % 10);
  }
  if (exponents && random() % 5 == 0)
    text += "e" + std::to_string(static_cast<int>(random() % 7) - 3);
  return text;
}

Range random_range(std::mt19937& random) {
  Range r;
  r.integer = random() % 2;
  r.low_open = random() % 2;
  r.high_open = random() % 2;
  if (random() % 4) r.low = random_number(random, true);
  if (random() % 4) r.high = random_number(random, true);
  r.schema = std::string("{\"type\":\"") + (r.integer ? "integer" : "number") + "\"";
  if (!r.low.empty())
    r.schema += std::string(",\"") + (r.low_open ? "exclusiveMinimum" : "minimum") + "\":" + r.low;
  if (!r.high.empty())
    r.schema +=
        std::string(",\"") + (r.high_open ? "exclusiveMaximum" : "maximum") + "\":" + r.high;
  r.schema += "}";
  return r;
}

/// Spellings near the bounds, and some anywhere.
std::set<std::string> candidates(const Range& r, std::mt19937& random) {
  std::set<std::string> all = {"0", "1", "-1", "9", "10", "99", "100", "0.0", "-0.5", "0.001"};
  for (int i = 0; i < 40; ++i) all.insert(random_number(random, false));
  for (const std::string& bound : {r.low, r.high}) {
    if (bound.empty() || bound.find('e') != std::string::npos) continue;
    const bool point = bound.find('.') != std::string::npos;
    for (char digit = '0'; digit <= '9'; ++digit) {
      for (std::size_t i = 0; i < bound.size(); ++i) {
        std::string near = bound;
        if (near[i] >= '0' && near[i] <= '9') near[i] = digit;
        all.insert(near);
        if (near.size() > 1) all.insert(near.substr(0, i));
      }
      all.insert(bound + (point ? "" : ".") + digit);
      all.insert(bound + (point ? "0" : ".00") + digit);
      if (!point) all.insert(bound + digit);
    }
  }
  std::set<std::string> numbers;
  for (const std::string& text : all) {
    Value value;
    if (parse(text, value) && value.kind == Value::Kind::number) numbers.insert(text);
  }
  return numbers;
}

bool negative_zero(const std::string& text) {
  return text[0] == '-' && compare_numbers(text, "0") == 0;
}

TEST(Numbers, BoundsAreExact) {
  std::mt19937 random(7);
  int ranges = 0, inside = 0, outside = 0;
  for (int i = 0; i < 1500 / kCasesDivisor; ++i) {
    const Range r = random_range(random);
    const auto grammar = compile(r.schema, byte_vocabulary());
    for (const std::string& number : candidates(r, random)) {
      const bool holds = r.holds(number);
      if (!grammar) {
        EXPECT_FALSE(holds) << r.schema << " was refused, but " << number << " is in it";
        continue;
      }
      EXPECT_EQ(validate(**grammar, number).value(), holds) << r.schema << " " << number;
      // Integers are spelled as digits alone, and "-0" only where there is no bound, either.
      const bool spelled =
          holds && !(r.integer && number.find('.') != std::string::npos) &&
          !(negative_zero(number) && (r.integer || !r.low.empty() || !r.high.empty()));
      EXPECT_EQ(generates(*grammar, number), spelled) << r.schema << " " << number;
      ++(holds ? inside : outside);
    }
    ranges += grammar.has_value();
    EXPECT_TRUE(grammar || grammar.error().code == ErrorCode::unsatisfiable) << r.schema;
  }
  EXPECT_GT(ranges, 900 / kCasesDivisor);
  EXPECT_GT(inside, 10'000 / kCasesDivisor);
  EXPECT_GT(outside, 10'000 / kCasesDivisor);
}

TEST(Numbers, EveryPrefixCanBeCompleted) {
  std::mt19937 random(8);
  for (int i = 0; i < 400 / kCasesDivisor; ++i) {
    const Range r = random_range(random);
    const auto grammar = compile(r.schema, byte_vocabulary());
    if (!grammar) continue;
    for (int k = 0; k < 5; ++k) {
      const std::uint32_t least = Matcher(*grammar).tokens_to_finish();
      const Walk walk = random_walk(*grammar, *byte_vocabulary(), least + random() % 12, random);
      EXPECT_FALSE(walk.dead) << r.schema << " " << walk.text;
      EXPECT_TRUE(r.holds(walk.text)) << r.schema << " " << walk.text;
    }
  }
}

TEST(Numbers, BoundsOfAnySizeAreExact) {
  const struct {
    const char* schema;
    std::vector<const char*> in, out;
  } cases[] = {
      {R"({"type":"integer","minimum":9007199254740993})",
       {"9007199254740993", "9007199254740994"},
       {"9007199254740992"}},
      {R"({"type":"integer","maximum":18446744073709551616,"minimum":18446744073709551615})",
       {"18446744073709551615", "18446744073709551616"},
       {"18446744073709551617", "18446744073709551614"}},
      {R"({"type":"number","exclusiveMinimum":0.1,"maximum":0.10000000000000000001})",
       {"0.10000000000000000001", "0.100000000000000000005"},
       {"0.1", "0.10000000000000000000", "0.10000000000000000002"}},
      {R"({"type":"number","minimum":1e300})",
       {"1"
        "000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000"},
       {"1", "9e299"}},
      {R"({"type":"number","maximum":1e-300,"exclusiveMinimum":0})", {}, {"0", "0.1"}},
  };
  for (const auto& c : cases) {
    const auto grammar = must_compile(c.schema);
    for (const char* text : c.in)
      EXPECT_TRUE(generates(grammar, text) && validate(*grammar, text).value()) << c.schema << text;
    for (const char* text : c.out)
      EXPECT_FALSE(generates(grammar, text) || validate(*grammar, text).value())
          << c.schema << text;
  }
}

TEST(Numbers, DigitsEnd) {
  // A model that repeats a digit forever runs into the end of the number, not of the budget.
  for (const char* schema :
       {R"({"type":"number"})", R"({"type":"integer"})", R"({"type":"number","minimum":0})",
        R"({"type":"number","minimum":0,"maximum":1})"}) {
    Matcher matcher(must_compile(schema));
    int digits = 0;
    while (matcher.accept_bytes("1") && digits < 1000) ++digits;
    EXPECT_LE(digits, 40) << schema;
    EXPECT_TRUE(matcher.complete());
  }
}

}  // namespace
}  // namespace praxis::grammar::test
