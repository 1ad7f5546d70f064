#include "agent/model/remote.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <future>
#include <thread>

#include "agent/model/remote_check.h"
#include "agent/model/remote_delivery.h"
#include "agent/model/remote_request.h"
#include "agent/model/remote_stream.h"
#include "agent/model/stop_text.h"
#include "tools/text.h"
#include "tools/url.h"

namespace praxis::agent {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using tools::HttpErrorCode;
using tools::HttpReply;

namespace {

constexpr std::size_t kHostBytesMax = 200;

/// FNV-1a, 64 bits: a name, not a secret.
std::string digest(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3;
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(hash));
  return hex;
}

double cost_of(const Usage& usage, const RemotePrices& prices) {
  const auto cached = static_cast<double>(std::min(usage.cached_tokens, usage.prompt_tokens));
  const double fresh = static_cast<double>(usage.prompt_tokens) - cached;
  return (fresh * prices.input + cached * prices.input_cached + static_cast<double>(usage.output_tokens) * prices.output) / 1e6;
}

/// What the server's finish reason means; the reasons are OpenAI's, DeepSeek's and vLLM's.
enum class Ending : std::uint8_t { whole, cut, failed };
Ending ending_of(const std::string& reason) {
  if (reason == "length") return Ending::cut;
  for (const char* bad : {"content_filter", "insufficient_system_resource", "aborted", "abort", "error"})
    if (reason == bad) return Ending::failed;
  return Ending::whole;
}

/// A failure, and whether asking again may help.
struct Failure {
  Error error;
  bool again = false;
  std::optional<std::uint64_t> asked_ms;
};

Failure failure_of(const tools::HttpError& error, const std::string& where) {
  Failure out;
  out.error = {ErrorCode::unavailable, error.what, where};
  switch (error.code) {
    case HttpErrorCode::unreachable:
    case HttpErrorCode::cut_off: out.again = true; break;
    case HttpErrorCode::too_large: out.error.code = ErrorCode::limit; break;
    case HttpErrorCode::bad_request:
    case HttpErrorCode::refused_address: out.error.code = ErrorCode::bad_request; break;
    default: break;
  }
  return out;
}

Failure failure_of(const HttpReply& reply, const std::string& where) {
  Failure out;
  const unsigned status = reply.status;
  out.error = {ErrorCode::internal, "status " + std::to_string(status) + ": " + server_message(reply.body), where};
  if (status == 429 || status >= 500) {
    out.error.code = ErrorCode::unavailable;
    out.again = true;
    if (const std::string* after = reply.find("Retry-After")) out.asked_ms = read_retry_after(*after, std::time(nullptr));
  } else if (status == 401 || status == 403 || status == 404 || status == 402) {
    out.error.code = ErrorCode::bad_model;
    if (status == 401 || status == 403) out.error.what += " (--engine-key-env names the variable that holds the key)";
    if (status == 404) out.error.what += " (is the model's id right? --engine-model)";
  } else if (status == 400 || status == 422) {
    out.error.code = ErrorCode::bad_request;
  } else if (status >= 300 && status < 400) {
    out.error.what = "redirects with status " + std::to_string(status) + "; give the address it points to";
  }
  return out;
}

// --- the engine: one event loop, one client ----------------------------------------------------------

/// What all steps share. Everything but the options is used on the loop's thread only.
class RemoteEngine {
 public:
  explicit RemoteEngine(const RemoteOptions& given)
      : options(given), http(context.get_executor(), given.http), thread_([this] { context.run(); }) {}
  ~RemoteEngine() {
    context.stop();
    thread_.join();
  }

  tools::HttpRequest request(std::string method, const std::string& url) const {
    tools::HttpRequest out;
    out.method = std::move(method);
    out.url = url;
    out.limits = options.limits;
    if (!options.key.empty()) out.headers.emplace_back("Authorization", "Bearer " + options.key);
    return out;
  }

  /// What the options say of the server, completed by what it says itself; asked once.
  asio::awaitable<Result<RemoteServer>> server(tools::HttpStop stop) {
    if (known_) co_return *known_;
    RemoteServer found;
    found.model = options.model;
    std::optional<RemoteApi> api = options.api;
    if (!api || found.model.empty()) {
      auto models = co_await ask(base + "/models", stop);
      if (!models) co_return tl::unexpected(models.error());
      if (models->status == 401 || models->status == 403) co_return tl::unexpected(failure_of(*models, where).error);
      if (models->status == 429 || models->status >= 500) co_return tl::unexpected(failure_of(*models, where).error);
      const auto told = models->ok() ? api_from_models(models->body, found.model) : std::nullopt;
      if (!api) api = told;
    }
    if (!api) {
      auto recognised = co_await recognise(stop);
      if (!recognised) co_return tl::unexpected(recognised.error());
      api = *recognised;
    }
    found.api = *api;
    if (found.api == RemoteApi::vllm) {
      auto version = co_await ask(root + "/version", stop);
      if (!version) co_return tl::unexpected(version.error());
      found.guided = version->ok() && has_guided_fields(version_in(version->body));
    }
    if (found.model.empty()) co_return tl::unexpected(Error{ErrorCode::bad_request, "the server lists no models; name one (--engine-model)", where});
    known_ = found;
    co_return found;
  }

