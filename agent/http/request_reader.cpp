#include "agent/http/request_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "agent/http/http_policy.h"

namespace praxis::agent::http {

namespace beast = boost::beast::http;

struct RequestReader::Parser {
  beast::request_parser<beast::string_body> parser;
};

namespace {

Refusal too_large(std::string what) { return {413, "too_large", std::move(what)}; }

std::string limit_text(std::string_view name, std::uint64_t value) {
  return "; the limit is " + std::to_string(value) + " (http." + std::string(name) + ")";
}

/// "/a%20b?x=1" into path and query. Also the absolute form, whose host Host repeats (RFC 9112, 3.2.2).
std::optional<Refusal> read_target(std::string_view target, Request& into) {
  for (std::string_view scheme : {"http://", "https://"})
    if (target.substr(0, scheme.size()) == scheme) {
      const std::size_t slash = target.find('/', scheme.size());
      target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
    }
  const std::string_view path = target.substr(0, target.find('?'));
  if (target != "*" && (path.empty() || path[0] != '/'))
    return Refusal{400, "bad_request", "the request target must begin with /"};
  if (!percent_decode(path, into.path)) return Refusal{400, "bad_request", "the request target is not well escaped"};
  std::string_view rest = path.size() < target.size() ? target.substr(path.size() + 1) : std::string_view();
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest = pair.size() < rest.size() ? rest.substr(pair.size() + 1) : std::string_view();
    const std::size_t equals = pair.find('=');
    std::string name, value;
    if (!percent_decode(pair.substr(0, equals), name) ||
        (equals != std::string_view::npos && !percent_decode(pair.substr(equals + 1), value)))
      return Refusal{400, "bad_request", "the query is not well escaped"};
    if (!name.empty()) into.query.emplace_back(std::move(name), std::move(value));
  }
  return std::nullopt;
}

Refusal refusal_of(const boost::system::error_code& error, const Limits& limits) {
  if (error == beast::error::body_limit)
    return too_large("the body is too long" + limit_text("body_bytes_max", limits.body_bytes_max));
  if (error == beast::error::header_limit)
    return {431, "too_large", "the head is too long" + limit_text("head_bytes_max", limits.head_bytes_max)};
  if (error == beast::error::bad_version) return {505, "bad_request", "this server speaks HTTP/1.0 and HTTP/1.1"};
  return {400, "bad_request", "this is not HTTP: " + error.message()};
}

}  // namespace

RequestReader::RequestReader(const Limits& limits) : limits_(limits) {}
RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::refuse(Refusal refusal) {
  refusal_ = std::move(refusal);
  parser_.reset();
  buffer_.clear();
  return state_ = State::refused;
}

// Beast's parser throws std::length_error out of put() for a trailer longer than a string's bound;
// this is the one place where that becomes a refusal.
RequestReader::State RequestReader::advance() {
  if (state_ == State::complete || state_ == State::refused) return state_;
  try {
    if (!parser_ && read_head() != State::body) return state_;
    return read_body();
  } catch (const std::exception&) {
    return refuse({431, "too_large", "a field of the request is too long"});
  }
}

RequestReader::State RequestReader::read_head() {
  // An empty line before the request line is forgiven (RFC 9112, 2.2); it counts as part of the head.
  if (buffer_.compare(0, 2, "\r\n") == 0) buffer_.erase(0, 2);
  if (buffer_.empty()) return state_ = State::idle;
  state_ = State::head;
  const std::size_t end = buffer_.find("\r\n\r\n");
  const std::size_t head_bytes = end == std::string::npos ? buffer_.size() : end + 4;
  if (head_bytes > limits_.head_bytes_max)
    return refuse({431, "too_large", "the head is too long" + limit_text("head_bytes_max", limits_.head_bytes_max)});
  if (end == std::string::npos) {
    // A line feed alone never becomes a line end; waiting for more would wait for the time limit.
    const std::size_t feed = buffer_.find('\n');
    if (feed != std::string::npos && (feed == 0 || buffer_[feed - 1] != '\r'))
      return refuse({400, "bad_request", "lines of the head end in CR LF"});
    return state_;
  }
  const std::string_view head(buffer_.data(), head_bytes);
  if (auto refusal = check_head_text(head)) return refuse(std::move(*refusal));

  parser_ = std::make_unique<Parser>();
  auto& parser = parser_->parser;
  parser.header_limit(limits_.head_bytes_max);
  parser.body_limit(limits_.body_bytes_max);
  parser.eager(true);
  boost::system::error_code error;
  // need_more is what Beast says when a body is still to come.
  const std::size_t used = parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error && error != beast::error::need_more) return refuse(refusal_of(error, limits_));
  if (!parser.is_header_done() || used != head.size()) return refuse({400, "bad_request", "this is not a head of HTTP"});

  const auto& message = parser.get();
  request_ = Request();
  request_.method = std::string(message.method_string());
  request_.version = message.version();
  request_.keep_alive = message.keep_alive();
  if (message.target().size() > limits_.target_bytes_max)
    return refuse({414, "too_large", "the request target is too long" + limit_text("target_bytes_max", limits_.target_bytes_max)});
  for (const auto& field : message) {
    if (request_.fields.size() == limits_.head_fields_max)
      return refuse({431, "too_large", "the head has too many fields" + limit_text("head_fields_max", limits_.head_fields_max)});
    Field one{std::string(field.name_string()), std::string(field.value())};
    std::transform(one.name.begin(), one.name.end(), one.name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    request_.fields.push_back(std::move(one));
  }
  if (request_.version != 10 && request_.version != 11)
    return refuse({505, "bad_request", "this server speaks HTTP/1.0 and HTTP/1.1"});
  if (auto refusal = check_framing(request_)) return refuse(std::move(*refusal));
  const auto target = message.target();
  if (auto refusal = read_target(std::string_view(target.data(), target.size()), request_)) return refuse(std::move(*refusal));
  buffer_.erase(0, head_bytes);
  fed_bytes_ = 0;
  wants_continue_ = !parser.is_done() && !request_.field("expect").empty();
  return state_ = State::body;
}

RequestReader::State RequestReader::read_body() {
  auto& parser = parser_->parser;
  while (!parser.is_done() && !buffer_.empty()) {
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(buffer_), error);
    buffer_.erase(0, used);
    fed_bytes_ += used;
    if (error && error != beast::error::need_more) return refuse(refusal_of(error, limits_));
    if (used == 0) break;  // a chunk's header that has not come whole
  }
  // What is neither head nor body: chunk headers, their extensions, trailers. Bytes still in the
  // buffer count while they cannot be told to be body.
  const std::uint64_t body = parser.get().body().size();
  const std::uint64_t behind = fed_bytes_ + (parser.is_done() ? 0 : buffer_.size());
  if (behind > 2 * body + limits_.framing_bytes_max)
    return refuse(too_large("chunk headers and trailers are longer than the body allows" +
                            limit_text("framing_bytes_max", limits_.framing_bytes_max)));
  if (!parser.is_done()) return state_;
  request_.body = std::move(parser.get().body());
  parser_.reset();
  wants_continue_ = false;
  return state_ = State::complete;
}

Request RequestReader::take() {
  state_ = State::idle;
  return std::move(request_);
}

bool RequestReader::wants_continue() { return std::exchange(wants_continue_, false); }

}  // namespace praxis::agent::http
