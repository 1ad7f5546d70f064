#pragma once
// Errors as OpenAI's and DeepSeek's APIs send them: {"error":{"message","type","param","code"}}.

#include <string>
#include <tl/expected.hpp>

#include "agent/error.h"
#include "agent/http/message.h"

namespace praxis::agent::api {

struct ApiError {
  unsigned status = 400;
  std::string type = "invalid_request_error";
  std::string code = "invalid_request_error";
  std::string message;
  std::string param;   // the field of the request; empty: none
};

template <class T>
using Parsed = tl::expected<T, ApiError>;

/// A request that is wrong at `param`.
tl::unexpected<ApiError> refuse(std::string param, std::string message);

ApiError to_api(const Error& error);
ApiError to_api(const http::Refusal& refusal);
/// The envelope alone; also what a stream that fails in its middle ends with.
std::string error_json(const ApiError& error);
/// 429 and 503 with Retry-After: they are over soon.
http::Reply to_reply(const ApiError& error);

}  // namespace praxis::agent::api
