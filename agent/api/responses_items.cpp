#include "agent/api/responses_items.h"

#include "agent/api/chat_request.h"
#include "agent/call_id.h"

namespace praxis::agent::api {

namespace {

Json part_of(const std::string& role, std::string text) {
  if (role == "assistant") return {{"type", "output_text"}, {"annotations", Json::array()}, {"text", std::move(text)}};
  return {{"type", "input_text"}, {"text", std::move(text)}};
}

Json message_item(std::string id, const std::string& role, std::string text) {
  Json item;
  item["id"] = std::move(id);
  item["type"] = "message";
  item["status"] = "completed";
  item["role"] = role;
  item["content"] = Json::array({part_of(role, std::move(text))});
  return item;
}

/// A text field; "" where there is none.
std::string text_at(const Json& item, const char* key) {
  const auto it = item.find(key);
  return it != item.end() && it->is_string() ? it->get<std::string>() : std::string();
}

/// Text of all parts of an array of {type, text}; "" for anything else.
std::string joined(const Json& item, const char* key) {
  std::string text;
  const auto parts = item.find(key);
  if (parts == item.end() || !parts->is_array()) return text;
  for (const Json& part : *parts) {
    const std::string piece = text_at(part, "text");
    if (!text.empty() && !piece.empty() && text_at(part, "type") == "summary_text") text += "\n\n";
    text += piece;
  }
  return text;
}

class ItemReader {
 public:
  ItemReader(const Json& item, std::string where) : item_(item), where_(std::move(where)), fields_(item, where_) {}

  Parsed<Json> read() {
    if (!item_.is_object()) return refuse(where_, where_ + " must be an object");
    std::string type = fields_.has("role") ? "message" : "";
    fields_.text("type", type);
    fields_.text("id", id_);
    Json out;
    if (type == "message") out = message();
    else if (type == "reasoning") out = reasoning();
    else if (type == "function_call") out = call(type, "arguments", "fc_");
    else if (type == "custom_tool_call") out = call(type, "input", "ctc_");
    else if (type == "function_call_output" || type == "custom_tool_call_output") out = output(type);
    else if (type == "item_reference") out = reference();
    else if (type.empty()) fields_.refuse("type", "is missing");
    else fields_.refuse("type", "is " + type + "; known are message, reasoning, function_call, function_call_output, "
                                "custom_tool_call, custom_tool_call_output and item_reference");
    if (fields_.failed()) return fields_.error();
    return out;
  }

 private:
  std::string id(std::string_view prefix) const { return id_.empty() ? unguessable_id(prefix) : id_; }

  /// A field of text parts, as one text.
  std::string content(const char* key) {
    const Json* content = fields_.find(key);
    if (!content) {
      fields_.refuse(key, "is missing");
      return {};
    }
    auto text = read_content(*content, fields_.place(key));
    if (text) return std::move(*text);
    fields_.fail(text.error());
    return {};
  }
  std::string required(const char* key) {
    std::string text;
    fields_.text(key, text);
    if (text.empty()) fields_.refuse(key, "is missing");
    return text;
  }

  Json message() {
    const std::string role = required("role");
    if (role != "user" && role != "assistant" && role != "system" && role != "developer")
      fields_.refuse("role", "must be user, assistant, system or developer");
    return message_item(id("msg_"), role, content("content"));
  }
  /// encrypted_content is another server's secret: what was thought here comes back by the ids of the
  /// calls it led to.
  Json reasoning() {
    Json out;
    out["id"] = id("rs_");
    out["type"] = "reasoning";
    out["summary"] = fields_.has("summary") ? *fields_.find("summary") : Json::array();
    if (fields_.has("content")) out["content"] = *fields_.find("content");
    return out;
  }
  Json call(const std::string& type, const char* payload, std::string_view prefix) {
    Json out;
    std::string text, space;
    fields_.text(payload, text);
    fields_.text("namespace", space);
    out["id"] = id(prefix);
    out["type"] = type;
    out["status"] = "completed";
    out[payload] = std::move(text);
    out["call_id"] = required("call_id");
    out["name"] = required("name");
    if (!space.empty()) out["namespace"] = std::move(space);
    return out;
  }
  Json output(const std::string& type) {
    Json out;
    out["id"] = id(type == "function_call_output" ? "fco_" : "ctco_");
    out["type"] = type;
    out["status"] = "completed";
    out["call_id"] = required("call_id");
    out["output"] = content("output");
    return out;
  }
  Json reference() {
    if (id_.empty()) fields_.refuse("id", "is missing: which item is meant?");
    return {{"type", "item_reference"}, {"id", id_}};
  }

