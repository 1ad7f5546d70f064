// The inside of strings: exactly RFC 8259 and RFC 3629, by trying every byte at every place.

#include <gtest/gtest.h>

#include "support.h"

namespace praxis::grammar::test {
namespace {

bool is_string(const std::string& inside) {
  Value value;
  return parse("\"" + inside + "\"", value);
}

TEST(Strings, AnySequenceOfUpToFourBytesIsJudgedExactly) {
  const auto grammar = must_compile(R"({"type":"string"})");
  Matcher matcher(grammar);
  ASSERT_TRUE(matcher.accept_bytes("\""));
  const auto closes = [&](const std::string& inside) {
    if (!matcher.accept_bytes(inside + "\"")) return false;
    const bool whole = matcher.complete();
    matcher.rollback(1);
    return whole;
  };
  // All one- and two-byte insides, and three and four bytes at the edges of UTF-8.
  const std::vector<int> edges = {0x00, 0x1F, 0x20, 0x22, 0x5C, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                  0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
                                  0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
  int valid = 0;
  const auto check = [&](const std::string& inside) {
    const bool expected = is_string(inside);
    valid += expected;
    ASSERT_EQ(closes(inside), expected) << testing::PrintToString(inside);
    if (inside.find('\0') == std::string::npos) {
      ASSERT_EQ(validate(*grammar, "\"" + inside + "\"").value(), expected)
          << testing::PrintToString(inside);
    }
  };
  for (int a = 0; a < 256; ++a) {
    check(std::string{static_cast<char>(a)});
    for (int b = 0; b < 256; ++b) check(std::string{static_cast<char>(a), static_cast<char>(b)});
  }
  for (const int a : edges) {
    for (const int b : edges) {
      for (const int c : edges) {
        check(std::string{static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)});
        for (const int d : {0x41, 0x7F, 0x80, 0xBF, 0xC2}) {
          check(std::string{static_cast<char>(a), static_cast<char>(b), static_cast<char>(c),
                            static_cast<char>(d)});
        }
      }
    }
  }
  EXPECT_GT(valid, 9'000);
}

TEST(Strings, EveryUnicodeEscapeIsJudgedExactly) {
  const auto grammar = must_compile(R"({"type":"string","maxLength":1})");
  Matcher matcher(grammar);
  char text[16];
  for (unsigned unit = 0; unit < 0x10000; ++unit) {
    std::snprintf(text, sizeof text, unit % 2 ? "\"\\u%04x\"" : "\"\\u%04X\"", unit);
    const bool expected = unit < 0xD800 || unit > 0xDFFF;
    ASSERT_EQ(matcher.accept_bytes(text), expected) << text;
    if (expected) matcher.rollback(1);
  }
}

TEST(Strings, SurrogatesComeInPairs) {
  const auto grammar = must_compile(R"({"type":"string","minLength":1,"maxLength":1})");
  for (const char* text :
       {R"("\uD83D\uDE00")", R"("\ud83d\ude00")", R"("\uDBFF\uDFFF")", R"("\uD800\uDC00")"}) {
    EXPECT_TRUE(generates(grammar, text)) << text;
    EXPECT_TRUE(validate(*grammar, text).value()) << text;
  }
  for (const char* text : {R"("\uD83D")", R"("\uD83Da")", R"("\uD83D\n")", R"("\uD83D\u0041")",
                           R"("\uD83D\uD83D")", R"("\uDE00")", R"("\uDE00\uD83D")",
                           R"("\uD83D\\uDE00")", R"("\u123")", R"("\u12g4")", R"("\U0041")"}) {
    EXPECT_FALSE(generates(grammar, text)) << text;
    EXPECT_FALSE(validate(*grammar, text).value()) << text;
  }
}

TEST(Strings, KeysOfAnyTextCanBeDeclared) {
  const auto grammar = must_compile(
      "{\"type\":\"object\",\"properties\":{\"\":{\"const\":1},\"a\\\"b\\\\\":{\"const\":2},"
      "\"\xC3\xA9\xF0\x9F\x98\x80\":{\"const\":3},"
      "\"\\u0000\\n\":{\"const\":4}},\"required\":[\"\",\"a\\\"b\\\\\","
      "\"\xC3\xA9\xF0\x9F\x98\x80\",\"\\u0000\\n\"],\"additionalProperties\":false}");
  const std::string text =
      "{\"\":1,\"a\\\"b\\\\\":2,\"\xC3\xA9\xF0\x9F\x98\x80\":3,\"\\u0000\\n\":4}";
  EXPECT_EQ(Matcher(grammar).forced_bytes(), text);
  EXPECT_TRUE(generates(grammar, text));
  EXPECT_TRUE(validate(*grammar, text).value());
}

TEST(Strings, HugeLimitsCostNothing) {
  const auto grammar = must_compile(
      R"({"type":"string","minLength":16000000,"maxLength":123456789012345678901234567890})");
  Matcher matcher(grammar);
  EXPECT_EQ(matcher.tokens_to_finish(), 16'000'002u);
  EXPECT_TRUE(matcher.accept_bytes("\"abc"));
  EXPECT_FALSE(matcher.accept_bytes("\""));
  EXPECT_EQ(matcher.tokens_to_finish(), 15'999'998u);
}

}  // namespace
}  // namespace praxis::grammar::test
