// /v1/chat/completions: one step of the model; the client keeps the loop and runs its own tools.

#include <ctime>
#include <utility>

#include "agent/api/chat_reply.h"
#include "agent/api/decoding.h"
#include "agent/api/handlers.h"
#include "agent/call_id.h"
#include "agent/loop.h"

namespace praxis::agent::api {

namespace asio = boost::asio;

namespace {

struct Chat {
  ChatRequest request;
  std::string model;
  std::vector<std::unique_ptr<Step>> steps;
};

/// All that happens before the first token; away from the event loop.
Parsed<Chat> start_chat(Service& service, const http::Request& http, const std::shared_ptr<Beats>& beats) {
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

  Chat chat;
  auto request = read_chat_request(*json, {service.defaults(*model), *compat});
  if (!request) return tl::unexpected(request.error());
  chat.request = std::move(*request);
  if (http.parameter("usage_style") == "openai") chat.request.usage_style = UsageStyle::own_chunk;
  if (http.parameter("usage_style") == "deepseek") chat.request.usage_style = UsageStyle::last_chunk;
  chat.model = name.empty() ? model->id : name;
  reattach(service.store(), service.model().fingerprint(), chat.request.input.messages);
  auto steps = start_steps(service, chat.request.input, chat.request.choices, beats);
  if (!steps) return tl::unexpected(steps.error());
  chat.steps = std::move(*steps);
  return chat;
}

/// One request from its first beat to its last.
class ChatExchange {
 public:
  ChatExchange(http::Exchange& exchange, Service& service, Chat chat, std::shared_ptr<Beats> beats)
      : exchange_(exchange),
        service_(service),
        chat_(std::move(chat)),
        beats_(std::move(beats)),
        reply_(chat_.request, unguessable_id("chatcmpl-"), chat_.model, service.model().fingerprint(), std::time(nullptr)),
        open_(chat_.request.choices) {}

  asio::awaitable<void> run() {
    if (streams()) {
      http::Reply head = event_stream();
      reply_.open(head.body);
      co_await exchange_.begin(std::move(head));
    }
    // A step that was cancelled still reports its end; until all have, they are waited for.
    while (open_ > 0) {
      auto batch = co_await beats_->receive();
      for (Beat& beat : batch) {
        if (auto* delta = std::get_if<ParsedDelta>(&beat.what)) say(*delta, beat.choice);  // most of them: without a frame
        else co_await take(beat);
      }
      co_await flush();
    }
    if (!exchange_.gone()) co_await end();
  }

 private:
  bool streams() const { return chat_.request.stream; }
  asio::awaitable<void> flush() {
    if (!out_.empty()) co_await exchange_.send(std::exchange(out_, {}));
  }
  void cancel() {
    for (auto& step : chat_.steps) step->cancel();
  }
  void fail(ApiError error) {
    if (!failure_) failure_ = std::move(error);
    cancel();
  }

  void say(const ParsedDelta& delta, std::uint32_t choice) {
    if (std::exchange(first_, false)) service_.counters().first_token(asked_);
    if (streams()) reply_.delta(out_, choice, delta);
    else reply_.add(choice, delta);
  }

  asio::awaitable<void> take(Beat& beat) {
    if (auto* output = std::get_if<Result<StepOutput>>(&beat.what)) {
      --open_;
      if (!*output) fail(to_api(output->error()));
      else co_await finish(beat.choice, **output);
    } else if (std::holds_alternative<Silence>(beat.what)) {
      if (!exchange_.begun()) co_await exchange_.begin(http::Reply());
      out_ += streams() ? ": keep-alive\n\n" : "\n";
    } else {
      ++service_.counters().clients_lost;
      cancel();
    }
  }

  /// What a client may refer to in its next request is durable before it hears of it.
  asio::awaitable<void> finish(std::uint32_t choice, const StepOutput& output) {
    service_.counters().add(output.usage);
    if (exchange_.gone() || failure_) co_return;
    const Said& said = reply_.said()[choice];
    if (!said.calls.empty()) {
      auto row = reply_row(reply_.id() + "-" + std::to_string(choice), said, output, service_.model().fingerprint());
      auto work = [row = std::move(row), ids = call_ids(said)](memory::Tx& tx) { return tx.keep_reply(row, ids); };
      auto kept = co_await written(service_.store(), service_.executor(), std::move(work));
      if (!kept) fail(to_api(from(kept.error())));
    }
    if (streams()) reply_.finish(out_, choice, output);
    else reply_.add_finish(choice, output);
  }

  asio::awaitable<void> end() {
    if (!exchange_.begun()) {
      http::Reply answer = failure_ ? to_reply(*failure_) : http::Reply();
      if (!failure_) answer.body = reply_.whole();
      co_await exchange_.reply(std::move(answer));
      co_return;
    }
    if (streams() && !failure_) reply_.close(out_);
    else if (streams()) out_ += "data: " + error_json(*failure_) + "\n\n";
    else out_ += failure_ ? error_json(*failure_) : reply_.whole();
    co_await flush();
    co_await exchange_.end();
  }

  http::Exchange& exchange_;
  Service& service_;
  Chat chat_;
  std::shared_ptr<Beats> beats_;
  ChatReply reply_;
  std::string out_;                 // of a stream, not yet sent
  std::optional<ApiError> failure_;
  std::uint32_t open_;              // steps that have not ended
  bool first_ = true;
  std::chrono::steady_clock::time_point asked_ = std::chrono::steady_clock::now();
};

}  // namespace

asio::awaitable<void> chat_completions(http::Exchange& exchange, Service& service) {
  auto place = service.enter();
  if (!place) {
    http::Reply full = overloaded(service);
    co_await exchange.reply(std::move(full));
    co_return;
  }
  auto beats = std::make_shared<Beats>(service.executor());
  exchange.on_gone([beats] { beats->send({0, Gone{}}); });
  auto prepare = [&] { return start_chat(service, exchange.request(), beats); };
  Parsed<Chat> chat = co_await elsewhere(service.workers(), service.executor(), prepare);
  if (!chat) {
    http::Reply refusal = to_reply(chat.error());
    co_await exchange.reply(std::move(refusal));
    co_return;
  }
  exchange.on_silence([beats] { beats->send({0, Silence{}}); });
  ChatExchange work(exchange, service, std::move(*chat), beats);
  co_await work.run();
}

}  // namespace praxis::agent::api
