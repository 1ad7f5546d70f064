// The mask, token by token: exactly what accept takes, never a dead end, never past a budget.

#include "grammar/matcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "schemas.h"
#include "support.h"

namespace praxis::grammar::test {
namespace {

/// Calls `visit(matcher)` at the start and after each token of a random walk.
template <class Visit>
void along_a_walk(const std::shared_ptr<const Grammar>& grammar, const Vocabulary& vocabulary,
                  std::mt19937& random, int steps, Visit visit) {
  Matcher matcher(grammar);
  for (int i = 0; i < steps; ++i) {
    visit(matcher);
    const auto tokens = allowed_tokens(vocabulary, mask_of(matcher, vocabulary));
    if (tokens.empty()) {
      EXPECT_TRUE(matcher.complete());
      return;
    }
    ASSERT_TRUE(matcher.accept(tokens[random() % tokens.size()]));
  }
}

TEST(Masks, AllowExactlyWhatAcceptTakes) {
  const auto vocabulary = bpe_vocabulary();
  std::mt19937 random(1);
  for (const auto& schema : kSchemas) {
    for (const auto whitespace : {Whitespace::compact, Whitespace::bounded}) {
      CompileOptions options;
      options.whitespace = whitespace;
      const auto grammar = must_compile(schema, options, vocabulary);
      along_a_walk(grammar, *vocabulary, random, 25, [&](Matcher& matcher) {
        const auto bits = mask_of(matcher, *vocabulary);
        for (TokenId id = 0; id < static_cast<TokenId>(vocabulary->size()); ++id) {
          const bool taken = matcher.accept(id);
          ASSERT_EQ(allowed(bits, id), taken)
              << schema << " " << testing::PrintToString(std::string(vocabulary->bytes(id)));
          if (taken) matcher.rollback(1);
        }
      });
    }
  }
}

TEST(Masks, NarrowExactlyToWhatFits) {
  const auto vocabulary = bpe_vocabulary();
  std::mt19937 random(2);
  for (const auto& schema : kSchemas) {
    const auto grammar = must_compile(schema, {}, vocabulary);
    along_a_walk(grammar, *vocabulary, random, 12, [&](Matcher& matcher) {
      const std::uint64_t limit = matcher.tokens_to_finish() + random() % 6;
      const auto bits = mask_of(matcher, *vocabulary, limit);
      for (TokenId id = 0; id < static_cast<TokenId>(vocabulary->size()); ++id) {
        const bool taken = matcher.accept(id);
        ASSERT_EQ(allowed(bits, id), taken && matcher.tokens_to_finish() <= limit)
            << schema << " " << vocabulary->bytes(id) << " " << limit;
        if (taken) matcher.rollback(1);
      }
    });
  }
}

/// A call of any of many: names that begin alike, end alike, are spelled with escapes or stand twice, and
/// some values that are no names.
std::string any_call(bool closed) {
  std::string schema = R"({"anyOf":[)";
  const std::vector<std::string> names = {R"("get")",    R"("get_item")", R"("get_items")", R"("a\"b")",
                                          R"("a\n")",    R"("é")",        R"("è")",         R"("set")",
                                          R"("set")",    R"("")",         R"("put_item")",  R"("x")",
                                          R"("[1,2]")",  R"(null)",       R"(17)",          R"("get_it")"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    schema += R"({"type":"object","properties":{"name":{"const":)" + names[i] + R"(},"value":{"const":)" +
              std::to_string(i) + "}},\"required\":[\"name\",\"value\"]" +
              (closed ? R"(,"additionalProperties":false},)" : "},");
  }
  return schema + R"({"type":"object","properties":{"name":{"enum":["one","two",""]},"value":{"const":99}},)" +
         R"("required":["name","value"],"additionalProperties":false}]})";
}

TEST(Masks, OfManyNamesAreWhatAcceptTakes) {
  const auto vocabulary = bpe_vocabulary();
  std::mt19937 random(3);
  for (const bool closed : {true, false}) {
    for (const auto whitespace : {Whitespace::compact, Whitespace::bounded}) {
      CompileOptions options;
      options.whitespace = whitespace;
      const auto grammar = must_compile(any_call(closed), options, vocabulary);
      for (int walk = 0; walk < 12; ++walk) {
        Matcher matcher(grammar);
        ASSERT_TRUE(matcher.accept_bytes(R"({"name")"));
        for (int i = 0; i < 20; ++i) {
          const std::uint64_t limit = matcher.tokens_to_finish() + random() % 9;
          const auto bits = mask_of(matcher, *vocabulary);
          const auto narrow = mask_of(matcher, *vocabulary, limit);
          for (TokenId id = 0; id < static_cast<TokenId>(vocabulary->size()); ++id) {
            const bool taken = matcher.accept(id);
            ASSERT_EQ(allowed(bits, id), taken) << vocabulary->bytes(id);
            ASSERT_EQ(allowed(narrow, id), taken && matcher.tokens_to_finish() <= limit) << vocabulary->bytes(id);
            if (taken) matcher.rollback(1);
          }
          const auto tokens = allowed_tokens(*vocabulary, narrow);
          if (tokens.empty()) break;
          ASSERT_TRUE(matcher.accept(tokens[random() % tokens.size()]));
        }
      }
    }
  }
}

TEST(Keys, OfManyNamesEachBringWhatIsItsOwn) {
  const auto grammar = must_compile(any_call(true));
  const auto call = [](std::string_view name, int value) {
    return R"({"name":)" + std::string(name) + R"(,"value":)" + std::to_string(value) + "}";
  };
  EXPECT_TRUE(generates(grammar, call(R"("get")", 0)));
  EXPECT_TRUE(generates(grammar, call(R"("get_items")", 2)));
  EXPECT_TRUE(generates(grammar, call(R"("a\"b")", 3)));
  EXPECT_TRUE(generates(grammar, call(R"("set")", 7)));
  EXPECT_TRUE(generates(grammar, call(R"("set")", 8)));
  EXPECT_TRUE(generates(grammar, call(R"("")", 9)));
  EXPECT_TRUE(generates(grammar, call(R"("")", 99)));
  EXPECT_TRUE(generates(grammar, call("null", 13)));
  EXPECT_TRUE(generates(grammar, call("17", 14)));
  EXPECT_FALSE(generates(grammar, call(R"("get")", 1)));
  EXPECT_FALSE(generates(grammar, call(R"("set")", 0)));
  EXPECT_FALSE(generates(grammar, call(R"("get_")", 0)));
  EXPECT_FALSE(generates(grammar, call(R"("17")", 14)));
  EXPECT_EQ(Matcher(grammar).tokens_to_finish(), call(R"("")", 9).size());
  Matcher begun(grammar);
  ASSERT_TRUE(begun.accept_bytes(R"({"name":"g)"));
  EXPECT_EQ(begun.forced_bytes(), "et");
  EXPECT_EQ(begun.tokens_to_finish(), std::string_view(R"(et","value":0})").size());
}

/// Every byte, and `more`.
std::shared_ptr<const Vocabulary> bytes_and(const std::vector<std::string>& more) {
  std::vector<std::string> bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(std::string(1, static_cast<char>(byte)));
  bytes.insert(bytes.end(), more.begin(), more.end());
  return std::make_shared<const Vocabulary>(bytes,
                                            [](std::string_view) { return std::vector<TokenId>(); });
}

/// Along walks of tokens spelled with `drawn` alone, the mask allows what accept() takes.
void masks_agree_along_walks(const char* schema, const std::shared_ptr<const Vocabulary>& vocabulary,
                             std::string_view drawn, std::mt19937& random) {
  CompileOptions options;
  options.whitespace = Whitespace::compact;
  const auto grammar = must_compile(schema, options, vocabulary);
  for (int walk = 0; walk < 20; ++walk) {
    Matcher matcher(grammar);
    std::string text;
    std::vector<TokenId> ways{0};
    for (int i = 0; i < 40 && !ways.empty(); ++i) {
      std::vector<TokenId> taken;
      for (TokenId id = 0; id < static_cast<TokenId>(vocabulary->size()); ++id) {
        if (!matcher.accept(id)) continue;
        matcher.rollback(1);
        taken.push_back(id);
      }
      ASSERT_EQ(allowed_tokens(*vocabulary, mask_of(matcher, *vocabulary)), taken) << schema << "\n" << text;
      ways.clear();
      std::copy_if(taken.begin(), taken.end(), std::back_inserter(ways), [&](TokenId id) {
        return vocabulary->bytes(id).find_first_not_of(drawn) == std::string_view::npos;
      });
      if (ways.empty()) break;
      const TokenId id = ways[random() % ways.size()];
      ASSERT_TRUE(matcher.accept(id));
      text += vocabulary->bytes(id);
    }
  }
}

/// Keys of which few are left: what a token makes of one hangs on all that were written.
TEST(Masks, LeadIntoNoKeyThatCanOnlyBeOneAlreadyWritten) {
  const auto vocabulary =
      bytes_and({"ab", "ba", "bb", "\"ab", ",\"ab", "1,\"a", "1,\"ab", "b\":1,\"ab", "\"ab\":1,\"ab",
                 "\"a\":1,\"ab", "{\"ab\":1,\"a", "1},\"ab"});
  std::mt19937 random(9);
  for (const char* schema :
       {R"({"type":"object","propertyNames":{"maxLength":2},"additionalProperties":{"$ref":"#"}})",
        R"({"propertyNames":{"pattern":"^[ab]{0,2}$"},"additionalProperties":{"$ref":"#"},"type":["object","integer"]})",
        R"({"patternProperties":{"^[ab]{0,7}$":{"const":1}},"additionalProperties":false,"type":"object"})"}) {
    masks_agree_along_walks(schema, vocabulary, "{},:\"1ab", random);
  }
}

/// Of a few keys, one that comes is gone: which of them it was decides about the next, even where they
/// are alike in all else.
TEST(Masks, KnowWhichOfAFewKeysATokenEnds) {
  const auto vocabulary =
      bytes_and({"a\":1,\"a\"", "a\":1,\"aa\"", "\":1,\"a\"", "\":1,\"aa\"", "\":1,\"aaa\"",
                 "\"aa\":1,\"a\"", "{\"aa\":1,\"a\"", "1,\"aa\":1,\"a\""});
  std::mt19937 random(10);
  for (const char* schema :
       {R"({"type":"object","patternProperties":{"^a{1,3}$":{"const":1}},"additionalProperties":false,"minProperties":2})",
        R"({"type":"object","patternProperties":{"^a{1,3}$":{}},"additionalProperties":false,"dependentRequired":{"a":["aa"]}})",
        R"({"patternProperties":{"^a":{"$ref":"#"},"b":{"const":1}},"propertyNames":{"pattern":"^a{1,3}b?$"},"additionalProperties":false,"type":["integer","object"]})"}) {
    masks_agree_along_walks(schema, vocabulary, "{},:\"1ab", random);
  }
}

TEST(Masks, OfControlAndUnusedIdsAreNeverSet) {
  const auto vocabulary = bpe_vocabulary();
  const auto grammar = must_compile("{}", {}, vocabulary);
  Matcher matcher(grammar);
  ASSERT_TRUE(matcher.accept_bytes("\""));
  const auto bits = mask_of(matcher, *vocabulary);
  for (TokenId id = 0; id < static_cast<TokenId>(bits.size() * 32); ++id) {
    const bool text =
        id < static_cast<TokenId>(vocabulary->size()) && !vocabulary->bytes(id).empty();
    EXPECT_TRUE(text || !allowed(bits, id)) << id;
  }
  for (const TokenId id : {-1, 0, kControls - 1, static_cast<TokenId>(vocabulary->size()) - 1,
                           static_cast<TokenId>(vocabulary->size())}) {
    EXPECT_FALSE(matcher.accept(id));
    EXPECT_EQ(matcher.validate(std::vector<TokenId>{id}), 0u);
  }
}

TEST(SharedMasks, AreTheOnesThatAreCopied) {
  const auto vocabulary = bpe_vocabulary();
  std::mt19937 random(10);
  int shared = 0;
  for (const auto& schema : kSchemas) {
    const auto grammar = must_compile(schema, {}, vocabulary);
    along_a_walk(grammar, *vocabulary, random, 15, [&](Matcher& matcher) {
      const std::uint64_t limit = random() % 2 ? ~0ull : matcher.tokens_to_finish() + random() % 6;
      ASSERT_EQ(*matcher.shared_mask(limit), mask_of(matcher, *vocabulary, limit)) << schema;
      shared += matcher.shared_mask() == matcher.fork().shared_mask();
    });
  }
  EXPECT_GT(shared, 300);
}

/// A vocabulary so large that only some masks are kept, and deep text, whose every level has its own.
TEST(SharedMasks, StayAsTheyAreWhileOthersTakeTheirPlace) {
  std::vector<std::string> bytes(600'000);
  for (int b = 0; b < 256; ++b) bytes[static_cast<std::size_t>(b)] = std::string(1, static_cast<char>(b));
  const auto vocabulary = std::make_shared<const Vocabulary>(
      std::move(bytes), [](std::string_view) { return std::vector<TokenId>(); });
  const auto grammar = must_compile(
      R"({"type":"array","items":{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"],"additionalProperties":false}})",
      {}, vocabulary);
  std::vector<std::thread> threads;
  std::atomic<int> held = 0;
  for (int thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&] {
      Matcher matcher(grammar);
      std::vector<SharedMask> masks;
      for (int level = 0; level < 300; ++level) {
        masks.push_back(matcher.shared_mask());
        if (!matcher.accept_bytes(level % 2 ? "{\"a\":" : "[")) return;
      }
      const auto allows = [](const SharedMask& mask, char c) { return allowed(*mask, static_cast<TokenId>(c)); };
      for (std::size_t level = 0; level < masks.size(); ++level)
        held += allows(masks[level], '[') == (level % 2 == 0) && allows(masks[level], '{') == (level % 2 == 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(held, 600);
}

TEST(SharedMasks, OutliveTheirGrammar) {
  const auto vocabulary = byte_vocabulary();
  const SharedMask mask = Matcher(must_compile("true", {}, vocabulary)).shared_mask();
  EXPECT_EQ(*mask, mask_of(Matcher(must_compile("{}", {}, vocabulary)), *vocabulary));
}

TEST(Walks, EndCompleteAndValidWithinAnyBudget) {
  std::mt19937 random(3);
  int walks = 0;
  for (const auto& schema : kSchemas) {
    for (const auto& vocabulary : {byte_vocabulary(), bpe_vocabulary()}) {
      CompileOptions options;
      if (walks % 3 == 0) options.whitespace = Whitespace::bounded;
      const auto grammar = must_compile(schema, options, vocabulary);
      const std::uint32_t least = Matcher(grammar).tokens_to_finish();
      for (int i = 0; i < 24 / kCasesDivisor; ++i, ++walks) {
        const std::uint32_t budget =
            least + (i < 8 ? static_cast<std::uint32_t>(i) : random() % 120);
        const Walk walk = random_walk(grammar, *vocabulary, budget, random);
        ASSERT_FALSE(walk.dead) << schema << "\n" << walk.text;
        ASSERT_LE(walk.tokens, budget);
        ASSERT_TRUE(conforms(schema, walk.text)) << schema << "\n" << walk.text;
        ASSERT_TRUE(validate(*grammar, walk.text).value()) << schema << "\n" << walk.text;
      }
    }
  }
  EXPECT_GT(walks, 2'000 / kCasesDivisor);
}

TEST(Walks, ABudgetOneShortOfTheLeastAllowsNothing) {
  for (const auto& schema : kSchemas) {
    const auto grammar = must_compile(schema);
    const Matcher matcher(grammar);
    if (matcher.tokens_to_finish() < 2) continue;
    EXPECT_TRUE(allowed_tokens(*byte_vocabulary(),
                               mask_of(matcher, *byte_vocabulary(), matcher.tokens_to_finish() - 2))
                    .empty())
        << schema;
  }
}

TEST(Walks, TheDistanceToTheEndIsTheShortestOne) {
  std::mt19937 random(4);
  const auto vocabulary = byte_vocabulary();
  for (const auto& schema : kSchemas) {
    along_a_walk(must_compile(schema), *vocabulary, random, 40, [&](Matcher& matcher) {
      const std::uint32_t distance = matcher.tokens_to_finish();
      ASSERT_EQ(distance == 0, matcher.complete());
      std::uint32_t best = ~0u;
      for (const TokenId id : allowed_tokens(*vocabulary, mask_of(matcher, *vocabulary))) {
        ASSERT_TRUE(matcher.accept(id));
        best = std::min(best, matcher.tokens_to_finish());
        matcher.rollback(1);
      }
      ASSERT_TRUE(distance == 0 || best + 1 == distance)
          << schema << " " << best << " " << distance << " " << matcher.forced_bytes();
    });
  }
}

TEST(Rollback, AndForkAreAsIfNothingHadHappened) {
  const auto vocabulary = bpe_vocabulary();
  std::mt19937 random(5);
  for (const auto& schema : kSchemas) {
    const auto grammar = must_compile(schema, {}, vocabulary);
    along_a_walk(grammar, *vocabulary, random, 15, [&](Matcher& matcher) {
      const auto before = mask_of(matcher, *vocabulary);
      Matcher fork = matcher.fork();
      std::uint32_t accepted = 0;
      for (int i = 0; i < 6; ++i) {
        const auto tokens = allowed_tokens(*vocabulary, mask_of(fork, *vocabulary));
        if (tokens.empty()) break;
        const TokenId id = tokens[random() % tokens.size()];
        ASSERT_TRUE(fork.accept(id));
        ASSERT_TRUE(matcher.accept(id));
        ASSERT_EQ(mask_of(fork, *vocabulary), mask_of(matcher, *vocabulary));
        ++accepted;
      }
      matcher.rollback(accepted);
      ASSERT_EQ(mask_of(matcher, *vocabulary), before) << schema;
      fork.rollback(accepted);
      ASSERT_EQ(mask_of(fork, *vocabulary), before) << schema;
    });
  }
}

TEST(Rollback, FurtherThanTheStartIsTheStart) {
  Matcher matcher(must_compile("true"));
  ASSERT_TRUE(matcher.accept_bytes("[1"));
  ASSERT_TRUE(matcher.accept_bytes(",2"));
  matcher.rollback(100);
  EXPECT_TRUE(matcher.accept_bytes("{}"));
}

TEST(Accept, ARefusedTokenChangesNothing) {
  const auto vocabulary = bpe_vocabulary();
  Matcher matcher(must_compile(R"({"enum":["ab","ac"]})", {}, vocabulary));
  ASSERT_TRUE(matcher.accept_bytes("\"a"));
  const auto before = mask_of(matcher, *vocabulary);
  EXPECT_FALSE(matcher.accept_bytes("bb"));
  EXPECT_FALSE(matcher.accept_bytes("d"));
  EXPECT_EQ(mask_of(matcher, *vocabulary), before);
  EXPECT_TRUE(matcher.accept_bytes("c\""));
  EXPECT_TRUE(matcher.dead_end_only_stop());
}

TEST(Draft, HoldsAsFarAsAcceptWouldTakeIt) {
  const auto vocabulary = bpe_vocabulary();
  std::mt19937 random(6);
  const auto grammar = must_compile(
      R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["a","b"]})",
      {}, vocabulary);
  along_a_walk(grammar, *vocabulary, random, 30, [&](Matcher& matcher) {
    std::vector<TokenId> draft;
    Matcher ahead = matcher.fork();
    for (int i = 0; i < 5; ++i) {
      const auto tokens = allowed_tokens(*vocabulary, mask_of(ahead, *vocabulary));
      const bool wrong = tokens.empty() || random() % 6 == 0;
      draft.push_back(wrong ? static_cast<TokenId>(random() % vocabulary->size())
                            : tokens[random() % tokens.size()]);
      if (!ahead.accept(draft.back())) break;
    }
    std::uint32_t held = 0;
    Matcher check = matcher.fork();
    while (held < draft.size() && check.accept(draft[held])) ++held;
    const auto before = mask_of(matcher, *vocabulary);
    ASSERT_EQ(matcher.validate(draft), held);
    ASSERT_EQ(mask_of(matcher, *vocabulary), before);
  });
}

TEST(Forced, BytesAreThoseWithoutAChoice) {
  std::mt19937 random(7);
  const auto vocabulary = byte_vocabulary();
  for (const auto& schema : kSchemas) {
    along_a_walk(must_compile(schema), *vocabulary, random, 25, [&](Matcher& matcher) {
      Matcher ahead = matcher.fork();
      std::string expected;
      while (expected.size() < 60) {
        const auto next = allowed_tokens(*vocabulary, mask_of(ahead, *vocabulary));
        if (next.size() != 1 || ahead.complete()) break;
        expected += vocabulary->bytes(next[0]);
        ASSERT_TRUE(ahead.accept(next[0]));
      }
      // The second half of a character or an escape is part of a choice made before, and not
      // forced.
      const std::string forced = matcher.forced_bytes();
      ASSERT_EQ(forced.substr(0, expected.size()), expected.substr(0, forced.size())) << schema;
      if (schema.find("string") == std::string::npos && schema.find("{}") == std::string::npos) {
        ASSERT_EQ(forced.substr(0, 60), expected.substr(0, 60)) << schema;
      }
    });
  }
}

TEST(Forced, TokensAreTheCanonicalOnesWhateverFollows) {
  const auto vocabulary = bpe_vocabulary();
  std::mt19937 random(8);
  int forced_tokens = 0;
  for (const auto& schema : kSchemas) {
    const auto grammar = must_compile(schema, {}, vocabulary);
    along_a_walk(grammar, *vocabulary, random, 20, [&](Matcher& matcher) {
      const std::string bytes = matcher.forced_bytes();
      const std::vector<TokenId> tokens = matcher.forced();
      forced_tokens += static_cast<int>(tokens.size());
      const std::string text = text_of(*vocabulary, tokens);
      ASSERT_EQ(bytes.substr(0, text.size()), text);
      // Whatever comes next, encoding all of it anew begins with these tokens.
      for (int i = 0; i < 8; ++i) {
        Matcher ahead = matcher.fork();
        ASSERT_TRUE(ahead.accept_bytes(bytes));
        std::string whole = bytes;
        for (int k = 0; k < 4; ++k) {
          const auto next = allowed_tokens(*vocabulary, mask_of(ahead, *vocabulary));
          if (next.empty()) break;
          const TokenId id = next[random() % next.size()];
          ASSERT_TRUE(ahead.accept(id));
          whole += vocabulary->bytes(id);
        }
        const std::vector<TokenId> all = vocabulary->encode(whole);
        ASSERT_GE(all.size(), tokens.size());
        ASSERT_TRUE(std::equal(tokens.begin(), tokens.end(), all.begin()))
            << schema << "\n"
            << bytes << " | " << whole;
      }
    });
  }
  EXPECT_GT(forced_tokens, 300);
}

TEST(Forced, OnlyTheEndWhenTheTextIsOver) {
  const auto vocabulary = bpe_vocabulary();
  Matcher matcher(must_compile(R"({"const":{"a":"b"}})", {}, vocabulary));
  EXPECT_EQ(matcher.forced(), vocabulary->encode(R"({"a":"b"})"));
  for (const TokenId id : matcher.forced()) ASSERT_TRUE(matcher.accept(id));
  EXPECT_TRUE(matcher.complete());
  EXPECT_TRUE(matcher.dead_end_only_stop());
  EXPECT_TRUE(matcher.forced().empty());
}

TEST(Keys, AreNeverWrittenTwice) {
  // Tokens here write whole members: "a":"b" and the like.
  std::vector<std::string> bytes;
  for (int b = 0; b < 256; ++b) bytes.push_back(std::string(1, static_cast<char>(b)));
  for (const char* more :
       {"\"a\":1", "a\":1,\"", "a\":1,\"a\":", "a\":1,\"b\":", "\"a\":1,\"a\":1", "{\"a\":1,\"a\"",
        "{\"a\":1,\"b\"", "1,\"a\":", "1,\"a", "},\"a\":", "\",\"a\":", "b\"", "a\""}) {
    bytes.push_back(more);
  }
  const auto vocabulary = std::make_shared<const Vocabulary>(bytes, [](std::string_view text) {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<std::uint8_t>(c));
    return ids;
  });
  std::mt19937 random(9);
  for (
      const char* schema :
      {R"({"type":"object"})",
       R"({"type":"object","additionalProperties":{"type":"object","properties":{"a":{}}}})",
       R"({"type":"object","properties":{"b":{"type":"integer"}},"additionalProperties":{"type":"integer"}})"}) {
    const auto grammar = must_compile(schema, {}, vocabulary);
    for (int i = 0; i < 60 / kCasesDivisor; ++i) {
      Matcher matcher(grammar);
      ASSERT_TRUE(matcher.accept_bytes("{\"a\":"));
      for (int k = 0; k < 30; ++k) {
        const auto bits = mask_of(matcher, *vocabulary);
        std::vector<TokenId> tempting;  // mostly what could repeat a key
        for (TokenId id = 0; id < static_cast<TokenId>(vocabulary->size()); ++id) {
          const bool taken = matcher.accept(id);
          ASSERT_EQ(allowed(bits, id), taken) << schema << " " << vocabulary->bytes(id);
          if (taken) matcher.rollback(1);
          if (taken && (id >= 256 || std::string_view("a1,:\"{}").find(static_cast<char>(id)) !=
                                         std::string_view::npos))
            tempting.push_back(id);
        }
        if (tempting.empty()) break;
        ASSERT_TRUE(matcher.accept(tempting[random() % tempting.size()]));
      }
    }
  }
}

TEST(Keys, AreNotWrittenTwiceByOneTokenEither) {
  struct Case {
    const char *before, *token;
    bool allowed;
  };
  const std::vector<Case> cases = {
      {R"({"a":1,"b)", R"(":1,"a":)", false},      {R"({"a":1,"b)", R"(":1,"c":)", true},
      {R"({"xy)", R"(":1,"xy":)", false},          {R"({"x)", R"(y":1,"xy":)", false},
      {R"({"x)", R"(y":1,"x":)", true},            {R"({"x)", R"(":1,"z":1,"z":)", false},
      {R"({"x)", R"(":1,"z":1,"w":)", true},       {R"({"a":{"b)", R"(":1},"a":)", false},
      {R"({"a":{"b)", R"(":1},"b":)", true},       {R"({"x)", R"(":1,"q\"":1,"q\"":)", false},
      {R"({"x)", R"(":1,"q\"":1,"q\\":)", true}, {R"({"a":"b)", R"(","a":)", false},
      {R"({"a":"b)", R"(","b":)", true},           {R"({"a":1)", R"(,"c":1,"c":)", false},
      {R"({"a":1)", R"(,"c":1,"a":)", false},      {R"({"q\"r":1,"b)", R"(":1,"q\"r":)", false}};
  std::vector<std::string> bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(std::string(1, static_cast<char>(byte)));
  for (const Case& one : cases) bytes.push_back(one.token);
  const auto vocabulary = std::make_shared<const Vocabulary>(
      bytes, [](std::string_view) { return std::vector<TokenId>(); });
  const auto grammar = must_compile(R"({"type":"object"})", {}, vocabulary);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Matcher matcher(grammar);
    ASSERT_TRUE(matcher.accept_bytes(cases[i].before));
    const auto id = static_cast<TokenId>(256 + i);
    EXPECT_EQ(allowed(mask_of(matcher, *vocabulary), id), cases[i].allowed) << cases[i].before << " " << cases[i].token;
    EXPECT_EQ(matcher.accept(id), cases[i].allowed) << cases[i].before << " " << cases[i].token;
  }
}

TEST(Keys, OfManyKindsCanStillBeTold) {
  // All one-byte keys are taken: the shortest new one has two, and the distance says so.
  const auto grammar = must_compile(R"({"type":"object","additionalProperties":{"type":"null"}})");
  Matcher matcher(grammar);
  std::string text = "{\"\":null";
  for (int c = 0x20; c <= 0x7F; ++c) {
    if (c != '"' && c != '\\') text += std::string(",\"") + static_cast<char>(c) + "\":null";
  }
  ASSERT_TRUE(matcher.accept_bytes(text + ",\""));
  EXPECT_EQ(matcher.tokens_to_finish(), 9u);  // xx":null}
  EXPECT_FALSE(matcher.accept_bytes("\""));
  EXPECT_FALSE(matcher.accept_bytes("q\""));
  EXPECT_TRUE(matcher.accept_bytes("qq\":null}"));
}

TEST(Store, StaysBoundedAndServesNewMatchersWhenFull) {
  // Every depth is a new state: enough to fill the store, which new matchers then leave behind.
  const auto vocabulary = byte_vocabulary();
  const auto grammar = must_compile("{}", {}, vocabulary);
  Matcher old(grammar);
  const std::string deep(1'000, '[');
  for (int i = 0; i < 140; ++i) ASSERT_TRUE(old.accept_bytes(deep));
  const auto before = mask_of(old, *vocabulary);
  Matcher young(grammar);
  ASSERT_TRUE(young.accept_bytes("[[1,"));
  EXPECT_EQ(mask_of(old, *vocabulary), before);
  old.rollback(139);
  ASSERT_TRUE(old.accept_bytes("1,"));
  EXPECT_EQ(allowed_tokens(*vocabulary, mask_of(old, *vocabulary)),
            allowed_tokens(*vocabulary, mask_of(young, *vocabulary)));
}

TEST(Store, ServesManyThreads) {
  const auto vocabulary = bpe_vocabulary();
  const auto grammar = must_compile(kSchemas[0], {}, vocabulary);
  std::vector<std::thread> threads;
  std::atomic<int> valid = 0;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      for (int i = 0; i < 20; ++i)
        valid += conforms(kSchemas[0], random_walk(grammar, *vocabulary, 400, random).text);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(valid, 80);
}

}  // namespace
}  // namespace praxis::grammar::test
