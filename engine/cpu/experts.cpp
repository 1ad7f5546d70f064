// The feed-forward half of a layer: one dense MLP, or routed experts and the shared one.
#include <algorithm>
#include <limits>

#include "engine/cpu/forward.h"

namespace praxis::engine::cpu {
namespace {

/// Index of the largest value; the lower index wins a tie.
std::size_t largest(std::span<const float> values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace

void choose_experts(const Config& c, std::span<const float> affinity, std::span<const float> bias,
                    std::span<std::uint32_t> chosen, std::span<float> weight) {
  constexpr float kOut = -std::numeric_limits<float>::infinity();
  thread_local std::vector<float> score, group_score;
  score.resize(c.experts);
  for (std::size_t e = 0; e < c.experts; ++e) score[e] = affinity[e] + bias[e];

  if (c.groups_per_token < c.expert_groups) {
    const std::size_t size = c.experts / c.expert_groups;
    group_score.resize(c.expert_groups);
    for (std::size_t g = 0; g < c.expert_groups; ++g) {
      float best[2] = {kOut, kOut};  // a group is judged by the sum of these
      for (std::size_t e = g * size; e < (g + 1) * size; ++e) {
        if (score[e] > best[0]) best[1] = best[0], best[0] = score[e];
        else best[1] = std::max(best[1], score[e]);
      }
      group_score[g] = best[0] + best[1];
    }
    thread_local std::vector<bool> kept;
    kept.assign(c.expert_groups, false);
    for (std::uint32_t i = 0; i < c.groups_per_token; ++i) {
      const std::size_t g = largest(group_score);
      kept[g] = true;
      group_score[g] = kOut;
    }
    for (std::size_t e = 0; e < c.experts; ++e) {
      if (!kept[e / size]) score[e] = kOut;
    }
  }

  float total = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const std::size_t e = largest(score);
    score[e] = kOut;
    chosen[i] = static_cast<std::uint32_t>(e);
    weight[i] = affinity[e];
    total += affinity[e];
  }
  const float scale = c.normalize_weights ? c.routed_scaling / (total + 1e-20f) : c.routed_scaling;
  for (float& w : weight) w *= scale;
}

// Counting sort of (token, expert) pairs by expert; inside an expert tokens keep their order.
void Forward::group_assignments(std::size_t tokens) {
  State& s = state_;
  const std::size_t pairs = tokens * config_.experts_per_token;
  std::fill(s.group_begin.begin(), s.group_begin.end(), 0u);
  for (std::size_t i = 0; i < pairs; ++i) ++s.group_begin[s.chosen[i] + 1];
  for (std::size_t e = 0; e < config_.experts; ++e) s.group_begin[e + 1] += s.group_begin[e];
  std::vector<std::uint32_t>& next = s.group_next;
  next.assign(s.group_begin.begin(), s.group_begin.end() - 1);
  for (std::size_t i = 0; i < pairs; ++i) {
    const std::uint32_t place = next[s.chosen[i]]++;
    s.assignment_of[i] = place;
    s.token_of[place] = static_cast<std::uint32_t>(i / config_.experts_per_token);
  }
}

// y = sum of weight * expert(h) over the chosen, best first, plus shared(h).
void Forward::mixture(const Layer& layer, std::size_t tokens) {
  const Config& c = config_;
  State& s = state_;
  const std::size_t k = c.experts_per_token, hidden = c.hidden;
  const Product router{layer.router, s.h.data(), hidden, nullptr,  s.affinity.data(),
                       c.experts,    tokens,     0,      c.experts};
  products(std::span(&router, 1));
  kernels_.sigmoid(s.affinity.data(), tokens * c.experts, s.affinity.data());
  for (std::size_t t = 0; t < tokens; ++t) {
    choose_experts(c, std::span(s.affinity.at(t * c.experts), c.experts), layer.router_bias,
                   std::span(s.chosen).subspan(t * k, k), std::span(s.weight).subspan(t * k, k));
  }
  group_assignments(tokens);

  std::vector<MlpTask>& tasks = tasks_;
  tasks.clear();
  for (std::size_t e = 0; e < c.experts; ++e) {
    const std::size_t begin = s.group_begin[e], count = s.group_begin[e + 1] - begin;
    if (count == 0) continue;
    tasks.push_back({&layer.experts[e], s.token_of.data() + begin, count,
                     begin * c.expert_intermediate, s.expert_out.at(begin * hidden)});
  }
  if (c.shared_experts > 0) {
    tasks.push_back(
        {&layer.shared, nullptr, tokens, tokens * k * c.expert_intermediate, s.shared_out.data()});
  }
  run_mlps(tasks);

  for (std::size_t t = 0; t < tokens; ++t) {
    float* y = s.y.at(t * hidden);
    for (std::size_t i = 0; i < k; ++i) {
      const float* out = s.expert_out.at(s.assignment_of[t * k + i] * hidden);
      if (i == 0) kernels_.scale(out, s.weight[t * k], hidden, y);
      else kernels_.add_scaled(out, s.weight[t * k + i], hidden, y);
    }
    if (c.shared_experts > 0) kernels_.add_scaled(s.shared_out.at(t * hidden), 1, hidden, y);
  }
}

// Every task's inner rows are shared out together, then every task's outer rows.
void Forward::run_mlps(std::span<const MlpTask> tasks) {
  State& s = state_;
  std::size_t inner_units = 0, outer_units = 0;
  std::uint64_t work = 0;  // of gate, up and down: three equal thirds
  for (const MlpTask& task : tasks) {
    inner_units += units_of(task.mlp->gate.rows);
    outer_units += units_of(config_.hidden);
    work += std::uint64_t{task.mlp->gate.rows} * config_.hidden * task.tokens;
  }
  team_.run(inner_units, 2 * work, [&](std::size_t begin, std::size_t end, unsigned) {
    std::size_t first = 0;
    for (const MlpTask& task : tasks) {
      const std::size_t inner = task.mlp->gate.rows, count = units_of(inner);
      const std::size_t from = std::max(begin, first), to = std::min(end, first + count);
      if (from < to) {
        const std::size_t row = (from - first) * kRowsPerUnit;
        const std::size_t row_end = std::min((to - first) * kRowsPerUnit, inner);
        float* gate = s.gate.at(task.inner_begin);
        float* up = s.up.at(task.inner_begin);
        kernels_.product({task.mlp->gate, s.h.data(), config_.hidden, task.x_rows, gate, inner,
                          task.tokens, row, row_end});
        kernels_.product({task.mlp->up, s.h.data(), config_.hidden, task.x_rows, up, inner,
                          task.tokens, row, row_end});
        for (std::size_t t = 0; t < task.tokens; ++t) {
          kernels_.silu_multiply(gate + t * inner + row, up + t * inner + row, row_end - row);
        }
      }
      first += count;
    }
  });
  team_.run(outer_units, work, [&](std::size_t begin, std::size_t end, unsigned) {
    const std::size_t count = units_of(config_.hidden);
    std::size_t first = 0;
    for (const MlpTask& task : tasks) {
      const std::size_t inner = task.mlp->gate.rows;
      const std::size_t from = std::max(begin, first), to = std::min(end, first + count);
      if (from < to) {
        kernels_.product({task.mlp->down, s.gate.at(task.inner_begin), inner, nullptr, task.out,
                          config_.hidden, task.tokens, (from - first) * kRowsPerUnit,
                          std::min<std::size_t>((to - first) * kRowsPerUnit, config_.hidden)});
      }
      first += count;
    }
  });
}

}  // namespace praxis::engine::cpu
