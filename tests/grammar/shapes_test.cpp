// Masks inside strings under a vocabulary large enough that alike characters are taken as one.
#include <gtest/gtest.h>

#include <random>

#include "grammar/matcher.h"

namespace praxis::grammar {
namespace {

/// All single bytes, long runs, and 20,000 random tokens of letters, digits, marks, spaces, escapes and
/// characters beyond ASCII, some of them cut inside a character.
std::shared_ptr<const Vocabulary> large_vocabulary() {
  static const auto kVocabulary = [] {
    std::vector<std::string> bytes;
    for (int b = 0; b < 256; ++b) bytes.push_back(std::string(1, static_cast<char>(b)));
    const std::vector<std::string> parts = {"a", "b", "f", "g", "x",  "z",        "A",        "F",
                                            "G", "Z", "0", "1", "9",  " ",        "_",        "-",
                                            ".", ":", "/", "@", "\\n", "\xC3\xA9", "\xC2\xA0", "\xE2\x80\xA8"};
    for (const char c : std::string(" a-=9")) {
      for (std::size_t n = 7; n <= 131; n += 4) bytes.push_back(std::string(n, c));
    }
    std::mt19937 random(5);
    for (int i = 0; i < 20'000; ++i) {
      std::string token;
      for (std::size_t n = 2 + random() % 5; n > 0; --n) token += parts[random() % parts.size()];
      if (random() % 16 == 0) token.resize(token.size() - 1);
      if (random() % 16 == 0) token += '"';
      bytes.push_back(token);
    }
    return std::make_shared<const Vocabulary>(bytes, [](std::string_view) { return std::vector<TokenId>(); });
  }();
  return kVocabulary;
}

TEST(Shapes, MasksInsideStringsAreWhatIsAccepted) {
  const auto vocabulary = large_vocabulary();
  std::mt19937 random(7);
  for (const char* schema :
       {R"({"type":"string","pattern":"^(?:\\S+\\s+){0,9}\\S+$","maxLength":40})",
        R"({"type":"string","pattern":"^[\\w.-]{2,30}$"})", R"({"type":"string","pattern":"gaz"})",
        R"({"type":"string","pattern":"^[^aZ]*$","minLength":3})", R"({"type":"string","pattern":"^.*[0-9]x$"})",
        R"({"type":"string","pattern":"^[\\u00e9a-z]*$"})", R"({"type":"string","format":"email"})",
        R"({"type":"string","pattern":"^[a-f0-9:]+$","not":{"pattern":"^0"}})",
        // Limits that a token can meet, and such as none can.
        R"({"type":"string","pattern":"^(?:\\S+\\s+){0,29}\\S+$","maxLength":100,"minLength":5})",
        R"({"type":"string","pattern":"^[a-z -]{1,64}:[0-9]*$"})", R"({"type":"string","pattern":"^.{3,20}z$"})",
        R"({"type":"string","pattern":"^(a{2,90}|[^a]{9,400})$","maxLength":300})",
        R"({"type":"string","pattern":"^[^\\u00e9]{0,40}(\\u00e9[^x]{16})?$"})",
        R"({"type":"string","pattern":"^([^\\u00e9]|\\u00e9[^x]{16})*$","maxLength":33})",
        R"({"type":"string","format":"hostname"})", R"({"type":"string","format":"regex"})",
        // Nothing that a token holds is too much.
        R"({"type":"string","oneOf":[{"pattern":"gaz"},{"pattern":"agz"},{"pattern":"9_x"}]})",
        R"({"type":"string","pattern":"x","minLength":9,"not":{"pattern":"zzzzzz"}})",
        R"({"type":"string","pattern":"^[^ ]*( [^ ]*){3,}$"})"}) {
    const auto grammar = compile(schema, vocabulary);
    ASSERT_TRUE(grammar) << schema << grammar.error().what;
    for (int text = 0; text < 4; ++text) {
      Matcher matcher(*grammar);
      ASSERT_TRUE(matcher.accept_bytes("\""));
      std::vector<std::uint32_t> bits(vocabulary->mask_words());
      for (int step = 0; step < 3; ++step) {
        matcher.mask(bits);
        std::vector<TokenId> allowed;
        for (TokenId id = 0; id < static_cast<TokenId>(vocabulary->size()); ++id) {
          const bool may = bits[static_cast<std::size_t>(id) / 32] >> (id % 32) & 1;
          const bool does = matcher.accept(id);
          if (does) matcher.rollback(1);
          ASSERT_EQ(may, does) << schema << " step " << step << " token " << vocabulary->bytes(id);
          if (may) allowed.push_back(id);
        }
        if (allowed.empty()) break;
        ASSERT_TRUE(matcher.accept(allowed[random() % allowed.size()]));
      }
    }
  }
}

}  // namespace
}  // namespace praxis::grammar
