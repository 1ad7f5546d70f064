#pragma once
// Bytes in, requests out, within every limit. No sockets and no coroutine, so that it can be fed a
// byte at a time, and fuzzed.
//
//   reader.append(bytes);
//   switch (reader.advance()) { … }
//
// Each byte is judged once and in its order, so that how the bytes were cut makes no difference to
// what is read or refused. Boost.Beast parses the head, once that is whole and its text is clean.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/http/chunked_body.h"
#include "agent/http/http_policy.h"
#include "agent/http/message.h"

namespace praxis::agent::http {

class RequestReader {
 public:
  enum class State : std::uint8_t {
    idle,      // nothing of a request has come
    head,      // a part of its head
    body,      // its head, and a part of its body
    complete,  // take() it
    refused,   // refusal() says why; the connection cannot be used any more
  };

  /// Both outlive it. Who may not use this server is refused before the body is read.
  RequestReader(const Limits& limits, const Access& access) : limits_(limits), access_(access) {}

  void append(std::string_view bytes);
  State advance();
  State state() const { return state_; }
  /// The request; afterwards the reader is at the next one, whose beginning may be there already.
  Request take();
  const Refusal& refusal() const { return refusal_; }
  /// What is known of the request in work: all but its body once the head is whole, else nothing.
  const Request& head() const { return request_; }
  /// True once per request: the client waits for "100 Continue" before it sends the body.
  bool wants_continue() { return std::exchange(wants_continue_, false); }
  /// Bytes that came and were not read yet; behind a complete request: of the next ones.
  std::size_t buffered() const { return buffer_.size() - at_; }
  /// Bytes of the body so far.
  std::size_t body_bytes() const { return request_.body.size(); }

 private:
  State read_head();
  State end_line();
  State parse_head(std::string_view head);
  State read_body();
  State refuse(Refusal refusal);

  const Limits& limits_;
  const Access& access_;
  std::string buffer_;                  // bounded by head_bytes_max and one append
  std::size_t at_ = 0;                  // of buffer_: what comes before was read
  std::size_t seen_ = 0, line_ = 0;     // of a head: looked at up to here; its last line begins here
  std::uint32_t lines_ = 0;             // of a head, whole
  bool forgiven_ = false;               // an empty line before the head
  Request request_;
  std::optional<ChunkedBody> chunks_;   // none: body_left_ counts
  std::uint64_t body_left_ = 0;
  bool wants_continue_ = false;
  Refusal refusal_;
  State state_ = State::idle;
};

}  // namespace praxis::agent::http
