// praxis model info|logits

#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/cli/report.h"
#include "agent/cli/session.h"

namespace praxis::agent::cli {

using Json = nlohmann::ordered_json;

int model_info(const Options& options) {
  auto model = open_model(options);
  if (!model) return report(model.error());
  const engine::ModelInfo& info = (*model)->engine().info();
  Recommended recommended = (*model)->recommended();
  Json out;
  out["family"] = info.family;
  out["fingerprint"] = info.fingerprint;
  out["parameters"] = info.parameters;
  out["parameters_active"] = info.parameters_active;
  out["weights"] = info.weights_type;
  out["weight_bytes"] = info.weight_bytes;
  out["layers"] = info.layers;
  out["hidden"] = info.hidden;
  out["heads"] = info.heads;
  out["experts"] = info.experts;
  out["experts_per_token"] = info.experts_per_token;
  out["vocab_size"] = info.vocab_size;
  out["context_tokens_max"] = info.context_tokens_max;
  out["kv_bytes_per_token"] = info.kv_bytes_per_token;
  out["kv_bytes_at_context_max"] = info.kv_bytes_per_token * info.context_tokens_max;
  out["dialect"] = (*model)->dialect().name();
  out["tool_list"] = (*model)->dialect().tools_asset();
  out["recommended"] = {{"temperature", recommended.temperature},
                        {"top_p", recommended.top_p},
                        {"system_as_user", recommended.system_as_user}};
  // Floats have no short decimal form in doubles: 0.6f is 0.6000000238.
  out["recommended"]["temperature"] = std::round(recommended.temperature * 1000.0) / 1000.0;
  out["recommended"]["top_p"] = std::round(recommended.top_p * 1000.0) / 1000.0;
  if (options.json) {
    std::puts(line(out).c_str());
    return kOk;
  }
  for (const auto& [key, value] : out.items())
    std::printf("%-24s %s\n", key.c_str(), value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
  return kOk;
}

int model_logits(const Options& options) {
  std::vector<engine::TokenId> tokens;
  const char* at = options.tokens.data();
  const char* end = at + options.tokens.size();
  while (at < end) {
    engine::TokenId id = 0;
    auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc() || (next < end && *next != ',') || next + 1 == end)
      return report({ErrorCode::bad_request, "is no comma-separated list of token ids at character " +
                                                 std::to_string(at - options.tokens.data()), "--tokens"});
    tokens.push_back(id);
    at = next + 1;
  }
  auto model = open_model(options);
  if (!model) return report(model.error());
  auto logits = (*model)->engine().logits(tokens);
  if (!logits) return report({ErrorCode::bad_request, logits.error().what, logits.error().where});
  // Printed by hand: nine digits bring every float back, and a line of 128k numbers per position
  // need not become a JSON tree first.
  std::size_t width = (*model)->engine().info().vocab_size;
  std::printf("{\"tokens\":[");
  for (std::size_t i = 0; i < tokens.size(); ++i) std::printf("%s%d", i ? "," : "", tokens[i]);
  std::printf("],\"logits\":[");
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::printf("%s[", i ? "," : "");
    for (std::size_t j = 0; j < width; ++j) std::printf("%s%.9g", j ? "," : "", static_cast<double>((*logits)[i * width + j]));
    std::printf("]");
  }
  std::printf("]}\n");
  return kOk;
}

}  // namespace praxis::agent::cli