  const RemoteOptions options;
  std::string base, root, where;  // …/v1, the same without it, and as messages show it
  SchemaChecks schemas;
  asio::io_context context{1};

 private:
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(context);

  asio::awaitable<Result<HttpReply>> ask(std::string url, tools::HttpStop stop) {
    tools::HttpRequest get = request("GET", url);
    auto reply = co_await http.fetch(std::move(get), {}, stop);
    if (!reply) co_return tl::unexpected(failure_of(reply.error(), where).error);
    co_return std::move(*reply);
  }

  /// Servers that do not say their name among their models.
  asio::awaitable<Result<RemoteApi>> recognise(tools::HttpStop stop) {
    auto props = co_await ask(root + "/props", stop);
    if (!props) co_return tl::unexpected(props.error());
    if (props->ok() && is_llamacpp(props->body)) co_return RemoteApi::llamacpp;
    auto ollama = co_await ask(root + "/api/version", stop);
    if (!ollama) co_return tl::unexpected(ollama.error());
    if (ollama->ok() && !version_in(ollama->body).empty()) co_return RemoteApi::ollama;
    auto vllm = co_await ask(root + "/version", stop);
    if (!vllm) co_return tl::unexpected(vllm.error());
    if (vllm->ok() && !version_in(vllm->body).empty()) co_return RemoteApi::vllm;
    co_return RemoteApi::openai;
  }

 public:
  tools::HttpClient http;

 private:
  std::optional<RemoteServer> known_;
  std::thread thread_;
};

// --- one step ----------------------------------------------------------------------------------------

/// A step under way. Lives on the engine's thread; only cancel() and wait() are for others.
class RemoteRun {
 public:
  RemoteRun(RemoteEngine& engine, StepInput input, RemoteCheck check, Model::OnDelta on_delta, Model::OnDone on_done)
      : engine_(engine),
        input_(std::move(input)),
        check_(std::move(check)),
        delivery_(check_, input_.settings, [this, on_delta = std::move(on_delta)](ParsedDelta delta) {
          if (!first_delta_) first_delta_ = Clock::now();
          on_delta(std::move(delta));
        }),
        on_done_(std::move(on_done)),
        backoff_(engine.options.backoff, engine.options.seed),
        timer_(engine.context) {}

  static void start(const std::shared_ptr<RemoteRun>& run) {
    asio::co_spawn(run->engine_.context, play(run), asio::detached);
  }
  void cancel() {
    cancelled_ = true;
    stop_.request();
  }
  static void wake(const std::shared_ptr<RemoteRun>& run) {
    asio::post(run->engine_.context, [run] { run->timer_.cancel(); });
  }
  void wait() { over_.get_future().wait(); }

 private:
  static asio::awaitable<void> play(std::shared_ptr<RemoteRun> run) {
    auto output = co_await run->answer();
    if (run->cancelled_) {
      output = StepOutput();
      output->finish = engine::Finish::cancelled;
      run->finish_usage(*output);
    }
    run->on_done_(std::move(output));
    run->over_.set_value();
  }

  /// Asks until an answer is accepted, at most 1 + retries_invalid_max times.
  asio::awaitable<Result<StepOutput>> answer() {
    auto server = co_await known_server();
    if (!server) co_return tl::unexpected(server.error());
    form_.server = *server;
    form_.reasoning_effort = engine_.options.reasoning_effort;
    form_.recommended = engine_.options.recommended;
    if (!form_.recommended && server->api != RemoteApi::openai) form_.recommended = Recommended();
    for (std::uint32_t refusals = 0;; ++refusals) {
      auto end = co_await ask();
      if (!end) co_return tl::unexpected(end.error());
      const bool cut = ending_of(end->reason) == Ending::cut;
      const std::string why = delivery_.conclude(cut, stop_text_.found().has_value());
      if (why.empty()) co_return accepted(cut);
      if (cut)
        co_return tl::unexpected(Error{ErrorCode::limit, "the answer was cut at the output budget (--max-tokens) before it was whole: " + why, engine_.where});
      if (refusals == engine_.options.retries_invalid_max)
        co_return tl::unexpected(Error{ErrorCode::internal, "the model's answer was refused " + std::to_string(refusals + 1) + " times: " + why, engine_.where});
      warnings_.push_back("the model was asked again: " + why);
      form_.answer_only = delivery_.refused_answer();
      for (Message& message : delivery_.ask_again(why)) input_.messages.push_back(std::move(message));
    }
  }

