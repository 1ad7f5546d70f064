#include "agent/http/request_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

namespace praxis::agent::http {

namespace beast = boost::beast::http;

namespace {

/// What a quiet connection may keep allocated.
constexpr std::size_t kIdleBufferBytes = 1024;

Refusal bad(std::string message) { return {400, "bad_request", std::move(message)}; }

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(), [](char wanted, char c) {
           return wanted == (c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
         });
}

/// Takes scheme and host off "http://host/path". Host has to repeat them (RFC 9112, 3.2.2), else the
/// two ends could take the request for one to different servers.
std::optional<Refusal> to_origin_form(std::string_view& target, std::string_view host) {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!starts_with_ignoring_case(target, scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    if (authority != host) return bad("the request target names another host than Host");
    target = rest.substr(authority.size());
    if (target.empty()) target = "/";
  }
  return std::nullopt;
}

std::optional<Refusal> read_query(std::string_view text, Request& into) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    std::string name, value;
    if (!percent_decode(pair.substr(0, equals), name) ||
        (equals != std::string_view::npos && !percent_decode(pair.substr(equals + 1), value)))
      return bad("the query is not well escaped");
    if (!name.empty()) into.query.emplace_back(std::move(name), std::move(value));
  }
  return std::nullopt;
}

std::optional<Refusal> read_target(std::string_view target, Request& into) {
  if (auto refusal = to_origin_form(target, into.field("host"))) return refusal;
  const std::string_view path = target.substr(0, target.find('?'));
  if (target == "*" ? into.method != "OPTIONS" : path.empty() || path[0] != '/')
    return bad("the request target must begin with /");
  if (!percent_decode(path, into.path)) return bad("the request target is not well escaped");
  target.remove_prefix(std::min(target.size(), path.size() + 1));
  return read_query(target, into);
}

Refusal refusal_of(const boost::system::error_code& error, const Limits& limits) {
  if (error == beast::error::body_limit)
    return {413, "too_large", "the body is too long" + limit_text("body_bytes_max", limits.body_bytes_max)};
  if (error == beast::error::bad_version) return {505, "bad_request", "this server speaks HTTP/1.0 and HTTP/1.1"};
  return bad("this is not HTTP: " + error.message());
}

}  // namespace

void RequestReader::append(std::string_view bytes) {
  buffer_.erase(0, at_);
  seen_ -= std::min(seen_, at_);
  line_ -= std::min(line_, at_);
  at_ = 0;
  buffer_.append(bytes);
}

RequestReader::State RequestReader::refuse(Refusal refusal) {
  refusal_ = std::move(refusal);
  buffer_ = {};
  request_.body = {};
  at_ = seen_ = line_ = 0;
  return state_ = State::refused;
}

RequestReader::State RequestReader::advance() {
  if (state_ == State::idle || state_ == State::head) read_head();
  return state_ == State::body ? read_body() : state_;
}

RequestReader::State RequestReader::read_head() {
  while (seen_ < buffer_.size()) {
    if (seen_ - at_ == limits_.head_bytes_max)
      return refuse({431, "too_large", "the head is too long" + limit_text("head_bytes_max", limits_.head_bytes_max)});
    state_ = State::head;
    const bool returned = seen_ > line_ && buffer_[seen_ - 1] == '\r';
    const char c = buffer_[seen_++];
    if (returned != (c == '\n')) return refuse(bad("lines of the head end in CR LF"));
    if (c != '\r' && c != '\n' && !is_head_byte(c))
      return refuse(bad("line " + std::to_string(lines_ + 1) + " of the head has a control character"));
    if (c == '\n' && end_line() != State::head) return state_;
  }
  return state_;
}

/// The line up to seen_ is whole.
RequestReader::State RequestReader::end_line() {
  const std::string_view line(buffer_.data() + line_, seen_ - line_ - 2);
  line_ = seen_;
  if (line.empty() && lines_ > 0) return parse_head({buffer_.data() + at_, seen_ - at_});
  if (line.empty()) {  // one before the request line is forgiven (RFC 9112, 2.2)
    if (std::exchange(forgiven_, true)) return refuse(bad("the request begins with empty lines"));
    at_ = seen_;
    return state_;
  }
  if (++lines_ == 1) return state_;
  if (lines_ - 1 > limits_.head_fields_max)
    return refuse({431, "too_large", "the head has too many fields" + limit_text("head_fields_max", limits_.head_fields_max)});
  if (auto refusal = check_field_line(line, "line " + std::to_string(lines_) + " of the head")) return refuse(std::move(*refusal));
  return state_;
}

RequestReader::State RequestReader::parse_head(std::string_view head) {
  beast::request_parser<beast::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(head.size()) + 1);
  parser.body_limit(limits_.body_bytes_max);
  boost::system::error_code error;
  const std::size_t used = parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error) return refuse(refusal_of(error, limits_));
  if (!parser.is_header_done() || used != head.size()) return refuse(bad("this is not a head of HTTP"));

  const auto& message = parser.get();
  const std::string_view target(message.target().data(), message.target().size());
  if (target.size() > limits_.target_bytes_max)
    return refuse({414, "too_large", "the request target is too long" + limit_text("target_bytes_max", limits_.target_bytes_max)});
  request_.method = std::string(message.method_string());
  request_.version = message.version();
  request_.keep_alive = message.keep_alive();
  for (const auto& field : message) {
    Field one{std::string(field.name_string()), std::string(field.value())};
    std::transform(one.name.begin(), one.name.end(), one.name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    request_.fields.push_back(std::move(one));
  }
  if (request_.version != 10 && request_.version != 11) return refuse(refusal_of(beast::error::bad_version, limits_));
  if (auto refusal = check_framing(request_)) return refuse(std::move(*refusal));
  if (auto refusal = read_target(target, request_)) return refuse(std::move(*refusal));
  if (auto refusal = check_access(request_, access_)) return refuse(std::move(*refusal));

  at_ = seen_;
  if (parser.chunked()) chunks_.emplace(limits_);
  body_left_ = parser.chunked() ? 0 : parser.content_length().value_or(0);
  // HTTP/1.0 knows no Continue (RFC 9110, 10.1.1).
  wants_continue_ = (chunks_ || body_left_ > 0) && request_.version >= 11 && !request_.field("expect").empty();
  return state_ = State::body;
}

RequestReader::State RequestReader::read_body() {
  bool whole = false;
  if (chunks_) {
    const ChunkedBody::State state = chunks_->read(buffer_, at_, request_.body);
    if (state == ChunkedBody::State::refused) return refuse(chunks_->refusal());
    whole = state == ChunkedBody::State::whole;
  } else {
    const std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, buffered()));
    request_.body.append(buffer_, at_, part);
    at_ += part;
    body_left_ -= part;
    whole = body_left_ == 0;
  }
  return whole ? state_ = State::complete : state_;
}

Request RequestReader::take() {
  if (buffered() == 0 && buffer_.capacity() > kIdleBufferBytes) {
    buffer_ = {};
    at_ = 0;
  }
  seen_ = line_ = at_;
  lines_ = 0;
  forgiven_ = wants_continue_ = false;
  chunks_.reset();
  state_ = State::idle;
  return std::exchange(request_, Request());
}

}  // namespace praxis::agent::http
