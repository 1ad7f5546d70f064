#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/philox.h"

namespace praxis::engine {
namespace {

struct Candidate {
  TokenId id;
  float logit;
  double mass;  // e^((logit - best) / temperature): a probability up to a common factor
};

/// More probable first; the lower id wins a tie.
bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

bool allowed(std::span<const std::uint32_t> mask, std::size_t id) {
  return mask.empty() || (mask[id / 32] >> (id % 32) & 1) != 0;
}

/// NaN counts as minus infinity, so that what is drawn is always allowed and always defined.
float usable(float logit) {
  return std::isnan(logit) ? -std::numeric_limits<float>::infinity() : logit;
}

TokenId greedy(std::span<const float> logits, std::span<const std::uint32_t> mask) {
  TokenId best = -1;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!allowed(mask, i)) continue;
    if (best < 0 || usable(logits[i]) > usable(logits[static_cast<std::size_t>(best)])) {
      best = static_cast<TokenId>(i);
    }
  }
  return best;
}

/// Keeps the `top_k` most probable, and of these the fewest whose mass reaches `top_p` of theirs,
/// in order. A heap, because few of many are usually wanted.
void keep_top(std::vector<Candidate>& list, std::size_t top_k, double top_p) {
  const auto worse = [](const Candidate& a, const Candidate& b) { return before(b, a); };
  std::make_heap(list.begin(), list.end(), worse);
  std::vector<Candidate> kept;
  auto end = list.end();
  const auto take = [&] {
    std::pop_heap(list.begin(), end, worse);
    kept.push_back(*--end);
    return kept.back().mass;
  };
  double total = 0, mass = 0;
  if (top_k < list.size()) {
    while (kept.size() < top_k) total += take();
    std::size_t n = 0;
    while (n < kept.size() && (n == 0 || mass < top_p * total)) mass += kept[n++].mass;
    kept.resize(n);
  } else {
    for (const Candidate& c : list) total += c.mass;
    while (end != list.begin() && (kept.empty() || mass < top_p * total)) mass += take();
  }
  list = std::move(kept);
}

/// The `n` best, kept in order while passing once: few of many are wanted.
std::vector<Logprobs::Candidate> best_of(std::span<const float> logits, std::size_t n) {
  const auto before = [](const Logprobs::Candidate& a, const Logprobs::Candidate& b) {
    return a.logprob > b.logprob;  // ids come in rising order, so the lower one stays first
  };
  std::vector<Logprobs::Candidate> best;
  for (std::size_t i = 0; n > 0 && i < logits.size(); ++i) {
    const Logprobs::Candidate one{static_cast<TokenId>(i), usable(logits[i])};
    if (best.size() == n) {
      if (!before(one, best.back())) continue;
      best.pop_back();
    }
    best.insert(std::upper_bound(best.begin(), best.end(), one, before), one);
  }
  return best;
}

}  // namespace

void adjust(std::span<float> logits, const Sampling& sampling, const Counts& decoded) {
  for (const LogitBias& one : sampling.bias)
    logits[static_cast<std::size_t>(one.token)] += one.bias;
  if (sampling.presence_penalty == 0 && sampling.frequency_penalty == 0) return;
  for (const auto& [id, count] : decoded) {
    if (count == 0) continue;
    logits[static_cast<std::size_t>(id)] -=
        static_cast<float>(count) * sampling.frequency_penalty + sampling.presence_penalty;
  }
}

TokenId sample(std::span<const float> logits, std::span<const std::uint32_t> mask,
               const Sampling& sampling, std::uint64_t position) {
  const TokenId best = greedy(logits, mask);
  if (!(sampling.temperature > 0) || best < 0) return best;
  const double top = usable(logits[static_cast<std::size_t>(best)]);
  if (!std::isfinite(top)) return best;

  std::vector<Candidate> list;
  list.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!allowed(mask, i)) continue;
    const float logit = usable(logits[i]);
    const double mass = std::exp((logit - top) / sampling.temperature);
    list.push_back({static_cast<TokenId>(i), logit, mass});
  }
  const bool by_count = sampling.top_k > 0 && sampling.top_k < list.size();
  if (by_count || sampling.top_p < 1) {
    keep_top(list, by_count ? sampling.top_k : list.size(), sampling.top_p);
  }
  if (sampling.min_p > 0) {
    // The best one has mass 1.
    std::erase_if(list, [&](const Candidate& c) { return c.mass < sampling.min_p; });
  }

  double total = 0;
  for (const Candidate& c : list) total += c.mass;
  double rest = uniform(sampling.seed, position) * total;
  for (const Candidate& c : list) {
    if (rest < c.mass) return c.id;
    rest -= c.mass;
  }
  // Rounding can leave a sliver past the last one; it belongs to the last that has any mass.
  for (auto c = list.rbegin(); c != list.rend(); ++c) {
    if (c->mass > 0) return c->id;
  }
  return best;
}

Logprobs logprobs(std::span<const float> logits, TokenId chosen, std::uint32_t top) {
  const float best = usable(*std::max_element(
      logits.begin(), logits.end(), [](float a, float b) { return usable(a) < usable(b); }));
  // Less the largest, so that no exponential overflows; where that one is infinite, its equals
  // share all there is.
  const auto below_best = [best](float logit) {
    return usable(logit) == best ? 0.0 : double{usable(logit)} - double{best};
  };
  double total = 0;
  for (const float logit : logits) total += std::exp(below_best(logit));
  const auto logprob = [&](float logit) {
    return std::max(kLogprobMin, static_cast<float>(below_best(logit) - std::log(total)));
  };
  Logprobs out;
  out.chosen = logprob(logits[static_cast<std::size_t>(chosen)]);
  out.top = best_of(logits, top);
  for (Logprobs::Candidate& one : out.top) one.logprob = logprob(one.logprob);
  return out;
}

}  // namespace praxis::engine
