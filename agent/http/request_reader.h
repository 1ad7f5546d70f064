#pragma once
// Bytes in, requests out: Boost.Beast's parser behind http_policy, with every limit. No sockets and
// no coroutine, so that it can be fed a byte at a time, and fuzzed.
//
//   reader.append(bytes);
//   switch (reader.advance()) { … }
//
// The head is collected whole before it is parsed, so that how the bytes were cut makes no
// difference to what is read.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

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

  explicit RequestReader(const Limits& limits);
  ~RequestReader();

  void append(std::string_view bytes) { buffer_.append(bytes); }
  State advance();
  /// The request; afterwards the reader is at the next one, whose beginning may be there already.
  Request take();
  const Refusal& refusal() const { return refusal_; }
  /// True once per request: the client waits for "100 Continue" before it sends the body.
  bool wants_continue();
  /// Bytes that came behind the request in work.
  std::size_t buffered() const { return buffer_.size(); }

 private:
  struct Parser;

  State read_head();
  State read_body();
  State refuse(Refusal refusal);

  const Limits& limits_;
  std::string buffer_;  // not yet parsed: bounded by head_bytes_max or framing_bytes_max and one read
  std::unique_ptr<Parser> parser_;
  Request request_;
  Refusal refusal_;
  State state_ = State::idle;
  bool wants_continue_ = false;
  std::uint64_t fed_bytes_ = 0;  // behind the head
};

}  // namespace praxis::agent::http
