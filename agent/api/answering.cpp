#include "agent/api/answering.h"

#include <chrono>
#include <utility>

#include "agent/api/handlers.h"
#include "agent/loop.h"

namespace praxis::agent::api {

namespace asio = boost::asio;

namespace {

constexpr std::uint32_t kForgottenMax = 16;   // with each row that is added: more than that, and less than others notice

/// Whoever adds a row clears away some whose time is over; an index finds them, mostly none.
memory::Store::Work keeping(Kept kept, const ServiceOptions& options) {
  using namespace std::chrono;
  const auto days = hours(24) * options.reply_days_max;
  const std::int64_t before_ms = duration_cast<milliseconds>(system_clock::now().time_since_epoch() - days).count();
  return [kept = std::move(kept), before_ms](memory::Tx& tx) -> memory::Result<void> {
    if (auto forgotten = tx.forget_replies(before_ms, kForgottenMax); !forgotten) return tl::unexpected(forgotten.error());
    return tx.keep_reply(kept.row, kept.ids);
  };
}

constexpr std::size_t kLogprobBytes = 64;   // about, of one token's in JSON

class Answering {
 public:
  Answering(http::Exchange& exchange, Service& service, Answer answer, std::shared_ptr<Beats> beats)
      : exchange_(exchange),
        service_(service),
        writer_(std::move(answer.writer)),
        steps_(std::move(answer.steps)),
        beats_(std::move(beats)),
        open_(steps_.size()) {}

  asio::awaitable<void> run() {
    if (writer_->streams()) {
      http::Reply head = event_stream();
      auto open = [&] { writer_->open(head.body); };
      co_await apart(open);
      co_await exchange_.begin(std::move(head));
    }
    // A step that was cancelled still reports its end; until all have, they are waited for.
    while (open_ > 0) {
      co_await beats_->arrival();
      auto batch = beats_->take();
      // Most are deltas that go out at once: for them no coroutine is made.
      for (Beat& beat : batch) {
        if (auto* delta = std::get_if<ParsedDelta>(&beat.what)) say(*delta, beat.choice);
        else co_await take(beat);
      }
      if (!flush()) co_await exchange_.drained();
    }
    if (!exchange_.gone()) co_await end();
    if (is_big()) asio::post(service_.workers(), [writer = std::move(writer_)] {});  // freeing takes its time, too
  }

 private:
  /// What is made of a big request or answer is made by the workers; a hop to them costs more than a
  /// small one.
  bool is_big() const {
    constexpr std::size_t kSmallBytesMax = 64 * 1024;
    return exchange_.request().body.size() + said_bytes_ > kSmallBytesMax;
  }
  template <class Work>
  asio::awaitable<void> apart(Work work) {
    if (!is_big()) {
      work();
      co_return;
    }
    auto made = [&work] { return work(), true; };
    co_await elsewhere(service_.workers(), service_.executor(), made);
  }

  /// false: has to be drained.
  bool flush() { return exchange_.offer(std::exchange(out_, {})); }
  void cancel() {
    for (auto& step : steps_) step->cancel();
  }
  void fail(ApiError error) {
    if (!failure_) failure_ = std::move(error);
    cancel();
  }

  void say(const ParsedDelta& delta, std::uint32_t choice) {
    if (std::exchange(first_, false)) service_.counters().first_token(asked_);
    said_bytes_ += delta.text.size() + delta.logprobs.size() * kLogprobBytes;
    writer_->delta(out_, choice, delta);
  }

  asio::awaitable<void> take(Beat& beat) {
    if (auto* output = std::get_if<Result<StepOutput>>(&beat.what)) {
      --open_;
      if (!*output) fail(to_api(output->error()));
      else co_await finish(beat.choice, **output);
    } else if (std::holds_alternative<Silence>(beat.what)) {
      if (!exchange_.begun()) co_await exchange_.begin(http::Reply());
      out_ += writer_->streams() ? ": keep-alive\n\n" : "\n";
    } else {
      ++service_.counters().clients_lost;
      cancel();
    }
  }

  /// What a client may refer to in its next request is durable before it hears of it.
  asio::awaitable<void> finish(std::uint32_t choice, const StepOutput& output) {
    service_.counters().add(output.usage);
    if (exchange_.gone() || failure_) co_return;
    std::optional<Kept> kept;
    auto keep = [&] { kept = writer_->kept(choice, output); };
    co_await apart(keep);
    if (kept) {
      auto outcome = co_await written(service_.store(), service_.executor(), keeping(std::move(*kept), service_.options()));
      if (!outcome) {
        fail(to_api(from(outcome.error())));
        co_return;
      }
    }
    auto finish = [&] { writer_->finish(out_, choice, output); };
    co_await apart(finish);
  }

  asio::awaitable<void> end() {
    if (failure_ && !exchange_.begun()) {
      http::Reply refusal = to_reply(*failure_);
      co_await exchange_.reply(std::move(refusal));
      co_return;
    }
    auto close = [&] { failure_ ? writer_->fail(out_, *failure_) : writer_->close(out_); };
    co_await apart(close);
    if (!exchange_.begun()) {
      http::Reply whole;
      whole.body = std::exchange(out_, {});
      co_await exchange_.reply(std::move(whole));
      co_return;
    }
    if (!flush()) co_await exchange_.drained();
    co_await exchange_.end();
  }

  http::Exchange& exchange_;
  Service& service_;
  std::unique_ptr<Writer> writer_;
  std::vector<std::unique_ptr<Step>> steps_;
  std::shared_ptr<Beats> beats_;
  std::string out_;                 // not yet sent
  std::optional<ApiError> failure_;
  std::size_t open_;                // steps that have not ended
  std::size_t said_bytes_ = 0;      // by the steps
  bool first_ = true;
  std::chrono::steady_clock::time_point asked_ = std::chrono::steady_clock::now();
};

}  // namespace

asio::awaitable<void> answer_with_steps(http::Exchange& exchange, Service& service, Start start) {
  auto place = service.enter();
  if (!place) {
    http::Reply full = to_reply(overloaded(service));
    co_await exchange.reply(std::move(full));
    co_return;
  }
  auto beats = std::make_shared<Beats>(service.executor());
  exchange.on_gone([beats] { beats->send({0, Gone{}}); });
  auto prepare = [&] { return start(beats); };
  Parsed<Answer> answer = co_await elsewhere(service.workers(), service.executor(), prepare);
  if (!answer) {
    http::Reply refusal = to_reply(answer.error());
    co_await exchange.reply(std::move(refusal));
    co_return;
  }
  exchange.on_silence([beats] { beats->send({0, Silence{}}); });
  Answering work(exchange, service, std::move(*answer), beats);
  co_await work.run();
}

}  // namespace praxis::agent::api
