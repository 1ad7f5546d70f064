#include "agent/tool_choice.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace praxis::agent {
namespace {

using Json = nlohmann::ordered_json;

tl::unexpected<Error> refuse(std::string what) {
  return tl::unexpected(Error{ErrorCode::bad_request, std::move(what), "tool choice"});
}

ToolChoice named(std::string_view text) {
  ToolChoice out;
  if (text == "none") {
    out.mode = grammar::ToolChoice::none;
  } else if (text != "auto") {
    out.mode = grammar::ToolChoice::required;
    if (text != "required") out.only = {std::string(text)};
  }
  return out;
}

/// {"type":"function","function":{"name":N}} or {"type":"function","name":N}
Result<std::string> function_name(const Json& json) {
  const Json* holder = &json;
  if (json.is_object() && json.contains("function")) holder = &json["function"];
  const bool is_function = json.is_object() && json.value("type", Json()) == "function";
  const auto name = holder->is_object() ? holder->find("name") : holder->end();
  if (!is_function || name == holder->end() || !name->is_string() || *name == "")
    return refuse("a tool is named as {\"type\":\"function\",\"function\":{\"name\":\"...\"}}");
  return name->get<std::string>();
}

Result<ToolChoice> allowed_tools(const Json& json) {
  const Json& holder = json.contains("allowed_tools") ? json["allowed_tools"] : json;
  if (!holder.is_object()) return refuse("allowed_tools is not an object");
  ToolChoice out;
  out.only.emplace();
  const Json mode = holder.value("mode", Json());
  if (mode != "auto" && mode != "required")
    return refuse("the mode of allowed_tools is auto or required");
  if (mode == "required") out.mode = grammar::ToolChoice::required;
  const auto tools = holder.find("tools");
  if (tools == holder.end() || !tools->is_array() || tools->empty())
    return refuse("allowed_tools lists no tools; to allow none, say none");
  for (const Json& tool : *tools) {
    auto name = function_name(tool);
    if (!name) return tl::unexpected(name.error());
    out.only->push_back(std::move(*name));
  }
  return out;
}

std::string names_of(const std::vector<ToolText>& tools) {
  std::string list;
  for (const ToolText& tool : tools) (list += list.empty() ? "" : ", ") += tool.name;
  return list;
}

}  // namespace

Result<ToolChoice> read_tool_choice(std::string_view text) {
  if (text.empty()) return refuse("is empty; say auto, none, required or a tool's name");
  if (text[0] != '{' && text[0] != '"') return named(text);
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_string() && json != "") return named(json.get<std::string>());
  if (!json.is_object()) return refuse("begins like JSON, but is none");
  const Json type = json.value("type", Json());
  if (type == "allowed_tools") return allowed_tools(json);
  if (type != "function") return refuse("has a type other than function and allowed_tools");
  auto name = function_name(json);
  if (!name) return tl::unexpected(name.error());
  ToolChoice out;
  out.mode = grammar::ToolChoice::required;
  out.only = {std::move(*name)};
  return out;
}

std::string once_met(const std::string& tool_choice) {
  const auto choice = read_tool_choice(tool_choice);
  if (!choice || choice->mode != grammar::ToolChoice::required) return tool_choice;
  Json json = Json::parse(tool_choice, nullptr, false);
  if (!json.is_object() || json.value("type", Json()) != "allowed_tools") return "auto";
  (json.contains("allowed_tools") ? json["allowed_tools"] : json)["mode"] = "auto";
  return json.dump();
}

Result<std::vector<ToolText>> callable(const ToolChoice& choice,
                                       const std::vector<ToolText>& tools) {
  std::vector<ToolText> out;
  if (choice.mode == grammar::ToolChoice::none) return out;
  if (choice.mode == grammar::ToolChoice::required && tools.empty())
    return refuse("a call is required, but there are no tools");
  if (!choice.only) return tools;
  const auto is_listed = [&](const std::string& name) {
    return std::any_of(tools.begin(), tools.end(),
                       [&](const ToolText& t) { return t.name == name; });
  };
  for (const std::string& name : *choice.only) {
    if (!is_listed(name))
      return refuse("there is no tool named " + name +
                    (tools.empty() ? "; there are none" : "; there are " + names_of(tools)));
  }
  const auto is_allowed = [&](const ToolText& tool) {
    return std::find(choice.only->begin(), choice.only->end(), tool.name) != choice.only->end();
  };
  std::copy_if(tools.begin(), tools.end(), std::back_inserter(out), is_allowed);
  return out;
}

}  // namespace praxis::agent
