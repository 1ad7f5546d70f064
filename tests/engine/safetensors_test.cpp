#include "engine/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

namespace praxis::engine {
namespace {

const std::filesystem::path kTiny = PRAXIS_SOURCE_DIR "/examples/tiny_r1/model";

TEST(Safetensors, ReadsTheShippedModel) {
  const auto weights = Safetensors::open(kTiny);
  ASSERT_TRUE(weights) << weights.error().what;
  const auto head = weights->require("lm_head.weight", {1024, 192});
  ASSERT_TRUE(head) << head.error().what;
  EXPECT_EQ(head->dtype, Dtype::bf16);
  EXPECT_EQ(head->size(), 1024u * 192u);
  EXPECT_EQ(head->data.size(), 1024u * 192u * 2);
}

}  // namespace
}  // namespace praxis::engine
