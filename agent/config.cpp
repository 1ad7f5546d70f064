#include "agent/config.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/utf8.h"

namespace praxis::agent {

using Json = nlohmann::ordered_json;

namespace {

tl::unexpected<Error> refused(std::string setting, std::string what) {
  return tl::unexpected(Error{ErrorCode::bad_request, std::move(what), std::move(setting)});
}

/// As short as the number allows: 0.1, not 0.100000.
std::string shown(float value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

struct Range {
  float least, most;
};

/// Refuses what is not a number, too.
Result<void> inside(const std::string& setting, float value, Range range) {
  if (value >= range.least && value <= range.most) return {};
  return refused(setting, "is " + shown(value) + "; it must be from " + shown(range.least) + " to " + shown(range.most));
}

Result<void> at_most(const std::string& setting, std::size_t count, std::size_t limit, const char* unit) {
  if (count <= limit) return {};
  return refused(setting, "has " + std::to_string(count) + " " + unit + "; the limit is " + std::to_string(limit));
}

Result<void> positive(const std::string& setting, std::uint32_t value) {
  if (value > 0) return {};
  return refused(setting, "is 0; it must be at least 1");
}

Result<void> check_bias(const std::vector<LogitBias>& list) {
  auto checked = at_most("logit_bias", list.size(), kLogitBiasTokensMax, "tokens");
  for (std::size_t i = 0; checked && i < list.size(); ++i) {
    const std::string setting = "logit_bias of token " + std::to_string(list[i].token);
    if (list[i].token < 0) return refused(setting, "names no token; ids are from 0 up");
    checked = inside(setting, list[i].bias, {-kLogitBiasMax, kLogitBiasMax});
  }
  return checked;
}

Result<void> check_stop(const std::vector<std::string>& list) {
  auto checked = at_most("stop", list.size(), kStopTextsMax, "texts");
  for (std::size_t i = 0; checked && i < list.size(); ++i) {
    const std::string setting = "stop[" + std::to_string(i) + "]";
    if (list[i].empty()) return refused(setting, "is empty; give the text that ends the answer");
    if (engine::utf8::valid_prefix(list[i]) < list[i].size()) return refused(setting, "is not valid UTF-8");
    checked = at_most(setting, list[i].size(), kStopBytesMax, "bytes");
  }
  return checked;
}

}  // namespace

Result<void> check(const Settings& s) {
  Result<void> checked;
  const auto then = [&](auto&& next) {
    if (checked) checked = next();
  };
  then([&] { return positive("steps_max", s.budgets.steps_max); });
  then([&] { return positive("output_tokens_max", s.budgets.output_tokens_max); });
  then([&] { return positive("wall_seconds_max", s.budgets.wall_seconds_max); });
  then([&] { return inside("temperature", s.temperature.value_or(0), {0, kTemperatureMax}); });
  then([&] { return inside("top_p", s.top_p.value_or(1), {0, 1}); });
  then([&] { return inside("min_p", s.min_p.value_or(0), {0, 1}); });
  then([&] { return inside("presence_penalty", s.presence_penalty, {-kPenaltyMax, kPenaltyMax}); });
  then([&] { return inside("frequency_penalty", s.frequency_penalty, {-kPenaltyMax, kPenaltyMax}); });
  then([&] { return check_bias(s.logit_bias); });
  then([&] { return check_stop(s.stop); });
  then([&] { return inside("logprobs", static_cast<float>(s.logprobs.value_or(0)), {0, engine::kTopLogprobsMax}); });
  return checked;
}

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
  out["approve"] = s.approve;
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
  read(from, "approve", s.approve);
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
