#include "agent/api/chat_request.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "agent/tool_choice.h"

namespace praxis::agent::api {

namespace {

constexpr std::uint32_t kTokensMax = 1u << 24;
constexpr std::size_t kNameBytesMax = 128;

/// A tool's name is written between the dialect's own markers, so no white space or control
/// characters; letters, digits and what dotted or spaced names of existing tools use.
bool is_tool_name(const std::string& name) {
  return !name.empty() && name.size() <= kNameBytesMax && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("_-.:/").find(c) != std::string_view::npos;
  });
}

Parsed<ToolCall> read_call(const Json& call, const std::string& where) {
  Fields fields(call, where);
  ToolCall out;
  fields.text("id", out.id);
  if (fields.failed()) return fields.error();
  const Json* function = fields.find("function");
  if (!function || !function->is_object()) return refuse(where + ".function", where + ".function is missing");
  Fields inner(*function, where + ".function");
  inner.text("name", out.name);
  const Json* arguments = inner.find("arguments");
  // Text by the API; some clients send the object itself.
  if (arguments) out.arguments = arguments->is_string() ? arguments->get<std::string>() : dump(*arguments);
  if (out.arguments.empty()) out.arguments = "{}";
  if (inner.failed()) return inner.error();
  if (out.name.empty()) return refuse(where + ".function.name", where + ".function.name is missing");
  return out;
}

Parsed<Message> read_message(const Json& json, const std::string& where) {
  if (!json.is_object()) return refuse(where, where + " must be an object with role and content");
  Fields fields(json, where);
  std::string role;
  fields.text("role", role);
  Message message;
  if (role == "system" || role == "developer") message.role = SenderRole::system;
  else if (role == "user") message.role = SenderRole::user;
  else if (role == "assistant") message.role = SenderRole::assistant;
  else if (role == "tool" || role == "function") message.role = SenderRole::tool;
  else fields.refuse("role", "must be system, developer, user, assistant or tool");
  const Json* content = fields.find("content");
  if (content) {
    auto text = read_content(*content, where + ".content");
    if (!text) return tl::unexpected(text.error());
    message.content = std::move(*text);
  } else if (message.role == SenderRole::system || message.role == SenderRole::user) {
    fields.refuse("content", "is missing");  // a tool may have returned nothing, an assistant only called
  }
  if (message.role == SenderRole::tool) {
    fields.text("tool_call_id", message.call_id);
    if (role == "function") fields.text("name", message.call_id);
    if (message.call_id.empty()) fields.refuse("tool_call_id", "is missing: which call does this answer?");
  }
  if (message.role == SenderRole::assistant) {
    for (const char* key : {"reasoning", "reasoning_content"})
      if (fields.has(key) && fields.find(key)->is_string()) message.reasoning = fields.find(key)->get<std::string>();
    if (const Json* calls = fields.find("tool_calls")) {
      if (!calls->is_array()) fields.refuse("tool_calls", "must be an array");
      for (std::size_t i = 0; !fields.failed() && i < calls->size(); ++i) {
        auto call = read_call((*calls)[i], where + ".tool_calls[" + std::to_string(i) + "]");
        if (!call) return tl::unexpected(call.error());
        message.calls.push_back(std::move(*call));
      }
    }
  }
  if (fields.failed()) return fields.error();
  return message;
}

ApiError strict(std::string message) {
  ApiError error;
  error.param = "messages";
  error.message = std::move(message);
  return error;
}

