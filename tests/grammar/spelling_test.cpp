// How generated text is spelled: pretty printed and in ASCII as other printers do it, token by token.

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "grammar/code_points.h"
#include "grammar/json.h"
#include "grammar/lexing.h"
#include "schemas.h"
#include "support.h"

namespace praxis::grammar::test {
namespace {

/// Every byte, and tokens that straddle what pretty printing puts between values.
std::shared_ptr<const Vocabulary> spaced_vocabulary() {
  std::vector<std::string> bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(std::string(1, static_cast<char>(byte)));
  for (const char* token :
       {"  ", "   ", "    ", "\n ", "\n  ", "\n    ", "\n\n", "\t\t", "\n  \"", "\n}", "\n]", "\n  }", "\n  ]", ": ",
        "\": ", "\": \"", "\":\"", ": [", ": {", ": [\n", ": {\n  ", ": []", ": {}", ",\n", ",\n  ", ",\n  \"", ",\n    \"",
        ", ", "{\n", "[\n", "[\n  ", "{\n  \"", "[]", "{}", "[[", "[\n  [\n    ", "}\n", "]\n", "1\n]", "1,\n  1", "1,\n",
        "\"\n}", "\",\n  \"", "}\n}", "  }\n", " 1", " true", " \"", "null\n", "\"a\": ", "\"a\": 1,\n  \"a\"", "\"a\": 1,\n  \"b"})
    bytes.push_back(token);
  return std::make_shared<const Vocabulary>(std::move(bytes), [](std::string_view text) {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  });
}

CompileOptions pretty(std::uint8_t indent = 2) {
  CompileOptions options;
  options.whitespace = Whitespace::pretty;
  options.indent = indent;
  return options;
}

/// The JSON text laid out anew: a printer that shares nothing with the room, and leaves scalars as they are.
std::string laid_out(std::string_view text, std::size_t indent) {
  std::string out;
  std::size_t level = 0;
  bool in_string = false;
  const auto line = [&] { out += '\n' + std::string(indent * level, ' '); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      out += c;
      if (c == '\\') out += text[++i];
      in_string = c != '"';
    } else if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
      continue;
    } else if (c == '{' || c == '[') {
      out += c;
      const std::size_t next = text.find_first_not_of(" \n\t\r", i + 1);
      if (text[next] == '}' || text[next] == ']') out += text[i = next];
      else ++level, line();
    } else if (c == '}' || c == ']') {
      --level, line();
      out += c;
    } else {
      out += c;
      in_string = c == '"';
      if (c == ',') line();
      if (c == ':') out += ' ';
    }
  }
  return out;
}

/// Calls visit(matcher, text) at the start and after each token of a random walk.
template <class Visit>
void along_a_walk(const std::shared_ptr<const Grammar>& grammar, const Vocabulary& vocabulary,
                  std::mt19937& random, int steps, Visit visit) {
  Matcher matcher(grammar);
  std::string text;
  for (int i = 0; i < steps; ++i) {
    visit(matcher, text);
    const auto tokens = allowed_tokens(vocabulary, mask_of(matcher, vocabulary));
    if (tokens.empty()) {
      EXPECT_TRUE(matcher.complete()) << text;
      return;
    }
    // Most tokens are inside strings; those between values are what is tried here.
    std::vector<TokenId> between;
    for (const TokenId id : tokens) {
      if (vocabulary.bytes(id).find_first_of("\"{}[],:\n 01") != std::string_view::npos) between.push_back(id);
    }
    const auto& drawn = between.empty() || random() % 4 == 0 ? tokens : between;
    const TokenId id = drawn[random() % drawn.size()];
    ASSERT_TRUE(matcher.accept(id));
    text += vocabulary.bytes(id);
  }
}

