#include "engine/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/engine/texts.h"

namespace praxis::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Splitter splitter_of(std::initializer_list<const char*> patterns) {
  Splitter splitter;
  for (const char* pattern : patterns) {
    auto compiled = Pattern::compile(pattern);
    EXPECT_TRUE(compiled) << pattern << ": " << compiled.error().what;
    if (compiled) splitter.add_split(std::move(*compiled));
  }
  return splitter;
}

std::vector<std::string> words(const Splitter& splitter, std::string_view text) {
  std::vector<std::string> out;
  splitter.run(text, [&](std::string_view word) { out.emplace_back(word); });
  return out;
}

TEST(Split, MatchesAndWhatLiesBetweenThemAreWords) {
  const auto splitter = splitter_of({"[0-9]+"});
  EXPECT_THAT(words(splitter, "a12b3"), ElementsAre("a", "12", "b", "3"));
  EXPECT_THAT(words(splitter, "12"), ElementsAre("12"));
  EXPECT_THAT(words(splitter, "ab"), ElementsAre("ab"));
  EXPECT_THAT(words(splitter, ""), ElementsAre());
}

TEST(Split, EachStageSeesOnePieceOfTheStageBefore) {
  // Were the second stage to see the digit, the space would not be at the end of its text.
  const auto splitter = splitter_of({"[0-9]", "\\s+(?!\\S)|\\s"});
  EXPECT_THAT(words(splitter, "a  1"), ElementsAre("a", "  ", "1"));
  EXPECT_THAT(words(splitter, "a  b"), ElementsAre("a", " ", " ", "b"));
}

TEST(Split, EmptyMatchesMoveOnByACharacter) {
  EXPECT_THAT(words(splitter_of({"x*"}), "éxx日"), ElementsAre("é", "xx", "日"));
}

TEST(Split, LiteralsAndPrefixSpaces) {
  Splitter splitter;
  splitter.add_split(std::string("ab"));
  splitter.add_prefix_space();
  EXPECT_THAT(words(splitter, "xababy ab"), ElementsAre(" x", " ab", " ab", " y ", " ab"));
  EXPECT_THAT(words(splitter, " x"), ElementsAre(" x"));
  EXPECT_THAT(words(splitter, ""), ElementsAre());
}

TEST(Split, WhiteSpaceIsThePropertyAndNothingElse) {
  const auto splitter = splitter_of({"\\s+"});
  for (const char* white : {"\t", "\x0B", "\f", "\u0085", "\u00A0", "\u1680", "\u2003", "\u2028",
                            "\u202F", "\u205F", "\u3000"}) {
    EXPECT_THAT(words(splitter, std::string("a") + white + "b"), ElementsAre("a", white, "b"));
  }
  for (const char* other : {"\u180E", "\u200B", "\u2060", "\uFEFF", "\x1C", "\x1F"}) {
    EXPECT_EQ(words(splitter, std::string("a") + other + "b").size(), 1u) << other;
  }
  EXPECT_THAT(words(splitter_of({"[^\\S\\n]+"}), "a \u180E\t\nb"),
              ElementsAre("a", " ", "\u180E", "\t", "\nb"));
}

// Debian 12's PCRE2 knows Unicode 14; these are of Unicode 15 and 16.
TEST(Split, CharactersNewerThanTheMatcherHaveTheirCategory) {
  EXPECT_THAT(words(splitter_of({"\\p{So}"}), "a\U0001FA77b"), ElementsAre("a", "\U0001FA77", "b"));
  EXPECT_THAT(words(splitter_of({"\\p{L}+"}), "a\uA7CB\U000323AFb\U0001FA77"),
              ElementsAre("a\uA7CB\U000323AFb", "\U0001FA77"));
  EXPECT_THAT(words(splitter_of({"\\p{Han}+"}), "a\U000323AF一b"),
              ElementsAre("a", "\U000323AF一", "b"));
  EXPECT_THAT(words(splitter_of({"[\\p{Lu}]|\\p{Nd}"}), "x\u1C89\u1C8A\U00010D41"),
              ElementsAre("x", "\u1C89", "\u1C8A", "\U00010D41"));
}

TEST(Split, PatternsAreTranslatedToWhatOnigurumaMeans) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(\s+(?!\S))", R"(\p{White_Space}+(?!\P{White_Space}))"},
      {R"([^\s\p{L}\p{^Nd}])", R"([^\p{White_Space}\p{L}\p{^Nd}])"},
      {R"(\p{Han}+|\P{Greek})", R"(\p{sc:Han}+|\P{sc:Greek})"},
      {R"(\u4E00\x41\x{1F600})", R"(\x{4E00}\x{41}\x{1F600})"},
      {R"((?i:'s)|a{1,3}?[\[\]\-])", R"((?i:'s)|a{1,3}?[\[\]\-])"},
  };
  for (const auto& [pattern, expected] : cases) {
    const auto translated = translate_pattern(pattern);
    ASSERT_TRUE(translated) << pattern << ": " << translated.error().what;
    EXPECT_EQ(*translated, expected);
  }
}