/// DeepSeek's rules for what comes back of the model's reasoning, as its API enforced them when each
/// of these models was served (the texts are its own, so that clients that match them work).
std::optional<ApiError> check_compat(const Json& messages, const std::vector<Message>& read, Compat compat, bool tools,
                                     bool thinking) {
  if (compat == Compat::tolerant) return std::nullopt;
  std::size_t last_user = 0;
  for (std::size_t i = 0; i < read.size(); ++i)
    if (read[i].role == SenderRole::user) last_user = i;
  for (std::size_t i = 0; i < read.size(); ++i) {
    const bool given = messages[i].contains("reasoning_content") && messages[i]["reasoning_content"].is_string();
    if (compat == Compat::deepseek_r1) {
      if (given) return strict("reasoning_content is not an input parameter (message index " + std::to_string(i) + ")");
      const bool speaks = read[i].role == SenderRole::user || read[i].role == SenderRole::assistant;
      if (i > 0 && speaks && read[i].role == read[i - 1].role)
        return strict("deepseek-reasoner does not support successive user or assistant messages (messages[" +
                      std::to_string(i - 1) + "] and messages[" + std::to_string(i) + "])");
      continue;
    }
    if (!thinking || given || read[i].role != SenderRole::assistant) continue;
    if (compat == Compat::v3_2 && i > last_user && !read[i].calls.empty())
      return strict("Missing `reasoning_content` field in the assistant message at message index " + std::to_string(i));
    if ((compat == Compat::v4 && !read[i].calls.empty()) || (compat == Compat::v4_1 && tools))
      return strict("The `reasoning_content` in the thinking mode must be passed back to the API.");
  }
  return std::nullopt;
}

void read_stop(Fields& fields, Settings& settings) {
  const Json* stop = fields.find("stop");
  if (!stop) return;
  const Json list = stop->is_array() ? *stop : Json::array({*stop});
  if (list.size() > kStopTextsMax) return fields.refuse("stop", "may have " + std::to_string(kStopTextsMax) + " texts at most");
  settings.stop.clear();
  for (const Json& one : list) {
    if (!one.is_string() || one == "") return fields.refuse("stop", "must be a text that is not empty, or an array of them");
    settings.stop.push_back(one.get<std::string>());
  }
}

void read_logit_bias(Fields& fields, Settings& settings) {
  const Json* bias = fields.find("logit_bias");
  if (!bias) return;
  constexpr const char* kForm = "must map token ids to numbers from -100 to 100";
  if (!bias->is_object() || bias->size() > kLogitBiasTokensMax)
    return fields.refuse("logit_bias", std::string(kForm) + ", " + std::to_string(kLogitBiasTokensMax) + " at most");
  for (const auto& [key, value] : bias->items()) {
    const bool digits = !key.empty() && key.size() < 9 && std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || !value.is_number() || std::abs(value.get<double>()) > kLogitBiasMax)
      return fields.refuse("logit_bias", kForm);
    settings.logit_bias.push_back({std::stoi(key), value.get<float>()});
  }
}

void read_logprobs(Fields& fields, Settings& settings) {
  bool wanted = false;
  std::uint32_t top = 0;
  fields.boolean("logprobs", wanted);
  fields.integer("top_logprobs", 0, engine::kTopLogprobsMax, top);
  if (top > 0 && !wanted) return fields.refuse("top_logprobs", "needs logprobs: true");
  if (wanted) settings.logprobs = top;
}

/// vLLM's and SGLang's ways to say what the answer must be.
void read_guided(Fields& fields, Settings& settings) {
  const auto take = [&settings](Fields& from, const char* json, const char* regex, const char* choice) {
    if (const Json* schema = from.find(json)) settings.answer_schema = schema->is_string() ? schema->get<std::string>() : dump(*schema);
    std::string pattern;
    from.text(regex, pattern);
    if (from.has(regex)) settings.answer_regex = pattern;
    if (const Json* choices = from.find(choice)) {
      if (!choices->is_array()) return from.refuse(choice, "must be an array of texts");
      for (const Json& one : *choices) {
        if (!one.is_string()) return from.refuse(choice, "must be an array of texts");
        settings.answer_choices.push_back(one.get<std::string>());
      }
    }
  };
  take(fields, "guided_json", "guided_regex", "guided_choice");
  if (const Json* outputs = fields.find("structured_outputs")) {
    Fields inner(*outputs, "structured_outputs");
    take(inner, "json", "regex", "choice");
    if (inner.failed()) fields.fail(inner.error().value());
  }
}

