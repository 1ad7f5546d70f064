#include "agent/model/remote_request.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "agent/dialect/views.h"

namespace praxis::agent {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// Servers read the arguments of earlier calls: what is no object would make them refuse the request.
Json arguments_of(const ToolCall& call) {
  Json arguments = Json::parse(call.arguments, nullptr, false);
  return arguments.is_object() ? arguments : Json::object();
}

// --- the answer's form -------------------------------------------------------------------------------

bool binds_answer(const Settings& s) { return !s.answer_schema.empty() || s.answer_regex || !s.answer_choices.empty(); }

/// The form in words, for servers that cannot be told otherwise, and where calls may come first.
std::string form_in_words(const Settings& s, bool with_tools) {
  std::string out = with_tools ? "Once you need no more tools, answer" : "Answer";
  if (!s.answer_schema.empty()) return out + " with one JSON value and nothing else, without a code fence. It satisfies this JSON Schema:\n" + s.answer_schema;
  if (s.answer_regex) return out + " with nothing but a text that this regular expression (ECMA-262) matches from start to end:\n" + *s.answer_regex;
  out += " with exactly one of these texts and nothing else:";
  for (const std::string& choice : s.answer_choices) out += "\n" + choice;
  return out;
}

std::string escaped_for_regex(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}/-").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

template <class Spell>
std::string alternatives(const std::vector<std::string>& texts, std::string_view between, Spell spell) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += between;
    out += spell(text);
  }
  return out;
}

/// Puts the form into a request of OpenAI's shape; false where the server has no way to say it.
bool put_form(Json& body, const Settings& s, const RemoteServer& server) {
  const RemoteApi api = server.api;
  if (!s.answer_schema.empty()) {
    if (api == RemoteApi::deepseek) {
      body["response_format"] = {{"type", "json_object"}};
      return false;  // JSON, but any
    }
    Json schema = Json::parse(s.answer_schema, nullptr, false);
    body["response_format"] = {{"type", "json_schema"}, {"json_schema", {{"name", "answer"}, {"schema", std::move(schema)}}}};
    return true;
  }
  if (api == RemoteApi::vllm) {
    Json& holder = server.guided ? body : body["structured_outputs"];
    if (s.answer_regex) holder[server.guided ? "guided_regex" : "regex"] = *s.answer_regex;
    else holder[server.guided ? "guided_choice" : "choice"] = s.answer_choices;
    return true;
  }
  if (api == RemoteApi::sglang) {
    body["regex"] = s.answer_regex ? *s.answer_regex : alternatives(s.answer_choices, "|", escaped_for_regex);
    return true;
  }
  if (api == RemoteApi::llamacpp && !s.answer_choices.empty()) {
    // GBNF (llama.cpp, grammars/README.md); its literals are written like JSON's.
    body["grammar"] = "root ::= " + alternatives(s.answer_choices, " | ", [](const std::string& text) { return dump(text); });
    return true;
  }
  return false;
}

// --- messages ----------------------------------------------------------------------------------------

std::string_view role_of(const Message& message) {
  switch (message.role) {
    case SenderRole::system: return "system";
    case SenderRole::user: return "user";
    case SenderRole::assistant: return "assistant";
    case SenderRole::tool: return "tool";
  }
  return "user";
}

/// What an assistant thought, under the names by which the server reads it back.
void put_reasoning(Json& out, const std::string& reasoning, RemoteApi api, bool with_tools) {
  // DeepSeek refuses requests with tools whose earlier messages lack the field; it may be empty.
  const bool due = api == RemoteApi::deepseek && with_tools;
  if (reasoning.empty() && !due) return;
  out[api == RemoteApi::ollama ? "thinking" : "reasoning_content"] = reasoning;
  if (api == RemoteApi::vllm) out["reasoning"] = reasoning;  // since 0.12
}

