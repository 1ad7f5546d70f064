#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/cpu/forward.h"
#include "engine/kv.h"
#include "engine/model.h"

namespace praxis::engine {

struct Ticket::State {
  std::atomic<bool> cancelled{false};
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;                         // the engine has let go of the request
  std::optional<Result<Generation>> result;  // taken by wait()

  void finish(Result<Generation> value) {
    std::lock_guard lock(mutex);
    result = std::move(value);
    done = true;
    changed.notify_all();
  }
};

Ticket::Ticket() = default;
Ticket::Ticket(std::shared_ptr<State> state) : state_(std::move(state)) {}
Ticket::Ticket(Ticket&&) noexcept = default;

Ticket& Ticket::operator=(Ticket&& other) noexcept {
  Ticket old(std::move(*this));  // cancelled and waited for on return
  state_ = std::move(other.state_);
  return *this;
}

Ticket::~Ticket() {
  if (!state_) return;
  cancel();
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->done; });
}

void Ticket::cancel() {
  if (state_) state_->cancelled.store(true, std::memory_order_relaxed);
}

Result<Generation> Ticket::wait() {
  if (!state_)
    return tl::unexpected(Error{ErrorCode::bad_request, "there is no request", "ticket"});
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->done; });
  if (!state_->result) {
    return tl::unexpected(Error{ErrorCode::bad_request, "its result was taken already", "ticket"});
  }
  auto result = *std::move(state_->result);
  state_->result.reset();
  return result;
}

