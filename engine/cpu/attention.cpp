// Multi-head latent attention, expanded for prompt tokens and absorbed for decoded ones.
#include <algorithm>
#include <cstring>
#include <limits>

#include "engine/cpu/forward.h"

namespace praxis::engine::cpu {

// h -> rotated queries in state.q, and this pass's rows of the cache.
void Forward::project(const Pass& pass, std::uint32_t l) {
  const Config& c = config_;
  const Layer& layer = weights_.layers[l];
  State& s = state_;
  const std::size_t tokens = pass.ids.size(), q_width = std::size_t{c.heads} * c.q_head();
  const auto product = [&](const Matrix& w, float* x, float* y) {
    return Product{w, x, w.columns, nullptr, y, w.rows, tokens, 0, w.rows};
  };
  const Product kv = product(layer.kv_a, s.h.data(), s.kv_a.data());
  if (c.q_lora_rank > 0) {
    const Product both[] = {product(layer.q_a, s.h.data(), s.q_a.data()), kv};
    products(both);
    for (std::size_t t = 0; t < tokens; ++t) {
      float* row = s.q_a.at(t * c.q_lora_rank);
      kernels_.rms_norm(row, layer.q_a_norm.data(), c.rms_epsilon, c.q_lora_rank, row);
    }
    const Product q = product(layer.q_b, s.q_a.data(), s.q.data());
    products(std::span(&q, 1));
  } else {
    const Product both[] = {product(layer.q_b, s.h.data(), s.q.data()), kv};
    products(both);
  }

  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t head = 0; head < c.heads; ++head) {
      rotate(s.q.at(t * q_width + head * c.q_head() + c.qk_nope), t);
    }
    const std::size_t at = pass.position + t;
    float* row =
        pass.kv[at / kKeysPerBlock] + (l * kKeysPerBlock + at % kKeysPerBlock) * c.kv_width();
    const float* raw = s.kv_a.at(t * c.kv_width());
    kernels_.rms_norm(raw, layer.kv_a_norm.data(), c.rms_epsilon, c.kv_lora_rank, row);
    std::memcpy(row + c.kv_lora_rank, raw + c.kv_lora_rank, c.qk_rope * sizeof(float));
    rotate(row + c.kv_lora_rank, t);
  }
}

void Forward::attend(const Pass& pass, std::uint32_t l) {
  project(pass, l);
  State& s = state_;
  const std::size_t tokens = pass.ids.size(), queries = config_.heads * tokens;
  std::fill_n(s.maxima.data(), queries, -std::numeric_limits<float>::infinity());
  std::fill_n(s.sums.data(), queries, 0.0f);
  if (pass.role == Role::prompt) attend_expanded(pass, l);
  else attend_absorbed(pass, l);
  const Layer& layer = weights_.layers[l];
  const Product out{
      layer.out, s.attended.data(), layer.out.columns, nullptr, s.y.data(), config_.hidden, tokens,
      0,         config_.hidden};
  products(std::span(&out, 1));
}

// How many keys of a block a token sees, counted from the block's first.
std::size_t Forward::visible_in(const Pass& pass, std::size_t token, std::size_t block) {
  const std::size_t end = pass.position + token + 1, begin = block * kKeysPerBlock;
  return end <= begin ? 0 : std::min(end - begin, kKeysPerBlock);
}

/// What every call on one block and head has in common.
Attend Forward::attend_block(const Pass& pass, std::size_t block, std::size_t head) {
  const std::size_t tokens = pass.ids.size(), query = head * tokens;
  State& s = state_;
  Attend a;
  a.count = visible_in(pass, tokens - 1, block);
  a.scale = static_cast<float>(rope_.score_scale);
  a.visible = s.visible.data() + query;
  a.scores = s.scores.at(query * kKeysPerBlock);
  a.max = s.maxima.at(query);
  a.sum = s.sums.at(query);
  return a;
}

