#pragma once
// A request and its reply as plain values; nothing here knows sockets.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace praxis::agent::http {

struct Field {
  std::string name;   // lower case
  std::string value;  // without white space around it
};

struct Request {
  std::string method;                                        // "POST"
  std::string path;                                          // "/v1/models"; percent-decoded
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in their order
  unsigned version = 11;                                     // 10 or 11
  bool keep_alive = true;
  std::vector<Field> fields;
  std::string body;

  /// The first field of that name (given in lower case); empty if there is none.
  std::string_view field(std::string_view name) const;
  /// The first query parameter of that name; empty if there is none.
  std::string_view parameter(std::string_view name) const;
};

struct Reply {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::vector<Field> fields;
  std::string body;
};

/// Why a request is not served. `code` is the word that programs read, `message` is for people.
struct Refusal {
  unsigned status = 400;
  std::string code;
  std::string message;
  bool operator==(const Refusal&) const = default;
};

/// "Not Found"; "Unknown" for a status that this server never sends.
std::string_view reason_phrase(unsigned status);

/// %XX undone; false where an escape is broken or hides a control character.
bool percent_decode(std::string_view text, std::string& out);

/// "; the limit is 100 (http.head_fields_max)": how a message about a limit ends.
std::string limit_text(std::string_view name, std::uint64_t value);

/// Everything a server bounds, each by its name in messages: "http.NAME".
struct Limits {
  std::uint32_t connections_max = 4096;
  std::uint32_t head_bytes_max = 16 * 1024;        // request line and fields
  std::uint32_t head_fields_max = 100;
  std::uint32_t target_bytes_max = 8 * 1024;
  std::uint64_t body_bytes_max = 32ull << 20;
  std::uint64_t bodies_bytes_max = 512ull << 20;   // of all requests that are read or answered at a time
  std::uint32_t framing_bytes_max = 64 * 1024;     // chunk headers and trailers, and eight for each byte of the body
  std::uint32_t head_seconds_max = 10;             // from its first byte
  std::uint32_t body_seconds_max = 60;
  std::uint32_t idle_seconds_max = 75;             // between requests
  std::uint32_t write_seconds_max = 30;            // a client that does not read
  std::uint32_t linger_seconds_max = 3;            // for a refused client to read why
  std::uint64_t linger_bytes_max = 64ull << 20;    // what it may still send meanwhile; thrown away
  std::uint32_t keep_alive_seconds = 15;           // a waiting client hears something that often
};

}  // namespace praxis::agent::http
