#pragma once
// The fields of a request's object, each as a type; the first that is wrong is remembered and named.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "agent/api/error.h"

namespace praxis::agent::api {

using Json = nlohmann::ordered_json;

inline constexpr std::size_t kJsonDepthMax = 128;

/// A request's body: one JSON object (RFC 8259), kJsonDepthMax deep at most, no key twice.
Parsed<Json> read_json(std::string_view body);

/// Compact JSON; broken UTF-8 becomes U+FFFD.
std::string dump(const Json& json);
/// Appends the text as a JSON string, quotes included.
void append_string(std::string& out, std::string_view text);

/// Reads into its arguments; what is missing or null leaves them as they are. After the first wrong
/// field nothing more is read.
class Fields {
 public:
  /// `where` is the object's place in the request: "" or "thinking".
  Fields(const Json& object, std::string where);

  /// The field, null where it is missing, null, or an error came before.
  const Json* find(const char* key) const;
  bool has(const char* key) const { return find(key) != nullptr; }

  void boolean(const char* key, bool& into);
  void text(const char* key, std::string& into);
  /// `min` to `max`, both included.
  template <class T>
  void number(const char* key, double min, double max, T& into) {
    if (auto value = number_in(key, min, max)) into = static_cast<float>(*value);
  }
  template <class T>
  void integer(const char* key, std::int64_t min, std::int64_t max, T& into) {
    if (auto value = integer_in(key, min, max)) into = static_cast<std::uint64_t>(*value);
  }

  const Json& object() const { return object_; }
  const std::string& where() const { return where_; }
  /// "thinking.type"
  std::string place(std::string_view key) const;
  void refuse(std::string_view key, std::string message);
  void fail(ApiError error);
  bool failed() const { return error_.has_value(); }
  tl::unexpected<ApiError> error() const { return tl::unexpected(*error_); }

 private:
  std::optional<double> number_in(const char* key, double min, double max);
  std::optional<std::int64_t> integer_in(const char* key, std::int64_t min, std::int64_t max);

  const Json& object_;
  std::string where_;
  std::optional<ApiError> error_;
};

}  // namespace praxis::agent::api