namespace {

constexpr std::uint32_t kChunkMax = 8192;              // prefill_chunk_tokens
constexpr std::uint64_t kLogitsBytesMax = 4ull << 30;  // of one logits() call

Error bad_request(std::string where, std::string what, ErrorCode code = ErrorCode::bad_request) {
  return Error{code, std::move(what), std::move(where)};
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Loaded {
  Config config;
  Weights weights;
  Tokenizer tokenizer;
  ModelInfo info;
};

class CpuEngine final : public Engine {
 public:
  CpuEngine(std::unique_ptr<Loaded> model, std::unique_ptr<Kv> kv, const Options& options)
      : model_(std::move(model)),
        kv_(std::move(kv)),
        forward_(model_->config, model_->weights, options.prefill_chunk_tokens, options.threads),
        logits_(model_->config.vocab_size),
        mask_((model_->config.vocab_size + 31) / 32),
        worker_([this] { work(); }) {}

  ~CpuEngine() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    worker_.join();
  }

  const ModelInfo& info() const override { return model_->info; }
  const Tokenizer& tokenizer() const override { return model_->tokenizer; }

  Ticket submit(Request request) override {
    auto state = std::make_shared<Ticket::State>();
    auto shared = std::make_shared<Request>(std::move(request));
    if (auto error = refusal(*shared)) {
      enqueue([shared, state, error = *std::move(error)]() mutable {
        finish(std::move(shared), *state, tl::unexpected(std::move(error)));
      });
    } else {
      enqueue([this, shared, state]() mutable { serve(std::move(shared), *state); });
    }
    return Ticket(std::move(state));
  }

  Result<std::vector<float>> logits(std::span<const TokenId> tokens) override {
    if (auto error = refusal(tokens)) return tl::unexpected(*std::move(error));
    std::vector<float> out(tokens.size() * model_->config.vocab_size);
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    enqueue([&] {
      every_logit(tokens, out);
      std::lock_guard lock(mutex);
      done = true;
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return done; });
    return out;
  }

  std::uint32_t cached_prefix(std::span<const Token> prefix) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !settling_; });
    return kv_->cached_prefix(prefix);
  }

 private:
  std::optional<Error> outside_vocabulary(TokenId id, const std::string& where) const {
    const auto size = model_->config.vocab_size;
    if (id >= 0 && static_cast<std::uint32_t>(id) < size) return std::nullopt;
    return bad_request(
        where, "is " + std::to_string(id) + ", outside the vocabulary of " + std::to_string(size));
  }

  std::optional<Error> refusal(const Request& r) const {
    if (r.prefix.empty()) return bad_request("prefix", "is empty; give at least one token");
    const auto limit = model_->info.context_tokens_max;
    if (r.prefix.size() > limit) {
      return bad_request("prefix",
                         "has " + std::to_string(r.prefix.size()) + " tokens; the context holds " +
                             std::to_string(limit),
                         ErrorCode::too_long);
    }
    for (std::size_t i = 0; i < r.prefix.size(); ++i) {
      if (auto e = outside_vocabulary(r.prefix[i].id, "prefix[" + std::to_string(i) + "]"))
        return e;
    }
    for (std::size_t i = 0; i < r.stop.size(); ++i) {
      if (auto e = outside_vocabulary(r.stop[i], "stop[" + std::to_string(i) + "]")) return e;
    }
    if (r.logprobs && *r.logprobs > kTopLogprobsMax) {
      return bad_request("logprobs", "is " + std::to_string(*r.logprobs) + "; the limit is " +
                                         std::to_string(kTopLogprobsMax));
    }
    return refusal(r.sampling);
  }

  std::optional<Error> refusal(const Sampling& s) const {
    if (!(s.temperature >= 0) || !std::isfinite(s.temperature)) {
      return bad_request("sampling.temperature", "must be a number from 0 up");
    }
    if (!(s.top_p >= 0 && s.top_p <= 1))
      return bad_request("sampling.top_p", "must be from 0 to 1");
    if (!(s.min_p >= 0 && s.min_p <= 1))
      return bad_request("sampling.min_p", "must be from 0 to 1");
    if (!std::isfinite(s.presence_penalty))
      return bad_request("sampling.presence_penalty", "must be a finite number");
    if (!std::isfinite(s.frequency_penalty))
      return bad_request("sampling.frequency_penalty", "must be a finite number");
    for (std::size_t i = 0; i < s.bias.size(); ++i) {
      const std::string where = "sampling.bias[" + std::to_string(i) + "]";
      if (auto e = outside_vocabulary(s.bias[i].token, where)) return e;
      if (!std::isfinite(s.bias[i].bias)) return bad_request(where, "must be a finite number");
    }
    return std::nullopt;
  }

  std::optional<Error> refusal(std::span<const TokenId> tokens) const {
    if (tokens.empty()) return bad_request("tokens", "is empty; give at least one token");
    const std::uint64_t bytes =
        tokens.size() * std::uint64_t{model_->config.vocab_size} * sizeof(float);
    if (tokens.size() > model_->config.positions_max || bytes > kLogitsBytesMax) {
      return bad_request("tokens",
                         "has " + std::to_string(tokens.size()) + " tokens; the limit is " +
                             std::to_string(model_->config.positions_max) + " tokens and " +
                             std::to_string(kLogitsBytesMax) + " bytes of logits",
                         ErrorCode::too_long);
    }
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (auto e = outside_vocabulary(tokens[i], "tokens[" + std::to_string(i) + "]")) return e;
    }
    return std::nullopt;
  }

  void enqueue(std::function<void()> job) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(job));
    }
    changed_.notify_all();
  }

  // Whatever was queued is answered, when stopping too: then requests end as cancelled at once.
  void work() {
    while (true) {
      std::function<void()> job;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        job = std::move(queue_.front());
        queue_.pop_front();
      }
      job();
    }
  }

  bool ended(const Ticket::State& state) const {
    return state.cancelled.load(std::memory_order_relaxed) ||
           stopping_.load(std::memory_order_relaxed);
  }

  // The answer goes out before the last tokens enter the cache: they are for the next turn, and
  // cached_prefix() waits for them.
  void serve(std::shared_ptr<Request> request, Ticket::State& state) {
    {
      const auto length = static_cast<std::uint32_t>(request->prefix.size());
      const std::uint32_t tokens_max = std::min(request->tokens_max, context_left(length));
      // The last token's logits are not kept, so it is run again when something is to follow it.
      Kv::Timeline timeline(*kv_, request->prefix, tokens_max > 0 ? length - 1 : length);
      Decoding decoding{*request, state, timeline, tokens_max};
      auto result = generate(decoding);
      const bool settle = result && result->finish != Finish::cancelled;
      settling(true);
      finish(std::move(request), state, std::move(result));
      if (settle) feed(timeline, decoding.pending, {}, nullptr);
    }
    settling(false);
  }

  /// The callbacks may refer to what the caller destroys next, so they go before the ticket is let
  /// go.
  static void finish(std::shared_ptr<Request> request, Ticket::State& state,
                     Result<Generation> result) {
    if (request->on_finish) request->on_finish(result);
    request.reset();
    state.finish(std::move(result));
  }

  std::uint32_t context_left(std::uint32_t length) const {
    return model_->info.context_tokens_max - length;
  }

  void settling(bool value) {
    {
      std::lock_guard lock(mutex_);
      settling_ = value;
    }
    changed_.notify_all();
  }

  /// A request while it is served. `request` is gone once it is finished.
  struct Decoding {
    const Request& request;
    const Ticket::State& state;
    Kv::Timeline& timeline;
    std::uint32_t tokens_max = 0;
    std::vector<Decoded> out{};
    std::vector<Token> pending{};  // of `out`, not run yet
    Counts counts{};               // of `out`, while a penalty asks for them
  };
  enum class Fed { all, cancelled, no_room };

  Result<Generation> generate(Decoding& d);
  Result<Finish> decode(Decoding& d);
  using Over = std::optional<Finish>;  // none: it goes on
  Result<Over> force(Decoding& d, std::span<const TokenId> forced);
  Result<Over> draw(Decoding& d);
  Result<Over> run_pending(Decoding& d);
  Result<TokenId> choose(const Decoding& d);
  bool take(Decoding& d, TokenId id, bool forced);
  std::span<const float> adjusted(const Decoding& d);
  Fed feed(Kv::Timeline& timeline, std::span<const Token> tokens, std::span<float> logits,
           const Ticket::State* state);
  void every_logit(std::span<const TokenId> tokens, std::span<float> logits);

  const std::unique_ptr<Loaded> model_;
  const std::unique_ptr<Kv> kv_;
  // The worker's own:
  cpu::Forward forward_;
  std::vector<float> logits_;        // (vocab_size) after the newest token
  std::vector<float> adjusted_;      // (vocab_size) the same with bias and penalties
  std::vector<std::uint32_t> mask_;  // bit i: token i may follow
  std::vector<TokenId> ids_;         // of one pass

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::atomic<bool> stopping_{false};
  bool settling_ = false;  // a finished request's last tokens are entering the cache
  std::thread worker_;
};

