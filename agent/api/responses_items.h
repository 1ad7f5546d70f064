#pragma once
// The items of the Responses API: what a request adds to a conversation, as it is stored, and the
// messages that it means. Shapes: OpenAI's "Create a model response", input; Codex's `namespace`.

#include <string>
#include <string_view>
#include <vector>

#include "agent/api/fields.h"
#include "agent/turn.h"

namespace praxis::agent::api {

/// `input` as an array of items in their long form: each with type and id, a message's content as
/// parts, an output as text. A string is a user's message. What a model that reads text alone cannot
/// take is refused by its place and type. Items of type item_reference stay as they are.
Parsed<Json> read_items(const Json& input);

/// What items in their long form say, references excepted. Neighbouring items of the assistant are
/// one message: thoughts, then text, then calls.
std::vector<Message> messages_of(const Json& items);

/// A tool of a namespace by the one name that the model calls it by; without a namespace its own.
std::string tool_name(std::string_view space, std::string_view name);

/// The arguments of a custom tool's call, whose input is any text, and back. Arguments that are not
/// whole have no input.
std::string custom_arguments(const std::string& input);
std::string custom_input(const std::string& arguments);

}  // namespace praxis::agent::api
