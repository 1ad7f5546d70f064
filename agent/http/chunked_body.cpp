#include "agent/http/chunked_body.h"

#include <algorithm>
#include <utility>

#include "agent/http/http_policy.h"

namespace praxis::agent::http {

namespace {

/// A client may send a body byte by byte, "1 CR LF x CR LF", but not make up for no body at all.
constexpr std::uint64_t kFramingPerBodyByte = 8;

Refusal bad(std::string message) { return {400, "bad_request", std::move(message)}; }

/// What frames a message or says whom it is for comes too late in a trailer (RFC 9110, 6.5.1).
std::optional<Refusal> check_trailer(std::string line) {
  if (auto refusal = check_field_line(line, "a trailer")) return refusal;
  line.resize(line.find(':'));
  for (char& c : line)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  for (std::string_view late : {"content-length", "host", "transfer-encoding"})
    if (line == late) return bad("a trailer is " + line + ", which belongs into the head");
  return std::nullopt;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

ChunkedBody::State ChunkedBody::read(std::string_view bytes, std::size_t& used, std::string& body) {
  while (refusal_.message.empty() && at_ != At::end && used < bytes.size()) {
    if (at_ == At::data) {
      const std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - used));
      body.append(bytes.substr(used, part));
      used += part;
      left_ -= part;
      if (left_ == 0) at_ = At::data_return;
      continue;
    }
    std::optional<Refusal> refusal = take(bytes[used++], body.size());
    if (!refusal && ++framing_bytes_ > limits_->framing_bytes_max + kFramingPerBodyByte * body.size())
      refusal = Refusal{413, "too_large", "chunk headers and trailers are longer than the body allows" +
                                              limit_text("framing_bytes_max", limits_->framing_bytes_max)};
    if (refusal) refusal_ = std::move(*refusal);
  }
  if (!refusal_.message.empty()) return State::refused;
  return at_ == At::end ? State::whole : State::more;
}

std::optional<Refusal> ChunkedBody::take(char c, std::size_t body_bytes) {
  switch (at_) {
    case At::size_begin:
    case At::size: return take_size(c, body_bytes);
    case At::extension:
      // Readers disagree on whether a quoted text goes on behind the line's end.
      if (c == '\\' || (c == '\r' && quoted_)) return bad("a chunk's extension has a quoted text without end, or an escape in it");
      if (c == '\r') at_ = At::size_feed;
      else if (!is_head_byte(c)) return bad("a chunk's header has a control character");
      quoted_ ^= c == '"';
      return std::nullopt;
    case At::data_return:
      if (c != '\r') return bad("a chunk is longer than it said");
      at_ = At::data_feed;
      return std::nullopt;
    case At::size_feed:
    case At::data_feed:
      if (c != '\n') return bad("a chunk's lines end in CR LF");
      at_ = at_ == At::data_feed ? At::size_begin : left_ > 0 ? At::data : At::trailer_begin;
      return std::nullopt;
    default: return take_trailer(c);
  }
}

std::optional<Refusal> ChunkedBody::take_size(char c, std::size_t body_bytes) {
  const int digit = hex_digit(c);
  if (digit >= 0) {
    at_ = At::size;
    // The body is below its limit, so left_ stays below 16 times that: no overflow.
    left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
    if (left_ <= limits_->body_bytes_max - body_bytes) return std::nullopt;
    return Refusal{413, "too_large", "the body is too long" + limit_text("body_bytes_max", limits_->body_bytes_max)};
  }
  if (at_ == At::size_begin || (c != '\r' && c != ';')) return bad("a chunk's size is not a hexadecimal number");
  at_ = c == ';' ? At::extension : At::size_feed;
  return std::nullopt;
}

std::optional<Refusal> ChunkedBody::take_trailer(char c) {
  switch (at_) {
    case At::trailer_begin:
    case At::trailer:
      if (c == '\r') {
        at_ = at_ == At::trailer_begin ? At::last_feed : At::trailer_feed;
        return std::nullopt;
      }
      if (!is_head_byte(c)) return bad("a trailer has a control character");
      at_ = At::trailer;
      line_ += c;
      return std::nullopt;
    default:
      if (c != '\n') return bad("a trailer's line ends in CR LF");
      at_ = at_ == At::last_feed ? At::end : At::trailer_begin;
      if (at_ == At::end) return std::nullopt;
      return check_trailer(std::exchange(line_, {}));
  }
}

}  // namespace praxis::agent::http
