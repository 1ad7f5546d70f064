// A connection's bytes come to the same requests and the same refusal however they are cut, and what
// is taken for a request with a body is one to Boost.Beast, too.
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "agent/http/request_reader.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/seeds.h"
#include "tests/http/requests.h"

namespace {

using namespace praxis::agent::http;
using praxis::fuzz::demand;
using State = RequestReader::State;

/// Small, so that inputs reach them.
Limits small_limits() {
  Limits limits;
  limits.head_bytes_max = 400;
  limits.head_fields_max = 8;
  limits.target_bytes_max = 100;
  limits.body_bytes_max = 200;
  limits.framing_bytes_max = 60;
  return limits;
}
const Limits kLimits = small_limits();
const Access kAccess;

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> kSeeds = [] {
    std::vector<std::string> out;
    for (const auto& cases : {good_requests(), bad_requests(), smuggling_requests()})
      for (const RequestCase& one : cases)
        if (one.bytes.size() < 500) out.push_back("\x03" + one.bytes);
    return out;
  }();
  return kSeeds;
}

class Reading {
 public:
  void feed(std::string_view bytes) {
    if (state_ == State::refused) return;
    reader_.append(bytes);
    while ((state_ = reader_.advance()) == State::complete) take(reader_.take());
    if (state_ != State::refused) return;
    const Refusal& refusal = reader_.refusal();
    demand(refusal.status >= 400 && !refusal.message.empty(), "a refusal says why");
    demand(reader_.buffered() == 0, "nothing is read behind a refusal");
    seen_ += "refused " + std::to_string(refusal.status) + " " + refusal.message;
  }
  std::string outcome() const { return seen_ + " / " + std::to_string(static_cast<int>(state_)); }
  const std::vector<Request>& requests() const { return requests_; }

 private:
  void take(Request request) {
    demand(request.body.size() <= kLimits.body_bytes_max, "a body keeps its limit");
    demand(request.fields.size() <= kLimits.head_fields_max, "the fields keep their limit");
    seen_ += request.method + " " + request.path + " [" + request.body + "]";
    for (const Field& field : request.fields) seen_ += " " + field.name + "=" + field.value;
    for (const auto& [name, value] : request.query) seen_ += " ?" + name + "=" + value;
    seen_ += request.keep_alive ? " stays\n" : " closes\n";
    requests_.push_back(std::move(request));
  }

  RequestReader reader_{kLimits, kAccess};
  State state_ = State::idle;
  std::string seen_;
  std::vector<Request> requests_;
};

/// The first request once more, by a parser that shares no code with ours where bodies are concerned.
void compare_with_beast(std::string_view bytes, const Request& ours) {
  namespace beast = boost::beast::http;
  beast::request_parser<beast::string_body> parser;
  parser.eager(true);
  boost::system::error_code error;
  std::size_t at = bytes.substr(0, 2) == "\r\n" ? 2 : 0;
  while (!parser.is_done() && !error && at < bytes.size()) {
    const std::size_t used = parser.put(boost::asio::buffer(bytes.data() + at, bytes.size() - at), error);
    if (used == 0) break;
    at += used;
  }
  if (error == beast::error::bad_chunk_extension) return;  // its grammar is checked there; here it is dropped
  if (error == beast::error::need_more) error.clear();
  demand(!error && parser.is_done(), "Beast takes what is taken here", error.message());
  demand(parser.get().body() == ours.body, "Beast reads the same body", ours.body + "\n" + parser.get().body());
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max, unsigned random) {
  return praxis::fuzz::mutate(seeds(), data, size, size_max, random);
}

/// The first byte says where the second reading is cut; the rest is what the client sends.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Reading whole, bytewise, cut;
  whole.feed(bytes);
  for (const char& c : bytes) bytewise.feed({&c, 1});
  const std::size_t part = 1 + data[0] % 64;
  for (std::size_t at = 0; at < bytes.size(); at += part) cut.feed(bytes.substr(at, part));
  demand(whole.outcome() == bytewise.outcome(), "byte by byte is the same as at once", whole.outcome() + "\n" + bytewise.outcome());
  demand(whole.outcome() == cut.outcome(), "in parts is the same as at once", whole.outcome() + "\n" + cut.outcome());
  if (!whole.requests().empty()) compare_with_beast(bytes, whole.requests().front());
  return 0;
}
