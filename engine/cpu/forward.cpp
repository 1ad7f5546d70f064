#include "engine/cpu/forward.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace praxis::engine::cpu {

State::State(const Config& c, std::uint32_t tokens_max, unsigned threads) {
  const std::size_t t = tokens_max, heads = c.heads, chosen_max = t * c.experts_per_token;
  x = Buffer(t * c.hidden);
  h = Buffer(t * c.hidden);
  y = Buffer(t * c.hidden);
  q_a = Buffer(t * c.q_lora_rank);
  q = Buffer(t * heads * c.q_head());
  kv_a = Buffer(t * c.kv_width());
  attended = Buffer(t * heads * c.v_head);
  cosine = Buffer(t * c.qk_rope / 2);
  sine = Buffer(t * c.qk_rope / 2);
  latent_q = Buffer(heads * t * c.kv_width());
  latent_out = Buffer(heads * t * c.kv_lora_rank);
  scores = Buffer(heads * t * kKeysPerBlock);
  maxima = Buffer(heads * t);
  sums = Buffer(heads * t);
  visible.resize(heads * t);
  keys = Buffer(std::size_t{threads} * kKeysPerBlock * c.q_head());
  values = Buffer(std::size_t{threads} * kKeysPerBlock * c.v_head);
  affinity = Buffer(t * c.experts);
  chosen.resize(chosen_max);
  weight.resize(chosen_max);
  assignment_of.resize(chosen_max);
  token_of.resize(chosen_max);
  group_begin.resize(c.experts + std::size_t{1});
  const std::size_t inner = std::max<std::size_t>(
      c.intermediate,
      std::size_t{c.experts_per_token} * c.expert_intermediate + c.shared_intermediate());
  gate = Buffer(t * inner);
  up = Buffer(t * inner);
  expert_out = Buffer(chosen_max * c.hidden);
  shared_out = Buffer(t * c.hidden);
}

Forward::Forward(const Config& config, const Weights& weights, std::uint32_t tokens_max,
                 unsigned threads, const Kernels& kernels)
    : config_(config),
      weights_(weights),
      kernels_(kernels),
      rope_(make_rope(config)),
      tokens_max_(tokens_max),
      team_(threads),
      state_(config, tokens_max, team_.size()) {}

void Forward::run(const Pass& pass, std::span<float> logits) {
  const std::size_t tokens = pass.ids.size(), hidden = config_.hidden, pairs = config_.qk_rope / 2;
  State& s = state_;
  for (std::size_t t = 0; t < tokens; ++t) {
    kernels_.widen(weights_.embedding, static_cast<std::size_t>(pass.ids[t]), s.x.at(t * hidden));
    for (std::size_t i = 0; i < pairs; ++i) {
      const double angle = (pass.position + static_cast<double>(t)) * rope_.inverse_frequency[i];
      s.cosine.data()[t * pairs + i] = static_cast<float>(std::cos(angle) * rope_.magnitude);
      s.sine.data()[t * pairs + i] = static_cast<float>(std::sin(angle) * rope_.magnitude);
    }
  }

  const auto norm_all = [&](const std::vector<float>& weight) {
    for (std::size_t t = 0; t < tokens; ++t) {
      kernels_.rms_norm(s.x.at(t * hidden), weight.data(), config_.rms_epsilon, hidden,
                        s.h.at(t * hidden));
    }
  };
  const auto add_to_stream = [&](float* y) {
    kernels_.add_scaled(y, 1, tokens * hidden, s.x.data());
  };
  for (std::uint32_t l = 0; l < config_.layers; ++l) {
    const Layer& layer = weights_.layers[l];
    norm_all(layer.attention_norm);
    attend(pass, l);
    add_to_stream(s.y.data());
    norm_all(layer.mlp_norm);
    if (config_.dense(l)) {
      const MlpTask task{&layer.dense, nullptr, tokens, 0, s.y.data()};
      run_mlps(std::span(&task, 1));
    } else {
      mixture(layer, tokens);
    }
    add_to_stream(s.y.data());
  }
  if (logits.empty()) return;

  const std::size_t wanted = logits.size() / config_.vocab_size;  // the last so many tokens
  for (std::size_t t = tokens - wanted; t < tokens; ++t) {
    kernels_.rms_norm(s.x.at(t * hidden), weights_.final_norm.data(), config_.rms_epsilon, hidden,
                      s.h.at(t * hidden));
  }
  const Product head{weights_.head,
                     s.h.at((tokens - wanted) * hidden),
                     hidden,
                     nullptr,
                     logits.data(),
                     config_.vocab_size,
                     wanted,
                     0,
                     config_.vocab_size};
  products(std::span(&head, 1));
}

// Shares out rows of several products at once, so that small ones cost one meeting, not several.
void Forward::products(std::span<const Product> list) {
  std::size_t units = 0;
  std::uint64_t work = 0;
  for (const Product& p : list) {
    units += units_of(p.w.rows);
    work += std::uint64_t{p.w.rows} * p.w.columns * p.tokens;
  }
  team_.run(units, work, [&](std::size_t begin, std::size_t end, unsigned) {
    std::size_t first = 0;  // unit where the current product begins
    for (Product p : list) {
      const std::size_t count = units_of(p.w.rows);
      const std::size_t from = std::max(begin, first), to = std::min(end, first + count);
      if (from < to) {
        p.row_begin = (from - first) * kRowsPerUnit;
        p.row_end = std::min((to - first) * kRowsPerUnit, p.w.rows);
        kernels_.product(p);
      }
      first += count;
    }
  });
}

// Interleaved pairs (0,1), (2,3), ... as the weights are stored.
void Forward::rotate(float* pairs, std::size_t token) {
  const std::size_t count = config_.qk_rope / 2;
  const float* cosine = state_.cosine.at(token * count);
  const float* sine = state_.sine.at(token * count);
  for (std::size_t i = 0; i < count; ++i) {
    const float a = pairs[2 * i], b = pairs[2 * i + 1];
    pairs[2 * i] = a * cosine[i] - b * sine[i];
    pairs[2 * i + 1] = a * sine[i] + b * cosine[i];
  }
}

}  // namespace praxis::engine::cpu
