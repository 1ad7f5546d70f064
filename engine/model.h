#pragma once
// One deepseek_v3 model: what its config.json says and where its weights lie. Shapes are written
// (rows, columns); all matrices are row-major, one output a row.
//
// Names and layout: https://github.com/deepseek-ai/DeepSeek-V3 (inference/model.py) and the
// DeepseekV3 folders on the Hugging Face hub.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cpu/kernels.h"  // Matrix
#include "engine/error.h"
#include "engine/safetensors.h"

namespace praxis::engine {

/// YaRN, https://arxiv.org/abs/2309.00071, with DeepSeek's two magnitude factors.
struct Yarn {
  double factor = 1;                     // how much longer the context became
  std::uint32_t original_positions = 0;  // trained without scaling up to here
  double beta_fast = 32, beta_slow = 1;  // turns within the original context that bound the ramp
  double mscale = 1, mscale_all_dim = 0;
};

/// config.json, every field checked. Widths are in values, not bytes.
struct Config {
  std::uint32_t vocab_size = 0;
  std::uint32_t hidden = 0;  // width of the residual stream
  std::uint32_t layers = 0;  // main layers; multi-token-prediction layers are not run
  std::uint32_t heads = 0;
  std::uint32_t q_lora_rank = 0;           // 0: queries come straight from the hidden state
  std::uint32_t kv_lora_rank = 0;          // the latent that is cached
  std::uint32_t qk_nope = 0, qk_rope = 0;  // per head: without and with rotation
  std::uint32_t v_head = 0;                // per head
  std::uint32_t intermediate = 0;          // of the dense layers
  std::uint32_t dense_layers = 0;          // the first ones; the rest are mixtures
  std::uint32_t experts = 0, experts_per_token = 0;
  std::uint32_t expert_groups = 1, groups_per_token = 1;
  std::uint32_t expert_intermediate = 0;
  std::uint32_t shared_experts = 0;  // as one of shared_experts * expert_intermediate
  bool normalize_weights = true;     // norm_topk_prob
  float routed_scaling = 1;
  float rms_epsilon = 1e-6f;
  double rope_theta = 10000;
  std::optional<Yarn> yarn;
  std::uint32_t positions_max = 0;  // max_position_embeddings
  bool tied_embeddings = false;

  std::uint32_t q_head() const { return qk_nope + qk_rope; }
  std::uint32_t kv_width() const { return kv_lora_rank + qk_rope; }  // cached a token and layer
  bool dense(std::uint32_t layer) const { return layer < dense_layers || experts == 0; }
  std::uint32_t shared_intermediate() const { return shared_experts * expert_intermediate; }
};

/// The bytes of config.json, at most a mebibyte.
Result<std::string> read_config(const std::filesystem::path& file);
/// Errors name `where` and the field, and say what it may be.
Result<Config> parse_config(std::string_view json, std::string_view where);

using cpu::Matrix;

/// down(silu(gate x) * up x)
struct Mlp {
  Matrix gate, up;  // (inner, hidden)
  Matrix down;      // (hidden, inner)
};

struct Layer {
  std::vector<float> attention_norm;  // (hidden) input_layernorm
  Matrix q_a;                         // (q_lora_rank, hidden), none when q_lora_rank is 0
  std::vector<float> q_a_norm;        // (q_lora_rank)
  Matrix q_b;                         // (heads * q_head, q_lora_rank), or of hidden columns
  Matrix kv_a;                        // (kv_lora_rank + qk_rope, hidden)
  std::vector<float> kv_a_norm;       // (kv_lora_rank)
  Matrix kv_b;                        // (heads * (qk_nope + v_head), kv_lora_rank)
  Matrix out;                         // (hidden, heads * v_head)
  std::vector<float> mlp_norm;        // (hidden) post_attention_layernorm
  Mlp dense;                          // dense layers only
  Matrix router;                      // (experts, hidden)
  std::vector<float> router_bias;     // (experts), for the selection only
  std::vector<Mlp> experts;           // (experts)
  Mlp shared;                         // of shared_intermediate(), when there are shared experts
};

/// Matrices point into `file`; norms and biases, a thousandth of the bytes, are copies in f32.
struct Weights {
  Safetensors file;
  Matrix embedding;                     // (vocab_size, hidden)
  std::vector<Layer> layers;            // (layers)
  std::vector<float> final_norm;        // (hidden)
  Matrix head;                          // (vocab_size, hidden), the embedding when tied
  std::uint64_t parameters = 0;         // in main layers, embedding and head
  std::uint64_t parameters_active = 0;  // of these, multiplied for one token
  std::uint64_t bytes = 0;
  std::string type;  // of the matrices: "BF16", "F32" or "BF16+F32"
};

/// Opens the folder's safetensors and points at each tensor; its type and shape are checked against
/// the config. `progress` is called with 0..1.
Result<Weights> load_weights(const std::filesystem::path& folder, const Config& config,
                             const std::function<void(double)>& progress = {});

/// 32 hex digits over config.json, the weights' header and a sample of the weights' bytes: the same
/// for the same model, different after retraining. No proof against an attacker.
std::string fingerprint(std::string_view config_json, const Weights& weights);

/// Inverse frequencies of the rotation, (qk_rope / 2), and what YaRN does to magnitudes.
struct Rope {
  std::vector<double> inverse_frequency;
  double magnitude = 1;    // of cos and sin
  double score_scale = 1;  // (qk_nope + qk_rope)^-1/2, times mscale^2 under YaRN
};
Rope make_rope(const Config& config);

}  // namespace praxis::engine