  const Json& item_;
  std::string where_, id_;
  Fields fields_;
};

/// Collects the assistant's neighbouring items until something else comes.
class MessageBuilder {
 public:
  void think(std::string text) {
    if (!open_ || !message_.content.empty() || !message_.calls.empty()) begin();
    message_.reasoning += text;
  }
  void say(std::string text) {
    if (!open_ || !message_.content.empty() || !message_.calls.empty()) begin();
    message_.content = std::move(text);
  }
  void call(ToolCall call) {
    if (!open_) begin();
    message_.calls.push_back(std::move(call));
  }
  void add(Message message) {
    end();
    messages_.push_back(std::move(message));
  }
  std::vector<Message> take() {
    end();
    return std::move(messages_);
  }

 private:
  void begin() {
    end();
    message_ = Message();
    message_.role = SenderRole::assistant;
    open_ = true;
  }
  /// Thoughts that led to nothing are nobody's message.
  void end() {
    if (open_ && !(message_.content.empty() && message_.calls.empty())) messages_.push_back(std::move(message_));
    open_ = false;
  }

  std::vector<Message> messages_;
  Message message_;
  bool open_ = false;
};

SenderRole role_of(const std::string& role) { return role == "user" ? SenderRole::user : SenderRole::system; }

}  // namespace

Parsed<Json> read_items(const Json& input) {
  if (input.is_string()) return Json::array({message_item(unguessable_id("msg_"), "user", input.get<std::string>())});
  if (!input.is_array()) return refuse("input", "input must be a string or an array of items");
  if (auto many = check_count(input, "input")) return tl::unexpected(*many);
  Json items = Json::array();
  for (std::size_t i = 0; i < input.size(); ++i) {
    auto item = ItemReader(input[i], "input[" + std::to_string(i) + "]").read();
    if (!item) return tl::unexpected(item.error());
    items.push_back(std::move(*item));
  }
  return items;
}

std::vector<Message> messages_of(const Json& items) {
  MessageBuilder builder;
  for (const Json& item : items) {
    const std::string type = text_at(item, "type"), role = text_at(item, "role");
    Message message;
    if (type == "reasoning") {
      std::string text = joined(item, "content");
      builder.think(text.empty() ? joined(item, "summary") : std::move(text));
    } else if (type == "message" && role == "assistant") {
      builder.say(joined(item, "content"));
    } else if (type == "message") {
      message.role = role_of(role);
      message.content = joined(item, "content");
      builder.add(std::move(message));
    } else if (type == "function_call" || type == "custom_tool_call") {
      const bool custom = type == "custom_tool_call";
      std::string arguments = custom ? custom_arguments(text_at(item, "input")) : text_at(item, "arguments");
      if (arguments.empty()) arguments = "{}";
      std::string name = tool_name(text_at(item, "namespace"), text_at(item, "name"));
      builder.call({text_at(item, "call_id"), std::move(name), std::move(arguments)});
    } else if (type == "function_call_output" || type == "custom_tool_call_output") {
      message.role = SenderRole::tool;
      message.call_id = text_at(item, "call_id");
      message.content = text_at(item, "output");
      builder.add(std::move(message));
    }
  }
  return builder.take();
}

std::string tool_name(std::string_view space, std::string_view name) {
  return space.empty() ? std::string(name) : std::string(space) + "." + std::string(name);
}

std::string custom_arguments(const std::string& input) { return dump({{"input", input}}); }

std::string custom_input(const std::string& arguments) {
  const Json json = Json::parse(arguments, nullptr, false);
  return json.is_object() ? text_at(json, "input") : std::string();
}

}  // namespace praxis::agent::api
