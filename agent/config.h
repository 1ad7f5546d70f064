#pragma once
// Every setting of a run: its unit, its default, and why that is the default.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/turn.h"
#include "engine/engine.h"

namespace praxis::agent {

/// A run's bounds. Reaching one ends the run with status `limit`, named; nothing is lost.
struct Budgets {
  std::uint32_t steps_max = 12;               // model passes; a research task needs 3 to 8
  std::uint32_t think_tokens_max = 4096;      // per step; 0: only output_tokens_max bounds it
  std::uint32_t output_tokens_max = 8192;     // per step, thinking included
  std::uint32_t wall_seconds_max = 600;       // whole run
  std::uint32_t calls_max = 8;                // calls in one step
};

/// A detected loop closes the thinking: the last `ngram_tokens` tokens have just been written
/// `repeats` times in a row. Greedy decoding of small models loops; sampled R1 hardly ever does.
struct LoopGuard {
  std::uint32_t ngram_tokens_min = 4, ngram_tokens_max = 64;
  std::uint32_t repeats = 4;
};

struct LogitBias {
  engine::TokenId token = 0;
  float bias = 0;  // -100 to 100
};

/// What a run was asked for; stored with the run, so that a resumed one goes on the same way.
struct Settings {
  Budgets budgets;
  LoopGuard loop_guard;
  bool thinking = true;
  ThinkPolicy policy = ThinkPolicy::keep_in_loop;  // in the KV cache anyway when decoding locally
  std::string tool_choice = "auto";                // as tool_choice.h reads it
  bool parallel_calls = true;                      // false: one call in one step, whatever calls_max is
  std::string system;                              // system text; empty: none, as DeepSeek advises
  // What the answer must be, one of these at most; none: free text.
  std::string answer_schema;                       // JSON Schema; empty: none
  std::optional<std::string> answer_regex;         // what it matches from start to end
  std::vector<std::string> answer_choices;         // one of these texts
  bool cite = false;                               // answers name the passages behind them; see cite.h
  std::optional<float> temperature, top_p, min_p;  // unset: the dialect's recommendation
  std::optional<std::uint32_t> top_k;
  float presence_penalty = 0, frequency_penalty = 0;  // OpenAI's: off the logits of tokens this step has written
  std::vector<LogitBias> logit_bias;               // added to the logits; at most 1024 tokens
  std::vector<std::string> stop;                   // text that ends the answer and is not part of it; at most 16
  std::optional<std::uint32_t> logprobs;           // report each token's log probability and so many others' (0 to 20)
  std::uint64_t seed = 0;                          // always stored, so that a run can be replayed
};

std::string to_json(const Settings& settings);
/// Unknown fields are ignored, missing ones take their defaults; nullopt if it is not an object.
std::optional<Settings> settings_from_json(const std::string& json);

}  // namespace praxis::agent
