#pragma once
// A step as a server wants to be asked it: messages, tools, settings and the answer's form, each in
// that server's way.

#include <optional>
#include <string>
#include <vector>

#include "agent/dialect/dialect.h"
#include "agent/error.h"
#include "agent/model/model.h"
#include "agent/model/remote_api.h"

namespace praxis::agent {

struct RemoteRequest {
  std::string target;            // below the base URL: /chat/completions; Ollama's below its root
  std::string body;              // JSON
};

/// What of a request is not the step's own.
struct RequestForm {
  RemoteServer server;
  std::string reasoning_effort;               // sent where not empty: low, medium, high, max
  std::optional<Recommended> recommended;     // sampling where the settings are silent; unset: the server's
  bool answer_only = false;                   // no tools this time: the answer's form is due
};

/// `tools` are those that may be called, and `required` says that one must be. Streaming is asked for.
RemoteRequest remote_request(const StepInput& input, const std::vector<ToolText>& tools, bool required, const RequestForm& form);

/// A tool's parameters as they are sent and checked: arguments are one object, also where the schema
/// does not say so.
std::string parameters_schema(const std::string& schema);

}  // namespace praxis::agent