TEST(Split, SyntaxThatTheTwoMatchersReadDifferentlyIsRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(\w+)", "\\w at byte 0"},
      {R"(a\b)", "\\b at byte 1"},
      {R"(\h)", "\\h"},
      {R"(\R)", "\\R"},
      {R"((a)\1)", "\\1"},
      {R"(\pL)", "\\p without"},
      {R"(\p{L)", "\\p without"},
      {R"(\p{script=Han})", "the property script=Han"},
      {R"(\x{110000000})", "\\u or \\x"},
      {R"(\u12)", "\\u or \\x"},
      {R"(\xE9)", "\\xE9"},
      {"^a", "the anchor ^"},
      {"a$", "the anchor $"},
      {"[a[b]]", "[ within a class"},
      {"[a&&b]", "&& within a class"},
      {"[]a]", "] as the first member"},
      {"[^]a]", "] as the first member"},
      {"a{1,2}+", "+ after an interval"},
      {"a{,2}", "{ that does not begin"},
      {"a{", "{ that does not begin"},
      {"a{1,2,3}", "{ that does not begin"},
      {"(*UTF)a", "(*"},
      {"(?R)", "(?R)"},
      {"(?i)a", "(?i)"},
      {"(?m:a.)", "(?m:"},
      {"(?C1)a", "(?C1"},
      {"a\\", "\\ at the end"},
      {"\\é", "\\ before a character beyond ASCII"},
  };
  for (const auto& [pattern, expected] : cases) {
    const auto compiled = Pattern::compile(pattern);
    ASSERT_FALSE(compiled) << pattern;
    EXPECT_EQ(compiled.error().code, ErrorCode::unsupported);
    EXPECT_THAT(compiled.error().what, HasSubstr(expected)) << pattern;
    EXPECT_THAT(compiled.error().what, HasSubstr("not supported")) << pattern;
  }
}

TEST(Split, WhatPcre2RefusesIsRefusedWithItsReason) {
  for (const char* pattern : {"(a", "a)", "[a", "\\p{Klingon}", "(?<=a+)b", "*a", "[b-a]"}) {
    const auto compiled = Pattern::compile(pattern);
    ASSERT_FALSE(compiled) << pattern;
    EXPECT_THAT(compiled.error().what, HasSubstr("refused by PCRE2")) << pattern;
  }
  EXPECT_FALSE(Pattern::compile(std::string(65, '(') + "a" + std::string(65, ')')));
  EXPECT_FALSE(Pattern::compile(std::string(kPatternBytesMax + 1, 'a')));
  EXPECT_FALSE(Pattern::compile("\xFF"));
}

// These take a time that grows with a power of the text, or without end, when nobody counts.
TEST(Split, AHostilePatternEndsAndKeepsTheText) {
  const std::string text(200'000 / test::kLess, 'a');
  for (const char* pattern : {"(?:a+)+[bc]", "(?:a|aa)+[bc]", "(?:a*)*[bc]", "(?:a|b|ab)*[cd]",
                              "(?=a*[bc])a", "a+(?!a)[bc]", "(?:(?:a{1,50}){1,50}){1,10}b"}) {
    EXPECT_THAT(words(splitter_of({pattern}), text), ElementsAre(text)) << pattern;
  }
}

TEST(Split, AfterGivingUpTheRestIsOneWord) {
  const std::string hard(50'000 / test::kLess, 'a');
  const auto out = words(splitter_of({"[0-9]|(?:a|aa)+[bc]"}), "1x2" + hard + "3");
  EXPECT_THAT(out, ElementsAre("1", "x", "2", hard + "3"));
}

// No text makes a real pattern come near the bound: whatever repeats is split to its end.
TEST(Split, TheKnownPatternsNeverGiveUp) {
  const char* const patterns[] = {
      R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
  };
  const char* const atoms[] = {" ",  "\n",     "\r",     "a",      "!", "1",
                               "\'", "\u00A0", "\u0301", "\u4F60", "\t"};
  constexpr std::size_t kBytes = 30'000 / test::kLess;
  for (const char* pattern : patterns) {
    const auto splitter = splitter_of({pattern});
    for (const char* first : atoms) {
      for (const char* second : atoms) {
        for (const std::size_t run : {std::size_t{1}, std::size_t{400}, kBytes}) {
          std::string text;
          while (text.size() < kBytes) {
            for (std::size_t i = 0; i < run; ++i) text += first;
            text += second;
          }
          // Had it given up, the x at the end, a word of its own after a newline, would be lost
          // in a longer one.
          text += "\nx";
          const auto out = words(splitter, text);
          ASSERT_EQ(out.back(), "x") << pattern << first << second << run;
          ASSERT_EQ(std::accumulate(out.begin(), out.end(), std::string()), text);
        }
      }
    }
  }
}

}  // namespace
}  // namespace praxis::engine
