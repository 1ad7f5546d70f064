#pragma once
// A request of Chat Completions as our values. Shapes: OpenAI's "Create chat completion", DeepSeek's
// "Create Chat Completion" (thinking, reasoning_effort, reasoning_content), and the extra fields of
// vLLM and SGLang that their users send (chat_template_kwargs, guided_json, structured_outputs, …).
// What is not known is ignored; what cannot be done is refused by name.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/fields.h"
#include "agent/model/model.h"

namespace praxis::agent::api {

/// Where a stream's usage stands: on its last chunk, as DeepSeek sends it, or behind it on a chunk
/// without choices, as OpenAI does.
enum class UsageStyle : std::uint8_t { last_chunk, own_chunk };

/// Which of DeepSeek's rules for reasoning_content in requests is kept to the letter; `tolerant`
/// takes whatever comes.
enum class Compat : std::uint8_t { tolerant, deepseek_r1, v3_2, v4, v4_1 };

inline constexpr std::uint32_t kChoicesMax = 16;
inline constexpr std::size_t kToolsMax = 1024;
inline constexpr std::size_t kMessagesMax = 16 * 1024;   // or items, of one request

struct ChatRequest {
  std::string model;
  StepInput input;             // messages, tools, settings
  bool stream = false;
  bool include_usage = false;
  UsageStyle usage_style = UsageStyle::last_chunk;
  std::uint32_t choices = 1;
};

struct RequestDefaults {
  Settings settings;
  Compat compat = Compat::tolerant;
};

Parsed<Compat> read_compat(std::string_view text);   // of ?compat=; empty: tolerant

/// Every refusal names the field.
Parsed<ChatRequest> read_chat_request(const Json& body, const RequestDefaults& defaults);

// The parts that the Responses API shares. Each reports what is wrong to `fields`.

/// Text content: a string, null, or an array of parts of type text (input_text, output_text).
Parsed<std::string> read_content(const Json& content, const std::string& where);
/// Sampling parameters and thinking, where both APIs write them alike.
void read_settings(Fields& fields, Settings& settings);
/// none, minimal, low, medium, high, xhigh, max: a switch and a budget.
void read_effort(Fields& fields, const char* key, Settings& settings);
/// A function that can be called: name, description, parameters.
Parsed<ToolText> read_function(const Json& function, const std::string& where);
/// Refuses more than kMessagesMax of them.
std::optional<ApiError> check_count(const Json& messages, const char* key);
/// Refuses a name that is taken, and more than kToolsMax.
std::optional<ApiError> add_tool(std::vector<ToolText>& tools, ToolText tool, const std::string& where);
/// tools: each {type: function, function: {…}}, or {type: function, …} as some clients write it.
Parsed<std::vector<ToolText>> read_tools(const Json& tools);
void read_tool_choice(Fields& fields, Settings& settings);
/// What an answer must be: response_format, or text.format, whose schema stands beside its type.
void read_format(Fields& fields, const char* key, Settings& settings);

}  // namespace praxis::agent::api
