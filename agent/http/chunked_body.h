#pragma once
// The chunked coding (RFC 9112, 7.1) of a request's body, taken a byte at a time, so that how the
// bytes were cut makes no difference. Boost.Beast 1.81 takes extensions of any length, throws on long
// trailers and waits for a chunk's header as a whole; here each framing byte is looked at once and
// counts against a budget. Extensions and trailers are checked and dropped.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/http/message.h"

namespace praxis::agent::http {

class ChunkedBody {
 public:
  enum class State : std::uint8_t { more, whole, refused };

  explicit ChunkedBody(const Limits& limits) : limits_(&limits) {}

  /// Takes what belongs to the body from the front of `bytes`, appends what it carries to `body`, and
  /// advances `used` by what was taken. Nothing is taken any more once it is whole or refused.
  State read(std::string_view bytes, std::size_t& used, std::string& body);
  const Refusal& refusal() const { return refusal_; }

 private:
  enum class At : std::uint8_t { size_begin, size, extension, size_feed, data, data_return, data_feed,
                                 trailer_begin, trailer, trailer_feed, last_feed, end };

  /// One byte that is not data.
  std::optional<Refusal> take(char c, std::size_t body_bytes);
  std::optional<Refusal> take_size(char c, std::size_t body_bytes);
  std::optional<Refusal> take_trailer(char c);

  const Limits* limits_;
  At at_ = At::size_begin;
  bool quoted_ = false;              // in an extension's quoted text
  std::uint64_t left_ = 0;           // of the chunk in work
  std::uint64_t framing_bytes_ = 0;
  std::string line_;                 // the trailer in work; bounded by the framing budget
  Refusal refusal_;
};

}  // namespace praxis::agent::http
