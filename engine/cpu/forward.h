#pragma once
// The forward pass of deepseek_v3 on the CPU: a run of tokens in, cache rows and logits out.
//
// The role of a run fixes how its attention is computed: prompt tokens expand the cached latents to
// keys and values per head (fewest operations over many rows), decoded ones attend to the latents
// themselves with the expansion absorbed into query and output (fewest bytes). The two agree within
// rounding; each is the same bits for any split into passes, thread count or tier.
//
// Formulas: DeepSeek-V2 (https://arxiv.org/abs/2405.04434), section 2.1 (MLA, and its absorbed
// form); DeepSeek-V3 (https://arxiv.org/abs/2412.19437), section 2.1.2 (routing with a bias for
// selection).

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "engine/cpu/kernels.h"
#include "engine/cpu/team.h"
#include "engine/engine.h"
#include "engine/model.h"

namespace praxis::engine::cpu {

/// Products are shared out among threads in units of so many rows.
inline constexpr std::size_t kRowsPerUnit = 16;
constexpr std::size_t units_of(std::size_t rows) {
  return (rows + kRowsPerUnit - 1) / kRowsPerUnit;
}

/// Consecutive tokens of one role, and where the keys of their timeline live.
struct Pass {
  std::span<const TokenId> ids;  // (tokens), 1 up to the pass limit, all inside the vocabulary
  std::uint32_t position = 0;    // of ids[0]
  Role role = Role::prompt;
  /// Blocks that cover positions [0, position + tokens), each (layers, kKeysPerBlock, kv_width).
  /// Rows before `position` are read, the tokens' own rows are written.
  std::span<float* const> kv;
};

/// Floats on their own cache lines, not initialised.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t n)
      : data_(static_cast<float*>(std::aligned_alloc(64, (n * sizeof(float) + 64) / 64 * 64))) {
    if (!data_) throw std::bad_alloc();
  }
  float* data() { return data_.get(); }
  float* at(std::size_t i) { return data_.get() + i; }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> data_;
};

/// Scratch of one pass; T = the pass limit. Nothing in it outlives the pass.
struct State {
  State(const Config& c, std::uint32_t tokens_max, unsigned threads);

  Buffer x;             // (T, hidden) residual stream
  Buffer h;             // (T, hidden) normed input of a block
  Buffer y;             // (T, hidden) output of a block
  Buffer q_a;           // (T, q_lora_rank)
  Buffer q;             // (T, heads, q_head), the last qk_rope of each rotated
  Buffer kv_a;          // (T, kv_width) before norm and rotation
  Buffer attended;      // (T, heads, v_head)
  Buffer cosine, sine;  // (T, qk_rope / 2)
  // Attention, queries (heads, T):
  Buffer latent_q;                     // (heads, T, kv_width) absorbed queries
  Buffer latent_out;                   // (heads, T, kv_lora_rank)
  Buffer scores;                       // (heads, T, kKeysPerBlock)
  Buffer maxima, sums;                 // (heads, T)
  std::vector<std::uint32_t> visible;  // (heads, T)
  Buffer keys;    // (threads, kKeysPerBlock, q_head) one head's keys of a block
  Buffer values;  // (threads, kKeysPerBlock, v_head)
  // Experts; an assignment is one (token, expert) pair, grouped by expert:
  Buffer affinity;                           // (T, experts)
  std::vector<std::uint32_t> chosen;         // (T, experts_per_token) ids, best first
  std::vector<float> weight;                 // (T, experts_per_token)
  std::vector<std::uint32_t> assignment_of;  // (T, experts_per_token) its place among assignments
  std::vector<std::uint32_t> token_of;       // (assignments)
  std::vector<std::uint32_t> group_begin;    // (experts + 1) first assignment of each expert
  std::vector<std::uint32_t> group_next;     // (experts) next free place while grouping
  Buffer gate, up;    // inner activations of every MLP of a layer, one after another
  Buffer expert_out;  // (assignments, hidden)
  Buffer shared_out;  // (T, hidden)
};

/// The experts of one token and their weights: sigmoid affinities plus bias choose groups (the sum
/// of a group's two best) and experts inside them; the weights are the affinities without the bias.
/// Ties go to the lower index. `chosen` and `weight` have experts_per_token places.
void choose_experts(const Config& config, std::span<const float> affinity,
                    std::span<const float> bias, std::span<std::uint32_t> chosen,
                    std::span<float> weight);

class Forward {
 public:
  /// The model must outlive it. `tokens_max` bounds a pass; threads 0 is one per core.
  Forward(const Config& config, const Weights& weights, std::uint32_t tokens_max, unsigned threads,
          const Kernels& kernels = best_tier());

  /// Runs one pass. `logits` is empty, (vocab_size) for the last token, or (tokens, vocab_size).
  void run(const Pass& pass, std::span<float> logits);

  std::uint32_t tokens_max() const { return tokens_max_; }
  unsigned threads() const { return team_.size(); }

 private:
  struct MlpTask {
    const Mlp* mlp;
    const std::uint32_t* x_rows;  // rows of h, null for all in order
    std::size_t tokens;
    std::size_t inner_begin;  // where its (tokens, inner) activations begin in gate and up
    float* out;               // (tokens, hidden)
  };

  void attend(const Pass& pass, std::uint32_t layer);
  void attend_expanded(const Pass& pass, std::uint32_t layer);
  void attend_absorbed(const Pass& pass, std::uint32_t layer);
  void project(const Pass& pass, std::uint32_t layer);
  void mixture(const Layer& layer, std::size_t tokens);
  void group_assignments(std::size_t tokens);
  void run_mlps(std::span<const MlpTask> tasks);
  void products(std::span<const Product> list);
  void rotate(float* pairs, std::size_t token);
  Attend attend_block(const Pass& pass, std::size_t block, std::size_t head);
  static std::size_t visible_in(const Pass& pass, std::size_t token, std::size_t block);

  const Config& config_;
  const Weights& weights_;
  const Kernels& kernels_;
  const Rope rope_;
  const std::uint32_t tokens_max_;
  Team team_;
  State state_;
  std::vector<MlpTask> tasks_;
};

}  // namespace praxis::engine::cpu
