#pragma once
// The engine's public face: load a model folder, submit a token prefix, receive tokens.
//
// The caller hands the full prefix every time; one worker thread owns the KV cache and decides
// what of it to reuse. What a token costs and how it is summed depends only on its role (prompt
// tokens: prefill path; generated and forced ones: decode path), so the same prefix with the same
// roles, seed and build gives the same bits, whatever was cached and however many threads run.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/sampler.h"
#include "engine/tokenizer.h"

namespace praxis::engine {

enum class Role : std::uint8_t { prompt, decoded };  // decoded: generated or forced

struct Token {
  TokenId id = 0;
  Role role = Role::prompt;
  bool operator==(const Token&) const = default;
};

/// The mask seam: what may follow, decided outside the engine. Called on the engine's thread only.
class Constraint {
 public:
  virtual ~Constraint() = default;
  /// Bit i (word i/32, bit i%32) = token i may follow. `bits` has ceil(vocab_size/32) words.
  virtual void mask(std::span<std::uint32_t> bits) = 0;
  /// Tokens that must follow now, in order; empty when there is a choice. They are accepted by
  /// this call (no accept() for them) and enter the model as one batch.
  virtual std::vector<TokenId> forced() = 0;
  /// The sampled token, one that mask() allowed.
  virtual void accept(TokenId id) = 0;
  /// True once nothing more may follow (the end token was accepted or forced).
  virtual bool finished() const = 0;
};

struct Decoded {
  TokenId id = 0;
  bool forced = false;
  std::shared_ptr<const Logprobs> logprobs;  // null unless the request asks for them
};

enum class Finish : std::uint8_t { stop, length, cancelled };

struct Generation {
  Finish finish = Finish::stop;
  std::vector<Decoded> tokens;
  std::uint32_t prompt_tokens = 0;   // prefix.size()
  /// Of these, not computed: the longest cached prefix, less the last token when all is cached and
  /// something is to follow (its logits are not kept).
  std::uint32_t cached_tokens = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
};

struct Request {
  std::vector<Token> prefix;            // not empty; BOS included by the caller
  Sampling sampling;
  std::uint32_t tokens_max = 4096;      // generated and forced together; 0 only fills the cache
  std::vector<TokenId> stop;            // ends the generation; the stop token is reported
  std::shared_ptr<Constraint> constraint;  // null: only `stop` and tokens_max bound the output
  /// Reports of every token what the model itself said of it, and so many of the most probable ones
  /// (0 to kTopLogprobsMax). A forced token has them too, though it was certain: forced ones then
  /// enter the model one by one, which costs time and changes no bit.
  std::optional<std::uint32_t> logprobs;
  /// Called on the engine's thread as tokens come; must not block and must not throw.
  std::function<void(std::span<const Decoded>)> on_tokens;
  /// Called on the engine's thread after the last on_tokens, exactly once, also for a refused
  /// request; must not block and must not throw. The ticket's wait() gives the same result.
  std::function<void(const Result<Generation>&)> on_finish;
};

/// A submitted request. Destroying it cancels the request and waits until its callbacks are over (so
/// not from the engine's thread). Every token of a result is in the KV cache for the next
/// turn, but the last ones reported before a cancellation.
class Ticket {
 public:
  Ticket();
  Ticket(Ticket&&) noexcept;
  Ticket& operator=(Ticket&&) noexcept;
  ~Ticket();
  void cancel();                  // takes effect at the next token; any thread
  Result<Generation> wait();      // blocks until finished, cancelled or failed; call once

  struct State;
  explicit Ticket(std::shared_ptr<State> state);

 private:
  std::shared_ptr<State> state_;
};

struct Options {
  std::filesystem::path model;                  // Hugging Face folder
  unsigned threads = 0;                         // 0: one per core
  std::uint32_t prefill_chunk_tokens = 128;
  std::uint64_t kv_bytes_max = 1ull << 30;
  std::function<void(double)> progress;         // 0..1 while loading
};

/// What `model info` prints.
struct ModelInfo {
  std::string family;                // "deepseek_v3"
  std::string fingerprint;           // hex digest of config, weights' header and some weights
  std::uint64_t parameters = 0, parameters_active = 0;
  std::uint64_t weight_bytes = 0, kv_bytes_per_token = 0;
  std::uint32_t layers = 0, hidden = 0, heads = 0, vocab_size = 0;
  std::uint32_t context_tokens_max = 0;  // what the model and kv_bytes_max allow
  std::uint32_t experts = 0, experts_per_token = 0;
  std::string weights_type;          // "BF16"
};

class Engine {
 public:
  /// Maps and checks the model. Errors name the file, the field or tensor, and what was expected.
  static Result<std::unique_ptr<Engine>> load(const Options& options);
  virtual ~Engine() = default;
  virtual const ModelInfo& info() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  /// Queues a request; requests are served in the order of submission. Bad requests (empty prefix,
  /// an id outside the vocabulary, more tokens than the context) fail in on_finish and wait().
  virtual Ticket submit(Request request) = 0;
  /// Logits of every position, (tokens, vocab_size) row-major, by the prefill path; touches no cache.
  virtual Result<std::vector<float>> logits(std::span<const TokenId> tokens) = 0;
  /// How many leading tokens of `prefix` are in the KV cache now (tests and usage reports).
  virtual std::uint32_t cached_prefix(std::span<const Token> prefix) = 0;
};

}  // namespace praxis::engine
