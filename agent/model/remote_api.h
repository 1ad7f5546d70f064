#pragma once
// The servers that can stand in for the local model, and how one is told from another: by what it
// says of itself, never by a model's name.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace praxis::agent {

enum class RemoteApi : std::uint8_t {
  openai,    // chat completions and nothing beyond them: OpenAI, Praxis, what is not known
  deepseek,
  vllm,
  sglang,
  llamacpp,
  ollama,    // its own /api/chat
};
std::string_view to_string(RemoteApi api);
std::optional<RemoteApi> remote_api_from(std::string_view text);

/// What is known of a server.
struct RemoteServer {
  RemoteApi api = RemoteApi::openai;
  bool guided = false;  // vLLM before 0.11: guided_regex and guided_choice
  std::string model;    // the id that it lists
};

/// From the reply to GET /v1/models: `owned_by` of the first model, where a server puts its name
/// there; its id into `model`, where that is empty.
std::optional<RemoteApi> api_from_models(std::string_view body, std::string& model);
/// From GET /props: llama.cpp describes its slots there.
bool is_llamacpp(std::string_view props_body);
/// From GET /version (vLLM) and GET /api/version (Ollama); empty if the reply is none of theirs.
std::string version_in(std::string_view body);
/// Whether vLLM of that version has guided_* instead of structured_outputs.
bool has_guided_fields(std::string_view vllm_version);

}  // namespace praxis::agent
