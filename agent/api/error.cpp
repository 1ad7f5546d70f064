#include "agent/api/error.h"

#include <nlohmann/json.hpp>

namespace praxis::agent::api {

using Json = nlohmann::ordered_json;

tl::unexpected<ApiError> refuse(std::string param, std::string message) {
  ApiError error;
  error.param = std::move(param);
  error.message = std::move(message);
  return tl::unexpected(std::move(error));
}

ApiError to_api(const Error& error) {
  ApiError out;
  out.message = error.where.empty() ? error.what : error.where + ": " + error.what;
  switch (error.code) {
    case ErrorCode::bad_request: return out;
    case ErrorCode::limit: out.code = "context_length_exceeded"; return out;
    case ErrorCode::not_found: out.status = 404, out.code = "not_found"; return out;
    case ErrorCode::busy: out.status = 409, out.code = "conflict"; return out;
    case ErrorCode::store: out.status = 507, out.code = "store"; break;
    case ErrorCode::store_busy:
    case ErrorCode::unavailable: out.status = 503, out.code = "unavailable"; break;
    case ErrorCode::bad_model:
    case ErrorCode::bad_plugin:
    case ErrorCode::internal: out.status = 500, out.code = "internal_error"; break;
  }
  out.type = "server_error";
  return out;
}

ApiError to_api(const http::Refusal& refusal) {
  ApiError out;
  out.status = refusal.status;
  out.code = refusal.code;
  out.message = refusal.message;
  if (refusal.status == 401) out.type = "authentication_error";
  if (refusal.status == 403) out.type = "permission_error";
  if (refusal.status == 429) out.type = "rate_limit_error";
  if (refusal.status >= 500) out.type = "server_error";
  return out;
}

std::string error_json(const ApiError& error) {
  Json body;
  body["error"]["message"] = error.message;
  body["error"]["type"] = error.type;
  body["error"]["param"] = error.param.empty() ? Json(nullptr) : Json(error.param);
  body["error"]["code"] = error.code;
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

http::Reply to_reply(const ApiError& error) {
  http::Reply reply;
  reply.status = error.status;
  reply.body = error_json(error) + "\n";
  if (error.status == 401) reply.fields.push_back({"www-authenticate", "Bearer"});
  if (error.status == 429 || error.status == 503) reply.fields.push_back({"retry-after", "1"});
  return reply;
}

}  // namespace praxis::agent::api
