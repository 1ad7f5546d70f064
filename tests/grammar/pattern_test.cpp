#include "grammar/pattern.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace praxis::grammar {
namespace {

Result<LanguageId> read(Languages& languages, std::string_view text) {
  Fuel fuel(1'000'000);
  return pattern(languages, text, "$.pattern", fuel);
}

bool matches(std::string_view text, std::string_view of) {
  Languages languages;
  const auto id = read(languages, of);
  EXPECT_TRUE(id.has_value()) << of << ": " << id.error().what;
  return id && languages.matches(*id, text);
}

ErrorCode refusal(std::string_view of) {
  Languages languages;
  const auto id = read(languages, of);
  EXPECT_FALSE(id.has_value()) << of;
  if (id) return ErrorCode::bad_json;
  EXPECT_EQ(id.error().where, "$.pattern");
  return id.error().code;
}

// tests/corpus/grammar/patterns.mjs made the file with another engine.
TEST(Pattern, MatchesWhatAnEcmaScriptEngineMatches) {
  std::ifstream file(PRAXIS_SOURCE_DIR "/tests/corpus/grammar/patterns.json");
  const auto entries = nlohmann::json::parse(file, nullptr, false);
  ASSERT_TRUE(entries.is_array());
  EXPECT_GT(entries.size(), 700u);
  for (const auto& entry : entries) {
    const auto of = entry[0].get<std::string>();
    Languages languages;
    const auto id = read(languages, of);
    ASSERT_TRUE(id.has_value()) << of << ": " << id.error().what;
    for (const auto& text : entry[1])
      EXPECT_TRUE(languages.matches(*id, text.get<std::string>())) << of << " in " << text;
    for (const auto& text : entry[2])
      EXPECT_FALSE(languages.matches(*id, text.get<std::string>())) << of << " in " << text;
    // Some text found means that there is one; and none can be shorter than the shortest.
    const std::uint64_t shortest = languages.shortest(*id);
    for (const auto& text : entry[1]) EXPECT_LE(shortest, text.get<std::string>().size()) << of;
    for (const std::string& sample : languages.samples(*id, 3))
      EXPECT_TRUE(languages.matches(*id, sample)) << of << " in " << sample;
    EXPECT_FALSE(languages.exhausted()) << of;
  }
}

TEST(Pattern, EqualPatternsAreOneLanguage) {
  Languages languages;
  const auto id = [&](std::string_view of) { return read(languages, of).value(); };
  EXPECT_EQ(id("^[0-9]{2,}$"), id("^\\d\\d+$"));
  EXPECT_EQ(id("^(?:a|b|c)$"), id("^[a-c]$"));
  EXPECT_EQ(id(""), kAnyText);
  EXPECT_EQ(id("^"), kAnyText);
  EXPECT_EQ(id("$"), kAnyText);
  EXPECT_EQ(id(".*"), kAnyText);
  EXPECT_EQ(id("^[\\s\\S]*$"), kAnyText);
  EXPECT_EQ(id("^$"), kEmptyText);
  EXPECT_EQ(id("[]"), kNothing);
  EXPECT_EQ(id("a^"), kNothing);
  EXPECT_EQ(id("^abc$"), languages.text("abc"));
  EXPECT_EQ(id("^.+$"), id("^..*$"));
}

TEST(Pattern, ForgivesWhatAuthorsOftenWrite) {
  EXPECT_TRUE(matches("a_b-c@d\"/", "^a\\_b\\-c\\@d\\\"\\/$"));
  EXPECT_TRUE(matches("{x}", "^{x}$"));
  EXPECT_TRUE(matches("${a}", "^\\${[a-z]}$"));
  EXPECT_TRUE(matches("]", "^]$"));
  EXPECT_TRUE(matches("a{,3}", "^a{,3}$"));
  EXPECT_TRUE(matches("x", "^(?P<name>x)$"));
  EXPECT_TRUE(matches("7-", "^[\\d-x]+$"));
  EXPECT_TRUE(matches("\u00e4_", "^[\u00e4\\_]{2}$"));
}

TEST(Pattern, RefusesWhatSyntaxDoesNotKnow) {
  for (const char* of : {"(",   ")",      "[",           "a**",   "*a",   "a{2}{3}", "a{3,2}",
                         "\\",  "[b-a]",  "(?<1>a)",     "\\u12", "\\x1", "\\p{L",   "\\c1",
                         "{2}", "a{1}++", "\\u{110000}", "\xff",  "(?<a", "[\\"}) {
    EXPECT_EQ(refusal(of), ErrorCode::bad_schema) << of;
  }
  for (const char* of : {"(a)\\1", "(?<n>a)\\k<n>", "(?i)a", "(?>a)", "\\Aa\\Z", "\\p{Klingon}",
                         "(?<=ab)c", "(?#x)", "\\h"}) {
    EXPECT_EQ(refusal(of), ErrorCode::unsupported) << of;
  }
}

TEST(Pattern, BoundsItsWork) {
  const auto many = [](const std::string& text) {
    std::string out;
    for (int i = 0; i < 60'000; ++i) out += text;
    return out;
  };
  EXPECT_EQ(refusal(many("(") + many(")")), ErrorCode::limit);
  EXPECT_EQ(refusal(many("(?=") + many(")")), ErrorCode::limit);
  EXPECT_EQ(refusal("^(?:a(?!b)){1000}$"), ErrorCode::limit);
  EXPECT_EQ(refusal("a{4294967295}"), ErrorCode::limit);
  EXPECT_EQ(refusal("(?<=[ab])(?<=[bc])(?<=[cd])(?<=[de])x"), ErrorCode::limit);
  Fuel little(1'000);
  Languages languages;
  EXPECT_EQ(pattern(languages, many("a"), "$", little).error().code, ErrorCode::limit);
  EXPECT_TRUE(read(languages, many("a")).has_value());
  EXPECT_TRUE(read(languages, many("(?:a|)")).has_value());
  EXPECT_TRUE(read(languages, many("a|")).has_value());
}

TEST(Pattern, CountsWithoutUnrolling) {
  Languages languages;
  const auto words = read(languages, "^(?:\\S+\\s+){0,199}\\S+$");
  ASSERT_TRUE(words.has_value());
  EXPECT_LT(languages.size(), 100u);
  std::string text = "one";
  for (int i = 1; i < 200; ++i) text += " two";
  EXPECT_TRUE(languages.matches(*words, text));
  EXPECT_FALSE(languages.matches(*words, text + " three"));
  EXPECT_LT(languages.size(), 5'000u);
}

TEST(Pattern, KnowsGeneralCategories) {
  EXPECT_TRUE(matches("Straße \u0416 \u6f22", "^[\\p{L}\\p{Zs}]+$"));
  EXPECT_TRUE(matches("\u0665", "^\\p{Nd}$"));
  EXPECT_FALSE(matches("\u0665", "^\\d$"));
  EXPECT_TRUE(matches("\u20ac", "^\\p{Currency_Symbol}$"));
  EXPECT_TRUE(matches("\u03b1\u03b2", "^\\p{sc=Grek}+$"));
  EXPECT_FALSE(matches("a", "^\\P{Alphabetic}$"));
  EXPECT_TRUE(matches("\U0010FFFF", "^\\p{Cn}$"));
  EXPECT_TRUE(matches("\n", "^\\p{ASCII}$"));
}

}  // namespace
}  // namespace praxis::grammar
