#include "agent/api/responses_request.h"

#include <algorithm>
#include <array>

#include "agent/api/chat_request.h"
#include "agent/api/responses_items.h"

namespace praxis::agent::api {

namespace {

constexpr std::uint32_t kTokensMax = 1u << 24;
constexpr std::size_t kMetadataMax = 16;

bool begins_with(const std::string& text, std::string_view prefix) { return text.compare(0, prefix.size(), prefix) == 0; }

/// Only a vendor's server has them, and clients offer them whether it does or not: Codex always sends
/// web_search, and writes versions behind the name.
bool left_out(const std::string& type) {
  return begins_with(type, "web_search") || type == "image_generation" || type == "tool_search";
}

/// A custom tool takes any text. The model writes JSON alone, so the text is the one field of an
/// object; a pattern becomes part of its schema, any other grammar is told to the model.
Json custom_function(Fields& fields) {
  Json input = {{"type", "string"}};
  std::string description;
  fields.text("description", description);
  if (const Json* format = fields.find("format")) {
    Fields inner(*format, fields.place("format"));
    std::string type, syntax, definition;
    inner.text("type", type);
    inner.text("syntax", syntax);
    inner.text("definition", definition);
    if (type == "grammar" && syntax == "regex") input["pattern"] = "^(?:" + definition + ")$";
    else if (type == "grammar") description += "\n\ninput must follow this " + syntax + " grammar:\n" + definition;
    else if (type != "text") inner.refuse("type", "must be text or grammar");
    if (inner.failed()) fields.fail(inner.error().value());
  }
  Json function;
  if (const Json* name = fields.find("name")) function["name"] = *name;
  function["description"] = description;
  Json& schema = function["parameters"];
  schema["type"] = "object";
  schema["properties"]["input"] = std::move(input);
  schema["required"] = Json::array({"input"});
  schema["additionalProperties"] = false;
  return function;
}

class ToolReader {
 public:
  explicit ToolReader(ResponsesRequest& request) : request_(request) {}

  /// Returns the tools that are offered, as the response repeats them.
  Parsed<Json> read(const Json& tools) {
    if (!tools.is_array()) return refuse("tools", "tools must be an array");
    Json offered = Json::array();
    for (std::size_t i = 0; i < tools.size(); ++i) {
      const std::string where = "tools[" + std::to_string(i) + "]";
      Fields fields(tools[i], where);
      std::string type;
      fields.text("type", type);
      if (fields.failed()) return fields.error();
      if (left_out(type)) continue;
      auto error = type == "namespace" ? add_space(fields) : add(fields, type, "");
      if (error) return tl::unexpected(*error);
      offered.push_back(tools[i]);
    }
    return offered;
  }

 private:
  std::optional<ApiError> add_space(Fields& fields) {
    std::string space;
    fields.text("name", space);
    const Json* tools = fields.find("tools");
    if (space.empty()) fields.refuse("name", "is missing");
    if (!tools || !tools->is_array()) fields.refuse("tools", "must be an array");
    if (fields.failed()) return fields.error().value();
    for (std::size_t i = 0; i < tools->size(); ++i) {
      Fields inner((*tools)[i], fields.place("tools") + "[" + std::to_string(i) + "]");
      std::string type;
      inner.text("type", type);
      if (inner.failed()) return inner.error().value();
      if (auto error = add(inner, type, space)) return error;
    }
    return std::nullopt;
  }

  std::optional<ApiError> add(Fields& fields, const std::string& type, const std::string& space) {
    WireTool wire;
    wire.where = fields.where();
    wire.space = space;
    wire.custom = type == "custom";
    if (type != "function" && !wire.custom)
      fields.refuse("type", (type.empty() ? "is missing" : "is " + type) + "; this server has function, custom and namespace");
    const Json function = wire.custom ? custom_function(fields) : fields.object();
    if (fields.failed()) return fields.error().value();
    auto tool = read_function(function, wire.where);
    if (!tool) return tool.error();
    wire.name = tool->name;
    wire.called = tool->name = tool_name(space, tool->name);
    request_.tools.push_back(wire);
    return add_tool(request_.input.tools, std::move(*tool), wire.where);
  }

