#include "tests/engine/tiny_folder.h"

#include <stdlib.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>

namespace praxis::engine::tests {

using nlohmann::json;

namespace {

constexpr const char* kConfig = R"({
  "model_type": "deepseek_v3", "vocab_size": 300, "hidden_size": 48, "intermediate_size": 56,
  "moe_intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2,
  "num_key_value_heads": 2, "n_shared_experts": 1, "n_routed_experts": 8, "num_experts_per_tok": 2,
  "n_group": 4, "topk_group": 2, "routed_scaling_factor": 1.5, "norm_topk_prob": true,
  "scoring_func": "sigmoid", "topk_method": "noaux_tc", "first_k_dense_replace": 1,
  "moe_layer_freq": 1, "kv_lora_rank": 24, "q_lora_rank": 20, "qk_nope_head_dim": 12,
  "qk_rope_head_dim": 4, "v_head_dim": 12, "hidden_act": "silu", "max_position_embeddings": 1024,
  "rope_theta": 10000, "rope_scaling": null, "rms_norm_eps": 1e-6, "tie_word_embeddings": false,
  "attention_bias": false
})";

std::string utf8(unsigned code) {
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

}  // namespace

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "praxis_engine_").string();
  pattern.append(6, 'X');  // mkdtemp's to replace
  if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary directory");
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

TinyFolder::TinyFolder(const std::function<void(json&)>& change, unsigned seed)
    : config(json::parse(kConfig)) {
  if (change) change(config);
  draw_weights(seed);
  write_config();
  write_weights();
  write_tokenizer();
}

void TinyFolder::draw_weights(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  const auto at = [&](const char* field) {
    return config.at(field).is_null() ? std::uint64_t{0} : config.at(field).get<std::uint64_t>();
  };
  const auto matrix = [&](const std::string& name, std::uint64_t rows, std::uint64_t columns,
                          float gain = 1) {
    Tensor t{{rows, columns}, std::vector<float>(rows * columns)};
    for (float& v : t.values) v = normal(random) * gain / std::sqrt(static_cast<float>(columns));
    tensors[name + ".weight"] = std::move(t);
  };
  const auto vector = [&](const std::string& name, std::uint64_t size, float middle, float spread) {
    Tensor t{{size}, std::vector<float>(size)};
    for (float& v : t.values) v = middle + spread * normal(random);
    tensors[name] = std::move(t);
  };
  const auto norm = [&](const std::string& name, std::uint64_t size) {
    vector(name + ".weight", size, 1, 0.2f);
  };
  const std::uint64_t hidden = at("hidden_size"), heads = at("num_attention_heads");
  const std::uint64_t nope = at("qk_nope_head_dim"), rope = at("qk_rope_head_dim"),
                      v = at("v_head_dim");
  const std::uint64_t q_rank = at("q_lora_rank"), rank = at("kv_lora_rank");
  const auto mlp = [&](const std::string& name, std::uint64_t inner) {
    matrix(name + "gate_proj", inner, hidden);
    matrix(name + "up_proj", inner, hidden);
    matrix(name + "down_proj", hidden, inner);
  };

  matrix("model.embed_tokens", at("vocab_size"), hidden, std::sqrt(static_cast<float>(hidden)));
  for (std::uint64_t l = 0; l < at("num_hidden_layers"); ++l) {
    const std::string p = "model.layers." + std::to_string(l) + ".", a = p + "self_attn.",
                      m = p + "mlp.";
    norm(p + "input_layernorm", hidden);
    norm(p + "post_attention_layernorm", hidden);
    if (q_rank > 0) {
      matrix(a + "q_a_proj", q_rank, hidden);
      norm(a + "q_a_layernorm", q_rank);
      matrix(a + "q_b_proj", heads * (nope + rope), q_rank);
    } else {
      matrix(a + "q_proj", heads * (nope + rope), hidden);
    }
    matrix(a + "kv_a_proj_with_mqa", rank + rope, hidden);
    norm(a + "kv_a_layernorm", rank);
    matrix(a + "kv_b_proj", heads * (nope + v), rank);
    matrix(a + "o_proj", hidden, heads * v);
    if (l < at("first_k_dense_replace")) {
      mlp(m, at("intermediate_size"));
      continue;
    }
    matrix(m + "gate", at("n_routed_experts"), hidden, 2);
    vector(m + "gate.e_score_correction_bias", at("n_routed_experts"), 0, 0.1f);
    for (std::uint64_t e = 0; e < at("n_routed_experts"); ++e) {
      mlp(m + "experts." + std::to_string(e) + ".", at("moe_intermediate_size"));
    }
    if (at("n_shared_experts") > 0) {
      mlp(m + "shared_experts.", at("moe_intermediate_size") * at("n_shared_experts"));
    }
  }
  norm("model.norm", hidden);
  if (!config.value("tie_word_embeddings", false)) matrix("lm_head", at("vocab_size"), hidden, 3);
}

void TinyFolder::write_config() const { std::ofstream(path() / "config.json") << config.dump(2); }

void TinyFolder::write_weights() const {
  json header = json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t begin = data.size(), bytes = tensor.values.size() * sizeof(float);
    data.resize(begin + bytes);
    std::memcpy(data.data() + begin, tensor.values.data(), bytes);
    header[name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, begin + bytes}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  std::ofstream out(path() / "model.safetensors", std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), sizeof length) << text << data;
}

// Every byte is a token, spelled as byte-level BPE spells bytes; control tokens follow.
void TinyFolder::write_tokenizer(unsigned control_tokens) const {
  json vocab = json::object();
  unsigned moved = 0;
  for (unsigned b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    vocab[utf8(printable ? b : 0x100 + moved++)] = b;
  }
  json added = json::array();
  for (unsigned i = 0; i < control_tokens; ++i) {
    added.push_back({{"id", 256 + i},
                     {"content", "<control " + std::to_string(i) + ">"},
                     {"special", true},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false}});
  }
  const json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", false},
                           {"trim_offsets", true},
                           {"use_regex", false}};
  const json tokenizer = {
      {"version", "1.0"},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", byte_level},
      {"decoder", byte_level},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", json::array()}}}};
  std::ofstream(path() / "tokenizer.json") << tokenizer.dump();
}

}  // namespace praxis::engine::tests