Json call_json(const ToolCall& call, RemoteApi api) {
  if (api == RemoteApi::ollama) return {{"function", {{"name", call.name}, {"arguments", arguments_of(call)}}}};
  const bool whole = Json::accept(call.arguments) && Json::parse(call.arguments, nullptr, false).is_object();
  return {{"id", call.id}, {"type", "function"}, {"function", {{"name", call.name}, {"arguments", whole ? call.arguments : "{}"}}}};
}

std::string tool_name(const std::vector<Message>& messages, const std::string& call_id) {
  for (auto message = messages.rbegin(); message != messages.rend(); ++message)
    for (const ToolCall& call : message->calls)
      if (call.id == call_id) return call.name;
  return {};
}

Json messages_json(const StepInput& input, RemoteApi api, bool with_tools, const std::string& instruction) {
  const std::vector<bool> visible = reasoning_visible(input.messages, input.settings.policy);
  Json out = Json::array();
  std::string rest = instruction;
  for (std::size_t i = 0; i < input.messages.size(); ++i) {
    const Message& message = input.messages[i];
    Json one = {{"role", role_of(message)}, {"content", message.content}};
    if (message.role == SenderRole::system && !rest.empty()) one["content"] = message.content + "\n\n" + std::exchange(rest, {});
    if (message.role == SenderRole::assistant) put_reasoning(one, visible[i] ? message.reasoning : std::string(), api, with_tools);
    for (const ToolCall& call : message.calls) one["tool_calls"].push_back(call_json(call, api));
    if (message.role == SenderRole::tool && api == RemoteApi::ollama) one["tool_name"] = tool_name(input.messages, message.call_id);
    else if (message.role == SenderRole::tool) one["tool_call_id"] = message.call_id;
    out.push_back(std::move(one));
  }
  if (!rest.empty()) out.insert(out.begin(), Json{{"role", "system"}, {"content", rest}});
  return out;
}

// --- settings ----------------------------------------------------------------------------------------

/// 0.6f as 0.6: the double that a reader of the shortest decimal gets.
double plain(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double out = 0;
  std::from_chars(text, end, out);
  return out;
}

/// Temperature and what goes with it, under OpenAI's names, which Ollama's options share.
void put_sampling(Json& out, const Settings& s, const RequestForm& form) {
  const auto& advice = form.recommended;
  if (s.temperature || advice) out["temperature"] = plain(s.temperature ? *s.temperature : advice->temperature);
  if (s.top_p || advice) out["top_p"] = plain(s.top_p ? *s.top_p : advice->top_p);
  const bool extended = form.server.api != RemoteApi::openai && form.server.api != RemoteApi::deepseek;
  if (s.top_k && extended) out["top_k"] = *s.top_k;
  if (s.min_p && extended) out["min_p"] = plain(*s.min_p);
  if (s.presence_penalty != 0) out["presence_penalty"] = plain(s.presence_penalty);
  if (s.frequency_penalty != 0) out["frequency_penalty"] = plain(s.frequency_penalty);
  if (form.server.api != RemoteApi::deepseek) out["seed"] = s.seed & 0x7FFFFFFF;  // some servers keep 32 bits, signed
}

Json tools_json(const std::vector<ToolText>& tools) {
  Json out = Json::array();
  for (const ToolText& tool : tools)
    out.push_back({{"type", "function"},
                   {"function",
                    {{"name", tool.name}, {"description", tool.description}, {"parameters", Json::parse(parameters_schema(tool.schema), nullptr, false)}}}});
  return out;
}

/// A choice of one tool is told as the only tool and "required": servers disagree on how a tool is named.
void put_tools(Json& body, const std::vector<ToolText>& tools, bool required, const StepInput& input, RemoteApi api) {
  if (tools.empty()) return;
  body["tools"] = tools_json(tools);
  // DeepSeek refuses "required" while it thinks; the answer is checked for it instead.
  const bool sayable = api != RemoteApi::deepseek || !input.settings.thinking;
  if (required && sayable) body["tool_choice"] = "required";
  if (api != RemoteApi::deepseek)
    body["parallel_tool_calls"] = input.settings.parallel_calls && input.settings.budgets.calls_max > 1;
}