void read_thinking(Fields& fields, Settings& settings) {
  if (const Json* thinking = fields.find("thinking")) {
    Fields inner(*thinking, "thinking");
    std::string type;
    inner.text("type", type);
    if (type == "enabled" || type == "disabled") settings.thinking = type == "enabled";
    else if (type != "auto" && type != "adaptive") inner.refuse("type", "must be enabled or disabled");
    inner.integer("budget_tokens", 1, kTokensMax, settings.budgets.think_tokens_max);
    if (inner.failed()) fields.fail(inner.error().value());
  }
  fields.boolean("enable_thinking", settings.thinking);
  fields.integer("thinking_budget", 1, kTokensMax, settings.budgets.think_tokens_max);
  if (const Json* given = fields.find("chat_template_kwargs")) {
    Fields inner(*given, "chat_template_kwargs");
    inner.boolean("thinking", settings.thinking);
    inner.boolean("enable_thinking", settings.thinking);
    if (inner.failed()) fields.fail(inner.error().value());
  }
}

/// What no single field shows to be wrong.
void check_together(Fields& fields, const StepInput& input) {
  const Settings& settings = input.settings;
  const int forms = !settings.answer_schema.empty() + settings.answer_regex.has_value() + !settings.answer_choices.empty();
  if (forms > 1) fields.refuse("response_format", "and its like say in more than one way what the answer must be; send one of them");
  const auto choice = agent::read_tool_choice(settings.tool_choice);
  if (const auto tools = choice ? callable(*choice, input.tools) : tl::unexpected(choice.error()); !tools)
    fields.refuse("tool_choice", "cannot be met: " + tools.error().what);
  if (const auto checked = check(settings); !checked) fields.refuse(checked.error().where, checked.error().what);
}

}  // namespace

Parsed<Compat> read_compat(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Compat>, 5> kNames{{{"", Compat::tolerant},
                                                                       {"deepseek-r1", Compat::deepseek_r1},
                                                                       {"v3.2", Compat::v3_2},
                                                                       {"v4", Compat::v4},
                                                                       {"v4.1", Compat::v4_1}}};
  for (const auto& [name, compat] : kNames)
    if (name == text) return compat;
  return refuse("compat", "compat must be deepseek-r1, v3.2, v4 or v4.1");
}

Parsed<std::string> read_content(const Json& content, const std::string& where) {
  if (content.is_string()) return content.get<std::string>();
  if (content.is_null()) return std::string();
  if (!content.is_array()) return refuse(where, where + " must be a string or an array of parts");
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string at = where + "[" + std::to_string(i) + "]";
    if (content[i].is_string()) {
      text += content[i].get<std::string>();
      continue;
    }
    Fields part(content[i], at);
    std::string type, piece;
    part.text("type", type);
    if (type == "refusal") part.text("refusal", piece);
    else if (type == "text" || type == "input_text" || type == "output_text") part.text("text", piece);
    else part.refuse("type", "is " + (type.empty() ? "missing" : type) + "; this model reads text alone");
    if (part.failed()) return part.error();
    text += piece;
  }
  return text;
}

void read_effort(Fields& fields, const char* key, Settings& settings) {
  std::string effort;
  fields.text(key, effort);
  if (effort.empty()) return;
  // Thinking tokens a step. R1-class models think for thousands of tokens; 0 leaves it to max_tokens.
  constexpr std::array<std::pair<std::string_view, std::uint32_t>, 7> kBudgets{
      {{"minimal", 512}, {"low", 1024}, {"medium", 8192}, {"high", 32768}, {"xhigh", 0}, {"max", 0}, {"ultra", 0}}};
  if (effort == "none") {
    settings.thinking = false;
    return;
  }
  for (const auto& [name, budget] : kBudgets) {
    if (name != effort) continue;
    settings.thinking = true;
    settings.budgets.think_tokens_max = budget;
    return;
  }
  fields.refuse(key, "must be none, minimal, low, medium, high, xhigh or max");
}