// Runs tokens in passes of one role each and leaves the logits after the last in `logits`, when it
// is not empty.
CpuEngine::Fed CpuEngine::feed(Kv::Timeline& timeline, std::span<const Token> tokens,
                               std::span<float> logits, const Ticket::State* state) {
  while (!tokens.empty()) {
    if (state && ended(*state)) return Fed::cancelled;
    const Role role = tokens.front().role;
    ids_.clear();
    for (const Token& t :
         tokens.first(std::min<std::size_t>(tokens.size(), forward_.tokens_max()))) {
      if (t.role != role) break;
      ids_.push_back(t.id);
    }
    if (!timeline.reserve(static_cast<std::uint32_t>(ids_.size()))) return Fed::no_room;
    const bool last = ids_.size() == tokens.size();
    forward_.run({ids_, timeline.size(), role, timeline.blocks()},
                 last ? logits : std::span<float>());
    timeline.commit(tokens.first(ids_.size()));
    tokens = tokens.subspan(ids_.size());
  }
  return Fed::all;
}

tl::unexpected<Error> no_memory() {
  return tl::unexpected(Error{ErrorCode::internal, "no memory is left for the KV cache", "kv"});
}

Result<Generation> CpuEngine::generate(Decoding& d) {
  const auto start = std::chrono::steady_clock::now();
  Generation g;
  g.prompt_tokens = static_cast<std::uint32_t>(d.request.prefix.size());
  g.cached_tokens = d.timeline.size();
  const auto rest = std::span(d.request.prefix).subspan(d.timeline.size());
  const Fed fed = feed(d.timeline, rest, d.tokens_max > 0 ? logits_ : std::span<float>(), &d.state);
  if (fed == Fed::no_room) return no_memory();
  g.prefill_seconds = seconds_since(start);
  if (fed == Fed::cancelled) {
    g.finish = Finish::cancelled;
    return g;
  }
  const auto decode_start = std::chrono::steady_clock::now();
  const auto finish = decode(d);
  if (!finish) return tl::unexpected(finish.error());
  g.finish = *finish;
  g.tokens = std::move(d.out);
  g.decode_seconds = seconds_since(decode_start);
  return g;
}

