#include "agent/api/fields.h"

#include <algorithm>

#include "tools/json_check.h"

namespace praxis::agent::api {

Parsed<Json> read_json(std::string_view body) {
  tools::JsonLimits limits;
  limits.bytes_max = body.size();  // http.body_bytes_max bounds it
  limits.depth_max = kJsonDepthMax;
  if (body.empty()) return refuse("", "the request has no body; a JSON object is expected");
  if (auto checked = tools::check_json(body, tools::JsonShape::object, limits); !checked)
    return refuse("", "the body is not a JSON object that can be read: " +
                          (checked.error().where.empty() ? "" : checked.error().where + ": ") + checked.error().what);
  return Json::parse(body, nullptr, false);
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void append_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!std::all_of(text.begin(), text.end(), is_ascii)) {  // the library knows UTF-8
    out += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  const auto is_plain = [](char c) { return c >= 0x20 && c != '"' && c != '\\'; };
  out += '"';
  while (!text.empty()) {
    const auto plain = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_plain) - text.begin());
    out += text.substr(0, plain);
    if (plain == text.size()) break;
    const char c = text[plain];
    text.remove_prefix(plain + 1);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out += kHex[static_cast<unsigned char>(c) >> 4];
        out += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  out += '"';
}

Fields::Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

const Json* Fields::find(const char* key) const {
  if (error_ || !object_.is_object()) return nullptr;
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

std::string Fields::place(std::string_view key) const {
  return where_.empty() ? std::string(key) : where_ + "." + std::string(key);
}

void Fields::refuse(std::string_view key, std::string message) {
  ApiError error;
  error.param = place(key);
  error.message = error.param + " " + std::move(message);
  fail(std::move(error));
}

void Fields::fail(ApiError error) {
  if (!error_) error_ = std::move(error);
}

void Fields::boolean(const char* key, bool& into) {
  const Json* value = find(key);
  if (!value) return;
  if (!value->is_boolean()) return refuse(key, "must be true or false");
  into = value->get<bool>();
}

void Fields::text(const char* key, std::string& into) {
  const Json* value = find(key);
  if (!value) return;
  if (!value->is_string()) return refuse(key, "must be a string");
  into = value->get<std::string>();
}

std::optional<double> Fields::number_in(const char* key, double min, double max) {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (value->is_number() && value->get<double>() >= min && value->get<double>() <= max) return value->get<double>();
  refuse(key, "must be a number from " + dump(Json(min)) + " to " + dump(Json(max)));
  return std::nullopt;
}

std::optional<std::int64_t> Fields::integer_in(const char* key, std::int64_t min, std::int64_t max) {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  // 64.0 is an integer too, as some languages write it.
  const bool whole = value->is_number_integer() ||
                     (value->is_number_float() && value->get<double>() == static_cast<double>(static_cast<std::int64_t>(
                                                      std::min(9e18, std::max(-9e18, value->get<double>())))));
  const bool huge = value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  if (whole && !huge && value->get<std::int64_t>() >= min && value->get<std::int64_t>() <= max) return value->get<std::int64_t>();
  refuse(key, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
  return std::nullopt;
}

}  // namespace praxis::agent::api
