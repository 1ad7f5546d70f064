#include "engine/utf8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/normalize.h"
#include "engine/tokenizer.h"
#include "tests/engine/texts.h"

namespace praxis::engine {
namespace {

std::string valid(std::string_view text) {
  std::string out;
  utf8::append_valid(out, text);
  return out;
}

/// "R" stands for U+FFFD.
std::string with_replacements(std::string_view pattern) {
  std::string out;
  for (const char c : pattern) {
    if (c == 'R') {
      out += utf8::kReplacement;
    } else {
      out += c;
    }
  }
  return out;
}

TEST(Utf8, EachMaximalSubpartBecomesOneReplacement) {
  const std::pair<std::string_view, const char*> cases[] = {
      // The Unicode Standard, section 3.9: tables 3-8 to 3-11.
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", "RRRRRRRRA"},
      {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", "RRRRRRRRA"},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", "RRRRRARRB"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", "RRRRA"},
      {"a\xF1\x80\x80\xE1\x80\xC2"
       "b\x80"
       "c\x80\xBF"
       "d",
       "aRRRbRcRRd"},
      {"\xF0\x9F\x98", "R"},
      {"\xE2\x82", "R"},
      {"\xC2", "R"},
      {"\x80", "R"},
      {"", ""},
  };
  for (const auto& [broken, expected] : cases)
    EXPECT_EQ(valid(broken), with_replacements(expected));
}

TEST(Utf8, EveryScalarValueIsWholeAndComesBack) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    utf8::append(text, c);
    ASSERT_EQ(utf8::valid_prefix(text), text.size()) << static_cast<unsigned>(c);
    ASSERT_EQ(utf8::scalar(text), c);
  }
}

TEST(Utf8, ValidPrefixEndsWhereTheFirstBrokenCharacterBegins) {
  for (std::size_t lead = 0; lead < 20; ++lead) {
    EXPECT_EQ(utf8::valid_prefix(std::string(lead, 'a') + "\xE2\x28"), lead);
    EXPECT_EQ(utf8::valid_prefix(std::string(lead, 'a') + "é\xFF"), lead + 2);
  }
}

TEST(Utf8Stream, AnyCutGivesWholeCharactersAndTheSameText) {
  std::mt19937_64 random(1);
  for (const std::string& text : test::varied_texts(1500, 7, true)) {
    Utf8Stream stream;
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t bytes = std::min<std::size_t>(1 + random() % 5, text.size() - at);
      const std::string piece = stream.push(std::string_view(text).substr(at, bytes));
      ASSERT_EQ(utf8::valid_prefix(piece), piece.size());
      out += piece;
      at += bytes;
      // At most three bytes stay back: what is out stands for all but those.
      const std::string so_far = valid(std::string_view(text).substr(0, at));
      ASSERT_EQ(so_far.compare(0, out.size(), out), 0);
      ASSERT_LE(so_far.size() - out.size(), 3u);
    }
    out += stream.finish();
    ASSERT_EQ(out, valid(text));
    ASSERT_EQ(stream.finish(), "");
  }
}

TEST(Utf8Stream, ACharacterComesWithItsLastByte) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("\xF0"), "");
  EXPECT_EQ(stream.push("\x9F\x98"), "");
  EXPECT_EQ(stream.push("\x80"), "😀");
  EXPECT_EQ(stream.push("a\xE2"), "a");
  EXPECT_EQ(stream.push("b"), with_replacements("Rb"));
  EXPECT_EQ(stream.push("\xE2\x82"), "");
  EXPECT_EQ(stream.finish(), with_replacements("R"));
}

TEST(Nfc, ComposesReordersAndLeavesExclusionsApart) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"plain ascii", "plain ascii"},
      {"e\u0301", "é"},                    // composition
      {"a\u0323\u0302", "ậ"},              // twice
      {"a\u0302\u0323", "ậ"},              // after reordering
      {"q\u0307\u0323", "q\u0323\u0307"},  // reordering alone
      {"\u212B\u2126", "ÅΩ"},              // singletons
      {"\u0958", "\u0915\u093C"},          // a composition exclusion
      {"\u1112\u1161\u11AB", "한"},        // Hangul, algorithmically
      {"\uAC00\u11A8", "각"},
      {"\uF900", "\u8C48"},                // a compatibility ideograph
      {"\u0344", "\u0308\u0301"},          // a mark that decomposes for good
      {"a\u0301\u0301", "á\u0301"},        // the second finds its base taken
      {"x\u0305\u0301", "x\u0305\u0301"},  // blocked
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(nfc(text), expected) << text;
}

TEST(Nfc, ALongRunOfMarksIsSorted) {
  std::string run, sorted(1, 'x');
  constexpr int kPairs = 100'000;
  for (int i = 0; i < kPairs; ++i) run += "\u0305\u0332";  // above (230), below (220)
  for (int i = 0; i < kPairs; ++i) sorted += "\u0332";
  for (int i = 0; i < kPairs; ++i) sorted += "\u0305";
  EXPECT_EQ(nfc("x" + run), sorted);
}

TEST(Nfc, IsItsOwnNormalForm) {
  for (const std::string& text : test::varied_texts(1500, 11, false)) {
    const std::string once = nfc(text);
    ASSERT_EQ(nfc(once), once);
    ASSERT_EQ(utf8::valid_prefix(once), once.size());
  }
}

}  // namespace
}  // namespace praxis::engine