void put_thinking(Json& body, bool thinking, const RequestForm& form) {
  switch (form.server.api) {
    case RemoteApi::deepseek: body["thinking"] = {{"type", thinking ? "enabled" : "disabled"}}; break;
    case RemoteApi::vllm:
    case RemoteApi::sglang:
    case RemoteApi::llamacpp: body["chat_template_kwargs"] = {{"thinking", thinking}, {"enable_thinking", thinking}}; break;
    default: break;
  }
  if (!form.reasoning_effort.empty() && thinking) body["reasoning_effort"] = form.reasoning_effort;
}

RemoteRequest completions(const StepInput& input, const std::vector<ToolText>& tools, bool required, const RequestForm& form) {
  const Settings& s = input.settings;
  const RemoteApi api = form.server.api;
  Json body;
  body["model"] = form.server.model;
  body["messages"] = nullptr;  // in its place
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  // Servers look for stop texts in the reasoning, too, so they are not told them: what follows one is
  // not read. These two then tell as they go what it has cost.
  const bool counts = api == RemoteApi::vllm || api == RemoteApi::sglang;
  if (counts && !s.stop.empty()) body["stream_options"]["continuous_usage_stats"] = true;
  body["max_tokens"] = s.budgets.output_tokens_max;
  put_sampling(body, s, form);
  for (const LogitBias& one : s.logit_bias) body["logit_bias"][std::to_string(one.token)] = plain(one.bias);
  if (s.logprobs) {
    body["logprobs"] = true;
    body["top_logprobs"] = *s.logprobs;
  }
  put_tools(body, tools, required, input, api);
  put_thinking(body, s.thinking, form);
  // A constrained answer leaves most of these servers no room for calls: with tools, the form is told
  // in words and the answer is checked.
  bool told = !binds_answer(s);
  if (!told && (tools.empty() || api == RemoteApi::openai || api == RemoteApi::deepseek)) told = put_form(body, s, form.server);
  body["messages"] = messages_json(input, api, !tools.empty(), told ? std::string() : form_in_words(s, !tools.empty()));
  return {"/chat/completions", dump(body)};
}

/// Ollama, docs/api.md: POST /api/chat.
RemoteRequest ollama_chat(const StepInput& input, const std::vector<ToolText>& tools, const RequestForm& form) {
  const Settings& s = input.settings;
  Json body;
  body["model"] = form.server.model;
  body["messages"] = nullptr;  // in its place
  body["stream"] = true;
  if (!tools.empty()) body["tools"] = tools_json(tools);
  // Models that cannot think refuse to be told to; those that can do so by themselves.
  if (!s.thinking) body["think"] = false;
  const bool constrained = !s.answer_schema.empty() && tools.empty();
  if (constrained) body["format"] = Json::parse(s.answer_schema, nullptr, false);
  Json& options = body["options"];
  options["num_predict"] = s.budgets.output_tokens_max;
  put_sampling(options, s, form);
  const bool told = constrained || !binds_answer(s);
  body["messages"] = messages_json(input, RemoteApi::ollama, !tools.empty(), told ? std::string() : form_in_words(s, !tools.empty()));
  return {"/api/chat", dump(body)};
}

}  // namespace

RemoteRequest remote_request(const StepInput& input, const std::vector<ToolText>& tools, bool required, const RequestForm& form) {
  const std::vector<ToolText> offered = form.answer_only ? std::vector<ToolText>() : tools;
  if (form.server.api == RemoteApi::ollama) return ollama_chat(input, offered, form);
  return completions(input, offered, required, form);
}

std::string parameters_schema(const std::string& schema) {
  Json json = Json::parse(schema, nullptr, false);
  if (!json.is_object() || json.contains("type")) return schema;
  json["type"] = "object";
  return dump(json);
}

}  // namespace praxis::agent