// A token is reported first and run when the logits after it are wanted, together with what is
// forced after it: a sampled token and the forced ones behind it are one pass.
Result<Finish> CpuEngine::decode(Decoding& d) {
  Constraint* constraint = d.request.constraint.get();
  while (true) {
    if (ended(d.state)) return Finish::cancelled;
    std::vector<TokenId> forced;
    if (constraint) {
      if (constraint->finished()) return Finish::stop;
      forced = constraint->forced();
    }
    if (forced.empty() && d.out.size() >= d.tokens_max) return Finish::length;
    const std::size_t first = d.out.size();
    const auto over = forced.empty() ? draw(d) : force(d, forced);
    if (d.request.on_tokens && first < d.out.size())
      d.request.on_tokens(std::span(d.out).subspan(first));
    if (!over) return tl::unexpected(over.error());
    if (*over) return **over;
  }
}

Result<CpuEngine::Over> CpuEngine::force(Decoding& d, std::span<const TokenId> forced) {
  for (const TokenId id : forced) {
    if (d.out.size() >= d.tokens_max) return Finish::length;
    if (auto error = outside_vocabulary(id, "constraint: forced token")) {
      error->code = ErrorCode::internal;
      return tl::unexpected(*std::move(error));
    }
    if (d.request.logprobs) {
      if (auto over = run_pending(d); !over || *over) return over;
    }
    if (take(d, id, true)) return Finish::stop;
  }
  return std::nullopt;
}

Result<CpuEngine::Over> CpuEngine::draw(Decoding& d) {
  if (auto over = run_pending(d); !over || *over) return over;
  const auto id = choose(d);
  if (!id) return tl::unexpected(id.error());
  if (d.request.constraint) d.request.constraint->accept(*id);
  if (take(d, *id, false)) return Finish::stop;
  return std::nullopt;
}

/// Leaves the logits after the last token in `logits_`.
Result<CpuEngine::Over> CpuEngine::run_pending(Decoding& d) {
  const Fed fed = feed(d.timeline, d.pending, logits_, &d.state);
  if (fed == Fed::no_room) return no_memory();
  if (fed == Fed::cancelled) return Finish::cancelled;
  d.pending.clear();
  return std::nullopt;
}

/// True if the token ends the generation. With logprobs wanted, `logits_` are those before it.
bool CpuEngine::take(Decoding& d, TokenId id, bool forced) {
  const Request& r = d.request;
  Decoded token{id, forced, nullptr};
  if (r.logprobs) token.logprobs = std::make_shared<Logprobs>(logprobs(logits_, id, *r.logprobs));
  d.out.push_back(std::move(token));
  d.pending.push_back({id, Role::decoded});
  if (r.sampling.presence_penalty != 0 || r.sampling.frequency_penalty != 0) ++d.counts[id];
  return std::find(r.stop.begin(), r.stop.end(), id) != r.stop.end();
}

Result<TokenId> CpuEngine::choose(const Decoding& d) {
  const std::uint64_t position = d.request.prefix.size() + d.out.size();
  std::span<const std::uint32_t> mask;
  if (d.request.constraint) {
    std::fill(mask_.begin(), mask_.end(), 0u);
    d.request.constraint->mask(mask_);
    mask = mask_;
  }
  const TokenId id = sample(adjusted(d), mask, d.request.sampling, position);
  if (id >= 0) return id;
  return tl::unexpected(Error{ErrorCode::internal,
                              "allows no token at position " + std::to_string(position),
                              "constraint"});
}

