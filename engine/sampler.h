#pragma once
// How a token is drawn from logits, and how probable the model held it.

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace praxis::engine {

using TokenId = std::int32_t;

/// Added to one token's logit.
struct LogitBias {
  TokenId token = 0;
  float bias = 0;
  bool operator==(const LogitBias&) const = default;
};

/// How one token is drawn from the logits. Order: mask, bias, penalties, temperature, top-k, top-p,
/// min-p.
struct Sampling {
  float temperature = 0;    // 0: greedy, the lowest id wins a tie
  std::uint32_t top_k = 0;  // 0: off
  float top_p = 1;          // 1: off; 0: the most probable token alone
  float min_p = 0;          // 0: off; relative to the most probable token
  std::uint64_t seed = 0;
  float presence_penalty = 0;   // off the logit of a token that was decoded before
  float frequency_penalty = 0;  // the same, for each time
  std::vector<LogitBias> bias;  // a token named twice gets both
};

/// How often each token was decoded, forced ones included.
using Counts = std::map<TokenId, std::uint32_t>;

/// Bias and penalties, on the logits in place:
///   logit + bias - count * frequency_penalty - (count > 0) * presence_penalty
/// (OpenAI's API reference, "frequency and presence penalties"). All ids must be inside the logits.
void adjust(std::span<float> logits, const Sampling& sampling, const Counts& decoded);

/// Draws a token by the steps from the temperature on. `mask` is empty (all allowed) or has bit i
/// set where token i is allowed, at least one of them. Randomness is a function of (seed, position)
/// alone.
TokenId sample(std::span<const float> logits, std::span<const std::uint32_t> mask,
               const Sampling& sampling, std::uint64_t position);

inline constexpr std::uint32_t kTopLogprobsMax = 20;  // OpenAI's bound of top_logprobs
/// OpenAI's sign for "very unlikely". Nothing is less, so that a log probability is always a number.
inline constexpr float kLogprobMin = -9999;

/// What the model itself said of one token: natural logarithms of softmax(logits).
struct Logprobs {
  struct Candidate {
    TokenId id = 0;
    float logprob = 0;
    bool operator==(const Candidate&) const = default;
  };
  float chosen = 0;
  std::vector<Candidate> top;  // the most probable first, the lower id on a tie
  bool operator==(const Logprobs&) const = default;
};

/// Of the logits as the model gave them, before mask, bias and penalties. `top`: how many of the
/// most probable (fewer where there are no more).
Logprobs logprobs(std::span<const float> logits, TokenId chosen, std::uint32_t top);

}  // namespace praxis::engine
