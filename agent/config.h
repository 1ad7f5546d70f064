#pragma once
// Every setting of a run: its unit, its default, and why that is the default.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/error.h"
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

using engine::LogitBias;

inline constexpr float kTemperatureMax = 100;
inline constexpr float kPenaltyMax = 2;                // of either penalty, in both directions
inline constexpr float kLogitBiasMax = 100;            // in both directions
inline constexpr std::size_t kLogitBiasTokensMax = 1024;
inline constexpr std::size_t kStopTextsMax = 16;
inline constexpr std::size_t kStopBytesMax = 1024;     // of one stop text

/// What a run was asked for; stored with the run, so that a resumed one goes on the same way.
struct Settings {
  Budgets budgets;
  LoopGuard loop_guard;
  bool thinking = true;
  ThinkPolicy policy = ThinkPolicy::keep_in_loop;  // in the KV cache anyway when decoding locally
  std::string tool_choice = "auto";                // as tool_choice.h reads it
  std::string approve = "ask";                     // calls that need approval: ask, always, never
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
  std::vector<LogitBias> logit_bias;               // added to the logits
  /// Texts that end a step where its visible text says one, and are not part of it. Never looked for
  /// in reasoning or in a call's arguments. A bound answer (schema, regex, choice) is visible text
  /// too: it ends there as OpenAI's does, and need no longer be valid.
  std::vector<std::string> stop;
  std::optional<std::uint32_t> logprobs;           // report each token's log probability and so many others' (0 to 20)
  std::uint64_t seed = 0;                          // always stored, so that a run can be replayed
};

/// Whether every setting is inside its range; else bad_request with the setting's name, its value and
/// the range. Whoever takes settings from outside asks this first; a model's start() asks it again.
Result<void> check(const Settings& settings);

std::string to_json(const Settings& settings);
/// Unknown fields are ignored, missing ones take their defaults; nullopt if it is not an object.
std::optional<Settings> settings_from_json(const std::string& json);

}  // namespace praxis::agent
