#pragma once
// Random values of a grammar as texts: to see what a schema admits, and to test with.

#include <cstdint>
#include <memory>
#include <string>

#include "grammar/compile.h"

namespace praxis::grammar {

struct SampleOptions {
  std::uint64_t seed = 0;
  std::uint32_t bytes_max = 2000;  // of one text
};

/// The 256 single bytes as tokens, byte b as id b: a vocabulary for walks without a model.
std::shared_ptr<const Vocabulary> byte_vocabulary();

/// Draws texts by walking masks byte by byte: words of letters more often than garbage, declared
/// keys more often than invented ones, sizes from the least to bytes_max. Not thread-safe.
class Sampler {
 public:
  /// `grammar` is compiled with byte_vocabulary(). Refuses a bytes_max that its shortest value is
  /// longer than (budget).
  static Result<Sampler> create(std::shared_ptr<const Grammar> grammar,
                                const SampleOptions& options = {});
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;
  ~Sampler();

  /// The next text: a sentence of the grammar of at most bytes_max bytes. The same grammar, options
  /// and number of calls before give the same text on every machine. Fails with limit where the
  /// grammar's own limits leave the walk without a way on.
  Result<std::string> next();
  /// One of the grammar's shortest texts, always the same.
  Result<std::string> shortest() const;

 private:
  struct State;
  explicit Sampler(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace praxis::grammar
