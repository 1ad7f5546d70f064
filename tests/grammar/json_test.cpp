// JSON as the room reads it, beside another reader.

#include "grammar/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <set>

namespace praxis::grammar {
namespace {

Result<JsonDocument> read(std::string_view text, std::uint32_t depth_max = 64) {
  Fuel fuel(1'000'000);
  return read_json(text, depth_max, fuel);
}

std::string error(std::string_view text) {
  const auto document = read(text);
  return document ? "" : document.error().where + ": " + document.error().what;
}

TEST(Json, ErrorsNameTheByteAndThePlace) {
  EXPECT_EQ(error(""), "$: not JSON at byte 0: no value");
  EXPECT_EQ(error("{\"a\":[1,{\"b\":}]}"), "$.a[1]: not JSON at byte 13: no value");
  EXPECT_EQ(error("[1 2]"), "$: not JSON at byte 3: ',' or ']' is missing");
  EXPECT_EQ(error("[1,]"), "$: not JSON at byte 3: no value");
  EXPECT_EQ(error("{\"a\" 1}"), "$: not JSON at byte 5: ':' is missing");
  EXPECT_EQ(error("{a:1}"), "$: not JSON at byte 1: a key is missing");
  EXPECT_EQ(error("1 x"), "$: not JSON at byte 2: more behind the value");
  EXPECT_EQ(error("\"a"), "$: not JSON at byte 2: a string does not end");
  EXPECT_EQ(error("\"\n\""), "$: not JSON at byte 1: a control character inside a string");
  EXPECT_EQ(error("\"\\x\""), "$: not JSON at byte 2: no escape");
  EXPECT_EQ(error("\"\\ud800\""), "$: not JSON at byte 7: half of a surrogate pair");
  EXPECT_EQ(error("\"\xC0\x80\""), "$: not JSON at byte 1: not UTF-8");
  EXPECT_EQ(error("\xEF\xBB\xBF{}"), "$: not JSON at byte 0: no value");
  EXPECT_EQ(error("{\"a\":1,\"b\":2,\"a\":3}"), "$: key \"a\" is written twice; keep one");
  EXPECT_NE(error("1e400").find("is too large; the limit is"), std::string::npos);
  EXPECT_EQ(error("1e300"), "");
  EXPECT_FALSE(read("[[[]]]", 2));
  EXPECT_TRUE(read("[[[]]]", 3));
}

TEST(Json, StringsAreDecodedAndNumbersKept) {
  const auto document = read(R"({"é\u00e9\ud83d\udc32":["\"\\\/\b\f\n\r\t\u0000", -0, 1.50E+2]})");
  ASSERT_TRUE(document);
  EXPECT_EQ((*document)[1].key, "éé🐲");
  EXPECT_EQ((*document)[2].text, std::string("\"\\/\b\f\n\r\t\0", 9));
  EXPECT_EQ((*document)[3].text, "-0");
  EXPECT_EQ((*document)[4].text, "1.50E+2");
}

/// Remembers whether one object had a key twice.
bool has_twins(const std::string& text) {
  bool twins = false;
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    if (event == nlohmann::json::parse_event_t::object_start) keys.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) keys.pop_back();
    if (event == nlohmann::json::parse_event_t::key)
      twins |= !keys.back().insert(value.get<std::string>()).second;
    return true;
  };
  const auto read = nlohmann::json::parse(text, watch, false);
  return twins && !read.is_discarded();
}

TEST(Json, MutatedTextsAreReadExactlyWhenAnotherReaderReadsThem) {
  std::mt19937 random(17);
  const std::string seed =
      "{\"a\":[1,-2.5e3,true,false,null,\"\\u00e9\\ud83d\\udc32\\n\"],\"é🐲\":{\"b\":{},\"c\":[]},"
      " \"\" : \"\\\\\" }";
  const std::string bytes = "{}[]\",:\\ue0123456789.-+tfna \n\x01\x80\xC3\xE2\xED\xF0\xF4\xBF";
  int read_both = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text = seed;
    for (std::size_t i = 1 + random() % 3; i > 0; --i) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = bytes[random() % bytes.size()];
          break;
        case 1:
          text.insert(at, 1, bytes[random() % bytes.size()]);
          break;
        case 2:
          text.erase(at, 1 + random() % 3);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 8));
      }
    }
    const nlohmann::json other = nlohmann::json::parse(text, nullptr, false);
    const auto document = read(text);
    const bool readable = !other.is_discarded() && !has_twins(text);
    ASSERT_EQ(document.has_value(), readable) << text << "\n"
                                              << (document ? "" : document.error().what);
    if (!document) continue;
    ++read_both;
    ASSERT_EQ(nlohmann::json::parse(spell(*document, 0)), other) << text;
  }
  EXPECT_GT(read_both, 1'000);
}

}  // namespace
}  // namespace praxis::grammar
