#pragma once
// A request of the Responses API as our values. Shape: OpenAI's "Create a model response". What is not
// known is ignored; what cannot be done is refused by name.

#include <string>
#include <vector>

#include "agent/api/fields.h"
#include "agent/model/model.h"

namespace praxis::agent::api {

/// A tool as the client knows it.
struct WireTool {
  std::string called;        // as the model calls it: ToolText::name
  std::string name, space;   // space: the namespace it stands in; empty: none
  bool custom = false;       // its input is text, not JSON
  std::string where;         // its place in the request
};

struct ResponsesRequest {
  std::string previous_id;        // the response that this one goes on from; empty: none
  Json items = Json::array();     // what is added to it, in the long form
  std::string instructions;       // for this response alone; empty: none
  StepInput input;                // tools and settings; its messages are not known yet
  std::vector<WireTool> tools;    // in the order of input.tools
  bool stream = false;
  bool store = true;
  bool summary = false;           // thoughts are wanted where summaries stand
  Json echo = Json::object();     // the fields that a response repeats
};

/// Tools of OpenAI's own servers that clients offer unasked (web search, image generation, tool
/// search) are left out, as `echo` shows; any other type that is not function, custom or namespace
/// is refused.
Parsed<ResponsesRequest> read_responses_request(const Json& body, const Settings& defaults);

}  // namespace praxis::agent::api
