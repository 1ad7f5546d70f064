#include "tools/text.h"

#include <gtest/gtest.h>

namespace praxis::tools {
namespace {

TEST(Text, GoodUtf8IsLeftAlone) {
  for (std::string text :
       {"", "plain", "Grüße, 世界 🌍", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF", "\xEE\x80\x80"})
    EXPECT_EQ(repair_utf8(text), text);
}

TEST(Text, EachMaximalIllFormedSubpartBecomesOneReplacement) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(repair_utf8("a\xFF"
                        "b"),
            "a" + r + "b");
  EXPECT_EQ(repair_utf8("\xC0\x80"), r + r);          // overlong
  EXPECT_EQ(repair_utf8("\xED\xA0\x80"), r + r + r);  // a surrogate
  EXPECT_EQ(repair_utf8("\xF0\x9F\x8C"), r);          // a character cut short is one
  EXPECT_EQ(repair_utf8("\xF0\x9F\x8C"
                        "A"),
            r + "A");
  EXPECT_EQ(repair_utf8("\xE2\x82\xE2\x82\xAC"), r + "\xE2\x82\xAC");
  EXPECT_EQ(repair_utf8("\xF4\x90\x80\x80"), r + r + r + r);  // beyond U+10FFFF
  EXPECT_EQ(repair_utf8("\xE0\x9F\xBF"), r + r + r);
}

TEST(Text, NulIsReplaced) {
  EXPECT_EQ(repair_utf8(std::string_view("a\0b", 3)),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Text, EveryPairOfBytesIsRepairedToTextThatNeedsNoRepairAndIsNoShorter) {
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      const std::string bytes{static_cast<char>(first), static_cast<char>(second)};
      const std::string text = repair_utf8(bytes);
      EXPECT_EQ(repair_utf8(text), text);
      EXPECT_GE(text.size(), bytes.size());
    }
}

TEST(Text, CutsBetweenCharacters) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\x8D";  // 1, 2, 3 and 4 bytes
  const std::size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (std::size_t bytes_max = 0; bytes_max < std::size(ends); ++bytes_max)
    EXPECT_EQ(cut_utf8(text, bytes_max), ends[bytes_max]) << bytes_max;
}

TEST(Text, LineForPeopleCannotDriveATerminal) {
  EXPECT_EQ(one_line("a\x1B[2Jb\r\nc\x7F"
                     "d\xC2\x9B"
                     "e",
                     100),
            "a [2Jb  c d  e");
  EXPECT_EQ(one_line("\xE2\x82\xAC\xE2\x82\xAC", 5), "\xE2\x82\xAC");
  EXPECT_EQ(one_line(std::string(1'000'000, 'x'), 10), "xxxxxxxxxx");
}

}  // namespace
}  // namespace praxis::tools