void read_settings(Fields& fields, Settings& settings) {
  fields.number("temperature", 0, kTemperatureMax, settings.temperature);
  fields.number("top_p", 0, 1, settings.top_p);
  fields.number("min_p", 0, 1, settings.min_p);
  std::int64_t top_k = -1;  // vLLM writes "off" as -1
  if (fields.has("top_k") && *fields.find("top_k") == -1) settings.top_k = 0;
  else if (fields.integer("top_k", 0, 1 << 24, top_k); top_k >= 0) settings.top_k = static_cast<std::uint32_t>(top_k);
  fields.number("presence_penalty", -kPenaltyMax, kPenaltyMax, settings.presence_penalty);
  fields.number("frequency_penalty", -kPenaltyMax, kPenaltyMax, settings.frequency_penalty);
  fields.integer("seed", INT64_MIN, INT64_MAX, settings.seed);
  fields.boolean("parallel_tool_calls", settings.parallel_calls);
}

Parsed<ToolText> read_function(const Json& function, const std::string& where) {
  Fields fields(function, where);
  ToolText tool;
  fields.text("name", tool.name);
  fields.text("description", tool.description);
  const Json* parameters = fields.find("parameters");
  if (parameters && !parameters->is_object()) fields.refuse("parameters", "must be a JSON Schema object");
  if (!fields.failed() && !is_tool_name(tool.name))
    fields.refuse("name", "must be 1 to 128 letters, digits and _ - . : /");
  if (fields.failed()) return fields.error();
  tool.schema = parameters ? dump(*parameters) : R"({"type":"object","properties":{}})";
  return tool;
}

std::optional<ApiError> check_count(const Json& messages, const char* key) {
  if (messages.size() <= kMessagesMax) return std::nullopt;
  return refuse(key, std::string(key) + " has " + std::to_string(messages.size()) + " entries; the limit is " +
                         std::to_string(kMessagesMax) + " (api.messages_max)").value();
}

std::optional<ApiError> add_tool(std::vector<ToolText>& tools, ToolText tool, const std::string& where) {
  const auto same = [&](const ToolText& other) { return other.name == tool.name; };
  if (std::any_of(tools.begin(), tools.end(), same))
    return refuse(where + ".name", where + ".name is the name of another tool, too: " + tool.name).value();
  if (tools.size() >= kToolsMax)
    return refuse("tools", "tools has more than " + std::to_string(kToolsMax) + " entries (api.tools_max)").value();
  tools.push_back(std::move(tool));
  return std::nullopt;
}

Parsed<std::vector<ToolText>> read_tools(const Json& tools) {
  if (!tools.is_array()) return refuse("tools", "tools must be an array");
  std::vector<ToolText> out;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const std::string at = "tools[" + std::to_string(i) + "]";
    Fields fields(tools[i], at);
    std::string type;
    fields.text("type", type);
    if (type != "function") fields.refuse("type", "must be function");
    const Json* nested = fields.find("function");
    if (fields.failed()) return fields.error();
    const std::string where = nested ? at + ".function" : at;
    auto tool = read_function(nested ? *nested : tools[i], where);
    if (!tool) return tl::unexpected(tool.error());
    if (auto error = add_tool(out, std::move(*tool), where)) return tl::unexpected(*error);
  }
  return out;
}

