#pragma once
// A server's streamed answer, byte by byte, to deltas: chat completions as OpenAI, DeepSeek, vLLM,
// SGLang and llama.cpp send them, and Ollama's own form. Shapes are told apart by their keys, never
// by a model's name. Synchronous, and the same for every split of the bytes.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/dialect/dialect.h"
#include "agent/error.h"
#include "agent/event.h"
#include "agent/model/event_stream.h"
#include "agent/model/think_splitter.h"

namespace praxis::agent {

/// How an answer ended, once it has.
struct RemoteEnd {
  bool ended = false;   // a finish reason or the stream's end mark came
  std::string reason;   // finish_reason, done_reason: stop, length, tool_calls, …
  Usage usage;          // tokens; seconds where the server tells them
};

class RemoteStream {
 public:
  static constexpr std::size_t kCallsMax = 128;              // in one answer
  static constexpr std::size_t kArgumentsBytesMax = 1024 * 1024;  // of one call
  static constexpr std::size_t kJsonDepthMax = 64;

  /// `think_opened`: see ThinkSplitter.
  RemoteStream(EventStream::Framing framing, bool think_opened) : events_(framing), splitter_(think_opened) {}

  /// Reasoning and text as they come. A call comes whole, as its name, arguments and end, once the
  /// next one begins or the answer ends. Fails with the server's own words where it sends an error,
  /// and where what it sends is no JSON or beyond a limit.
  Result<std::vector<ParsedDelta>> push(std::string_view bytes);
  /// The rest. A call that the output budget cut is left out.
  Result<std::vector<ParsedDelta>> finish();
  const RemoteEnd& end() const { return end_; }

 private:
  struct Slot {
    std::optional<std::int64_t> index;
    std::string id, name, arguments;
    bool told = false;
  };
  struct Reader;  // keeps JSON out of this header

  Result<std::vector<ParsedDelta>> read_all(const std::vector<std::string>& texts);
  void tell_calls(bool all, std::vector<ParsedDelta>& out);
  void attach_logprobs(std::vector<ParsedDelta>& out, std::size_t from);

  EventStream events_;
  ThinkSplitter splitter_;
  std::vector<Slot> slots_;
  std::vector<TokenLogprob> logprobs_;  // of text that is held back
  RemoteEnd end_;
};

/// What a server says went wrong: the message in any of the shapes that they use, in one line of
/// bounded length; else the body's beginning.
std::string server_message(std::string_view body);

}  // namespace praxis::agent
