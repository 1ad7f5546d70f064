#include "engine/tokenizer.h"

#include <gtest/gtest.h>

namespace praxis::engine {
namespace {

const std::filesystem::path kTiny = PRAXIS_SOURCE_DIR "/examples/tiny_r1/model/tokenizer.json";

TEST(Tokenizer, ShippedTokenizerKeepsTextAndHasItsControls) {
  const auto tokenizer = Tokenizer::load(kTiny);
  ASSERT_TRUE(tokenizer) << tokenizer.error().where << ": " << tokenizer.error().what;
  const std::string text = "What is 127 times 49? {\"a\": [1, 2]}\n é 日本 😀";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode_text(text)), text);
  const auto user = tokenizer->control("<｜User｜>");
  ASSERT_TRUE(user);
  EXPECT_TRUE(tokenizer->is_control(*user));
  for (const TokenId id : tokenizer->encode_text("<｜User｜>")) EXPECT_FALSE(tokenizer->is_control(id));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode_text("<｜User｜>")), "<｜User｜>");
}

}  // namespace
}  // namespace praxis::engine
