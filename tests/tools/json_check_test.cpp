#include "tools/json_check.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace praxis::tools {
namespace {

std::string problem(std::string_view text, JsonShape shape = JsonShape::object,
                    JsonLimits limits = JsonLimits()) {
  auto good = check_json(text, shape, limits);
  return good ? "" : good.error().where + ": " + good.error().what;
}

TEST(JsonCheck, OneValueOfTheWantedShapePasses) {
  EXPECT_EQ(problem("{}"), "");
  EXPECT_EQ(problem(" {\"a\": [1, -2.5e3, true, null, \"\\u00e9\"], \"b\": {\"a\": 1}} "), "");
  EXPECT_EQ(problem("[]", JsonShape::array), "");
  EXPECT_EQ(problem("[]"), "$: must be a JSON object");
  EXPECT_EQ(problem("{}", JsonShape::array), "$: must be a JSON array");
  EXPECT_EQ(problem("3"), "$: must be a JSON object");
  EXPECT_EQ(problem("\"{}\""), "$: must be a JSON object");
}

TEST(JsonCheck, WhatIsNotJsonIsRefusedAtItsByte) {
  EXPECT_EQ(problem(""), "$: not JSON at byte 1");
  EXPECT_EQ(problem("{"), "$: not JSON at byte 2");
  EXPECT_EQ(problem("{} {}"), "$: not JSON at byte 4");
  EXPECT_EQ(problem("{'a': 1}"), "$: not JSON at byte 2");
  EXPECT_EQ(problem("{\"a\": 01}"), "$.a: not JSON at byte 8");
  EXPECT_EQ(problem("{\"a\": NaN}"), "$.a: not JSON at byte 7");
  EXPECT_EQ(problem("{\"a\": \"\xFF\"}"), "$.a: not JSON at byte 8");
  EXPECT_EQ(problem(std::string_view("{}\0", 3)), "$: not JSON at byte 3");
  EXPECT_EQ(problem("{\"a\": 1e999}"), "$.a: number out of range before byte 11");
}

TEST(JsonCheck, WhatOnceSlippedThroughIsRefused) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(PRAXIS_SOURCE_DIR "/tests/corpus/tools/json_refused")) {
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(stream)), {});
    EXPECT_NE(problem(text), "") << entry.path();
    ++files;
  }
  EXPECT_GE(files, 2);
}

TEST(JsonCheck, AKeyMayAppearOnceInAnObject) {
  EXPECT_EQ(problem("{\"a\": {\"b\": [{\"c\": 1}, {\"c\": 1, \"c\": 2}]}}"),
            "$.a.b[1].c: key appears twice");
  EXPECT_EQ(problem("{\"a\": 1, \"\\u0061\": 2}"), "$.a: key appears twice");
}

TEST(JsonCheck, DepthAndSizeAreBounded) {
  const std::string deep = "{\"a\":" + std::string(63, '[') + std::string(63, ']') + "}";
  EXPECT_EQ(problem(deep), "");
  EXPECT_EQ(problem(deep, JsonShape::object, {.depth_max = 63}).substr(0, 10), "$.a[0][0][");
  EXPECT_NE(problem(std::string(1'000'000, '[')).find("json.depth_max"), std::string::npos);
  EXPECT_EQ(problem("{\"a\": 12}", JsonShape::object, {.bytes_max = 8}),
            "$: has 9 bytes; the limit is 8 (json.bytes_max)");
}

}  // namespace
}  // namespace praxis::tools