void read_tool_choice(Fields& fields, Settings& settings) {
  const Json* choice = fields.find("tool_choice");
  if (!choice) return;
  settings.tool_choice = choice->is_string() ? choice->get<std::string>() : dump(*choice);
  const bool named = choice->is_string() && settings.tool_choice != "auto" && settings.tool_choice != "none" &&
                     settings.tool_choice != "required" && settings.tool_choice != "any";
  if (settings.tool_choice == "any") settings.tool_choice = "required";
  if (named) return fields.refuse("tool_choice", R"(must be auto, none, required or {"type":"function","function":{"name":"..."}})");
  if (auto read = agent::read_tool_choice(settings.tool_choice); !read) fields.refuse("tool_choice", read.error().what);
}

void read_format(Fields& fields, const char* key, Settings& settings) {
  const Json* format = fields.find(key);
  if (!format) return;
  Fields inner(*format, fields.place(key));
  std::string type;
  inner.text("type", type);
  if (type == "json_object") {
    settings.answer_schema = R"({"type":"object"})";
  } else if (type == "json_schema") {
    const Json* nested = inner.find("json_schema");
    const Json* schema = nested && nested->is_object() && nested->contains("schema") ? &(*nested)["schema"] : inner.find("schema");
    if (!schema || !(schema->is_object() || schema->is_boolean()))
      inner.refuse(nested ? "json_schema.schema" : "schema", "must be a JSON Schema");
    else
      settings.answer_schema = dump(*schema);
  } else if (type == "regex") {  // SGLang's and ours
    std::string pattern;
    inner.text("pattern", pattern);
    settings.answer_regex = pattern;
  } else if (type != "text") {
    inner.refuse("type", "must be text, json_object or json_schema");
  }
  if (inner.failed()) fields.fail(inner.error().value());
}

Parsed<ChatRequest> read_chat_request(const Json& body, const RequestDefaults& defaults) {
  Fields fields(body, "");
  ChatRequest out;
  Settings& settings = out.input.settings;
  settings = defaults.settings;
  fields.text("model", out.model);

  read_settings(fields, settings);
  read_effort(fields, "reasoning_effort", settings);
  read_thinking(fields, settings);
  for (const char* key : {"max_tokens", "max_completion_tokens"})
    fields.integer(key, 1, kTokensMax, settings.budgets.output_tokens_max);
  read_stop(fields, settings);
  read_logit_bias(fields, settings);
  read_logprobs(fields, settings);
  read_format(fields, "response_format", settings);
  read_guided(fields, settings);
  fields.integer("n", 1, kChoicesMax, out.choices);
  fields.boolean("stream", out.stream);
  if (const Json* options = fields.find("stream_options")) {
    Fields inner(*options, "stream_options");
    inner.boolean("include_usage", out.include_usage);
    if (inner.failed()) fields.fail(inner.error().value());
  }
  out.usage_style = out.include_usage ? UsageStyle::own_chunk : UsageStyle::last_chunk;
  if (fields.has("functions")) fields.refuse("functions", "is the form that tools replaced; send tools");
  if (fields.has("audio")) fields.refuse("audio", "cannot be made by this model");
  if (const Json* tools = fields.find("tools")) {
    auto read = read_tools(*tools);
    if (!read) return tl::unexpected(read.error());
    out.input.tools = std::move(*read);
  }
  read_tool_choice(fields, settings);
  check_together(fields, out.input);

  const Json* messages = fields.find("messages");
  if (!fields.failed() && (!messages || !messages->is_array() || messages->empty()))
    fields.refuse("messages", "must be an array of at least one message");
  if (!fields.failed())
    if (auto many = check_count(*messages, "messages")) return tl::unexpected(*many);
  for (std::size_t i = 0; !fields.failed() && i < messages->size(); ++i) {
    auto message = read_message((*messages)[i], "messages[" + std::to_string(i) + "]");
    if (!message) return tl::unexpected(message.error());
    out.input.messages.push_back(std::move(*message));
  }
  if (fields.failed()) return fields.error();
  if (auto broken = check_compat(*messages, out.input.messages, defaults.compat, !out.input.tools.empty(), settings.thinking))
    return tl::unexpected(*broken);
  return out;
}

}  // namespace praxis::agent::api
