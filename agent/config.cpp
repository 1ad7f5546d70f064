#include "agent/config.h"

#include <nlohmann/json.hpp>

namespace praxis::agent {

using Json = nlohmann::ordered_json;

std::string to_json(const Settings& s) {
  Json out;
  out["steps_max"] = s.budgets.steps_max;
  out["think_tokens_max"] = s.budgets.think_tokens_max;
  out["output_tokens_max"] = s.budgets.output_tokens_max;
  out["wall_seconds_max"] = s.budgets.wall_seconds_max;
  out["calls_max"] = s.budgets.calls_max;
  out["loop_ngram_tokens_min"] = s.loop_guard.ngram_tokens_min;
  out["loop_ngram_tokens_max"] = s.loop_guard.ngram_tokens_max;
  out["loop_repeats"] = s.loop_guard.repeats;
  out["thinking"] = s.thinking;
  out["policy"] = to_string(s.policy);
  out["tool_choice"] = s.tool_choice;
  out["parallel_tool_calls"] = s.parallel_calls;
  if (!s.system.empty()) out["system"] = s.system;
  if (!s.answer_schema.empty()) out["answer_schema"] = s.answer_schema;
  if (s.answer_regex) out["answer_regex"] = *s.answer_regex;
  if (!s.answer_choices.empty()) out["answer_choices"] = s.answer_choices;
  if (s.cite) out["cite"] = true;
  if (s.temperature) out["temperature"] = *s.temperature;
  if (s.top_p) out["top_p"] = *s.top_p;
  if (s.min_p) out["min_p"] = *s.min_p;
  if (s.top_k) out["top_k"] = *s.top_k;
  if (s.presence_penalty != 0) out["presence_penalty"] = s.presence_penalty;
  if (s.frequency_penalty != 0) out["frequency_penalty"] = s.frequency_penalty;
  for (const LogitBias& one : s.logit_bias) out["logit_bias"].push_back({one.token, one.bias});
  if (!s.stop.empty()) out["stop"] = s.stop;
  if (s.logprobs) out["logprobs"] = *s.logprobs;
  out["seed"] = s.seed;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

namespace {

template <class T>
void read(const Json& from, const char* key, T& into) {
  auto it = from.find(key);
  if (it == from.end()) return;
  if constexpr (std::is_same_v<T, bool>) {
    if (it->is_boolean()) into = it->get<bool>();
  } else if constexpr (std::is_arithmetic_v<T>) {
    if (it->is_number()) into = it->get<T>();
  } else {
    if (it->is_string()) into = it->get<std::string>();
  }
}

template <class T>
void read(const Json& from, const char* key, std::optional<T>& into) {
  T value{};
  auto it = from.find(key);
  if (it == from.end() || !(std::is_arithmetic_v<T> ? it->is_number() : it->is_string())) return;
  read(from, key, value);
  into = std::move(value);
}

void read(const Json& from, const char* key, std::vector<std::string>& into) {
  auto it = from.find(key);
  if (it == from.end() || !it->is_array()) return;
  for (const Json& one : *it)
    if (one.is_string()) into.push_back(one.get<std::string>());
}

}  // namespace

std::optional<Settings> settings_from_json(const std::string& json) {
  Json from = Json::parse(json, nullptr, false);
  if (!from.is_object()) return std::nullopt;
  Settings s;
  read(from, "steps_max", s.budgets.steps_max);
  read(from, "think_tokens_max", s.budgets.think_tokens_max);
  read(from, "output_tokens_max", s.budgets.output_tokens_max);
  read(from, "wall_seconds_max", s.budgets.wall_seconds_max);
  read(from, "calls_max", s.budgets.calls_max);
  read(from, "loop_ngram_tokens_min", s.loop_guard.ngram_tokens_min);
  read(from, "loop_ngram_tokens_max", s.loop_guard.ngram_tokens_max);
  read(from, "loop_repeats", s.loop_guard.repeats);
  read(from, "thinking", s.thinking);
  read(from, "tool_choice", s.tool_choice);
  read(from, "parallel_tool_calls", s.parallel_calls);
  read(from, "system", s.system);
  read(from, "answer_schema", s.answer_schema);
  read(from, "answer_regex", s.answer_regex);
  read(from, "answer_choices", s.answer_choices);
  read(from, "cite", s.cite);
  read(from, "temperature", s.temperature);
  read(from, "top_p", s.top_p);
  read(from, "min_p", s.min_p);
  read(from, "top_k", s.top_k);
  read(from, "presence_penalty", s.presence_penalty);
  read(from, "frequency_penalty", s.frequency_penalty);
  if (auto bias = from.find("logit_bias"); bias != from.end() && bias->is_array())
    for (const Json& one : *bias)
      if (one.is_array() && one.size() == 2 && one[0].is_number_integer() && one[1].is_number())
        s.logit_bias.push_back({one[0].get<engine::TokenId>(), one[1].get<float>()});
  read(from, "stop", s.stop);
  read(from, "logprobs", s.logprobs);
  read(from, "seed", s.seed);
  std::string policy;
  read(from, "policy", policy);
  s.policy = think_policy_from(policy).value_or(s.policy);
  return s;
}

}  // namespace praxis::agent