const std::vector<std::string> kNested = {
    R"({"type":"object","properties":{"a":{"$ref":"#"},"b":{"type":"array","items":{"$ref":"#"}}},"additionalProperties":false})",
    R"({"type":["array","integer"],"items":{"$ref":"#"},"minItems":1,"maximum":1,"minimum":1})",
    R"({"type":"array","items":{"type":"array","items":{"type":"integer"},"minItems":2},"minItems":2,"uniqueItems":true})",
    R"({"type":"object","minProperties":2,"additionalProperties":{"type":"object","minProperties":1,"additionalProperties":{"const":[]}}})",
    R"({"type":"array","not":{"uniqueItems":true},"items":{"enum":[1,[1],{"a":[1]}]}})",
    R"({"anyOf":[{"type":"array","maxItems":0},{"const":[[],{},[{}],{"a":[]}]}]})",
    R"({"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"},{"$ref":"#/$defs/c"},{"$ref":"#/$defs/d"},{"$ref":"#/$defs/e"}],"$defs":{
        "a":{"type":"object","properties":{"tool":{"const":"a"},"with":{"type":"array","items":{"$ref":"#"}}},"required":["tool","with"],"additionalProperties":false},
        "b":{"type":"object","properties":{"tool":{"enum":["b","bé"]},"with":{"$ref":"#"}},"required":["tool"],"additionalProperties":false},
        "c":{"type":"object","properties":{"tool":{"const":"c"}},"required":["tool"],"additionalProperties":false},
        "d":{"type":"object","properties":{"tool":{"const":"dé"},"a":{"const":1}},"required":["tool"],"additionalProperties":false},
        "e":{"type":"object","properties":{"tool":{"const":"e"},"a":{"const":2}},"required":["a","tool"],"additionalProperties":false}}})",
};

std::vector<std::string> schemas() {
  std::vector<std::string> all = kSchemas;
  all.insert(all.end(), kNested.begin(), kNested.end());
  return all;
}

/// Each token's bit is what accept() says, half of the times within a random limit.
void expect_mask_as_accepted(Matcher& matcher, const Vocabulary& vocabulary, std::mt19937& random, const std::string& where) {
  const std::uint64_t limit = random() % 2 ? ~0ull : matcher.tokens_to_finish() + random() % 12;
  const auto bits = mask_of(matcher, vocabulary, limit);
  for (TokenId id = 0; id < static_cast<TokenId>(vocabulary.size()); ++id) {
    const bool taken = matcher.accept(id);
    ASSERT_EQ(allowed(bits, id), taken && (limit == ~0ull || matcher.tokens_to_finish() <= limit))
        << where << "|" << vocabulary.bytes(id) << "| " << limit;
    if (taken) matcher.rollback(1);
  }
}

TEST(Pretty, MasksAllowExactlyWhatAcceptTakes) {
  const auto vocabulary = spaced_vocabulary();
  std::mt19937 random(21);
  std::vector<std::string> walked = schemas();
  for (int i = 0; i < 3 / kCasesDivisor; ++i) {
    for (const auto& schema : schemas()) walked.push_back(schema);
  }
  for (const auto& schema : walked) {
    const auto grammar = must_compile(schema, pretty(), vocabulary);
    along_a_walk(grammar, *vocabulary, random, 60, [&](Matcher& matcher, const std::string& text) {
      expect_mask_as_accepted(matcher, *vocabulary, random, schema + "\n" + text);
    });
  }
}

TEST(Pretty, WalksAreLaidOutAsAPrinterWouldWithinAnyBudget) {
  std::mt19937 random(22);
  std::size_t nested = 0;
  for (const std::uint8_t indent : {2, 0, 4}) {
    for (const auto& schema : schemas()) {
      const auto vocabulary = random() % 2 ? spaced_vocabulary() : bpe_vocabulary();
      const auto grammar = must_compile(schema, pretty(indent), vocabulary);
      const std::uint32_t least = Matcher(grammar).tokens_to_finish();
      for (std::uint32_t i = 0; i < 12 / kCasesDivisor; ++i) {
        const Walk walk = random_walk(grammar, *vocabulary, least + (i < 4 ? i : random() % 200), random);
        ASSERT_FALSE(walk.dead) << schema << "\n" << walk.text;
        ASSERT_EQ(walk.text, laid_out(walk.text, indent)) << schema;
        ASSERT_TRUE(conforms(schema, walk.text)) << schema << "\n" << walk.text;
        ASSERT_TRUE(validate(*grammar, walk.text).value()) << schema << "\n" << walk.text;
        nested += walk.text.find("\n" + std::string(3 * indent, ' ')) != std::string::npos;
      }
    }
  }
  EXPECT_GT(nested, 50u);
}

