#pragma once
#include <cstdint>
#include <span>

namespace praxis::engine {

using TokenId = std::int32_t;

/// How one token is drawn from the logits. Order: mask, temperature, top-k, top-p, min-p.
struct Sampling {
  float temperature = 0;    // 0: greedy, the lowest id wins a tie
  std::uint32_t top_k = 0;  // 0: off
  float top_p = 1;          // 1: off
  float min_p = 0;          // 0: off; relative to the most probable token
  std::uint64_t seed = 0;
};

/// Draws a token; `mask` is empty (all allowed) or has bit i set where token i is allowed, at least
/// one of them. Randomness is a function of (seed, position) alone.
TokenId sample(std::span<const float> logits, std::span<const std::uint32_t> mask, const Sampling& sampling,
               std::uint64_t position);

}  // namespace praxis::engine
