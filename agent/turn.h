#pragma once
// The plain values of a conversation: what was said, thought, called and returned.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "tools/tool.h"

namespace praxis::agent {

enum class SenderRole : std::uint8_t { system, user, assistant, tool };

/// One call as the model made it.
struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON text exactly as decoded
  bool operator==(const ToolCall&) const = default;
};

struct Message {
  SenderRole role = SenderRole::user;
  std::string content;                 // without reasoning and without markers
  std::string reasoning;               // assistant only: between <think> and </think>, trimmed of the outer newlines
  std::vector<ToolCall> calls;         // assistant only
  std::string call_id;                 // tool only: which call this answers
  /// Assistant only: the ids the engine produced for this message, from <think> (or what followed
  /// the prompt) to the end token, when they are known for the model at hand. Rendering uses them
  /// as they are, so that a reply is never tokenized again.
  std::vector<engine::TokenId> ids;
};

/// A token's text (bytes: it may be a part of a character) and the natural logarithm of its
/// probability at temperature 1, before mask, penalties and bias.
struct TokenLogprob {
  std::string bytes;
  float logprob = 0;
  std::vector<std::pair<std::string, float>> top;  // the most probable tokens there, best first
  bool operator==(const TokenLogprob&) const = default;
};

/// A tool as the prompt lists it.
struct ToolText {
  std::string name, description, schema;  // schema: JSON text
};

/// What of earlier reasoning the model still sees.
enum class ThinkPolicy : std::uint8_t {
  strip_always,   // none, as R1-0528's own template does
  keep_in_loop,   // that of the current turn (since the last user message)
  keep_if_tools,  // that of turns that made calls, and of the current one
  keep_all,
};
std::string_view to_string(ThinkPolicy policy);
std::optional<ThinkPolicy> think_policy_from(std::string_view text);

}  // namespace praxis::agent