TEST(Pretty, TheDistanceToTheEndShrinksByteByByte) {
  std::mt19937 random(23);
  const auto vocabulary = byte_vocabulary();
  for (const auto& schema : schemas()) {
    const auto grammar = must_compile(schema, random() % 4 ? pretty(3) : CompileOptions());
    along_a_walk(grammar, *vocabulary, random, 40, [&](Matcher& matcher, const std::string& text) {
      const std::uint32_t distance = matcher.tokens_to_finish();
      ASSERT_EQ(distance == 0, matcher.complete());
      std::uint32_t best = ~0u;
      for (const TokenId id : allowed_tokens(*vocabulary, mask_of(matcher, *vocabulary))) {
        ASSERT_TRUE(matcher.accept(id));
        best = std::min(best, matcher.tokens_to_finish());
        matcher.rollback(1);
      }
      ASSERT_TRUE(distance == 0 || best < distance) << schema << " " << best << " " << distance << "\n" << text;
    });
  }
}

TEST(Pretty, WhatThePrinterPutsBetweenValuesIsForced) {
  const std::string value = R"({"a":[1,{"b":[]},{}],"c":{"d":{"e":"f"}}})";
  for (const std::uint8_t indent : {0, 1, 2, 8}) {
    const Matcher matcher(must_compile(R"({"const":)" + value + "}", pretty(indent)));
    EXPECT_EQ(matcher.forced_bytes(), nlohmann::ordered_json::parse(value).dump(indent));
    EXPECT_EQ(matcher.tokens_to_finish(), matcher.forced_bytes().size());
  }
  Matcher matcher(must_compile(R"({"type":"object","properties":{"list":{"type":"array","items":{"type":"integer"},"minItems":1}},
                                   "required":["list"],"additionalProperties":false})", pretty()));
  EXPECT_EQ(matcher.forced_bytes(), "{\n  \"list\": [\n    ");
  ASSERT_TRUE(matcher.accept_bytes("{\n  \"list\": [\n    1"));
  EXPECT_EQ(matcher.forced_bytes(), "");
  ASSERT_TRUE(matcher.accept_bytes("\n"));
  EXPECT_EQ(matcher.forced_bytes(), "  ]\n}");
  EXPECT_EQ(matcher.tokens_to_finish(), 5u);
}

