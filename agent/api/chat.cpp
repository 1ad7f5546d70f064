// /v1/chat/completions: one step of the model; the client keeps the loop and runs its own tools.

#include <ctime>
#include <utility>

#include "agent/api/answering.h"
#include "agent/api/chat_reply.h"
#include "agent/api/handlers.h"
#include "agent/call_id.h"

namespace praxis::agent::api {

namespace asio = boost::asio;

namespace {

class ChatWriter final : public Writer {
 public:
  ChatWriter(const ChatRequest& request, std::string model, std::string_view fingerprint)
      : reply_(request, unguessable_id("chatcmpl-"), std::move(model), fingerprint, std::time(nullptr)),
        fingerprint_(fingerprint),
        streams_(request.stream) {}

  bool streams() const override { return streams_; }
  void open(std::string& out) override { reply_.open(out); }
  void delta(std::string& out, std::uint32_t choice, const ParsedDelta& delta) override {
    if (streams_) reply_.delta(out, choice, delta);
    else reply_.add(choice, delta);
  }
  std::optional<Kept> kept(std::uint32_t choice, const StepOutput& output) override {
    const Said& said = reply_.said()[choice];
    if (said.calls.empty()) return std::nullopt;
    return Kept{reply_row(reply_.id() + "-" + std::to_string(choice), said, output, fingerprint_), call_ids(said)};
  }
  void finish(std::string& out, std::uint32_t choice, const StepOutput& output) override {
    if (streams_) reply_.finish(out, choice, output);
    else reply_.add_finish(choice, output);
  }
  void close(std::string& out) override {
    if (streams_) reply_.close(out);
    else out += reply_.whole();
  }
  void fail(std::string& out, const ApiError& error) override {
    out += streams_ ? "data: " + error_json(error) + "\n\n" : error_json(error);
  }

 private:
  ChatReply reply_;
  std::string fingerprint_;
  bool streams_;
};

Parsed<Answer> start_chat(Service& service, const http::Request& http, const std::shared_ptr<Beats>& beats) {
  auto compat = read_compat(http.parameter("compat"));
  if (!compat) return tl::unexpected(compat.error());
  // Which name decides what the rest starts from, so it is read first.
  auto json = read_json(http.body);
  if (!json) return tl::unexpected(json.error());
  std::string name;
  Fields fields(*json, "");
  fields.text("model", name);
  if (fields.failed()) return fields.error();
  auto model = service.resolve(name);
  if (!model) return tl::unexpected(model.error());

  auto request = read_chat_request(*json, {service.defaults(*model), *compat});
  if (!request) return tl::unexpected(request.error());
  if (http.parameter("usage_style") == "openai") request->usage_style = UsageStyle::own_chunk;
  if (http.parameter("usage_style") == "deepseek") request->usage_style = UsageStyle::last_chunk;
  const std::string_view fingerprint = service.model().fingerprint();
  reattach(service.store(), fingerprint, request->input.messages);
  auto steps = start_steps(service, request->input, request->choices, beats, "response_format");
  if (!steps) return tl::unexpected(steps.error());
  return Answer{std::make_unique<ChatWriter>(*request, name.empty() ? model->id : name, fingerprint), std::move(*steps)};
}

}  // namespace

asio::awaitable<void> chat_completions(http::Exchange& exchange, Service& service) {
  Start start = [&exchange, &service](const std::shared_ptr<Beats>& beats) {
    return start_chat(service, exchange.request(), beats);
  };
  co_await answer_with_steps(exchange, service, std::move(start));
}

}  // namespace praxis::agent::api
