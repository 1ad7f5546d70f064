#pragma once
// A server behind the model's face: vLLM, SGLang, llama.cpp, Ollama, DeepSeek's API, OpenAI's, or
// Praxis itself. Its answers are checked by our grammar, whatever the server promised.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/model/backoff.h"
#include "agent/model/model.h"
#include "agent/model/remote_api.h"
#include "tools/http_client.h"

namespace praxis::agent {

/// Per million tokens, in any currency.
struct RemotePrices {
  double input = 0, input_cached = 0, output = 0;
};

struct RemoteOptions {
  std::string url;                          // http://host:8000/v1; without a path, /v1 is meant
  std::string model;                        // the server's id of it; empty: the first that it lists
  std::string key;                          // Authorization: Bearer; never in messages or logs
  std::optional<RemoteApi> api;             // unset: the server is asked
  bool think_opened = false;                // its template ends in <think>, and it does not split reasoning off
  std::string reasoning_effort;
  std::optional<Recommended> recommended;   // unset: R1's, except to openai, whose models have their own
  RemotePrices prices;
  std::uint32_t retries_invalid_max = 2;    // an answer that fails its check is asked for again
  BackoffLimits backoff;                    // 429, 5xx, no connection; before anything was reported
  std::uint64_t seed = 0;                   // of the jitter
  tools::HttpLimits limits = {10'000, 300'000, 3'600'000, 64 * 1024, 64 * 1024 * 1024, 64 * 1024, 0};
  tools::HttpOptions http;
};

class RemoteModel : public Model {
 public:
  /// Asks nobody yet. Refuses (bad_request) a URL that is none and a key that cannot be sent.
  static Result<std::unique_ptr<RemoteModel>> open(const RemoteOptions& options);
  /// Asks the server what it is and which models it has; waits for the answer. For checks.
  virtual Result<RemoteServer> probe() = 0;
};

}  // namespace praxis::agent