  asio::awaitable<Result<RemoteServer>> known_server() {
    while (true) {
      auto server = co_await engine_.server(stop_);
      if (server || server.error().code != ErrorCode::unavailable) co_return server;
      if (!co_await pause(std::nullopt)) co_return server;
    }
  }

  /// One answer, whatever it is worth; asked for again where the server could not be reached or was
  /// overloaded, as long as nothing was reported.
  asio::awaitable<Result<RemoteEnd>> ask() {
    const bool required = check_.call_required();
    const RemoteRequest request = remote_request(input_, check_.tools(), required, form_);
    tools::HttpRequest post = engine_.request("POST", (form_.server.api == RemoteApi::ollama ? engine_.root : engine_.base) + request.target);
    post.headers.emplace_back("Content-Type", "application/json");
    post.headers.emplace_back("Accept", "text/event-stream, application/x-ndjson, application/json");
    post.body = request.body;
    while (true) {
      stream_.reset();
      failure_.reset();
      stop_text_ = StopText(input_.settings.stop);
      asked_at_ = Clock::now();
      auto reply = co_await engine_.http.fetch(post, [this](const HttpReply& head, std::string_view bytes) { return read(head, bytes); }, stop_);
      auto end = judge(reply);
      if (end) co_return end;
      const bool again = failure_->again && !delivery_.reported();
      if (!again || !co_await pause(failure_->asked_ms)) co_return end;
      warnings_.push_back("the server was asked again: " + end.error().what);
      delivery_.restart();
    }
  }

  /// False: no more tries, or the step was cancelled.
  asio::awaitable<bool> pause(std::optional<std::uint64_t> asked_ms) {
    const auto wait_ms = backoff_.next(asked_ms);
    if (!wait_ms || cancelled_) co_return false;
    timer_.expires_after(std::chrono::milliseconds(*wait_ms));
    (void)co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return !cancelled_;
  }

  /// Bytes of a streamed answer; false: no more of them.
  bool read(const HttpReply& head, std::string_view bytes) {
    if (cancelled_) return false;
    if (!stream_) {
      const std::string* type = head.find("Content-Type");
      stream_.emplace(EventStream::framing_of(type ? *type : ""), engine_.options.think_opened);
    }
    return deliver(stream_->push(bytes));
  }

  bool deliver(Result<std::vector<ParsedDelta>> deltas) {
    if (!deltas) {
      failure_ = Failure{{deltas.error().code, deltas.error().what, engine_.where}, false, std::nullopt};
      return false;
    }
    for (ParsedDelta& delta : *deltas) take(stop_text_.push(std::move(delta)));
    return !stop_text_.found();
  }
  void take(std::vector<ParsedDelta> deltas) {
    for (ParsedDelta& delta : deltas) delivery_.take(std::move(delta));
  }

  /// How an exchange ended. On failure `failure_` is set.
  Result<RemoteEnd> judge(const tools::HttpResult<HttpReply>& reply) {
    const bool cut_off = !reply && reply.error().code == HttpErrorCode::cut_off && stream_;
    if (!reply && !cut_off) return fail(failure_of(reply.error(), engine_.where));
    if (reply && !reply->ok()) return fail(failure_of(*reply, engine_.where));
    if (!failure_ && stream_ && !stop_text_.found()) deliver(stream_->finish());
    if (failure_) return fail(*failure_);
    take(stop_text_.finish());
    if (!stream_ || (!stream_->end().ended && !stop_text_.found()))
      return fail({{ErrorCode::unavailable, "the connection ended in the middle of the answer", engine_.where}, true, std::nullopt});
    add_usage(stream_->end().usage);
    if (const std::string& reason = stream_->end().reason; ending_of(reason) == Ending::failed)
      return fail({{ErrorCode::unavailable, "the server ended the answer early: " + tools::one_line(reason, 40), engine_.where},
                   reason == "insufficient_system_resource", std::nullopt});
    return stream_->end();
  }

  Result<RemoteEnd> fail(Failure failure) {
    failure_ = std::move(failure);
    return tl::unexpected(failure_->error);
  }

