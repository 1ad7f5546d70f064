// config.json and the weights: what is refused, and how it is said.
#include "engine/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <numbers>

#include "tests/engine/tiny_folder.h"

namespace praxis::engine {
namespace {

using nlohmann::json;
using tests::TinyFolder;

const json& good() {
  static const json config = TinyFolder().config;
  return config;
}

struct BadField {
  const char* field;  // as a JSON pointer
  json value;         // discarded: the field is taken away
  const char* says;
  ErrorCode code = ErrorCode::bad_file;
};

const json kAway = json(json::value_t::discarded);

std::vector<BadField> bad_fields() {
  std::vector<BadField> list;
  const auto add = [&](const char* field, json value, const char* says,
                       ErrorCode code = ErrorCode::bad_file) {
    list.push_back(BadField{field, std::move(value), says, code});
  };
  for (const char* count :
       {"/vocab_size", "/hidden_size", "/num_hidden_layers", "/num_attention_heads",
        "/kv_lora_rank", "/qk_nope_head_dim", "/qk_rope_head_dim", "/v_head_dim",
        "/intermediate_size", "/n_routed_experts", "/num_experts_per_tok", "/moe_intermediate_size",
        "/max_position_embeddings"}) {
    add(count, kAway, "is missing");
    add(count, 0, "it must be a whole number from");
    add(count, -1, "it must be a whole number from");
    add(count, 1.5, "it must be a whole number from");
    add(count, 1e18, "it must be a whole number from");
    add(count, 4294967297, "it must be a whole number from");
    add(count, "7", "is string; it must be a whole number");
  }
  const auto unsupported = ErrorCode::unsupported;
  add("/model_type", kAway, "is missing; it must be \"deepseek_v3\"");
  add("/model_type", "llama", "is \"llama\"; only \"deepseek_v3\" is supported", unsupported);
  add("/model_type", 3, "must be a string");
  add("/hidden_act", "gelu", "is \"gelu\"; only \"silu\" is supported", unsupported);
  add("/scoring_func", "softmax", "is \"softmax\"; only \"sigmoid\" is supported", unsupported);
  add("/topk_method", "greedy", "is \"greedy\"; only \"noaux_tc\" is supported", unsupported);
  add("/moe_layer_freq", 2, "it must be a whole number from 1 to 1");
  add("/num_key_value_heads", 1, "it must be a whole number from 2 to 2");
  add("/qk_rope_head_dim", 5, "is odd");
  add("/first_k_dense_replace", 3, "it must be a whole number from 0 to 2");
  add("/q_lora_rank", 0, "it must be a whole number from 1");
  add("/n_group", 3, "does not divide n_routed_experts 8");
  add("/n_group", 8, "one expert a group");
  add("/topk_group", 5, "it must be a whole number from 1 to 4");
  add("/num_experts_per_tok", 5, "more than the 4 experts in topk_group groups");
  add("/n_shared_experts", 65, "it must be a whole number from 0 to 64");
  add("/norm_topk_prob", kAway, "is missing");
  add("/norm_topk_prob", 1, "must be true or false");
  add("/routed_scaling_factor", kAway, "is missing");
  add("/routed_scaling_factor", 0, "it must be a number from");
  add("/rms_norm_eps", kAway, "is missing");
  add("/rms_norm_eps", 1, "it must be a number from");
  add("/rms_norm_eps", "1e-6", "is string; it must be a number from");
  add("/rope_theta", 1, "it must be a number from");
  add("/rope_theta", kAway, "is missing");
  add("/tie_word_embeddings", "no", "must be true or false");
  add("/attention_bias", true, "biases are not supported", unsupported);
  add("/rope_interleave", false, "only interleaved rotation", unsupported);
  add("/rope_parameters", {{"rope_theta", 1e4}}, "write rope_theta and rope_scaling", unsupported);
  add("/quantization_config", {{"quant_method", "fp8"}}, "asks for fp8; convert", unsupported);
  add("/quantization_config", 8, "asks for quantized weights", unsupported);
  add("/rope_scaling", "yarn", "must be an object or null");
  add("/rope_scaling", {{"type", "linear"}, {"factor", 2}},
      "type is \"linear\"; only \"yarn\" is supported", unsupported);
  add("/rope_scaling", {{"rope_type", "llama3"}}, "rope_type is \"llama3\"; only \"yarn\"",
      unsupported);
  add("/rope_scaling", {{"factor", 2}}, "type is missing");
  add("/rope_scaling", {{"type", "yarn"}}, "rope_scaling.factor is missing");
  const json yarn = {{"type", "yarn"}, {"factor", 40}, {"original_max_position_embeddings", 4096}};
  const auto yarn_with = [&](const char* key, json value) {
    json y = yarn;
    y[key] = std::move(value);
    return y;
  };
  add("/rope_scaling", yarn_with("factor", 0.5),
      "rope_scaling.factor is 0.5; it must be a number from 1");
  add("/rope_scaling", yarn_with("original_max_position_embeddings", 0),
      "it must be a whole number from 1");
  add("/rope_scaling", yarn_with("beta_fast", 0.5), "rope_scaling.beta_fast");
  add("/rope_scaling", yarn_with("beta_slow", 0), "rope_scaling.beta_slow");
  add("/rope_scaling", yarn_with("mscale", 1), "rope_scaling.mscale needs both");
  add("/rope_scaling", yarn_with("mscale_all_dim", 1), "rope_scaling.mscale_all_dim needs both");
  add("/rope_scaling", yarn_with("attention_factor", 1),
      "rope_scaling.attention_factor is not known", unsupported);
  return list;
}

TEST(Config, EveryBadFieldIsRefusedByNameAndReason) {
  ASSERT_TRUE(parse_config(good().dump(), "config.json"));
  for (const BadField& bad : bad_fields()) {
    json config = good();
    const json::json_pointer at(bad.field);
    if (bad.value.is_discarded()) config.erase(at.to_string().substr(1));
    else config[at] = bad.value;
    const auto read = parse_config(config.dump(), "folder/config.json");
    const std::string about =
        std::string(bad.field) + " = " + (bad.value.is_discarded() ? "(away)" : bad.value.dump());
    ASSERT_FALSE(read) << about;
    EXPECT_EQ(read.error().code, bad.code) << about << ": " << read.error().what;
    EXPECT_EQ(read.error().where, "folder/config.json");
    EXPECT_NE(read.error().what.find(bad.says), std::string::npos)
        << about << ": " << read.error().what;
    EXPECT_NE(read.error().what.find(bad.field + 1), std::string::npos)
        << about << ": " << read.error().what;
  }
}

TEST(Config, BrokenJsonIsRefusedWithItsPlace) {
  for (const char* text : {"", "{", "[]", "7", "{\"model_type\":}", "{\"a\":1}x", "\xff"}) {
    const auto read = parse_config(text, "config.json");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().where, "config.json");
  }
  EXPECT_FALSE(parse_config(std::string(100'000, '['), "config.json"));
}

TEST(Config, AKeyWrittenTwiceIsRefused) {
  const std::string text = good().dump();
  const auto read = parse_config("{\"hidden_size\":7," + text.substr(1), "config.json");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().what.find("\"hidden_size\" is written twice"), std::string::npos)
      << read.error().what;
}

TEST(Config, EveryCutOfAGoodFileIsRefused) {
  const std::string text = good().dump();
  for (std::size_t n = 0; n < text.size(); ++n)
    EXPECT_FALSE(parse_config(text.substr(0, n), "c")) << n;
}

TEST(Config, ReadsWhatItWasGiven) {
  json config = good();
  config["rope_scaling"] = {
      {"type", "yarn"},       {"factor", 40},   {"original_max_position_embeddings", 4096},
      {"beta_fast", 32},      {"beta_slow", 1}, {"mscale", 1.0},
      {"mscale_all_dim", 1.0}};
  config["q_lora_rank"] = nullptr;
  config["n_shared_experts"] = nullptr;
  config["tie_word_embeddings"] = true;
  const auto c = parse_config(config.dump(), "config.json");
  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->vocab_size, 300u);
  EXPECT_EQ(c->hidden, 48u);
  EXPECT_EQ(c->heads, 2u);
  EXPECT_EQ(c->q_lora_rank, 0u);
  EXPECT_EQ(c->shared_experts, 0u);
  EXPECT_EQ(c->q_head(), 16u);
  EXPECT_EQ(c->kv_width(), 28u);
  EXPECT_EQ(c->experts, 8u);
  EXPECT_TRUE(c->dense(0));
  EXPECT_FALSE(c->dense(1));
  EXPECT_TRUE(c->tied_embeddings);
  ASSERT_TRUE(c->yarn);
  EXPECT_EQ(c->yarn->factor, 40);
  EXPECT_EQ(c->yarn->original_positions, 4096u);
}

TEST(Config, ADenseModelNeedsNoExpertFields) {
  json config = good();
  config["first_k_dense_replace"] = 2;
  for (const char* field :
       {"n_routed_experts", "num_experts_per_tok", "scoring_func", "topk_method"})
    config.erase(field);
  const auto c = parse_config(config.dump(), "config.json");
  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->experts, 0u);
}

// R1's numbers, from its config.json: the score scale and the ramp between dimensions 10 and 23.
TEST(Rope, R1YarnMatchesItsPublishedNumbers) {
  Config c;
  c.qk_nope = 128;
  c.qk_rope = 64;
  c.rope_theta = 10000;
  const Rope plain = make_rope(c);
  EXPECT_DOUBLE_EQ(plain.score_scale, 1 / std::sqrt(192.0));
  EXPECT_DOUBLE_EQ(plain.magnitude, 1);
  c.yarn = Yarn{40, 4096, 32, 1, 1, 1};
  const Rope rope = make_rope(c);
  EXPECT_NEAR(rope.score_scale, 0.13523, 5e-6);
  EXPECT_DOUBLE_EQ(rope.magnitude, 1);
  ASSERT_EQ(rope.inverse_frequency.size(), 32u);
  for (std::size_t i = 0; i <= 10; ++i)
    EXPECT_DOUBLE_EQ(rope.inverse_frequency[i], plain.inverse_frequency[i]);
  for (std::size_t i = 11; i < 23; ++i) {
    EXPECT_LT(rope.inverse_frequency[i], plain.inverse_frequency[i]);
    EXPECT_GT(rope.inverse_frequency[i], plain.inverse_frequency[i] / 40);
  }
  for (std::size_t i = 23; i < 32; ++i)
    EXPECT_NEAR(rope.inverse_frequency[i] * 40, plain.inverse_frequency[i], 1e-12);
}

Result<Weights> weights_of(const TinyFolder& folder) {
  const auto config = parse_config(folder.config.dump(), "config.json");
  return load_weights(folder.path(), *config);
}

TEST(Weights, EveryTensorIsNeededByNameAndShape) {
  TinyFolder folder;
  ASSERT_TRUE(weights_of(folder));
  const auto whole = folder.tensors;
  for (const auto& [name, tensor] : whole) {
    folder.tensors.erase(name);
    folder.write_weights();
    const auto missing = weights_of(folder);
    ASSERT_FALSE(missing) << name;
    EXPECT_NE((missing.error().what + missing.error().where).find(name), std::string::npos)
        << missing.error().what;

    folder.tensors = whole;
    folder.tensors[name].shape[0] += 1;
    folder.tensors[name].values.resize(tensor.values.size() / tensor.shape[0] *
                                       (tensor.shape[0] + 1));
    folder.write_weights();
    const auto misshapen = weights_of(folder);
    ASSERT_FALSE(misshapen) << name;
    EXPECT_NE((misshapen.error().what + misshapen.error().where).find(name), std::string::npos)
        << misshapen.error().what;
    folder.tensors = whole;
  }
}

TEST(Weights, MissingFilesAreNamed) {
  TinyFolder folder;
  std::filesystem::remove(folder.path() / "model.safetensors");
  const auto weights = weights_of(folder);
  ASSERT_FALSE(weights);
  EXPECT_EQ(weights.error().code, ErrorCode::not_found);
}

TEST(Weights, LayersPastTheMainOnesAreNotRead) {
  TinyFolder folder;
  folder.tensors["model.layers.2.eh_proj.weight"] = {{2, 3}, std::vector<float>(6)};
  folder.write_weights();
  const auto weights = weights_of(folder);
  ASSERT_TRUE(weights) << weights.error().what;
  EXPECT_EQ(weights->layers.size(), 2u);
}

TEST(Weights, CountsParametersTotalAndActive) {
  TinyFolder folder;
  const auto weights = weights_of(folder);
  ASSERT_TRUE(weights);
  std::uint64_t total = 0;
  for (const auto& [name, tensor] : folder.tensors) total += tensor.values.size();
  EXPECT_EQ(weights->parameters, total);
  EXPECT_EQ(weights->bytes, total * 4);
  EXPECT_EQ(weights->parameters_active,
            total - 300 * 48 - 6 * 3 * 20 * 48);  // no lookup, 6 of 8 experts idle
  EXPECT_EQ(weights->type, "F32");
}

TEST(Weights, FingerprintFollowsConfigAndWeights) {
  TinyFolder one, same, retrained({}, 2);
  const auto a = weights_of(one), b = weights_of(same), c = weights_of(retrained);
  const std::string print = fingerprint("config", *a);
  EXPECT_EQ(print.size(), 32u);
  EXPECT_EQ(print, fingerprint("config", *b));
  EXPECT_NE(print, fingerprint("config", *c));
  EXPECT_NE(print, fingerprint("other config", *a));
}

}  // namespace
}  // namespace praxis::engine
