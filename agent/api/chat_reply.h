#pragma once
// Deltas as Chat Completions sends them: chunks of a stream, or one object at the end.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/api/decoding.h"

namespace praxis::agent::api {

class ChatReply {
 public:
  ChatReply(const ChatRequest& request, std::string id, std::string model, std::string_view fingerprint, std::int64_t created);

  // A stream: server-sent events, appended to `out`.

  /// What a client learns before anything is said: that the connection is alive, and who speaks.
  void open(std::string& out) const;
  void delta(std::string& out, std::uint32_t choice, const ParsedDelta& delta);
  void finish(std::string& out, std::uint32_t choice, const StepOutput& output);
  /// After every choice has finished.
  void close(std::string& out) const;

  // The same without a stream.

  void add(std::uint32_t choice, const ParsedDelta& delta) { said_[choice].add(delta); }
  void add_finish(std::uint32_t choice, const StepOutput& output);
  std::string whole() const;

  bool finished() const { return open_ == 0; }
  const std::vector<Said>& said() const { return said_; }
  const std::string& id() const { return id_; }

 private:
  std::string_view finish_reason(std::uint32_t choice, const StepOutput& output) const;
  void chunk_head(std::string& out, std::uint32_t choice) const;

  std::string id_, model_;
  bool include_usage_, own_chunk_, logprobs_;
  std::string head_, whole_head_;             // what all chunks begin with; what the object begins with
  std::vector<Said> said_;
  std::vector<Usage> usage_;
  std::vector<std::string> finish_reasons_;
  std::uint32_t open_;                        // choices that have not finished
};

/// {"content":[{token, logprob, bytes, top_logprobs}]}, or null without any.
Json logprobs_json(const std::vector<TokenLogprob>& content, const std::vector<TokenLogprob>& reasoning);

}  // namespace praxis::agent::api