void Forward::attend_expanded(const Pass& pass, std::uint32_t l) {
  const Config& c = config_;
  State& s = state_;
  const std::size_t tokens = pass.ids.size(), length = pass.position + tokens;
  const std::size_t q_width = std::size_t{c.heads} * c.q_head();
  const std::size_t out_width = std::size_t{c.heads} * c.v_head;
  const std::size_t expanded = c.qk_nope + c.v_head;
  const std::uint64_t work = std::uint64_t{c.heads} * length *
                             (tokens * (c.q_head() + c.v_head) + expanded * c.kv_lora_rank);
  team_.run(c.heads, work, [&](std::size_t begin, std::size_t end, unsigned thread) {
    float* keys = s.keys.at(thread * kKeysPerBlock * c.q_head());
    float* values = s.values.at(thread * kKeysPerBlock * c.v_head);
    for (std::size_t head = begin; head < end; ++head) {
      const Matrix kv_b = weights_.layers[l].kv_b.slice(head * expanded, expanded);
      for (std::size_t t = 0; t < tokens; ++t) {
        std::fill_n(s.attended.at(t * out_width + head * c.v_head), c.v_head, 0.0f);
      }
      for (std::size_t b = 0; b * kKeysPerBlock < length; ++b) {
        const float* latents = pass.kv[b] + l * kKeysPerBlock * c.kv_width();
        Attend a = attend_block(pass, b, head);
        for (std::size_t t = 0; t < tokens; ++t) {
          s.visible[head * tokens + t] = static_cast<std::uint32_t>(visible_in(pass, t, b));
        }
        kernels_.product(
            {kv_b, latents, c.kv_width(), nullptr, keys, c.q_head(), a.count, 0, c.qk_nope});
        kernels_.product({kv_b.slice(c.qk_nope, c.v_head), latents, c.kv_width(), nullptr, values,
                          c.v_head, a.count, 0, c.v_head});
        for (std::size_t j = 0; j < a.count; ++j) {
          std::memcpy(keys + j * c.q_head() + c.qk_nope,
                      latents + j * c.kv_width() + c.kv_lora_rank, c.qk_rope * sizeof(float));
        }
        a.q = s.q.at(head * c.q_head());
        a.q_stride = q_width;
        a.queries = tokens;
        a.keys = keys;
        a.key_width = a.key_stride = c.q_head();
        a.values = values;
        a.value_width = a.value_stride = c.v_head;
        a.out = s.attended.at(head * c.v_head);
        a.out_stride = out_width;
        kernels_.attend(a);
      }
      for (std::size_t t = 0; t < tokens; ++t) {
        float* out = s.attended.at(t * out_width + head * c.v_head);
        kernels_.scale(out, 1 / s.sums.data()[head * tokens + t], c.v_head, out);
      }
    }
  });
}

void Forward::attend_absorbed(const Pass& pass, std::uint32_t l) {
  const Config& c = config_;
  State& s = state_;
  const std::size_t tokens = pass.ids.size(), length = pass.position + tokens;
  const std::size_t q_width = std::size_t{c.heads} * c.q_head();
  const std::size_t out_width = std::size_t{c.heads} * c.v_head;
  const std::size_t expanded = c.qk_nope + c.v_head, rank = c.kv_lora_rank;
  const std::uint64_t work =
      std::uint64_t{c.heads} * tokens * (length * (c.kv_width() + rank) + expanded * rank);
  team_.run(c.heads, work, [&](std::size_t begin, std::size_t end, unsigned) {
    for (std::size_t head = begin; head < end; ++head) {
      const Matrix w_uk = weights_.layers[l].kv_b.slice(head * expanded, c.qk_nope);
      for (std::size_t t = 0; t < tokens; ++t) {
        const float* q = s.q.at(t * q_width + head * c.q_head());
        float* absorbed = s.latent_q.at((head * tokens + t) * c.kv_width());
        std::fill_n(absorbed, rank, 0.0f);
        kernels_.product_transposed(w_uk, q, absorbed);
        std::memcpy(absorbed + rank, q + c.qk_nope, c.qk_rope * sizeof(float));
        std::fill_n(s.latent_out.at((head * tokens + t) * rank), rank, 0.0f);
      }
    }
    // All of this thread's heads meet a block of latents while it is in the cache.
    for (std::size_t b = 0; b * kKeysPerBlock < length; ++b) {
      for (std::size_t head = begin; head < end; ++head) {
        for (std::size_t t = 0; t < tokens; ++t) {
          s.visible[head * tokens + t] = static_cast<std::uint32_t>(visible_in(pass, t, b));
        }
      }
      Attend a = attend_block(pass, b, begin);
      a.queries = (end - begin) * tokens;
      a.q = s.latent_q.at(begin * tokens * c.kv_width());
      a.keys = a.values = pass.kv[b] + l * kKeysPerBlock * c.kv_width();
      a.q_stride = a.key_width = a.key_stride = a.value_stride = c.kv_width();
      a.value_width = a.out_stride = rank;
      a.out = s.latent_out.at(begin * tokens * rank);
      kernels_.attend(a);
    }
    for (std::size_t head = begin; head < end; ++head) {
      const Matrix w_uv = weights_.layers[l].kv_b.slice(head * expanded + c.qk_nope, c.v_head);
      for (std::size_t t = 0; t < tokens; ++t) {
        float* out = s.latent_out.at((head * tokens + t) * rank);
        kernels_.scale(out, 1 / s.sums.data()[head * tokens + t], rank, out);
      }
      kernels_.product({w_uv, s.latent_out.at(head * tokens * rank), rank, nullptr,
                        s.attended.at(head * c.v_head), out_width, tokens, 0, c.v_head});
    }
  });
}

}  // namespace praxis::engine::cpu