/// However deep: at two hundred levels an indentation is longer than a byte can count.
TEST(Pretty, EveryLevelIsIndented) {
  const auto grammar = must_compile(R"({"type":"array","items":{"$ref":"#"}})", pretty(4));
  std::string nested = "[]";
  for (int i = 0; i < 200; ++i) nested = "[" + nested + "]";
  const std::string text = nlohmann::json::parse(nested).dump(4);
  EXPECT_TRUE(generates(grammar, text));
  EXPECT_FALSE(generates(grammar, nested));
}

TEST(Pretty, IsRefusedWhereNoTokenIsALineBreak) {
  std::vector<std::string> bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(byte == '\n' ? "" : std::string(1, static_cast<char>(byte)));
  const auto vocabulary = std::make_shared<const Vocabulary>(bytes, [](std::string_view) { return std::vector<TokenId>(); });
  EXPECT_TRUE(compile("true", vocabulary));
  const auto refused = compile("true", vocabulary, pretty());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
}

const std::vector<std::string> kBeyondAscii = {
    R"({"type":"string","pattern":"^[é-ü]{2}x?$"})",
    R"({"type":"string","pattern":"^[^a-z]*$","maxLength":3})",
    R"({"type":"string","pattern":"^(\\u4e2d|\\u4e2e|\\u5e74){1,4}$"})",
    R"({"type":"string","pattern":"^[\\u{1F600}-\\u{1F64F}\\u{10FFFF}]+$"})",
    R"({"type":"string","pattern":"^[\\u0000-\\u001f\\u007f-\\u0080]{1,2}$"})",
    R"({"type":"string","pattern":"^\\p{Lu}\\p{Ll}*$"})",
    R"({"enum":["é","éa","ê","😀","😁","日本","\u007f","a\u0001"]})",
    R"({"type":"object","properties":{"é":{"const":"ü"},"ê":{"const":1},"名":{"const":[]}},"required":["ê"],"additionalProperties":false})",
    R"({"type":"object","propertyNames":{"pattern":"^[é-ê]{1,2}$"},"additionalProperties":{"const":1},"minProperties":3})",
    R"({"type":"object","patternProperties":{"^[😀-😂]$":{"const":1}},"additionalProperties":false,"minProperties":2})",
    R"({"type":"object","properties":{"é":{"const":1}},"additionalProperties":{"const":2},"minProperties":1})",
    R"({"type":"array","items":{"enum":["é","ê","e"]},"uniqueItems":true,"minItems":2})",
};
const std::vector<std::string> kLengthsOnly = {  // from some character on only the length counts: in any spelling
    R"({"type":"string","minLength":2,"maxLength":3})",
    R"({"type":"string","not":{"enum":["é","","a"]}})",
};

CompileOptions in_ascii(Whitespace whitespace = Whitespace::compact) {
  CompileOptions options;
  options.escapes = Escapes::ascii;
  options.whitespace = whitespace;
  return options;
}

/// Every byte, and tokens that straddle escapes and the raw text that must not come.
std::shared_ptr<const Vocabulary> escaping_vocabulary() {
  std::vector<std::string> bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(std::string(1, static_cast<char>(byte)));
  for (const char* token :
       {"\\u", "\\u0", "\\u00", "\\u00e", "\\u00e9", "\\u00e9\"", "\"\\u", "\"\\u00", "u00", "00", "e9", "ea", "\\u4e", "4e2d", "2d\\u",
        "\\ud8", "\\ud83d", "\\ud83d\\ude0", "\\ud83d\\ude00", "d\\u", "\\ude", "e0", "\\uD83D", "\\u00E9", "\\uff", "007f", "\\n", "\\\\",
        "\\\\u", "é", "é\"", "日本", "😀", "\":", "{\"", "{\"\\u00e", "\",\"", ",\"\\u00e9", "1,\"", "xé", "ab", "\\u0001", "\\u000"})
    bytes.push_back(token);
  return std::make_shared<const Vocabulary>(std::move(bytes), [](std::string_view text) {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  });
}

TEST(Ascii, EveryCharacterHasTheOneSpellingOfOtherPrinters) {
  for (char32_t code = 0; code <= kLastCodePoint; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, code);
    const std::string spelled = spell_string(text, Escapes::ascii);
    if (code < 0x3000 || code % 97 == 0) {
      ASSERT_EQ('"' + spelled + '"', nlohmann::json(text).dump(-1, ' ', true));
    }
    Place place = Place::between;
    std::string read;
    for (std::size_t i = 0; i < spelled.size(); ++i) {
      ASSERT_EQ(finish_of(place) > spelled.size() - i, false) << spelled;
      const auto byte = static_cast<std::uint8_t>(spelled[i]);
      const Lexed lexed = lex_key(place, byte, Escapes::ascii);
      ASSERT_TRUE(lexed.ok) << spelled;
      if (const int character = decoded(place, byte); character >= 0) read += static_cast<char>(character);
      place = lexed.place;
      ASSERT_EQ(place == Place::between, i + 1 == spelled.size()) << spelled;
    }
    ASSERT_EQ(read, text) << spelled;
    ASSERT_EQ(unspelled(spelled), text);
    ASSERT_EQ(unspelled(spell_string(text)), text);
  }
}

/// All texts of one escape: so many are read as there are characters that it spells.
TEST(Ascii, NoOtherSpellingIsTaken) {
  std::uint64_t taken = 0;
  const auto count = [&](auto& self, Place place, std::string& decodes) -> void {
    for (int byte = 0; byte < 256; ++byte) {
      const Lexed lexed = lex_key(place, static_cast<std::uint8_t>(byte), Escapes::ascii);
      if (!lexed.ok) continue;
      ASSERT_NE(kEscapeBytes.find(static_cast<char>(byte)), std::string_view::npos);
      const int character = decoded(place, static_cast<std::uint8_t>(byte));
      if (character >= 0) decodes += static_cast<char>(character);
      if (lexed.place != Place::between) self(self, lexed.place, decodes);
      else ++taken;
      if (character >= 0) decodes.pop_back();
    }
  };
  std::string decodes;
  count(count, Place::escape, decodes);
  EXPECT_EQ(taken, 0x110000u - 0x800 - (0x7F - 0x20) + 2);  // '"' and '\\' are printable, and escaped
}

TEST(Ascii, MasksAllowExactlyWhatAcceptTakes) {
  const auto vocabulary = escaping_vocabulary();
  std::mt19937 random(24);
  std::vector<std::string> walked = schemas();
  for (int i = 0; i < 6 / kCasesDivisor; ++i) {
    for (const auto& more : {kBeyondAscii, kLengthsOnly}) walked.insert(walked.end(), more.begin(), more.end());
  }
  for (const auto& schema : walked) {
    const auto grammar = must_compile(schema, in_ascii(random() % 3 ? Whitespace::compact : Whitespace::pretty), vocabulary);
    along_a_walk(grammar, *vocabulary, random, 40, [&](Matcher& matcher, const std::string& text) {
      expect_mask_as_accepted(matcher, *vocabulary, random, schema + "\n" + text);
    });
  }
}