/// The logits themselves where nothing is added to them.
std::span<const float> CpuEngine::adjusted(const Decoding& d) {
  if (d.request.sampling.bias.empty() && d.counts.empty()) return logits_;
  adjusted_ = logits_;
  adjust(adjusted_, d.request.sampling, d.counts);
  return adjusted_;
}

void CpuEngine::every_logit(std::span<const TokenId> tokens, std::span<float> logits) {
  const Config& c = model_->config;
  const std::size_t floats = std::size_t{c.layers} * Kv::kTokens * c.kv_width();
  const std::size_t vocab = c.vocab_size;
  std::vector<std::unique_ptr<float[]>> rows;
  std::vector<float*> blocks;
  for (std::size_t done = 0; done < tokens.size();) {
    const std::size_t n = std::min<std::size_t>(tokens.size() - done, forward_.tokens_max());
    while (blocks.size() * Kv::kTokens < done + n) {
      rows.emplace_back(new float[floats]);
      blocks.push_back(rows.back().get());
    }
    forward_.run({tokens.subspan(done, n), static_cast<std::uint32_t>(done), Role::prompt, blocks},
                 logits.subspan(done * vocab, n * vocab));
    done += n;
  }
}

ModelInfo describe(const Config& c, const Weights& w, const Kv& kv, std::string fingerprint) {
  ModelInfo info;
  info.family = "deepseek_v3";
  info.fingerprint = std::move(fingerprint);
  info.parameters = w.parameters;
  info.parameters_active = w.parameters_active;
  info.weight_bytes = w.bytes;
  info.weights_type = w.type;
  info.kv_bytes_per_token = std::uint64_t{c.layers} * c.kv_width() * sizeof(float);
  info.layers = c.layers;
  info.hidden = c.hidden;
  info.heads = c.heads;
  info.vocab_size = c.vocab_size;
  info.context_tokens_max =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(c.positions_max, kv.tokens_max()));
  info.experts = c.experts;
  info.experts_per_token = c.experts_per_token;
  return info;
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::load(const Options& options) {
  if (options.prefill_chunk_tokens == 0 || options.prefill_chunk_tokens > kChunkMax) {
    return tl::unexpected(bad_request("prefill_chunk_tokens",
                                      "is " + std::to_string(options.prefill_chunk_tokens) +
                                          "; it must be from 1 to " + std::to_string(kChunkMax)));
  }
  if (options.threads > cpu::Team::kThreadsMax) {
    return tl::unexpected(bad_request("threads", "is " + std::to_string(options.threads) +
                                                     "; the limit is " +
                                                     std::to_string(cpu::Team::kThreadsMax)));
  }
  const auto progress = [&](double part) {
    if (options.progress) options.progress(part);
  };
  progress(0);
  const auto config_file = options.model / "config.json";
  auto text = read_config(config_file);
  if (!text) return tl::unexpected(text.error());
  auto config = parse_config(*text, config_file.string());
  if (!config) return tl::unexpected(config.error());
  auto tokenizer = Tokenizer::load(options.model / "tokenizer.json");
  if (!tokenizer) return tl::unexpected(tokenizer.error());
  if (tokenizer->size() > config->vocab_size) {
    return tl::unexpected(Error{ErrorCode::bad_file,
                                "has ids up to " + std::to_string(tokenizer->size() - 1) +
                                    "; config.json's vocab_size is " +
                                    std::to_string(config->vocab_size),
                                (options.model / "tokenizer.json").string()});
  }
  progress(0.2);
  auto weights =
      load_weights(options.model, *config, [&](double part) { progress(0.2 + 0.8 * part); });
  if (!weights) return tl::unexpected(weights.error());
  auto kv = Kv::make({config->layers, config->kv_width()}, options.kv_bytes_max);
  if (!kv) return tl::unexpected(kv.error());
  auto info = describe(*config, *weights, **kv, fingerprint(*text, *weights));
  auto loaded = std::unique_ptr<Loaded>(
      new Loaded{*std::move(config), *std::move(weights), *std::move(tokenizer), std::move(info)});
  std::unique_ptr<Engine> engine =
      std::make_unique<CpuEngine>(std::move(loaded), *std::move(kv), options);
  progress(1);
  return engine;
}

}  // namespace praxis::engine
