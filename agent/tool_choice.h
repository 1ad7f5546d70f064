#pragma once
// Which tools a step may or must call, in the forms of OpenAI's API.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/error.h"
#include "agent/turn.h"
#include "grammar/structure.h"

namespace praxis::agent {

struct ToolChoice {
  grammar::ToolChoice mode = grammar::ToolChoice::automatic;
  std::optional<std::vector<std::string>> only;  // the tools that may be called; unset: all
};

/// `text`: auto, none, required, or a tool's name, which is then required; or JSON as
/// `tool_choice` has it in Chat Completions or in Responses: one of these strings,
///   {"type":"function","function":{"name":N}}  or  {"type":"function","name":N},
///   {"type":"allowed_tools","allowed_tools":{"mode":"auto" or "required","tools":[...]}}  or
///   {"type":"allowed_tools","mode":...,"tools":[...]}, the tools named like functions above.
/// Anything else is a bad_request that says what is wrong with it.
Result<ToolChoice> read_tool_choice(std::string_view text);

/// The choice for the steps of a run once a call was made: one that required a call is met, and the
/// model may answer; the tools that it may call stay those of allowed_tools.
std::string once_met(const std::string& tool_choice);

/// The tools that may be called, in their order; none with ToolChoice::none. Fails for a name that
/// is not among `tools`, and where a call is required and there is nothing to call.
Result<std::vector<ToolText>> callable(const ToolChoice& choice,
                                       const std::vector<ToolText>& tools);

}  // namespace praxis::agent