TEST(Ascii, WalksAreSpelledAsAPrinterWouldWithinAnyBudget) {
  std::mt19937 random(25);
  std::size_t escapes = 0;
  std::vector<std::string> walked = kBeyondAscii;
  for (const auto& more : {schemas(), kLengthsOnly}) walked.insert(walked.end(), more.begin(), more.end());
  for (std::size_t at = 0; at < walked.size(); ++at) {
    const std::string& schema = walked[at];
    const bool one_spelling = at < kBeyondAscii.size();
    for (const Whitespace whitespace : {Whitespace::compact, Whitespace::pretty}) {
      const auto vocabulary = random() % 3 ? escaping_vocabulary() : bpe_vocabulary();
      const auto grammar = must_compile(schema, in_ascii(whitespace), vocabulary);
      const std::uint32_t least = Matcher(grammar).tokens_to_finish();
      for (std::uint32_t i = 0; i < 18 / kCasesDivisor; ++i) {
        const Walk walk = random_walk(grammar, *vocabulary, least + (i < 6 ? i : random() % 100), random);
        ASSERT_FALSE(walk.dead) << schema << "\n" << walk.text;
        ASSERT_TRUE(std::all_of(walk.text.begin(), walk.text.end(), [](char c) { return c > 0 && c < 0x7F; })) << walk.text;
        // The tests' own checker reads patterns byte by byte.
        ASSERT_TRUE(one_spelling || conforms(schema, walk.text)) << schema << "\n" << walk.text;
        ASSERT_TRUE(validate(*grammar, walk.text).value()) << schema << "\n" << walk.text;
        if (!one_spelling) continue;
        const int indent = whitespace == Whitespace::pretty ? 2 : -1;
        ASSERT_EQ(walk.text, nlohmann::ordered_json::parse(walk.text).dump(indent, ' ', true)) << schema;
        escapes += walk.text.find("\\u") != std::string::npos;
      }
    }
  }
  EXPECT_GT(escapes, 100u / kCasesDivisor);
}

TEST(Ascii, TheDistanceToTheEndShrinksByteByByte) {
  std::mt19937 random(26);
  const auto vocabulary = byte_vocabulary();
  std::vector<std::string> walked = kBeyondAscii;
  for (const auto& more : {schemas(), kLengthsOnly}) walked.insert(walked.end(), more.begin(), more.end());
  for (const auto& schema : walked) {
    along_a_walk(must_compile(schema, in_ascii()), *vocabulary, random, 40, [&](Matcher& matcher, const std::string& text) {
      const std::uint32_t distance = matcher.tokens_to_finish();
      ASSERT_EQ(distance == 0, matcher.complete());
      std::uint32_t best = ~0u;
      for (const TokenId id : allowed_tokens(*vocabulary, mask_of(matcher, *vocabulary))) {
        ASSERT_TRUE(matcher.accept(id));
        best = std::min(best, matcher.tokens_to_finish());
        matcher.rollback(1);
      }
      ASSERT_TRUE(distance == 0 || best < distance) << schema << " " << best << " " << distance << "\n" << text;
    });
  }
}

TEST(Ascii, WhatIsSpelledInOneWayIsForced) {
  for (const std::string value : {R"({"é":["😀","日本",{"":"a\u0000\u007f"}]})", R"("\ud83d\ude00")"}) {
    const Matcher matcher(must_compile(R"({"const":)" + value + "}", in_ascii()));
    EXPECT_EQ(matcher.forced_bytes(), nlohmann::ordered_json::parse(value).dump(-1, ' ', true));
    EXPECT_EQ(matcher.tokens_to_finish(), matcher.forced_bytes().size());
  }
  Matcher matcher(must_compile(R"({"enum":["é","ê","ü"]})", in_ascii()));
  EXPECT_EQ(matcher.forced_bytes(), "\"\\u00");
  ASSERT_TRUE(matcher.accept_bytes("\"\\u00f"));
  EXPECT_EQ(matcher.forced_bytes(), "c\"");
}

}  // namespace
}  // namespace praxis::grammar::test
