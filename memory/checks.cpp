#include "memory/checks.h"

#include <sys/random.h>

#include <array>
#include <nlohmann/json.hpp>

#include "memory/store.h"

namespace praxis::memory {
namespace {

Result<void> check_size(std::string_view value, std::uint64_t bytes_max, const char* limit,
                        std::string_view field, const std::string& where) {
  if (value.size() <= bytes_max) return {};
  return refuse(ErrorCode::too_large,
                std::string(field) + " has " + std::to_string(value.size()) + " bytes; the limit is " +
                    std::to_string(bytes_max) + " (" + limit + ")",
                where);
}

}  // namespace

Result<void> check_name(std::string_view value, std::string_view field, const std::string& where) {
  return check_size(value, kNameBytesMax, "memory.name_bytes_max", field, where);
}

Result<void> check_text(std::string_view value, std::string_view field, const std::string& where) {
  return check_size(value, kTextBytesMax, "memory.text_bytes_max", field, where);
}

Result<void> check_json(std::string_view value, std::string_view field, const std::string& where) {
  if (auto size = check_text(value, field, where); !size) return size;
  // The parser takes a NUL for the end of its input.
  if (value.find('\0') == value.npos && nlohmann::json::accept(value)) return {};
  return refuse(ErrorCode::bad_request, std::string(field) + " is not JSON", where);
}

Result<std::string> random_id(std::string_view prefix) {
  static constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<unsigned char, 20> bytes;
  // Up to 256 bytes come whole or not at all.
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return refuse(ErrorCode::internal, "the kernel gave no random bytes", std::string(prefix));
  std::string id(prefix);
  for (unsigned char byte : bytes) id += kAlphabet[byte & 31];
  return id;
}

}  // namespace praxis::memory
