// Answers that are no JSON: what a pattern matches from start to end, and one text of a list.

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "structures.h"

namespace praxis::grammar::test {
namespace {

std::shared_ptr<const Grammar> must_match(
    std::string_view pattern, std::shared_ptr<const Vocabulary> vocabulary = byte_vocabulary()) {
  auto grammar = compile_regex(pattern, std::move(vocabulary));
  EXPECT_TRUE(grammar) << pattern << ": " << grammar.error().what;
  return grammar ? *grammar : nullptr;
}

/// Patterns that std::regex reads the same way, and letters that tell their texts apart.
const std::pair<const char*, const char*> kPatterns[] = {
    {"", "a"},
    {"a", "ab"},
    {"a|bc", "abc"},
    {"a|", "ab"},
    {"(a|b)*c?", "abc"},
    {"^a$", "a\n"},
    {"^$", "a"},
    {"a$|b", "ab"},
    {"(?=a)[ab]+", "ab"},
    {"(?!aa)[ab]*", "ab"},
    {"a\\b", "ab"},
    {"\\ba\\b b", "ab "},
    {"[^a]{2,3}", "ab"},
    {"(ab){1,2}|b+?", "ab"},
    {"[+-]?\\d{1,2}", "+-12"},
    {".*", "a\n"},
    {"a*(b$|c)", "abc"},
};

TEST(Regex, IsWhatMatchesFromStartToEnd) {
  int inside = 0, outside = 0;
  for (const auto& [pattern, letters] : kPatterns) {
    const auto grammar = must_match(pattern);
    const std::regex oracle(pattern);
    const std::size_t count = std::string_view(letters).size();
    for (std::size_t length = 0; length <= 5; ++length) {
      std::vector<std::size_t> word(length, 0);
      for (bool more = true; more;) {
        std::string text;
        for (const std::size_t i : word) text += letters[i];
        const bool matches = std::regex_match(text, oracle);
        ++(matches ? inside : outside);
        ASSERT_EQ(generates(grammar, text), matches) << pattern << " and " << text;
        ASSERT_EQ(validate(*grammar, text).value(), matches) << pattern << " and " << text;
        more = false;
        for (std::size_t i = 0; i < length && !more; ++i) {
          word[i] = (word[i] + 1) % count;
          more = word[i] != 0;
        }
      }
    }
  }
  EXPECT_GT(inside, 200);
  EXPECT_GT(outside, 300);
}

TEST(Regex, DrawsOnlyWhatMatchesWithinEveryBudget) {
  std::mt19937 random(41);
  for (const auto& vocabulary : {byte_vocabulary(), bpe_vocabulary()}) {
    for (const char* pattern :
         {"[a-z]+@[a-z]+\\.(com|org)", "(yes|no|maybe)( [a-z]{2,9}){0,3}", "\\d{4}-\\d\\d-\\d\\d",
          "(\"[^\"]*\",)*\"\"", "[a-zé]{3,}!", "(a|b)*abb", "x*"}) {
      const auto grammar = must_match(pattern, vocabulary);
      for (std::uint32_t budget = Matcher(grammar).tokens_to_finish(); budget < 60; ++budget) {
        const Walk walk = random_walk(grammar, *vocabulary, budget, random);
        ASSERT_FALSE(walk.dead) << pattern << " " << budget << " " << walk.text;
        ASSERT_LE(walk.tokens, budget);
        const bool ascii = std::string_view(pattern).find("é") == std::string_view::npos;
        ASSERT_TRUE(!ascii || std::regex_match(walk.text, std::regex(pattern)))
            << pattern << " " << walk.text;
        ASSERT_TRUE(validate(*grammar, walk.text).value()) << pattern << " " << walk.text;
      }
    }
  }
}

TEST(Regex, MasksAreWhatIsAccepted) {
  const auto vocabulary = bpe_vocabulary();
  std::mt19937 random(42);
  for (const char* pattern : {"[a-z\":,{}]*", "(\"[a-z]+\",? ?)+", "é{2}|[^a]{5}"}) {
    for (int round = 0; round < 5; ++round) {
      Matcher matcher(must_match(pattern, vocabulary));
      for (int i = 0; i < 12; ++i) {
        const auto bits = mask_of(matcher, *vocabulary);
        for (TokenId id = 0; id < static_cast<TokenId>(vocabulary->size()); ++id) {
          const bool taken = matcher.accept(id);
          ASSERT_EQ(allowed(bits, id), taken) << pattern << " " << id;
          if (taken) matcher.rollback(1);
        }
        const auto tokens = allowed_tokens(*vocabulary, bits);
        if (tokens.empty()) break;
        ASSERT_TRUE(matcher.accept(tokens[random() % tokens.size()]));
      }
    }
  }
}

TEST(Regex, IsNeverHalfUtf8) {
  const auto grammar = must_match(".");
  EXPECT_TRUE(generates(grammar, "é"));
  EXPECT_TRUE(generates(grammar, "😀"));
  EXPECT_FALSE(generates(grammar, "\xC3"));
  EXPECT_FALSE(generates(grammar, "\xC3("));
  EXPECT_FALSE(generates(grammar, "\xED\xA0\x80"));  // a surrogate
}

TEST(Regex, WhatCannotBeIsRefused) {
  const auto refused = [](std::string_view pattern, ErrorCode code) {
    const auto grammar = compile_regex(pattern, byte_vocabulary());
    ASSERT_FALSE(grammar) << pattern;
    EXPECT_EQ(grammar.error().code, code) << grammar.error().what;
    EXPECT_EQ(grammar.error().where, "regex") << grammar.error().what;
  };
  refused("a(b", ErrorCode::bad_schema);
  refused("a)(b", ErrorCode::bad_schema);  // it would be sound between brackets of our own
  refused("(a)\\1", ErrorCode::unsupported);
  refused("a$b", ErrorCode::unsatisfiable);
  refused("[^\\s\\S]", ErrorCode::unsatisfiable);
  CompileOptions options;
  options.fuel = 10;
  const auto costly = compile_regex("(a|b|c|d|e|f|g|h)+(i|j)*", byte_vocabulary(), options);
  ASSERT_FALSE(costly);
  EXPECT_EQ(costly.error().code, ErrorCode::limit);
}

TEST(Regex, LeavesOutControlsThatNoTokenSpells) {
  std::vector<std::string> bytes(kControls);
  for (int b = 0; b < 256; ++b)
    bytes.push_back(b == '\t' ? "" : std::string(1, static_cast<char>(b)));
  const auto vocabulary = std::make_shared<const Vocabulary>(
      bytes, [](std::string_view) { return std::vector<TokenId>(); });
  const auto grammar = compile_regex("\\s", vocabulary);
  ASSERT_TRUE(grammar);
  EXPECT_TRUE(generates(*grammar, "\n"));
  EXPECT_FALSE(generates(*grammar, "\t"));
  const auto tab = compile_regex("\\t", vocabulary);
  ASSERT_FALSE(tab);
  EXPECT_EQ(tab.error().code, ErrorCode::unsatisfiable);
  EXPECT_FALSE(compile_choice(std::vector<std::string>{"a", "\t"}, vocabulary));
}

TEST(Choice, IsOneOfTheTexts) {
  const std::vector<std::string> texts = {"yes", "yes, but", "no", "no", "\"é\"", ""};
  const auto grammar = compile_choice(texts, byte_vocabulary());
  ASSERT_TRUE(grammar) << grammar.error().what;
  for (const std::string& text : texts) EXPECT_TRUE(generates(*grammar, text)) << text;
  for (const char* other : {"ye", "yes,", "yesno", "\"", "maybe"}) {
    EXPECT_FALSE(generates(*grammar, other)) << other;
    EXPECT_FALSE(validate(**grammar, other).value()) << other;
  }
}

TEST(Choice, WhatCannotBeIsRefused) {
  const auto where = [](const std::vector<std::string>& texts) {
    const auto grammar = compile_choice(texts, byte_vocabulary());
    return grammar ? "" : grammar.error().where;
  };
  EXPECT_EQ(where({}), "choice");
  EXPECT_EQ(where({"a", "\xFF"}), "choice[1]");
  EXPECT_EQ(where({"a"}), "");
}

TEST(RawAnswers, StandBehindTheThinkingWithinEveryBudget) {
  std::mt19937 random(43);
  for (const auto& vocabulary : {byte_vocabulary(), bpe_vocabulary()}) {
    const std::vector<std::string> texts = {"left", "right", "right of it"};
    const std::shared_ptr<const Grammar> answers[] = {must_match("[A-D](, [A-D])*", vocabulary),
                                                      compile_choice(texts, vocabulary).value()};
    for (const auto& answer : answers) {
      for (const CallFormat& format : {r1_format(), hermes_format()}) {
        for (const auto choice : {ToolChoice::none, ToolChoice::automatic}) {
          StructureSpec spec = spec_for(vocabulary, true, choice, false, format);
          spec.answer = answer;
          spec.thinking->tokens_max = 5;
          const std::uint32_t least = least_of(spec, vocabulary);
          int answered = 0;
          for (std::uint32_t more = 0; more < 60; ++more) {
            spec.tokens_max = least + more;
            auto structure = Structure::create(spec, vocabulary);
            ASSERT_TRUE(structure);
            const Drawn run = draw(*structure, *vocabulary, spec.tokens_max,
                                   some_controls(*vocabulary, random), more % 2);
            ASSERT_EQ(run.problem, "");
            ASSERT_EQ(run.tokens.back(), kEos);
            EXPECT_FALSE(run.cut);
            const auto think = std::find(run.tokens.begin(), run.tokens.end(), kEndThink);
            const std::string text =
                text_of(*vocabulary, std::vector<TokenId>(think + 1, run.tokens.end()));
            ASSERT_EQ(text.substr(0, 2), "\n\n");
            const bool is_answer = validate(*answer, text.substr(2)).value();
            answered += is_answer;
            ASSERT_TRUE(is_answer || choice == ToolChoice::automatic) << text;
          }
          EXPECT_GT(answered, 10);
        }
      }
    }
  }
}

TEST(RawAnswers, AreForcedWhereOnlyOneIsLeft) {
  const auto vocabulary = byte_vocabulary();
  StructureSpec spec = spec_for(vocabulary, false, ToolChoice::none, false);
  spec.answer = compile_choice(std::vector<std::string>{"north", "south"}, vocabulary).value();
  auto structure = Structure::create(spec, vocabulary);
  EXPECT_EQ(structure->phase(), Phase::answer);
  EXPECT_TRUE(structure->forced().empty());
  ASSERT_TRUE(structure->accept(kControls + 's'));
  EXPECT_EQ(text_of(*vocabulary, structure->forced()), "outh");
  EXPECT_TRUE(structure->finished());
}

}  // namespace
}  // namespace praxis::grammar::test
