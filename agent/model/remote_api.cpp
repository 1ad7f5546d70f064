#include "agent/model/remote_api.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "tools/json_check.h"

namespace praxis::agent {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<RemoteApi, std::string_view>, 6> kNames{{
    {RemoteApi::openai, "openai"},
    {RemoteApi::deepseek, "deepseek"},
    {RemoteApi::vllm, "vllm"},
    {RemoteApi::sglang, "sglang"},
    {RemoteApi::llamacpp, "llamacpp"},
    {RemoteApi::ollama, "ollama"},
}};

/// Null where the text is no JSON object.
Json object(std::string_view text) {
  if (!tools::check_json(text, tools::JsonShape::object)) return Json();
  return Json::parse(text, nullptr, false);
}

std::string text_at(const Json& json, const char* key) {
  const auto it = json.is_object() ? json.find(key) : json.end();
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

std::string_view to_string(RemoteApi api) {
  for (const auto& [value, name] : kNames)
    if (value == api) return name;
  return "openai";
}

std::optional<RemoteApi> remote_api_from(std::string_view text) {
  for (const auto& [value, name] : kNames)
    if (name == text) return value;
  return std::nullopt;
}

std::optional<RemoteApi> api_from_models(std::string_view body, std::string& model) {
  const Json json = object(body);
  if (!json.is_object() || !json.contains("data") || !json["data"].is_array() || json["data"].empty()) return std::nullopt;
  const Json& first = json["data"][0];
  if (model.empty()) model = text_at(first, "id");
  const std::string owner = text_at(first, "owned_by");
  if (owner == "praxis") return RemoteApi::openai;
  if (owner == "library") return RemoteApi::ollama;
  return remote_api_from(owner);
}

bool is_llamacpp(std::string_view props_body) { return object(props_body).contains("default_generation_settings"); }

std::string version_in(std::string_view body) { return text_at(object(body), "version"); }

bool has_guided_fields(std::string_view vllm_version) {
  unsigned major = 0, minor = 0;
  if (std::sscanf(std::string(vllm_version).c_str(), "%u.%u", &major, &minor) != 2) return false;
  return major == 0 && minor < 11;
}

}  // namespace praxis::agent