  void add_usage(Usage usage) {
    const auto now = Clock::now(), first = first_delta_.value_or(now);
    const auto seconds = [](auto duration) { return std::max(0.0, std::chrono::duration<double>(duration).count()); };
    if (usage.prefill_seconds == 0 && usage.decode_seconds == 0) {
      usage.prefill_seconds = seconds(first - asked_at_);
      usage.decode_seconds = seconds(now - std::max(first, asked_at_));
    }
    usage_.add(usage);
  }

  void finish_usage(StepOutput& output) {
    output.usage = usage_;
    output.usage.steps = 1;
    output.usage.cost = cost_of(usage_, engine_.options.prices);
    output.warnings = std::move(warnings_);
    for (std::string& warning : delivery_.warnings) output.warnings.push_back(std::move(warning));
  }

  Result<StepOutput> accepted(bool cut) {
    StepOutput output;
    output.finish = cut ? engine::Finish::length : engine::Finish::stop;
    output.stopped_by = stop_text_.found();
    finish_usage(output);
    return output;
  }

  RemoteEngine& engine_;
  StepInput input_;
  RemoteCheck check_;
  RemoteDelivery delivery_;
  Model::OnDone on_done_;
  Backoff backoff_;
  asio::steady_timer timer_;
  tools::HttpStop stop_;
  std::atomic<bool> cancelled_ = false;
  std::promise<void> over_;
  RequestForm form_;
  std::optional<RemoteStream> stream_;
  StopText stop_text_{{}};
  std::optional<Failure> failure_;
  Clock::time_point asked_at_;
  std::optional<Clock::time_point> first_delta_;
  Usage usage_;
  std::vector<std::string> warnings_;
};

class RemoteStep final : public Step {
 public:
  explicit RemoteStep(std::shared_ptr<RemoteRun> run) : run_(std::move(run)) {}
  ~RemoteStep() override {
    cancel();
    run_->wait();
  }
  void cancel() override {
    run_->cancel();
    RemoteRun::wake(run_);
  }

 private:
  std::shared_ptr<RemoteRun> run_;
};

// --- the model ---------------------------------------------------------------------------------------

class Remote final : public RemoteModel {
 public:
  Remote(const RemoteOptions& options, const tools::Url& url) : engine_(options) {
    std::string path = url.target.substr(0, url.target.find('?'));
    while (!path.empty() && path.back() == '/') path.pop_back();
    if (path.empty()) path = "/v1";
    engine_.base = url.origin() + path;
    const bool versioned = path.size() >= 3 && path.compare(path.size() - 3, 3, "/v1") == 0;
    engine_.root = url.origin() + (versioned ? path.substr(0, path.size() - 3) : path);
    engine_.where = tools::one_line(url.origin(), kHostBytesMax);
    fingerprint_ = "remote-" + digest(engine_.base + "\n" + options.model);
    name_ = options.model.empty() ? engine_.where : options.model;
  }

  std::string_view fingerprint() const override { return fingerprint_; }
  std::string_view name() const override { return name_; }
  Recommended recommended() const override { return engine_.options.recommended.value_or(Recommended()); }

  std::string refuse_tool(const ToolText& tool) override {
    auto check = engine_.schemas.get(parameters_schema(tool.schema));
    return check ? std::string() : check.error().where + ": " + check.error().what;
  }

  Result<std::unique_ptr<Step>> start(const StepInput& input, OnDelta delta, OnDone done) override {
    if (auto inside = check(input.settings); !inside) return tl::unexpected(inside.error());
    auto checks = RemoteCheck::create(input, engine_.schemas);
    if (!checks) return tl::unexpected(checks.error());
    auto run = std::make_shared<RemoteRun>(engine_, input, std::move(*checks), std::move(delta), std::move(done));
    auto step = std::make_unique<RemoteStep>(run);
    RemoteRun::start(run);
    return step;
  }

  Result<RemoteServer> probe() override {
    std::promise<Result<RemoteServer>> told;
    asio::co_spawn(engine_.context, engine_.server({}), [&](std::exception_ptr, Result<RemoteServer> server) { told.set_value(std::move(server)); });
    return told.get_future().get();
  }

 private:
  RemoteEngine engine_;
  std::string fingerprint_, name_;
};

}  // namespace

Result<std::unique_ptr<RemoteModel>> RemoteModel::open(const RemoteOptions& options) {
  auto url = tools::read_url(options.url);
  if (!url) return tl::unexpected(Error{ErrorCode::bad_request, url.error().what, "engine url"});
  const auto is_control = [](unsigned char c) { return c <= 0x20 || c >= 0x7f; };
  if (std::any_of(options.key.begin(), options.key.end(), is_control))
    return tl::unexpected(Error{ErrorCode::bad_request, "the key holds a blank, a line break or another character that no key has", "engine key"});
  return std::make_unique<Remote>(options, *url);
}

}  // namespace praxis::agent