  ResponsesRequest& request_;
};

/// tool_choice as Chat Completions has it: a custom tool or one of a namespace is a function here.
Json plain_choice(Json choice) {
  if (!choice.is_object()) return choice;
  if (choice.value("type", Json()) == "custom") choice["type"] = "function";
  if (choice.contains("name") && choice.contains("namespace") && choice["name"].is_string() && choice["namespace"].is_string())
    choice["name"] = tool_name(choice["namespace"].get<std::string>(), choice["name"].get<std::string>());
  if (choice.contains("tools") && choice["tools"].is_array())
    for (Json& tool : choice["tools"]) tool = plain_choice(tool);
  return choice;
}

void read_choice(Fields& fields, Settings& settings, Json& echo) {
  const Json* choice = fields.find("tool_choice");
  echo["tool_choice"] = choice ? *choice : Json("auto");
  if (!choice) return;
  const Json plain = {{"tool_choice", plain_choice(*choice)}};
  Fields inner(plain, "");
  read_tool_choice(inner, settings);
  if (inner.failed()) fields.fail(inner.error().value());
}

void read_reasoning(Fields& fields, ResponsesRequest& request) {
  Json& echo = request.echo["reasoning"] = {{"effort", nullptr}, {"summary", nullptr}};
  const Json* reasoning = fields.find("reasoning");
  if (!reasoning) return;
  Fields inner(*reasoning, "reasoning");
  std::string summary;
  inner.text("generate_summary", summary);  // its older name
  inner.text("summary", summary);
  read_effort(inner, "effort", request.input.settings);
  request.summary = !summary.empty() && summary != "none";
  if (inner.failed()) return fields.fail(inner.error().value());
  if (inner.has("effort")) echo["effort"] = *inner.find("effort");
  if (!summary.empty()) echo["summary"] = summary;
}

void read_text(Fields& fields, ResponsesRequest& request) {
  Json& echo = request.echo["text"] = {{"format", {{"type", "text"}}}, {"verbosity", "medium"}};
  const Json* text = fields.find("text");
  if (!text) return;
  Fields inner(*text, "text");
  read_format(inner, "format", request.input.settings);
  if (inner.failed()) return fields.fail(inner.error().value());
  for (const char* key : {"format", "verbosity"})
    if (inner.has(key)) echo[key] = *inner.find(key);
}

void read_logprobs(Fields& fields, ResponsesRequest& request) {
  std::uint32_t top = 0;
  fields.integer("top_logprobs", 0, 20, top);
  const Json* include = fields.find("include");
  const bool wanted = include && include->is_array() &&
                      std::find(include->begin(), include->end(), Json("message.output_text.logprobs")) != include->end();
  if (wanted || top > 0) request.input.settings.logprobs = top;
  request.echo["top_logprobs"] = top;
}

void read_metadata(Fields& fields, Json& echo) {
  const Json* metadata = fields.find("metadata");
  echo["metadata"] = metadata ? *metadata : Json::object();
  if (!metadata) return;
  const bool texts = metadata->is_object() && metadata->size() <= kMetadataMax &&
                     std::all_of(metadata->begin(), metadata->end(), [](const Json& value) { return value.is_string(); });
  if (!texts) fields.refuse("metadata", "must be an object of " + std::to_string(kMetadataMax) + " strings at most");
}

void refuse_what_is_not_here(Fields& fields) {
  bool background = false;
  fields.boolean("background", background);
  if (background) fields.refuse("background", "is not supported: a response lives as long as its connection");
  if (fields.has("conversation")) fields.refuse("conversation", "is not supported; go on with previous_response_id");
  if (fields.has("prompt")) fields.refuse("prompt", "is not supported: no templates are kept here; send instructions and input");
}

/// What only its sender knows the meaning of, and what has no effect here.
void repeat(Fields& fields, Json& echo) {
  const std::array<std::pair<const char*, Json>, 7> kRepeated{{{"max_tool_calls", nullptr},
                                                               {"prompt_cache_key", nullptr},
                                                               {"safety_identifier", nullptr},
                                                               {"service_tier", "default"},
                                                               {"truncation", "disabled"},
                                                               {"user", nullptr},
                                                               {"background", false}}};
  for (const auto& [key, missing] : kRepeated) echo[key] = fields.has(key) ? *fields.find(key) : missing;
  if (echo["service_tier"] == "auto") echo["service_tier"] = "default";
}

}  // namespace

Parsed<ResponsesRequest> read_responses_request(const Json& body, const Settings& defaults) {
  ResponsesRequest out;
  Settings& settings = out.input.settings;
  settings = defaults;
  Fields fields(body, "");
  refuse_what_is_not_here(fields);
  read_settings(fields, settings);
  fields.integer("max_output_tokens", 1, kTokensMax, settings.budgets.output_tokens_max);
  fields.text("previous_response_id", out.previous_id);
  fields.text("instructions", out.instructions);
  fields.boolean("stream", out.stream);
  fields.boolean("store", out.store);
  read_reasoning(fields, out);
  read_text(fields, out);
  read_logprobs(fields, out);
  read_metadata(fields, out.echo);
  repeat(fields, out.echo);
  if (fields.failed()) return fields.error();

  out.echo["instructions"] = fields.has("instructions") ? Json(out.instructions) : Json(nullptr);
  out.echo["max_output_tokens"] = fields.has("max_output_tokens") ? Json(settings.budgets.output_tokens_max) : Json(nullptr);
  out.echo["parallel_tool_calls"] = settings.parallel_calls;
  out.echo["tools"] = Json::array();
  if (const Json* tools = fields.find("tools")) {
    auto offered = ToolReader(out).read(*tools);
    if (!offered) return tl::unexpected(offered.error());
    out.echo["tools"] = std::move(*offered);
  }
  read_choice(fields, settings, out.echo);
  const Json* input = fields.find("input");
  if (!input && out.previous_id.empty()) fields.refuse("input", "is missing; so is previous_response_id");
  if (fields.failed()) return fields.error();
  if (input) {
    auto items = read_items(*input);
    if (!items) return tl::unexpected(items.error());
    out.items = std::move(*items);
  }
  return out;
}

}  // namespace praxis::agent::api
